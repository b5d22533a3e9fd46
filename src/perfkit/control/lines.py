"""The lines of a capture with their places, as a server gives them: machine, run, position.

A `perfkit/host` line says all three from itself on.  A capture without one is a run of its own,
derived from its first line as the server derives it.  What cannot be read keeps its position and is
not sent; after a damage of the packing, which hides how many lines are lost, what follows is
a run of its own until the next `perfkit/host` line.
"""

import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Annotated
from uuid import UUID

import msgspec

from perfkit.capture.lines import MAX_LINE_BYTES
from perfkit.capture.problems import Problems
from perfkit.capture.read import Capture, open_capture
from perfkit.capture.spelling import Line, are_canonical, decode, decode_lines, rewritten
from perfkit.errors import InputError, ParseError, UsageError
from perfkit.record import run_of_capture

HOST = "perfkit/host"

EARLIEST = 315_532_800
"""1980, in seconds since 1970: an earlier line is refused by every server."""

AHEAD_SECONDS = 86_400
"""How far ahead of now a line may be."""

NAME_BYTES = 256
"""Bytes that a subsystem's name may have."""

_LAST_POSITION = 2**62


class Stretch(msgspec.Struct, frozen=True):
    """Lines that stand together in a run."""

    machine: str
    run: str
    first: int
    lines: list[bytes]
    """Canonical, each with its end."""

    numbers: list[int]
    """Of the same lines in the file, from 1."""

    @property
    def end(self) -> int:
        """Return the position behind the last line."""
        return self.first + len(self.lines)

    def part(self, first: int, end: int) -> "Stretch":
        """Return the lines from one position to before another."""
        start, stop = first - self.first, end - self.first
        return Stretch(
            self.machine, self.run, first, self.lines[start:stop], self.numbers[start:stop]
        )


class Host(msgspec.Struct):
    """What a `perfkit/host` line says of the lines from itself on."""

    run: UUID
    position: Annotated[int, msgspec.Meta(ge=0, le=_LAST_POSITION)]
    identifier: str = ""


_decode_host = msgspec.json.Decoder(Host).decode


