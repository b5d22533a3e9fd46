"""The newest figures of each machine: from lines kept in memory, or from stored rows.

What is on disk in the log shows here at once, before its rows are in a store.  Of each source of a
machine the last two lines are kept as they came; they are parsed when somebody asks.
"""

import threading
from uuid import UUID

import numpy as np

from perfkit import columns
from perfkit.capture.lines import record_of
from perfkit.columns import Table, Value
from perfkit.derive import ALL_CPUS, Interval, interval
from perfkit.errors import ParseError
from perfkit.figures import LatestRows
from perfkit.samples import Sample, samples
from perfkit.store.lines import NO_NS, head_of
from perfkit.store.query.sources import Derived
from perfkit.units import NS_PER_SECOND

_KEPT = {
    name.encode(): name
    for name in ("/proc/stat", "/proc/meminfo", "/proc/net/dev", "/proc/diskstats", "statfs[*]")
}

_MOST_LINE_BYTES = 1024 * 1024
"""A longer line is not kept in memory; its figures come from the store."""

_Time = tuple[int, int]
_Lines = dict[str, list[tuple[_Time, bytes]]]
"""The last two lines of each source, the older one first."""

_TABLES: dict[str, tuple[Table, str]] = {
    "memory": (columns.MEM, "/proc/meminfo"),
    "net": (columns.NET, "/proc/net/dev"),
    "disk": (columns.DISK, "/proc/diskstats"),
    "fs": (columns.FS, "statfs[*]"),
    "system": (columns.SYSTEM, "/proc/stat"),
}


class Latest:
    """The newest lines of every machine; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._machines: dict[tuple[UUID, UUID], _Lines] = {}

    def note(self, tenant: UUID, machine: UUID, text: bytes) -> None:
        """Take the newest lines of a frame."""
        with self._lock:
            kept = self._machines.setdefault((tenant, machine), {})
            _note(kept, text)

    def drop(self, tenant: UUID) -> None:
        """Forget a tenant's machines."""
        with self._lock:
            for key in [key for key in self._machines if key[0] == tenant]:
                del self._machines[key]

    def last_seen(self, tenant: UUID, machine: UUID) -> int | None:
        """Return the Unix time of the newest line."""
        with self._lock:
            kept = self._machines.get((tenant, machine), {})
            return max((pair[-1][0][0] for pair in kept.values()), default=None)

    def figures(
        self, tenant: UUID, machine: UUID, *, is_one_enough: bool = False
    ) -> dict[str, LatestRows] | None:
        """Return the newest figures by source.

        Args:
            tenant: Whose machine it is.
            machine: Which.
            is_one_enough: Whether a single sample counts, of which only gauges are known; else None
                where two were not seen yet.
        """
        with self._lock:
            kept = self._machines.get((tenant, machine), {})
            lines = {name: list(pair) for name, pair in kept.items()}
        if not any(len(pair) == 2 for pair in lines.values()) and not is_one_enough:
            return None
        return _figures(lines)


def _note(kept: _Lines, text: bytes) -> None:
    """Take lines from the end of a text until those before are older than what is kept."""
    end = len(text)
    times: set[_Time] = set()
    while end > 0:
        start = text.rfind(b"\n", 0, end - 1) + 1
        line = text[start : end - 1] if text[end - 1 : end] == b"\n" else text[start:end]
        end = start
        try:
            head = head_of(line)
        except ValueError:
            continue
        time = head.timestamp, head.ns
        times.add(time)
        if len(times) > 2:
            break
        name = _KEPT.get(head.subsystem)
        if name is not None and len(line) <= _MOST_LINE_BYTES:
            _keep(kept.setdefault(name, []), time, line)


def _keep(pair: list[tuple[_Time, bytes]], time: _Time, line: bytes) -> None:
    if any(time == known for known, _ in pair):
        return
    pair.append((time, line))
    pair.sort(key=lambda each: each[0])
    del pair[:-2]


def _figures(lines: _Lines) -> dict[str, LatestRows]:
    """Return the figures of sources whose last two lines are of the same ticks together."""
    groups: dict[tuple[_Time, ...], list[str]] = {}
    for name, pair in lines.items():
        groups.setdefault(tuple(time for time, _ in pair), []).append(name)
    found: dict[str, LatestRows] = {}
    for names in groups.values():
        last = interval(*_pair({name: lines[name] for name in names}))
        found.update(_rows(last, set(names)))
    return found


def _pair(lines: _Lines) -> tuple[Sample, Sample]:
    times = [time for time, _ in next(iter(lines.values()))]
    ticks = []
    for place in range(len(times)):
        records = []
        for pair in lines.values():
            try:
                records.append(record_of(pair[place][1]))
            except ParseError:
                continue
        timestamp, ns = times[place]
        none = Sample(timestamp=timestamp, ns=None if ns == NO_NS else ns, other={})
        ticks.append(next(iter(samples(records)), none))
    # Of a first sample only the gauges are known: no time passed since itself.
    first = ticks[0] if len(ticks) == 2 else Sample(timestamp=times[0][0], ns=ticks[0].ns, other={})
    return first, ticks[-1]


def _rows(found: Interval, names: set[str]) -> dict[str, LatestRows]:
    at = found.timestamp + found.ns / NS_PER_SECOND
    answer: dict[str, LatestRows] = {}
    if "/proc/stat" in names:
        cpus = [_row(columns.CPU, str(key), row) for key, row in found.cpus.items()]
        for name, rows in (
            ("cpu", [{**row, "device": ""} for row in cpus if row["device"] == str(ALL_CPUS)]),
            ("cpus", [row for row in cpus if row["device"] != str(ALL_CPUS)]),
        ):
            if rows:
                answer[name] = LatestRows(timestamp=at, rows=rows)
    for name, (table, subsystem) in _TABLES.items():
        rows = [_row(table, key, row) for key, row in table.rows(found)]
        if rows and subsystem in names:
            answer[name] = LatestRows(timestamp=at, rows=rows)
    return answer


def _row(table: Table, key: str, row: object) -> dict[str, Value]:
    values: dict[str, Value] = {"device": key}
    for column in table.columns:
        if column.field is not None:
            value: Value = getattr(row, column.field)
            values[column.name] = value
    return values


def last_rows(found: Derived) -> LatestRows | None:
    """Return the newest stored figures of one source; None where there are none."""
    raw = found.raw
    if not len(raw.ts):
        return None
    time = raw.time
    last = time.max()
    rows = []
    for place in np.flatnonzero(time == last).tolist():
        row: dict[str, Value] = {"device": found.devices[int(raw.device[place])]}
        for name, values in found.values.items():
            value = float(values[place])
            row[name] = None if np.isnan(value) else value
        rows.append(row)
    return LatestRows(timestamp=float(last) / NS_PER_SECOND, rows=rows)
