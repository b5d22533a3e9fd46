"""Read a run's lines back from the log: to compare, to know bodies again, to export."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from perfkit.errors import InputError
from perfkit.store.log.frame import NUMBERED_HERE, Header
from perfkit.store.log.runs import Run
from perfkit.store.log.segment import Rows, as_rows, headers
from perfkit.store.log.tenant import TenantLog
from perfkit.store.log.writer import timestamp_of
from perfkit.units import MIB

_HOST = b'"subsystem":"perfkit/host"'
_HOST_WITHIN = 60
"""Bytes of a line in which its subsystem begins and ends."""

_HEAD_BYTES = 8 * MIB
"""Text at the head of a run in which the line that says what it is is looked for."""

_log = logging.getLogger(__name__)


class Stretch(NamedTuple):
    """Consecutive lines that a request brought."""

    run: Run
    first: int
    lines: Sequence[bytes]

    @property
    def end(self) -> int:
        """The position after the last line."""
        return self.first + len(self.lines)


class Stored(NamedTuple):
    """A frame of a run: what its header says, and where it is."""

    header: Header
    segment: int
    offset: int
    length: int

    @property
    def end(self) -> int:
        """The position after the last line."""
        return self.header.first + self.header.lines

    def text(self, log: TenantLog) -> bytes:
        """Return its lines."""
        return log.text(self.segment, self.offset, self.length)


def stored(log: TenantLog, run: Run, segment: int) -> list[Stored]:
    """Return the run's frames in one segment, in the order of the log."""
    rows = _rows_of(as_rows(log.rows(segment)), run)
    return [
        Stored(header, segment, offset, length)
        for header, offset, length in headers(rows.tobytes())
    ]


def _rows_of(rows: Rows, run: Run) -> Rows:
    machine, name = np.frombuffer(run.machine.bytes + run.run.bytes, "<u8").reshape(2, 2)
    is_of_run = rows["run"][:, 0] == name[0]
    is_of_run &= rows["run"][:, 1] == name[1]
    is_of_run &= (rows["machine"] == machine).all(axis=1)
    found: Rows = rows[is_of_run]
    return found


def segments_of(log: TenantLog, run: Run) -> list[int]:
    """Return the segments that may hold frames of the run, in order."""
    return [n for n in log.segments() if run.first_segment <= n <= run.last_segment]


def matches(log: TenantLog, stretches: Sequence[Stretch]) -> int:
    """Return how many of these lines are what the log holds at their positions.

    The newest segments are looked at first: what is sent twice is mostly sent soon.
    """
    same = 0
    for stretch in stretches:
        left = len(stretch.lines)
        for segment in reversed(segments_of(log, stretch.run)):
            for frame in stored(log, stretch.run, segment):
                if frame.header.first < stretch.end and stretch.first < frame.end:
                    looked_at, equal = _compare(log, stretch, frame)
                    left -= looked_at
                    same += equal
            if left <= 0:
                break
    return same


def _compare(log: TenantLog, stretch: Stretch, frame: Stored) -> tuple[int, int]:
    """Return how many positions both have, and at how many of them the lines are equal."""
    header = frame.header
    low, high = max(stretch.first, header.first), min(stretch.end, frame.end)
    sent = stretch.lines[low - stretch.first : high - stretch.first]
    is_whole = high - low == header.lines and not header.flags & NUMBERED_HERE
    if is_whole and hashlib.sha256(b"".join(sent)).digest() == header.hash:
        return high - low, high - low
    try:
        held = lines_in(frame.text(log))[low - header.first : high - header.first]
    except InputError as error:
        _log.error("%s", error)
        return high - low, 0
    return high - low, sum(map(bytes.__eq__, sent, held))


def lines_in(text: bytes) -> list[bytes]:
    r"""Return the lines of a frame's text; only \n ends one."""
    return [line + b"\n" for line in text.split(b"\n")[:-1]]


def bodies_of(log: TenantLog, run: Run) -> dict[bytes, int]:
    """Return the first position of each body that positions were given to, by its hash."""
    bodies: dict[bytes, int] = {}
    for segment in segments_of(log, run):
        for frame in stored(log, run, segment):
            if frame.header.flags & NUMBERED_HERE:
                known = bodies.get(frame.header.hash, frame.header.first)
                bodies[frame.header.hash] = min(known, frame.header.first)
    return bodies


def lines_of(log: TenantLog, run: Run, start: int | None, end: int | None) -> Iterator[bytes]:
    """Yield the run's lines in order of position, those with start <= timestamp < end.

    Raises:
        InputError: a frame is damaged on disk.
    """
    next_position = 0
    for segment, row in _in_order(log, run, start, end):
        first, count = int(row["first"]), int(row["count"])
        lines = lines_in(log.text(segment, int(row["offset"]), int(row["length"])))
        if len(lines) != count:
            raise InputError(f"{log.folder}: segment {segment}: expected {count} lines")
        if first < next_position:  # never written so; but no line may come twice
            lines = lines[next_position - first :]
        next_position = max(next_position, first + count)
        if (start is None or start <= row["earliest"]) and (end is None or row["latest"] < end):
            yield from lines
            continue
        for line in lines:
            when = timestamp_of(line)
            if (start is None or start <= when) and (end is None or when < end):
                yield line


def told(log: TenantLog, run: Run, lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines of a run, before them the first one that says what it is: its period, its boot.

    Without that nobody knows what their times mean.  A capture of the original has none.
    """
    first = next(lines, None)
    if first is None:
        return
    if not _is_host(first):
        yield from _host_of(log, run)
    yield first
    yield from lines


def _host_of(log: TenantLog, run: Run) -> list[bytes]:
    """Return the line, or none where the head of the run has none."""
    seen = 0
    for segment, row in _in_order(log, run, None, None):
        if seen > _HEAD_BYTES:
            break
        seen += int(row["raw"])
        try:
            text = log.text(segment, int(row["offset"]), int(row["length"]))
        except InputError as error:
            _log.error("%s", error)
            continue
        if _HOST in text:
            for line in lines_in(text):
                if _is_host(line):
                    return [line]
    return []


def _is_host(line: bytes) -> bool:
    return _HOST in line[:_HOST_WITHIN]


def _in_order(
    log: TenantLog, run: Run, start: int | None, end: int | None
) -> Iterator[tuple[int, np.void]]:
    """Yield segment and row of the run's frames in order of position."""
    numbers = segments_of(log, run)
    parts: list[Rows] = []
    for segment in numbers:
        rows = _rows_of(as_rows(log.rows(segment)), run)
        wanted = np.ones(len(rows), dtype=bool)
        if start is not None:
            wanted &= rows["latest"] >= start
        if end is not None:
            wanted &= rows["earliest"] < end
        parts.append(rows[wanted])
    if not parts:
        return
    segments = np.repeat(numbers, [len(part) for part in parts])
    rows = np.concatenate(parts)
    for number in np.argsort(rows["first"], kind="stable"):
        yield int(segments[number]), rows[number]
