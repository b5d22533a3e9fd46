"""Real captures, and the files that the original made of them: beside the project, not in it."""

import csv
import io
import json
from pathlib import Path
from typing import NamedTuple

import pytest

FOLDER = Path(__file__).parents[3] / "shared" / "conformance"
CASES = sorted(path.parent for path in FOLDER.glob("*/case.json"))


class Check(NamedTuple):
    """A file that the original wrote, and how ours is compared with it."""

    case: Path
    file: str
    any_order_within_timestamp: bool
    ignore_columns: list[str]

    @property
    def expected(self) -> bytes:
        """What the original wrote."""
        return (self.case / "expected" / self.file).read_bytes()

    def assert_equal(self, ours: bytes) -> None:
        """Compare byte for byte, but for what the original left to chance."""
        theirs = self.expected
        if self.any_order_within_timestamp:
            assert by_timestamp(ours) == by_timestamp(theirs)
        elif self.ignore_columns:
            assert without(ours, self.ignore_columns) == without(theirs, self.ignore_columns)
        else:
            assert ours == theirs


def by_timestamp(text: bytes) -> list[bytes]:
    """Return the heading, and the rows in the order of their time, then their text."""
    heading, *rows = text.splitlines(keepends=True)
    return [heading, *sorted(rows, key=lambda row: (row.split(b",")[0], row))]


def without(text: bytes, columns: list[str]) -> bytes:
    """Return a CSV file without some columns."""
    rows = list(csv.reader(io.StringIO(text.decode(), newline="")))
    kept = [place for place, name in enumerate(rows[0]) if name not in columns]
    end = b"\r\n" if b"\r\n" in text else b"\n"
    return b"".join(",".join(row[place] for place in kept).encode() + end for row in rows)


def checks(case: Path) -> list[Check]:
    """Return what is compared in one case."""
    found = json.loads((case / "case.json").read_text(encoding="utf-8"))["checks"]
    return [
        Check(
            case,
            check["file"],
            check.get("any_order_within_timestamp", False),
            check.get("ignore_columns", []),
        )
        for check in found
    ]


CHECKS = [check for case in CASES for check in checks(case)]


def needed() -> None:
    """Skip the test where there are no captures, and say so."""
    if not FOLDER.is_dir():
        pytest.skip(f"no captures of the original at {FOLDER}")
