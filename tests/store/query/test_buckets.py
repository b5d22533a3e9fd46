"""Min, mean and max of buckets, against plain Python, wherever values are unknown."""

import math
import random

import numpy as np
import pytest

from perfkit.store.query.series import _reduced

CHANCE = random.Random(23)  # noqa: S311 - values


def expected(values: list[float]) -> list[float]:
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return [math.nan] * 3
    return [min(known), math.fsum(known) / len(known), max(known)]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("buckets", [1, 5, 9, 40])
def test_unknown_values_count_nowhere(share, buckets):
    sizes = [CHANCE.randrange(1, 12) for _ in range(buckets)]
    values = [
        math.nan if CHANCE.random() < share else CHANCE.uniform(-1e6, 1e6)
        for _ in range(sum(sizes))
    ]
    begins = np.cumsum([0, *sizes[:-1]])
    found = _reduced(np.array(values), begins)
    for place, (begin, size) in enumerate(zip(begins.tolist(), sizes, strict=True)):
        of_bucket = found[:, place].tolist()
        assert of_bucket == pytest.approx(expected(values[begin : begin + size]), nan_ok=True)
