"""Lines kept as one text: what is cut of them is what a list would give."""

import pytest

from perfkit.store.lines import Lines

EACH = [b'{"timestamp":%d}\n' % number for number in range(6)]


@pytest.fixture
def lines():
    return Lines(b"".join(EACH), len(EACH), (0, 5))


def test_they_are_a_sequence(lines):
    assert len(lines) == 6
    assert list(lines) == EACH
    assert lines == EACH
    assert lines != EACH[1:]
    assert lines[2] == EACH[2]
    assert hash(lines) == hash(Lines(lines.text, 6))


@pytest.mark.parametrize("part", [slice(2, 5), slice(0, 1), slice(3, None), slice(4, 4)])
def test_a_part_is_lines_whose_times_nobody_knows(lines, part):
    found = lines[part]
    assert found == EACH[part]
    assert found.text == b"".join(EACH[part])
    assert found.times is None


def test_all_of_them_are_not_copied(lines):
    assert lines[0:6] is lines
    assert Lines.joined([lines]) is lines


def test_joined_they_know_their_times_where_each_part_does(lines):
    later = Lines(EACH[3], 1, (3, 9))
    assert Lines.joined([lines, later]) == [*EACH, EACH[3]]
    assert Lines.joined([later, lines]).times == (0, 9)
    assert Lines.joined([lines, EACH]).times is None
    assert len(Lines.joined([EACH, lines, later])) == 13
