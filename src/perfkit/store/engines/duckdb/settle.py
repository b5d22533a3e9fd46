"""Hot rows to their place, in the order of machine, device and time; and what has had its time.

Settled, a machine's day stands together: a panel reads a row group or two where it would read them
all, and a number takes a third of the room.

DuckDB packs a column in groups of 2,048 rows, each as wide as its widest step, and no step is as
wide as that from one machine's counter to another's.  So whole groups of each machine's device
come first, and what is left of all of them last: at 10 s every twentieth row is in a group that
spans two devices or more, where else every fourth was.  That holds where groups stay where they
are: not for the days of a few machines, whose row groups DuckDB merges.
"""

import contextlib

import duckdb
import numpy as np

from perfkit.store.engines.duckdb.store import TenantFile
from perfkit.store.engines.tables import TABLES, Table

HOT_ROWS = 1_000_000
"""Rows of the host that wait at most, then they are settled by day or night."""

ROW_GROUP_ROWS = 122_880
"""Rows that DuckDB keeps together; a large transaction begins with new ones."""

GROUP_ROWS = 2048
"""Rows of a row group that it packs together, counted from its first one."""

AT_ONCE_ROWS = 1_000_000
"""Rows of a day that are put in order at once: more would take all of DuckDB's memory, and with it
that of every query."""

_DAY = 86_400


def settle(file: TenantFile, before: int | None) -> int:
    """Move hot rows in one transaction; return how many.

    Args:
        file: Whose.
        before: Unix time: rows of earlier ticks, and those of the day before it that were settled
            in parts are put in order with them.  None: all hot rows.
    """
    with file.writing:
        moved = 0
        with contextlib.closing(file.instance.cursor()) as cursor:
            cursor.execute(f"USE {file.name}")
            cursor.execute("BEGIN")
            try:
                for table in TABLES:
                    if before is None:
                        moved += _move(cursor, table)
                    else:
                        moved += _move_day(cursor, table, before)
                (left,) = cursor.execute("SELECT count(*) FROM host_hot").fetchall()[0]
                cursor.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(duckdb.Error):
                    cursor.execute("ROLLBACK")
                raise
            file.hot_rows = left
            _checkpoint(cursor, file.name)
    return moved


def _move(cursor: duckdb.DuckDBPyConnection, table: Table) -> int:
    name = table.name
    _put_in_order(cursor, table, f"SELECT * FROM {name}_hot", {})  # noqa: S608
    return _count(cursor, f"DELETE FROM {name}_hot")  # noqa: S608


def _move_day(cursor: duckdb.DuckDBPyConnection, table: Table, before: int) -> int:
    name = table.name
    day = {"low": (before - _DAY) * 10**6, "high": before * 10**6}
    high = {"high": day["high"]}
    is_early = "ts < make_timestamp($high)::TIMESTAMP_S"
    is_of_day = f"{is_early} AND ts >= make_timestamp($low)::TIMESTAMP_S"
    (last,) = cursor.execute(
        f"SELECT max(rowid) FROM {name} WHERE {is_of_day}",  # noqa: S608
        day,
    ).fetchall()[0]
    parts = f"SELECT * FROM {name}_hot WHERE {is_early}"  # noqa: S608
    if last is None:
        _put_in_order(cursor, table, parts, high)
    else:
        parts += f" UNION ALL SELECT * FROM {name} WHERE {is_of_day}"  # noqa: S608
        for low, end in _spans(cursor, parts, day):
            some = f"SELECT * FROM ({parts}) WHERE machine BETWEEN $first AND $last"  # noqa: S608
            _put_in_order(cursor, table, some, {**day, "first": low, "last": end})
        # What was just written has higher numbers.
        cursor.execute(
            f"DELETE FROM {name} WHERE rowid <= $last AND {is_of_day}",  # noqa: S608
            {**day, "last": last},
        )
    return _count(cursor, f"DELETE FROM {name}_hot WHERE {is_early}", high)  # noqa: S608


def _spans(
    cursor: duckdb.DuckDBPyConnection, rows: str, values: dict[str, int]
) -> list[tuple[int, int]]:
    """Return first and last machine of each part of what a query gives that is put in order."""
    counts = cursor.execute(
        f"SELECT machine, count(*) FROM ({rows}) GROUP BY machine ORDER BY machine",  # noqa: S608
        values,
    ).fetchall()
    spans: list[tuple[int, int]] = []
    size = 0
    for machine, count in counts:
        if spans and size + count <= AT_ONCE_ROWS:
            spans[-1] = spans[-1][0], machine
            size += count
        else:
            spans.append((machine, machine))
            size = count
    return spans


