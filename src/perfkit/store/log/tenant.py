"""The log of one tenant: a folder of segments, of which the last one grows."""

import contextlib
import errno
import logging
import os
import re
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import numpy as np

from perfkit.errors import DiskError, InputError
from perfkit.store import faults
from perfkit.store.log.frame import (
    HEADER,
    PREFIX,
    ROW,
    Header,
    LoggedFrame,
    Place,
    framed,
    text_of,
)
from perfkit.store.log.runs import Run, RunKey, note_all, read_catalog, write_catalog
from perfkit.store.log.segment import (
    Rows,
    as_rows,
    headers,
    read_index,
    row_of,
    scan,
    sync_folder,
    write_index,
)
from perfkit.units import MIB

SEGMENT_BYTES = 64 * MIB
"""A segment that has reached it is followed by a new one."""

_NAME = re.compile(r"(\d{10})\.seg")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_HEADER_AT, _HEADER_END = PREFIX.size, PREFIX.size + HEADER.size

_log = logging.getLogger(__name__)


class Written(NamedTuple):
    """A frame that was written, not yet synced."""

    place: Place
    header: Header
    offset: int
    length: int


class TenantLog:
    """The segments of one tenant.

    `write`, `sync`, `keep` and `cut` are the writer thread's; all else may be called from anywhere.

    Args:
        tenant: Whose it is.
        folder: Where the segments are; made with the first frame.
        segment_bytes: After how many bytes a segment is followed by a new one.
    """

    def __init__(self, tenant: UUID, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.tenant = tenant
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._file = -1
        self._active = 0
        self._closed: list[int] = []
        self._rows = bytearray()
        self._without_index: dict[int, bytes] = {}
        self._just_closed: list[int] = []
        self._end = 0  # of what is synced
        self._written = bytearray()  # rows of what is written beyond
        self._written_end = 0
        self._ordinal = 0
        self._has_tail = False

    def open(self) -> dict[RunKey, Run]:
        """Find what the folder holds, cut a torn tail, and return the runs.

        Raises:
            DiskError: the folder cannot be read, or its tail not be cut.
        """
        try:
            numbers = self._numbers()
            through, runs = read_catalog(self.folder / "catalog")
            if through not in (0, *numbers) or (through and through == numbers[-1]):
                through, runs = 0, {}  # of a log that has been put back, or is not this one
            for number in numbers[:-1]:
                if number > through:
                    note_all(runs, self.rows(number), number)
            self._closed = numbers[:-1]
            if numbers:
                self._open_active(numbers[-1])
                note_all(runs, self._rows, self._active)
        except OSError as error:
            raise DiskError(f"{self.folder}: {error.strerror}") from error
        return runs

    def close(self) -> None:
        """Let go of the growing segment."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def segments(self) -> list[int]:
        """Return the numbers of the segments, in order."""
        with self._lock:
            return [*self._closed, *([self._active] if self._active else [])]

    def rows(self, segment: int, after: int = -1) -> bytes:
        """Return the packed rows of a segment's frames, as far as they are synced.

        Args:
            segment: Its number.
            after: Only of frames behind the one with this ordinal.
        """
        with self._lock:
            if segment == self._active:
                return bytes(memoryview(self._rows)[_behind(self._rows, after) :])
        rows = self._all_rows(segment)
        return rows[_behind(rows, after) :]

    def _all_rows(self, segment: int) -> bytes:
        """Return the packed rows of a segment that grows no more."""
        with self._lock:
            if segment in self._without_index:
                return self._without_index[segment]
        rows = read_index(self._path(segment, "idx"))
        if rows is None:
            found = scan(self._path(segment))
            self._tell(segment, found.damaged, found.size - found.end)
            rows = bytes(found.rows)
            with contextlib.suppress(OSError):
                write_index(self._path(segment, "idx"), rows)
        return rows

    def rows_behind(self, place: Place | None) -> Iterator[tuple[int, Rows]]:
        """Yield segment and headers of the frames that are synced behind a place; None: of all."""
        for segment in self.segments():
            if place is None or segment > place.segment:
                yield segment, as_rows(self.rows(segment))
            elif segment == place.segment:
                yield segment, as_rows(self.rows(segment, place.frame))

    def end(self) -> Place:
        """Return a place that every frame which is synced is at or before, and none to come is."""
        with self._lock:
            return Place(self._active, self._ordinal - 1)

    def newest(self, after: Place | None, count: int) -> Iterator[LoggedFrame]:
        """Yield of each machine the `count` frames behind a place that have its latest lines."""
        best: dict[bytes, list[tuple[int, Place, Header, int, int]]] = {}
        for segment, rows in self.rows_behind(after):
            machines = rows["machine"]
            order = np.lexsort((rows["ordinal"], rows["latest"], machines[:, 0], machines[:, 1]))
            machines = machines[order]
            # A frame is one of the last where the one `count` places on is another machine's.
            is_late = np.ones(len(order), dtype=bool)
            is_late[:-count] = (machines[count:] != machines[:-count]).any(axis=1)
            for header, offset, length in headers(rows[order[is_late]].tobytes()):
                kept = best.setdefault(header.machine, [])
                place = Place(segment, header.ordinal)
                kept.append((header.latest, place, header, offset, length))
                kept.sort(key=itemgetter(0, 1))
                del kept[:-count]
        for kept in best.values():
            for _, place, header, offset, length in kept:
                read = partial(self.text, place.segment, offset, length)
                yield LoggedFrame(place, header, read)

    def frames(self, after: Place | None = None) -> Iterator[LoggedFrame]:
        """Yield every frame that is synced, or those behind a place, in the order of the log."""
        for segment in self.segments():
            if after is not None and segment < after.segment:
                continue
            for header, offset, length in headers(self.rows(segment)):
                place = Place(segment, header.ordinal)
                if after is None or place > after:
                    yield LoggedFrame(place, header, partial(self.text, segment, offset, length))

    def text(self, segment: int, offset: int, length: int) -> bytes:
        """Return the lines of one frame.

        Raises:
            InputError: it is damaged, or gone.
        """
        path = self._path(segment)
        try:
            file = os.open(path, os.O_RDONLY)
            try:
                data = os.pread(file, length, offset)
            finally:
                os.close(file)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
        return text_of(data, f"{path}:{offset}")

    def write(self, frames: Sequence[tuple[Header, bytes]]) -> list[Written]:
        """Write headers and packed texts behind what is synced; each gets its ordinal here.

        Raises:
            OSError: there is no room, or the disk is broken: then `cut`.
        """
        if self._has_tail:
            self._cut()
        if not self._active or self._end >= self._segment_bytes:
            self._begin_segment()
        written: list[Written] = []
        parts: list[bytes] = []
        offset, ordinal = self._end, self._ordinal
        for unplaced, packed in frames:
            header = unplaced._replace(ordinal=ordinal)
            frame = framed(header, packed)
            self._written += row_of(frame[_HEADER_AT:_HEADER_END], offset, len(frame))
            written.append(Written(Place(self._active, ordinal), header, offset, len(frame)))
            parts.append(frame)
            offset += len(frame)
            ordinal += 1
        self._has_tail = True
        faults.reach("log.before-write")
        data = b"".join(parts)
        if faults.is_awaited("log.mid-frame"):
            self._pwrite(data[: len(data) - len(parts[-1]) // 2], self._end)
            faults.reach("log.mid-frame")
        self._pwrite(data, self._end)
        self._written_end = offset
        return written

    def sync(self) -> None:
        """Make what was written last.

        Raises:
            OSError: the disk is broken, or full after all: then `cut`.
        """
        faults.reach("log.before-sync")
        os.fdatasync(self._file)
        faults.reach("log.after-sync")

    def keep(self) -> None:
        """Let what is written and synced be seen."""
        with self._lock:
            self._rows += self._written
            self._ordinal += len(self._written) // ROW.itemsize
            self._end = self._written_end
            self._written.clear()
            self._has_tail = False

    def cut(self) -> None:
        """Take back what was written and not kept; if that fails, it is tried before a write."""
        self._written.clear()
        with contextlib.suppress(OSError):
            self._cut()

    def index(self, segment: int) -> None:
        """Write down what a segment that grows no more holds, so that a start need not read it."""
        faults.reach("log.before-index")
        rows = self.rows(segment)
        try:
            write_index(self._path(segment, "idx"), rows)
            faults.reach("log.after-index")
            with self._lock:
                self._without_index.pop(segment, None)
            through, runs = read_catalog(self.folder / "catalog")
            for number in self.segments():
                if through < number <= segment:
                    note_all(runs, self.rows(number), number)
            faults.reach("log.before-catalog")
            write_catalog(self.folder / "catalog", segment, runs.values())
        except OSError as error:  # derived: the next start makes it again
            _log.warning("%s: no index of segment %d: %s", self.folder, segment, error.strerror)

    def take_closed(self) -> list[int]:
        """Return the segments that grow no more since the last call: they want an index."""
        taken, self._just_closed = self._just_closed, []
        return taken

    def _numbers(self) -> list[int]:
        try:
            names = os.listdir(self.folder)  # noqa: PTH208 - names are all that is asked
        except FileNotFoundError:
            return []
        return sorted(int(match[1]) for match in map(_NAME.fullmatch, names) if match)

    def _path(self, segment: int, suffix: str = "seg") -> Path:
        return self.folder / f"{segment:010d}.{suffix}"

    def _open_active(self, number: int) -> None:
        path = self._path(number)
        found = scan(path)
        self._tell(number, found.damaged, found.size - found.end)
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        if found.size > found.end:
            os.ftruncate(self._file, found.end)
        # Frames that a killed process wrote and did not sync are there, but may not last yet.
        os.fdatasync(self._file)
        sync_folder(self.folder)
        self._active, self._rows, self._end = number, found.rows, found.end
        self._ordinal = max((header.ordinal + 1 for header, _, _ in headers(found.rows)), default=0)

    def _tell(self, segment: int, damaged: Sequence[tuple[int, int]], tail: int) -> None:
        path = self._path(segment)
        for start, end in damaged:
            _log.warning(
                "%s:%d: %d bytes are no frame; the rest was read", path, start, end - start
            )
        if tail:
            _log.warning("%s: torn tail of %d bytes, which was not acknowledged: cut", path, tail)

    def _begin_segment(self) -> None:
        number = self._active + 1
        path = self._path(number)
        if not self._active:  # every folder's entry has to last: log, tenant, tenants
            self.folder.mkdir(parents=True, exist_ok=True)
            for folder in list(self.folder.parents)[:3]:
                sync_folder(folder)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            faults.reach("log.new-segment")
            sync_folder(self.folder)
        except OSError:
            os.close(file)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        with self._lock:
            if self._active:
                self._closed.append(self._active)
                self._without_index[self._active] = bytes(self._rows)
                self._just_closed.append(self._active)
            self._active, self._rows = number, bytearray()
            self._end = self._ordinal = 0
        self.close()
        self._file = file

    def _pwrite(self, data: bytes, offset: int) -> None:
        view = memoryview(data)
        while view:
            count = os.pwrite(self._file, view, offset)
            if not count:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            view, offset = view[count:], offset + count

    def _cut(self) -> None:
        """Bring the file back to what is synced.

        After a failed sync the kernel holds pages for clean that never reached the disk, so the
        page that the last kept frame ends in is written anew.
        """
        start = self._end - self._end % _PAGE
        last = os.pread(self._file, self._end - start, start)
        os.ftruncate(self._file, self._end)
        self._pwrite(last, start)
        os.fdatasync(self._file)
        self._has_tail = False


def _behind(rows: bytes | bytearray, after: int) -> int:
    """Return where in packed rows those behind an ordinal begin: they are in the order of these."""
    if after < 0:
        return 0
    return int(as_rows(rows)["ordinal"].searchsorted(after, "right")) * ROW.itemsize
