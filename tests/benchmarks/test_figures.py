"""The arithmetic of `make bench`; what it measures is not for a test to say."""

import json

import pytest

import figures
import run


def test_a_figure_is_the_median_of_paired_ratios():
    # rounds: 10/5, 12/3, 9/3; the second one ran in a slow moment of ours alone
    paired = figures.ratios([10, 12, 9], [5, 3, 3])
    figure = figures.compared("s", "ours", "theirs", paired, bar=figures.at_most(3))
    assert (figure.low, figure.value, figure.high) == (2, 3, 4)
    assert figure.is_reached


def test_rounds_have_to_pair():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        figures.ratios([1, 2], [1])


def test_a_peer_that_cost_nothing_is_no_ratio():
    with pytest.raises(ValueError, match="cost above 0"):
        figures.ratios([1, 2], [1, 0])
    with pytest.raises(ValueError, match="one round or more"):
        figures.ratios([], [])


def test_windows_are_whole_and_take_what_a_counter_grew_by():
    # readings of a counter after each tick: +1, +2, ... +7; the seventh has no full window
    readings = [100, 101, 103, 106, 110, 115, 121, 128]
    assert figures.windows(readings, 3) == [6, 15]
    assert figures.windows(readings, 7) == [28]
    assert figures.windows(readings, 8) == []


@pytest.mark.parametrize(
    ("bar", "below", "at", "above"),
    [
        pytest.param(figures.at_most(2.0), True, True, False, id="at-most"),
        pytest.param(figures.at_least(2.0), False, True, True, id="at-least"),
    ],
)
def test_a_bar_has_a_side_and_belongs_to_it(bar, below, at, above):
    assert [bar.is_reached(value) for value in (1.9, 2.0, 2.1)] == [below, at, above]


def test_what_was_not_measured_is_not_a_miss():
    figure = figures.unmeasured("s", "ours", "theirs", figures.at_most(1), "sadc is not here")
    assert figure.is_reached is None
    assert "not measured" in run.cells(figure)
    assert run.as_json(figure)["reached"] is None


def test_a_failure_of_ours_is_a_miss():
    failed = figures.unmeasured("s", "ours", "theirs", None, "exit 70", is_failure=True)
    assert failed.is_reached is False
    assert run.main(["--only", "start", "--json"], lambda _: [failed]) == 1


@pytest.mark.parametrize(("value", "code"), [(1.0, 0), (2.5, 1)])
def test_the_exit_code_tells_of_a_missed_bar(capsys, value, code):
    figure = figures.compared("start", "ours", "theirs", [value], bar=figures.at_most(2))
    assert run.main(["--only", "start", "--json"], lambda _: [figure]) == code
    (printed,) = json.loads(capsys.readouterr().out)
    assert (printed["value"], printed["reached"]) == (value, code == 0)


def test_the_plain_table_says_section_figure_and_verdict(capsys):
    missed = figures.compared("start", "ours", "theirs", [3.0], bar=figures.at_most(2))
    run.show_plain([missed])
    heading, _, section, row = capsys.readouterr().out.splitlines()
    assert heading.split()[:3] == ["what", "against", "figure"]
    assert section == "start"
    assert row.split() == ["ours", "theirs", "3.00", "x", "3.00-3.00", "<=", "2", "MISSED"]


def test_an_unknown_section_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        run.main(["--only", "start,speed"])
    assert ended.value.code == 2
    assert "'speed'" in capsys.readouterr().err
