"""Figures over stored columns equal those of two samples, value by value."""

from collections.abc import Iterator
from itertools import pairwise, starmap

import pytest
from made import CAPTURES, CONFORMANCE, MACHINE, TENANT, cut

from perfkit.capture.read import records
from perfkit.columns import CPU, DISK, FS, MEM, NET, SYSTEM
from perfkit.derive import Interval, interval
from perfkit.samples import samples
from perfkit.store.engines.duckdb.engine import DuckEngine
from perfkit.store.query.sources import source_named

TABLES = {"cpu": CPU, "cpus": CPU, "memory": MEM, "net": NET, "disk": DISK, "fs": FS}
TABLES["system"] = SYSTEM


@pytest.fixture(scope="module")
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[DuckEngine, list[Interval]]]:
    """Give a capture's rows, and its intervals: once for all sources."""
    capture = request.param
    engine = DuckEngine(tmp_path_factory.mktemp("figures"), threads=2)
    engine.apply(TENANT, cut(capture.read_bytes(), 7), after=None)
    yield engine, list(starmap(interval, pairwise(samples(records(capture)))))
    engine.close()


def wanted(intervals: list[Interval], source: str) -> dict[tuple[int, str, str], float]:
    """Return what `derive.interval` says: by time, device and column, where there is a value."""
    table = TABLES[source]
    found = {}
    for each in intervals:
        for key, row in table.rows(each):
            if source in {"cpu", "cpus"} and (key == "-1") != (source == "cpu"):
                continue
            device = "" if source == "cpu" else key
            for column in table.columns:
                value = column.value(row)
                if isinstance(value, int | float):
                    found[each.timestamp, device, column.name] = value
    return found


def stored(engine: DuckEngine, source: str) -> dict[tuple[int, str, str], float]:
    """Return what the stored columns say, without the first sample, which ends no interval."""
    found = engine.derived(TENANT, MACHINE, source, 0, 2**33)
    first = min(found.raw.ts.tolist(), default=0)
    return {
        (ts, found.devices[device], name): value
        for name, values in found.values.items()
        for ts, device, value in zip(
            found.raw.ts.tolist(), found.raw.device.tolist(), values.tolist(), strict=True
        )
        if value == value and ts > first  # noqa: PLR0124 - NaN is none
    }


@pytest.mark.parametrize("loaded", CAPTURES, ids=lambda path: path.parent.name, indirect=True)
@pytest.mark.parametrize("source", TABLES)
def test_every_value_of_a_real_capture_equals_the_interval_s(
    loaded: tuple[DuckEngine, list[Interval]], source: str
):
    engine, intervals = loaded
    assert stored(engine, source) == wanted(intervals, source)
    assert source_named(source).name == source


def test_there_are_captures():
    if not CONFORMANCE.is_dir():
        pytest.skip(f"no captures of the original at {CONFORMANCE}")
    assert len(CAPTURES) >= 8
