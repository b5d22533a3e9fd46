"""Parts of canonical lines, cut out by their bytes: no JSON is decoded for what is passed over."""

from typing import NamedTuple

_START = b'{"timestamp":'
_NAME = b',"subsystem":"'
_TEXT = b'","measurement":"'
_NS = b'","ns":'

NO_NS = -1
"""Stands for a line without `ns`."""


class Head(NamedTuple):
    """What a line says besides its text."""

    timestamp: int
    ns: int
    """NO_NS where the line has none."""

    subsystem: bytes
    """As it stands in the line, escaped."""

    start: int
    """Where the text begins, within its quotes."""

    end: int
    """Where it ends."""


def head_of(line: bytes) -> Head:
    """Return the head of a canonical line, without its newline.

    Raises:
        ValueError: it is not written canonically; it may be a good line all the same.
    """
    comma = line.index(b",", len(_START))
    quote = line.index(_TEXT, comma)
    if not line.startswith(_START) or not line.startswith(_NAME, comma):
        raise ValueError
    ns, end = NO_NS, len(line) - 2
    if not line.endswith(b'"}'):
        end = line.rindex(_NS, quote)  # the quotes of a text are escaped: it cannot hold this
        ns = int(line[end + len(_NS) : -1])
    return Head(
        int(line[len(_START) : comma]),
        ns,
        line[comma + len(_NAME) : quote],
        quote + len(_TEXT),
        end,
    )
