"""The one thread that appends to all logs: many requests, one sync a file.

While a sync runs, requests queue up; the next round takes them all.  So a sync costs each of many
requests little, and a single one waits for no timer.
"""

import errno
import hashlib
import logging
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from perfkit.errors import DiskError
from perfkit.store.lines import Lines
from perfkit.store.log.frame import STREAM, Header, LoggedFrame
from perfkit.store.log.runs import Run
from perfkit.store.log.tenant import TenantLog
from perfkit.units import MIB

if TYPE_CHECKING:
    import asyncio

MIN_FREE = 256 * MIB
"""Free bytes below which nothing is taken in."""

ROUND_BYTES = 16 * MIB
"""Text after which a round is written though more waits."""

_log = logging.getLogger(__name__)


class Flight:
    """Lines on their way to the disk: what becomes one frame.

    Args:
        log: Where they go.
        run: Whose they are.
        first: Position of the first one.
        lines: Canonical lines.
        packed: Their text as a frame holds it.
    """

    __slots__ = (
        "before",
        "digest",
        "error",
        "first",
        "flags",
        "header",
        "is_done",
        "kind",
        "lines",
        "log",
        "packed",
        "run",
        "segment",
        "size",
        "waiters",
    )

    def __init__(self, log: TenantLog, run: Run, first: int, lines: Lines, packed: bytes) -> None:
        self.log = log
        self.run = run
        self.first = first
        self.lines = lines
        self.packed = packed
        self.size = len(lines.text)
        self.kind = STREAM
        self.flags = 0
        self.digest: bytes | None = None
        """The header's hash; None to take it of the lines."""

        self.before: Flight | None = None
        """The part of the same body without which this one must not last."""

        self.header: Header | None = None
        self.segment = 0
        self.error: DiskError | None = None
        self.is_done = False
        """Whether the loop knows how it ended."""

        self.waiters: list[asyncio.Future[None]] = []

    @property
    def end(self) -> int:
        """The position after the last line."""
        return self.first + len(self.lines)


