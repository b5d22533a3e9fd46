"""Where intervals go: a picture on a terminal, or one line each."""

import io
import os
from collections.abc import Callable

import msgspec
import pytest

from perfkit.derive import Gap, Interval, Reason
from perfkit.live.output import Lines, Screen, output_for
from perfkit.live.plain import heading, line
from perfkit.live.view import View


class FakeTerminal(io.StringIO):
    def __init__(self, encoding: str | None = "utf-8") -> None:
        super().__init__()
        self.fake_encoding = encoding

    @property
    def encoding(self) -> str | None:
        return self.fake_encoding

    def isatty(self) -> bool:
        return True


class Closed(FakeTerminal):
    def write(self, text: str) -> int:
        raise OSError(5, f"{len(text)} characters for nobody")


@pytest.mark.parametrize(
    ("stream", "term", "kind"),
    [
        (FakeTerminal(), "xterm", Screen),
        (FakeTerminal(), "dumb", Lines),
        (FakeTerminal(), None, Lines),
        (io.StringIO(), "xterm", Lines),
    ],
    ids=["terminal", "dumb", "unknown", "pipe"],
)
def test_a_picture_needs_a_terminal(monkeypatch: pytest.MonkeyPatch, stream, term, kind):
    if term is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", term)
    assert type(output_for(stream, io.StringIO())) is kind


@pytest.mark.parametrize(("encoding", "bar"), [("utf-8", "█"), ("ascii", "#"), (None, "#")])
def test_the_characters_are_those_the_terminal_has(a_view: Callable[..., View], encoding, bar):
    terminal = FakeTerminal(encoding)
    screen = Screen(terminal)
    screen.start()
    screen.show(a_view(), [])
    screen.stop()
    assert bar * 5 in terminal.getvalue()
    assert terminal.getvalue().isascii() == (bar == "#")


def test_a_closed_terminal_is_a_reader_that_went(a_view: Callable[..., View]):
    terminal = FakeTerminal()
    screen = Screen(terminal)
    screen.start()
    terminal.__class__ = Closed
    with pytest.raises(BrokenPipeError):
        screen.show(a_view(), [])
    screen.stop()  # without a word


def test_what_the_recorder_says_waits_for_the_end_of_the_picture():
    terminal = FakeTerminal()
    screen = Screen(terminal)
    screen.tell(["one"])
    screen.tell(["two"])
    assert (screen.held, terminal.getvalue()) == (["one", "two"], "")


def test_each_interval_has_one_line(a_view: Callable[..., View], an_interval):
    out, notes = io.StringIO(), io.StringIO()
    lines = Lines(out, notes)
    first: Interval = an_interval()
    again = msgspec.structs.replace(first, memory=None)  # its last lines came late
    second = msgspec.structs.replace(first, timestamp=first.timestamp + 1)
    lines.start()
    lines.show(a_view(), [first])
    lines.show(a_view(), [again, second])
    lines.stop()
    assert out.getvalue().splitlines() == [heading(), line(first), line(second)]
    assert notes.getvalue() == ""


def test_why_there_is_no_rate_is_no_data(a_view: Callable[..., View], an_interval):
    out, notes = io.StringIO(), io.StringIO()
    gaps = (
        Gap(table="cpu", device="0", reason=Reason.WENT_BACK, is_partial=True),
        Gap(table="", device="", reason=Reason.REBOOTED),
    )
    Lines(out, notes).show(a_view(), [msgspec.structs.replace(an_interval(), gaps=gaps)])
    assert notes.getvalue() == "perfkit: all: the host booted in between\n"
    assert len(out.getvalue().splitlines()) == 2


def test_without_a_sample_there_is_no_heading(a_view: Callable[..., View]):
    out = io.StringIO()
    view = a_view()
    view.samples = 0
    lines = Lines(out, io.StringIO())
    lines.start()
    lines.show(view, [])
    assert out.getvalue() == ""


def test_a_stderr_that_is_gone_is_no_reason_to_end():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", closefd=False) as notes:
        Lines(io.StringIO(), notes).tell(["nobody reads this"])
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)
    os.close(writing)
