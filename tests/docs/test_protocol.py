"""What docs/protocol.md says of the wire is what the server does."""

import re
from pathlib import Path

import pytest

from perfkit.server.limits import Limits

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| ([\d,]+)( KiB| MiB|) \| (.+) \|$", PAGE, re.MULTILINE)
TIMES = {"": 1, " KiB": 1024, " MiB": 1024**2}


@pytest.mark.parametrize(("name", "number", "unit"), [row[:3] for row in ROWS])
def test_a_limit_is_the_one_of_the_server(name, number, unit):
    assert int(number.replace(",", "")) * TIMES[unit] == getattr(Limits(), name)


def test_the_page_has_limits():
    assert len(ROWS) == PAGE.split("## Limits")[1].count("\n| `")
    assert len(ROWS) > 10
