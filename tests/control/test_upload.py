"""What goes wrong while captures are sent, and what then becomes of them."""

import hashlib
import io
import json
import os
import subprocess
import sys
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from calling import export_of, host, line, numbered, plain, written
from scripted_server import Proxy, receipt, scripted

from perfkit.client import Server
from perfkit.control import upload
from perfkit.control.lines import Lines
from perfkit.control.upload import Sender, zstd
from perfkit.errors import NetworkError, RefusedError, UsageError

NOTHING_HELD = (200, {"items": [], "next": None}, {})


def noisy(count):
    """Return lines that do not pack well."""
    return [line(number, os.urandom(400).hex()) for number in range(count)]


def sent(answer, lines, tmp_path, **more):
    """Send lines to a scripted server; return result, troubles and pauses."""
    pauses = []
    file = written(tmp_path / "a.json", lines)
    with scripted(answer) as url:
        server = Server(url, "key")
        try:
            sender = Sender(server, sleep=pauses.append, **more)
            return *sender.send(Lines(str(file), "web1")), pauses
        finally:
            server.close()


def test_a_server_that_is_busy_is_asked_again_when_it_says(tmp_path):
    answers = iter(
        [(503, {}, {"Retry-After": "7"}), (429, {}, {}), (507, {}, {"Retry-After": "900"})]
    )

    def answer(method, _path, body):
        return NOTHING_HELD if method == "GET" else next(answers, (200, receipt(body), {}))

    done, troubles, pauses = sent(answer, plain(), tmp_path)
    assert (done.stored, done.skipped, troubles) == (60, 0, [])
    assert pauses == [7.0, 1.0, 60.0]


def test_it_gives_up_after_so_many_attempts(tmp_path):
    asked = []

    def answer(method, _path, _body):
        asked.append(method)
        return NOTHING_HELD if method == "GET" else (503, {"detail": "come again"}, {})

    with pytest.raises(NetworkError, match="come again"):
        sent(answer, plain(), tmp_path, retries=3)
    assert asked == ["GET", *["POST"] * 4]


@pytest.mark.parametrize(
    ("status", "kind"), [(401, RefusedError), (403, RefusedError), (400, UsageError)]
)
def test_what_is_refused_is_not_sent_again(tmp_path, status, kind):
    posts = []

    def answer(method, _path, body):
        if method == "GET":
            return NOTHING_HELD
        posts.append(body)
        return status, {"detail": "no"}, {}

    with pytest.raises(kind, match="no"):
        sent(answer, plain(), tmp_path)
    assert len(posts) == 1


def test_a_batch_that_is_too_large_is_halved_down_to_the_line(tmp_path):
    sizes = []

    def answer(method, _path, body):
        if method == "GET":
            return NOTHING_HELD
        count = receipt(body)["lines"]
        sizes.append(count)
        return (413, {}, {}) if count > 8 else (200, receipt(body), {})

    done, troubles, _ = sent(answer, plain(60), tmp_path)
    assert (done.stored, troubles) == (60, [])
    assert max(size for size in sizes if size <= 8) == 8
    done, troubles, _ = sent(lambda *asked: NOTHING_HELD if asked[0] == "GET" else (413, {}, {}),
                             plain(3), tmp_path)  # fmt: skip
    assert (done.stored, done.skipped) == (0, 3)
    assert troubles[0] == (1, "too large for the server")


@pytest.mark.parametrize(
    "wrong", [{"receipt": "0" * 64}, {"lines": 59}, {"rejected": None}, {"x": 1}]
)
def test_a_receipt_of_something_else_is_no_receipt(tmp_path, wrong):
    def answer(method, _path, body):
        if method == "GET":
            return NOTHING_HELD
        found = {**receipt(body), **wrong}
        if found["rejected"] is None:
            del found["rejected"]
        return 200, found, {}

    if "x" in wrong:
        assert sent(answer, plain(), tmp_path)[0].stored == 60
        return
    with pytest.raises(NetworkError, match="receipt"):
        sent(answer, plain(), tmp_path)


