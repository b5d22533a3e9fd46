"""The view and its recorder: begun together, ended together, whoever ends them."""

import io
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from perfkit.capture.follow import Follower
from perfkit.capture.write import CaptureWriter, Limits
from perfkit.errors import DiskError, InputError
from perfkit.live.plain import heading
from perfkit.live.watch import Watch, end_of, run
from perfkit.record import Record, canonical_line

Make = Callable[..., list[str]]
PERIOD = (
    0.04  # looks are taken four times a period: the fake recorder's ticks are all there at once
)


def watch(command: list[str], capture: Path, tmp_path: Path) -> tuple[int, list[str], list[str]]:
    """Return the exit code and the lines of stdout and stderr."""
    out, err = tmp_path / "out", io.StringIO()
    with out.open("w", encoding="utf-8") as stdout:
        code = run(command, capture, PERIOD, stdout=stdout, stderr=err)
    return code, out.read_text(encoding="utf-8").splitlines(), err.getvalue().splitlines()


def no_child_is_left() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def test_one_line_an_interval_and_nothing_else(recorder: Make, tmp_path: Path):
    capture = tmp_path / "capture.json"
    code, out, err = watch(recorder(capture, 4, "done"), capture, tmp_path)
    assert code == 0
    assert out[0] == heading()
    # Tick n has used n * 25 of n * 100 ticks, and switched n * 100 times a second.
    assert [line.split()[:2] for line in out[1:]] == [
        ["2023-11-14T22:13:21Z", "25.00"],
        ["2023-11-14T22:13:22Z", "25.00"],
        ["2023-11-14T22:13:23Z", "25.00"],
    ]
    assert (
        err[-1]
        == f"perfkit: 4 samples recorded in {capture} ({capture.stat().st_size / 1024:.1f}K)"
    )


def test_says_that_it_waits_for_the_second_sample(recorder: Make, tmp_path: Path):
    capture = tmp_path / "capture.json"
    code, out, err = watch(recorder(capture, 1, "done"), capture, tmp_path)
    assert (code, out) == (0, [heading()])
    assert "perfkit: waiting for the second sample, one every 0.04 s" in err


@pytest.mark.parametrize("ending", ["interrupt", "hangup"])
def test_a_signal_ends_the_recorder_with_its_last_line_whole(recorder: Make, tmp_path, ending):
    capture = tmp_path / "capture.json"
    before = signal.getsignal(signal.SIGINT)
    code, out, err = watch(recorder(capture, 3, ending), capture, tmp_path)
    assert code == 0
    assert len(out) == 4  # the heading, two intervals, and that of the recorder's last tick
    assert capture.read_bytes().endswith(b"\n")
    assert "4 samples" in err[-1]
    assert no_child_is_left()
    assert signal.getsignal(signal.SIGINT) is before


def test_only_what_is_appended_is_shown(recorder: Make, tmp_path: Path):
    capture = tmp_path / "capture.json"
    subprocess.run(recorder(capture, 5, "done"), check=True, stderr=subprocess.DEVNULL)
    code, out, err = watch(recorder(capture, 2, "done"), capture, tmp_path)
    assert (code, len(out)) == (0, 2)
    assert "2 samples" in err[-1]


@pytest.mark.parametrize("name", ["capture.json", "capture.json.gz"])
@pytest.mark.parametrize("cut", [0, 1, 9, 30])
def test_a_torn_capture_is_followed_from_where_it_is_repaired(tmp_path: Path, name: str, cut: int):
    path = tmp_path / name
    lines = [canonical_line(Record(second, "/proc/stat", b"x" * 40)) for second in range(3)]
    writer = CaptureWriter(str(path), Limits(), print)
    for second, line in enumerate(lines[:2]):
        writer.prepare(second)
        writer.append(line, second)
    writer.close()
    os.truncate(path, path.stat().st_size - cut)
    follower = Follower(path, offset=end_of(path))
    writer = CaptureWriter(str(path), Limits(), print)
    writer.prepare(2)
    writer.append(lines[2], 2)
    assert follower.read() == [Record(2, "/proc/stat", b"x" * 40)]
    follower.close()
    writer.close()


def test_what_is_no_capture_is_left_to_the_recorder(recorder: Make, tmp_path: Path):
    other = tmp_path / "notes.json"
    other.write_text("shopping list\n", encoding="utf-8")
    code, out, _err = watch(recorder(other, 0, "refuse"), other, tmp_path)
    assert (code, out) == (2, [])


