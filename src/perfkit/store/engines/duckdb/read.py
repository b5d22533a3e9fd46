"""Raw columns of one machine and range, as arrays in the order of device and time.

What comes from users, ids and times, is bound; names in the statements are those of the tables.
"""

import math
from collections.abc import Sequence
from uuid import UUID

import duckdb
import numpy as np

from perfkit.store.engines import Finding, Usage
from perfkit.store.engines.duckdb.store import TenantFile
from perfkit.store.engines.tables import HOST, TABLES, Table
from perfkit.store.query.raw import Raw

_BOOT = "boot_time_seconds"

MOST_FINDINGS = 1000

_RANGE = (
    "machine = $machine AND ts >= make_timestamp($start)::TIMESTAMP_S"
    " AND ts < make_timestamp($end)::TIMESTAMP_S"
)


def _range(machine: int, start: float, end: float) -> dict[str, int]:
    return {"machine": machine, "start": math.ceil(start) * 10**6, "end": math.ceil(end) * 10**6}


def raw_columns(  # noqa: PLR0913 - one query's parameters
    cursor: duckdb.DuckDBPyConnection,
    name: str,
    table: Table,
    columns: Sequence[str],
    *,
    machine: int,
    start: float,
    end: float,
    needed: str | None = None,
    has_runs: bool = False,
) -> Raw:
    """Return the rows of a machine whose tick lies from `start` to before `end`.

    Args:
        cursor: Where to ask.
        name: The attached file.
        table: What is read.
        columns: Of it, those wanted.
        machine: Its number.
        start: Unix time.
        end: Unix time.
        needed: Column that a row must have, for a row of the host has two sources.
        has_runs: Whether to read whose each row is: asked for where two runs have one tick.
    """
    keys = ["ts", "ns", *([table.device] if table.device else [])]
    keys += ["run"] if has_runs else []
    where = f" AND {needed} IS NOT NULL" if needed else ""
    found = cursor.execute(
        f"SELECT {', '.join([*keys, *columns])} FROM {name}.{table.name}_all"  # noqa: S608
        f" WHERE {_RANGE}{where}",
        _range(machine, start, end),
    ).fetchnumpy()
    ts = found["ts"].view(np.int64)
    ns = np.ma.filled(found["ns"], 0)
    device = found[table.device] if table.device else np.zeros(len(ts), np.int32)
    values, absent = {}, {}
    for column in columns:
        array = found[column]
        if isinstance(array, np.ma.MaskedArray):
            mask = np.ma.getmaskarray(array)
            if mask.any():
                absent[column] = mask
            array = array.data
        values[column] = array
    raw = Raw(ts=ts, ns=ns, device=device, values=values, absent=absent)
    ordered = raw.in_order(found["run"] if has_runs else None)
    if has_runs or len(ordered.ts) == len(ts):
        return ordered
    # How rows lie in the table decides nothing: it changes when they are settled, or made again.
    return raw_columns(
        cursor,
        name,
        table,
        columns,
        machine=machine,
        start=start,
        end=end,
        needed=needed,
        has_runs=True,
    )


def host_columns(
    cursor: duckdb.DuckDBPyConnection,
    name: str,
    columns: Sequence[str],
    *,
    machine: int,
    start: float,
    end: float,
    needed: str | None,
) -> tuple[Raw, Raw | None]:
    """Return rows of the host, and what `boot_times` does at their ticks: by one query."""
    wanted = [*columns, _BOOT]
    found = raw_columns(
        cursor, name, HOST, wanted, machine=machine, start=start, end=end, needed=needed
    )
    booted = found.values.pop(_BOOT)
    absent = found.absent.pop(_BOOT, None)
    known = np.arange(len(booted)) if absent is None else np.flatnonzero(~absent)
    if not len(known):
        return found, None
    booted = booted[known]
    if _is_one_boot(int(booted.min()), int(booted.max()), int(found.ts.min())):
        return found, None
    at = found.at(known)
    boots = Raw(ts=at.ts, ns=at.ns, device=at.device, values={_BOOT: booted}, absent={})
    return found, boots


def boot_times(
    cursor: duckdb.DuckDBPyConnection, name: str, *, machine: int, start: float, end: float
) -> Raw | None:
    """Return when the host had booted, at each tick; None where it did not boot in between."""
    (low, high, first) = cursor.execute(
        f"SELECT min({_BOOT}), max({_BOOT}), epoch(min(ts))::BIGINT"  # noqa: S608
        f" FROM {name}.host_all WHERE {_RANGE}",
        _range(machine, start, end),
    ).fetchall()[0]
    if low is None or _is_one_boot(low, high, first):
        return None
    return raw_columns(
        cursor, name, HOST, [_BOOT], machine=machine, start=start, end=end, needed=_BOOT
    )


def _is_one_boot(low: int, high: int, first: int) -> bool:
    """Return whether these boot times are of one boot, before the first tick."""
    # The kernel works it out from the clock: rounding moves it by a second.
    return high - low <= 1 and high <= first


def findings(
    cursor: duckdb.DuckDBPyConnection, file: TenantFile, machine: UUID | None
) -> list[Finding]:
    """Return what gave no rows, and why: at most MOST_FINDINGS, those of most lines."""
    runs = {number: run for (one, run), number in list(file.runs.items()) if machine in (None, one)}
    found = cursor.execute(
        "SELECT run, source, reason, sum(lines)::BIGINT, epoch(min(first))::BIGINT,"  # noqa: S608
        f" epoch(max(last))::BIGINT FROM {file.name}.finding WHERE list_contains($runs, run)"
        " GROUP BY run, source, reason ORDER BY sum(lines) DESC, run, source, reason"
        f" LIMIT {MOST_FINDINGS}",
        {"runs": list(runs)},
    ).fetchall()
    return [
        Finding(run=runs[run], source=source, reason=reason, lines=lines, first=first, last=last)
        for run, source, reason, lines, first, last in found
    ]


def usage(cursor: duckdb.DuckDBPyConnection, file: TenantFile) -> Usage:
    """Return how much is stored."""
    settled, hot = 0, 0
    for table in TABLES:
        counts = [
            cursor.execute(f"SELECT count(*) FROM {file.name}.{table.name}{end}").fetchall()[0][0]  # noqa: S608
            for end in ("", "_hot")
        ]
        settled, hot = settled + counts[0], hot + counts[1]
    (used,) = cursor.execute(
        "SELECT used_blocks * block_size FROM pragma_database_size() WHERE database_name = ?",
        [file.name],
    ).fetchall()[0]
    paths = (file.path, file.path.with_name(f"{file.path.name}.wal"))
    size = sum(path.stat().st_size for path in paths if path.exists())
    return Usage(file_bytes=size, used_bytes=used, rows=settled + hot, hot_rows=hot)
