"""`serve --demo`: a collector of this host beside the server, and all its machines, live.

What is shown comes from the server's API alone, asked with a key as anybody would: if the table
shows it, it was sent, stored and answered.
"""

import os
import re
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol, TextIO

from perfkit.errors import PerfkitError
from perfkit.live.child import Recorder
from perfkit.live.figures import ABSENT, printable
from perfkit.live.fleet import FIGURES, Fleet, FleetView, Machine
from perfkit.live.fleet_screen import fleet_picture
from perfkit.live.output import Screen, can_show_pictures

LOOK_SECONDS = 0.25
ASK_SECONDS = 1.0
MESSAGE_SECONDS = 10.0
RESTART_SECONDS = 10.0
"""A collector that ended by itself is started again after so long."""

SHOWN = 100
"""Machines whose figures are asked for."""

_TIED = (
    # PR_SET_PDEATHSIG (man 2 prctl) outlives the exec; a parent that died before it is noticed.
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); "
    "os.getppid() == int(sys.argv[1]) or os._exit(1); os.execv(sys.argv[2], sys.argv[2:])"
)
"""Runs a command that is sent SIGTERM when the process that started it is gone, even by kill -9."""

_ODD = re.compile(r"[^A-Za-z0-9._:-]+")
_LONGEST = 100


def collector_command(*, url: str, key_file: Path, spool: Path, hostname: str) -> list[str]:
    """Return the command line of the demo's collector: this host once a second, sent at once.

    It ends with this process, however that one ends: what it could still record goes nowhere.
    """
    identifier = _ODD.sub("-", hostname)[:_LONGEST].strip("-") or "this-host"
    return [
        *(sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid())),
        *(sys.executable, "-m", "perfkit", "collect"),
        *("--mode", "trickle", "--server", url, "--api-key-file", str(key_file)),
        *("--spool-dir", str(spool), "--identifier", identifier),
        *("--frequency", "1s", "--duration", "infinity", "--flush", "1", "--loglevel", "warn"),
    ]


class Table(Protocol):
    """Where the machines are shown."""

    def start(self) -> None:
        """Begin."""

    def show(self, view: FleetView) -> None:
        """Show the present state.

        Raises:
            OSError: nobody sees it any more.
        """

    def say(self, text: str) -> None:
        """Take a line for people."""

    def stop(self) -> None:
        """Leave everything as it was; never fails."""


class Demo:
    """The collector and the table, in a thread beside the server.

    Args:
        fleet: Asks the server.
        view: What does not change of what is shown.
        table: Where it is shown.
        start: Starts a collector.
        over: Called when nobody sees the table any more.
        clock: Seconds on a clock that is never set.
    """

    def __init__(
        self,
        fleet: Fleet,
        view: FleetView,
        table: Table,
        start: Callable[[], Recorder],
        over: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fleet = fleet
        self._view = view
        self._table = table
        self._start = start
        self._over = over
        self._clock = clock
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="perfkit-demo")
        self._recorder: Recorder | None = None
        self._restart_at = 0.0
        self._asked_at = 0.0
        self._quiet_at = 0.0
        self._said = ""

    def begin(self) -> None:
        """Start both.

        Raises:
            OSError: the collector cannot be started.
        """
        self._recorder = self._start()
        self._thread.start()

    def end(self) -> None:
        """End both: the collector first, which delivers what it has."""
        if self._recorder:
            self._recorder.end()
        self._ending.set()
        self._thread.join()
        if self._recorder:
            self._recorder.close()

    def _run(self) -> None:
        started = self._clock()
        self._table.start()
        try:
            while not self._ending.wait(LOOK_SECONDS):
                self._look(started)
        except OSError:
            self._over()
        finally:
            self._table.stop()

    def _look(self, started: float) -> None:
        view, now = self._view, self._clock()
        self._look_after_collector(now)
        if now >= self._asked_at + ASK_SECONDS:
            self._asked_at = now
            try:
                view.machines = self._fleet.look(SHOWN)
                view.is_all = self._fleet.is_all
            except PerfkitError as error:
                self._say(str(error), now)
        if now >= self._quiet_at:
            view.message = ""
        view.running_seconds = float(int(now - started))
        view.now = time.time()
        self._table.show(view)

    def _look_after_collector(self, now: float) -> None:
        recorder = self._recorder
        if recorder is None:
            if now >= self._restart_at:
                with suppress(OSError):
                    self._recorder = self._start()
            return
        code = recorder.code
        for text in recorder.messages():
            self._say(text.removeprefix("perfkit: "), now)
        if code is not None:
            self._recorder = None
            self._restart_at = now + RESTART_SECONDS
            self._say(f"the collector of this host ended with {code}: it is started again", now)
            recorder.close()

    def _say(self, text: str, now: float) -> None:
        """Show a message for a while, and pass it on where it is new."""
        self._view.message = text
        self._quiet_at = now + MESSAGE_SECONDS
        if text != self._said:
            self._said = text
            self._table.say(text)


class FleetScreen:
    """A terminal: one picture, drawn again and again.

    Args:
        stream: The terminal.
        notes: Where what was said goes at the end.
    """

    def __init__(self, stream: TextIO, notes: TextIO) -> None:
        self._screen = Screen(stream)
        self._notes = notes
        self._held: list[str] = []

    def start(self) -> None:
        """Switch to the terminal's second page."""
        self._screen.start()

    def show(self, view: FleetView) -> None:
        """Draw it."""
        self._screen.draw(partial(fleet_picture, view))

    def say(self, text: str) -> None:
        """Keep it for the end: the picture shows it for a while."""
        self._held.append(text)

    def stop(self) -> None:
        """Switch back, and say what was said."""
        self._screen.stop()
        for text in self._held:
            _note(self._notes, text)


class FleetLines:
    """No terminal: one line for each machine and sample.

    Args:
        stream: Where they go.
        notes: Where what is no data goes.
    """

    def __init__(self, stream: TextIO, notes: TextIO) -> None:
        self._stream = stream
        self._notes = notes
        self._last: dict[int, float] = {}
        self._has_begun = False

    def start(self) -> None:
        """Do nothing: without a sample there is no table."""

    def show(self, view: FleetView) -> None:
        """Write a line for each machine that has new figures."""
        for each in view.machines:
            if (
                each.figures is None
                or each.seen is None
                or each.seen == self._last.get(each.number)
            ):
                continue
            if not self._has_begun:
                self._has_begun = True
                names = "".join(f"{name:>10}" for name, _ in FIGURES)
                print(f"{'time':<24}{'machine':<20}{names}", file=self._stream, flush=True)
            self._last[each.number] = each.seen
            print(_line(each, each.seen), file=self._stream, flush=True)

    def say(self, text: str) -> None:
        """Pass it on."""
        _note(self._notes, text)

    def stop(self) -> None:
        """Do nothing: every line is out."""


def _line(machine: Machine, seen: float) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seen))
    values = [value_of(machine.figures) if machine.figures else None for _, value_of in FIGURES]
    texts = [ABSENT if value is None else f"{value:.2f}" for value in values]
    return f"{at:<24}{machine.identifier:<20}" + "".join(f" {text:>9}" for text in texts)


def _note(stream: TextIO, text: str) -> None:
    with suppress(OSError):
        print(f"perfkit: {printable(text)}", file=stream, flush=True)


def table_for(stdout: TextIO, stderr: TextIO) -> Table:
    """Return a picture for a terminal that can show one, else lines."""
    if can_show_pictures(stdout):
        return FleetScreen(stdout, stderr)
    return FleetLines(stdout, stderr)
