"""`perfkit collect` against a real server: what arrives, what is said, what is left."""

import csv
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from scripted import make_host

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from one_server import Server, served
from taker import certificates, taking

KILLS = 30 if os.environ.get("PERFKIT_PROOF") else 4
QUIET = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with served(tmp_path_factory.mktemp("server") / "data") as one:
        yield one


class Host:
    """A host of files that is sent under a name of its own."""

    def __init__(self, folder: Path, server: Server, name: str) -> None:
        self.root = make_host(folder / "root")
        self.spool = folder / "spool"
        self.capture = folder / "c.json"
        self.key = folder / "key"
        self.key.write_text(server.keys["ingest_key"])
        self.name = name
        self.server = server

    def start(self, *words: str, url: str | None = None, **options) -> subprocess.Popen[str]:
        given = {
            "--server": url or self.server.url,
            "--api-key-file": self.key,
            "--spool-dir": self.spool,
            "--identifier": self.name,
            "--root": self.root,
            "--min-free": "0",
        }
        line = [str(part) for pair in given.items() for part in pair]
        return subprocess.Popen(
            [sys.executable, "-m", "perfkit", "collect", *line, *words],
            stderr=subprocess.PIPE,
            text=True,
            env=QUIET,
            **options,
        )

    def collect(self, *words: str, url: str | None = None) -> tuple[int, str]:
        process = self.start(*words, url=url)
        _, said = process.communicate(timeout=60)
        return process.returncode, said

    def received(self) -> bytes:
        items = self.server.get("/api/v1/machines").json["items"]
        found = [item["id"] for item in items if item["identifier"] == self.name]
        if not found:
            return b""
        return self.server.get(f"/api/v1/machines/{found[0]}/export?format=capture").body

    def waiting(self) -> list[str]:
        return sorted(path.name for path in self.spool.iterdir() if path.name != "lock")


@pytest.fixture
def host(tmp_path: Path, server: Server, request: pytest.FixtureRequest) -> Host:
    return Host(tmp_path, server, request.node.name[5:90].replace("[", ".").strip("]"))


def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


def test_what_arrives_is_what_the_capture_beside_it_has(host: Host):
    code, said = host.collect(
        "--frequency", "0.1s", "--duration", "2s", "--collection", str(host.capture)
    )
    assert code == 0, said
    assert host.received() == host.capture.read_bytes()
    assert host.waiting() == []
    assert f"perfkit: sending to {host.server.url}\n" in said
    assert said.endswith(f"delivered to {host.server.url}\n") or "missed" in said


def test_one_sample_is_sent(host: Host):
    code, said = host.collect("--once", "--loglevel", "warn")
    assert (code, said) == (0, "")
    assert len(host.received().splitlines()) == 7


def test_a_sample_that_nobody_takes_is_exit_5_and_sent_the_next_time(host: Host):
    url = nobody()
    code, said = host.collect("--once", "--loglevel", "error", url=url)
    assert code == 5
    assert said == (
        f"perfkit: server at {url} does not answer: connection refused: "
        f"the sample stays in {host.spool}\n"
    )
    assert host.waiting() == ["0000000001.spool"]
    code, said = host.collect("--once")
    assert code == 0
    assert "what was waiting in the spool is delivered" in said
    runs = [json.loads(line) for line in host.received().splitlines()]
    assert sum(line["subsystem"] == "perfkit/host" for line in runs) == 2
    assert host.waiting() == []


def test_a_key_that_is_refused_is_exit_6_and_said_at_once(host: Host):
    host.key.write_text("wrong-key")
    code, said = host.collect("--once", "--loglevel", "error")
    assert code == 6
    assert said.endswith(f"(401): the sample stays in {host.spool}\n")
    assert "wrong-key" not in said


def test_a_run_that_delivers_nothing_says_so_and_ends_well(host: Host):
    url = nobody()
    process = host.start("--frequency", "0.1s", url=url)
    assert process.stderr
    for line in process.stderr:
        if "does not answer" in line:
            break
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "nothing was delivered: " in said
    assert f"wait in {host.spool}" in said
    assert host.waiting() == ["0000000001.spool"]


def test_a_second_collector_is_refused(host: Host):
    process = host.start("--frequency", "0.1s")
    assert process.stderr
    for line in process.stderr:
        if "sending to" in line:
            break
    code, said = host.collect("--once", "--loglevel", "error")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert code == 2
    assert said == (
        f"perfkit: {host.spool}: process {process.pid} uses this spool: stop it, "
        "or name another by --spool-dir\n"
    )


