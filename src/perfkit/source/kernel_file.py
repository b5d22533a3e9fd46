"""A kernel file that is opened once and read again at every tick."""

import os

from perfkit.record import marked

SMALLEST = 4096

_pread = os.pread  # one look-up less at each call


class KernelFile:
    """One file of /proc or /sys, or of a recorded tree.

    Args:
        path: Where it is.
        subsystem: What its records are called.
        is_one_record: Whether the kernel makes it in one go (`single_open`), so that a read which
            leaves room in its buffer had all of it.
    """

    __slots__ = ("_is_one_record", "_size", "name", "number", "path", "subsystem")

    def __init__(self, path: str, subsystem: str, *, is_one_record: bool = False) -> None:
        self._is_one_record = is_one_record
        self.path = path
        self.subsystem = subsystem
        self.name = marked(subsystem)
        """Of its records, as `tick_lines` takes it."""
        self.number = -1
        """Its descriptor, -1 while it is closed."""
        self._size = SMALLEST

    def read(self) -> bytes:
        """Return the whole file as it is now.

        A seq_file gives about a page of its records a call, and a new text only to a reader at its
        start: so it is read from 0, and on until nothing comes, which alone proves the end.

        Raises:
            OSError: it is absent, gone with its device, or cannot be read; the next call opens it
                anew.
        """
        size = self._size
        try:
            if self.number < 0:
                self.number = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            data = _pread(self.number, size, 0)
            if len(data) < size and self._is_one_record:
                return data
            more = _pread(self.number, size, len(data)) if data else b""
            while more:
                data += more
                more = _pread(self.number, size, len(data))
        except OSError:
            self.close()
            raise
        while self._size <= len(data):
            self._size *= 2
        return data

    def is_of_kernel(self) -> bool:
        """Return whether the open file is made up by the kernel: such have no size."""
        return os.fstat(self.number).st_size == 0

    def close(self) -> None:
        """Close the file; `read` opens it again."""
        if self.number >= 0:
            os.close(self.number)
            self.number = -1
