"""Moments of a query; the Unix times are `date -u +%s`'s."""

import pytest

from perfkit.server.api.times import moment, whole
from perfkit.server.refusal import Refusal


@pytest.mark.parametrize(
    ("text", "name", "at"),
    [
        (None, "start", None),
        ("0", "start", 0.0),
        ("1700000000.25", "end", 1_700_000_000.25),
        ("2023-11-14", "start", 1_699_920_000.0),
        ("2023-11-14", "end", 1_700_006_400.0),
        ("2023-11-14T22:13:20Z", "end", 1_700_000_000.0),
        ("2023-11-14T23:13:20+01:00", "start", 1_700_000_000.0),
        ("2023-11-14T23:13:20 01:00", "start", 1_700_000_000.0),
        ("2023-11-14 22:13:20", "start", 1_700_000_000.0),
        ("0001-01-01T00:00:00+14:00", "start", -62_135_647_200.0),
    ],
)
def test_a_moment(text, name, at):
    assert moment(text, name) == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2023-13-01",
        "9999-12-31",
        "1e9",
        "NaN",
        "17" + "1" * 11,
        "20231114T221320Z",
        "2023-11-14T25:00:00Z",
    ],
)
def test_what_is_no_moment_is_refused_by_name(text):
    with pytest.raises(Refusal, match="end: expected a date"):
        moment(text, "end")


def test_timestamps_are_whole():
    assert (whole(None), whole(7.0), whole(7.25)) == (None, 7, 8)
