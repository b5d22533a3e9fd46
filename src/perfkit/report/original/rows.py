"""Rows of a CSV file, gathered and written in batches.

One call of msgspec's encoder turns a few hundred rows into a JSON array of arrays, which differs
from CSV by its brackets and by a `.0` behind whole floats: both go by `bytes.replace`.  A number
costs 50 ns that way, against 690 ns through `repr`.  What JSON would print otherwise than Go does
(below 1e-4, from 1e6 on) enters the rows as `msgspec.Raw` in Go's form, see `number`.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from perfkit.goformat import MAX_PLAIN, MIN_PLAIN, float_text

BATCH = 512
"""Rows gathered before they are written."""

# Text inside a row must not look like what `text_of` replaces.  These bytes never occur in UTF-8.
_HIDDEN = bytes.maketrans(b".,[]", b"\xff\xfe\xfd\xfc")
_SHOWN = bytes.maketrans(b"\xff\xfe\xfd\xfc", b".,[]")

Cell: TypeAlias = int | float | msgspec.Raw


def number(value: float) -> float | msgspec.Raw:
    """Return `value` itself if JSON prints it as Go does, else in Go's form."""
    if value == 0 or MIN_PLAIN <= abs(value) < MAX_PLAIN:
        return value
    return msgspec.Raw(float_text(value).encode())


def quoted(name: str) -> bytes:
    """Return a name as a CSV field, quoted where RFC 4180 says so: comma, quote, line end."""
    if any(mark in name for mark in ',"\r\n'):
        name = '"' + name.replace('"', '""') + '"'
    return name.encode()


def field(name: str, *rest: object) -> msgspec.Raw:
    """Return a name and the values behind it as one ready piece of a row."""
    text = b",".join([quoted(name).translate(_HIDDEN), *(str(value).encode() for value in rest)])
    return msgspec.Raw(text)


def text_of(rows: Sequence[tuple[Cell, ...]], end: bytes = b"\n") -> bytes:
    """Return rows as lines of CSV."""
    text = msgspec.json.encode(rows)[2:-2].replace(b"],[", end) + end
    text = text.replace(b".0,", b",").replace(b".0" + end, end)
    return text if text.isascii() else text.translate(_SHOWN)


class Rows:
    """The rows of one file on their way to it.

    Args:
        write: Takes the file's text piece by piece.
        heading: Its first line, without the line end.
        end: The line end.
    """

    def __init__(
        self, write: Callable[[bytes], object], heading: str, *, end: bytes = b"\n"
    ) -> None:
        self.pending: list[tuple[Cell, ...]] = []
        self._written = 0
        self._write = write
        self._end = end
        write(heading.encode() + end)

    @property
    def count(self) -> int:
        """Rows so far, without the heading."""
        return self._written + len(self.pending)

    def flush(self) -> None:
        """Write what is pending."""
        if self.pending:
            self._write(text_of(self.pending, self._end))
            self._written += len(self.pending)
            self.pending.clear()
