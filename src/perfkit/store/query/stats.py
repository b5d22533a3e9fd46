"""Statistics of each column over a range: exact, of the values themselves."""

import numpy as np

from perfkit.figures import Stats
from perfkit.store.query.raw import Floats
from perfkit.store.query.sources import Derived

_PERCENTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p97_5": 0.975, "p99": 0.99}


def stats(found: Derived, *, start: float, end: float) -> list[Stats]:
    """Return what each column of each device was from `start` to before `end`."""
    raw = found.raw
    inside = np.flatnonzero((found.when >= start) & (found.when < end))
    device = raw.device[inside]
    borders = np.flatnonzero(device[1:] != device[:-1]) + 1
    answer = []
    for places in np.split(inside, borders) if len(inside) else []:
        key = found.devices[int(raw.device[places[0]])]
        for column in found.source.shown.columns:
            if column.name not in found.values:
                continue
            values = found.values[column.name][places]
            values = values[~np.isnan(values)]
            if len(values):
                answer.append(_stats(column.name, key, column.unit, values))
    return answer


def _stats(name: str, device: str, unit: str, values: Floats) -> Stats:
    ordered = np.sort(values)
    # Between two values in proportion, as R's type 7 and most spreadsheets do.
    ranks = np.array(list(_PERCENTILES.values())) * (len(ordered) - 1)
    below = np.floor(ranks).astype(np.intp)
    above = np.minimum(below + 1, len(ordered) - 1)
    percentiles = ordered[below] + (ordered[above] - ordered[below]) * (ranks - below)
    return Stats(
        name=name,
        device=device,
        unit=unit,
        count=len(ordered),
        min=float(ordered[0]),
        max=float(ordered[-1]),
        mean=float(ordered.mean()),
        sd=float(ordered.std(ddof=1)) if len(ordered) > 1 else None,
        p100=float(ordered[-1]),
        **dict(zip(_PERCENTILES, percentiles.tolist(), strict=True)),
    )
