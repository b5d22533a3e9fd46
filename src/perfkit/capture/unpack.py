"""Text out of gzip and zstd as it arrives: any number of members, cut and damaged ones too.

An unpacker takes bytes in pieces of any size and yields text in pieces of PIECE_BYTES at most, so
that a small file which unpacks to a big one takes no more memory than any other.
"""

import sys
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from perfkit.capture.problems import Problems

if TYPE_CHECKING:
    from backports.zstd import ZstdDecompressor

PIECE_BYTES = 256 * 1024

GZIP_MAGIC = b"\x1f\x8b\x08"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
LONGEST_MAGIC = 4

_GZIP = 16 + zlib.MAX_WBITS
_FLUSH_MARK = b"\x00\x00\xff\xff"
"""What a sync flush ends with: an empty stored block (RFC 1951, 3.2.4)."""


class Unpacker(Protocol):
    """Turns what a file holds into the text that was put there."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the text that more bytes of the file bring."""
        ...

    def finish(self) -> None:
        """Report how the file ended."""
        ...


def unpacker_for(start: bytes, problems: Problems) -> Unpacker:
    """Return what reads a file that starts like this: names say nothing, magic numbers do."""
    if start.startswith(GZIP_MAGIC):
        return Gzip(problems)
    if start.startswith(ZSTD_MAGIC):
        return Zstd(problems)
    return Plain()


class Plain:
    """Text that is not packed."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the text as it is."""
        yield data

    def finish(self) -> None:
        """Report nothing: text may end anywhere."""


class Gzip:
    """A gzip file (RFC 1952) of one member or many.

    Where a member is damaged, what could be read of it stays and reading goes on at the next one.

    Args:
        problems: Takes what was lost.
    """

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._inflate: zlib._Decompress | None = None
        self._held = b""
        """The start of what may be a magic number."""
        self._last = b""
        """The last bytes of the file so far."""
        self._offset = 0
        self._lost = False
        """Whether nothing has been readable since a damage was reported."""
        self._in_line = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the text that more bytes of the file bring."""
        self._last = (self._last + data[-len(_FLUSH_MARK) :])[-len(_FLUSH_MARK) :]
        self._offset += len(data)
        data = self._held + data
        self._held = b""
        while data:
            is_start = self._inflate is None
            if self._inflate is None:
                data = self._member_in(data)
                if not data:
                    return
                self._inflate = zlib.decompressobj(_GZIP)
            before = self._inflate.copy()
            try:
                text = self._inflate.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                yield from self._up_to_damage(before, data)
                self._lose(len(data), "damaged: " + str(error).partition(": ")[2])
                self._inflate = None
                data = data[1:] if is_start else data
                continue
            if text:
                self._lost = False
                self._in_line = not text.endswith(b"\n")
                yield text
            data = self._inflate.unconsumed_tail
            if self._inflate.eof:
                data = self._inflate.unused_data
                self._inflate = None

    def finish(self) -> None:
        """Report how the file ended: whole, at a flush, or in the middle."""
        if self._inflate is None:
            if self._held and not self._lost:
                self._lose(len(self._held), "cut")
        elif self._last == _FLUSH_MARK or _only_trailer_missing(self._inflate):
            self._problems.note("the gzip stream has no end yet: still being written, or cut there")
        else:
            self._lose(0, "cut: its last bytes gave no text")

    def _lose(self, behind: int, reason: str) -> None:
        """Report a loss `behind` bytes before what has been fed, once until text comes again."""
        if not self._lost:
            self._problems.add(0, f"gzip stream near byte {self._offset - behind} {reason}")
        self._lost = True

    def _member_in(self, data: bytes) -> bytes:
        """Return `data` from the start of the next member on."""
        if not self._lost:
            data = data.lstrip(b"\0")
            if data.startswith(GZIP_MAGIC) or not data:
                return data
            if GZIP_MAGIC.startswith(data):
                self._held = data
                return b""
            self._lose(len(data), "followed by bytes that are no gzip member")
        start = data.find(GZIP_MAGIC)
        if start < 0:
            self._held = data[1 - len(GZIP_MAGIC) :]
            return b""
        return data[start:]

    def _up_to_damage(self, before: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
        """Yield what comes before the damage: byte by byte, as the call that failed gave nothing.

        A line that was begun ends there: what follows is another member's.
        """
        found = bytearray()
        try:
            for place in range(len(data)):
                found += before.decompress(data[place : place + 1])
                if len(found) >= PIECE_BYTES:
                    self._in_line = not found.endswith(b"\n")
                    yield bytes(found)
                    found.clear()
        except zlib.error:
            pass
        if found:
            self._in_line = not found.endswith(b"\n")
            yield bytes(found)
        if self._in_line:
            self._in_line = False
            yield b"\n"


def _only_trailer_missing(inflate: "zlib._Decompress") -> bool:
    """Tell whether the text is complete: then bytes that follow are taken for the checksum."""
    probe = inflate.copy()
    try:
        probe.decompress(b"\0" * 8)
    except zlib.error as error:
        return "incorrect data check" in str(error) or "incorrect length check" in str(error)
    return probe.eof


class Zstd:
    """A zstd file (RFC 8878) of one frame or many.

    Args:
        problems: Takes what was lost.
    """

    def __init__(self, problems: Problems) -> None:
        if sys.version_info >= (3, 14):
            from compression import zstd  # noqa: PLC0415 - only for such a file
        else:
            from backports import zstd  # noqa: PLC0415 - the same
        self._problems = problems
        self._new = zstd.ZstdDecompressor
        self._error = zstd.ZstdError
        self._decompressor: ZstdDecompressor | None = None
        self._failed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the text that more bytes of the file bring."""
        while not self._failed:
            if self._decompressor is None:
                if not data:
                    return
                self._decompressor = self._new()
            try:
                text = self._decompressor.decompress(data, PIECE_BYTES)
            except self._error as error:
                self._problems.add(0, f"zstd data damaged ({error}): not read from there on")
                self._failed = True
                return
            if text:
                yield text
            if self._decompressor.eof:
                data = self._decompressor.unused_data
                self._decompressor = None
            else:
                data = b""
                if self._decompressor.needs_input:
                    return

    def finish(self) -> None:
        """Report how the file ended: whole, or somewhere."""
        if self._decompressor is not None and not self._failed:
            # Unlike gzip's sync flush nothing tells whether a block was begun.
            self._problems.add(0, "the zstd stream has no end: what its last block had is lost")