def test_a_server_that_tells_this_key_nothing_gets_all_of_it(tmp_path):
    notes = []

    def answer(method, _path, body):
        return (403, {"detail": "not for you"}, {}) if method == "GET" else (200, receipt(body), {})

    done, _, _ = sent(answer, plain(), tmp_path, note=notes.append)
    assert done.stored == 60
    assert "sending all of it" in notes[0]


def test_conflicts_and_what_the_server_refuses_are_told(tmp_path):
    rejected = [{"line": 3, "reason": "not mine"}]

    def answer(method, _path, body):
        if method == "GET":
            return 403, {"detail": "not for you"}, {}
        found = receipt(body, conflicts=2, rejected=rejected)
        lines = plain()
        found["receipt"] = hashlib.sha256(b"".join(lines[:2] + lines[3:])).hexdigest()
        return 200, {**found, "lines": 57}, {}

    done, troubles, _ = sent(answer, plain(), tmp_path)
    assert (done.stored, done.skipped, done.conflicts) == (57, 1, 2)
    assert [line for line, _ in troubles] == [1, 3]
    assert troubles[1].reason == "not mine"


@pytest.mark.parametrize("others", [{0}, {59}, {36}, {36, 37, 58}])
def test_the_first_line_in_the_place_of_another_is_named(tmp_path, others):
    lines = plain()
    other = {lines[place] for place in others}

    def answer(method, _path, body):
        if method == "GET":
            return 403, {"detail": "not for you"}, {}
        found = receipt(body)
        mine = zstd.decompress(body).splitlines(keepends=True)
        count = len(other.intersection(mine))
        return 200, {**found, "lines": found["lines"] - count, "conflicts": count}, {}

    done, (trouble,), _ = sent(answer, lines, tmp_path)
    assert (done.sent, done.conflicts) == (60, len(others))
    more = f", and in those of {len(others) - 1} more to line 60" if len(others) > 1 else ""
    assert trouble == (min(others) + 1, f"the server has another line in its place{more}")


def test_a_machine_whose_name_is_none_is_a_usage_error(ctl, tmp_path):
    done = ctl("upload", written(tmp_path / "a.json", plain()), "--machine", "a b")
    assert (done.code, done.out) == (2, "")
    assert "expected a machine's identifier" in done.err


def test_a_file_that_cannot_be_read_is_told_before_anything_is_sent(ctl, tmp_path, monkeypatch):
    good, absent = written(tmp_path / "a.json", numbered()), tmp_path / "absent.json"
    assert ctl("upload", good, absent).code == 4
    assert ctl("upload", good, written(tmp_path / "b.json", plain())).code == 2
    text = SimpleNamespace(buffer=io.BytesIO(b"".join(plain())))
    monkeypatch.setattr("sys.stdin", text)
    assert ctl("upload", good, "-").code == 2
    assert ctl.good("machines", "--json").json["items"] == []


def test_lines_that_only_the_server_refuses_are_told_by_their_number(ctl, server, tmp_path):
    deep = b'{"timestamp":1700000000,"subsystem":"/a","measurement":"","more":%b}\n' % (
        b"[" * 40 + b"]" * 40
    )
    file = written(tmp_path / "a.json", [*plain(3), deep])
    done = ctl("upload", file, "--machine", "deep", "--json")
    # What is sent is the canonical line, which has no brackets any more.
    assert done.code == 0
    assert len(export_of(server, "deep")) == 4


def test_lines_in_the_places_of_others_are_conflicts(ctl, server, tmp_path):
    lines = numbered(20)
    first = written(tmp_path / "a.json", lines[:10])
    ctl.good("upload", first)
    # Only the host line tells a place: the rest of this file contradicts what is there.
    other = written(tmp_path / "b.json", [host(5), *plain(3)])
    done = ctl("upload", other, "--json")
    assert done.code == 0, "what is held is not sent: verify compares"
    assert ctl("verify", other, "--part").code == 1
    assert export_of(server, "web1") == lines[:10]


