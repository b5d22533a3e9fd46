"""CPU, scheduling and memory: expected values are arithmetic by hand."""

import pytest

from perfkit.derive import ALL_CPUS, Gap, Reason
from perfkit.derive.host import cpu_rows, memory_row, system_gauges, system_row
from perfkit.model import CpuTicks, MemInfo, Stat

ZERO = dict.fromkeys(CpuTicks.__struct_fields__, 0)


def ticks(**counters: int | None) -> CpuTicks:
    return CpuTicks(**{**ZERO, **counters})


def stat(total: CpuTicks, cpus: dict[int, CpuTicks] | None = None, **counters: int) -> Stat:
    return Stat(cpu=total, cpus=cpus or {}, **counters)


# Eight states that add to 100 ticks, so that each share is its number; guests are inside user and
# nice.
A_HUNDRED = {
    "user_ticks": 30,
    "nice_ticks": 7,
    "system_ticks": 11,
    "idle_ticks": 32,
    "iowait_ticks": 9,
    "irq_ticks": 2,
    "softirq_ticks": 3,
    "steal_ticks": 6,
    "guest_ticks": 13,
    "guest_nice_ticks": 4,
}


def test_shares_are_of_all_counted_time():
    gaps: list[Gap] = []
    before = ticks(**dict.fromkeys(ZERO, 1000))
    after = ticks(**{name: 1000 + gained for name, gained in A_HUNDRED.items()})
    rows = cpu_rows(stat(before, {0: before, 5: before}), stat(after, {0: after, 5: after}), gaps)
    assert gaps == []
    assert list(rows) == [ALL_CPUS, 0, 5]
    row = rows[5]
    shares = {name: getattr(row, name) for name in row.__struct_fields__}
    assert shares == pytest.approx(
        {
            "usr_percent": 30,
            "nice_percent": 7,
            "system_percent": 11,
            "idle_percent": 32,
            "iowait_percent": 9,
            "irq_percent": 2,
            "soft_percent": 3,
            "steal_percent": 6,
            "guest_percent": 13,
            "gnice_percent": 4,
        },
        rel=1e-12,
    )


def test_what_an_old_kernel_does_not_count_is_absent():
    gaps: list[Gap] = []
    absent = dict.fromkeys(list(ZERO)[4:])
    rows = cpu_rows(stat(ticks(**absent)), stat(ticks(user_ticks=1, idle_ticks=3, **absent)), gaps)
    row = rows[ALL_CPUS]
    assert (row.usr_percent, row.idle_percent) == (25, 75)
    assert {row.iowait_percent, row.irq_percent, row.soft_percent, row.steal_percent} == {None}
    assert {row.guest_percent, row.gnice_percent} == {None}
    assert gaps == []


@pytest.mark.parametrize("counter", sorted(set(ZERO) - {"idle_ticks", "iowait_ticks"}))
def test_a_counter_that_falls_costs_the_row(counter: str):
    gaps: list[Gap] = []
    before = ticks(**dict.fromkeys(ZERO, 1000))
    after = ticks(**{**dict.fromkeys(ZERO, 1100), counter: 999})
    assert cpu_rows(stat(before), stat(after), gaps) == {}
    assert gaps == [Gap(table="cpu", device="-1", reason=Reason.WENT_BACK, counters=(counter,))]
    assert str(gaps[0]) == f"cpu -1: a counter went backwards ({counter})"


@pytest.mark.parametrize("counter", ["idle_ticks", "iowait_ticks"])
def test_idle_time_that_is_split_anew_costs_the_split_alone(counter: str):
    # 10 ticks of iowait (or idle) are taken back, 60 come to the other; user gains 50: of the
    # 100 ticks that passed, user has half, and who has the rest is not known.
    gaps: list[Gap] = []
    before = ticks(idle_ticks=500, iowait_ticks=500)
    after = ticks(**{"idle_ticks": 560, "iowait_ticks": 560, counter: 490}, user_ticks=50)
    row = cpu_rows(stat(before), stat(after), gaps)[ALL_CPUS]
    assert row.usr_percent == 50
    assert (row.idle_percent, row.iowait_percent) == (None, None)
    assert [(gap.counters, gap.is_partial) for gap in gaps] == [((counter,), True)]


def test_idle_time_that_falls_as_a_whole_costs_the_row():
    gaps: list[Gap] = []
    before = ticks(idle_ticks=500, iowait_ticks=500)
    after = ticks(idle_ticks=490, iowait_ticks=505, user_ticks=50)
    assert cpu_rows(stat(before), stat(after), gaps) == {}
    assert [(gap.counters, gap.is_partial) for gap in gaps] == [(("idle_ticks",), False)]


def test_no_ticks_are_no_shares():
    gaps: list[Gap] = []
    same = stat(ticks(user_ticks=3, idle_ticks=4))
    assert cpu_rows(same, same, gaps) == {}
    assert gaps == [Gap(table="cpu", device="-1", reason=Reason.NO_TICKS)]


