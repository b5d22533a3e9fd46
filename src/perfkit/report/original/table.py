r"""What the tables share: each takes the text of its kernel file, sample by sample.

The text comes as it stands in a capture, JSON-escaped: a line end is the two bytes `\n`.  A table
cuts it at places known from the sample before and reads numbers only where a line changed.  Text of
any other shape goes through `perfkit.parsers` to the same rows, or to a ParseError.
"""

from collections.abc import Callable
from typing import Annotated, Protocol

import msgspec

from perfkit.errors import ParseError
from perfkit.report.original.rows import Cell, Rows

NS_PER_HUNDREDTH = 10_000_000
"""The original computes with intervals in hundredths of a second."""

LONG_INTERVAL = 900_000.0
"""Hundredths of a second within which one event's rate is at least 1e-4, so prints plainly."""

NUMBER_BYTES = b"0123456789,[]"
"""All that is left of counters once spaces and line ends are replaced: no sign, no exponent."""

Number = Annotated[float, msgspec.Meta(lt=2.0**63)]
"""A counter as the original computes with it; a bigger one is left to the parsers."""

IN_DOUBT = (ValueError, LookupError)
"""What reading raises on text of another shape (msgspec's errors are ValueErrors)."""

APPEARED = "new since the sample before"
VANISHED = "gone since the sample before"
WENT_BACK = "a counter went backwards"
NO_TIME = "no time passed between the samples"
REBOOTED = "the host booted in between"
CLOCK_STEPPED = "the clock was set in between"
NO_TICKS = "the kernel counted no time"

Report = Callable[[str, str], None]
"""Takes why there is no row, and the name of the device without one."""


class Table(Protocol):
    """One file of the tree."""

    rows: Rows

    def add(self, stamp: Cell, at: int, body: bytes) -> None:
        """Take the text of one sample, and gather its rows.

        Args:
            stamp: The time as the first column shows it.
            at: The time in nanoseconds, which rates are computed with.
            body: The kernel's text, JSON-escaped.

        Raises:
            ParseError: the text is not what the kernel documents; the sample is as if not there.
        """
        ...

    def forget(self) -> None:
        """Start over: the next sample has nothing to be compared with."""
        ...


def unescaped(source: str, body: bytes) -> bytes:
    """Return the kernel's text behind a JSON-escaped body.

    Raises:
        ParseError: the body is no JSON string.
    """
    try:
        return msgspec.json.decode(b'"%b"' % body, type=str).encode()
    except ValueError as error:
        raise ParseError(source, 0, f"expected a JSON string: {error}", body) from None
