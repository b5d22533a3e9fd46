"""`perfkit collect` against a real server: what arrives, what is said, what is left."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from scripted import make_host

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from one_server import Server, served

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