def test_batches_are_bounded_and_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "BATCH_BYTES", 1000)
    lines = [*plain(40), line(40, "x" * 3000), *plain(5)]
    file = written(tmp_path / "a.json", lines)
    found = list(upload.batches(iter(Lines(str(file), "web1"))))
    assert b"".join(b"".join(batch.lines) for batch in found) == b"".join(lines)
    assert [batch.first for batch in found[1:]] == [batch.end for batch in found[:-1]]
    assert sorted({len(b"".join(batch.lines)) > 1000 for batch in found}) == [False, True]
    assert sum(len(b"".join(batch.lines)) > 1000 for batch in found) == 1
    monkeypatch.setattr(upload, "BATCH_LINES", 7)
    found = list(upload.batches(iter(Lines(str(file), "web1"))))
    assert max(len(batch.lines) for batch in found) == 7


@pytest.fixture
def started(ctl, tmp_path):
    """Return what starts an upload as a process of its own, through a proxy that counts."""
    assert ctl.home.is_dir()  # whose variables the process inherits
    lines = noisy(6_000)
    file = written(tmp_path / "big.json", lines)

    def start(url, *more):
        command = [sys.executable, "-m", "perfkit", "ctl", "upload", str(file), "--machine", "big"]
        environment = {**os.environ, "PERFKIT_SERVER": url}
        return subprocess.Popen(
            [*command, "--json", *more],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start, lines, file


def finished(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err.decode()


def test_an_upload_that_was_killed_goes_on_where_it_was(ctl, server, started):
    start, lines, file = started
    with Proxy(urlsplit(server.url).port) as proxy:
        whole = sum(map(len, lines)) // 2  # hexadecimal packs to a half
        proxy.most = whole * 2 // 3
        process = start(proxy.url)
        assert proxy.full.wait(30)
        process.kill()
        finished(process)
        held = len(export_of(server, "big"))
        assert 0 < held < len(lines)
        proxy.sent, proxy.most = 0, float("inf")
        code, out, err = finished(start(proxy.url))
        assert (code, err) == (0, "")
        (one,) = json.loads(out)["files"]
        assert (one["known"], one["sent"], one["stored"]) == (held, 6000 - held, 6000 - held)
        assert proxy.sent < whole * (6000 - held) / 6000 * 1.1 + 20_000
    assert export_of(server, "big") == lines
    ctl.good("verify", file, "--machine", "big")


def test_a_server_that_dies_under_it_ends_it_and_keeps_what_it_acknowledged(ctl, server, started):
    start, lines, file = started
    with Proxy(urlsplit(server.url).port) as proxy:
        proxy.most = sum(map(len, lines)) // 3
        code, out, err = finished(start(proxy.url, "--retries", "0"))
    assert (code, out) == (5, b"")
    assert err.startswith("perfkit: server at http://127.0.0.1")
    held = len(export_of(server, "big"))
    assert 0 < held < len(lines)
    done = ctl.good("upload", file, "--machine", "big", "--json").json
    assert done["files"][0]["sent"] == len(lines) - held
    assert export_of(server, "big") == lines


def test_a_connection_that_breaks_now_and_then_is_made_up_for(server, started):
    start, lines, _ = started
    with Proxy(urlsplit(server.url).port) as proxy:
        # Once: a second time it would tell that it tries again.
        proxy.most, proxy.cuts = sum(map(len, lines)) // 3, 1
        code, _, err = finished(start(proxy.url))
        assert proxy.full.is_set()
    assert (code, err) == (0, "")
    assert export_of(server, "big") == lines


@pytest.mark.proof
@pytest.mark.usefixtures("ctl")
@pytest.mark.skipif("PERFKIT_PROOF" not in os.environ, reason="a measurement: in make proof")
def test_memory_does_not_grow_with_the_capture(tmp_path):
    peaks = []
    for count in (20_000, 200_000):
        file = tmp_path / f"{count}.json"
        with file.open("wb") as target:
            for number in range(count):
                target.write(line(number, "x" * 2000))
        command = [sys.executable, "-m", "perfkit", "ctl", "upload", str(file), "--machine"]
        process = subprocess.Popen([*command, f"m{count}"], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss)
    assert peaks[1] < peaks[0] * 1.3
