"""Buckets and statistics: spikes kept, gaps left open, percentiles exact."""

import math
import statistics
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made import MACHINE, RUN, TENANT, frame, line

from perfkit.figures import Series
from perfkit.store.engines import BadRange, UnknownSource
from perfkit.store.engines.duckdb.engine import DuckEngine
from perfkit.store.log.frame import Place
from perfkit.store.query import series, sources
from perfkit.store.query.series import MAX_TIME, grid

START = 1_700_000_000


@pytest.fixture
def engine(tmp_path):
    made = DuckEngine(tmp_path)
    yield made
    made.close()


def net(at: int, received: int, *, ns: int | None = None, btime: int = 1) -> list[bytes]:
    counters = f"{1024 * received} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"
    text = f"Inter-| Receive\n face |bytes\n eth0: {counters}\n"
    stat = f"cpu  {at % 1000} 0 0 0\nbtime {btime}\n"
    return [line(at, "/proc/net/dev", text, ns), line(at, "/proc/stat", stat, ns)]


def load(engine: DuckEngine, lines: list[list[bytes]]) -> None:
    after = engine.loaded(TENANT)
    number = after.frame + 1 if after else 1
    engine.apply(TENANT, [frame([b"".join(each) for each in lines], number)], after=after)


def of(found: Series, name: str, device: str = "eth0") -> tuple[list, list, list]:
    (one,) = [each for each in found.series if (each.name, each.device) == (name, device)]
    return one.min, one.mean, one.max


def steady(period: int, count: int, spike: int = -1) -> list[list[bytes]]:
    """Ticks of an interface that receives 3 kB/s, but for one interval with a spike."""
    received, ticks = 0, []
    for tick in range(count):
        if tick:
            received += 3 * period + (1000 * period if tick == spike else 0)
        ticks.append(net(START + tick * period, received))
    return ticks


def test_a_spike_is_never_averaged_away(engine):
    load(engine, steady(10, 1000, spike=700))
    found = engine.series(TENANT, MACHINE, "net", points=10)
    low, mean, high = of(found, "rxkB/s")
    assert max(high) == 1003
    at = high.index(1003)
    assert found.t[at] <= START + 7000 < found.t[at] + found.step_s
    assert low == [3] * len(low)
    assert [value for value in mean if value != 3] == [mean[at]]
    assert 3 < mean[at] < 1003
    assert len(found.t) <= 11
    assert found.t == [found.t[0] + n * found.step_s for n in range(len(found.t))]


def test_buckets_are_no_shorter_than_the_period(engine):
    load(engine, steady(10, 30))
    found = engine.series(TENANT, MACHINE, "net", points=5000)
    assert found.step_s == 10
    _, mean, _ = of(found, "rxkB/s")
    assert mean == [None] + [3] * 29


