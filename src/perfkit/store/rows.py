"""Frames of canonical text in, blocks of columns out: what an engine stores.

Each line is taken by itself, for a tick may be cut by the end of an upload: its rows have the
time of the line.  Only /proc/stat and /proc/meminfo share a row, where both are at hand.  Text
that does not parse is counted as a finding and costs that line alone.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from perfkit.capture.lines import record_of
from perfkit.errors import ParseError
from perfkit.model import CpuTicks, MemInfo, Stat
from perfkit.parsers import diskstats, meminfo, net_dev, stat, statfs
from perfkit.store.bulk import Bulk, Parsed, Rows
from perfkit.store.engines.tables import CPU, DISK, FS, HOST, MEMORY, NET, STAT, Table
from perfkit.store.lines import NO_NS

if TYPE_CHECKING:
    from perfkit.record import Record

Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

MAX_NAME = 4096
"""Characters of a device's name or mount point: PATH_MAX of Linux; a longer one is a finding."""

MAX_CPU = 2**31 - 1

_WORD = 2**64
_GAUGE_MAX = 2**63 - 1


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one table, as columns: row n is what the n-th place of every array says."""

    table: Table
    keys: Integers
    """A row of `table.keys` each; NO_NS for a line without `ns`."""

    values: Words
    """A row of `table.columns` each; gauges as two's complement."""

    absent: Flags | None
    """Where a value is none; None: nowhere."""


class Ids(Protocol):
    """Numbers for names, given by whoever keeps the dictionary."""

    def device(self, source: str, name: str) -> int | None:
        """Return the number of a device, a new one where it is new; None where there is no room."""


class FrameFacts(msgspec.Struct, kw_only=True):
    """What a frame held besides rows."""

    lines: int = 0
    samples: int = 0
    first: int = 0
    """Unix time of its earliest line."""

    last: int = 0


class Trouble(msgspec.Struct, kw_only=True):
    """Lines of one source that gave no rows for the same reason."""

    lines: int
    first: int
    last: int


_Key = tuple[int, ...]
_Row = tuple[int | None, ...]


class Part:
    """Rows of one table, or of some of its columns, as they come."""

    def __init__(self, gauges: Iterable[bool]) -> None:
        self.keys: list[_Key] = []
        self.rows: list[_Row] = []
        self._gauges = tuple(gauges)
        self._whole: list[tuple[Integers, Words, Flags | None]] = []

    def add_arrays(self, keys: Integers, values: Words, absent: Flags | None) -> None:
        """Add many rows in one go, after those added so far."""
        self._flush()
        self._whole.append((keys, values, absent))

    def arrays(self) -> tuple[Integers, Words, Flags | None] | None:
        """Return all rows as arrays, or None where there are none."""
        self._flush()
        if not self._whole:
            return None
        keys = np.concatenate([keys for keys, _, _ in self._whole])
        values = np.concatenate([values for _, values, _ in self._whole])
        if all(absent is None for _, _, absent in self._whole):
            return keys, values, None
        masks = [
            np.zeros(values.shape, np.bool_) if absent is None else absent
            for _, values, absent in self._whole
        ]
        return keys, values, np.concatenate(masks)

    def _flush(self) -> None:
        if not self.keys:
            return
        keys = np.array(self.keys, dtype=np.int64)
        absent: Flags | None = None
        try:
            values = np.array(self.rows, dtype=np.uint64)
        except (TypeError, OverflowError):  # an absent value, or a gauge below zero
            absent = np.array(
                [[self._is_absent(row, n) for n in range(len(row))] for row in self.rows]
            )
            values = np.array(
                [[0 if value is None else value % _WORD for value in row] for row in self.rows],
                dtype=np.uint64,
            )
        self._whole.append((keys, values, absent))
        self.keys, self.rows = [], []

    def _is_absent(self, row: _Row, place: int) -> bool:
        value = row[place]
        return value is None or (self._gauges[place] and value > _GAUGE_MAX)


_WITH_DEVICES = (CPU, NET, DISK, FS)