class _Noted(Problems):
    """Problems that also tell which lines since the last look are no lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: set[int] = set()
        self.damages = 0

    def add(self, line: int, reason: str) -> None:
        """Count one problem."""
        super().add(line, reason)
        if line:
            self.lines.add(line)
        else:
            self.damages += 1


class Lines:
    """A capture as stretches of lines; memory does not grow with it.

    Args:
        path: The capture, `-` for standard input.
        machine: Whose lines they are; None: who the capture says.
        now: Unix time.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """

    def __init__(self, path: str, machine: str | None = None, *, now: float | None = None) -> None:
        self.problems: Problems
        self.problems = self._problems = _Noted()
        self.capture: Capture = open_capture(path, self._problems)
        self.name = self.capture.name
        self.count = 0
        """Lines so far, blank ones not counted."""
        self._machine = machine
        self._is_named = machine is not None
        self._latest = int(time.time() if now is None else now) + AHEAD_SECONDS
        self._run: str | None = None
        self._position = 0

    def __iter__(self) -> Generator[Stretch]:
        """Yield the lines, many at once.

        Raises:
            UsageError: nothing says whose they are.
        """
        damages = 0
        with self.capture:
            for first, lines in self.capture.batches():
                if damages != self._problems.damages:
                    damages = self._problems.damages
                    self._run, self._position = None, 0
                too_long = self._problems.lines
                yield from self._placed(first, lines, too_long)
                too_long.clear()

    def _placed(self, first: int, lines: list[bytes], too_long: set[int]) -> Iterator[Stretch]:
        numbered = [
            (number, line)
            for number, line in enumerate(lines, first)
            if number in too_long or (line and not line.isspace())
        ]
        self.count += len(numbered)
        found: list[bytes] = []
        numbers: list[int] = []
        start = self._position
        for (number, _), checked in zip(numbered, self._checked(numbered), strict=True):
            if checked is not None:
                record, line = checked
                host = host_of(record) if record.subsystem == HOST else None
                if host is not None:
                    is_next = (str(host.run), host.position) == (self._run, self._position)
                    if (not is_next or self._is_other(host)) and found:
                        yield Stretch(self._known(), self._run or "", start, found, numbers)
                        found, numbers = [], []
                    self._move(host)
                if self._run is None:
                    self._run = run_of_capture(self._known(), line)
                if not found:
                    start = self._position
                found.append(line)
                numbers.append(number)
            elif found:
                yield Stretch(self._known(), self._run or "", start, found, numbers)
                found, numbers = [], []
            self._position += 1
        if found:
            yield Stretch(self._known(), self._run or "", start, found, numbers)

    def _checked(self, numbered: list[tuple[int, bytes]]) -> list[tuple[Line, bytes] | None]:
        """Return record and canonical line of each; None where it is no line."""
        fast = self._canonical([line for _, line in numbered])
        if fast is not None:
            return fast
        checked: list[tuple[Line, bytes] | None] = []
        for number, line in numbered:
            if not line:
                checked.append(None)  # too long, and said to be
                continue
            try:
                checked.append(self._one(line))
            except ParseError as error:
                Problems.add(self._problems, number, error.reason)
                checked.append(None)
        return checked

    def _canonical(self, lines: list[bytes]) -> list[tuple[Line, bytes] | None] | None:
        """Return them if all are canonical and good: decoded and encoded as one."""
        text = b"\n".join(lines) + b"\n"
        try:
            records = decode_lines(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        if (
            len(records) != len(lines)
            or not are_canonical(text, records, {record.subsystem for record in records})
            or any(self._fault(record) for record in records)
        ):
            return None
        return list(zip(records, text.splitlines(keepends=True), strict=True))

    def _one(self, line: bytes) -> tuple[Line, bytes]:
        try:
            record = decode(line)
        except RecursionError:
            raise ParseError("capture", 0, "JSON nested too deep") from None
        except (msgspec.MsgspecError, UnicodeError) as error:
            reason = f"expected timestamp, subsystem and measurement as JSON: {error}"
            raise ParseError("capture", 0, reason) from None
        if len(line) > MAX_LINE_BYTES or (fault := self._fault(record)):
            raise ParseError("capture", 0, fault or "the line is too long")
        return record, rewritten(record, line)

    def _fault(self, record: Line) -> str:
        """Return why a server would refuse the line, "" where it would not."""
        if not EARLIEST <= record.timestamp <= self._latest:
            return (
                f"expected a timestamp from {EARLIEST} (1980) to {self._latest} (a day from now), "
                f"found {record.timestamp}"
            )
        name = record.subsystem
        if not name or (len(name) * 4 > NAME_BYTES and len(name.encode()) > NAME_BYTES):
            return f"expected a subsystem of 1 to {NAME_BYTES} bytes, found {len(name.encode())}"
        return ""

    def _is_other(self, host: Host) -> bool:
        return not self._is_named and bool(host.identifier) and host.identifier != self._machine

    def _move(self, host: Host) -> None:
        self._run, self._position = str(host.run), host.position
        if not self._is_named and host.identifier:
            self._machine = host.identifier

    def _known(self) -> str:
        if self._machine is None:
            raise no_machine(self.name)
        return self._machine


def host_of(record: Line) -> Host | None:
    """Return what a `perfkit/host` line says; None where it says nothing usable."""
    try:
        return _decode_host(record.measurement)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def no_machine(name: str) -> UsageError:
    """Return the error of a capture that nobody says the machine of."""
    return UsageError(f"{name}: names no machine: say whose it is by --machine ID")


def expect_files(paths: list[str], machine: str | None) -> None:
    """Look at the start of each file, before anything is done with the first one.

    Args:
        paths: The captures; what can be read only once is not looked at.
        machine: Whose they are; None: each has to say so itself.

    Raises:
        UsageError: nothing says whose lines they are.
        InputError: one holds no line, or cannot be read.
    """
    for path in paths:
        if path == "-" or Path(path).is_fifo():
            continue
        lines = Lines(path, machine)
        found = iter(lines)
        if next(found, None) is None and not lines.count:
            raise InputError(f"{path}: holds no line of a capture")
        found.close()
