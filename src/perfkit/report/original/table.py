r"""What the tables share: each takes the text of its kernel file, a block of samples at a time.

The text comes as it stands in a capture, JSON-escaped: a line end is the two bytes `\n`.  All
samples of a block have the same lines in the same order, so that the numbers of all are decoded in
one call, and a device's counters are followed through the block in one loop.  A line that is as it
was in the sample before is not read.  A block of any other shape is taken apart into blocks of one
sample, and such a sample goes through `perfkit.parsers` to the same rows, or to a ParseError.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Protocol

import msgspec

from perfkit.errors import ParseError
from perfkit.report.original.rows import Cell, Row, Rows

NS_PER_HUNDREDTH = 10_000_000
"""The original computes with intervals in hundredths of a second."""

LONG_INTERVAL = 900_000.0
"""Hundredths of a second within which one event's rate is at least 1e-4, so prints plainly."""

SEPARATOR = b"\n"
"""Between pieces of kernel text that are joined: no line of a capture holds it."""

Number = Annotated[float, msgspec.Meta(lt=2.0**63)]
"""A counter as the original computes with it; a bigger one is left to the parsers."""

IN_DOUBT = (ValueError, LookupError, RecursionError, ParseError)
"""What reading raises on text of another shape (msgspec's errors are ValueErrors)."""

APPEARED = "new since the sample before"
VANISHED = "gone since the sample before"
WENT_BACK = "a counter went backwards"
NO_TIME = "no time passed between the samples"
REBOOTED = "the host booted in between"
CLOCK_STEPPED = "the clock was set in between"
NO_TICKS = "the kernel counted no time"

Report = Callable[[int, str, str], None]
"""Takes why there is no row: the sample's place in its block, the reason, the device's name."""

Column = Sequence[Row | None]
"""The rows of one device through a block; None where a sample has none for it."""


class Times(msgspec.Struct, gc=False):
    """The times of a block of samples."""

    stamps: list[Cell]
    """As the first column shows them."""

    ns: list[int]
    """In nanoseconds, ascending: what rates are computed with."""

    def hundredths(self, before: int) -> list[float]:
        """Return the interval that ends at each sample; the first one begins at `before`."""
        return [
            (now - then) / NS_PER_HUNDREDTH
            for then, now in zip([before, *self.ns], self.ns, strict=False)
        ]


class Table(Protocol):
    """One file of the tree.  A block is first read by one of two methods, then added."""

    rows: Rows

    def read(self, bodies: Sequence[bytes]) -> None:
        """Read the text of a block of samples.

        Raises:
            ValueError, LookupError, RecursionError, ParseError: it has another shape, or its
                samples have not the same (IN_DOUBT).
        """
        ...

    def read_slowly(self, body: bytes) -> None:
        """Read the text of one sample, of any documented shape.

        Raises:
            ParseError: it is not what the kernel documents.
        """
        ...

    def add(self, times: Times) -> dict[str, Column]:
        """Gather the rows of what was read, and return them by the device's name."""
        ...

    def forget(self) -> None:
        """Start over: the next sample has nothing to be compared with."""
        ...


def interleaved(columns: Sequence[Column]) -> list[Row]:
    """Return the rows of all devices, sample by sample."""
    return [row for rows in zip(*columns, strict=True) for row in rows if row is not None]


def unescaped(source: str, body: bytes) -> bytes:
    """Return the kernel's text behind a JSON-escaped body.

    Raises:
        ParseError: the body is no JSON string.
    """
    try:
        return msgspec.json.decode(b'"%b"' % body, type=str).encode()
    except ValueError as error:
        raise ParseError(source, 0, f"expected a JSON string: {error}", body) from None