def positions(lines: bytes) -> list[tuple[str, int]]:
    """Return run and position of each line of a capture."""
    found: list[tuple[str, int]] = []
    run, position = "", 0
    for line in lines.splitlines():
        content = json.loads(line)
        if content["subsystem"] == "perfkit/host":
            facts = json.loads(content["measurement"])
            run, position = facts["run"], facts["position"]
        found.append((run, position))
        position += 1
    return found


def gaps(lines: bytes) -> list[dict[str, object]]:
    contents = [json.loads(line) for line in lines.splitlines()]
    return [
        json.loads(line["measurement"]) for line in contents if line["subsystem"] == "perfkit/gap"
    ]


def converted(capture: Path, folder: Path) -> dict[str, list[list[str]]]:
    words = [sys.executable, "-m", "perfkit", "process", capture, "-o", folder]
    subprocess.run(words, check=True, env=QUIET, capture_output=True)
    return {
        str(path.relative_to(folder)): list(csv.reader(path.read_text().splitlines()))
        for path in sorted(folder.rglob("*.csv"))
    }


def test_what_arrived_converts_as_the_capture_beside_it_does(host: Host, tmp_path: Path):
    packed = tmp_path / "c.json.gz"
    code, said = host.collect(
        "--frequency",
        "0.1s",
        "--duration",
        "1s",
        "--flush",
        "1",
        "--root",
        "/",
        "--collection",
        str(packed),
    )
    assert code == 0, said
    arrived = tmp_path / "arrived.json"
    arrived.write_bytes(host.received())
    assert arrived.read_bytes() == gzip.decompress(packed.read_bytes())
    tables = converted(arrived, tmp_path / "a")
    assert tables
    assert tables == converted(packed, tmp_path / "b")


def test_what_the_spool_had_to_drop_is_filled_by_uploading_the_capture(host: Host):
    """No server for a while, and a spool of 64 KiB: the oldest goes, and a line tells which."""
    noise = b"intr " + b" ".join(b"%d" % (n * n * 7919 % 99991) for n in range(3000)) + b"\n"
    stat = host.root / "proc/stat"
    words = ("--frequency", "0.05s", "--flush", "2", "--spool-max", "64K")
    process = host.start(*words, "--collection", str(host.capture), url=nobody())
    assert process.stderr
    for number, line in enumerate(process.stderr):
        # Another text each time, that what is spooled does not pack.
        stat.write_bytes(b"cpu  %d 2 3 4 5 6 7 8 9 10\n" % number + noise[number % 7 :])
        if "samples are dropped: spool full" in line:
            break
    deadline = time.monotonic() + 20
    while not gaps(host.capture.read_bytes().rpartition(b"\n")[0]) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    code, said = host.collect("--once", "--loglevel", "error")
    assert (code, said) == (0, "")
    captured, received = host.capture.read_bytes(), host.received()
    dropped = gaps(captured)[-1]
    run = positions(captured)[0][0]
    assert (dropped["run"], dropped["first"], dropped["why"]) == (run, 0, "spool full")
    *_, (_, last) = positions(captured)
    of_run = [json.loads(line) for line in received.splitlines()]
    assert len(of_run) - 7 == last - int(str(dropped["last"])), "all but what the gap tells"
    assert not set(captured.splitlines()) <= set(received.splitlines())
    upload = host.server.upload(captured, f"?machine_id={host.name}")
    assert upload.status == 200
    assert upload.json["conflicts"] == 0
    assert upload.json["lines"] == int(str(dropped["last"])) + 1
    assert host.received().startswith(captured)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory):
    return certificates(tmp_path_factory.mktemp("ca") / "ca")


def test_a_server_is_verified_by_the_authority_that_is_named(host: Host, authority):
    context, ca_file = authority
    with taking(context) as taker:
        code, said = host.collect("--once", "--ca-file", str(ca_file), url=taker.url)
        assert code == 0, said
        assert len(taker.lines) == 7
        assert taker.requests[0]["Authorization"] == f"Bearer {host.server.keys['ingest_key']}"