def test_a_recorder_that_refuses_gives_its_code(recorder: Make, tmp_path: Path):
    capture = tmp_path / "capture.json"
    code, out, err = watch(recorder(capture, 0, "refuse"), capture, tmp_path)
    assert (code, out) == (2, [])
    assert err == ["perfkit: recording begins", "perfkit: capture is in use by process 1"]
    assert not capture.exists()


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (40, "signal 40")])
def test_a_recorder_that_is_killed_gives_128_and_the_signal(tmp_path: Path, number: int, name: str):
    kill = f"import os; os.kill(os.getpid(), {number})"
    code, _out, err = watch([sys.executable, "-c", kill], tmp_path / "x", tmp_path)
    assert code == 128 + number
    assert err == [f"perfkit: the recorder was killed ({name})"]


def test_a_reader_that_goes_ends_the_recorder(recorder: Make, tmp_path: Path):
    capture = tmp_path / "capture.json"
    reading, writing = os.pipe()
    first: list[bytes] = []

    def read_one_line() -> None:
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            first.append(pipe.readline())

    reader = threading.Thread(target=read_one_line)
    reader.start()
    stdout = os.fdopen(writing, "w", encoding="utf-8")
    err = io.StringIO()
    assert run(recorder(capture, 1, "wait"), capture, PERIOD, stdout=stdout, stderr=err) == 0
    stdout.close()
    reader.join()
    assert first == [heading().encode() + b"\n"]
    assert "recorded" not in err.getvalue()  # silently
    assert no_child_is_left()


def test_a_full_disk_below_stdout_ends_the_recorder(recorder: Make, tmp_path: Path):
    capture = tmp_path / "capture.json"
    with (
        Path("/dev/full").open("w", encoding="utf-8") as full,
        pytest.raises(DiskError, match="standard output: no space left on device"),
    ):
        run(recorder(capture, 1, "wait"), capture, PERIOD, stdout=full, stderr=io.StringIO())
    assert no_child_is_left()


def test_an_unreadable_capture_ends_the_recorder(recorder: Make, tmp_path: Path):
    folder = tmp_path / "folder"
    folder.mkdir()
    command = recorder(tmp_path / "x", 1, "wait")
    seconds = count()
    with (
        (tmp_path / "out").open("w", encoding="utf-8") as stdout,
        pytest.raises(InputError, match="folder: cannot be read: is a directory"),
    ):
        run(
            command,
            folder,
            PERIOD,
            stdout=stdout,
            stderr=io.StringIO(),
            clock=lambda: next(seconds),
        )
    assert no_child_is_left()


def test_what_the_recorder_says_of_an_unreadable_capture_comes_first(recorder: Make, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    code, _out, err = watch(recorder(folder, 0, "refuse"), folder, tmp_path)
    assert (code, err[-1]) == (2, "perfkit: capture is in use by process 1")


class Told:
    """A recorder that says what a test wants, and a capture that has nothing new."""

    code = None

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.new: list[Record] = []
        self.now = 100.0

    def messages(self) -> list[str]:
        said, self.lines = self.lines, []
        return said

    def read(self) -> list[Record]:
        found, self.new = self.new, []
        return found

    def clock(self) -> float:
        return self.now


def test_a_message_stays_for_ten_seconds(tmp_path: Path):
    told = Told()
    watched = Watch(tmp_path / "capture.json", 1.0, told, told, told.clock)
    told.lines = ["perfkit: warning: one", "perfkit: warning: two"]
    watched.look()
    assert (watched.view.message, watched.is_changed) == ("warning: two", True)
    told.now += 9.5
    watched.look()
    assert (watched.view.message, watched.view.running_seconds) == ("warning: two", 9)
    told.now += 0.5
    watched.look()
    assert watched.view.message == ""
    watched.look()
    assert not watched.is_changed


def test_history_has_one_entry_an_interval_that_has_figures(tmp_path: Path):
    told = Told()
    watched = Watch(tmp_path / "capture.json", 1.0, told, told, told.clock)

    def stat(second: int, busy: int, idle: int) -> Record:
        return Record(second, "/proc/stat", b"cpu  %d 0 0 %d\n" % (busy, idle))

    told.new = [stat(1, 0, 0), stat(2, 50, 50)]
    for _ in range(2):
        watched.look()
    assert list(watched.view.history) == [50]
    told.new = [Record(2, "/proc/meminfo", b"MemTotal: 2 kB\nMemFree: 1 kB\n")]  # late
    for _ in range(2):
        watched.look()
    assert watched.view.interval.memory is not None
    assert list(watched.view.history) == [50]
    told.new = [stat(3, 0, 0)]  # a reset
    for _ in range(2):
        watched.look()
    assert (watched.view.samples, list(watched.view.history)) == (3, [50])


def test_a_capture_at_home_has_a_short_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    told = Told()
    at_home = Watch(tmp_path / "state" / "capture.json", 1.0, told, told, told.clock)
    elsewhere = Watch(Path("/var/lib/x.json"), 1.0, told, told, told.clock)
    assert at_home.view.capture == "~/state/capture.json"
    assert elsewhere.view.capture == "/var/lib/x.json"


VIEW = "import sys; from pathlib import Path; from perfkit.live.watch import run; sys.exit(run(sys.argv[2:], Path(sys.argv[1]), 0.04))"  # noqa: E501


class Terminal:
    """A view on a terminal of its own."""

    def __init__(self, command: list[str], capture: Path) -> None:
        self.near, far = os.openpty()
        os.set_blocking(self.near, True)
        self.text = ""
        environment = {
            **{name: os.environ[name] for name in os.environ if not name.endswith("_COLOR")},
            "TERM": "xterm-256color",
            "COLUMNS": "80",
            "LINES": "24",
            "PYTHONUTF8": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", VIEW, str(capture), *command],
            stdin=far,
            stdout=far,
            stderr=far,
            env=environment,
            start_new_session=True,
        )
        os.close(far)

    def read_until(self, pattern: str) -> None:
        """Read until the pattern has been written, or fail with what was."""
        while not re.search(pattern, self.text):
            try:
                data = os.read(self.near, 65536)
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"no {pattern!r} in {self.text!r}")
            self.text += data.decode("utf-8", "replace")

    def end(self) -> int:
        """Read the rest and return the exit code."""
        while True:
            try:
                data = os.read(self.near, 65536)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode("utf-8", "replace")
        os.close(self.near)
        return self.process.wait()


