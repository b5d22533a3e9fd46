"""Rates over arrays equal those of two samples, value by value, whatever goes wrong."""

import math
import random
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import pytest

from perfkit import derive
from perfkit.derive import arrays, interval
from perfkit.model import CpuTicks, DiskStats, FileSystem, MemInfo, NetDev, Stat
from perfkit.samples import Sample

PAIRS = 1500


class Made:
    """Counters that grow, stand, fall, wrap, come and go; the same each time."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same numbers each time

    def before(self) -> int:
        return self.random.choice([0, 5, self.random.randint(0, 10**7), 2**64 - 10**8])

    def after(self, before: int) -> int:
        step = self.random.choice([0, 0, 0, 1, 7, self.random.randint(0, 10**7)])
        falls = self.random.random() < 0.03
        return max(0, before - step) if falls else before + step

    def pair(
        self,
        kind: type,
        optional: Sequence[str] = (),
        fixed: dict | None = None,
        lacks: Sequence[tuple] = ((None, None), (None, 3), (3, None)),
    ) -> tuple:
        """Return a struct and the same later."""
        old, new = dict(fixed or {}), dict(fixed or {})
        missing = self.random.random() < 0.15
        for field in kind.__struct_fields__:
            if field in old:
                continue
            if field in optional and (missing or self.random.random() < 0.02):
                old[field], new[field] = self.random.choice(lacks)
            else:
                old[field] = self.before()
                new[field] = self.after(old[field])
        return kind(**old), kind(**new)


def columns(structs: Sequence[msgspec.Struct], *, is_gauge: bool = False) -> tuple[dict, dict]:
    """Return the fields as arrays, and where they are absent."""
    values, absent = {}, {}
    for field in structs[0].__struct_fields__:
        found = [getattr(each, field) for each in structs]
        if not any(isinstance(value, int) for value in found):
            continue
        absent[field] = np.array([value is None for value in found])
        words = [value or 0 for value in found]
        values[field] = np.array(words, dtype=np.float64 if is_gauge else np.uint64)
        if is_gauge:
            values[field][absent[field]] = np.nan
    return values, absent


def pairs_of(pairs: Sequence[tuple], seconds: Sequence[float]) -> arrays.Pairs:
    before, lacking = columns([old for old, _ in pairs])
    after, missing = columns([new for _, new in pairs])
    return arrays.Pairs(
        np,
        before=before,
        after=after,
        absent={name: lacking[name] | missing[name] for name in before},
        seconds=np.array(seconds),
    )


def check(found: dict, rows: Sequence[msgspec.Struct | None], fields: Sequence[str]) -> None:
    assert set(found) == set(fields)
    for field in fields:
        for place, row in enumerate(rows):
            want = None if row is None else getattr(row, field)
            got = float(found[field][place])
            assert got == want if want is not None else math.isnan(got), (field, place, got, want)


def derived(pairs: Sequence[tuple], sample: Callable[[object], dict], seconds: Sequence[float]):
    """Return what `interval` says of each pair."""
    return [
        interval(
            Sample(timestamp=1000, other={}, **sample(old)),
            Sample(timestamp=1000, ns=round(span * 1e9), other={}, **sample(new)),
        )
        for (old, new), span in zip(pairs, seconds, strict=True)
    ]


def spans(made: Made) -> list[float]:
    return [made.random.choice([1.0, 10.0, 0.25, 9.875]) for _ in range(PAIRS)]


@pytest.fixture(params=[1, 2])
def made(request):
    return Made(request.param)


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="raise", invalid="ignore"):
        yield


def test_shares_of_a_cpu(made):
    # What a kernel does not count it does not count in either sample.
    optional, lacks = CpuTicks.__struct_fields__[4:], [(None, None)]
    pairs = [made.pair(CpuTicks, optional, lacks=lacks) for _ in range(PAIRS)]
    seconds = spans(made)
    found = derived(pairs, lambda ticks: {"stat": Stat(cpu=ticks, cpus={})}, seconds)
    rows = [each.cpus.get(-1) for each in found]
    assert {row is None for row in rows} == {True, False}
    check(arrays.cpu(pairs_of(pairs, seconds)), rows, arrays_of("CpuShares"))


def test_rates_of_an_interface(made):
    pairs = [made.pair(NetDev) for _ in range(PAIRS)]
    seconds = spans(made)
    found = derived(pairs, lambda row: {"net_dev": {"a": row}}, seconds)
    rows = [each.net.get("a") for each in found]
    assert {row is None for row in rows} == {True, False}
    check(arrays.net(pairs_of(pairs, seconds)), rows, arrays_of("NetRates"))


def test_rates_of_a_device(made):
    pairs = [made.pair(DiskStats, DiskStats.__struct_fields__[11:]) for _ in range(PAIRS)]
    seconds = spans(made)
    found = derived(pairs, lambda row: {"diskstats": {"a": row}}, seconds)
    rows = [each.disks.get("a") for each in found]
    assert {row is None for row in rows} == {True, False}
    check(arrays.disk(pairs_of(pairs, seconds)), rows, arrays_of("DiskRates"))


def test_rates_of_the_host(made):
    fixed = {"cpu": CpuTicks(user_ticks=1, nice_ticks=1, system_ticks=1, idle_ticks=1)}
    fixed |= {"cpus": {}, "softirqs": None, "boot_time_seconds": 5}
    pairs = [made.pair(Stat, ("interrupts", "processes"), fixed) for _ in range(PAIRS)]
    seconds = spans(made)
    rows = [each.system for each in derived(pairs, lambda row: {"stat": row}, seconds)]
    found = arrays.system(pairs_of(pairs, seconds))
    check(found, rows, arrays_of("System")[:3])


def test_memory(made):
    gauges = []
    for _ in range(PAIRS):
        total = made.random.choice([0, 100, 10**6])
        values = {"mem_total_kb": total, "mem_free_kb": made.random.randint(-2, 10**6)}
        for field in MemInfo.__struct_fields__[2:]:
            values[field] = made.random.choice([None, 0, 1, made.random.randint(0, 10**6)])
        gauges.append(MemInfo(**values))
    rows = [each.memory for each in derived([(g, g) for g in gauges], as_memory, spans(made))]
    found = arrays.memory(np, columns(gauges, is_gauge=True)[0])
    check(found, rows, arrays_of("Memory"))


def as_memory(gauges: MemInfo) -> dict:
    return {"meminfo": gauges}


def test_room_of_a_file_system(made):
    mounts = []
    for _ in range(PAIRS):
        total = made.random.choice([0, 1, 7, made.random.randint(0, 10**12)])
        free = made.random.randint(0, total)
        mounts.append(
            FileSystem(
                mount_point="/",
                block_size=made.random.choice([1, 512, 4096]),
                blocks_total=total,
                blocks_free=free,
                blocks_available=made.random.randint(0, free),
                inodes_total=made.random.choice([None, 0, 1000]),
                inodes_free=made.random.choice([None, 0, 999]),
            )
        )
    found = derived([(m, m) for m in mounts], lambda mount: {"statfs": [mount]}, spans(made))
    rows = [each.filesystems["/"] for each in found]
    values = columns(mounts, is_gauge=True)[0]
    check(arrays.file_systems(np, values), rows, arrays_of("FileSystemUse"))


def arrays_of(name: str) -> tuple[str, ...]:
    fields: tuple[str, ...] = getattr(derive, name).__struct_fields__
    return fields


def test_what_breaks_an_interval(made):
    ticks = CpuTicks(user_ticks=1, nice_ticks=1, system_ticks=1, idle_ticks=1)
    befores, afters = [], []
    for _ in range(PAIRS):
        pair = []
        for _ in range(2):
            at = 1_700_000_000 + made.random.randint(0, 300)
            booted = made.random.choice([None, 5, 6, 7, 20, at - 3, at])
            stat = Stat(cpu=ticks, cpus={}, boot_time_seconds=booted)
            pair.append(Sample(timestamp=at, stat=stat, other={}))
        befores.append(pair[0])
        afters.append(pair[1])
    found = arrays.broken(
        np,
        timestamp_before=np.array([each.timestamp for each in befores]),
        seconds=np.array(
            [float(b.timestamp - a.timestamp) for a, b in zip(befores, afters, strict=True)]
        ),
        booted_before=np.array([booted_of(each) for each in befores]),
        booted_after=np.array([booted_of(each) for each in afters]),
    )
    wanted = [
        any(not gap.table for gap in interval(a, b).gaps)
        for a, b in zip(befores, afters, strict=True)
    ]
    assert {True, False} == set(wanted)
    assert found.tolist() == wanted


def booted_of(sample: Sample) -> float:
    booted = sample.stat.boot_time_seconds
    return math.nan if booted is None else booted
