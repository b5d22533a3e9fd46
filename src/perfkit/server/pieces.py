"""Where the lines of a body belong: to which run, at which position.

The headers say it for what stands before the first `perfkit/host` line, each such line says it from
itself on.  A body without either is a capture whose run is derived from its first line.
"""

from collections.abc import Sequence
from itertools import islice
from operator import ne
from uuid import UUID

import msgspec

from perfkit.capture.spelling import Line
from perfkit.record import run_of_capture
from perfkit.server.door import Block
from perfkit.store.intake import Piece
from perfkit.store.lines import Lines

HOST = "perfkit/host"

LAST_POSITION = 2**62
"""Far beyond what any run has; sums with a number of lines stay within 64 bits."""


class _Host(msgspec.Struct):
    run: UUID
    position: int


_decode_host = msgspec.json.Decoder(_Host).decode


class Place(msgspec.Struct, frozen=True):
    """A run, and the position in it of the next line."""

    run: UUID
    position: int


class Placer:
    """Puts accepted lines into pieces of consecutive positions.

    Args:
        identifier: The machine's, of which a run is derived where nothing names one.
        place: What the headers say.
    """

    def __init__(self, identifier: str, place: Place | None) -> None:
        self.newest = 0
        """The latest timestamp of the lines so far."""

        self.samples = 0
        """Times of the lines so far: lines that stand together and share one are a sample."""
        self._identifier = identifier
        self._place = place
        self._sent = 0
        self._time: tuple[int, int | None] | None = None
        self._pieces: list[tuple[Place, list[Sequence[bytes]]]] = []
        """Where each begins, and its lines in parts."""
        self._end: Place | None = None
        """Where the last piece ends."""

    def add(self, block: Block) -> None:
        """Take the lines of a block, those that were rejected too: they leave a hole."""
        self._count_samples(block)
        if not block.rejected and HOST not in block.names and self._place is not None:
            self._put(self._place, block.lines)
            self._pass(len(block.lines))
            return
        for line, record in zip(block.lines, block.records, strict=True):
            if record is None:
                self._pass(1)
                continue
            if record.subsystem == HOST:
                self._place = _place_of(record) or self._place
            if self._place is None:
                run = UUID(run_of_capture(self._identifier, line))
                self._place = Place(run, self._sent)
            self._put(self._place, [line])
            self._pass(1)

    def skip(self, lines: int = 1) -> None:
        """Pass over lines that were rejected before they could be read."""
        self._pass(lines)

    def take(self) -> list[Piece]:
        """Return the pieces so far, and begin anew where they end."""
        pieces, self._pieces = self._pieces, []
        self._end = None
        return [
            Piece(run=place.run, first=place.position, lines=Lines.joined(parts))
            for place, parts in pieces
        ]

    def _put(self, place: Place, lines: Sequence[bytes]) -> None:
        if self._end == place:
            self._pieces[-1][1].append(lines)
        else:
            self._pieces.append((place, [lines]))
        self._end = Place(place.run, place.position + len(lines))

    def _pass(self, lines: int) -> None:
        self._sent += lines
        if self._place is not None:
            self._place = Place(self._place.run, self._place.position + lines)

    def _count_samples(self, block: Block) -> None:
        times = [(record.timestamp, record.ns) for record in block.records if record is not None]
        if times:
            self.samples += (times[0] != self._time) + sum(map(ne, times, islice(times, 1, None)))
            self.newest = max(self.newest, *[timestamp for timestamp, _ in times])
            self._time = times[-1]


def _place_of(record: Line) -> Place | None:
    """Return the place that a `perfkit/host` line names for itself."""
    try:
        host = _decode_host(record.measurement)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return Place(host.run, host.position) if 0 <= host.position <= LAST_POSITION else None
