"""One frame of the upload log: consecutive lines of one run, compressed, with a checksum.

    bytes   what
    4       magic: pkf and the version, 1
    4       length of what follows the 12 bytes
    4       CRC-32 of what follows
    112     the header: see HEADER
    rest    the canonical lines as one zstd frame

Numbers are little-endian.  The header alone tells which positions a frame holds, so that start-up
and duplicates need no text.
"""

import struct
import sys
import zlib
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

import numpy as np

from perfkit.errors import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = b"pkf\x01"
PREFIX = struct.Struct("<4sII")

HEADER = struct.Struct("<16s16sQIBBxxqqqII32s")
"""machine, run, first position, lines, kind, flags, received (ns), earliest and latest timestamp
(s), bytes of the text, ordinal in the segment, hash."""

OVERHEAD = PREFIX.size + HEADER.size
"""Bytes of a frame that are not text."""

ROW = np.dtype(
    [
        ("machine", "<u8", 2),
        ("run", "<u8", 2),
        ("first", "<u8"),
        ("count", "<u4"),
        ("kind", "u1"),
        ("flags", "u1"),
        ("", "V2"),
        ("received", "<i8"),
        ("earliest", "<i8"),
        ("latest", "<i8"),
        ("raw", "<u4"),
        ("ordinal", "<u4"),
        ("hash", "<u8", 4),
        ("offset", "<u8"),
        ("length", "<u4"),
        ("", "V4"),
    ]
)
"""A frame in an index: its header, where it begins in the segment, its length in all."""

WHERE = struct.Struct("<QI4x")
"""The end of a row: offset and length."""

STREAM, UPLOAD = 0, 1
KINDS = ("stream", "upload")
"""What a run is, by the number that a header holds."""

NUMBERED_HERE = 1
"""Flag: the positions were given on reception, and the hash is that of the whole body."""

TEXT_BYTES = 1024 * 1024
"""Text of one frame, or one line where that is longer: what a reader holds at a time."""

_LEVEL = 1  # a batch of six samples: 26 us and 3,700 bytes; level 3 takes 36 us for 3,850


class Place(NamedTuple):
    """Where a frame is: places of one tenant are in the order of the log."""

    segment: int
    frame: int


class Header(NamedTuple):
    """What a frame's header says, in its order."""

    machine: bytes
    run: bytes
    first: int
    lines: int
    kind: int
    flags: int
    received: int
    earliest: int
    latest: int
    raw: int
    ordinal: int
    hash: bytes


class Encoder:
    """Makes frames; one a thread, because it keeps its compressor."""

    def __init__(self) -> None:
        self._compress = zstd.ZstdCompressor(level=_LEVEL).compress

    def frame(self, header: Header, text: bytes) -> bytes:
        """Return the frame of a header and its text."""
        return framed(header, self.packed(text))

    def packed(self, text: bytes) -> bytes:
        """Return the text as a frame holds it."""
        return self._compress(text, zstd.ZstdCompressor.FLUSH_FRAME)


def framed(header: Header, packed: bytes) -> bytes:
    """Return the frame of a header and a packed text."""
    body = HEADER.pack(*header) + packed
    return PREFIX.pack(MAGIC, len(body), zlib.crc32(body)) + body


def length_at(data: memoryview, at: int) -> int:
    """Return the length of the frame that begins at `at`; 0 where no whole and sound one does."""
    if len(data) - at < OVERHEAD:
        return 0
    magic, length, crc = PREFIX.unpack_from(data, at)
    end = at + PREFIX.size + length
    if magic != MAGIC or length < HEADER.size or end > len(data):
        return 0
    return end - at if zlib.crc32(data[at + PREFIX.size : end]) == crc else 0


def text_of(frame: bytes, what: str) -> bytes:
    """Return the lines of a whole frame.

    Raises:
        InputError: it is not as it was written.
    """
    if length_at(memoryview(frame), 0) != len(frame):
        raise InputError(f"{what}: expected a frame of the upload log, found other bytes")
    return zstd.decompress(memoryview(frame)[OVERHEAD:])


class LoggedFrame:
    """One frame that is on disk, with its lines: at hand where it was just written, else read.

    Args:
        place: Where it is.
        header: What its header says.
        read: Returns its text; raises InputError where it is damaged.
        text: The text, where it is at hand.
    """

    __slots__ = ("_header", "_read", "_text", "count", "first", "place", "received")

    def __init__(
        self, place: Place, header: Header, read: Callable[[], bytes], text: bytes | None = None
    ) -> None:
        self.place = place
        self.first = header.first
        self.count = header.lines
        self.received = header.received
        self._header = header
        self._read = read
        self._text = text

    @property
    def machine(self) -> UUID:
        """Whose lines they are."""
        return UUID(bytes=self._header.machine)

    @property
    def run(self) -> UUID:
        """Of which of its runs."""
        return UUID(bytes=self._header.run)

    @property
    def kind(self) -> str:
        """`stream` or `upload`."""
        return KINDS[self._header.kind]

    @property
    def lines(self) -> bytes:
        """The canonical lines, as one text.

        Raises:
            InputError: the frame is damaged on disk.
        """
        return self._text if self._text is not None else self._read()

    def forget(self) -> None:
        """Keep the text no longer: it is read again when asked for."""
        self._text = None
