"""What the intake takes and answers."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from perfkit.store.log.frame import TEXT_BYTES
from perfkit.store.log.tenant import SEGMENT_BYTES
from perfkit.store.log.writer import MIN_FREE

HIGHEST_POSITION = 2**63 - 1
"""What a position must stay below: it is a signed 64-bit number elsewhere."""


class Piece(msgspec.Struct):
    """Consecutive lines of one run."""

    run: UUID
    first: int
    """Position of the first line."""

    lines: Sequence[bytes]
    """Canonical, each with its newline."""


class Batch(msgspec.Struct):
    """One request, checked at the door."""

    tenant: UUID
    machine: UUID
    kind: str
    """`stream` or `upload`."""

    pieces: list[Piece]
    samples: int = 0
    body_hash: bytes | None = None
    """SHA-256 of all its lines, where it is at hand: then it is not taken again."""


class Outcome(msgspec.Struct):
    """What became of the lines of a request."""

    lines: int = 0
    """Newly stored."""

    duplicates: int = 0
    """Known already, byte for byte."""

    conflicts: int = 0
    """Other bytes than those at their position: not stored."""


class RunInfo(msgspec.Struct, frozen=True):
    """What the server holds of a run."""

    run: UUID
    kind: str
    started: int
    """Timestamp of its first line, in seconds."""

    lines: int
    intervals: list[tuple[int, int]]
    """First and last position of each stretch."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the intake keeps to."""

    min_free: int = MIN_FREE
    """Free bytes of the disk below which nothing is taken in."""

    segment_bytes: int = SEGMENT_BYTES
    """Bytes after which a segment of the log is followed by a new one."""

    frame_bytes: int = TEXT_BYTES
    """Text of a frame."""

    runs_with_bodies: int = 1024
    """Runs without positions of which the hashes of bodies are kept in memory."""
