"""Series: min, mean and max of each column a bucket, so that a spike is never averaged away."""

import math
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt

from perfkit.capture.lines import MAX_TIMESTAMP
from perfkit.figures import Line, Series
from perfkit.store.engines import BadRange
from perfkit.store.query.raw import Floats, Places
from perfkit.store.query.sources import Derived, parts

DEFAULT_POINTS = 500
MAX_POINTS = 5000

MAX_VALUES = 1_000_000
"""Of the points of all columns and devices together: beyond, there are fewer points."""

_FEW = 8
"""Buckets with unknown values that are looked at one by one: as a rule the first alone."""

MAX_TIME = MAX_TIMESTAMP - 1
"""The furthest that a range reaches, in either direction."""

DEFAULT_SECONDS = 86_400
"""Of a range without a start."""

BEFORE_SECONDS = 900
"""Read before a range, for the sample that its first interval begins with."""


def checked_points(points: int | None) -> int:
    """Return how many buckets there may be.

    Raises:
        BadRange: out of bounds.
    """
    if points is None:
        return DEFAULT_POINTS
    if not 1 <= points <= MAX_POINTS:
        raise BadRange(f"points: expected 1 to {MAX_POINTS}, found {points}")
    return points


def span(
    had: tuple[int, int] | None, start: float | None, end: float | None
) -> tuple[float, float]:
    """Return start and end of a range: what is not given is taken from the end of the data.

    Args:
        had: First and last second of the data.
        start: Unix time, inclusive.
        end: Unix time, exclusive.

    Raises:
        BadRange: it ends before it starts.
    """
    first, last = had or (0, -1)
    low = start
    if end is None:
        end = last + 1 if low is None or (had and last + 1 > low) else low
    if low is None:
        low = min(end, max(end - DEFAULT_SECONDS, first))
    if not -MAX_TIME <= low <= end <= MAX_TIME:  # nor where one is no number
        raise BadRange(f"end: expected {low:.0f} (the start) or later, found {end:.0f}")
    return low, end


def grid(start: float, end: float, step: float, points: int) -> tuple[float, float]:
    """Return where the first bucket begins, and how long each is: at most `points` reach the end.

    From one second on buckets lie on multiples of their length, so that they stay the same while
    time goes on.  The first then begins before the start: where that is one too many, they are so
    long that one fewer would do; a single one begins at the start.
    """
    if step <= 0.5:
        return start, max(step, 1e-3)
    step = math.ceil(step - 1e-9)
    first = math.floor(start / step) * step
    if end - first <= points * step:
        return first, step
    if points == 1:
        return math.floor(start), math.ceil(end - math.floor(start))
    step = math.ceil((end - start) / (points - 1))
    return math.floor(start / step) * step, step


