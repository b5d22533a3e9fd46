"""Answers of the API as rows."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from perfkit.control.ask import Key, Machine, Tenant
from perfkit.control.table import Cell, Column, Rows
from perfkit.figures import LatestRows, Line, Series, Stats
from perfkit.report.headline import headline

_LEVELS = "▁▂▃▄▅▆▇█"
_PLAIN_LEVELS = "_.-=+*%#"

_IN_BRIEF = (
    Column("cpu_percent", "cpu %", 0, is_number=True),
    Column("memory_percent", "mem %", 0, is_number=True),
    Column("rx_kb_per_second", "rx kB/s", 2, is_number=True),
    Column("tx_kb_per_second", "tx kB/s", 2, is_number=True),
    Column("disk_percent", "disk %", 1, is_number=True),
    Column("fs_percent", "fs %", 3, is_number=True),
)
"""What is shown of each of many machines."""

_FIRST = {
    "cpu": ("%usr", "%system", "%iowait", "%idle"),
    "cpus": ("%usr", "%system", "%iowait", "%idle"),
    "memory": ("kbmemtotal", "%memused", "kbavail", "kbcached", "kbdirty", "%swpused"),
    "net": ("rxkB/s", "txkB/s", "rxpck/s", "txpck/s", "rxerr/s", "rxdrop/s"),
    "disk": ("%util", "await", "rkB/s", "wkB/s", "tps", "aqu-sz"),
    "fs": ("%ufsused", "%fsused", "blockstotal", "blocksavail"),
}
"""Columns that stay longest where there is little room."""

Row = dict[str, int | float | str | None]
Brief = tuple[Machine, dict[str, LatestRows]]


def machines(found: Sequence[Machine], now: float | None = None) -> Rows:
    """Return a row a machine."""
    at = time.time() if now is None else now
    columns = [
        Column("number", "no", is_number=True),
        Column("name", is_elastic=True),
        Column("identifier", rank=2),
        Column("last_seen", "last seen"),
        Column("last_seen_utc", "at (UTC)", rank=1),
        Column("id", rank=3),
    ]
    rows: list[list[Cell]] = []
    told: list[list[str]] = []
    for one in found:
        when = moment(one.last_seen)
        rows.append([one.number, one.name, one.identifier, one.last_seen, when, str(one.id)])
        own = one.identifier if one.identifier != one.name else ""
        told.append([str(one.number), one.name, own, ago(one.last_seen, at), when, str(one.id)])
    return _without_empty(Rows(columns, rows, told))


def brief(found: Sequence[Brief], now: float | None = None) -> Rows:
    """Return a row a machine with its main figures: network as a sum, else of the busiest."""
    at = time.time() if now is None else now
    columns = [Column("number", "no", is_number=True), Column("name", is_elastic=True)]
    columns += [*_IN_BRIEF, Column("last_seen", "seen", rank=1)]
    rows: list[list[Cell]] = []
    told: list[list[str]] = []
    for machine, latest in found:
        figures = _main(latest)
        rows.append([machine.number, machine.name, *figures, machine.last_seen])
        shown = [figure(value) for value in figures]
        told.append([str(machine.number), machine.name, *shown, ago(machine.last_seen, at)])
    return Rows(columns, rows, told)


def _main(latest: dict[str, LatestRows]) -> list[float | None]:
    """Return the figures of `_IN_BRIEF`: those of every other list of machines, and the disks'."""
    main = headline({source: one.rows for source, one in latest.items()})
    filled = latest["fs"].rows if "fs" in latest else []
    values = [value for row in filled if isinstance(value := row.get("%ufsused"), int | float)]
    return [
        main.cpu_percent,
        main.memory_percent,
        main.received_kb,
        main.sent_kb,
        main.disk_percent,
        max(values, default=None),
    ]


def latest_rows(found: dict[str, LatestRows]) -> Rows:
    """Return a row a figure: for CSV."""
    columns = [Column(name) for name in ("timestamp", "source", "device", "name", "value")]
    rows: list[list[Cell]] = [
        [one.timestamp, source, row.get("device", ""), name, value]
        for source, one in found.items()
        for row in one.rows
        for name, value in row.items()
        if name != "device"
    ]
    return Rows(columns, rows)


def latest_tables(found: dict[str, LatestRows], *, is_all: bool) -> Iterator[tuple[str, Rows]]:
    """Yield title and rows of each source; devices where nothing happens are left out."""
    for source, one in found.items():
        busy = [row for row in one.rows if is_all or _is_busy(row)]
        names = list(one.rows[0]) if one.rows else []
        names.remove("device") if "device" in names else None
        title = f"{source}  {moment(one.timestamp)}"
        if idle := len(one.rows) - len(busy):
            title += f"  ({idle} idle: --all)"
        has_devices = any(row.get("device") for row in one.rows)
        columns = [Column("device", is_elastic=True)] if has_devices else []
        columns += [
            Column(name, rank=_rank(source, name, place, busy), is_number=True)
            for place, name in enumerate(names)
        ]
        told = [
            [
                *([str(row.get("device", ""))] if has_devices else []),
                *(figure(row.get(n)) for n in names),
            ]
            for row in busy
        ]
        if told or idle:
            yield title, Rows(columns if told else [], told, told)


def _rank(source: str, name: str, place: int, rows: list[Row]) -> int:
    """Return when a column has to go: those that matter last, those that are all zero first."""
    first = _FIRST.get(source, ())
    if name in first:
        return first.index(name)
    return place + (100 if any(row.get(name) for row in rows) else 200)


def _is_busy(row: Row) -> bool:
    return any(isinstance(value, int | float) and value for value in row.values())


