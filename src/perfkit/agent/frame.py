"""What a segment of the spool consists of: frames, each with its length and its CRC.

A head tells the run and the machine; then one frame a tick.  A frame's payload is a piece of a
deflate stream, flushed, so that a tick costs 450 bytes and is readable as soon as it is there; the
stream begins anew with each batch, which is marked.  A frame is valid or it is not there: what
follows one that is cut, zeroed or overwritten is not read.

    crc u32 | length u32 | position u64 | at i64 | lines u32 | text u32 | kind u8 | payload

The CRC is of all that follows it.  Zeros are no frame: the CRC of zeros is none.
"""

import os
import struct
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_LAYOUT = struct.Struct("<IIQqIIB")
HEADER_BYTES = _LAYOUT.size

HEAD = 0x80
"""Kind of the first frame of a segment; its payload is run and identifier, with a blank between."""

START = 1
"""Kind of a frame that a batch begins with; any other is 0."""

LONGEST = 1 << 30
"""Bytes of a payload that can be meant."""

LEVEL = 3
HASH = 6
"""As `capture.member` has them: cheap, and the CPU's caches are left to others."""


class Frame:
    """A frame that has been read.

    Args:
        start: Where it begins in its segment.
        end: Where the next one begins.
        position: That of its first line in the run.
        at: Unix time of its tick.
        lines: How many lines its text has.
        text: Bytes of the text.
        kind: HEAD, START or 0.
        payload: Its piece of the stream.
    """

    __slots__ = ("at", "end", "kind", "lines", "payload", "position", "start", "text")

    def __init__(
        self, start: int, fields: tuple[int, int, int, int, int, int, int], payload: bytes
    ) -> None:
        self.start = start
        _, length, self.position, self.at, self.lines, self.text, self.kind = fields
        self.end = start + HEADER_BYTES + length
        self.payload = payload


def packed(
    payload: bytes, *, position: int = 0, at: int = 0, lines: int = 0, text: int = 0, kind: int = 0
) -> bytes:
    """Return a frame as its bytes."""
    rest = _LAYOUT.pack(0, len(payload), position, at, lines, text, kind)[4:] + payload
    return zlib.crc32(rest).to_bytes(4, "little") + rest


def frame_at(file: int, start: int, end: int) -> Frame | None:
    """Return the frame that begins at `start`; None where no valid one ends before `end`."""
    head = os.pread(file, HEADER_BYTES, start)
    if len(head) < HEADER_BYTES:
        return None
    fields: tuple[int, int, int, int, int, int, int] = _LAYOUT.unpack(head)
    crc, length = fields[:2]
    if length > LONGEST or start + HEADER_BYTES + length > end:
        return None
    payload = os.pread(file, length, start + HEADER_BYTES)
    if len(payload) < length or zlib.crc32(payload, zlib.crc32(head[4:])) != crc:
        return None
    return Frame(start, fields, payload)


def frames(file: int, start: int, end: int) -> "Iterator[Frame]":
    """Give the frames between two places, up to the first that is not valid."""
    while start < end:
        frame = frame_at(file, start, end)
        if frame is None:
            return
        yield frame
        start = frame.end


class Packer:
    """The deflate stream of one batch that is being written."""

    __slots__ = ("_deflate",)

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, HASH)

    def tick(self, text: bytes) -> bytes:
        """Return the bytes that add one tick."""
        return self._deflate.compress(text) + self._deflate.flush(zlib.Z_SYNC_FLUSH)


class Unpacker:
    """The deflate stream of one batch that is being read."""

    __slots__ = ("_inflate",)

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)

    def text(self, frame: Frame) -> bytes:
        """Return the lines of the next frame."""
        if frame.kind == START:
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        return self._inflate.decompress(frame.payload)
