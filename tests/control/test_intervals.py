"""Stretches of positions behave as the sets of positions that they stand for."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from perfkit.control.intervals import count, difference, joined, without

POSITIONS = st.integers(0, 40)
STRETCH = st.tuples(POSITIONS, POSITIONS).map(sorted).map(tuple)
STRETCHES = st.lists(STRETCH, max_size=6)


def positions(intervals):
    return {position for first, last in intervals for position in range(first, last + 1)}


@given(STRETCHES)
def test_joined_are_the_same_positions_apart_from_each_other(some):
    found = joined(some)
    assert positions(found) == positions(some)
    assert count(found) == len(positions(some))
    assert all(one[1] + 1 < two[0] for one, two in pairwise(found))


@given(STRETCHES, STRETCHES)
def test_difference_is_that_of_sets(some, others):
    found = difference(joined(some), joined(others))
    assert positions(found) == positions(some) - positions(others)
    assert found == joined(found)


@given(STRETCH, STRETCHES)
def test_without_is_that_of_sets(wanted, others):
    assert positions(without(wanted, joined(others))) == positions([wanted]) - positions(others)
