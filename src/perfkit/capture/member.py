"""One gzip member of a capture: a single deflate stream, flushed at each tick.

A tick costs 350 bytes so, where each tick alone would take 1,500, and a sync flush leaves all of it
readable at once.  A member of ours is told by an extra field in its header (RFC 1952, 2.3.1.1), so
that a repair finds the last one from the end of the file and can tell it from another program's.
"""

import zlib

MAGIC = b"\x1f\x8b"
MARK = b"\x00\x03\x04\x00pk\x00\x00"
"""End of our header: some level, Unix, 4 bytes of extra fields: `pk`, without content."""

LEVEL = 3
"""As cheap as 1 on kernel text that is like that of the tick before, and a seventh smaller."""

HASH = 6
"""zlib's memLevel: a hash table of 16 KiB, which leaves the caches to others, finds as much."""

HEADER_BYTES = 16
TRAILER_BYTES = 8
WITH_GZIP_HEADER = zlib.MAX_WBITS + 16
FLUSH_MARK = b"\x00\x00\xff\xff"
"""What a sync flush ends with: an empty stored block (RFC 1951, 3.2.4)."""

END_OF_STREAM = b"\x03\x00"
"""A last, empty block: ten bits that may follow any flush."""

END_BYTES = len(END_OF_STREAM) + TRAILER_BYTES


def header(seconds: int) -> bytes:
    """Return the header of a member begun at `seconds` since 1970."""
    return MAGIC + b"\x08\x04" + (seconds & 0xFFFFFFFF).to_bytes(4, "little") + MARK


def trailer(crc: int, length: int) -> bytes:
    """Return what follows the deflate stream: CRC and length of the text."""
    return crc.to_bytes(4, "little") + (length & 0xFFFFFFFF).to_bytes(4, "little")


class Member:
    """A member that is being written.

    Args:
        at: When it begins, nanoseconds since 1970.
    """

    __slots__ = ("_crc", "_deflate", "_head", "_length", "at", "size")

    def __init__(self, at: int) -> None:
        self.at = at
        self.size = 0
        """Bytes it has taken in the file."""
        self._head = header(at // 1_000_000_000)
        self._deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, HASH)
        self._crc = 0
        self._length = 0

    def tick(self, text: bytes) -> bytes:
        """Return the bytes that add one tick, readable to its end."""
        packed = self._deflate.compress(text) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return self._head + packed

    def written(self, text: bytes, packed: int) -> None:
        """Count a tick in, once its `packed` bytes are in the file."""
        self._head = b""
        self._crc = zlib.crc32(text, self._crc)
        self._length += len(text)
        self.size += packed

    def end(self) -> bytes:
        """Return the bytes that close the member after the last tick counted in."""
        return END_OF_STREAM + trailer(self._crc, self._length) if self.size else b""
