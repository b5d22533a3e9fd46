"""Without a terminal: one line an interval."""

from collections.abc import Callable

import msgspec

from perfkit.columns import TABLES
from perfkit.derive import Interval
from perfkit.live.plain import COLUMNS, heading, line

Make = Callable[..., Interval]


def values(interval: Interval) -> dict[str, str]:
    return dict(zip(heading().split(), line(interval).split(), strict=True))


def test_names_are_those_of_the_columns():
    known = {column.name for table in TABLES for column in table.columns}
    assert {name for name, _pick in COLUMNS} <= known
    assert heading().split() == ["time", *(name for name, _pick in COLUMNS)]


def test_columns_are_aligned_below_their_names(an_interval: Make):
    assert len(line(an_interval())) == len(heading())


def test_a_line_has_every_figure(an_interval: Make):
    found = values(an_interval(disks=3, nets=4))
    assert found["time"] == "2023-11-14T22:13:30Z"
    assert (found["%usr"], found["%idle"]) == ("38.00", "3.00")
    assert (found["%memused"], found["kbavail"]) == ("25.00", "1024")
    assert (found["tps"], found["rkB/s"]) == ("3.00", "3.00")  # sda 0, sdb 1, sdc 2
    assert (found["rxkB/s"], found["txkB/s"]) == ("6.00", "6.00")  # eth0 to eth3
    assert (found["cswch/s"], found["runq-sz"], found["blocked"]) == ("12.00", "3", "0")


def test_a_time_between_seconds_has_milliseconds(an_interval: Make):
    late = msgspec.structs.replace(an_interval(), ns=250_999_999)
    assert values(late)["time"] == "2023-11-14T22:13:30.250Z"
    assert len(line(late)) == len(heading())


def test_what_is_absent_is_a_dash(an_interval: Make):
    bare = msgspec.structs.replace(
        an_interval(), cpus={}, memory=None, system=None, disks={}, net={}
    )
    found = values(bare)
    assert found.pop("time")
    assert set(found.values()) == {"-"}
