"""One segment file: find its whole frames, and the index beside it that saves doing so."""

import contextlib
import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perfkit.store.log.frame import HEADER, MAGIC, PREFIX, ROW, WHERE, Header, length_at

Rows = npt.NDArray[np.void]

_INDEX_MAGIC = b"pkidx\x01\r\n"
_INDEX_HEAD = struct.Struct("<8sII")  # magic, CRC-32 of the rows, their number


class Scan(NamedTuple):
    """What a segment was found to hold."""

    rows: bytearray
    """ROW of each sound frame, in the file's order."""

    end: int
    """Where the last sound frame ends."""

    size: int
    """Bytes of the file: what is beyond `end` is a torn tail."""

    damaged: list[tuple[int, int]]
    """From where to where no sound frame is, though one follows."""


def scan(path: Path) -> Scan:
    """Return the frames of the segment, each by its checksum.

    A frame that is not sound is passed over where a sound one follows: a bad block in the middle
    costs what stood there, not what came later.
    """
    size = path.stat().st_size
    if not size:
        return Scan(bytearray(), 0, 0, [])
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = memoryview(mapped)
        try:
            return _scanned(mapped, view)
        finally:
            view.release()


def _scanned(mapped: mmap.mmap, data: memoryview) -> Scan:
    rows, at, end = bytearray(), 0, 0
    damaged: list[tuple[int, int]] = []
    while True:
        length = length_at(data, at)
        if not length:
            at = _next_frame(mapped, data, at + 1)
            if at < 0:
                return Scan(rows, end, len(data), damaged)
            damaged.append((end, at))
            end = at
            continue
        rows += data[at + PREFIX.size : at + PREFIX.size + HEADER.size]
        rows += WHERE.pack(at, length)
        at += length
        end = at


def _next_frame(mapped: mmap.mmap, data: memoryview, at: int) -> int:
    while True:
        at = mapped.find(MAGIC, at)
        if at < 0 or length_at(data, at):
            return at
        at += 1


def row_of(header: bytes, offset: int, length: int) -> bytes:
    """Return the row of a frame in an index."""
    return header + WHERE.pack(offset, length)


def as_rows(packed: bytes | bytearray) -> Rows:
    """Return packed rows as an array of ROW; they must not change any more."""
    return np.frombuffer(packed, dtype=ROW)


def headers(packed: bytes | bytearray) -> Iterator[tuple[Header, int, int]]:
    """Yield header, offset and length of each packed row."""
    for at in range(0, len(packed), ROW.itemsize):
        offset, length = WHERE.unpack_from(packed, at + HEADER.size)
        yield Header._make(HEADER.unpack_from(packed, at)), offset, length


def write_index(path: Path, rows: bytes) -> None:
    """Write a segment's index, whole or not at all; it need not survive a power cut."""
    head = _INDEX_HEAD.pack(_INDEX_MAGIC, zlib.crc32(rows), len(rows) // ROW.itemsize)
    replace(path, head + rows)


def read_index(path: Path) -> bytes | None:
    """Return the packed rows of a segment's index; None where it is absent or not whole."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if len(data) < _INDEX_HEAD.size:
        return None
    magic, crc, count = _INDEX_HEAD.unpack_from(data)
    rows = data[_INDEX_HEAD.size :]
    is_whole = magic == _INDEX_MAGIC and len(rows) == count * ROW.itemsize
    return rows if is_whole and zlib.crc32(rows) == crc else None


def replace(path: Path, data: bytes) -> None:
    """Write a derived file by its side and move it into place."""
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_bytes(data)
        new.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


def sync_folder(path: Path) -> None:
    """Make the folder's entries last: a new file is found after a power cut."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
