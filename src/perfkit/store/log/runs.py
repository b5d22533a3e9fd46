"""What is known of each run, and the catalog file that saves finding it out again."""

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import msgspec

from perfkit.store.intervals import Intervals
from perfkit.store.log.frame import NUMBERED_HERE, STREAM, UPLOAD, Header
from perfkit.store.log.segment import headers, replace

_MAGIC = b"pkcat\x01\r\n"
_HEAD = struct.Struct("<8sI")  # magic, CRC-32 of the rest

RunKey = tuple[UUID, UUID]
"""Machine and run: two machines may name a run alike."""


class Run:
    """One start of a collector, or one uploaded capture.

    Args:
        machine: Whose it is.
        run: Its id.
    """

    __slots__ = (
        "bodies",
        "first_segment",
        "flights",
        "had",
        "is_upload",
        "last_segment",
        "machine",
        "numbered_here",
        "reserved",
        "run",
        "started",
    )

    def __init__(self, machine: UUID, run: UUID) -> None:
        self.machine = machine
        self.run = run
        self.is_upload = False
        self.numbered_here = False
        """Whether positions were given on reception."""

        self.started = 0
        """Timestamp of the frame with the lowest position, in seconds."""

        self.had = Intervals()
        """Positions that are on disk, or on their way to it."""

        self.first_segment = 0
        """The segment its first frame is in; 0 as long as none is on disk."""

        self.last_segment = 0
        self.flights: list[tuple[int, int]] = []
        """Stretches on their way to the disk."""

        self.bodies: dict[bytes, int] | None = None
        """First position of each body by its hash, where they were given here; None: not read."""

        self.reserved = 0
        """Where positions are given here: the one after the highest that was given."""

    def note(self, header: Header, segment: int) -> None:
        """Take in that a frame of the run is on disk."""
        durable = self.first_segment > 0
        if not durable or header.first <= self.lowest:
            self.started = header.earliest
        self.had.add(header.first, header.first + header.lines)
        self.is_upload = self.is_upload or header.kind == UPLOAD
        self.numbered_here = self.numbered_here or bool(header.flags & NUMBERED_HERE)
        self.first_segment = min(self.first_segment, segment) if durable else segment
        self.last_segment = max(self.last_segment, segment)

    @property
    def lowest(self) -> int:
        """The lowest position had; 0 where there is none."""
        stretches = self.had.stretches()
        return stretches[0][0] if stretches else 0

    @property
    def kind(self) -> int:
        """UPLOAD where any frame says so: a run once named an upload stays one."""
        return UPLOAD if self.is_upload else STREAM

    def on_disk(self) -> Intervals:
        """Return the positions that are on disk."""
        if not self.flights:
            return self.had
        kept = self.had.copy()
        for start, end in list(self.flights):
            kept.remove(start, end)
        return kept


class _Entry(msgspec.Struct, array_like=True):
    machine: UUID
    run: UUID
    is_upload: bool
    numbered_here: bool
    started: int
    first_segment: int
    last_segment: int
    had: list[tuple[int, int]]


class _Catalog(msgspec.Struct, array_like=True):
    through: int
    runs: list[_Entry]


def note_all(runs: dict[RunKey, Run], rows: bytes | bytearray, segment: int) -> None:
    """Take in the frames of one segment, by its packed rows."""
    ids: dict[bytes, UUID] = {}
    for header, _, _ in headers(rows):
        for raw in (header.machine, header.run):
            if raw not in ids:
                ids[raw] = UUID(bytes=raw)
        key = (ids[header.machine], ids[header.run])
        run = runs.get(key)
        if run is None:
            run = runs[key] = Run(*key)
        run.note(header, segment)


def write_catalog(path: Path, through: int, runs: Iterable[Run]) -> None:
    """Write down what the segments up to `through` hold."""
    entries = [
        _Entry(
            run.machine,
            run.run,
            run.is_upload,
            run.numbered_here,
            run.started,
            run.first_segment,
            run.last_segment,
            run.had.stretches(),
        )
        for run in runs
    ]
    data = msgspec.msgpack.encode(_Catalog(through, entries))
    replace(path, _HEAD.pack(_MAGIC, zlib.crc32(data)) + data)


def read_catalog(path: Path) -> tuple[int, dict[RunKey, Run]]:
    """Return the last segment that is in the catalog, and its runs; 0, {} where it is unsound."""
    try:
        data = path.read_bytes()
        magic, crc = _HEAD.unpack_from(data)
        if magic != _MAGIC or zlib.crc32(data[_HEAD.size :]) != crc:
            return 0, {}
        catalog = msgspec.msgpack.decode(data[_HEAD.size :], type=_Catalog)
    except (OSError, struct.error, msgspec.MsgspecError):
        return 0, {}
    runs: dict[RunKey, Run] = {}
    for entry in catalog.runs:
        run = runs[entry.machine, entry.run] = Run(entry.machine, entry.run)
        run.is_upload, run.numbered_here = entry.is_upload, entry.numbered_here
        run.started, run.had = entry.started, Intervals(entry.had)
        run.first_segment, run.last_segment = entry.first_segment, entry.last_segment
    return catalog.through, runs
