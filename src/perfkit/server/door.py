r"""What lets a line in: JSON, keys, types, limits.  The measurement itself is never judged.

A canonical line passes unchanged, byte for byte.  Any other spelling of the same (other escapes,
blanks, order, more keys) is written anew by `record.canonical_line`.

Lines come by the thousand, so a block of them is decoded as one and encoded as one: where that
gives the same bytes every line of it is as msgspec writes it, and that is canonical unless the
text has one of the few characters that Go escapes and msgspec does not.
"""

import json
import re
from collections.abc import Sequence
from typing import Annotated

import msgspec

from perfkit.errors import PerfkitError
from perfkit.record import Record, canonical_line
from perfkit.server.limits import Limits
from perfkit.store.lines import Lines


class Line(msgspec.Struct, gc=False, omit_defaults=True):
    """A line of a capture, decoded.  Its keys in the order of the canonical form."""

    timestamp: int
    subsystem: str
    measurement: str
    ns: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


class Rejected(PerfkitError):  # noqa: N818 - a verdict, not a failure
    """A line that is not let in: the text says why."""


class Block(msgspec.Struct):
    """Lines that stood together in a body, after the door."""

    lines: Sequence[bytes]
    """Canonical, each with its end; empty where a line was rejected."""

    records: Sequence[Line | None]
    """The same, decoded."""

    rejected: dict[int, str]
    """Reason by the place in the block."""

    names: set[str]
    """The subsystems that occur."""

    text: bytes
    """The lines as one."""


_decode = msgspec.json.Decoder(Line).decode
_decode_lines = msgspec.json.Decoder(Line).decode_lines
_encode_lines = msgspec.json.Encoder().encode_lines

# What msgspec writes as it is, or in a shorter way, and Go does not.  Looked for where that costs
# least: one byte in the text, the others in what was decoded of it.
_ODD_BYTES = (b"<", b">", b"&")
_ODD_WIDE = (b"\xe2\x80\xa8", b"\xe2\x80\xa9")

_REPLACED = re.compile(rb"\\(?:(u[fF]{3}[dD])|.)", re.DOTALL)
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))


class Door:
    """Checks lines against the limits and the time.

    Args:
        limits: How much of anything.
        now: Unix time in seconds.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._latest = int(now) + limits.ahead_seconds

    def block(self, text: bytes) -> Block:
        """Check whole lines, the last one without its end perhaps."""
        if not text.endswith(b"\n"):
            text += b"\n"
        return self._canonical_block(text) or self.lines(
            [line for line in text.split(b"\n") if line and not line.isspace()]
        )

    def lines(self, lines: Sequence[bytes]) -> Block:
        """Check lines one by one, whatever their spelling."""
        block = Block([], [], {}, set(), b"")
        accepted: list[bytes] = []
        records: list[Line | None] = []
        for line in lines:
            try:
                record, canonical = self._checked(line)
            except Rejected as error:
                block.rejected[len(records)] = str(error)
                accepted.append(b"")
                records.append(None)
                continue
            block.names.add(record.subsystem)
            accepted.append(canonical)
            records.append(record)
        block.lines, block.records = accepted, records
        block.text = b"".join(accepted)
        return block

    def canonical(self, line: bytes) -> bytes:
        """Return the line in its canonical form.

        Raises:
            Rejected: it is none.
        """
        return self._checked(line)[1]

    def _canonical_block(self, text: bytes) -> Block | None:
        """Return the block if every line of it is canonical and within the limits."""
        try:
            records = _decode_lines(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        if (
            not records
            or any(odd in text for odd in _ODD_BYTES)
            or (not text.isascii() and any(odd in text for odd in _ODD_WIDE))
            or any("\b" in record.measurement or "\f" in record.measurement for record in records)
            or _encode_lines(records) != text
        ):
            return None
        names = {record.subsystem for record in records}
        times = [record.timestamp for record in records]
        limits = self._limits
        span = min(times), max(times)
        lines = Lines(text, len(records), span)
        if (
            span[0] < limits.earliest
            or span[1] > self._latest
            or any(not self._is_name(name) or "\b" in name or "\f" in name for name in names)
            or (len(text) > limits.line_bytes and max(map(len, lines)) > limits.line_bytes)
        ):
            return None
        return Block(lines, records, {}, names, text)

    def _checked(self, line: bytes) -> tuple[Line, bytes]:
        limits = self._limits
        # The end of a line does not count: an element of an array has none.
        if len(line) > limits.line_bytes:
            raise Rejected(too_long(len(line), limits))
        if _is_deeper(line, limits.json_depth):
            raise Rejected(f"expected {limits.json_depth} brackets open at once at most")
        try:
            record = _decode(line)
        except RecursionError:
            raise Rejected("JSON nested too deep") from None
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise Rejected(
                f"expected timestamp, subsystem and measurement as JSON: {error}"
            ) from None
        if not limits.earliest <= record.timestamp <= self._latest:
            raise Rejected(
                f"expected a timestamp from {limits.earliest} (1980) to {self._latest}"
                f" ({limits.ahead_seconds} s from now), found {record.timestamp}"
            )
        if not self._is_name(record.subsystem):
            raise Rejected(
                f"expected a subsystem of 1 to {limits.name_bytes} bytes, found"
                f" {len(record.subsystem.encode())}"
            )
        return record, _rewritten(record, line)

    def _is_name(self, name: str) -> bool:
        return bool(name) and len(name.encode()) <= self._limits.name_bytes


def too_long(size: int, limits: Limits) -> str:
    """Return why a line of this size is rejected."""
    return f"expected {limits.line_bytes} bytes at most, found {size}"


def _rewritten(record: Line, line: bytes) -> bytes:
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


def _is_deeper(line: bytes, limit: int) -> bool:
    """Tell whether more brackets than `limit` are open at once, outside of strings."""
    if line.count(b"{") + line.count(b"[") <= limit:
        return False
    depth = 0
    for bracket in _STRING.sub(b"", line).translate(None, _NO_BRACKET):
        depth += 1 if bracket in b"[{" else -1
        if depth > limit:
            return True
    return False
