"""The bytes of a request: in memory while they are few, else in a file without a name."""

import os
from typing import IO

_STEP = 1024 * 1024


class Body:
    """Bytes that are looked at piece by piece.

    Args:
        data: All of them, or the open file that holds them.
        start: Where they begin in it.
        end: Where they end.
    """

    def __init__(self, data: bytes | IO[bytes], start: int, end: int) -> None:
        self._data = data
        self._start = start
        self._end = end

    def __len__(self) -> int:
        """Return how many there are."""
        return self._end - self._start

    def read(self, start: int, size: int) -> bytes:
        """Return up to so many bytes from a place on."""
        size = min(size, len(self) - start)
        at = self._start + start
        if size <= 0:
            return b""
        if isinstance(self._data, bytes):
            return self._data[at : at + size]
        return os.pread(self._data.fileno(), size, at)

    def part(self, start: int, end: int) -> "Body":
        """Return those between two places."""
        return Body(self._data, self._start + start, self._start + end)

    def find(self, mark: bytes, start: int, end: int | None = None) -> int:
        """Return where `mark` is for the first time from `start` on, -1 where it is not."""
        end = len(self) if end is None else min(end, len(self))
        at = start
        while at < end:
            step = self.read(at, min(_STEP + len(mark) - 1, end - at))
            found = step.find(mark)
            if found >= 0:
                return at + found
            at += _STEP
        return -1
