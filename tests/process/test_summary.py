"""A summary says what was read, written, missing and skipped, in few lines."""

import msgspec

from perfkit.capture.problems import Problems
from perfkit.process.summary import SHOWN, Gap, Summary

SECOND = 10**9


def summary() -> Summary:
    problems = Problems()
    found = Summary("web1.json.gz", problems)
    for second in (1_767_800_521, 1_767_800_526, 1_767_800_531, 1_767_800_546):
        found.sample(second * SECOND)
    found.rows = {"proc/stat": 12, "statfs_ALL": 1}
    for number in range(5):
        found.gap("proc/net/dev", "new since the sample before", 10 + number, f"veth{number}")
    found.gap("", "the host booted in between", 7)
    problems.note("the gzip stream has no end yet")
    for line in range(1, 24):
        problems.add(line, "expected a record")
    return found


def test_what_a_person_reads():
    lines = summary().as_text().splitlines()
    assert lines[:7] == [
        "web1.json.gz: 4 samples from 2026-01-07 15:42:01Z to 2026-01-07 15:42:26Z, one every 5 s",
        "  proc/stat   12 rows",
        "  statfs_ALL  1 row",
        (
            "  no row: proc/net/dev: new since the sample before (veth0, veth1, veth2, …), "
            "5 times, lines 10, 11, 12, …"
        ),
        "  no row: all rates: the host booted in between, once, line 7",
        "  note: the gzip stream has no end yet",
        "  skipped: line 1: expected a record",
    ]
    assert lines[-1] == "  skipped: 3 more like these"
    assert len(lines) == 27


def test_what_a_program_reads():
    found = msgspec.json.decode(msgspec.json.encode(summary().as_dict()))
    assert found["samples"] == 4
    assert found["first_timestamp"] == 1_767_800_521
    assert found["last_timestamp"] == 1_767_800_546
    assert found["period_seconds"] == 5
    assert found["rows"] == {"proc/stat": 12, "statfs_ALL": 1}
    assert found["gaps"][1] == {
        "file": "",
        "reason": "the host booted in between",
        "count": 1,
        "names": [],
        "lines": [7],
    }
    assert found["skipped"]["count"] == 23
    assert found["skipped"]["first"][0] == {"line": 1, "reason": "expected a record"}
    assert found["notes"] == ["the gzip stream has no end yet"]


def test_one_sample_and_none():
    found = Summary("c", Problems())
    assert found.as_text() == "c: no sample of a host\n"
    found.sample(0)
    assert found.as_text() == "c: 1 sample from 1970-01-01 00:00:00Z to 1970-01-01 00:00:00Z\n"
    assert found.as_dict()["period_seconds"] is None


def test_names_that_would_move_the_cursor_are_shown_escaped():
    found = Summary("c", Problems())
    found.gap("proc/net/dev", "new", 1, "\x1b[2J")
    assert "('\\x1b[2J')" in found.as_text()


def test_memory_does_not_grow_with_odd_times():
    found = Summary("c", Problems())
    for n in range(3000):
        found.sample(n * n * SECOND)
    assert len(found._intervals) <= 1000  # noqa: SLF001 - a bound that nothing else shows


def test_what_is_not_shown_is_told_by_dots_and_only_then():
    gap = Gap("proc/net/dev", "went back")
    for number in range(1, SHOWN + 1):
        gap.add(number, f"veth{number}")
    assert "…" not in str(gap)
    gap.add(SHOWN + 1, "veth0")
    assert str(gap).count(", …") == 2
    assert "veth0" not in str(gap)
