"""Text into values; expected figures are Go's documents and arithmetic."""

import os
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.settings import values

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("10s", 10 * SECOND),
        ("1h30m", 5400 * SECOND),
        ("500ms", SECOND // 2),
        ("1.5h", 5400 * SECOND),
        (".5s", SECOND // 2),
        ("1.s", SECOND),
        ("1h15m30.918273645s", 4_530_918_273_645),
        ("2us", 2000),
        ("2µs", 2000),
        ("2μs", 2000),
        ("7ns", 7),
        ("1d", 86400 * SECOND),
        ("0", 0),
        ("0s", 0),
        (" 70m ", 4200 * SECOND),
    ],
)
def test_durations_as_go_writes_them(text: str, want: int):
    assert values.duration(text) == want


@pytest.mark.parametrize(
    "text", ["", "10", "s", "10x", "1..5s", ".s", "-1s", "+1s", "1s5", "1 s", "ten", "5S", "1e3s"]
)
def test_other_durations_are_refused(text: str):
    with pytest.raises(ValueError, match="expected a duration such as 10s"):
        values.duration(text)


def test_a_duration_that_go_could_not_hold():
    with pytest.raises(ValueError, match="expected less than 292 years"):
        values.duration("2562048h")


@given(st.text(max_size=30))
@example("9" * 5000 + "s")
def test_any_duration_is_a_number_or_refused(text: str):
    with suppress(ValueError):
        assert values.duration(text) >= 0


@pytest.mark.parametrize(
    ("text", "want"), [("0", None), ("infinity", None), ("INF", None), ("0s", None), ("1s", SECOND)]
)
def test_no_end(text: str, want: int | None):
    assert values.endless_duration(text) == want


def test_no_end_says_how():
    with pytest.raises(ValueError, match="500ms, or 0 or infinity for no end"):
        values.endless_duration("forever")


@pytest.mark.parametrize(("text", "want"), [("10ms", SECOND // 100), ("30d", 2_592_000 * SECOND)])
def test_periods(text: str, want: int):
    assert values.period(text) == want


@pytest.mark.parametrize("text", ["9ms", "31d", "0"])
def test_periods_have_bounds(text: str):
    with pytest.raises(ValueError, match="expected 10ms to 30d"):
        values.period(text)


@pytest.mark.parametrize(
    ("text", "want"),
    [("tick", 0), ("never", -1), ("60", 60 * SECOND), ("0.5", SECOND // 2), ("2m", 120 * SECOND)],
)
def test_fsync(text: str, want: int):
    assert values.fsync(text) == want


def test_fsync_says_what_it_takes():
    with pytest.raises(ValueError, match="expected tick, never or seconds"):
        values.fsync("always")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("0", 0),
        ("4096", 4096),
        ("1k", 1024),
        ("16M", 16 * 1024**2),
        ("1.5 GiB", 3 * 1024**3 // 2),
        ("2TB", 2 * 1024**4),
    ],
)
def test_sizes(text: str, want: int):
    assert values.size(text) == want


@pytest.mark.parametrize("text", ["", "M", "1X", "-1", "1.2.3", "1 MM"])
def test_other_sizes_are_refused(text: str):
    with pytest.raises(ValueError, match="expected a size such as 16M"):
        values.size(text)


def test_limits_are_more_than_nothing():
    assert values.positive_size("1") == 1
    assert values.positive_duration("1s") == SECOND
    with pytest.raises(ValueError, match="a size such as 16M or 1G, more than 0"):
        values.positive_size("0")
    with pytest.raises(ValueError, match="more than 0"):
        values.positive_duration("0")


def test_counts():
    assert values.count("30") == 30
    for text in ("", "-1", "1.5", "x", "9" * 10, "\u0661"):
        with pytest.raises(ValueError, match="expected a whole number"):
            values.count(text)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("INFO", "info"),
        ("warning", "warn"),
        ("pcc=DEBUG;hoarder=INFO", "debug"),
        ("hoarder=ERROR;pcc=INFO", "info"),
        ("hoarder=error", "error"),
    ],
)
def test_levels_also_as_the_original_takes_them(text: str, want: str):
    assert values.level(text) == want


@pytest.mark.parametrize("text", ["", "loud", "pcc="])
def test_other_levels_are_refused(text: str):
    with pytest.raises(ValueError, match="expected one of trace, debug, info, warn, error"):
        values.level(text)


def test_switches():
    assert values.is_true("Yes")
    assert not values.is_true("0")
    with pytest.raises(ValueError, match="expected true or false"):
        values.is_true("maybe")


def test_words():
    choose = values.words("once", "every")
    assert choose(" EVERY ") == "every"
    with pytest.raises(ValueError, match="expected once or every"):
        choose("always")


def test_paths(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/you")
    assert values.path("~/c.json") == "/home/you/c.json"
    assert values.path("c.json") == "c.json"
    with pytest.raises(ValueError, match="expected a path"):
        values.path("a\0b")
    assert os.sep not in values.plain(" web1 ")
