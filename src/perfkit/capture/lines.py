"""Lines out of bytes that come in pieces, and records out of lines."""

from typing import Annotated

import msgspec

from perfkit.capture.problems import Problems
from perfkit.errors import ParseError
from perfkit.record import Record

MAX_LINE_BYTES = 4 * 1024 * 1024
"""A longer line is skipped: /proc/cpuinfo of 1,000 CPUs takes less than half of it.

What is read of a text of short lines takes some fifty times its size in memory.
"""

MAX_TIMESTAMP = 253_402_300_799
"""The end of the year 9999, in seconds since 1970."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LineCutter:
    """Cuts pieces of text into lines, in time and memory that grow with the text alone.

    Args:
        problems: Takes lines that are too long; each leaves an empty line in its place.
        limit: Bytes that a line may have.
    """

    def __init__(self, problems: Problems, *, limit: int = MAX_LINE_BYTES) -> None:
        self.cut = 0
        """Lines handed out so far."""
        self._problems = problems
        self._limit = limit
        self._parts: list[bytes] = []
        self._held = 0
        self._skipped = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that `piece` completes, without their ends."""
        lines = piece.split(b"\n")
        rest = lines.pop()
        if lines:
            if self._parts or self._skipped:
                self._parts.append(lines[0])
                lines[0] = self._whole(len(lines[0]))
            if not self.cut and lines[0].startswith(_BYTE_ORDER_MARK):
                lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
            if len(piece) > self._limit:
                lines = [self._checked(number, line) for number, line in enumerate(lines, 1)]
            self.cut += len(lines)
        if rest:
            self._hold(rest)
        return lines

    def rest(self) -> bytes:
        """Return the last line, which had no end, and forget it."""
        if not self._parts and not self._skipped:
            return b""
        line = self._whole(0)
        if not self.cut:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        self.cut += 1
        return line

    def _checked(self, number: int, line: bytes) -> bytes:
        """Return a line of the piece at hand, or an empty one where it is too long."""
        if len(line) <= self._limit:
            return line
        self._report(self.cut + number, len(line))
        return b""

    def _report(self, number: int, size: int) -> None:
        self._problems.add(number, f"expected {self._limit} bytes at most, found {size}")

    def _hold(self, part: bytes) -> None:
        self._parts.append(part)
        self._held += len(part)
        if self._held > self._limit:
            self._skipped += self._held
            self._parts.clear()
            self._held = 0

    def _whole(self, more: int) -> bytes:
        """Return the line held back, or an empty one where it is too long."""
        size = self._skipped + self._held + more
        line = b"" if self._skipped or size > self._limit else b"".join(self._parts)
        if size > self._limit:
            self._report(self.cut + 1, size)
        self._parts.clear()
        self._held = self._skipped = 0
        return line


class _Line(msgspec.Struct):
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=MAX_TIMESTAMP)]
    subsystem: str
    measurement: str
    ns: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


_decode = msgspec.json.Decoder(_Line).decode


def record_of(line: bytes) -> Record:
    """Return the record that a line of a capture holds, whatever the order of its keys.

    Raises:
        ParseError: it is no JSON object with the three keys, each of its type.
    """
    try:
        found = _decode(line)
        text = found.measurement.encode()
    except RecursionError:
        raise ParseError("capture", 0, "JSON nested too deep", line) from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        reason = f"expected timestamp, subsystem and measurement as JSON: {error}"
        raise ParseError("capture", 0, reason, line) from None
    return Record(found.timestamp, found.subsystem, text, found.ns)
