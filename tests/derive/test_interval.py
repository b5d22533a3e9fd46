"""Two samples and what is between them; what is not known is a gap, never a spike or a clamp."""

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.derive import ALL_CPUS, Gap, Reason, interval
from perfkit.model import CpuTicks, DiskStats, FileSystem, MemInfo, NetDev, Stat
from perfkit.samples import Sample

BOOTED = 1_700_000_000
BEGIN = BOOTED + 3600


def sample(
    timestamp: int, count: int, *, ns: int | None = None, booted: int | None = BOOTED
) -> Sample:
    """Return a sample whose counters all stand at `count`."""
    ticks = CpuTicks(**dict.fromkeys(CpuTicks.__struct_fields__, count))
    return Sample(
        timestamp=timestamp,
        ns=ns,
        stat=Stat(
            cpu=ticks, cpus={0: ticks}, boot_time_seconds=booted, processes=count, procs_running=3
        ),
        meminfo=MemInfo(mem_total_kb=100, mem_free_kb=25),
        net_dev={"lo": NetDev(**dict.fromkeys(NetDev.__struct_fields__, count))},
        diskstats={"sda": DiskStats(**dict.fromkeys(DiskStats.__struct_fields__, count))},
        statfs=[
            FileSystem(
                mount_point="/", block_size=1, blocks_total=4, blocks_free=3, blocks_available=2
            )
        ],
        other={},
    )


def test_everything_two_samples_tell():
    found = interval(sample(BEGIN, 100), sample(BEGIN + 5, 200, ns=3))
    assert (found.timestamp, found.ns, found.seconds) == (BEGIN + 5, 3, 5.000000003)
    assert list(found.cpus) == [ALL_CPUS, 0]
    assert found.cpus[0].usr_percent == 12.5  # one of eight states that gained the same
    assert found.system is not None
    assert (found.system.forks_per_second, found.system.running) == (pytest.approx(20), 3)
    assert found.memory is not None
    assert found.memory.used_percent == 75
    assert found.net["lo"].rx_packets_per_second == pytest.approx(20)
    assert found.disks["sda"].transfers_per_second == pytest.approx(60)
    assert found.filesystems["/"].use_percent == 50
    assert found.gaps == ()


def test_time_is_the_real_time():
    before = sample(BEGIN, 100, ns=250_000_000)
    after = sample(BEGIN + 1, 200, ns=750_000_000)
    found = interval(before, after)
    assert found.seconds == 1.5
    assert found.net["lo"].rx_packets_per_second == 100 / 1.5


@pytest.mark.parametrize(
    ("seconds", "ns", "booted", "reason"),
    [
        pytest.param(0, None, BOOTED, Reason.NO_TIME, id="same time"),
        pytest.param(-5, None, BOOTED, Reason.NO_TIME, id="earlier"),
        pytest.param(0, 5, BOOTED, Reason.NO_TIME, id="earlier by nanoseconds"),
        pytest.param(300, None, BEGIN + 60, Reason.REBOOTED, id="booted in between"),
        pytest.param(-300, None, BEGIN + 60, Reason.REBOOTED, id="booted, clock set back"),
        pytest.param(65, None, BOOTED + 60, Reason.CLOCK_STEPPED, id="clock set by a minute"),
        pytest.param(10, None, BOOTED - 2, Reason.CLOCK_STEPPED, id="clock set back by 2 s"),
    ],
)
def test_nothing_has_a_rate_and_gauges_stay(
    seconds: int, ns: int | None, booted: int, reason: Reason
):
    before = sample(BEGIN, 100, ns=10)
    found = interval(before, sample(BEGIN + seconds, 200, ns=ns or 10, booted=booted))
    assert found.gaps == (Gap(table="", device="", reason=reason),)
    assert str(found.gaps[0]) == f"all: {reason.value}"
    assert (found.cpus, found.net, found.disks) == ({}, {}, {})
    assert found.memory is not None
    assert found.memory.free_kb == 25
    assert found.system is not None
    assert (found.system.running, found.system.forks_per_second) == (3, None)
    assert list(found.filesystems) == ["/"]