class Writer:
    """Takes flights and brings them to disk, in the order they came.

    Args:
        landed: Called in the writer's thread with the flights of a round, each with its error.
        logged: Called there, after `landed`, with each frame that is on disk.
        min_free: Free bytes below which nothing is written.
        now: Nanoseconds since 1970.
    """

    def __init__(
        self,
        landed: Callable[[list[Flight]], None],
        logged: Callable[[TenantLog, LoggedFrame], None],
        *,
        min_free: int = MIN_FREE,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._landed = landed
        self._logged = logged
        self._min_free = min_free
        self._now = now
        self._queue: queue.SimpleQueue[list[Flight] | None] = queue.SimpleQueue()
        self._indexer = ThreadPoolExecutor(1, thread_name_prefix="perfkit-index")
        self._thread = threading.Thread(target=self._run, name="perfkit-log", daemon=True)
        self._thread.start()

    def submit(self, flights: list[Flight]) -> None:
        """Let the flights be written with the next round."""
        self._queue.put(flights)

    def close(self) -> None:
        """Write what is waiting, then end."""
        self._queue.put(None)
        self._thread.join()
        self._indexer.shutdown()

    def _run(self) -> None:
        is_open = True
        while is_open:
            more = self._queue.get()
            flights: list[Flight] = []
            size = 0
            while more is not None:
                flights += more
                size += sum(flight.size for flight in more)
                if size >= ROUND_BYTES:
                    break
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
            is_open = more is not None
            if flights:
                self._round(flights)

    def _round(self, flights: list[Flight]) -> None:
        groups = _by_log(flights)
        logged: list[tuple[TenantLog, LoggedFrame]] = []
        written: list[tuple[TenantLog, list[Flight], list[LoggedFrame]]] = []
        for log, group in groups.items():
            try:
                written.append((log, group, self._write(log, group)))
            except Exception as error:  # noqa: BLE001 - a round that fails must not end the thread
                self._fail(log, group, error)
        for log, group, frames in written:
            try:
                log.sync()
            except OSError as error:
                self._fail(log, group, error)
            else:
                log.keep()
                logged += [(log, frame) for frame in frames]
        self._landed(flights)
        self._tell(logged)
        for log in groups:
            for segment in log.take_closed():
                self._indexer.submit(log.index, segment)

    def _tell(self, logged: list[tuple[TenantLog, LoggedFrame]]) -> None:
        for log, frame in logged:
            try:
                self._logged(log, frame)
            except Exception:  # noqa: BLE001 - what is not loaded now is read from the log later
                _log.exception("%s: %s was not handed on", log.folder, frame.place)

    def _write(self, log: TenantLog, group: list[Flight]) -> list[LoggedFrame]:
        texts = [flight.lines.text for flight in group]
        check_room(log.folder, self._min_free, sum(map(len, texts)))
        now = self._now()
        frames = [(_header(flight, now), flight.packed) for flight in group]
        logged: list[LoggedFrame] = []
        for flight, text, written in zip(group, texts, log.write(frames), strict=True):
            flight.header, flight.segment = written.header, written.place.segment
            where = (written.place.segment, written.offset, written.length)
            read = _reader(log, where)
            logged.append(LoggedFrame(written.place, written.header, read, text))
        return logged

    def _fail(self, log: TenantLog, group: list[Flight], error: Exception) -> None:
        log.cut()
        if not isinstance(error, OSError):
            _log.error("%s: not written", log.folder, exc_info=error)
        text = error.strerror if isinstance(error, OSError) else repr(error)
        for flight in group:
            flight.error = DiskError(f"upload log: not stored: {text}")


def _by_log(flights: list[Flight]) -> dict[TenantLog, list[Flight]]:
    """Return what is to be written to each log; a part whose forerunner failed has failed too."""
    groups: dict[TenantLog, list[Flight]] = {}
    for flight in flights:
        if flight.before is not None and flight.before.error is not None:
            flight.error = flight.before.error
        else:
            groups.setdefault(flight.log, []).append(flight)
        flight.before = None
    return groups


def check_room(folder: Path, min_free: int, wanted: int = 0) -> None:
    """Return where there is room for so many bytes more above the floor; 0 is no floor.

    Raises:
        OSError: ENOSPC, saying how much is free.
    """
    if not min_free:
        return
    while True:
        try:
            status = os.statvfs(folder)
            break
        except FileNotFoundError:
            folder = folder.parent
    free = status.f_bavail * status.f_frsize
    if free < min_free + wanted:
        have, floor = free // MIB, min_free // MIB
        raise OSError(errno.ENOSPC, f"{have} MiB free, --min-free is {floor} MiB")


def _reader(log: TenantLog, where: tuple[int, int, int]) -> Callable[[], bytes]:
    return lambda: log.text(*where)


def _header(flight: Flight, now: int) -> Header:
    text = flight.lines.text
    earliest, latest = flight.lines.times or span(flight.lines)
    return Header(
        machine=flight.run.machine.bytes,
        run=flight.run.run.bytes,
        first=flight.first,
        lines=len(flight.lines),
        kind=flight.kind,
        flags=flight.flags,
        received=now,
        earliest=earliest,
        latest=latest,
        raw=len(text),
        ordinal=0,
        hash=flight.digest or hashlib.sha256(text).digest(),
    )


_START = b'{"timestamp":'
_FIRST_DIGIT = len(_START)
_PREFIX = _FIRST_DIGIT + 11  # ten digits, until 2286, and what follows them
_TIMESTAMP = re.compile(rb"(\d{1,10})[,}]")


class _Timed(msgspec.Struct):
    timestamp: int


_timed = msgspec.json.Decoder(_Timed).decode


def timestamp_of(line: bytes) -> int:
    """Return the timestamp of a line that passed the door, in seconds."""
    match = _TIMESTAMP.match(line, _FIRST_DIGIT) if line.startswith(_START) else None
    return int(match[1]) if match else _timed(line).timestamp


def span(lines: Sequence[bytes]) -> tuple[int, int]:
    """Return the earliest and the latest timestamp of lines that passed the door."""
    # Lines of one tick share their first bytes: each such text is looked at once.
    distinct = {line[:_PREFIX] for line in lines}
    matches = [
        _TIMESTAMP.match(text, _FIRST_DIGIT) if text.startswith(_START) else None
        for text in distinct
    ]
    times = [int(match[1]) for match in matches if match]
    if len(times) < len(matches):
        times = [timestamp_of(line) for line in lines]
    return min(times), max(times)
