"""Where intervals go: a picture on a terminal, or one line each."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from perfkit.derive import Interval
from perfkit.errors import DiskError
from perfkit.live import plain
from perfkit.live.screen import WAITING, picture
from perfkit.live.view import ASCII, UNICODE, Glyphs, View

Draw = Callable[[int, int, Glyphs], list[Text]]
"""Returns lines for a width, a height, and the characters there are."""


class Output(Protocol):
    """What the view is shown on."""

    held: list[str]
    """What the recorder said and could not be shown as it came."""

    def start(self) -> None:
        """Begin; called once."""
        ...

    def show(self, view: View, intervals: list[Interval]) -> None:
        """Show the state of the view, and the intervals that came since the last call.

        Raises:
            BrokenPipeError: nobody reads it any more.
            DiskError: it cannot be written.
        """
        ...

    def tell(self, said: list[str]) -> None:
        """Take lines that the recorder wrote for people."""
        ...

    def suspend(self) -> None:
        """Stop this process until it is continued, as Ctrl-Z asks; the recorder goes on."""
        ...

    def stop(self) -> None:
        """Leave everything as it was before; called once, and never fails."""
        ...


def output_for(stdout: TextIO, stderr: TextIO) -> "Output":
    """Return a picture for a terminal that can show one, else lines."""
    return Screen(stdout) if can_show_pictures(stdout) else Lines(stdout, stderr)


def can_show_pictures(stdout: TextIO) -> bool:
    """Return whether it is a terminal on which a picture can be drawn again and again."""
    return stdout.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}


class Screen:
    """A terminal: one picture, drawn again when something changed.

    Colours are the terminal's own, none where NO_COLOR is set; what was on it comes back at the
    end.

    Args:
        stream: The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self.held: list[str] = []
        self._console = Console(file=stream, force_terminal=True, highlight=False, markup=False)
        encoding = (stream.encoding or "ascii").lower()
        self._glyphs = UNICODE if encoding.startswith("utf") else ASCII
        self._live = Live(
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start(self) -> None:
        """Switch to the terminal's second page."""
        self._live.start()

    def show(self, view: View, intervals: list[Interval]) -> None:
        """Draw the picture at the terminal's present size."""
        del intervals  # the view has the last one
        self.draw(partial(picture, view))

    def draw(self, lines_of: Draw) -> None:
        """Draw lines made for the terminal's present size.

        Raises:
            BrokenPipeError: it was closed.
        """
        width, height = self._console.size
        lines = lines_of(width, height, self._glyphs)
        try:
            self._live.update(Group(*lines), refresh=True)
        except OSError as error:
            # The terminal was closed: the same as a pipe without reader.
            raise BrokenPipeError from error

    def tell(self, said: list[str]) -> None:
        """Keep them for the end: the view shows the last one for a while."""
        self.held += said

    def suspend(self) -> None:
        """Hand the terminal back to the shell, and take it again afterwards."""
        self.stop()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._live.start()

    def stop(self) -> None:
        """Switch back to the terminal's first page."""
        with suppress(OSError):
            self._live.stop()


class Lines:
    """No terminal: one line an interval.

    Args:
        stream: Where they go.
        notes: Where what is no data goes.
    """

    def __init__(self, stream: TextIO, notes: TextIO) -> None:
        self.held: list[str] = []
        self._stream = stream
        self._notes = notes
        self._last: tuple[int, int] | None = None
        self._has_begun = False
        self._is_waiting = False

    def start(self) -> None:
        """Do nothing: without a sample there is no table."""

    def show(self, view: View, intervals: list[Interval]) -> None:
        """Write the names of the columns with the first sample, then the intervals that are new."""
        if not view.samples:
            return
        if not self._has_begun:
            self._has_begun = True
            self._print(plain.heading())
        if view.interval is None and not self._is_waiting:
            self._is_waiting = True
            self._note(f"perfkit: {WAITING}, one every {view.period_seconds:g} s")
        for each in intervals:
            when = (each.timestamp, each.ns)
            if when == self._last:
                continue  # a tick whose last lines came late: its line is out
            self._last = when
            self._print(plain.line(each))
            for gap in each.gaps:
                if not gap.is_partial:
                    self._note(f"perfkit: {gap}")

    def tell(self, said: list[str]) -> None:
        """Pass them on."""
        for text in said:
            self._note(text)

    def suspend(self) -> None:
        """Stop; there is nothing to hand back."""
        os.kill(os.getpid(), signal.SIGSTOP)

    def stop(self) -> None:
        """Do nothing: every line is out."""

    def _print(self, text: str) -> None:
        try:
            print(text, file=self._stream, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise DiskError(f"standard output: {reason}") from error

    def _note(self, text: str) -> None:
        with suppress(OSError):
            print(text, file=self._notes, flush=True)
