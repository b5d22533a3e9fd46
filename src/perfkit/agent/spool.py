"""The spool: what was sampled and no receipt covers yet, on disk, bounded.

Ticks are appended to segments, batch by batch; a receipt takes batches away again, in any order,
and a segment that is delivered whole is removed.  Where there is no room the oldest segment goes,
and is told.  Two threads work here: one appends, one sends; a lock guards the index, no file is
written or read under it but for the few bytes that note a delivery.
"""

import _thread
import errno
import os

from perfkit.agent.frame import START, Packer, packed
from perfkit.agent.segment import (
    OWN_FILE,
    SPOOL,
    Segment,
    head_of,
    numbers_in,
    opened,
    path_of,
    write_whole,
)
from perfkit.agent.spool_folder import OWN_FOLDER, failure, locked, set_aside
from perfkit.errors import DiskError
from perfkit.units import KIB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Dropped = Callable[[str, int, int, str], None]

SEGMENT_BYTES = MIB
SMALLEST_SEGMENT = 4 * KIB
SMALLEST_SPOOL = 64 * KIB

FULL = "spool full"
"""Why lines are dropped, as `perfkit/gap` tells it."""

PARKED = "parked"

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Place:
    """Batches in one segment.

    Args:
        segment: Which.
        start: Where the first one begins.
        end: Where the last one ends.
        is_live: Whether they were sampled since the server was last heard of.
    """

    __slots__ = ("end", "is_live", "segment", "start")

    def __init__(self, segment: Segment, start: int, end: int, *, is_live: bool) -> None:
        self.segment = segment
        self.start = start
        self.end = end
        self.is_live = is_live