def test_a_terminal_shows_a_picture_until_ctrl_c(recorder: Make, tmp_path: Path):
    capture = tmp_path / "capture.json"
    terminal = Terminal(recorder(capture, 3, "wait"), capture)
    terminal.read_until("fake-host · Linux 9.9 · every 0.04 s")
    terminal.read_until("CPU .*25.0 %")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    assert "\x1b[?1049h" in terminal.text  # the second page
    assert "\x1b[?1049l" in terminal.text
    after = terminal.text.rpartition("\x1b[?1049l")[2]
    assert "perfkit: recording ends" in after
    assert "perfkit: 4 samples recorded in" in after


def test_a_terminal_shows_why_a_recorder_refused(recorder: Make, tmp_path: Path):
    capture = tmp_path / "capture.json"
    terminal = Terminal(recorder(capture, 0, "refuse"), capture)
    assert terminal.end() == 2
    after = terminal.text.rpartition("\x1b[?1049l")[2]
    assert "perfkit: capture is in use by process 1" in after
    assert "samples" not in after


def test_a_terminal_that_is_closed_ends_the_recorder(recorder: Make, tmp_path: Path):
    capture = tmp_path / "capture.json"
    terminal = Terminal(recorder(capture, 3, "wait"), capture)
    terminal.read_until("CPU .*25.0 %")
    os.close(terminal.near)
    terminal.process.wait()
    # The recorder ended first: it wrote its last tick.
    assert capture.read_text(encoding="utf-8").count("/proc/stat") == 4


def test_ctrl_z_hands_the_terminal_back_and_fg_takes_it_again(recorder: Make, tmp_path: Path):
    capture = tmp_path / "capture.json"
    terminal = Terminal(recorder(capture, 3, "wait"), capture)
    terminal.read_until("CPU .*25.0 %")
    terminal.process.send_signal(signal.SIGTSTP)
    _pid, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    terminal.read_until(r"\x1b\[\?1049l")
    terminal.text = ""
    terminal.process.send_signal(signal.SIGCONT)
    terminal.read_until(r"\x1b\[\?1049h")
    terminal.read_until("CPU .*25.0 %")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.end() == 0


def test_lines_stop_and_go_on_too(recorder: Make, tmp_path: Path):
    capture = tmp_path / "capture.json"
    view = subprocess.Popen(
        [sys.executable, "-c", VIEW, str(capture), *recorder(capture, 3, "wait")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert view.stdout is not None
    first = [view.stdout.readline() for _line in range(3)]
    view.send_signal(signal.SIGTSTP)
    _pid, status = os.waitpid(view.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    view.send_signal(signal.SIGCONT)
    view.send_signal(signal.SIGINT)
    rest = view.stdout.read()
    view.stdout.close()
    assert (view.wait(), len(first), rest.count(b"\n")) == (0, 3, 1)  # the recorder's last tick
