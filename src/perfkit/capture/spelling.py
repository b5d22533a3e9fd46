r"""The one spelling of a line that servers keep and collectors send.

Any other spelling of the same (other escapes, blanks, order, more keys) is written anew.  Lines
come by the thousand, so a block of them is decoded as one and encoded as one: where that gives the
same bytes every line of it is as msgspec writes it, and that is canonical unless the text has one
of the few characters that Go escapes and msgspec does not.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from perfkit.record import Record, canonical_line


class Line(msgspec.Struct, gc=False, omit_defaults=True):
    """A line of a capture, decoded.  Its keys in the order of the canonical form."""

    timestamp: int
    subsystem: str
    measurement: str
    ns: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


decode = msgspec.json.Decoder(Line).decode
"""Raises msgspec.MsgspecError, UnicodeError or RecursionError where a line is none."""

decode_lines = msgspec.json.Decoder(Line).decode_lines
"""The same for many, blank ones skipped."""

_encode_lines = msgspec.json.Encoder().encode_lines

# What msgspec writes as it is, or in a shorter way, and Go does not.  Looked for where that costs
# least: one byte in the text, the others in what was decoded of it.
_ODD_BYTES = (b"<", b">", b"&")
_ODD_WIDE = (b"\xe2\x80\xa8", b"\xe2\x80\xa9")

_REPLACED = re.compile(rb"\\(?:(u[fF]{3}[dD])|.)", re.DOTALL)


def are_canonical(text: bytes, records: Sequence[Line], names: Iterable[str]) -> bool:
    """Tell whether a text consists of the canonical lines of these records, and nothing else.

    Args:
        text: Whole lines.
        records: What they were decoded to.
        names: The subsystems that occur.
    """
    return not (
        any(odd in text for odd in _ODD_BYTES)
        or (not text.isascii() and any(odd in text for odd in _ODD_WIDE))
        or any("\b" in record.measurement or "\f" in record.measurement for record in records)
        or any("\b" in name or "\f" in name for name in names)
        or _encode_lines(records) != text
    )


def rewritten(record: Line, line: bytes) -> bytes:
    r"""Return the canonical line of a record that was decoded from `line`.

    An escape `\ufffd` stands for a byte that was not UTF-8 and stays an escape; a U+FFFD that the
    kernel wrote itself stays as it is.  Decoded, one is as the other: so the escape is read
    as such a byte, which `canonical_line` writes as it was.
    """
    subsystem, measurement = record.subsystem, record.measurement
    if b"\\u" in line and any(match[1] for match in _REPLACED.finditer(line)):
        spelled = _REPLACED.sub(lambda match: b"\\udcff" if match[1] else match[0], line)
        found = json.loads(spelled)
        subsystem, measurement = found["subsystem"], found["measurement"]
    text = measurement.encode("utf-8", "surrogateescape")
    return canonical_line(Record(record.timestamp, subsystem, text, record.ns))
