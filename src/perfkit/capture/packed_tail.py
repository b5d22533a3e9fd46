"""Where a gzip capture may be continued: after its last whole member or its last whole tick."""

import os
import zlib

from perfkit.capture.member import (
    END_OF_STREAM,
    FLUSH_MARK,
    HEADER_BYTES,
    MAGIC,
    MARK,
    TRAILER_BYTES,
    WITH_GZIP_HEADER,
    Member,
    header,
    trailer,
)
from perfkit.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 64 * 1024


def find_packed_end(file: int, path: str, size: int) -> tuple[int, bytes]:
    """Return how many bytes of a gzip capture to keep, and what closes them.

    Only the last member is decompressed: those before it were closed in the same write that began
    their successor.

    Raises:
        InputError: another program wrote the end, and it is torn: cutting could cost everything.
    """
    end = size
    while end:
        start = _last_header(file, end)
        if start is None:
            if end < HEADER_BYTES and is_own_header(os.pread(file, end, 0)):
                return 0, b""
            return _foreign_end(file, path, 0, end)
        keep, closing = _member_end(file, start, end)
        if keep and not closing:
            rest = os.pread(file, HEADER_BYTES, keep)
            if rest.startswith(MAGIC) and not is_own_header(rest):
                return _foreign_end(file, path, keep, size)
        if keep:
            return keep, closing
        end = start
    return 0, b""


def is_own_header(head: bytes) -> bool:
    """Return whether a header, or the start of one, is ours."""
    return header(0).startswith(head[:4])


def _last_header(file: int, end: int) -> int | None:
    """Return where the last header of ours before `end` begins."""
    stop = end
    while stop > 0:
        start = max(0, stop - BLOCK)
        block = os.pread(file, min(end, stop + HEADER_BYTES) - start, start)
        found = len(block)
        while (found := block.rfind(MARK, 0, found)) >= 0:
            at = found + len(MARK) - HEADER_BYTES
            if at >= 0 and is_own_header(block[at : at + 4]):
                return start + at
        stop = start
    return None


def _member_end(file: int, start: int, end: int) -> tuple[int, bytes]:
    """Return where the member at `start` ends, or its last whole tick, and what closes it there.

    (0, b"") means that it holds no whole tick.
    """
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    crc = length = 0
    good = (0, b"")
    last = b""
    for at, piece in _pieces(file, start + HEADER_BYTES, end):
        try:
            text = stream.decompress(piece)
        except zlib.error:
            return good
        crc = zlib.crc32(text, crc)
        length += len(text)
        last = text[-1:] or last
        if stream.eof:
            if last != b"\n":
                return good  # damage that reads like an end
            return _after_stream(file, at - len(stream.unused_data), end, trailer(crc, length))
        if last == b"\n" and piece.endswith(FLUSH_MARK) and _may_end(stream):
            good = (at, END_OF_STREAM + trailer(crc, length))
    return good


def _pieces(file: int, at: int, end: int) -> "Iterator[tuple[int, bytes]]":
    """Cut what lies between two offsets after each flush mark; yield a piece with its end."""
    while at < end:
        block = os.pread(file, min(BLOCK, end - at), at)
        done = 0
        while (found := block.find(FLUSH_MARK, done)) >= 0:
            stop = found + len(FLUSH_MARK)
            yield at + stop, block[done:stop]
            done = stop
        # A mark may lie across two blocks: its first three bytes wait for the next.
        stop = len(block) if at + len(block) >= end else max(done, len(block) - 3)
        if stop > done:
            yield at + stop, block[done:stop]
        at += stop


def _may_end(stream: "zlib._Decompress") -> bool:
    """Return whether the stream stands between two blocks, where it can be closed."""
    trial = stream.copy()
    trial.decompress(END_OF_STREAM)
    return trial.eof


def _after_stream(file: int, at: int, end: int, wanted: bytes) -> tuple[int, bytes]:
    """Return the end of a member whose deflate stream ends at `at`."""
    found = os.pread(file, min(TRAILER_BYTES, end - at), at)
    return (at + TRAILER_BYTES, b"") if found == wanted else (at, wanted)


def _foreign_end(file: int, path: str, at: int, end: int) -> tuple[int, bytes]:
    """Return the end of members that other programs wrote; they have to be whole."""
    last = b""
    stream = zlib.decompressobj(WITH_GZIP_HEADER)
    try:
        while at < end:
            block = os.pread(file, min(BLOCK, end - at), at)
            text = stream.decompress(block)
            last = text[-1:] or last
            at += len(block) - len(stream.unused_data)
            if stream.eof and at < end:
                stream = zlib.decompressobj(WITH_GZIP_HEADER)
    except zlib.error as error:
        raise InputError(f"{path}: cannot be continued, left alone: {error}") from error
    if not stream.eof:
        reason = "another program wrote it and it ends in the middle: give another name"
        raise InputError(f"{path}: cannot be continued, left alone: {reason}")
    return end, b"" if last == b"\n" else _newline_member()


def _newline_member() -> bytes:
    member = Member(0)
    packed = member.tick(b"\n")
    member.written(b"\n", len(packed))
    return packed + member.end()