def series(found: Derived, *, start: float, end: float, points: int) -> Series:
    """Return the buckets of a range.

    A bucket is no shorter than the sampling period, for then some would be empty for no reason;
    whole seconds from one second on, where a value counts at its tick.
    """
    shown = [column for column in found.source.shown.columns if column.field]
    points = min(points, max(1, MAX_VALUES // (len(shown) * max(1, len(found.devices)))))
    first, step = grid(start, end, max((end - start) / points, found.period), points)
    count = max(0, math.ceil((end - first) / step - 1e-9))
    edges = np.array([start, *(first + np.arange(1, count) * step), end])
    if found.when.dtype == np.int64:
        edges = np.ceil(edges).astype(np.int64)
    cut = _cut(found.raw.device, found.when, edges)
    columns = _columns(found, cut, count) if cut.devices and count else {}
    lines = [
        Line(
            name=column.name,
            device=found.devices[number],
            unit=column.unit,
            min=_listed(columns[column.name][0, row]),
            mean=_listed(columns[column.name][1, row]),
            max=_listed(columns[column.name][2, row]),
        )
        for row, number in enumerate(cut.devices)
        for column in shown
        if columns
    ]
    return Series(
        start=start,
        end=end,
        step_s=step,
        t=(first + np.arange(count) * step).tolist(),
        series=lines,
    )


_BEYOND = np.array([-1])


class _Cut(msgspec.Struct, frozen=True):
    """Rows in stretches, each of one device and bucket."""

    starts: Places
    """The first row of each; it ends where the next one begins, the last one with the rows."""

    at: Places
    """Number of its bucket, those of all devices in a row; -1 for one beyond the range."""

    devices: list[int]
    """Numbers of those with rows in the range, in order."""


def _cut(
    device: npt.NDArray[np.int32],
    when: npt.NDArray[np.int64 | np.float64],
    edges: npt.NDArray[np.int64 | np.float64],
) -> _Cut:
    """Cut rows where their device or bucket ends.

    Args:
        device: Of each row, those of one stand together.
        when: Its time.
        edges: Where each bucket begins, and where the last one ends.
    """
    borders = [0, *(np.flatnonzero(device[1:] != device[:-1]) + 1).tolist(), len(when)]
    count = len(edges) - 1
    starts: list[Places] = []
    at: list[Places] = []
    devices: list[int] = []
    for low, high in pairwise(borders):
        times = when[low:high]
        if (times[1:] < times[:-1]).any():  # a tick that was taken after the next one was due
            times = np.maximum.accumulate(times)
        cuts = low + np.searchsorted(times, edges)
        row = len(devices) * count
        starts += [np.array([low]), cuts]
        at += [_BEYOND, np.arange(row, row + count), _BEYOND]
        if cuts[0] < cuts[-1]:
            devices.append(int(device[low]))
    begins = np.concatenate(starts)
    is_filled = np.diff(begins, append=len(when)) > 0
    return _Cut(begins[is_filled], np.concatenate(at)[is_filled], devices)


def _columns(found: Derived, cut: _Cut, count: int) -> dict[str, Floats]:
    """Return of each column min, mean and max: a row a device and a column a bucket."""
    rows = len(found.raw.ts)
    taken: list[dict[str, Floats]] = []
    for part in parts(cut.starts, rows):
        low, high = np.searchsorted(cut.starts, (part.start, part.stop)).tolist()
        begins = cut.starts[low:high] - part.start
        taken.append({name: _reduced(each, begins) for name, each in found.part(part).items()})
    is_inside = cut.at != _BEYOND
    answer = {}
    for name in taken[0]:
        whole = np.concatenate([some[name] for some in taken], axis=1)
        spread = np.full((3, len(cut.devices) * count), np.nan)
        spread[:, cut.at[is_inside]] = whole[:, is_inside]
        answer[name] = spread.reshape(3, len(cut.devices), count)
    return answer


def _reduced(values: Floats, begins: Places) -> Floats:
    """Return min, mean and max of stretches of values, each a row."""
    total = np.add.reduceat(values, begins)
    counts = np.diff(begins, append=len(values)).astype(np.float64)
    unknown = np.flatnonzero(np.isnan(total))
    if not len(unknown):
        low, high = np.minimum.reduceat(values, begins), np.maximum.reduceat(values, begins)
    else:
        low, high = np.fmin.reduceat(values, begins), np.fmax.reduceat(values, begins)
        for bucket in unknown.tolist() if len(unknown) <= _FEW else ():
            part = values[begins[bucket] : begins[bucket] + int(counts[bucket])]
            part = part[~np.isnan(part)]
            total[bucket], counts[bucket] = part.sum(), len(part) or np.nan
        if len(unknown) > _FEW:
            is_known = ~np.isnan(values)
            counts = np.add.reduceat(is_known, begins, dtype=np.float64)
            counts[counts == 0] = np.nan
            total = np.add.reduceat(np.where(is_known, values, 0), begins)
    return np.array([low, total / counts, high])


def _listed(values: Floats) -> list[float | None]:
    found = values.astype(object)
    found[np.isnan(values)] = None
    listed: list[float | None] = found.tolist()
    return listed