@pytest.mark.parametrize(
    ("seconds", "booted"),
    [
        pytest.param(10, BOOTED + 1, id="rounding"),
        pytest.param(10, BOOTED - 1, id="rounding down"),
        pytest.param(100_000, BOOTED + 50, id="slewing over a day"),
        pytest.param(10, None, id="no btime"),
    ],
)
def test_boot_time_may_shift_a_little(seconds: int, booted: int | None):
    found = interval(sample(BEGIN, 100), sample(BEGIN + seconds, 200, booted=booted))
    assert found.gaps == ()


def test_a_source_that_one_sample_lacks_is_a_gap():
    whole = sample(BEGIN + 5, 200)
    bare = Sample(timestamp=BEGIN, other={})
    found = interval(bare, whole)
    assert [(gap.table, gap.device, gap.reason) for gap in found.gaps] == [
        ("cpu", "", Reason.NOT_RECORDED),
        ("net", "", Reason.NOT_RECORDED),
        ("disk", "", Reason.NOT_RECORDED),
    ]
    assert found.memory is not None


def test_sources_that_were_never_recorded_are_no_gap():
    found = interval(Sample(timestamp=BEGIN, other={}), Sample(timestamp=BEGIN + 5, other={}))
    assert found.gaps == ()
    assert (found.memory, found.system, found.cpus) == (None, None, {})
    assert (found.net, found.disks, found.filesystems) == ({}, {}, {})


def test_a_reset_in_the_middle_costs_one_interval_only():
    samples = [sample(BEGIN + 5 * n, count) for n, count in enumerate((100, 200, 10, 110))]
    found = [interval(*pair) for pair in pairwise(samples)]
    assert [list(each.net) for each in found] == [["lo"], [], ["lo"]]
    assert {gap.reason for gap in found[1].gaps} == {Reason.WENT_BACK}


COUNTERS = st.integers(0, 2**64 - 1)


def struct(kind: type[msgspec.Struct]) -> st.SearchStrategy:
    return st.builds(kind, **dict.fromkeys(kind.__struct_fields__, COUNTERS))


SAMPLES = st.builds(
    Sample,
    timestamp=st.integers(0, 2**40),
    ns=st.none() | st.integers(-(10**9), 10**9),
    stat=st.builds(
        Stat,
        cpu=struct(CpuTicks),
        cpus=st.dictionaries(st.integers(0, 2), struct(CpuTicks)),
        boot_time_seconds=st.none() | st.integers(0, 2**40),
        processes=st.none() | COUNTERS,
        context_switches=st.none() | COUNTERS,
        interrupts=st.none() | COUNTERS,
    ),
    meminfo=st.builds(
        MemInfo, **dict.fromkeys(MemInfo.__struct_fields__, st.integers(-(2**40), 2**63))
    ),
    net_dev=st.dictionaries(st.sampled_from("ab"), struct(NetDev)),
    diskstats=st.dictionaries(st.sampled_from("ab"), struct(DiskStats)),
    cpuinfo=st.none(),
    statfs=st.lists(
        st.builds(
            FileSystem,
            mount_point=st.just("/"),
            block_size=COUNTERS,
            blocks_total=COUNTERS,
            blocks_free=COUNTERS,
            blocks_available=COUNTERS,
            inodes_total=st.none() | COUNTERS,
            inodes_free=st.none() | COUNTERS,
        ),
        max_size=1,
    ),
    failures=st.just(()),
    other=st.just({}),
)


@given(SAMPLES, SAMPLES)
def test_no_rate_is_negative_or_infinite_whatever_the_counters(before: Sample, after: Sample):
    found = interval(before, after)
    assert found.cpus.keys() <= {ALL_CPUS, *after.stat.cpus}
    for row in [*found.cpus.values(), *found.net.values(), *found.disks.values()]:
        for name in row.__struct_fields__:
            value = getattr(row, name)
            assert value is None or (value >= 0 and math.isfinite(value))
    for row in found.cpus.values():
        shares = [row.usr_percent, row.nice_percent, row.system_percent, row.idle_percent]
        shares += [row.iowait_percent, row.irq_percent, row.soft_percent, row.steal_percent]
        assert sum(share or 0 for share in shares) <= 100 + 1e-9
        if None not in shares:
            assert sum(shares) == pytest.approx(100)