def series_rows(found: Series) -> Rows:
    """Return a row a bucket of each series: for CSV."""
    columns = [
        Column(name) for name in ("timestamp", "device", "name", "unit", "min", "mean", "max")
    ]
    rows: list[list[Cell]] = [
        [at, line.device, line.name, line.unit, line.min[place], line.mean[place], line.max[place]]
        for line in found.series
        for place, at in enumerate(found.t)
    ]
    return Rows(columns, rows)


def series_table(found: Series, over: Sequence[Stats], *, is_ascii: bool = False) -> Rows:
    """Return a row a series: its range, and how its mean went.

    Args:
        found: The series.
        over: What the samples of the same range were: a mean of a series' own means would count
            a point of few samples like one of many.
        is_ascii: Whether the line over time is of ASCII.
    """
    columns = [
        Column("device", rank=1),
        Column("name"),
        Column("unit", rank=2),
        Column("min", rank=4, is_number=True),
        Column("mean", rank=3, is_number=True),
        Column("max", is_number=True),
        Column("trend", "mean over time", is_elastic=True),
    ]
    means = {(one.device, one.name): one.mean for one in over}
    told = [
        _series_row(line, means.get((line.device, line.name)), is_ascii=is_ascii)
        for line in found.series
    ]
    return _without_empty(Rows(columns, told, told))


def _series_row(line: Line, mean: float | None, *, is_ascii: bool) -> list[str]:
    return [
        line.device,
        line.name,
        line.unit,
        figure(min((value for value in line.min if value is not None), default=None)),
        figure(mean),
        figure(max((value for value in line.max if value is not None), default=None)),
        trend(line.mean, is_ascii=is_ascii),
    ]


def trend(values: Sequence[float | None], *, is_ascii: bool = False) -> str:
    """Return values as a line of blocks, a blank where there is none."""
    levels = _PLAIN_LEVELS if is_ascii else _LEVELS
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    scale = (len(levels) - 1) / (high - low) if high > low else 0.0
    return "".join(
        " " if value is None else levels[round((value - low) * scale)] for value in values
    )


def stats(found: Sequence[Stats]) -> Rows:
    """Return a row a column of a device."""
    ranks = {
        "count": 7, "min": 4, "mean": 0, "sd": 5, "p50": 2, "p75": 8, "p90": 8, "p95": 1,
        "p97_5": 9, "p99": 3, "max": 0,
    }  # fmt: skip
    columns = [Column("device", rank=1), Column("name"), Column("unit", rank=6)]
    columns += [
        Column(name, name.replace("_", "."), rank, is_number=True) for name, rank in ranks.items()
    ]
    rows: list[list[Cell]] = []
    told: list[list[str]] = []
    for one in found:
        values: list[float | None] = [getattr(one, name) for name in ranks]
        rows.append([one.device, one.name, one.unit, *values])
        told.append([one.device, one.name, one.unit, *map(figure, values)])
    return _without_empty(Rows(columns, rows, told))


def tenants(found: Sequence[Tenant]) -> Rows:
    """Return a row a tenant."""
    columns = [Column("name", is_elastic=True), Column("id", rank=1), Column("created", rank=2)]
    rows: list[list[Cell]] = [[one.name, one.id, one.created] for one in found]
    told = [[one.name, one.id, moment(one.created)] for one in found]
    return Rows(columns, rows, told)


def keys(found: Sequence[Key]) -> Rows:
    """Return a row a key; never the text of one."""
    columns = [
        Column("prefix", "begins"),
        Column("scope"),
        Column("name", rank=2),
        Column("machine", rank=5),
        Column("may_create", "makes machines", rank=7),
        Column("created", rank=6),
        Column("last_used", "last used", rank=4),
        Column("revoked", "state", rank=1),
        Column("id", rank=3),
    ]
    rows: list[list[Cell]] = []
    told: list[list[str]] = []
    for one in found:
        rows.append(
            [
                one.prefix,
                one.scope,
                one.name,
                one.machine,
                one.may_create,
                one.created,
                one.last_used,
                one.revoked,
                one.id,
            ]
        )
        told.append(
            [
                one.prefix,
                one.scope,
                one.name,
                one.machine or "any",
                "yes" if one.may_create else "no",
                moment(one.created),
                moment(one.last_used),
                "in use" if one.revoked is None else f"revoked {moment(one.revoked)}",
                one.id,
            ]
        )
    return Rows(columns, rows, told)


def figure(value: float | str | None) -> str:
    """Return a number with as many digits as one reads; - where there is none."""
    if value is None:
        return "-"
    if isinstance(value, str | int):
        return str(value)
    size = abs(value)
    places = 0 if size >= 1000 else 1 if size >= 10 else 2
    return f"{value:.{places}f}"


def moment(at: float | None) -> str:
    """Return a Unix time in UTC to the second; - where there is none."""
    if at is None:
        return "-"
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return str(at)


def ago(at: float | None, now: float) -> str:
    """Return how long ago a time was, in its largest unit."""
    if at is None:
        return "never"
    seconds = now - at
    if seconds < 0:
        return "just now" if seconds > -2 else "in the future"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def _without_empty(rows: Rows) -> Rows:
    """Return rows whose table has no column that is empty in each of them."""
    kept = [
        place
        for place in range(len(rows.columns))
        if not rows.told or any(row[place] for row in rows.told)
    ]
    if len(kept) == len(rows.columns):
        return rows
    return Rows(
        [rows.columns[place] for place in kept],
        [[row[place] for place in kept] for row in rows.rows],
        [[row[place] for place in kept] for row in rows.told],
    )