class Gathered:
    """Rows of some frames of one tenant.

    Args:
        ids: The tenant's dictionary of devices.
        bulk: Knows shapes of lines; None: every line is parsed by itself.
    """

    def __init__(self, ids: Ids, bulk: Bulk | None = None) -> None:
        self._ids = ids
        self._bulk = bulk
        self._lines: list[bytes] = []
        self._owners: list[tuple[int, int]] = []
        self.parts = {
            "stat": Part(column.kind == "gauge" for column in HOST.columns[: -len(MEMORY)]),
            "memory": Part(column.kind == "gauge" for column in HOST.columns[-len(MEMORY) :]),
            **{
                table.name: Part(column.kind == "gauge" for column in table.columns)
                for table in _WITH_DEVICES
            },
        }
        self.findings: dict[tuple[int, str, str], Trouble] = {}
        """By run, source and reason."""

    def add(self, machine: int, run: int, text: bytes) -> FrameFacts:
        """Take the lines of one frame."""
        times: set[tuple[int, int]] = set()
        count = 0
        for line in text.split(b"\n"):
            if not line:
                continue
            count += 1
            if self._bulk is not None and self._bulk.is_taken(line):
                self._lines.append(line)
                self._owners.append((machine, run))
                times.add(_time(line))
            else:
                self._add_line(machine, run, line, times)
        if not times:
            return FrameFacts(lines=count)
        first, last = min(times)[0], max(times)[0]
        return FrameFacts(lines=count, samples=len(times), first=first, last=last)

    def _add_line(self, machine: int, run: int, line: bytes, times: set[tuple[int, int]]) -> None:
        try:
            record = record_of(line)
        except ParseError as error:  # the door lets none through
            self.trouble(run, "capture", error.reason, 0)
            return
        ns = NO_NS if record.ns is None else record.ns
        times.add((record.timestamp, ns))
        self._take((machine, run, record.timestamp, ns), record)

    def _finish(self) -> None:
        if self._bulk is None or not self._lines:
            return
        lines, owners = self._lines, self._owners
        self._lines, self._owners = [], []
        left = self._bulk.take(
            lines,
            np.array(owners, dtype=np.int64),
            take=lambda part, *arrays: self.parts[part].add_arrays(*arrays),
            device=self._device,
        )
        for number in left:
            self._add_line(*owners[number], lines[number], set())

    def _device(self, source: str, name: str) -> int | None:
        return self._ids.device(source, name) if len(name) <= MAX_NAME else None

    def blocks(self) -> list[Block]:
        """Return everything taken so far."""
        self._finish()
        found = []
        host = _beside(self.parts["stat"].arrays(), self.parts["memory"].arrays())
        if host is not None:
            keys, values, absent = host
            found.append(Block(table=HOST, keys=keys, values=values, absent=absent))
        for table in _WITH_DEVICES:
            arrays = self.parts[table.name].arrays()
            if arrays is not None:
                keys, values, absent = arrays
                found.append(Block(table=table, keys=keys, values=values, absent=absent))
        return found

    def trouble(self, run: int, source: str, reason: str, timestamp: int) -> None:
        """Count a line, or a device of it, that gave no rows."""
        known = self.findings.get((run, source, reason))
        if known is None:
            self.findings[run, source, reason] = Trouble(lines=1, first=timestamp, last=timestamp)
        else:
            known.lines += 1
            known.first = min(known.first, timestamp)
            known.last = max(known.last, timestamp)

    def _take(self, key: _Key, record: "Record") -> None:
        text = record.measurement
        try:
            match record.subsystem:
                case "/proc/stat":
                    self._add_stat(key, stat.parse(text))
                case "/proc/meminfo":
                    self._add_memory(key, meminfo.parse(text))
                case "/proc/net/dev":
                    self._add_devices(NET, key, record.subsystem, net_dev.parse(text))
                case "/proc/diskstats":
                    self._add_devices(DISK, key, record.subsystem, diskstats.parse(text))
                case "statfs[*]":
                    mounts = {mount.mount_point: mount for mount in statfs.parse(text)}
                    self._add_devices(FS, key, record.subsystem, mounts)
        except ParseError as error:
            self.trouble(key[1], record.subsystem, error.reason, key[2])

    def _add_stat(self, key: _Key, found: Stat) -> None:
        softirqs = None if found.softirqs is None else found.softirqs.total
        self.parts["stat"].keys.append(key)
        self.parts["stat"].rows.append(
            (*_ticks(found.cpu), *(getattr(found, name) for name in STAT), softirqs)
        )
        part = self.parts["cpu"]
        for number, ticks in found.cpus.items():
            if number > MAX_CPU:
                self.trouble(key[1], "/proc/stat", "number of a CPU above 2^31-1", key[2])
                continue
            part.keys.append((*key, number))
            part.rows.append(_ticks(ticks))

    def _add_memory(self, key: _Key, found: MemInfo) -> None:
        self.parts["memory"].keys.append(key)
        self.parts["memory"].rows.append(tuple([getattr(found, name) for name in MEMORY]))

    def _add_devices(
        self, table: Table, key: _Key, source: str, found: Mapping[str, msgspec.Struct]
    ) -> None:
        part = self.parts[table.name]
        names = table.names
        for name, row in found.items():
            number = self._device(table.name, name)
            if number is None:
                self.trouble(key[1], source, "no room for the name of a device", key[2])
                continue
            part.keys.append((*key, number))
            part.rows.append(tuple([getattr(row, column) for column in names]))


