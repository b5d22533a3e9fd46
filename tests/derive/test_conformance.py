"""Derived figures equal the original's CSV of real captures, wherever the rules agree.

Real captures and what the original made of them lie beside the project, not in it.  From the third
sample on a row of the CSV is one interval; its first row spans two and is left out here.
"""

import csv
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from perfkit import columns
from perfkit.capture.read import records
from perfkit.columns import TABLES, Table
from perfkit.derive import Interval, interval
from perfkit.samples import samples

CONFORMANCE = Path(__file__).parents[3] / "shared" / "conformance"
CASES = sorted(path.parent for path in CONFORMANCE.glob("*/expected/proc/stat"))
HOSTS = sorted({path.parents[1] for path in CASES})

RELATIVE = 1e-9
PERCENT_FULL_SCALE = 100
"""What an error of a share is relative to: on a busy CPU the original prints 1.6e-09 for 0."""


def intervals(host: Path) -> list[Interval]:
    found = samples(records(host / "capture.json"))
    return [interval(before, after) for before, after in pairwise(found)]


def expected(host: Path, table: Table) -> Iterator[dict[str, str]]:
    with (host / "expected" / str(table.csv_file)).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def derived(table: Table, found: list[Interval]) -> dict[tuple[str, str], dict[str, float]]:
    """Return the values of each row, by time and key, 0 for absent as the CSV writes it."""
    return {
        (str(each.timestamp), key): {
            column.name: column.value(row) or 0 for column in table.csv_columns
        }
        for each in found
        for key, row in table.rows(each)
    }


def test_there_are_captures():
    if not CONFORMANCE.is_dir():
        pytest.skip(f"no captures of the original at {CONFORMANCE}")
    assert len(HOSTS) >= 6


@pytest.mark.parametrize("host", HOSTS, ids=lambda path: path.name)
def test_every_row_equals_the_originals(host: Path):
    found = intervals(host)
    assert [gap for each in found for gap in each.gaps] == []
    case = json.loads((host / "case.json").read_text(encoding="utf-8"))
    assert len(found) == case["samples"] - 1
    third = str(found[1].timestamp)
    for table in TABLES:
        if table.csv_file is None:
            continue
        ours = derived(table, found[2:])
        compared = set()
        for row in expected(host, table):
            if row["#timestamp"] == third:
                continue
            place = row["#timestamp"], row[table.key] if table.key else ""
            compared.add(place)
            for column in table.csv_columns:
                is_share = column.unit == "%" and table in {columns.CPU, columns.MEM}
                assert ours[place][column.name] == pytest.approx(
                    float(row[column.name]),
                    rel=RELATIVE,
                    abs=RELATIVE * (PERCENT_FULL_SCALE if is_share else 1),
                ), (table.name, place, column.name)
        # The original leaves out devices that have never been used.
        idle = {place for place in ours if not any(ours[place].values())}
        missing = set(ours) - compared
        assert missing <= (idle if table is columns.DISK else set())
        assert len(compared) >= len(found) - 2