def _put_in_order(
    cursor: duckdb.DuckDBPyConnection, table: Table, rows: str, values: dict[str, int]
) -> None:
    """Settle the rows that a query gives."""
    series = table.series
    (count,) = cursor.execute(f"SELECT count(*) FROM ({rows})", values).fetchall()[0]  # noqa: S608
    if not _stay_apart(count):
        order = f"ORDER BY {series}, ts, ns"
        cursor.execute(f"INSERT INTO {table.name} SELECT * FROM ({rows}) {order}", values)  # noqa: S608
        return
    cursor.execute(
        f"INSERT INTO {table.name} WITH given AS NOT MATERIALIZED ({rows}),"  # noqa: S608
        f" numbered AS (SELECT {series}, ts, count(*) OVER (PARTITION BY {series}) AS rows,"
        f" row_number() OVER (PARTITION BY {series} ORDER BY ts) - 1 AS number FROM given),"
        f" rest AS (SELECT {series}, ts AS begins FROM numbered"
        f" WHERE number = rows // {GROUP_ROWS} * {GROUP_ROWS})"
        f" SELECT given.* FROM given LEFT JOIN rest USING ({series})"
        f" ORDER BY coalesce(ts >= begins, false), {series}, ts, ns",
        values,
    )


def _stay_apart(count: int) -> bool:
    """Tell whether the row groups of so many rows stay as they are, night after night.

    A checkpoint merges neighbours where four of them, or fewer, fit into one less.
    """
    full, part = divmod(count, ROW_GROUP_ROWS)
    spare = -part % ROW_GROUP_ROWS
    parts_of_four = (4, 2, 2)[full] if full < 3 else 1
    return count > 0 and spare * parts_of_four < ROW_GROUP_ROWS


def expire(file: TenantFile, received_before: int) -> int:
    """Remove rows of streams whose frames were received before a time, in ns; return how many.

    Rows do not say which frame they came with, but frames say from when to when they are: a tick
    that a frame received later has too stays.
    """
    cut = received_before // 1000
    with file.writing, contextlib.closing(file.instance.cursor()) as cursor:
        cursor.execute(f"USE {file.name}")
        low, high, run = _expired(cursor, cut)
        if not len(run):
            return 0
        cursor.execute("BEGIN")
        try:
            cursor.register("expired", {"run": run, "low": low, "high": high})
            removed = 0
            for table in TABLES:
                for name in (table.name, f"{table.name}_hot"):
                    removed += _count(
                        cursor,
                        f"DELETE FROM {name} USING expired WHERE {name}.run = expired.run"  # noqa: S608
                        " AND ts BETWEEN low AND high",
                    )
            # The last frame's row stays: it says where the loader goes on.
            _count(
                cursor,
                "DELETE FROM batch USING run WHERE batch.run = run.id AND run.kind = 'stream'"
                " AND batch.received < make_timestamp($cut)"
                " AND (batch.segment, batch.frame) < (SELECT max((segment, frame)) FROM batch)",
                {"cut": cut},
            )
            gone = "(SELECT id FROM run WHERE id NOT IN (SELECT run FROM batch))"
            cursor.execute(f"DELETE FROM finding WHERE run IN {gone}")  # noqa: S608
            cursor.execute(f"DELETE FROM run WHERE id IN {gone}")  # noqa: S608
            cursor.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(duckdb.Error):
                cursor.execute("ROLLBACK")
            raise
        file.read(cursor)
        _checkpoint(cursor, file.name)
    return removed


_Seconds = np.ndarray[tuple[int], np.dtype[np.datetime64]]
_Runs = np.ndarray[tuple[int], np.dtype[np.int32]]


def _expired(cursor: duckdb.DuckDBPyConnection, cut: int) -> tuple[_Seconds, _Seconds, _Runs]:
    """Return from when to when each run's rows have had their time."""
    found = cursor.execute(
        "SELECT batch.run, first, last, received < make_timestamp($cut) AS is_old"
        " FROM batch JOIN run ON batch.run = run.id"
        " WHERE kind = 'stream' AND samples > 0 ORDER BY batch.run, first, last",
        {"cut": cut},
    ).fetchnumpy()
    run, first, last, is_old = (found[name] for name in ("run", "first", "last", "is_old"))
    if not len(run):
        return first, last, run
    # Neighbours that are both old, or both not, are one stretch.
    begins = np.flatnonzero(
        np.concatenate([[True], (run[1:] != run[:-1]) | (is_old[1:] != is_old[:-1])])
    )
    low, high = first[begins], np.maximum.reduceat(last.view(np.int64), begins)
    run, is_old = run[begins], is_old[begins]
    high = high.view("datetime64[s]")
    same = run[1:] == run[:-1]
    one = np.timedelta64(1, "s")
    high[:-1] = np.where(same, np.minimum(high[:-1], low[1:] - one), high[:-1])
    low[1:] = np.where(same, np.maximum(low[1:], high[:-1] + one), low[1:])
    wanted = is_old & (low <= high)
    return low[wanted], high[wanted], run[wanted]


def _count(
    cursor: duckdb.DuckDBPyConnection, statement: str, values: dict[str, int] | None = None
) -> int:
    """Return how many rows a statement changed."""
    (changed,) = cursor.execute(statement, values).fetchall()[0]
    return int(changed)


def _checkpoint(cursor: duckdb.DuckDBPyConnection, name: str) -> None:
    """Fold the write-ahead log in, unless somebody is at work: then it happens later."""
    with contextlib.suppress(duckdb.TransactionException):
        cursor.execute(f"CHECKPOINT {name}")
