"""Rows of a CSV file, gathered and written in batches.

One call of msgspec's encoder turns a few hundred rows into a line of JSON each, which differs from
CSV by its brackets and by a `.0` behind whole floats: both are taken out of the text of all rows at
once.  A number costs 50 ns that way, against 690 ns through `repr`.  What JSON would print
otherwise than Go does (below 1e-4, from 1e6 on) enters the rows as `msgspec.Raw` in Go's form, see
`number`.
"""

from collections.abc import Callable, Sequence
from typing import BinaryIO, TypeAlias

import msgspec

from perfkit.goformat import MAX_PLAIN, MIN_PLAIN, float_text

BATCH = 512
"""Rows gathered before they are written."""

# Text inside a row must not look like what `text_of` takes out.  These bytes never occur in UTF-8.
_HIDDEN = bytes.maketrans(b".,[]\n", b"\xff\xfe\xfd\xfc\xfb")
_SHOWN = bytes.maketrans(b"\xff\xfe\xfd\xfc\xfb", b".,[]\n")
_BRACKETS = b"[]"

Cell: TypeAlias = int | float | msgspec.Raw
Row: TypeAlias = tuple[Cell, ...]


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


def name_text(name: str) -> bytes:
    """Return a name as a piece of a row: quoted if need be, and safe from `text_of`."""
    return quoted(name).translate(_HIDDEN)


_encode = msgspec.json.Encoder().encode_lines


def text_of(rows: Sequence[Row], end: bytes = b"\n") -> bytes:
    """Return rows as lines of CSV."""
    text = _encode(rows).replace(b".0,", b",").replace(b".0]", b"]")
    if end != b"\n":
        text = text.replace(b"\n", end)
    return text.translate(_SHOWN, _BRACKETS)


class Rows:
    """The rows of one file on their way to it.

    Args:
        create: Makes the file, when it is known to have a use.
        heading: Its first line, without the line end.
        end: The line end.
    """

    def __init__(self, create: Callable[[], BinaryIO], heading: str, *, end: bytes = b"\n") -> None:
        self.pending: list[Row] = []
        """Rows gathered and not yet written; always the same list."""
        self._create = create
        self._heading = heading.encode() + end
        self._end = end
        self._file: BinaryIO | None = None
        self._written = 0

    @property
    def count(self) -> int:
        """Rows so far, without the heading."""
        return self._written + len(self.pending)

    @property
    def is_begun(self) -> bool:
        """Whether there is a file."""
        return self._file is not None

    def begin(self) -> BinaryIO:
        """Make the file with its heading, unless that is done."""
        if self._file is None:
            self._file = self._create()
            self._file.write(self._heading)
        return self._file

    def flush(self) -> None:
        """Write what is pending."""
        if self.pending:
            self.begin().write(text_of(self.pending, self._end))
            self._written += len(self.pending)
            self.pending.clear()
