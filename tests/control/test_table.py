"""Tables fit, and nothing in them controls a terminal or a spreadsheet."""

import io

import pytest
from rich.console import Console

from perfkit.control.table import Column, Rows, as_csv, as_json, fitting, printable, show
from perfkit.control.views import ago, figure, moment, trend

HOSTILE = "a\x1b[31mred\x9b2J\x07\n\u202eb\x7f"
COLUMNS = [Column("name"), Column("id", rank=2), Column("seen", rank=1)]


def shown(rows, width):
    target = io.StringIO()
    show(rows, "t\x1b]0;x\x07", Console(file=target, width=width, force_terminal=False))
    return target.getvalue()


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_control_characters_are_shown_as_what_they_are(form):
    rows = Rows([Column("na\x1bme")], [[HOSTILE]])
    text = {
        "table": lambda: shown(rows, 80),
        "csv": lambda: as_csv(Rows([Column("name")], [[HOSTILE]])),
        "json": lambda: as_json({"name": HOSTILE}),
    }[form]()
    assert not [c for c in text if not c.isprintable() and c != "\n"]
    assert "x1b" in text or "u001b" in text


def test_markup_is_text():
    assert "[bold]x[/]" in shown(Rows([Column("name")], [["[bold]x[/]"]]), 80)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-x", "@sum"])
def test_what_a_spreadsheet_would_run_has_a_quote_before_it(text):
    assert as_csv(Rows([Column("a")], [[text]])) == f"a\n'{text}\n"


def test_numbers_stay_numbers():
    assert as_csv(Rows([Column("a"), Column("b")], [[-1.5, None]])) == "a,b\n-1.5,\n"


@pytest.mark.parametrize(("width", "places"), [(80, [0, 1, 2]), (20, [0, 2]), (10, [0]), (3, [0])])
def test_columns_go_by_rank_where_there_is_no_room(width, places):
    told = [["web1", "0" * 10, "5 s ago"]]
    assert fitting(COLUMNS, told, width) == places


def test_one_column_gives_way_to_the_others():
    columns = [Column("no", is_number=True), Column("name", is_elastic=True), Column("seen")]
    rows = Rows(columns, [[1, "x" * 40, "320 d ago"]])
    for width in (23, 40):
        heading, row = shown(rows, width).splitlines()[1:]
        assert heading.split() == ["no", "name", "seen"]
        assert row.endswith("…  320 d ago")
        assert len(row) == width


def test_what_is_too_long_is_cut_with_a_mark():
    text = shown(Rows([Column("name")], [["x" * 50]]), 20)
    assert "…" in text
    assert max(map(len, text.splitlines())) <= 20


@pytest.mark.parametrize(
    ("at", "now", "told"),
    [
        (None, 5, "never"), (5, 5, "0 s ago"), (6, 5, "just now"), (99, 5, "in the future"),
        (0, 119, "119 s ago"), (0, 7200, "2 h ago"), (0, 86400 * 3, "3 d ago"),
    ],
)  # fmt: skip
def test_how_long_ago(at, now, told):
    assert ago(at, now) == told


def test_figures_and_moments():
    assert [figure(x) for x in (None, 3, 0.1234, 12.34, 12345.6, "a")] == [
        "-", "3", "0.12", "12.3", "12346", "a",
    ]  # fmt: skip
    assert [moment(x) for x in (None, 0, 1e30)] == ["-", "1970-01-01 00:00:00", "1e+30"]


def test_a_trend_has_a_block_a_point():
    assert trend([0, None, 50, 100]) == "▁ ▅█"
    assert trend([1, 1]) == "▁▁"
    assert trend([0, 7], is_ascii=True) == "_#"
    assert trend([None]) == " "


def test_printable_leaves_what_can_be_printed():
    assert printable("héé 漢字 [x]") == "héé 漢字 [x]"
    assert printable("a\nb\tc") == "a\\nb\\tc"
