"""Ticks keep their place, whatever the clock and the machine do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.agent.schedule import Schedule

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def taken(schedule: Schedule, now: int) -> tuple[int, int | None, int]:
    tick = schedule.take(now)
    assert tick is not None
    return tick.timestamp - START // SECOND, tick.ns, tick.missed


def test_whole_periods_begin_on_the_next_whole_second():
    assert Schedule(START + 1, SECOND, None).due == START + SECOND
    assert Schedule(START, SECOND, None).due == START


def test_other_periods_begin_now():
    assert Schedule(START + 1, SECOND // 10, None).due == START + 1
    assert Schedule(START + 1, SECOND, None, is_at_once=True).due == START + 1


def test_no_drift_over_late_ticks():
    schedule = Schedule(START, 10 * SECOND, None)
    late = [0, 1, 99_999_999, 5 * SECOND, 9 * SECOND, 0]
    found = [taken(schedule, START + n * 10 * SECOND + more) for n, more in enumerate(late)]
    assert [second for second, _, _ in found] == [0, 10, 20, 30, 40, 50]
    assert [missed for _, _, missed in found] == [0] * 6


def test_a_tick_later_than_a_hundredth_carries_its_real_time():
    schedule = Schedule(START, 10 * SECOND, None)
    assert taken(schedule, START + SECOND // 10) == (0, None, 0)
    assert taken(schedule, START + 10 * SECOND + SECOND // 10 + 1) == (10, 100_000_001, 0)


def test_a_period_that_is_not_whole_always_carries_it():
    schedule = Schedule(START, SECOND // 4, None)
    assert taken(schedule, START) == (0, 0, 0)
    assert taken(schedule, START + SECOND // 4) == (0, 250_000_000, 0)
    assert taken(schedule, START + SECOND // 2 + 7) == (0, 500_000_007, 0)


def test_before_its_time_there_is_no_tick():
    schedule = Schedule(START, SECOND, 1)
    assert schedule.take(START - 1) is None
    assert schedule.left == 1


def test_ticks_that_nobody_took_are_missed_and_the_latest_is_taken():
    schedule = Schedule(START, SECOND, None)
    taken(schedule, START)
    # Asleep from second 1 to 3.5: 1 and 2 are missed, 3 is half a second late.
    assert taken(schedule, START + 3 * SECOND + SECOND // 2) == (3, SECOND // 2, 2)
    assert schedule.due == START + 4 * SECOND


def test_the_last_tick_is_taken_however_late():
    schedule = Schedule(START, SECOND, 4)
    taken(schedule, START)
    assert taken(schedule, START + 100 * SECOND) == (3, 97 * SECOND, 2)
    assert schedule.left == 0


def test_as_many_ticks_as_were_asked_for():
    schedule = Schedule(START, SECOND, 3)
    for number in range(3):
        assert schedule.left == 3 - number
        taken(schedule, START + number * SECOND)
    assert schedule.left == 0


@pytest.mark.parametrize(
    ("period", "step", "moved"),
    [
        pytest.param(SECOND, 3600 * SECOND, 3600 * SECOND, id="forward"),
        pytest.param(SECOND, -3600 * SECOND, -3600 * SECOND, id="back"),
        pytest.param(SECOND, 1_700_000_000, 2 * SECOND, id="to a whole second"),
        pytest.param(SECOND, -200_000_000, 0, id="less than half a second"),
        pytest.param(SECOND // 2, 1_700_000_000, 1_700_000_000, id="as it is"),
    ],
)
def test_follows_a_step_of_the_clock(period: int, step: int, moved: int):
    schedule = Schedule(START, period, None)
    schedule.move(step)
    assert schedule.due == START + moved


def test_a_sleep_is_never_longer_than_a_period():
    assert Schedule(START, 10 * SECOND, None).longest_wait == 10 * SECOND
    assert Schedule(START, SECOND // 10, None).longest_wait == SECOND


@given(
    st.integers(0, 3 * SECOND),
    st.sampled_from([SECOND // 100, SECOND // 3, SECOND, 7 * SECOND]),
    st.lists(st.integers(0, 30 * SECOND), max_size=30),
)
def test_every_tick_is_taken_or_missed_once(start: int, period: int, waits: list[int]):
    schedule = Schedule(START + start, period, None)
    first = schedule.due
    now, numbers = START + start, -1
    for wait in waits:
        now += wait
        tick = schedule.take(now)
        if tick is None:
            assert now < schedule.due
            continue
        numbers += tick.missed + 1
        assert tick.due == first + numbers * period
        assert tick.due <= now < tick.due + period
        assert tick.timestamp == tick.due // SECOND
        if tick.ns is not None:
            assert tick.timestamp * SECOND + tick.ns == now