def test_a_cpu_that_comes_or_goes_has_no_row():
    gaps: list[Gap] = []
    before = stat(ticks(), {0: ticks(), 1: ticks()})
    after = stat(ticks(idle_ticks=9), {0: ticks(idle_ticks=9), 2: ticks(idle_ticks=9)})
    assert list(cpu_rows(before, after, gaps)) == [ALL_CPUS, 0]
    assert [(gap.device, gap.reason) for gap in gaps] == [
        ("2", Reason.APPEARED),
        ("1", Reason.VANISHED),
    ]


def test_one_sample_without_proc_stat_is_a_gap_two_are_none():
    gaps: list[Gap] = []
    assert cpu_rows(None, None, gaps) == {}
    assert gaps == []
    assert cpu_rows(None, stat(ticks()), gaps) == {}
    assert gaps == [Gap(table="cpu", device="", reason=Reason.NOT_RECORDED)]
    assert str(gaps[0]) == "cpu: only one of the samples has it"


def test_scheduling_has_rates_and_gauges():
    gaps: list[Gap] = []
    before = stat(ticks(), processes=100, context_switches=1000, interrupts=50)
    after = stat(
        ticks(),
        processes=120,
        context_switches=1500,
        interrupts=53,
        procs_running=4,
        procs_blocked=2,
    )
    row = system_row(before, after, 4.0, gaps)
    assert row is not None
    assert (row.forks_per_second, row.context_switches_per_second) == (5, 125)
    assert (row.interrupts_per_second, row.running, row.blocked) == (0.75, 4, 2)
    assert gaps == []


def test_a_reset_of_one_scheduling_counter_leaves_the_others():
    gaps: list[Gap] = []
    before = stat(ticks(), processes=100, context_switches=1000)
    after = stat(ticks(), processes=99, context_switches=1500)
    row = system_row(before, after, 1.0, gaps)
    assert row is not None
    assert (row.forks_per_second, row.context_switches_per_second) == (None, 500)
    assert row.interrupts_per_second is None
    assert [(gap.table, gap.counters, gap.is_partial) for gap in gaps] == [
        ("system", ("processes",), True)
    ]


def test_gauges_need_one_sample_only():
    gaps: list[Gap] = []
    after = stat(ticks(), processes=9, procs_running=4)
    row = system_row(None, after, 1.0, gaps)
    assert row is not None
    assert (row.running, row.blocked, row.forks_per_second) == (4, None, None)
    assert system_row(after, None, 1.0, gaps) is None
    assert system_gauges(None) is None


def test_memory_in_use_is_neither_free_nor_cache():
    row = memory_row(
        MemInfo(
            mem_total_kb=1000,
            mem_free_kb=300,
            mem_available_kb=650,
            buffers_kb=50,
            cached_kb=200,
            slab_kb=100,
            committed_as_kb=750,
            active_kb=21,
            inactive_kb=22,
            dirty_kb=23,
            swap_total_kb=500,
            swap_free_kb=400,
            swap_cached_kb=24,
        )
    )
    assert row is not None
    assert (row.total_kb, row.free_kb, row.available_kb) == (1000, 300, 650)
    assert (row.used_kb, row.used_percent) == (350, 35)  # 1000 - (300 + 50 + 200 + 100)
    assert (row.buffers_kb, row.cached_kb, row.slab_kb) == (50, 200, 100)
    assert (row.committed_kb, row.committed_percent) == (750, 50)  # of 1000 + 500
    assert (row.active_kb, row.inactive_kb, row.dirty_kb) == (21, 22, 23)
    assert (row.swap_total_kb, row.swap_free_kb) == (500, 400)
    assert (row.swap_used_kb, row.swap_used_percent, row.swap_cached_kb) == (100, 20, 24)


def test_memory_of_a_kernel_that_lists_little():
    row = memory_row(MemInfo(mem_total_kb=1000, mem_free_kb=300, committed_as_kb=500))
    assert row is not None
    assert (row.used_kb, row.used_percent) == (700, 70)
    assert (row.committed_percent, row.available_kb, row.swap_used_kb) == (50, None, None)


@pytest.mark.parametrize(
    ("free", "cached", "used"),
    [(1000, 500, 0), (600, 399, 1)],
    ids=["more cache than memory", "just"],
)
def test_memory_in_use_is_never_negative(free: int, cached: int, used: int):
    row = memory_row(MemInfo(mem_total_kb=1000, mem_free_kb=free, cached_kb=cached))
    assert row is not None
    assert row.used_kb == used


def test_no_memory_and_no_swap_have_no_percentages():
    row = memory_row(MemInfo(mem_total_kb=0, mem_free_kb=0, swap_total_kb=0, swap_free_kb=0))
    assert row is not None
    assert (row.used_percent, row.swap_used_percent, row.swap_used_kb) == (None, None, 0)
    assert memory_row(None) is None
