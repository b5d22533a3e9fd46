"""One tenant's file, attached: what it knows by heart, and rows into it.

Dictionaries are read when it is attached and kept here; new names are written in the transaction
of their rows, and forgotten again where that fails.
"""

import contextlib
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import duckdb
import numpy as np

from perfkit.errors import InputError
from perfkit.store.bulk import Bulk
from perfkit.store.engines import BehindError
from perfkit.store.engines.duckdb.instance import Instance
from perfkit.store.engines.tables import MIGRATIONS
from perfkit.store.lines import NO_NS
from perfkit.store.log.frame import LoggedFrame, Place
from perfkit.store.rows import Block, FrameFacts, Gathered, Trouble

_log = logging.getLogger(__name__)

MAX_DEVICES = 100_000
"""Names of devices a tenant may have: far more than any fleet, far less than the memory."""

_NS_PER_US = 1000


class NewerFileError(Exception):
    """The file's tables are of a later perfkit: not ours to touch."""


class TenantFile:
    """An attached file.

    Args:
        instance: What it is attached to.
        name: As SQL knows it: made from the tenant's UUID.
        path: The file.
        bulk: Knows shapes of lines.
    """

    def __init__(self, instance: Instance, name: str, path: Path, bulk: Bulk) -> None:
        self.instance = instance
        self.name = name
        self.path = path
        self.bulk = bulk
        self.writing = threading.Lock()
        """Held by whoever writes."""

        self.machines: dict[UUID, int] = {}
        self.runs: dict[tuple[UUID, UUID], int] = {}
        self.devices: dict[tuple[str, str], int] = {}
        self.device_names: dict[int, str] = {}
        self.next_run = 1
        self.loaded: Place | None = None
        self.spans: dict[int, tuple[int, int]] = {}
        """First and last second of each machine, by its number."""

        self.hot_rows = 0
        """Of the host table."""

    def prepare(self) -> None:
        """Make or raise the tables, and read the dictionaries.

        Raises:
            duckdb.Error: the file cannot be read or written.
            NewerFileError: it is of a later perfkit.
        """
        with contextlib.closing(self.instance.cursor()) as cursor:
            cursor.execute(f"USE {self.name}")
            self._migrate(cursor)
            self.read(cursor)

    def _migrate(self, cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.execute("BEGIN")
        cursor.execute("CREATE TABLE IF NOT EXISTS version(number INTEGER NOT NULL)")
        version = _number(cursor, "SELECT coalesce(max(number), 0) FROM version")
        if version > len(MIGRATIONS):
            cursor.execute("ROLLBACK")
            raise NewerFileError
        for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
            for statement in statements:
                cursor.execute(statement)
            cursor.execute("INSERT INTO version VALUES (?)", [number])
        cursor.execute("COMMIT")

    def read(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Read what is known by heart, through a cursor that uses this file."""
        self.machines = {
            uuid: number
            for number, uuid in cursor.execute("SELECT id, uuid FROM machine").fetchall()
        }
        uuids = {number: uuid for uuid, number in self.machines.items()}
        self.runs = {
            (uuids[machine], uuid): number
            for number, uuid, machine in cursor.execute(
                "SELECT id, uuid, machine FROM run"
            ).fetchall()
        }
        self.next_run = max(self.runs.values(), default=0) + 1
        devices = cursor.execute("SELECT id, source, name FROM device").fetchall()
        self.devices = {(source, name): number for number, source, name in devices}
        self.device_names = {number: name for number, _, name in devices}
        place = cursor.execute("SELECT max((segment, frame)) FROM batch").fetchall()[0][0]
        self.loaded = None if place is None else Place(*place)
        self.spans = {
            machine: (first, last)
            for machine, first, last in cursor.execute(
                "SELECT machine, epoch(min(first))::BIGINT, epoch(max(last))::BIGINT"
                " FROM batch JOIN run ON run = id WHERE samples > 0 GROUP BY machine"
            ).fetchall()
        }
        self.hot_rows = _number(cursor, "SELECT count(*) FROM host_hot")

    def apply(self, frames: Sequence[LoggedFrame], after: Place | None) -> int:
        """Store frames that follow `after`; return the rows they gave, 0 where they are there.

        Raises:
            BehindError: what comes before them is not there.
            duckdb.Error: nothing of it is stored, unless `loaded` says so when read again.
        """
        with self.writing:
            if self.loaded is not None and self.loaded >= frames[-1].place:
                return 0
            if self.loaded != after:
                raise BehindError(f"{self.path}: expected to be at {after}, found {self.loaded}")
            entry = _Entry(self)
            try:
                rows = entry.fill(frames)
                with contextlib.closing(self.instance.cursor()) as cursor:
                    entry.write(cursor)
            except BaseException:
                entry.undo()
                raise
            entry.keep()
            return rows


class _Entry:
    """One transaction: names that are new, rows, and the frames they come from."""

    def __init__(self, file: TenantFile) -> None:
        self._file = file
        self._machines: list[tuple[int, UUID]] = []
        self._runs: list[tuple[int, UUID, int, str, int]] = []
        self._devices: list[tuple[int, str, str]] = []
        self._batches: list[tuple[int, LoggedFrame, FrameFacts]] = []
        self._blocks: list[Block] = []
        self._findings: dict[tuple[int, str, str], Trouble] = {}
        self._spans: dict[int, tuple[int, int]] = {}
        self.gathered = Gathered(self, file.bulk)

    def device(self, source: str, name: str) -> int | None:
        """Return the number of a device's name, which may be new."""
        known = self._file.devices.get((source, name))
        if known is not None:
            return known
        number = len(self._file.devices) + 1
        if number > MAX_DEVICES:
            return None
        self._file.devices[source, name] = number
        self._file.device_names[number] = name
        self._devices.append((number, source, name))
        return number

    def fill(self, frames: Sequence[LoggedFrame]) -> int:
        """Take in the frames; return their rows."""
        lost: list[tuple[LoggedFrame, InputError]] = []
        for frame in frames:
            machine = self._machine(frame.machine)
            run = self._run(frame, machine)
            try:
                facts = self.gathered.add(machine, run, frame.lines)
            except InputError as error:
                # Damaged on disk: what it held cannot be had again by waiting.
                facts = FrameFacts()
                lost.append((frame, error))
                self.gathered.trouble(run, "log", str(error), frame.received // 10**9)
            self._batches.append((run, frame, facts))
            if facts.samples:
                first, last = self._spans.get(machine) or (facts.first, facts.last)
                self._spans[machine] = min(first, facts.first), max(last, facts.last)
        if lost:
            lines = sum(frame.count for frame, _ in lost)
            _log.error(
                "%s: %d lines of %d frames give no rows: %s",
                self._file.path,
                lines,
                len(lost),
                lost[0][1],
            )
        self._blocks = self.gathered.blocks()
        self._findings = self.gathered.findings
        return sum(len(block.keys) for block in self._blocks)

    def _machine(self, uuid: UUID) -> int:
        machines = self._file.machines
        if uuid not in machines:
            machines[uuid] = len(machines) + 1
            self._machines.append((machines[uuid], uuid))
        return machines[uuid]

    def _run(self, frame: LoggedFrame, machine: int) -> int:
        runs = self._file.runs
        key = frame.machine, frame.run
        if key not in runs:
            runs[key] = self._file.next_run
            self._file.next_run += 1
            self._runs.append((runs[key], frame.run, machine, frame.kind, frame.received))
        return runs[key]

    def write(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Write all of it, or nothing."""
        cursor.execute(f"USE {self._file.name}")
        cursor.execute("BEGIN")
        try:
            for block in self._blocks:
                _insert(cursor, block)
            self._write_names(cursor)
            self._write_batches(cursor)
        except BaseException:
            with contextlib.suppress(duckdb.Error):
                cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")

    def _write_names(self, cursor: duckdb.DuckDBPyConnection) -> None:
        if self._machines:
            cursor.executemany("INSERT INTO machine VALUES (?, ?)", self._machines)
        if self._devices:
            cursor.executemany("INSERT INTO device VALUES (?, ?, ?)", self._devices)
        if self._runs:
            cursor.executemany(
                "INSERT INTO run VALUES (?, ?, ?, ?, make_timestamp(?))",
                [(*run[:4], run[4] // _NS_PER_US) for run in self._runs],
            )
        if self._findings:
            cursor.executemany(
                "INSERT INTO finding VALUES (?, ?, ?, ?, to_timestamp(?), to_timestamp(?))",
                [(*key, t.lines, t.first, t.last) for key, t in self._findings.items()],
            )

    def _write_batches(self, cursor: duckdb.DuckDBPyConnection) -> None:
        batches = self._batches

        def column(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
            return np.array(values, dtype=np.int64)

        seconds = "datetime64[s]"
        cursor.register(
            "incoming",
            {
                "run": column(*(run for run, _, _ in batches)),
                "first_position": np.array([f.first for _, f, _ in batches], dtype=np.uint64),
                "lines": column(*(frame.count for _, frame, _ in batches)),
                "received": column(*(f.received // 1000 for _, f, _ in batches)).view(
                    "datetime64[us]"
                ),
                "first": column(*(facts.first for _, _, facts in batches)).view(seconds),
                "last": column(*(facts.last for _, _, facts in batches)).view(seconds),
                "samples": column(*(facts.samples for _, _, facts in batches)),
                "segment": column(*(frame.place.segment for _, frame, _ in batches)),
                "frame": column(*(frame.place.frame for _, frame, _ in batches)),
            },
        )
        cursor.execute("INSERT INTO batch SELECT * FROM incoming")
        cursor.unregister("incoming")

    def keep(self) -> None:
        """Note that it is stored."""
        file = self._file
        file.loaded = self._batches[-1][1].place
        for machine, (first, last) in self._spans.items():
            was = file.spans.get(machine) or (first, last)
            file.spans[machine] = min(first, was[0]), max(last, was[1])
        file.hot_rows += sum(len(b.keys) for b in self._blocks if b.table.name == "host")

    def undo(self) -> None:
        """Forget the names that were not written."""
        for _, uuid in self._machines:
            del self._file.machines[uuid]
        for number, source, name in self._devices:
            del self._file.devices[source, name], self._file.device_names[number]
        gone = {run[0] for run in self._runs}
        for key in [key for key, number in self._file.runs.items() if number in gone]:
            del self._file.runs[key]


def _insert(cursor: duckdb.DuckDBPyConnection, block: Block) -> None:
    table = block.table
    columns: dict[str, np.ndarray[tuple[int], np.dtype[np.generic]]] = {}
    keys = np.asfortranarray(block.keys)
    for place, name in enumerate(table.keys):
        columns[name] = keys[:, place]
    columns["ts"] = keys[:, 2].view("datetime64[s]")
    columns["ns"] = np.ma.MaskedArray(keys[:, 3], mask=keys[:, 3] == NO_NS)
    values = np.asfortranarray(block.values)
    for place, column in enumerate(table.columns):
        value = values[:, place]
        if column.kind == "gauge":
            value = value.view(np.int64)
        if block.absent is not None and block.absent[:, place].any():
            value = np.ma.MaskedArray(value, mask=block.absent[:, place])
        columns[column.name] = value
    cursor.register("incoming", columns)
    cursor.execute(f"INSERT INTO {table.name}_hot SELECT * FROM incoming")  # noqa: S608
    cursor.unregister("incoming")


def _number(cursor: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(cursor.execute(query).fetchall()[0][0])