def test_periods_below_a_second_have_buckets_of_their_own(engine):
    load(engine, [net(START + n // 4, n, ns=n % 4 * 250_000_000) for n in range(40)])
    found = engine.series(TENANT, MACHINE, "net", points=5000)
    assert found.step_s == 0.25
    _, mean, _ = of(found, "rxkB/s")
    assert mean == [None] + [4] * 39


def test_real_times_make_the_rates(engine):
    load(engine, [net(START, 0), net(START + 10, 100, ns=500_000_000), net(START + 20, 200)])
    _, mean, _ = of(engine.series(TENANT, MACHINE, "net"), "rxkB/s")
    assert mean == [None, 100 / 10.5, 100 / 9.5]


@pytest.mark.parametrize(
    ("ticks", "wanted"),
    [
        pytest.param([(0, 90), (10, 120), (20, 60), (30, 90)], [None, 3, None, 3], id="reset"),
        pytest.param(
            [(0, 0), (10, 30), (30, 90), (40, 120)], [None, 3, None, 3, 3], id="missing tick"
        ),
        pytest.param(
            [(0, 0), (10, 30), (20, 60), (30, 90), (230, 690), (240, 720), (250, 750)],
            [None, 3, 3, 3, *[None] * 20, 3, 3],
            id="hole",
        ),
        pytest.param(
            [(0, 0), (1, 3), (2, 6), (9, 699), (10, 702)],
            [None, 3, 3, *[None] * 6, 99, 3],
            id="late: the host had too much to do",
        ),
    ],
)
def test_gaps_are_null(engine, ticks, wanted):
    load(engine, [net(START + at, received) for at, received in ticks])
    _, mean, _ = of(engine.series(TENANT, MACHINE, "net"), "rxkB/s")
    assert mean == wanted


def test_a_boot_makes_a_gap_also_where_counters_grew(engine):
    booted = START + 15
    ticks = [net(START, 0), net(START + 10, 30)]
    ticks += [net(START + at, 3 * at, btime=booted) for at in (20, 30)]
    load(engine, ticks)
    _, mean, _ = of(engine.series(TENANT, MACHINE, "net"), "rxkB/s")
    assert mean == [None, 3, None, 3]


def test_another_period_is_no_hole(engine):
    ticks = [net(START + at, 3 * at) for at in [*range(30), *range(60, 900, 60)]]
    load(engine, ticks)
    found = engine.stats(TENANT, MACHINE, "net")
    (rx,) = [each for each in found if each.name == "rxkB/s"]
    assert rx.count == 29 + 1 + 13  # and the one between them
    assert (rx.min, rx.max) == (3, 3)


def test_ranges_are_relative_to_the_end_of_the_data(engine):
    load(engine, steady(3600, 100))
    whole = engine.series(TENANT, MACHINE, "net")
    last = START + 99 * 3600
    assert (whole.start, whole.end) == (last + 1 - 86_400, last + 1)
    part = engine.series(TENANT, MACHINE, "net", end=START + 36_000)
    assert (part.start, part.end) == (START, START + 36_000)
    later = engine.series(TENANT, MACHINE, "net", start=START + 180_000)
    assert later.end == last + 1
    beyond = engine.series(TENANT, MACHINE, "net", start=last + 500)
    assert beyond.t == beyond.series == []


def test_start_is_inclusive_and_end_is_not(engine):
    load(engine, steady(10, 30))
    found = engine.series(TENANT, MACHINE, "net", START + 100, START + 200)
    assert (found.t[0], found.t[-1], found.step_s) == (START + 100, START + 190, 10)
    _, mean, _ = of(found, "rxkB/s")
    assert mean == [3] * 10  # the first one begins with the sample before the range
    assert engine.stats(TENANT, MACHINE, "net", START + 100, START + 200)[0].count == 10


def test_machines_without_data_have_none(engine):
    found = engine.series(TENANT, MACHINE, "net")
    assert (found.t, found.series) == ([], [])
    assert engine.stats(TENANT, MACHINE, "net") == []
    assert engine.series(TENANT, MACHINE, "net", 5, 10).series == []


def test_the_same_tick_of_two_runs_counts_once(engine):
    ticks = steady(10, 5)
    load(engine, ticks)
    load(engine, ticks)
    _, mean, _ = of(engine.series(TENANT, MACHINE, "net"), "rxkB/s")
    assert mean == [None, 3, 3, 3, 3]


def test_of_two_runs_with_one_tick_the_later_one_counts_for_every_source(engine):
    def ticks(factor):
        for n in range(30):
            at, busy = START + 10 * n, factor * 10 * n
            stat = f"cpu  {busy} 0 0 {1000 * n - busy}\nbtime 1\n"
            text = f"Inter-|\n face |\n eth0: {factor * 10240 * n} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
            yield line(at, "/proc/net/dev", text) + line(at, "/proc/stat", stat)

    first, second = list(ticks(1)), list(ticks(7))
    frames = [
        frame(b"".join(first[:10]), 1, run=RUN),
        frame(b"".join(second), 2, run=UUID(int=9)),
        frame(b"".join(first[10:]), 3, run=RUN, first=20),
    ]
    engine.apply(TENANT, frames, after=None)
    for _ in range(2):
        for source, name, device in (("net", "rxkB/s", "eth0"), ("cpu", "%usr", "")):
            found = engine.series(TENANT, MACHINE, source, points=500)
            assert of(found, name, device)[1][1:] == pytest.approx([7] * 29)
        engine.settle(TENANT)


def test_a_host_with_many_devices_has_fewer_points(engine, monkeypatch):
    load(engine, [two_nets(START + n, n, n) for n in range(100)])
    columns = len(engine.series(TENANT, MACHINE, "net").series) // 2
    monkeypatch.setattr(series, "MAX_VALUES", 2 * columns * 10)
    found = engine.series(TENANT, MACHINE, "net", points=500)
    assert len(found.t) == 10
    assert len(found.series) == 2 * columns
    monkeypatch.setattr(series, "MAX_VALUES", 1)
    assert len(engine.series(TENANT, MACHINE, "net").t) == 1


def test_below_a_second_statistics_are_of_the_same_samples(engine):
    load(engine, [net(START + n // 4, n * n, ns=n % 4 * 250_000_000) for n in range(40)])
    start, end = START + 6.2, START + 6.9
    found = engine.series(TENANT, MACHINE, "net", start, end)
    values = [value for value in of(found, "rxkB/s")[1] if value is not None]
    assert values == [4 * (n * n - (n - 1) ** 2) for n in (25, 26, 27)]
    (told,) = [
        each for each in engine.stats(TENANT, MACHINE, "net", start, end) if each.name == "rxkB/s"
    ]
    assert (told.count, told.min, told.max) == (3, min(values), max(values))


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"source": "gpu"}, UnknownSource),
        ({"points": 0}, BadRange),
        ({"points": 5001}, BadRange),
        ({"start": 5.0, "end": 4.0}, BadRange),
        ({"start": math.inf}, BadRange),
        ({"end": math.nan}, BadRange),
        ({"start": -1e300, "end": 1e300}, BadRange),
    ],
)
def test_what_cannot_be_asked_is_told(engine, more, error):
    load(engine, steady(10, 3))
    with pytest.raises(error, match="expected"):
        engine.series(TENANT, MACHINE, **{"source": "net", **more})


def test_statistics_are_exact(engine):
    rates = [(7 * n * n) % 101 for n in range(1, 400)]
    received, ticks = 0, [net(START, 0)]
    for place, rate in enumerate(rates, start=1):
        received += 10 * rate
        ticks.append(net(START + 10 * place, received))
    load(engine, ticks)
    (found,) = [each for each in engine.stats(TENANT, MACHINE, "net") if each.name == "rxkB/s"]
    rates = [float(rate) for rate in rates]
    hundredths = statistics.quantiles(rates, n=100, method="inclusive")
    thousandths = statistics.quantiles(rates, n=1000, method="inclusive")
    assert found.count == len(rates)
    assert (found.min, found.max, found.p100) == (min(rates), max(rates), max(rates))
    assert found.mean == pytest.approx(statistics.fmean(rates), rel=1e-12)
    assert found.sd == pytest.approx(statistics.stdev(rates), rel=1e-12)
    assert [found.p50, found.p75, found.p90, found.p95, found.p99] == pytest.approx(
        [hundredths[place - 1] for place in (50, 75, 90, 95, 99)], rel=1e-12
    )
    assert found.p97_5 == pytest.approx(thousandths[974], rel=1e-12)
    assert (found.device, found.unit) == ("eth0", "kB/s")


def test_a_single_value_has_no_deviation(engine):
    load(engine, steady(10, 2))
    (found,) = [each for each in engine.stats(TENANT, MACHINE, "net") if each.name == "rxkB/s"]
    assert (found.count, found.sd, found.p50) == (1, None, 3)


def test_gauges_of_the_first_sample_count(engine):
    lines = [
        [line(START + n, "/proc/meminfo", f"MemTotal: 100 kB\nMemFree: {n} kB\n")] for n in range(3)
    ]
    load(engine, lines)
    free = engine.stats(TENANT, MACHINE, "memory")[0]
    assert (free.name, free.count, free.p50) == ("kbmemfree", 3, 1)
    assert engine.loaded(TENANT) == Place(1, 1)


@pytest.mark.parametrize("points", [1, 2, 3, 7, 10, 99])
@pytest.mark.parametrize("shift", [0, 1, 5, 9])
def test_there_are_no_more_points_than_asked_for(engine, points, shift):
    load(engine, steady(10, 100))
    start, end = START + shift, START + 990 - 3 * shift
    found = engine.series(TENANT, MACHINE, "net", start=start, end=end, points=points)
    assert len(found.t) <= points
    assert found.t[0] <= start
    assert found.t[-1] + found.step_s >= end
    counted = [value for value in of(found, "rxkB/s")[1] if value is not None]
    assert counted == pytest.approx([3.0] * len(counted))
    assert len(counted) >= len(found.t) - 2  # the first and the last may hold no whole interval


def two_nets(at: int, first: int, second: int | None, *, ns: int | None = None) -> list[bytes]:
    names = {"eth0": first, "wg0": second}
    rows = [
        f" {name}: {1024 * received} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        for name, received in names.items()
        if received is not None
    ]
    stat = f"cpu  {at % 1000} 0 0 0\nbtime 1\n"
    text = "Inter-| Receive\n face |bytes\n" + "".join(rows)
    return [line(at, "/proc/net/dev", text, ns), line(at, "/proc/stat", stat, ns)]


@pytest.mark.parametrize("points", [1, 4, 500])
@pytest.mark.parametrize("rows", [1, 7, 50])
def test_in_how_many_parts_a_series_is_made_changes_nothing(engine, monkeypatch, points, rows):
    ticks = [
        two_nets(START + 10 * n, n * n % 900, 5 * n if 20 <= n < 150 else None) for n in range(200)
    ]
    load(engine, ticks)
    for source in ("net", "cpu"):
        asked = {"start": START + 35, "end": START + 1800, "points": points}
        whole = engine.series(TENANT, MACHINE, source, **asked)
        stats = engine.stats(TENANT, MACHINE, source)
        with monkeypatch.context() as patched:
            patched.setattr(sources, "PART", rows)
            found = engine.series(TENANT, MACHINE, source, **asked)
            assert engine.stats(TENANT, MACHINE, source) == stats
        assert found == whole


def test_a_device_without_a_row_in_the_range_is_not_listed(engine):
    load(engine, [two_nets(START + 10 * n, n, n if n < 5 else None) for n in range(10)])
    found = engine.series(TENANT, MACHINE, "net", START + 60, START + 100)
    assert {each.device for each in found.series} == {"eth0"}
    assert of(found, "rxkB/s")[1] == [0.1] * 4


def test_a_tick_taken_after_the_next_one_was_due_loses_nothing(engine):
    """Its row stands behind that one, whose bucket it is then counted in."""
    load(engine, [net(START, 0), net(START + 10, 75, ns=15 * 10**9), net(START + 20, 30)])
    load(engine, [net(START + 30, 105)])
    low, mean, high = of(engine.series(TENANT, MACHINE, "net", points=4), "rxkB/s")
    assert (low[:2], mean[:2], high[:2]) == ([None] * 2, [None] * 2, [None] * 2)
    assert (low[2], mean[2], high[2]) == (1.5, 5.25, 9)
    assert mean[3] == 6


FAR = st.integers(-MAX_TIME, MAX_TIME) | st.integers(-(2 * 10**18), 2 * 10**18).map(
    lambda ns: ns / 1e9
)


@given(FAR, FAR, st.floats(1e-3, 1e6), st.integers(1, 5000))
@example(-1000, 1000, 1.0, 1)
@example(-MAX_TIME, MAX_TIME, 1.0, 1)
@example(-MAX_TIME, MAX_TIME, 1.0, 2)
def test_any_range_is_covered_by_so_many_buckets_at_once(one, other, period, points):
    start, end = min(one, other), max(one, other)
    first, step = grid(start, end, max((end - start) / points, period), points)
    assert first <= start
    assert step > 0
    assert first + points * step >= end - 1e-3
