"""Series: min, mean and max of each column a bucket, so that a spike is never averaged away."""

import math

import numpy as np

from perfkit.capture.lines import MAX_TIMESTAMP
from perfkit.figures import Line, Series
from perfkit.store.engines import BadRange
from perfkit.store.query.raw import Floats, Places
from perfkit.store.query.sources import Derived

DEFAULT_POINTS = 500
MAX_POINTS = 5000

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
    first, step = grid(start, end, max((end - start) / points, found.period), points)
    count = max(0, math.ceil((end - first) / step - 1e-9))
    raw = found.raw
    when = raw.ts.astype(np.float64) if step >= 1 else raw.ts + raw.ns / 1e9
    inside = np.flatnonzero((when >= start) & (when < end))
    bucket = ((when[inside] - first) // step).astype(np.int64)
    device = raw.device[inside]
    part: Places | slice = inside
    if len(inside) and len(inside) == inside[-1] - inside[0] + 1:  # one stretch: no copy
        part = slice(inside[0], inside[-1] + 1)
    lines: list[Line] = []
    answer = Series(
        start=start,
        end=end,
        step_s=step,
        t=(first + np.arange(count) * step).tolist(),
        series=lines,
    )
    if not len(inside):
        return answer
    begins = np.flatnonzero(
        np.concatenate([[True], (device[1:] != device[:-1]) | (bucket[1:] != bucket[:-1])])
    )
    devices, rows = np.unique(device[begins], return_inverse=True)
    at = rows * count + bucket[begins]
    shape = len(devices), count
    columns = {
        name: _buckets(values[part], begins, at, shape) for name, values in found.values.items()
    }
    for row, number in enumerate(devices.tolist()):
        key = found.devices[number]
        for column in found.source.shown.columns:
            if column.name in columns:
                low, mean, high = (_listed(each[row]) for each in columns[column.name])
                lines.append(
                    Line(
                        name=column.name,
                        device=key,
                        unit=column.unit,
                        min=low,
                        mean=mean,
                        max=high,
                    )
                )
    return answer


def _buckets(
    values: Floats, begins: Places, at: Places, shape: tuple[int, int]
) -> tuple[Floats, Floats, Floats]:
    """Return min, mean and max, a row a device and a column a bucket."""
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
    found = low, total / counts, high
    spread = np.full((3, shape[0] * shape[1]), np.nan)
    for place, each in enumerate(found):
        spread[place, at] = each
    low, mean, high = spread.reshape(3, *shape)
    return low, mean, high


def _listed(values: Floats) -> list[float | None]:
    found = values.astype(object)
    found[np.isnan(values)] = None
    listed: list[float | None] = found.tolist()
    return listed
