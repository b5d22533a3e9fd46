"""One segment of the spool: a file of frames, and a file beside it of what was delivered of it.

    0000000012.spool    frames of one run
    0000000012.sent     places in it that receipts cover: start u32 | end u32 | crc u32, each

What was delivered is noted without a sync: lost, it is sent again, and the server knows it.
"""

import errno
import os
import struct
import zlib
from contextlib import suppress

from perfkit.agent.frame import HEAD, frame_at, frames, packed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from perfkit.agent.frame import Frame

SPOOL = ".spool"
SENT = ".sent"

_RANGE = struct.Struct("<III")
OWN_FILE = 0o600


class Segment:
    """A segment, open for nobody: its files are opened when they are needed.

    Args:
        folder: Of the spool.
        number: Its own; the higher, the newer.
        run: UUID of the run whose lines it holds.
        identifier: The machine's.
        head: Bytes of its head.
    """

    __slots__ = ("_seed", "acked", "folder", "head", "identifier", "number", "run", "size")

    def __init__(self, folder: str, number: int, run: str, identifier: str, head: bytes) -> None:
        self.folder = folder
        self.number = number
        self.run = run
        self.identifier = identifier
        self.head = len(head)
        self.size = len(head)
        """Bytes that are or may be frames."""
        self.acked: list[tuple[int, int]] = []
        """Places that were delivered, in order, apart from each other."""
        self._seed = zlib.crc32(head, number)

    @property
    def path(self) -> str:
        """Return its file."""
        return path_of(self.folder, self.number, SPOOL)

    def gap(self, end: int) -> tuple[int, int] | None:
        """Return the first place before `end` that was not delivered, from start to end."""
        start = self.head
        for first, last in self.acked:
            if start < first:
                return (start, min(first, end)) if start < end else None
            start = max(start, last)
        return (start, end) if start < end else None

    def ack(self, start: int, end: int) -> None:
        """Note that what stands between two places was delivered."""
        self._merge(start, end)
        note = _RANGE.pack(start, end, self._check(start, end))
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            file = os.open(path_of(self.folder, self.number, SENT), flags, OWN_FILE)
        except OSError:
            return  # it is sent again after the next start
        try:
            os.write(file, note)
        except OSError:
            return
        finally:
            os.close(file)

    def load(self) -> None:
        """Read what was noted as delivered."""
        try:
            with open(path_of(self.folder, self.number, SENT), "rb") as file:
                notes = file.read()
        except OSError:
            return
        for at in range(0, len(notes) - _RANGE.size + 1, _RANGE.size):
            start, end, check = _RANGE.unpack_from(notes, at)
            if check == self._check(start, end) and self.head <= start < end <= self.size:
                self._merge(start, end)

    def undelivered(self) -> "list[Frame]":
        """Return the frames that were not delivered; their payloads are left out."""
        found: list[Frame] = []
        file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for frame in frames(file, self.head, self.size):
                if not any(first <= frame.start < last for first, last in self.acked):
                    frame.payload = b""
                    found.append(frame)
        finally:
            os.close(file)
        return found

    def ranges(self) -> list[tuple[int, int]]:
        """Return the first and last positions of the lines that were not delivered."""
        found: list[tuple[int, int]] = []
        try:
            waiting = self.undelivered()
        except OSError:
            return found
        for frame in waiting:
            last = frame.position + frame.lines - 1
            if found and found[-1][1] + 1 == frame.position:
                found[-1] = found[-1][0], last
            else:
                found.append((frame.position, last))
        return found

    def remove(self) -> None:
        """Remove its files."""
        for end in (SPOOL, SENT):
            with suppress(FileNotFoundError):
                os.unlink(path_of(self.folder, self.number, end))

    def _check(self, start: int, end: int) -> int:
        return zlib.crc32(_RANGE.pack(start, end, self._seed))

    def _merge(self, start: int, end: int) -> None:
        merged: list[tuple[int, int]] = []
        for first, last in sorted([*self.acked, (start, end)]):
            if merged and first <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(last, merged[-1][1])
            else:
                merged.append((first, last))
        self.acked = merged


def path_of(folder: str, number: int, end: str) -> str:
    """Return a file of the segment of this number."""
    return f"{folder}/{number:010d}{end}"


def head_of(run: str, identifier: str) -> bytes:
    """Return the head of a segment."""
    return packed(f"{run} {identifier}".encode(), kind=HEAD)


def opened(folder: str, number: int) -> Segment | None:
    """Return a segment that an earlier run left; None where there is nothing in it."""
    path = path_of(folder, number, SPOOL)
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(file).st_size
        head = frame_at(file, 0, size)
    finally:
        os.close(file)
    if head is None or head.kind != HEAD:
        return None
    run, _, identifier = head.payload.decode("utf-8", "replace").partition(" ")
    segment = Segment(folder, number, run, identifier, head_of(run, identifier))
    segment.size = size
    segment.load()
    return segment


def numbers_in(folder: str) -> dict[int, set[str]]:
    """Return the numbers of the segments in a folder, with the ends of the files of each."""
    found: dict[int, set[str]] = {}
    for name in os.listdir(folder):
        number, end = os.path.splitext(name)
        if end in (SPOOL, SENT) and len(number) == 10 and number.isascii() and number.isdigit():
            found.setdefault(int(number), set()).add(end)
    return found


def write_whole(file: int, content: bytes, start: int) -> None:
    """Write at a place; what does not fit is no room."""
    if os.pwrite(file, content, start) < len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
