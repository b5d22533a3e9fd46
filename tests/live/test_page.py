"""docs/watch.md and its picture."""

import re
from pathlib import Path

from perfkit.live.plain import heading

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_names_every_column_in_order():
    page = (DOCS / "watch.md").read_text(encoding="utf-8").partition("## How it ends")[0]
    rows = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `")]
    assert [name for row in rows for name in re.findall(r"`(.+?)`", row)] == heading().split()


def test_the_picture_is_small_and_loads_nothing():
    picture = (DOCS / "watch.svg").read_text(encoding="utf-8")
    assert len(picture.encode()) < 40_000
    assert re.findall(r"https?://[^\"' ]+", picture) == ["http://www.w3.org/2000/svg"]
    assert "@font-face" not in picture
