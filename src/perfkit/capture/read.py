"""A capture as a stream: from a file or standard input, plain, gzip or zstd, whole or cut.

Memory does not grow with the capture.  Three ways to read it:

    Capture.batches()    raw lines, for who cuts them himself
    records(path)        Record by Record, what cannot be read set aside in `Problems`
    follow.Follower      the lines that have come since the last look
"""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader, BytesIO
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from perfkit.capture.lines import LineCutter, record_of
from perfkit.capture.problems import Problems
from perfkit.capture.unpack import LONGEST_MAGIC, unpacker_for
from perfkit.errors import InputError, ParseError
from perfkit.record import Record

STDIN = "-"
"""The name that means standard input."""

CHUNK_BYTES = 128 * 1024
"""Bytes read at once."""


class Bytes(Protocol):
    """Where a capture comes from: an open binary file."""

    def read(self, size: int, /) -> bytes | None:
        """Return up to `size` bytes, none at the end."""
        ...

    def close(self) -> None:
        """Release it."""
        ...


class Capture:
    """A capture while it is read.

    Args:
        file: Its bytes; closed at the end.
        name: What messages call it.
        size: Its length in bytes, None where nobody knows.
        problems: Takes what cannot be read.
    """

    def __init__(
        self, file: Bytes, name: str, *, size: int | None = None, problems: Problems | None = None
    ) -> None:
        self.name = name
        self.size = size
        self.position = 0
        """Bytes of the file read so far: what a progress bar shows against `size`."""
        self.problems = problems if problems is not None else Problems()
        self._file = file

    def __enter__(self) -> Self:
        """Return the capture itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()

    def batches(self) -> Iterator[tuple[int, list[bytes]]]:
        """Yield lines without their ends, many at once, and the number of the first of them.

        An empty line stands for one that was too long.  A last line without an end comes too if it
        is a whole record; else it is reported as cut.
        """
        cutter = LineCutter(self.problems)
        for text in self._text():
            first = cutter.cut + 1
            lines = cutter.feed(text)
            if lines:
                yield first, lines
        number = cutter.cut + 1
        rest = cutter.rest()
        if rest.strip():
            try:
                record_of(rest)
            except ParseError:
                size = len(rest)
                self.problems.add(number, f"cut in the middle of a line, {size} bytes lost")
            else:
                yield number, [rest]

    def records(self) -> Iterator[Record]:
        """Yield the records; a line that holds none is a problem and costs no other."""
        for first, lines in self.batches():
            for number, line in enumerate(lines, first):
                if not line or line.isspace():
                    continue
                try:
                    yield record_of(line)
                except ParseError as error:
                    self.problems.add(number, error.reason)

    def _text(self) -> Iterator[bytes]:
        """Yield the text of the file, unpacked, in pieces."""
        start = b""
        while len(start) < LONGEST_MAGIC and (more := self._read()):
            start += more
        unpacker = unpacker_for(start, self.problems)
        data = start
        while data:
            yield from unpacker.feed(data)
            data = self._read()
        unpacker.finish()

    def _read(self) -> bytes:
        try:
            data = self._file.read(CHUNK_BYTES) or b""
        except OSError as error:
            reason = error.strerror or str(error)
            self.problems.add(0, f"not read from byte {self.position} on: {reason.lower()}")
            return b""
        self.position += len(data)
        return data


def open_capture(path: str | Path, problems: Problems | None = None) -> Capture:
    """Return the capture at `path`, standard input for `-`.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    if str(path) == STDIN:
        return Capture(_Standard(), "standard input", problems=problems)
    name = str(path)
    try:
        file = Path(path).open("rb", buffering=0)  # noqa: SIM115 - Capture closes it
    except IsADirectoryError:
        raise InputError(f"{name}: is a folder, expected a capture file") from None
    except FileNotFoundError:
        raise InputError(f"{name}: no such file, expected a capture") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name}: cannot be read: {reason.lower()}") from None
    status = os.fstat(file.fileno())
    size = status.st_size if stat.S_ISREG(status.st_mode) else None
    with suppress(OSError):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return Capture(file, name, size=size, problems=problems)


def records(path: str | Path, problems: Problems | None = None) -> Iterator[Record]:
    """Yield the records of the capture at `path`, `-` for standard input.

    Args:
        path: The capture.
        problems: Takes what cannot be read; without it that is passed over.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    with open_capture(path, problems) as capture:
        yield from capture.records()


class _Standard:
    """Standard input, as it comes: a slow writer's lines are not held back."""

    def read(self, size: int, /) -> bytes:
        buffer = sys.stdin.buffer
        return (
            buffer.read1(size)
            if isinstance(buffer, BufferedReader | BytesIO)
            else buffer.read(size)
        )

    def close(self) -> None:
        """Leave it open: it is not ours."""
