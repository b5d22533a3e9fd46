"""The new lines of a capture that grows, plain or gzip with a flush at each tick."""

import os
from pathlib import Path

from perfkit.capture.lines import LineCutter, record_of
from perfkit.capture.problems import Problems
from perfkit.capture.read import CHUNK_BYTES
from perfkit.capture.unpack import LONGEST_MAGIC, Unpacker, unpacker_for
from perfkit.errors import ParseError
from perfkit.record import Record


class Follower:
    """Reads a capture as it grows, on into the file that takes its place when it is rotated.

    It never waits: who follows decides how often to look.  A file that is not there yet has no
    lines yet.

    Args:
        path: The capture.
        offset: Byte to start at: 0, or the size that a finished file had when its collector went
            on with it, where a gzip member begins or a line.
    """

    def __init__(self, path: str | Path, *, offset: int = 0) -> None:
        self.problems = Problems()
        """What could not be read so far."""
        self._path = Path(path)
        self._position = offset
        self._descriptor: int | None = None
        self._start = b""
        self._unpacker: Unpacker | None = None
        self._cutter = LineCutter(self.problems)

    def read(self) -> list[Record]:
        """Return the records of the lines completed since the last call.

        Raises:
            OSError: the file is there and cannot be read.
        """
        found: list[Record] = []
        while True:
            if self._descriptor is None and not self._open():
                return found
            self._read_on(found)
            if not self._is_replaced():
                return found
            # What came between the last read and the renaming is still the old file's.
            self._read_on(found)
            self.close()

    def close(self) -> None:
        """Close the file; the next read opens what then has its name, from its start."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None
        self._position = 0
        self._forget()

    def _forget(self) -> None:
        self._start = b""
        self._unpacker = None
        self._cutter = LineCutter(self.problems)

    def _open(self) -> bool:
        try:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        return True

    def _is_replaced(self) -> bool:
        """Tell whether another file has the name now."""
        assert self._descriptor is not None  # noqa: S101 - only called while open
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        return not os.path.samestat(there, os.fstat(self._descriptor))

    def _read_on(self, found: list[Record]) -> None:
        assert self._descriptor is not None  # noqa: S101 - only called while open
        if os.fstat(self._descriptor).st_size < self._position:
            # Cut back to its last whole tick by a collector that goes on with it.
            self._position = os.fstat(self._descriptor).st_size
            self._forget()
        while data := os.pread(self._descriptor, CHUNK_BYTES, self._position):
            self._position += len(data)
            if self._unpacker is None:
                self._start += data
                if len(self._start) < LONGEST_MAGIC:
                    continue
                data = self._start
                self._unpacker = unpacker_for(data, self.problems)
            for text in self._unpacker.feed(data):
                self._take(text, found)

    def _take(self, text: bytes, found: list[Record]) -> None:
        number = self._cutter.cut
        for line in self._cutter.feed(text):
            number += 1
            if line and not line.isspace():
                try:
                    found.append(record_of(line))
                except ParseError as error:
                    self.problems.add(number, error.reason)
