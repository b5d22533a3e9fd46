"""Raw columns of one machine, and the pairs of neighbouring samples in them."""

from typing import cast

import msgspec
import numpy as np
import numpy.typing as npt

from perfkit.derive.arrays import Array, Library, Pairs, broken
from perfkit.units import NS_PER_SECOND

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

Places = npt.NDArray[np.integer]
"""Numbers of rows."""

NUMPY = cast("Library", np)


class Raw(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one table and machine, a place each."""

    ts: Integers
    """Tick, in seconds since 1970."""

    ns: Integers
    """Real time after `ts`."""

    device: npt.NDArray[np.int32]
    values: dict[str, npt.NDArray[np.generic]]
    absent: dict[str, Flags]
    """Where a column has no value; no name: nowhere."""

    def in_order(self, runs: Places | None = None) -> "Raw":
        """Return the rows by device and time, of equal ones that of the latest run.

        Args:
            runs: Whose each row is; None: of equal ones the last is taken.
        """
        if not len(self.ts):
            return self
        time = self.ts * NS_PER_SECOND + self.ns
        same = self.device[1:] == self.device[:-1]
        if (self.device[1:] < self.device[:-1]).any() or (same & (time[1:] <= time[:-1])).any():
            order = np.lexsort((*([] if runs is None else [runs]), time, self.device))
            device, time = self.device[order], time[order]
            is_last = np.ones(len(order), np.bool_)
            is_last[:-1] = (device[1:] != device[:-1]) | (time[1:] != time[:-1])
            return self.at(order[is_last])
        return self

    def at(self, places: Places | slice) -> "Raw":
        """Return some of the rows."""
        return Raw(
            ts=self.ts[places],
            ns=self.ns[places],
            device=self.device[places],
            values={name: column[places] for name, column in self.values.items()},
            absent={name: mask[places] for name, mask in self.absent.items()},
        )

    @property
    def time(self) -> Integers:
        """Real time, in nanoseconds since 1970."""
        return self.ts * NS_PER_SECOND + self.ns

    def floats(self) -> dict[str, Floats]:
        """Return the columns as floats, NaN where absent: gauges."""
        found = {name: column.astype(np.float64) for name, column in self.values.items()}
        for name, mask in self.absent.items():
            found[name][mask] = np.nan
        return found


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows end an interval, and what it spans."""

    places: npt.NDArray[np.intp]
    """Of the later rows; the earlier one stands before each."""

    seconds: Floats

    @property
    def stretch(self) -> Places | slice:
        """The places as a slice, which copies nothing, where none is left out."""
        if not len(self.places):
            return slice(0, 0)
        first, last = int(self.places[0]), int(self.places[-1])
        return slice(first, last + 1) if last - first + 1 == len(self.places) else self.places


def paired(raw: Raw, boots: Raw | None) -> Paired:
    """Return the pairs that may have rates: one device, neighbouring samples, no boot between.

    Args:
        raw: Rows in their order.
        boots: `boot_time_seconds` of the host; None where it is one and the same throughout.
    """
    time = raw.time
    same = raw.device[1:] == raw.device[:-1]
    is_pair = same
    if not same.all():
        ticks = _unique(time)
        tick = np.searchsorted(ticks, time)
        is_pair = same & (tick[1:] == tick[:-1] + 1)
    seconds = (time[1:] - time[:-1]) / NS_PER_SECOND
    if boots is not None:
        booted = _boot_times(time, boots)
        is_broken = broken(
            NUMPY,
            timestamp_before=cast("Array", raw.ts[:-1]),
            seconds=cast("Array", seconds),
            booted_before=cast("Array", booted[:-1]),
            booted_after=cast("Array", booted[1:]),
        )
        is_pair = is_pair & ~cast("Flags", is_broken)
    places = np.flatnonzero(is_pair) + 1
    return Paired(places=places, seconds=seconds[places - 1])


def _unique(time: Integers) -> Integers:
    """Return the times in order, each once: some sorted stretches, so sorting is cheap."""
    ordered = np.sort(time, kind="stable")
    is_first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return ordered[is_first]


def _boot_times(ticks: Integers, boots: Raw) -> Floats:
    """Return the host's boot time as it stood at each time; NaN where nothing says."""
    found = np.full(len(ticks), np.nan)
    if len(boots.ts):
        at = np.searchsorted(boots.time, ticks)
        at[at == len(boots.ts)] = 0
        is_known = boots.time[at] == ticks
        found[is_known] = boots.floats()["boot_time_seconds"][at[is_known]]
    return found


def pairs_of(raw: Raw, found: Paired) -> Pairs:
    """Return the counters of the pairs, as `perfkit.derive.arrays` takes them."""
    after = found.stretch
    before: Places | slice
    if isinstance(after, slice):
        before = slice(max(0, after.start - 1), max(0, after.stop - 1))
    else:
        before = after - 1
    return Pairs(
        NUMPY,
        before={name: cast("Array", column[before]) for name, column in raw.values.items()},
        after={name: cast("Array", column[after]) for name, column in raw.values.items()},
        absent={
            name: cast("Array", mask[before] | mask[after]) for name, mask in raw.absent.items()
        },
        seconds=cast("Array", found.seconds),
    )
