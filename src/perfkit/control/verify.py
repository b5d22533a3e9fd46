"""`perfkit ctl verify`: whether a server holds exactly the lines of a capture.

The capture is read once, beside the export of its run; which positions are held is asked first, so
that what is missing is known by number and only lines that both have are compared.
"""

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING

import msgspec

from perfkit.control.ask import V1, Run, get, items, typed
from perfkit.control.intervals import Interval, count, difference, joined
from perfkit.control.lines import Lines, Stretch
from perfkit.errors import InputError, NetworkError, UsageError

if TYPE_CHECKING:
    from perfkit.client import Server

SHOWN = 5
"""Lines that differ, shown of each run."""


class Difference(msgspec.Struct, frozen=True):
    """A line that the server has otherwise."""

    position: int
    line: int
    """Its number in the file."""

    file: str
    server: str


class Compared(msgspec.Struct, kw_only=True):
    """What was found of one run."""

    machine: str
    run: str
    lines: int = 0
    """In the files."""

    missing: list[Interval] = []
    """Positions that only the files have."""

    more: list[Interval] = []
    """Positions that only the server has."""

    different: int = 0
    """Lines that both have, and that are not the same."""

    first: list[Difference] = []

    @property
    def is_same(self) -> bool:
        """Return whether the server holds exactly these lines."""
        return not (self.missing or self.more or self.different)


class _Held:
    """A run as the server has it: its positions, and its lines as far as they have been read."""

    def __init__(self, machine: str | None, run: str, intervals: list[Interval]) -> None:
        self.machine = machine
        self.run = run
        self.intervals = intervals
        self.in_file: list[Interval] = []


class Verifier:
    """Compares captures with what a server has.

    Args:
        server: Which.
        streaming: The same over another connection, for lines while the first asks.
        is_part: Whether the server may have more of a run than the files.
    """

    def __init__(self, server: "Server", streaming: "Server", *, is_part: bool = False) -> None:
        self._server = server
        self._streaming = streaming
        self._is_part = is_part
        self._machines: dict[str, str | None] = {}
        self._held: dict[tuple[str, str], _Held] = {}
        self._compared: dict[tuple[str, str], Compared] = {}
        self._open: _Stream | None = None

    def add(self, lines: Lines, watch: Callable[[Lines], None] = lambda _: None) -> None:
        """Compare a file.

        Raises:
            InputError: it holds no line.
            NetworkError: the server does not answer.
            RefusedError: the key may not read.
        """
        for stretch in lines:
            watch(lines)
            self._compare(stretch)
        if not lines.count:
            raise InputError(f"{lines.name}: holds no line of a capture")

    def result(self) -> list[Compared]:
        """Return what was found of each run."""
        if self._open is not None:
            self._open.close()
        for key, held in self._held.items():
            found, in_file = self._compared[key], joined(held.in_file)
            found.lines = count(in_file)
            found.missing = difference(in_file, held.intervals)
            found.more = [] if self._is_part else difference(held.intervals, in_file)
        return list(self._compared.values())

    def _compare(self, stretch: Stretch) -> None:
        key = (stretch.machine, stretch.run)
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = self._asked(*key)
            self._compared[key] = Compared(machine=stretch.machine, run=stretch.run)
        here = (stretch.first, stretch.end - 1)
        if held.in_file and held.in_file[-1][1] + 1 == here[0]:
            held.in_file[-1] = (held.in_file[-1][0], here[1])
        else:
            held.in_file.append(here)
        found = self._compared[key]
        common = difference([here], difference([here], held.intervals))
        for first, last in common:
            theirs = self._lines(held, first)
            for position in range(first, last + 1):
                place = position - stretch.first
                line = next(theirs)
                if line != stretch.lines[place]:
                    found.different += 1
                    if len(found.first) < SHOWN:
                        number = stretch.numbers[place]
                        text = stretch.lines[place].decode("utf-8", "replace").rstrip("\n")
                        other = line.decode("utf-8", "replace").rstrip("\n")
                        found.first.append(Difference(position, number, text, other))

    def _asked(self, machine: str, run: str) -> _Held:
        if machine not in self._machines:
            page = items(self._server, "/machines", identifier=machine)
            self._machines[machine] = next((str(item["id"]) for item in page), None)
        known = self._machines[machine]
        if known is None:
            return _Held(None, run, [])
        try:
            found = get(self._server, f"/machines/{known}/runs/{run}")
        except UsageError:
            return _Held(known, run, [])
        return _Held(known, run, joined(typed(self._server, found, Run).intervals))

    def _lines(self, held: _Held, position: int) -> Iterator[bytes]:
        """Return the server's lines from a position on: those of the open export if it is ahead."""
        stream = self._open
        if stream is None or stream.held is not held or stream.position > position:
            if stream is not None:
                stream.close()
            stream = self._open = _Stream(self._streaming, held)
        return stream.from_position(position)


class _Stream:
    """The export of one run, line by line, each with its position."""

    def __init__(self, server: "Server", held: _Held) -> None:
        self.held = held
        self.position = held.intervals[0][0]
        """Of the next line."""
        path = f"{V1}/machines/{held.machine}/export"
        self._pieces = server.stream(path, format="capture", run=held.run)
        self._found = self._cut()
        self._server = server
        self._place = 0

    def close(self) -> None:
        """Let go of the connection."""
        self._found.close()
        self._server.close()

    def from_position(self, position: int) -> Iterator[bytes]:
        """Yield lines from a position on, which the server has."""
        while self.position < position:
            self._next()
        while True:
            yield self._next()

    def _next(self) -> bytes:
        line = next(self._found, None)
        if line is None:
            at = self.position
            raise NetworkError(
                f"run {self.held.run}: the server's export ends before position {at}"
            )
        intervals = self.held.intervals
        if self.position < intervals[self._place][1]:
            self.position += 1
        elif self._place + 1 < len(intervals):
            self._place += 1
            self.position = intervals[self._place][0]
        else:
            self.position += 1
        return line

    def _cut(self) -> Generator[bytes]:
        rest = b""
        for piece in self._pieces:
            first, *others = piece.split(b"\n")
            rest += first
            for other in others:
                yield rest + b"\n"
                rest = other
        if rest:
            yield rest
