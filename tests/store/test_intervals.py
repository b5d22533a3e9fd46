from hypothesis import given
from hypothesis import strategies as st

from perfkit.store.intervals import Intervals

STRETCHES = st.tuples(st.integers(0, 40), st.integers(0, 40))
STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove"]), STRETCHES), max_size=12)


def made(steps):
    intervals, numbers = Intervals(), set()
    for step, (start, end) in steps:
        getattr(intervals, step)(start, end)
        if step == "add":
            numbers |= set(range(start, end))
        else:
            numbers -= set(range(start, end))
    return intervals, numbers


def numbers_in(stretches):
    return {number for start, end in stretches for number in range(start, end)}


@given(STEPS)
def test_holds_what_a_set_of_numbers_holds(steps):
    intervals, numbers = made(steps)
    assert numbers_in(intervals.stretches()) == numbers
    assert intervals.count() == len(numbers)
    assert intervals.end == max(numbers, default=-1) + 1
    assert bool(intervals) == bool(numbers)
    assert all((number in intervals) == (number in numbers) for number in range(-1, 42))


@given(STEPS)
def test_stretches_are_sorted_and_do_not_touch(steps):
    intervals, _ = made(steps)
    flat = [edge for stretch in intervals.stretches() for edge in stretch]
    assert flat == sorted(set(flat))


@given(STEPS, STRETCHES)
def test_common_and_missing_split_a_stretch(steps, stretch):
    intervals, numbers = made(steps)
    asked = set(range(*stretch))
    assert numbers_in(intervals.common(*stretch)) == asked & numbers
    assert numbers_in(intervals.missing(*stretch)) == asked - numbers
    assert all(start < end for start, end in intervals.common(*stretch))
    assert all(start < end for start, end in intervals.missing(*stretch))


@given(STEPS)
def test_a_copy_changes_on_its_own(steps):
    intervals, _ = made(steps)
    other = intervals.copy()
    assert other == intervals == Intervals(intervals.stretches())
    other.add(100, 101)
    assert 100 not in intervals
    assert other != intervals


def test_closed_names_the_last_number_itself():
    assert Intervals([(0, 3), (5, 6)]).closed() == [(0, 2), (5, 5)]
    assert repr(Intervals([(3, 4), (0, 3)])) == "Intervals([(0, 4)])"
    assert Intervals() != [(0, 1)]
