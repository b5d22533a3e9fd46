"""The collector and the table beside the server: what is said, what ends what."""

import fcntl
import io
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from perfkit.errors import NetworkError
from perfkit.live.demo import (
    RESTART_SECONDS,
    Demo,
    FleetLines,
    FleetScreen,
    collector_command,
    table_for,
)
from perfkit.live.fleet import FleetView, Machine
from perfkit.report.headline import headline

FIGURES = headline({"cpu": [{"%idle": 75.0}], "memory": [{"%memused": 50.0}]})


class Api:
    """A fleet that is what the test says."""

    is_all = True

    def __init__(self) -> None:
        self.machines: list[Machine] = []
        self.error: str = ""

    def look(self, _wanted: int) -> list[Machine]:
        if self.error:
            raise NetworkError(self.error)
        return self.machines


class Child:
    """A collector that ends when told to."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.said: list[str] = []
        self.calls: list[str] = []

    def messages(self) -> list[str]:
        said, self.said = self.said, []
        return said

    def end(self) -> None:
        self.calls.append("end")

    def close(self) -> None:
        self.calls.append("close")


class Table:
    """Keeps what it is shown; a condition tells of each showing."""

    def __init__(self) -> None:
        self.shown = threading.Condition()
        self.count = 0
        self.machines: list[str] = []
        self.message = ""
        self.said: list[str] = []
        self.calls: list[str] = []
        self.is_gone = False

    def start(self) -> None:
        self.calls.append("start")

    def show(self, view: FleetView) -> None:
        with self.shown:
            self.count += 1
            self.machines = [each.name for each in view.machines]
            self.message = view.message
            self.shown.notify_all()
        if self.is_gone:
            raise BrokenPipeError

    def say(self, text: str) -> None:
        self.said.append(text)

    def stop(self) -> None:
        self.calls.append("stop")

    def wait(self, until: Callable[[], bool]) -> None:
        with self.shown:
            assert self.shown.wait_for(until, 20)


class Bench:
    """A demo with everything around it."""

    def __init__(self) -> None:
        self.api, self.table = Api(), Table()
        self.children: list[Child] = []
        self.now = 100.0
        self.over = threading.Event()
        view = FleetView("http://127.0.0.1:8080", "/data")
        self.demo = Demo(
            self.api, view, self.table, self._start, self.over.set, clock=lambda: self.now
        )
        self.demo.begin()

    def _start(self) -> Child:
        self.children.append(Child())
        return self.children[-1]

    def shown_again(self) -> None:
        count = self.table.count
        self.table.wait(lambda: self.table.count >= count + 2)


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.demo.end()
    assert made.table.calls == ["start", "stop"]


def test_machines_are_shown_and_the_collector_is_ended_first(bench: Bench):
    bench.api.machines = [Machine(1, "web1", "web1")]
    bench.now += 2
    bench.table.wait(lambda: bench.table.machines == ["web1"])
    bench.demo.end()
    assert bench.children[0].calls == ["end", "close"]
    bench.children[0].calls.clear()


def test_a_collector_that_ends_is_told_and_started_again(bench: Bench):
    child = bench.children[0]
    child.said = ["perfkit: the spool is in use"]
    child.code = 2
    bench.table.wait(lambda: bool(bench.table.said))
    bench.shown_again()
    assert bench.table.said == [
        "the spool is in use",
        "the collector of this host ended with 2: it is started again",
    ]
    assert child.calls == ["close"]
    assert len(bench.children) == 1
    bench.now += RESTART_SECONDS
    bench.table.wait(lambda: len(bench.children) == 2)


def test_a_failure_is_said_once_and_shown_for_a_while(bench: Bench):
    bench.api.error = "no answer"
    bench.now += 2
    bench.table.wait(lambda: bench.table.message == "no answer")
    bench.now += 2
    bench.shown_again()
    assert bench.table.said == ["no answer"]
    bench.api.error = ""
    bench.now += 60
    bench.table.wait(lambda: not bench.table.message)


def test_when_nobody_looks_any_more_the_server_is_to_end(bench: Bench):
    bench.table.is_gone = True
    assert bench.over.wait(20)


def test_lines_come_once_for_each_sample():
    out, err = io.StringIO(), io.StringIO()
    lines = FleetLines(out, err)
    lines.start()
    machine = Machine(1, "web 1", "web1", 1_700_000_000.0, FIGURES)
    view = FleetView("http://127.0.0.1:8080", "/data", [machine, Machine(2, "new", "new", 1.0)])
    lines.show(view)
    lines.show(view)
    machine.seen = 1_700_000_001.0
    lines.show(view)
    lines.say("a\x1bb")
    lines.stop()
    heading, first, second = out.getvalue().splitlines()
    assert heading.split() == [
        "time", "machine", "%cpu", "%memused", "%util", "rkB/s", "wkB/s", "rxkB/s", "txkB/s"
    ]  # fmt: skip
    assert first.split() == ["2023-11-14T22:13:20Z", "web1", "25.00", "50.00", *["-"] * 5]
    assert second.split()[0] == "2023-11-14T22:13:21Z"
    assert err.getvalue() == "perfkit: a?b\n"


def test_a_terminal_gets_a_picture(monkeypatch: pytest.MonkeyPatch):
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    out, err = Terminal(), io.StringIO()
    table = table_for(out, err)
    assert isinstance(table, FleetScreen)
    table.start()
    table.show(FleetView("http://127.0.0.1:8080", "/data"))
    table.say("said")
    table.stop()
    assert "waiting for the first sample" in out.getvalue()
    assert err.getvalue() == "perfkit: said\n"
    assert isinstance(table_for(io.StringIO(), err), FleetLines)


@pytest.mark.parametrize(
    ("hostname", "identifier"),
    [("web1.example", "web1.example"), ("a b/c", "a-b-c"), ("...", "..."), ("(none)", "none")],
)
def test_the_collector_is_named_after_the_host(hostname: str, identifier: str):
    command = collector_command(
        url="http://127.0.0.1:1", key_file=Path("k"), spool=Path("s"), hostname=hostname
    )
    assert command[command.index("--identifier") + 1] == identifier


def started(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the whole command; return it and its address once it serves."""
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "perfkit", "serve", "--demo"),
            *("--listen", "127.0.0.1:0", "--data-dir", str(folder)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in server.stderr:
        if "serving on " in line:
            return server, line.split("serving on ")[1].split(",")[0]
    raise AssertionError("it does not serve")


def is_used(folder: Path, seconds: float = 0) -> bool:
    """Return whether a collector has the demo's spool, after so many seconds still."""
    give_up = time.monotonic() + seconds
    with (folder / "demo" / "spool" / "lock").open() as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    return True
                time.sleep(0.05)
            else:
                return False


def test_this_host_arrives_and_nothing_stays_behind(tmp_path: Path):
    """The whole command: server, collector and table, until Ctrl-C."""
    server, url = started(tmp_path)
    with server:
        rows = [server.stdout.readline() for _ in range(3)]
        with urlopen(url, timeout=10) as page:  # noqa: S310 - our own server
            assert "<caption>Machines</caption>" in page.read().decode()
        assert is_used(tmp_path)
        server.send_signal(signal.SIGINT)
        server.stdout.read()
        said = server.stderr.readlines()
        assert server.wait(30) == 0
    assert rows[0].split()[:2] == ["time", "machine"]
    assert float(rows[2].split()[2]) >= 0
    assert not [line for line in said if "collector of this host" in line]
    assert not is_used(tmp_path)


def test_the_collector_ends_with_a_server_that_is_killed(tmp_path: Path):
    server, _ = started(tmp_path)
    with server:
        server.stdout.readline()
        assert is_used(tmp_path)
        server.kill()
    assert not is_used(tmp_path, seconds=30)
