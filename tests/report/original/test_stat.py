"""proc/stat: the original's shares, and no share where there is none to know."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import Driver

from perfkit.errors import ParseError
from perfkit.goformat import float_text
from perfkit.report.original.stat import Stat
from perfkit.report.original.table import APPEARED, NO_TICKS, VANISHED, WENT_BACK

TAIL = b"intr 5 0 0\nctxt 7\nbtime 1700000000\nprocesses 9\nprocs_running 1\nprocs_blocked 0\n"


def stat(*cpus: tuple[int, ...], names: tuple[bytes, ...] = (b"cpu ", b"cpu0", b"cpu1")) -> bytes:
    lines = [
        b"%b %b\n" % (name, b" ".join(b"%d" % tick for tick in ticks))
        for name, ticks in zip(names, cpus, strict=False)
    ]
    return b"".join(lines) + TAIL


def driver(*, clamp: bool) -> Driver:
    return Driver(lambda rows, report: Stat(rows, report, clamp=clamp))


#        user nice system idle iowait irq softirq steal guest guest_nice
ZERO = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
NEXT = (100, 20, 300, 500, 40, 10, 20, 10, 50, 0)


@pytest.mark.parametrize("clamp", [True, False])
def test_each_share_stands_in_its_column(clamp: bool):  # noqa: FBT001 - a parameter
    # 1000 ticks in all, guest being part of user: a share in percent is its ticks / 10.
    table = driver(clamp=clamp)
    assert table.add(10, stat(ZERO, ZERO)) == []
    assert table.add(20, stat(NEXT, NEXT)) == [
        "20,-1,10,2,30,4,1,50",
        "20,0,10,2,30,4,1,50",
    ]
    assert table.reports == []


def test_the_original_clamps_what_went_backwards():
    table = driver(clamp=True)
    busy = (100, 0, 100, 0, 0, 0, 0, 0, 0, 0)
    table.add(1, stat(busy))
    # user fell by 50, system grew by 150: busy grew by 100 and so did all.
    assert table.add(2, stat((50, 0, 250, 0, 0, 0, 0, 0, 0, 0))) == ["2,-1,0,0,100,0,0,0"]
    # busy did not grow
    assert table.add(3, stat((50, 0, 250, 70, 0, 0, 0, 0, 0, 0))) == ["3,-1,0,0,0,0,0,100"]
    # busy grew by 10 while idle fell by 20: all did not grow
    assert table.add(4, stat((60, 0, 250, 50, 0, 0, 0, 0, 0, 0))) == ["4,-1,100,100,100,100,100,0"]
    assert table.reports == []


def test_without_clamping_a_fall_is_no_row():
    table = driver(clamp=False)
    table.add(1, stat(NEXT, NEXT))
    fallen = (99, *NEXT[1:])
    assert table.add(2, stat(fallen, NEXT)) == []
    assert table.reports == [(WENT_BACK, "all CPUs"), (NO_TICKS, "CPU 0")]


def test_idle_time_may_move_to_iowait_and_back():
    # Documentation/filesystems/proc.rst, 1.7: iowait may decrease.
    table = driver(clamp=False)
    table.add(1, stat((100, 0, 0, 100, 50, 0, 0, 0, 0, 0)))
    # 64 ticks: 40 of user, 32 of idle, of which 8 were iowait before.
    (row,) = table.add(2, stat((140, 0, 0, 132, 42, 0, 0, 0, 0, 0)))
    assert [float(cell) for cell in row.split(",")] == pytest.approx([2, -1, 62.5, 0, 0, 0, 0, 50])
    assert table.reports == []


def test_cpus_are_matched_by_number():
    table = driver(clamp=True)
    table.add(1, stat(ZERO, ZERO, ZERO))
    assert table.add(2, stat(NEXT, NEXT, names=(b"cpu ", b"cpu1"))) == [
        "2,-1,10,2,30,4,1,50",
        "2,1,10,2,30,4,1,50",
    ]
    twice = tuple(2 * tick for tick in NEXT)
    assert table.add(3, stat(twice, NEXT, twice)) == [
        "3,-1,10,2,30,4,1,50",
        "3,1,10,2,30,4,1,50",
    ]
    assert table.reports == [(VANISHED, "CPU 0"), (APPEARED, "CPU 0")]


@pytest.mark.parametrize("count", [4, 7, 8, 9, 10, 12])
def test_numbers_that_a_kernel_does_not_write_count_as_0(count: int):
    table = driver(clamp=True)
    table.add(1, stat((*ZERO, 0, 0)[:count]))
    text = stat((*NEXT, 77, 78)[:count])
    everything = sum(NEXT[: min(count, 8)])
    usr, idle = NEXT[0] / everything * 100, NEXT[3] / everything * 100
    _, _, *row = table.add(2, text)[0].split(",")
    assert float(row[0]) == pytest.approx(usr)
    assert float(row[5]) == pytest.approx(idle)


def test_after_forgetting_there_is_nothing_to_compare_with():
    table = driver(clamp=True)
    table.add(1, stat(ZERO))
    table.table.forget()
    assert table.add(2, stat(NEXT)) == []
    assert table.reports == []


@pytest.mark.parametrize(
    "bad",
    [b"-1", b"+5", b"1e5", b"1.5", b"007", b"9" * 400, b"18446744073709551616", b"x", b""],
)
def test_what_is_no_counter_is_an_error_and_costs_its_sample_alone(bad: bytes):
    table = driver(clamp=True)
    table.add(1, stat(ZERO))
    with pytest.raises(ParseError, match=r"^stat:1: "):
        table.add(
            2, b"cpu  %b 0 0 0 0 0 0 0 0 0\n" % (bad or b" 1 2").replace(b" 1 2", b"1 ,") + TAIL
        )
    assert table.add(3, stat(NEXT)) == ["3,-1,10,2,30,4,1,50"]


def test_counters_up_to_the_last_bit_are_read():
    table = driver(clamp=True)
    table.add(1, stat((2**64 - 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)))
    assert table.add(2, stat((2**64 - 1, 0, 0, 100, 0, 0, 0, 0, 0, 0))) == ["2,-1,0,0,0,0,0,100"]


@given(st.lists(st.lists(st.integers(0, 10**6), min_size=10, max_size=10), min_size=2, max_size=6))
def test_any_counters_give_the_rule_of_the_original(samples: list[list[int]]):
    table = driver(clamp=True)
    table.add(0, stat(tuple(samples[0])))
    for second, (old, new) in enumerate(pairwise(samples), start=1):
        found = table.add(second, stat(tuple(new)))
        assert found == [",".join([str(second), "-1", *plainly(old, new)])]


def plainly(old: list[int], new: list[int]) -> list[str]:
    """Return the shares by the rule, step by step."""

    def times(ticks: list[int]) -> tuple[list[float], float, float]:
        user, nice, system, idle, iowait, irq, softirq, steal, _, _ = [n / 100 for n in ticks]
        busy = user + system + nice + iowait + irq + softirq + steal
        return [user, nice, system, iowait, steal], busy, busy + idle

    shown1, busy1, all1 = times(old)
    shown2, busy2, all2 = times(new)
    if busy2 <= busy1:
        return ["0", "0", "0", "0", "0", "100"]
    if all2 <= all1:
        return ["100", "100", "100", "100", "100", "0"]

    def share(before: float, after: float) -> float:
        return min(100.0, max(0.0, (after - before) / (all2 - all1) * 100))

    shares = [share(*pair) for pair in zip(shown1, shown2, strict=True)]
    return [float_text(value) for value in (*shares, 100 - share(busy1, busy2))]


@given(st.data())
def test_a_block_gives_the_rows_of_its_samples(data: st.DataObject):
    clamp = data.draw(st.booleans())
    ticks = st.lists(st.integers(0, 30), min_size=10, max_size=10)
    samples = data.draw(st.lists(st.tuples(ticks, ticks), min_size=1, max_size=8))
    texts = [stat(tuple(one), tuple(other)) for one, other in samples]
    seconds = range(1, len(texts) + 1)
    singly, slowly, together = driver(clamp=clamp), driver(clamp=clamp), driver(clamp=clamp)
    want = [
        row for second, text in zip(seconds, texts, strict=True) for row in singly.add(second, text)
    ]
    assert want == [
        row
        for second, text in zip(seconds, texts, strict=True)
        for row in slowly.add_slowly(second, text)
    ]
    cut = data.draw(st.integers(0, len(texts)))
    found = together.add_block(seconds[:cut], texts[:cut]) if cut else []
    found += together.add_block(seconds[cut:], texts[cut:]) if cut < len(texts) else []
    assert found == want
    assert sorted(together.reports) == sorted(singly.reports) == sorted(slowly.reports)