class Spool:
    """A folder of segments, locked for this process.

    Args:
        folder: Made if absent.
        most: Bytes that it may take.
        run: UUID of the run whose lines are appended.
        identifier: The machine's.
        dropped: Takes run, first and last position of lines that had to go, and why.
        warn: Takes one line for a person.
        floor: Bytes that have to stay free on the file system, where more than a segment waits.

    Raises:
        UsageError: another collector is at it, or it is no folder.
        DiskError: it cannot be made or read.
    """

    def __init__(
        self,
        folder: str,
        most: int,
        run: str,
        identifier: str,
        *,
        dropped: "Dropped",
        warn: "Callable[[str], None]",
        floor: int = 0,
    ) -> None:
        self.folder = folder
        self._most = most
        self._run, self._identifier = run, identifier
        self._warn = warn
        self._dropped = dropped
        self._floor = floor
        self._segment_bytes = min(SEGMENT_BYTES, max(SMALLEST_SEGMENT, most // 16))
        self._guard = _thread.allocate_lock()
        self._segments: list[Segment] = []
        self._file = -1
        self._packer: Packer | None = None
        self._sealed = 0
        """Where the batches of the newest segment end that may be sent."""
        self._batch = 0
        """Where the batch that is being written begins in it."""
        self._expected = -1
        """Position of the next line, where it goes on with that batch."""
        self._live: tuple[Segment, int] | None = None
        self._busy: Segment | None = None
        self.parked_bytes = 0
        self._lock = locked(folder)
        self._number = max(numbers_in(self.folder), default=0)
        self._open_earlier()

    # -- the thread that appends

    def append(self, text: bytes, *, position: int, lines: int, at: int) -> None:
        """Add the lines of one tick, all of them or none.

        Raises:
            DiskError: they cannot be written; the spool is as it was before.
        """
        if position != self._expected:
            self.seal()
        try:
            self._append(text, position, lines, at)
        except OSError as error:
            self.seal()
            raise failure(self.folder, error) from error
        self._expected = position + lines

    def seal(self) -> None:
        """End the batch: what follows is another one, and this one may be sent."""
        with self._guard:
            self._packer = None
            self._expected = -1
            if not self._segments or self._file < 0:
                return
            newest = self._segments[-1]
            if self._live is None and self._batch < newest.size:
                self._live = newest, self._batch
            self._batch = self._sealed = newest.size

    def sync(self) -> None:
        """Have the disk keep what was appended.

        Raises:
            DiskError: it refuses.
        """
        if self._file >= 0:
            try:
                os.fdatasync(self._file)
            except OSError as error:
                raise failure(self.folder, error) from error

    # -- the thread that sends

    def next_place(self, *, has_backlog: bool = True) -> Place | None:
        """Return what is to be sent next, None where nothing is; it is not dropped until `done`.

        What is live comes first, then, if it is wanted, the oldest.
        """
        with self._guard:
            place = self._live_place() or (self._oldest_place() if has_backlog else None)
            self._busy = place.segment if place else None
        return place

    def done(self, place: Place | None = None) -> None:
        """Take away what was delivered, if it was; without a place nothing was."""
        with self._guard:
            self._busy = None
            if place is None:
                self._live = None  # it is not live any more when the server is back
                return
            segment = place.segment
            segment.ack(place.start, place.end)
            if self._live and self._live[0] is segment and place.start <= self._live[1] < place.end:
                self._live = self._after(segment, place.end)
            if self._is_finished(segment):
                self._remove(segment)

    def park(self, name: str, content: bytes) -> str:
        """Put a body that the server refuses beside the segments; return its path.

        Raises:
            DiskError: there is no room.
        """
        folder = f"{self.folder}/{PARKED}"
        path = f"{folder}/{name}.json.gz"
        if self.parked_bytes + len(content) > self._most // 4:
            raise DiskError(f"{folder}: full: {self.parked_bytes} bytes wait for somebody to look")
        try:
            os.makedirs(folder, OWN_FOLDER, exist_ok=True)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, OWN_FILE)
            try:
                write_whole(file, content, 0)
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise failure(self.folder, error) from error
        self.parked_bytes += len(content)
        return path

    # -- both

    def waiting(self) -> int:
        """Return the bytes that are sealed and not delivered."""
        with self._guard:
            return sum(self._undelivered(segment) for segment in self._segments)

    def close(self) -> None:
        """Let go of the folder; what is not delivered stays."""
        with self._guard:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
            for segment in list(self._segments):
                if not self._undelivered(segment):
                    self._remove(segment)
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1

    # -- inside

    def _append(self, text: bytes, position: int, lines: int, at: int) -> None:
        kind = 0
        if self._packer is None:
            self._packer = Packer()
            kind = START
            if self._file < 0 or self._segments[-1].size >= self._segment_bytes:
                self._roll()
        payload = self._packer.tick(text)
        frame = packed(payload, position=position, at=at, lines=lines, text=len(text), kind=kind)
        self._make_room(len(frame))
        self._write(frame)

    def _write(self, frame: bytes) -> None:
        newest = self._segments[-1]
        try:
            write_whole(self._file, frame, newest.size)
        except OSError as error:
            os.ftruncate(self._file, newest.size)
            if error.errno not in _NO_ROOM or not self._drop_oldest():
                raise
            self._write(frame)
            return
        with self._guard:
            newest.size += len(frame)

    def _roll(self) -> None:
        """Begin a new segment; the one before is on disk and ends here."""
        if self._file >= 0:
            os.fdatasync(self._file)
            os.close(self._file)
            self._file = -1
        number = self._number + 1
        head = head_of(self._run, self._identifier)
        self._make_room(len(head))
        path = path_of(self.folder, number, SPOOL)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWN_FILE)
        try:
            os.pwrite(file, head, 0)
            os.fdatasync(file)
            self._sync_folder()
        except OSError:
            os.close(file)
            os.unlink(path)
            raise
        self._number = number
        with self._guard:
            for segment in list(self._segments[-1:]):
                if not self._undelivered(segment):
                    self._remove(segment)
            self._file = file
            segment = Segment(self.folder, number, self._run, self._identifier, head)
            self._segments.append(segment)
            self._sealed = self._batch = segment.size

    def _make_room(self, more: int) -> None:
        """Drop the oldest segments until so many bytes more may be written."""
        while self._is_over(more):
            if not self._drop_oldest():
                return

    def _is_over(self, more: int) -> bool:
        with self._guard:
            size = more + self.parked_bytes + sum(segment.size for segment in self._segments)
        if size > self._most:
            return True
        if not self._floor or size <= self._segment_bytes:
            return False
        space = os.fstatvfs(self._lock)
        return space.f_bavail * space.f_frsize < self._floor

    def _drop_oldest(self) -> bool:
        """Drop the oldest segment that is not in use; return whether there was one."""
        with self._guard:
            rest = self._segments[:-1] if self._file >= 0 else self._segments
            oldest = next((segment for segment in rest if segment is not self._busy), None)
            if oldest is None:
                return False
            self._segments.remove(oldest)
            if self._live and self._live[0] is oldest:
                self._live = None
        for first, last in oldest.ranges():
            self._dropped(oldest.run, first, last, FULL)
        oldest.remove()
        return True

    def _live_place(self) -> Place | None:
        if self._live is None:
            return None
        segment, start = self._live
        return Place(segment, start, self._end_of(segment), is_live=True)

    def _oldest_place(self) -> Place | None:
        for segment in self._segments:
            found = segment.gap(self._end_of(segment))
            if found:
                return Place(segment, *found, is_live=False)
        return None

    def _after(self, segment: Segment, end: int) -> tuple[Segment, int] | None:
        """Return where what is live goes on after a place, None where nothing is."""
        at = self._segments.index(segment)
        if end < self._end_of(segment):
            return segment, end
        for newer in self._segments[at + 1 :]:
            if newer.head < self._end_of(newer):
                return newer, newer.head
        return None

    def _end_of(self, segment: Segment) -> int:
        is_newest = self._file >= 0 and segment is self._segments[-1]
        return self._sealed if is_newest else segment.size

    def _undelivered(self, segment: Segment) -> int:
        done = sum(end - start for start, end in segment.acked)
        return self._end_of(segment) - segment.head - done

    def _is_finished(self, segment: Segment) -> bool:
        is_open = self._file >= 0 and segment is self._segments[-1]
        return not is_open and segment in self._segments and not self._undelivered(segment)

    def _remove(self, segment: Segment) -> None:
        self._segments.remove(segment)
        segment.remove()

    def _open_earlier(self) -> None:
        """Take up what earlier runs left."""
        for number, ends in sorted(numbers_in(self.folder).items()):
            path = path_of(self.folder, number, SPOOL)
            if SPOOL not in ends:
                Segment(self.folder, number, "", "", b"").remove()
                continue
            try:
                segment = opened(self.folder, number)
                if segment is None:
                    set_aside(path, self._warn)
                elif segment.gap(segment.size):
                    self._segments.append(segment)
                else:
                    segment.remove()
            except OSError as error:
                self._warn(f"{path}: left alone: {(error.strerror or str(error)).lower()}")
        try:
            with os.scandir(f"{self.folder}/{PARKED}") as files:
                self.parked_bytes = sum(file.stat().st_size for file in files)
        except OSError:
            self.parked_bytes = 0

    def _sync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
