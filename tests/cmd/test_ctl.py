"""`perfkit ctl` as a whole: verbs, forms, exit codes, keys, against a real server."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

for folder in ("control", "server"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from calling import Ctl, wait_for_rows, written  # noqa: E402 - test folders are no packages
from one_server import served  # noqa: E402 - test folders are no packages
from scripted_server import scripted  # noqa: E402 - test folders are no packages

HOSTILE = "a\x1b[31m\x9b2J\u202e"


def sample(number):
    """Return a sample of a host, ten seconds after the one before."""
    texts = {
        "/proc/stat": f"cpu  {number * 250} 0 0 {number * 750} 0 0 0 0 0 0\n",
        "/proc/meminfo": "MemTotal: 1000 kB\nMemFree: 400 kB\nMemAvailable: 500 kB\n",
        "/proc/diskstats": f" 8 0 sda {number * 10} 0 800 0 0 0 0 0 0 {number} 0 0 0 0 0 0 0\n"
        " 7 0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
    }
    at = 1_700_000_000 + number * 10
    return [
        json.dumps(
            {"timestamp": at, "subsystem": name, "measurement": text}, separators=(",", ":")
        ).encode()
        + b"\n"
        for name, text in texts.items()
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ctl")
    with served(folder / "data") as one:
        lines = [line for number in range(20) for line in sample(number)]
        assert one.upload(b"".join(lines), "?machine_id=web1").status == 200
        one.lines = lines
        yield one


@pytest.fixture
def ctl(tmp_path, monkeypatch, capsys, server):
    return Ctl(tmp_path / "home", monkeypatch, capsys).on(server)


@pytest.fixture
def loaded(server):
    wait_for_rows(server, "web1")


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_ping_version_and_status(ctl, server):
    assert ctl.good("ping", "--json").json["answer"] == "pong"
    assert "pong" in ctl.good("ping").out
    found = ctl.good("version", "--json").json
    assert found["client"] == found["server"]
    found = ctl.good("status", "--json").json
    assert (found["ready"], found["machines"], found["newest"]) == (True, 1, 1_700_000_190)
    assert server.url in ctl.good("status").out


def test_machines_in_every_form(ctl):
    (one,) = ctl.good("machines", "--json").json["items"]
    assert (one["number"], one["identifier"]) == (1, "web1")
    (row,) = rows_of(ctl.good("machines", "--csv").out)
    assert (row["number"], row["name"], row["id"]) == ("1", "web1", one["id"])
    table = ctl.good("machines").out
    assert "web1" in table
    assert "2023-11-14 22:16:30" in table
    assert ctl("machines", "--json", "--csv").code == 2


def test_latest_of_all_and_of_one(ctl):
    (one,) = ctl.good("latest", "--json").json["items"]
    assert one["latest"]["cpu"]["rows"][0]["%usr"] == 25.0
    (row,) = rows_of(ctl.good("latest", "--csv").out)
    assert (row["cpu_percent"], row["memory_percent"]) == ("25.0", "60.0")
    table = ctl.good("latest", "web1").out
    assert "25.0" in table
    assert "sda" in table
    assert "loop0" not in table
    assert "(1 idle: --all)" in table
    assert "loop0" in ctl.good("latest", "web1", "--all").out
    values = rows_of(ctl.good("latest", "1", "--csv").out)
    assert {"source": "cpu", "device": "", "name": "%usr", "value": "25.0"}.items() <= next(
        row for row in values if row["name"] == "%usr" and row["source"] == "cpu"
    ).items()


@pytest.mark.usefixtures("loaded")
def test_series(ctl):
    found = ctl.good("series", "web1", "cpu", "--column", "%usr", "--points", 5, "--json").json
    (line,) = found["series"]
    assert line["name"] == "%usr"
    assert {25.0, None} >= set(line["mean"])
    rows = rows_of(ctl.good("series", "web1", "disk", "--device", "sda", "--csv").out)
    assert {row["device"] for row in rows} == {"sda"}
    table = ctl.good("series", "web1", "cpu").out
    assert table.startswith("cpu of web1, 2023-11-14 22:13:")
    assert "▁▁▁" in table
    assert ctl("series", "web1", "nothing").code == 2
    assert ctl("series", "web1", "cpu", "--start", "2020-01-03", "--end", "2020-01-01").code == 2


@pytest.mark.usefixtures("loaded")
def test_stats(ctl):
    rows = rows_of(ctl.good("stats", "web1", "cpu", "--csv").out)
    usr = next(row for row in rows if row["name"] == "%usr")
    assert (usr["count"], usr["mean"], usr["p97_5"], usr["max"]) == ("19", "25.0", "25.0", "25.0")
    found = ctl.good("stats", "web1", "cpu", "--column", "%idle", "--json").json
    assert [one["name"] for one in found] == ["%idle"]
    assert "%usr" in ctl.good("stats", "1", "cpu", "--start", "2023-11-14").out


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
@pytest.mark.parametrize("verb", ["series", "stats"])
def test_what_has_no_figures_is_told(ctl, verb, form):
    long_ago = ["--start", "2001-01-01", "--end", "2001-01-02"]
    for words, code, told in (
        (["cpu", "--column", "idle"], 2, "column 'idle': no such one: there are: %usr, "),
        (["cpu", "--column", "idle", *long_ago], 2, "there are: %usr, "),
        (["disk", "--device", "sdz"], 2, "device 'sdz': no such one: there are: "),
        (["disk", "--device", "sda", "--device", "sdz"], 2, "sda"),
        (["cpu", *long_ago], 8, "cpu of web1: there are no values in that range"),
        (["cpu", "--column", "%idle", *long_ago], 8, "there are no values in that range"),
        (["net"], 8, "net of web1: there are no values in that range"),
    ):
        done = ctl(verb, "web1", *words, *form)
        assert (done.code, done.out) == (code, ""), (words, done)
        assert told in done.err


def test_latest_of_a_machine_without_figures_is_not_enough(ctl):
    machine = {"id": "00000000-0000-4000-8000-000000000001", "number": 4, "identifier": "a",
               "name": "a"}  # fmt: skip

    def answer(_method, path, _body):
        found = {} if path.endswith("/latest") else {"items": [machine], "next": None}
        return 200, found, {}

    with scripted(answer) as url:
        for form in ([], ["--json"], ["--csv"]):
            done = ctl("latest", "a", *form, "--server", url)
            assert (done.code, done.out) == (8, "")
            assert "machine 4 ('a') has no figures yet" in done.err


def test_tenants_and_keys(ctl, server, tmp_path, monkeypatch):
    made = ctl.good("tenants", "create", "=b & [red]", "--json").json
    assert made["name"] == "=b & [red]"
    assert "=b & [red]" in ctl.good("tenants", "list").out
    assert "\n'=b & [red]," in ctl.good("tenants", "list", "--csv").out
    assert ctl("tenants", "create", "=b & [red]").code == 2
    refused = ctl("tenants", "create", HOSTILE)
    assert refused.code == 2
    assert "\x1b" not in refused.err

    file = tmp_path / "key"
    words = ("--tenant", "default", "--scope", "read", "--name", "=x")
    kept = ctl.good("keys", "create", *words, "--save", file)
    secret = file.read_text().strip()
    assert secret not in kept.out + kept.err
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert ctl("keys", "create", *words, "--save", file).code == 2
    ctl.good("machines", "--key-file", file)
    listed = ctl.good("keys", "list", "--tenant", "default")
    assert secret not in listed.out + ctl.good("keys", "list", "--tenant", "default", "--json").out
    ctl.good("keys", "revoke", secret, "--tenant", "default")
    assert ctl("machines", "--key-file", file).code == 6
    rows = rows_of(ctl.good("keys", "list", "--tenant", "default", "--csv").out)
    assert [bool(row["revoked"]) for row in rows] == [False, False, True]

    shown = ctl.good("keys", "create", "--tenant", "default", "--scope", "ingest", "--machine", 1)
    (key,) = [word for word in shown.out.split() if word.startswith("pk_")]
    monkeypatch.setenv("PERFKIT_KEY", key)
    capture = written(tmp_path / "a.json", server.lines)
    ctl.good("upload", capture, "--machine", "web1")
    assert ctl("upload", capture, "--machine", "web2").code == 6


def test_usage(ctl, tmp_path):
    capture = written(tmp_path / "a.json", sample(1))
    for words, told in (
        (["keys", "list"], "--tenant"),
        (["keys", "list", "--tenant", "nobody"], "no such tenant"),
        (["upload", capture], "names no machine: say whose it is by --machine ID"),
        (["latest", "nobody"], "no such one: there is: 1 'web1'"),
        (["machines", "--server", "ftp://x"], "expected http://HOST:PORT"),
        (["machines", "--nonsense"], "--nonsense"),
        (["nonsense"], "nonsense"),
    ):
        done = ctl(*words)
        assert (done.code, done.out) == (2, ""), (words, done)
        assert told in done.err


def test_no_server_is_5_and_no_key_is_2(ctl, server, tmp_path, monkeypatch):
    capture = written(tmp_path / "a.json", sample(1))
    for words in (["ping"], ["status"], ["machines"], ["upload", capture, "--machine", "x"]):
        done = ctl(*words, "--server", "http://127.0.0.1:9")
        assert (done.code, done.out) == (5, "")
        assert "connection refused" in done.err
    monkeypatch.delenv("PERFKIT_KEY_FILE")
    done = ctl("machines")
    assert (done.code, done.out) == (2, "")
    assert "perfkit ctl login" in done.err
    monkeypatch.setenv("PERFKIT_KEY", "pk_wrong")
    for words in (["machines"], ["status"], ["upload", capture, "--machine", "x"]):
        done = ctl(*words)
        assert done.code == 6, done
        assert "pk_wrong" not in done.err
    monkeypatch.setenv("PERFKIT_KEY", server.keys["ingest_key"])
    for words in (["machines"], ["latest"], ["latest", "web1"], ["series", "web1", "cpu"]):
        done = ctl(*words)
        assert (done.code, done.out) == (6, "")
        assert "this key may not list machines: use a read key" in done.err
    monkeypatch.setenv("PERFKIT_KEY", server.keys["read_key"])
    assert ctl("upload", capture, "--machine", "new").code == 6
    assert ctl("status").code == 0


def test_what_is_no_perfkit_server(ctl):
    def answer(_method, path, _body):
        if path == "/v1/ping":
            return 200, b"<html>", {}
        return 200, {"items": [{"number": "x"}], "next": None}, {}

    with scripted(answer) as url:
        for verb in (["ping"], ["machines"], ["latest"]):
            done = ctl(*verb, "--server", url)
            assert (done.code, done.out) == (5, ""), done
            assert f"server at {url}" in done.err


def test_a_server_that_is_not_ready_is_a_no(ctl):
    def answer(_method, path, _body):
        if path == "/readyz":
            return 503, b"the disk is full\n", {}
        return 200, {"items": [], "next": None} if "machines" in path else b"9.9", {}

    with scripted(answer) as url:
        done = ctl("status", "--server", url)
    assert done.code == 1
    assert "the disk is full" in done.out


def test_a_hostile_server_controls_nothing(ctl):
    machine = {"id": "00000000-0000-4000-8000-000000000001", "number": 1, "identifier": HOSTILE,
               "name": HOSTILE, "last_seen": 1}  # fmt: skip
    latest = {HOSTILE: {"timestamp": 1, "rows": [{"device": HOSTILE, HOSTILE: 1.5}]}}

    def answer(_method, path, _body):
        if path.endswith("/latest"):
            return 200, latest, {}
        if "stats" in path:
            return 404, {"detail": HOSTILE}, {}
        return 200, {"items": [machine], "next": None}, {}

    with scripted(answer) as url:
        for words in (["machines"], ["latest"], ["latest", "1"], ["stats", "1", "cpu"]):
            for form in ([], ["--json"], ["--csv"]):
                done = ctl(*words, *form, "--server", url)
                text = done.out + done.err
                assert not [c for c in text if not c.isprintable() and c != "\n"], (words, text)
    assert "\\x1b" in done.err


def test_help_is_there_for_every_verb(ctl):
    verbs = [
        "ping",
        "version",
        "status",
        "machines",
        "latest",
        "series",
        "stats",
        "upload",
        "export",
        "verify",
        "login",
    ]
    for words in ([], *([verb] for verb in verbs), ["tenants", "list"], ["keys", "create"]):
        out = ctl.good(*words, "--help").out
        assert out.startswith("Usage: perfkit ctl")
        assert not words or "--server URL" in out
    for words in ([], ["tenants"], ["keys"]):
        assert ctl.good(*words).out.startswith("Usage: perfkit ctl")


def test_in_a_pipe_it_is_silent_and_ends_with_its_reader(server, tmp_path):
    environment = {**os.environ, "PERFKIT_SERVER": server.url, "HOME": str(tmp_path)}
    environment["PERFKIT_KEY_FILE"] = str(server.folder / "first-run.json")
    for form in ("", "--json", "--csv"):
        for reader in ("head -c 1", "true"):
            script = f"$0 -m perfkit ctl machines {form} | {reader}; echo ${{PIPESTATUS[0]}}"
            words = ["bash", "-c", script, sys.executable]
            done = subprocess.run(words, env=environment, capture_output=True, check=True)
            assert done.stdout.endswith(b"0\n"), (form, reader)
            assert done.stderr == b""
    name = tmp_path / "pcctl"
    name.symlink_to(Path(sys.executable).with_name("pcctl"))
    done = subprocess.run(
        [name, "version", "--json"], env=environment, capture_output=True, check=True
    )
    assert json.loads(done.stdout)["server"]


def test_ctrl_c_ends_it_with_130_and_leaves_no_file(tmp_path):
    target = tmp_path / "out" / "a.json"
    target.parent.mkdir()
    words = [sys.executable, "-m", "perfkit", "ctl", "export", "-o", str(target)]
    with served_slowly() as url:
        environment = {**os.environ, "PERFKIT_SERVER": url, "PERFKIT_KEY": "k"}
        with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE) as process:
            try:
                while not [*target.parent.iterdir()]:
                    assert process.poll() is None
                err = interrupted(process)
            finally:
                process.kill()
    assert (process.returncode, err) == (130, b"")
    assert [*target.parent.iterdir()] == []


def interrupted(process):
    """Send SIGINT, again where it is not heeded, as people do; return what the process said.

    Python looks for signals before it waits for a socket: one that comes between the two, as one
    of a thousand here does, is seen when there is something to read.
    """
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=6)[1]
    raise AssertionError("SIGINT was not heeded")


def served_slowly():
    """Serve an export that never ends."""
    machine = {"id": "00000000-0000-4000-8000-000000000001", "number": 1, "identifier": "a"}

    def answer(_method, path, _body):
        if "export" in path:
            return 200, b"x", {}
        return 200, {"items": [machine], "next": None}, {}

    return scripted(answer, is_endless=True)
