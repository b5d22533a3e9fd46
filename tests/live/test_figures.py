"""Numbers and names in few characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from perfkit.live.figures import duration, figure, fit, kilobytes, period, printable, size


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0.0"),
        (0.04, "0.0"),
        (12.345, "12.3"),
        (999.94, "999.9"),
        (999.95, "1000"),
        (123456.7, "123457"),
        (999999.4, "999999"),
        (1_234_567, "1235k"),
        (98_765_432, "99M"),
        (5e15, "5000T"),
        (5e18, "5000P"),
    ],
)
def test_figures(value: float | None, text: str):
    assert figure(value) == text


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (None, "-"),
        (0, "0B"),
        (999, "999B"),
        (1000, "1.0K"),
        (1536, "1.5K"),
        (102_400, "100K"),
        (1024**2, "1.0M"),
        (24 * 1024**3, "24.0G"),
        (2**63, "8.0E"),
        (2**74, "16384E"),
    ],
)
def test_sizes_are_powers_of_1024(octets: float | None, text: str):
    assert size(octets) == text


def test_kilobytes_are_those_of_the_kernel():
    assert (kilobytes(2048), kilobytes(None)) == ("2.0M", "-")


@given(st.floats(0, 1e17))
def test_figures_are_short(value: float):
    assert len(figure(value)) <= 6
    assert len(size(value)) <= 5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00"), (83.9, "00:01:23"), (86399, "23:59:59"), (93784, "1d 02:03:04")],
)
def test_durations(seconds: float, text: str):
    assert duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(1, "1 s"), (0.1, "0.1 s"), (60.0, "60 s")])
def test_periods(seconds: float, text: str):
    assert period(seconds) == text


def test_controls_are_not_printed():
    assert printable("eth0\x1b[2J\n\x07é界") == "eth0?[2J??é界"


@pytest.mark.parametrize(
    ("text", "width", "kept", "ended"),
    [
        ("abc", 3, "abc", "abc"),
        ("abcdef", 4, "abc…", "…def"),
        ("界界界", 5, "界界…", "…界界"),
        ("abc", 1, "…", "…"),
        ("abc", 0, "", ""),
    ],
)
def test_long_texts_are_cut_with_a_mark(text: str, width: int, kept: str, ended: str):
    assert fit(text, width, "…") == kept
    assert fit(text, width, "…", keep_end=True) == ended


@given(st.text(max_size=30), st.integers(0, 20), st.booleans())
def test_no_text_is_too_wide(text: str, width: int, keep_end: bool):  # noqa: FBT001 - drawn
    assert cell_len(fit(text, width, "…", keep_end=keep_end)) <= width