def test_a_server_that_cannot_be_verified_gets_nothing(host: Host, authority):
    context, _ = authority
    with taking(context) as taker:
        code, said = host.collect("--once", "--loglevel", "error", url=taker.url)
        assert code == 5
        assert "its certificate is not trusted: unable to get local issuer certificate" in said
        assert taker.requests == []


def test_a_server_under_another_name_gets_nothing(host: Host, authority):
    context, ca_file = authority
    with taking(context) as taker:
        url = taker.url.replace("127.0.0.1", "localhost")
        words = ("--once", "--loglevel", "error", "--ca-file", str(ca_file))
        code, said = host.collect(*words, url=url)
        assert code == 5
        assert "certificate is not valid for 'localhost'" in said
        assert taker.requests == []


def test_memory_of_a_collector_that_sends_over_tls(host: Host, authority):
    context, ca_file = authority
    with taking(context) as taker:
        process = host.start(
            "--frequency", "0.02s", "--flush", "1", "--ca-file", str(ca_file), url=taker.url
        )
        with taker.arrived:
            assert taker.arrived.wait_for(lambda: len(taker.lines) > 60 * 5, 30)
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
        process.communicate(timeout=60)
    used = int(status.split("VmRSS:")[1].split()[0]) / 1024
    assert used <= 24 or sys.version_info[:2] != (3, 11)


def test_a_server_that_hangs_holds_up_no_sample(host: Host):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        words = ("--frequency", "0.05s", "--duration", "1s", "--collection", str(host.capture))
        process = host.start(*words, url=url)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = [json.loads(line) for line in host.capture.read_bytes().splitlines()]
    times = {(line["timestamp"], line["ns"]) for line in lines}
    assert len(times) >= 18, said
    assert "nothing was delivered" in said


@pytest.mark.parametrize("flush", ["1", "3"])
@pytest.mark.proof
@pytest.mark.timeout(600)
def test_kill_9_of_the_collector_loses_the_tick_at_hand_and_no_more(host: Host, flush: str):
    words = ("--frequency", "0.05s", "--flush", flush, "--collection", str(host.capture))
    for kill in range(KILLS):
        process = host.start(*words)
        assert process.stderr
        for line in process.stderr:
            if "first sample written" in line:
                break
        time.sleep(0.05 + kill % 7 * 0.03)  # any moment will do
        process.kill()
        process.communicate(timeout=60)
    code, said = host.collect("--once", "--collection", str(host.capture))
    assert code == 0, said
    captured, received = host.capture.read_bytes(), host.received()
    sent = dict(zip(positions(received), received.splitlines(), strict=True))
    assert len(sent) == len(received.splitlines()), "each line once"
    missing = 0
    for place, line in zip(positions(captured), captured.splitlines(), strict=True):
        assert sent.get(place, line) == line
        missing += place not in sent
    # The capture is written after the tick is handed over: what it has was on its way.
    assert missing <= KILLS * 7
    assert host.waiting() == []


def test_kill_9_of_the_server_loses_nothing(tmp_path: Path):
    """A server that forgets whom it talked to, again and again, on one port."""
    words = [sys.executable, "-m", "perfkit", "serve", "--data-dir", str(tmp_path / "data")]

    def start(port: int) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [*words, "--listen", f"127.0.0.1:{port}", "--min-free", "0"],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=QUIET,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with (
                suppress(OSError),
                urlopen(f"http://127.0.0.1:{port}/v1/ping", timeout=30),
            ):
                return process, f"http://127.0.0.1:{port}"
            time.sleep(0.02)
        process.kill()
        raise AssertionError(process.communicate(timeout=5))

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process, url = start(port)
    keys = json.loads((tmp_path / "data/first-run.json").read_bytes())
    server = Server(url, tmp_path / "data", keys)
    host = Host(tmp_path / "host", server, "killed")
    collector = host.start(
        "--frequency", "0.05s", "--flush", "1", "--collection", str(host.capture)
    )
    try:
        for _ in range(3):
            time.sleep(0.3)
            process.kill()
            process.communicate(timeout=60)
            process, _ = start(port)
        time.sleep(0.3)
        collector.send_signal(signal.SIGTERM)
        _, said = collector.communicate(timeout=60)
        assert collector.returncode == 0, said
        host.collect("--once")
        received = host.received()
        assert received.startswith(host.capture.read_bytes()), said
        assert host.waiting() == []
    finally:
        process.terminate()
        process.communicate(timeout=60)
