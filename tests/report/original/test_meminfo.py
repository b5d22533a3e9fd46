"""proc/meminfo: the right line in each column, whatever else the file has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import Driver

from perfkit.errors import ParseError
from perfkit.report.original.meminfo import MemInfo

VALUES = {
    "MemTotal": 1000,
    "MemFree": 100,
    "MemAvailable": 150,
    "Buffers": 10,
    "Cached": 60,
    "SwapCached": 1,
    "Active": 200,
    "Inactive": 300,
    "Active(anon)": 2,
    "SwapTotal": 600,
    "SwapFree": 3,
    "Dirty": 7,
    "Slab": 30,
    "Committed_AS": 400,
    "VmallocTotal": 34359738367,
}
# unused = 100 + 10 + 60 + 30 = 200, used = 800 = 80 %; 400 of 1600 committed = 25 %
ROW = "100,150,800,80,10,60,400,25,200,300,7"


def meminfo(**changes: int) -> bytes:
    values = {**VALUES, **changes}
    return "".join(f"{name + ':':<16}{value:8} kB\n" for name, value in values.items()).encode()


def driver() -> Driver:
    return Driver(lambda rows, _: MemInfo(rows))


def test_each_line_stands_in_its_column():
    assert driver().add(5, meminfo()) == ["5," + ROW]


def test_a_number_that_outgrows_its_field_shifts_nothing():
    table = driver()
    table.add(1, meminfo())
    assert table.add(2, meminfo(SwapCached=123456789012)) == ["2," + ROW]
    assert table.add(3, meminfo()) == ["3," + ROW]
    assert table.add(4, meminfo(Cached=1234567890)) == [
        "4,100,150,0,0,10,1234567890,400,25,200,300,7"
    ]


@pytest.mark.parametrize("missing", ["MemAvailable", "Slab", "SwapTotal", "Committed_AS"])
def test_a_missing_line_counts_as_0(missing: str):
    lines = [line for line in meminfo().splitlines(keepends=True) if missing.encode() not in line]
    table = driver()
    want = table.add(1, meminfo(**{missing: 0}))[0].removeprefix("1,")
    assert table.add(2, b"".join(lines)) == ["2," + want]
    assert table.add(3, b"".join(lines)) == ["3," + want]
    assert table.add(4, meminfo()) == ["4," + ROW]


def test_lines_may_stand_in_another_order():
    lines = meminfo().splitlines(keepends=True)
    assert driver().add(1, b"".join(reversed(lines))) == ["1," + ROW]


def test_nothing_of_nothing_is_0_percent():
    table = driver()
    assert table.add(1, meminfo(MemTotal=0, SwapTotal=0)) == ["1,100,150,0,0,10,60,400,0,200,300,7"]


def test_small_and_big_shares_print_as_in_go():
    used = driver().add(1, meminfo(MemTotal=2**30, MemFree=2**30 - 101, SwapTotal=0))[0].split(",")
    # used 1 of 2^30 kB, 400 committed; 100 / 2^30 is 9.313225746154785e-08
    assert (used[3], used[4]) == ("1", "9.313225746154785e-08")
    assert used[8] == "3.725290298461914e-05"
    big = driver().add(1, meminfo(MemTotal=1, SwapTotal=0, Committed_AS=20_000))[0].split(",")
    assert big[8] == "2e+06"


@pytest.mark.parametrize("bad", [b"-x", b"1e5", b"1.5", b"9" * 400, b"0x10", b"1 2", b"1,2"])
def test_what_is_no_number_is_an_error_and_costs_its_sample_alone(bad: bytes):
    table = driver()
    table.add(1, meminfo())
    with pytest.raises(ParseError, match=r"^meminfo:5: "):
        table.add(2, meminfo().replace(b"   60 kB", b" %b kB" % bad))
    assert table.add(3, meminfo()) == ["3," + ROW]


@pytest.mark.parametrize("missing", [b"MemTotal", b"MemFree"])
def test_what_lacks_a_line_that_all_have_is_no_such_file(missing: bytes):
    table = driver()
    with pytest.raises(ParseError, match="expected lines MemTotal and MemFree, found not both"):
        table.add(1, meminfo().replace(missing, b"Mem"))
    assert table.add(2, meminfo()) == ["2," + ROW]


@given(st.lists(st.fixed_dictionaries({name: st.integers(0, 2**53) for name in VALUES})))
def test_any_gauges_stand_in_their_columns(samples: list[dict[str, int]]):
    table = driver()
    for second, values in enumerate(samples):
        row = table.add(second, meminfo(**values))[0].split(",")
        unused = values["MemFree"] + values["Buffers"] + values["Cached"] + values["Slab"]
        used = values["MemTotal"] - min(values["MemTotal"], unused)
        assert [row[i] for i in (1, 2, 3, 5, 6, 7, 9, 10, 11)] == [
            str(values["MemFree"]),
            str(values["MemAvailable"]),
            str(used),
            str(values["Buffers"]),
            str(values["Cached"]),
            str(values["Committed_AS"]),
            str(values["Active"]),
            str(values["Inactive"]),
            str(values["Dirty"]),
        ]
