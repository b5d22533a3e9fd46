"""What can be asked for by name: which rows it is made of, and the columns that come out."""

from collections.abc import Callable, Mapping
from typing import cast

import msgspec
import numpy as np
import numpy.typing as npt

from perfkit import columns
from perfkit.derive import arrays
from perfkit.derive.arrays import Array
from perfkit.store.engines import SOURCES, UnknownSource
from perfkit.store.engines.tables import CPU, DISK, FS, HOST, MEMORY, NET, STAT, TICKS, Table
from perfkit.store.query.raw import NUMPY, Flags, Floats, Paired, Places, Raw, paired, pairs_of

_HOLE_PERIODS = 5
"""An interval this much longer than those around it is a hole: nobody knows what was in it."""

_PART = 16_384
"""Rows that are derived at a time: each step leaves an array of them."""

_AROUND = 4
"""Intervals looked at on either side."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One name that can be asked for."""

    name: str
    shown: columns.Table
    """The declared columns."""

    table: Table
    """The rows."""

    raw: tuple[str, ...]
    """Columns of the rows that are read."""

    needed: str | None = None
    """Column that a row has where it is of this source."""

    rates: Callable[[arrays.Pairs], dict[str, Array]] | None = None
    gauges: Callable[[arrays.Library, Mapping[str, Array]], dict[str, Array]] | None = None


def _system_gauges(_: arrays.Library, after: Mapping[str, Array]) -> dict[str, Array]:
    return {"running": after["procs_running"], "blocked": after["procs_blocked"]}


SOURCES_BY_NAME = {
    source.name: source
    for source in (
        Source(
            name="cpu",
            shown=columns.CPU,
            table=HOST,
            raw=TICKS,
            needed="user_ticks",
            rates=arrays.cpu,
        ),
        Source(name="cpus", shown=columns.CPU, table=CPU, raw=TICKS, rates=arrays.cpu),
        Source(
            name="memory",
            shown=columns.MEM,
            table=HOST,
            raw=tuple(
                name
                for name in MEMORY
                if name
                in {
                    "mem_total_kb",
                    "mem_free_kb",
                    "mem_available_kb",
                    "buffers_kb",
                    "cached_kb",
                    "swap_cached_kb",
                    "active_kb",
                    "inactive_kb",
                    "dirty_kb",
                    "slab_kb",
                    "swap_total_kb",
                    "swap_free_kb",
                    "committed_as_kb",
                }
            ),
            needed="mem_total_kb",
            gauges=arrays.memory,
        ),
        Source(name="net", shown=columns.NET, table=NET, raw=NET.names, rates=arrays.net),
        Source(
            name="disk",
            shown=columns.DISK,
            table=DISK,
            raw=tuple(name for name in DISK.names if name != "in_flight"),
            rates=arrays.disk,
        ),
        Source(name="fs", shown=columns.FS, table=FS, raw=FS.names, gauges=arrays.file_systems),
        Source(
            name="system",
            shown=columns.SYSTEM,
            table=HOST,
            raw=tuple(name for name in STAT if name != "boot_time_seconds"),
            needed="user_ticks",
            rates=arrays.system,
            gauges=_system_gauges,
        ),
    )
}


def source_named(name: str) -> Source:
    """Return the source of that name.

    Raises:
        UnknownSource: there is none.
    """
    try:
        return SOURCES_BY_NAME[name]
    except KeyError:
        raise UnknownSource(
            f"source: expected one of {', '.join(SOURCES)}, found {name!r}"
        ) from None


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """The declared columns of one source, a place a row; NaN where there is no value."""

    source: Source
    raw: Raw
    values: dict[str, Floats]
    """By the column's name."""

    devices: dict[int, str]
    """Names of the devices that rows have, as people know them."""

    period: float
    """Usual seconds between samples; 0 where there are not two."""


def derived(source: Source, raw: Raw, boots: Raw | None, names: Mapping[int, str]) -> Derived:
    """Return the columns of a source from its rows.

    Args:
        source: Which.
        raw: Its rows.
        boots: `boot_time_seconds` of the host over the same range; None where it is one and the
            same throughout.
        names: The dictionary of devices.
    """
    fields: dict[str, Floats] = {}
    pairs = paired(raw, boots)
    if source.gauges is not None:
        gauges: dict[str, Floats] = {}
        for rows in _parts(len(raw.ts)):
            after = cast("Mapping[str, Array]", raw.at(rows).floats())
            _put(gauges, source.gauges(NUMPY, after), rows, len(raw.ts))
        fields.update(gauges)
    if source.rates is not None:
        rates: dict[str, Floats] = {}
        holes = pairs.places[_holes(pairs.seconds)]
        for part in _parts(len(pairs.places)):
            some = Paired(places=pairs.places[part], seconds=pairs.seconds[part])
            _put(rates, source.rates(pairs_of(raw, some)), some.stretch, len(raw.ts))
        for values in rates.values():
            values[holes] = np.nan
        fields.update(rates)
    return Derived(
        source=source,
        raw=raw,
        values={
            column.name: fields[column.field] for column in source.shown.columns if column.field
        },
        devices={
            number: _device(source, number, names) for number in _in_turn(raw.device).tolist()
        },
        period=float(np.median(pairs.seconds)) if len(pairs.seconds) else 0.0,
    )


def _parts(rows: int) -> list[slice]:
    """Return the rows in parts that stay in the CPU's cache; one that is empty where none are."""
    return [slice(at, min(at + _PART, rows)) for at in range(0, max(rows, 1), _PART)]


def _put(
    fields: dict[str, Floats], found: Mapping[str, Array], places: Places | slice, rows: int
) -> None:
    """Write a part of each field to its places among so many rows."""
    if not fields:
        # One piece of memory, which the system gives in huge pages where it is large.
        fields.update(zip(found, np.full((len(found), rows), np.nan), strict=True))
    for field, values in found.items():
        fields[field][places] = cast("Floats", values)


def _holes(seconds: Floats) -> Flags:
    """Return which intervals are much longer than those around them."""
    is_hole = np.zeros(len(seconds), np.bool_)
    if not len(seconds):
        return is_hole
    suspects = np.flatnonzero(seconds > _HOLE_PERIODS * seconds.min())
    if len(suspects):
        around = np.arange(-_AROUND, _AROUND + 1)
        places = np.clip(suspects[:, None] + around, 0, len(seconds) - 1)
        usual = np.median(seconds[places], axis=1)
        is_hole[suspects] = seconds[suspects] > _HOLE_PERIODS * usual
    return is_hole


def _in_turn(devices: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return the devices that rows have, where those of one stand together."""
    is_first = np.ones(len(devices), np.bool_)
    np.not_equal(devices[1:], devices[:-1], out=is_first[1:])
    return devices[is_first]


def _device(source: Source, number: int, names: Mapping[int, str]) -> str:
    if source.table.device is None:
        return ""
    return str(number) if source.table.device == "cpu" else names[number]
