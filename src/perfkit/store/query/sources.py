"""What can be asked for by name: which rows it is made of, and the columns that come out."""

from collections.abc import Callable, Mapping
from functools import cached_property
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
from perfkit.units import NS_PER_SECOND

_HOLE_PERIODS = 5
_HOLE_SECONDS = 60
"""An interval so many times as long as those around it, and longer than this, is a hole: nobody
recorded.  A shorter one is what an overloaded host makes of a collector, and just then it counts.
"""

PART = 16_384
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


class Derived:
    """The declared columns of one source, a place a row; NaN where there is no value.

    They are made part by part, each when it is asked for: as a whole they are an array a column,
    of which most who ask keep little.

    Args:
        source: Which.
        raw: Its rows.
        boots: `boot_time_seconds` of the host over the same range; None where it is one and the
            same throughout.
        names: The dictionary of devices.
    """

    def __init__(
        self, source: Source, raw: Raw, boots: Raw | None, names: Mapping[int, str]
    ) -> None:
        self.source = source
        self.raw = raw
        self.devices = {
            number: _device(source, number, names) for number in _in_turn(raw.device).tolist()
        }
        """Names of the devices that rows have, as people know them."""

        pairs = paired(raw, boots)
        self.period = float(np.median(pairs.seconds)) if len(pairs.seconds) else 0.0
        """Usual seconds between samples; 0 where there are not two."""

        self.when: npt.NDArray[np.int64 | np.float64] = raw.ts
        """Where on the clock each row counts: at its tick, below a second at its real time."""
        if 0 < self.period < 1:
            self.when = raw.ts + raw.ns / NS_PER_SECOND

        self._pairs = pairs
        self._holes = pairs.places[_holes(pairs.seconds)]

    @cached_property
    def values(self) -> dict[str, Floats]:
        """All of it by the column's name."""
        found: dict[str, Floats] = {}
        for rows in parts(np.arange(0, max(len(self.raw.ts), 1), PART), len(self.raw.ts)):
            some = self.part(rows)
            if not found:
                # One piece of memory, which the system gives in huge pages where it is large.
                found.update(zip(some, np.empty((len(some), len(self.raw.ts))), strict=True))
            for name, values in some.items():
                found[name][rows] = values
        return found

    def part(self, rows: slice) -> dict[str, Floats]:
        """Return the columns of some rows by the column's name."""
        source = self.source
        fields: dict[str, Floats] = {}
        if source.gauges is not None:
            after = cast("Mapping[str, Array]", self.raw.at(rows).floats())
            fields.update(cast("dict[str, Floats]", source.gauges(NUMPY, after)))
        if source.rates is not None:
            fields.update(self._rates(source.rates, rows))
        return {
            column.name: fields[column.field] for column in source.shown.columns if column.field
        }

    def _rates(
        self, rates: Callable[[arrays.Pairs], dict[str, Array]], rows: slice
    ) -> dict[str, Floats]:
        low, high = np.searchsorted(self._pairs.places, (rows.start, rows.stop)).tolist()
        places = self._pairs.places[low:high]
        pairs = pairs_of(self.raw, Paired(places=places, seconds=self._pairs.seconds[low:high]))
        found = cast("dict[str, Floats]", rates(pairs))
        if len(places) < rows.stop - rows.start:  # some rows end no interval
            spread = np.full((len(found), rows.stop - rows.start), np.nan)
            spread[:, places - rows.start] = list(found.values())
            found = dict(zip(found, spread, strict=True))
        first, last = np.searchsorted(self._holes, (rows.start, rows.stop)).tolist()
        if first < last:
            for values in found.values():
                values[self._holes[first:last] - rows.start] = np.nan
        return found


def parts(starts: Places, rows: int) -> list[slice]:
    """Return all rows in stretches of about PART.

    Args:
        starts: Where a stretch may begin, in order, from 0 on: where these are far apart, so are
            the stretches.
        rows: How many there are.
    """
    wanted = np.arange(0, max(rows, 1), PART)
    cuts = starts[np.unique(np.searchsorted(starts, wanted, "right") - 1)].tolist()
    return list(map(slice, cuts, [*cuts[1:], rows]))


def _holes(seconds: Floats) -> Flags:
    """Return which intervals are much longer than those around them."""
    is_hole = np.zeros(len(seconds), np.bool_)
    if not len(seconds):
        return is_hole
    suspects = np.flatnonzero(seconds > max(_HOLE_PERIODS * seconds.min(), _HOLE_SECONDS))
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