def parsed(line: bytes) -> Parsed | None:
    """Return what a line gives, parsed by itself; None where anything is wrong with it."""
    names = _Names()
    gathered = Gathered(names)
    gathered.add(0, 0, line)
    if gathered.findings:
        return None
    timestamp, ns, found = 0, NO_NS, []
    for name, part in gathered.parts.items():
        if not part.keys:
            continue
        timestamp, ns = part.keys[0][2:4]
        last = [key[-1] for key in part.keys]
        found.append(
            Rows(
                part=name,
                devices=tuple(names.found[at] for at in last) if name in _NAMED else None,
                numbers=tuple(last) if name == CPU.name else None,
                values=tuple(part.rows),
            )
        )
    return Parsed(timestamp=timestamp, ns=ns, rows=tuple(found)) if found else None


_NAMED = frozenset(table.name for table in (NET, DISK, FS))


class _Names:
    """Numbers for the devices of one line."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def device(self, _: str, name: str) -> int:
        """Return the place of the name among those of the line."""
        self.found.append(name)
        return len(self.found) - 1


def _time(line: bytes) -> tuple[int, int]:
    """Return timestamp and `ns` of a line whose timestamp has ten digits."""
    if line.endswith(b'"}'):
        return int(line[13:23]), NO_NS
    return int(line[13:23]), int(line[line.rindex(b":") + 1 : -1])


def _ticks(ticks: CpuTicks) -> _Row:
    return msgspec.structs.astuple(ticks)


_Side = tuple[Integers, Words, Flags | None]
"""Keys, values and what is absent, of one half of the host's rows."""


def _beside(left: _Side | None, right: _Side | None) -> _Side | None:
    """Return rows of both, in one row where their keys are equal; what one lacks is absent."""
    if left is None and right is None:
        return None
    if left is not None and right is not None:
        left, right = _ordered(left), _ordered(right)
        if np.array_equal(left[0], right[0]) and _is_unique(left[0]):
            absent = None
            if left[2] is not None or right[2] is not None:
                absent = np.hstack([_mask(left), _mask(right)])
            return left[0], np.hstack([left[1], right[1]]), absent
    return _joined(left, right)


def _joined(left: _Side | None, right: _Side | None) -> _Side:
    """Do the same one by one; of equal keys on one side the later row counts."""
    places: dict[_Key, int] = {}
    for side in (left, right):
        if side is not None:
            for key in map(tuple, side[0].tolist()):
                places.setdefault(key, len(places))
    border = len(HOST.names) - len(MEMORY)
    values = np.zeros((len(places), len(HOST.names)), np.uint64)
    absent = np.ones(values.shape, np.bool_)
    for side, columns in ((left, slice(0, border)), (right, slice(border, None))):
        if side is not None:
            rows = [places[key] for key in map(tuple, side[0].tolist())]
            values[rows, columns] = side[1]
            absent[rows, columns] = _mask(side)
    return np.array(list(places), dtype=np.int64), values, absent


def _mask(side: _Side) -> Flags:
    return np.zeros(side[1].shape, np.bool_) if side[2] is None else side[2]


def _ordered(side: _Side) -> _Side:
    order = np.lexsort(side[0].T[::-1])
    return side[0][order], side[1][order], None if side[2] is None else side[2][order]


def _is_unique(keys: Integers) -> bool:
    return not (keys[1:] == keys[:-1]).all(axis=1).any()
