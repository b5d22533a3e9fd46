"""What the parsers share: numbers and names out of kernel text."""

import msgspec

from perfkit.errors import shown
from perfkit.model.number import COUNTER_MAX, GAUGE_MIN

Buffer = bytes | bytearray | memoryview
"""What a parser takes: anything that holds bytes."""

IN_DOUBT = (msgspec.MsgspecError, LookupError, RecursionError, TypeError, ValueError)
"""What a fast form may raise on a text that it does not know: the reference form takes over."""

COUNTER_DIGITS = 20
"""Digits of COUNTER_MAX.  Longer ones are refused unread: int() takes quadratic time for them."""

NUMBERS = bytes(byte if byte in b"0123456789\n" else b"!,"[byte == 0x20] for byte in range(256))
"""A table for `bytes.translate`: digits and newlines stay, each space becomes a comma.

Everything else becomes a mark that no JSON may hold outside of a string.
"""


def as_bytes(data: Buffer) -> bytes:
    """Return the buffer's bytes, without a copy if it is bytes already."""
    return data if isinstance(data, bytes) else bytes(data)


def counter(field: bytes) -> int:
    """Return an unsigned number as the kernel writes it: digits, no sign, no leading zero.

    Raises:
        ValueError: it is anything else (`+5`, `1_0`, `007`, `1e5`), or above 2^64-1.
    """
    if len(field) <= COUNTER_DIGITS and field.isdigit() and (field[0] != 0x30 or len(field) == 1):
        value = int(field)
        if value <= COUNTER_MAX:
            return value
    raise ValueError(f"expected a number from 0 to 2^64-1, found {shown(field)}")


def gauge(field: bytes) -> int:
    """Return a number that may be negative, from -2^63 to 2^64-1.

    Raises:
        ValueError: it is anything else.
    """
    if not field.startswith(b"-"):
        return counter(field)
    value = -counter(field[1:])
    if value < GAUGE_MIN:
        raise ValueError(f"expected a number from -2^63 to 2^64-1, found {shown(field)}")
    return value


def name(field: bytes) -> str:
    """Return a name as text, each byte that is not UTF-8 as U+FFFD, as a capture has it."""
    try:
        return field.decode()
    except UnicodeDecodeError:
        # Not errors="replace": that makes one mark of several bytes, where Go makes several.
        text = field.decode("utf-8", "surrogateescape")
        return "".join("\ufffd" if "\udc80" <= char <= "\udcff" else char for char in text)
