"""Rows for a person, as JSON or as CSV.

Whatever came from a server may have been made by a stranger: control characters are shown as what
they are, in every form.
"""

import csv
import io
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from perfkit.answer import Json

Cell = str | int | float | bool | None
Form = Literal["table", "json", "csv"]

_WIDE = 10_000
_NARROW = 8
_GAP = 2


class Column(NamedTuple):
    """A column of a table."""

    name: str
    title: str = ""
    """What stands above it; its name where it has none."""

    rank: int = 0
    """Where there is too little room the highest goes first; 0 always stays."""

    is_number: bool = False
    is_elastic: bool = False
    """Whether it is cut where there is still too little room."""


class Rows(NamedTuple):
    """Rows that can be shown."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    """As they are; for CSV."""

    told: Sequence[Sequence[str]] = ()
    """As a person reads them; where it is empty `rows` are shown."""


def printable(text: str) -> str:
    r"""Return a text as one line in which nothing controls a terminal: `\x1b` and the like."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )


def as_json(found: object) -> str:
    """Return JSON of ASCII alone: what a terminal obeys stands as an escape."""
    return json.dumps(found, indent=2).replace("\x7f", "\\u007f")


def as_csv(rows: Rows) -> str:
    """Return CSV; a text that a spreadsheet would take for a formula has a quote before it."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow([printable(column.name) for column in rows.columns])
    for row in rows.rows:
        writer.writerow([_csv_cell(cell) for cell in row])
    return target.getvalue()


def _csv_cell(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") and len(text) > 1 else text


def show(rows: Rows, title: str = "", console: "Console | None" = None) -> None:
    """Print a table to standard output, of the columns that there is room for."""
    from rich.console import Console  # noqa: PLC0415 - not for JSON and CSV

    screen = console or _console(Console)
    table = made(rows, screen.width)
    if title:
        screen.print(printable(title), markup=False, highlight=False, style="bold")
    screen.print(table)


def made(rows: Rows, width: int) -> "Table":
    """Return the table that fits into a width."""
    from rich.table import Table  # noqa: PLC0415 - not for JSON and CSV
    from rich.text import Text  # noqa: PLC0415 - the same

    told = [
        [printable(cell) for cell in row]
        for row in (rows.told or [["" if c is None else str(c) for c in row] for row in rows.rows])
    ]
    places = fitting(rows.columns, told, width)
    widths = _widths(rows.columns, told)
    over = sum(widths[place] + _GAP for place in places) - _GAP - width
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    for place in places:
        column = rows.columns[place]
        table.add_column(
            printable(column.title or column.name),
            justify="right" if column.is_number else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=_cut(widths[place], over) if column.is_elastic else None,
            min_width=None if column.is_elastic else min(widths[place], width),
        )
    for row in told:
        table.add_row(*(Text(row[place]) for place in places))
    return table


def fitting(columns: Sequence[Column], told: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the places of the columns that fit."""
    widths = _widths(columns, told)
    places = list(range(len(columns)))
    while sum(widths[place] + _GAP for place in places) - _GAP > width:
        last = max(places, key=lambda place: (columns[place].rank, place))
        if columns[last].rank == 0:
            break
        places.remove(last)
    return places


def _cut(width: int, over: int) -> int:
    """Return what is left of a width when so much has to go."""
    return max(min(width, _NARROW), width - max(0, over))


def _widths(columns: Sequence[Column], told: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len  # noqa: PLC0415 - not for JSON and CSV

    return [
        max([cell_len(column.title or column.name), *(cell_len(row[place]) for row in told)])
        for place, column in enumerate(columns)
    ]


def _console(kind: "type[Console]") -> "Console":
    class Screen(kind):  # type: ignore[valid-type, misc] # it is loaded only where it is needed
        """One that tells when nobody reads, where rich would end the process with 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    # Nobody cuts lines in a pipe.
    width = None if sys.stdout.isatty() else _WIDE
    return Screen(
        width=width, highlight=False, markup=False, emoji=False, soft_wrap=width is not None
    )


def put(form: Form, rows: Rows, found: "Json | object", title: str = "") -> None:
    """Print rows in the form that was asked for.

    Args:
        form: Which.
        rows: For table and CSV.
        found: For JSON.
        title: Above the table.
    """
    if form == "json":
        print(as_json(found))
    elif form == "csv":
        print(as_csv(rows), end="")
    else:
        show(rows, title)
