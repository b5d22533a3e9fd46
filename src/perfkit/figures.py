"""Figures over time, as the API answers them: what a store makes and what `perfkit ctl` reads."""

import msgspec

from perfkit.columns import Value


class Line(msgspec.Struct, kw_only=True):
    """One column of one device over time: a number a bucket, None where there is none."""

    name: str
    device: str
    """Empty where the source has one row for the host."""

    unit: str
    min: list[float | None]
    mean: list[float | None]
    max: list[float | None]


class Series(msgspec.Struct, kw_only=True):
    """Columns of one source of one machine over time."""

    start: float
    """Unix time; inclusive."""

    end: float
    """Unix time; exclusive."""

    step_s: float
    """Width of a bucket."""

    t: list[float]
    """Unix time at which each bucket begins."""

    series: list[Line]


class Stats(msgspec.Struct, kw_only=True):
    """What the values of one column of one device were over a range; percentiles are exact."""

    name: str
    device: str
    unit: str
    count: int
    """Intervals that had a value."""

    min: float
    max: float
    mean: float
    sd: float | None
    """Of the sample (n - 1); None for a single value."""

    p50: float
    p75: float
    p90: float
    p95: float
    p97_5: float
    p99: float
    p100: float


class LatestRows(msgspec.Struct, kw_only=True):
    """The newest figures of one source."""

    timestamp: float
    """Unix time of the later sample."""

    rows: list[dict[str, Value]]
    """One for each device, named by `device`; columns in their declared units."""
