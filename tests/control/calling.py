"""Calls `perfkit ctl` as a user does, and keeps what it printed; captures to give it."""

import json
import time
from typing import NamedTuple

from perfkit.cmd import _output
from perfkit.cmd import app as cli

RUN = "00000000-0000-4000-8000-00000000c0de"


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Ctl:
    def __init__(self, home, monkeypatch, capsys):
        home.mkdir()
        self.home = home
        self.monkeypatch = monkeypatch
        self.capsys = capsys
        monkeypatch.setattr(_output.signal, "signal", lambda *_: None)
        monkeypatch.setenv("HOME", str(home))
        for name in ("XDG_CONFIG_HOME", "PERFKIT_KEY", "PERFKIT_SERVER", "PERFKIT_KEY_FILE"):
            monkeypatch.delenv(name, raising=False)

    def on(self, server):
        """Name a server and its first-run.json for every later call."""
        self.monkeypatch.setenv("PERFKIT_SERVER", server.url)
        self.monkeypatch.setenv("PERFKIT_KEY_FILE", str(server.folder / "first-run.json"))
        return self

    def __call__(self, *words):
        self.capsys.readouterr()
        code = cli.main(["ctl", *map(str, words)])
        return Done(code, *self.capsys.readouterr())

    def good(self, *words):
        done = self(*words)
        assert done.code == 0, done
        return done

    def settled(self, *words, count=19):
        """Return the JSON of a call once its first part counts so many: they are loaded soon."""
        for _ in range(400):
            done = self(*words)
            if done.code == 0 and done.json[0]["count"] == count:
                return done.json
            time.sleep(0.05)  # no event tells it
        raise AssertionError(done)


def line(number, text=""):
    """Return a canonical line; five of them are a sample of ten seconds."""
    at = 1_700_000_000 + number // 5 * 10
    return b'{"timestamp":%d,"subsystem":"/x%d","measurement":"%d%b \\u003c\xc3\xa9\\n"}\n' % (
        at,
        number % 5,
        number * 7919,
        text.encode(),
    )


def plain(count=60):
    """Return the lines of a capture as the original's: no run, no machine."""
    return [line(number) for number in range(count)]


def host(position=0, machine="web1", run=RUN):
    """Return a line that says whose the next ones are."""
    said = json.dumps({"run": run, "position": position, "identifier": machine})
    text = json.dumps(said).encode()
    return b'{"timestamp":1700000000,"subsystem":"perfkit/host","measurement":%b}\n' % text


def numbered(count=60, machine="web1", run=RUN):
    """Return the lines of a run of perfkit's own."""
    return [host(0, machine, run), *plain(count - 1)]


def written(path, lines):
    path.write_bytes(b"".join(lines))
    return path


def machine_of(server, identifier):
    (found,) = server.get(f"/api/v1/machines?identifier={identifier}").json["items"]
    return found["id"]


def export_of(server, identifier):
    """Return the lines that the server has of a machine."""
    path = f"/api/v1/machines/{machine_of(server, identifier)}/export?format=capture"
    return server.get(path).body.splitlines(keepends=True)


def wait_for_rows(server, identifier):
    """Wait until 20 samples of a machine can be asked for: they are loaded soon after they came."""
    path = f"/api/v1/machines/{machine_of(server, identifier)}/stats/cpu"
    for _ in range(400):
        found = server.get(path)
        if found.status == 200 and found.json and found.json[0]["count"] == 19:
            return
        time.sleep(0.05)  # no event tells it
    raise AssertionError(found)


def array(lines):
    return b"[" + b",".join(lines) + b"]", {"Content_Type": "application/json"}


def multipart(lines):
    body = (
        b'--cut\r\nContent-Disposition: form-data; name=file; filename="c"\r\n\r\n%b\r\n--cut--\r\n'
    ) % b"".join(lines)
    return body, {"Content_Type": "multipart/form-data; boundary=cut"}


def ndjson(lines):
    return b"".join(lines), {}


FORMS = {form.__name__: form for form in (ndjson, array, multipart)}
