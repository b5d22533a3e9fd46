"""Floats print as Go's `%v` prints them."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.goformat import float_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # The first nine stand in files that the original wrote.
        (3.2, "3.2"),
        (13.600000000000001, "13.600000000000001"),
        (2641104.0, "2.641104e+06"),
        (1e6, "1e+06"),
        (6.038902711225091e-10, "6.038902711225091e-10"),
        (5e-05, "5e-05"),
        (0.0, "0"),
        (3.0, "3"),
        (100.0, "100"),
        # From Go's own tests of strconv.FormatFloat(x, 'g', -1, 64), ftoa_test.go.
        (1.0, "1"),
        (20.0, "20"),
        (1234567.8, "1.2345678e+06"),
        (200000.0, "200000"),
        (2000000.0, "2e+06"),
        (400.0, "400"),
        (40.0, "40"),
        (1e23, "1e+23"),
        (5e-304 / 1e20, "5e-324"),
        (-1.0, "-1"),
        (-0.0, "-0"),
        (32.0, "32"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (123456.7, "123456.7"),
        (0.000123, "0.000123"),
        (999999.9999999999, "999999.9999999999"),
        (9.999999999999999e-05, "9.999999999999999e-05"),
        (2.2250738585072014e-308, "2.2250738585072014e-308"),
        (1e100, "1e+100"),
        (123456789, "1.23456789e+08"),
    ],
)
def test_values_that_go_prints(value: float, text: str):
    assert float_text(value) == text


FORM = re.compile(r"-?(?:\d+(?:\.\d*[1-9])?|\d(?:\.\d*[1-9])?e[+-]\d{2,3})")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_float_reads_back_and_has_the_form(value: float):
    text = float_text(value)
    assert float(text) == value
    assert FORM.fullmatch(text)
    assert ("e" in text) == (value != 0 and not 1e-4 <= abs(value) < 1e6)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_digit_more_than_python_needs(value: float):
    digits = re.sub(r"e.*|[-.]", "", float_text(value)).strip("0")
    assert digits == re.sub(r"e.*|[-.]", "", repr(value)).strip("0")
