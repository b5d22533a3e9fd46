"""What lets a line in: JSON, keys, types, limits.  The measurement itself is never judged.

A canonical line passes unchanged, byte for byte; any other spelling of the same is written anew.
"""

import re
from collections.abc import Sequence

import msgspec

from perfkit.capture.spelling import Line, are_canonical, decode, decode_lines, rewritten
from perfkit.errors import PerfkitError
from perfkit.server.limits import Limits
from perfkit.store.lines import Lines


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
            records = decode_lines(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        names = {record.subsystem for record in records}
        if not records or not are_canonical(text, records, names):
            return None
        times = [record.timestamp for record in records]
        limits = self._limits
        span = min(times), max(times)
        lines = Lines(text, len(records), span)
        if (
            span[0] < limits.earliest
            or span[1] > self._latest
            or any(not self._is_name(name) for name in names)
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
            record = decode(line)
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
        return record, rewritten(record, line)

    def _is_name(self, name: str) -> bool:
        return bool(name) and len(name.encode()) <= self._limits.name_bytes


def too_long(size: int, limits: Limits) -> str:
    """Return why a line of this size is rejected."""
    return f"expected {limits.line_bytes} bytes at most, found {size}"


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
