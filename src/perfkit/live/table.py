"""Parts of the picture: lines of exact width, tables that drop what does not fit, bars.

Nothing wraps: a table leaves out columns, from the least important on, until it fits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from rich.cells import cell_len
from rich.text import Text

from perfkit.columns import Table, Value
from perfkit.live.figures import ABSENT, figure, fit, printable
from perfkit.live.view import Glyphs

COLUMN_WIDTH = 8
MIN_KEY_WIDTH = 8
MAX_KEY_WIDTH = 24
BARS_FROM = 60
"""Width of a terminal from which rows have bars."""

MIN_BAR_WIDTH, MAX_BAR_WIDTH, GUTTER = 10, 24, 2

HEADING = "bold"
QUIET = "dim"
CALM, WARM, HOT = "green", "yellow", "red"
"""Of the terminal's own palette, so that they suit a light as well as a dark one."""

WARM_FROM, HOT_FROM = 70.0, 90.0


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the picture: lines that are always there and rows of which some may go."""

    head: list[Text]
    rows: Callable[[int], list[Text]]
    """The heading and the rows, at most so many lines together."""

    wanted: int
    """Lines that `rows` could fill."""

    least: int = 0
    """Lines without which `rows` makes no sense."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    key: str
    values: msgspec.Struct
    load: float
    """By which the busiest are found."""

    share: float | None = None
    """What its bar shows, in percent."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a picture is drawn."""

    width: int
    height: int
    glyphs: Glyphs


def line(*parts: tuple[str, str] | str, width: int) -> Text:
    """Return one line of text with styles, cut to the width."""
    text = Text.assemble(*parts, no_wrap=True, overflow="crop")
    text.truncate(width, overflow="crop")
    return text


def facts(parts: Sequence[str], frame: Frame, *, label: str = "", style: str = "") -> Text:
    """Return as many of the parts as fit in one line, the first ones first."""
    text = ""
    room = frame.width - cell_len(label)
    for part in parts:
        longer = text + (frame.glyphs.dot if text else "") + part
        if cell_len(longer) > room:
            break
        text = longer
    return line((label, HEADING), (text, style), width=frame.width)


def level(percent: float) -> str:
    """Return the colour of a share that is better low."""
    if percent >= HOT_FROM:
        return HOT
    return WARM if percent >= WARM_FROM else CALM


def bar(percent: float, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """Return a bar of that width and its colour; more than 100 percent is a full one."""
    filled = round(min(100.0, max(0.0, percent)) / 100 * width)
    return glyphs.full * filled + glyphs.empty * (width - filled), level(percent)


def graph(history: Sequence[float], width: int, glyphs: Glyphs) -> str:
    """Return the newest shares as a row of small columns, the newest at the right."""
    top = len(glyphs.graph) - 1
    newest = list(history)[-width:] if width > 0 else []
    return "".join(glyphs.graph[round(min(100.0, share) / 100 * top)] for share in newest)


def number(value: Value) -> str:
    """Return a column's value in few characters."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return figure(value).removesuffix(".0")
    return figure(value)


def columns_that_fit(table: Table, names: Sequence[str], room: int) -> list[str]:
    """Return the first of `names`, by importance, that fit, in the table's own order."""
    chosen = []
    for name in names:
        room -= _width(name)
        if room < 0:
            break
        chosen.append(name)
    order = [column.name for column in table.columns]
    return sorted(chosen, key=order.index)


def _width(name: str) -> int:
    return max(COLUMN_WIDTH, len(name) + 1)


def key_width(keys: Sequence[str], width: int) -> int:
    """Return the width of the first column: as long as its texts, within a third of the line."""
    longest = max((cell_len(printable(key)) for key in keys), default=0) + 1
    return min(max(MIN_KEY_WIDTH, longest), MAX_KEY_WIDTH, max(MIN_KEY_WIDTH, width // 3))


def table_lines(
    table: Table, rows: Sequence[Row], names: Sequence[str], frame: Frame, *, missing: str = ""
) -> list[Text]:
    """Return a heading and one line a row; the heading says what of the rows is missing."""
    first = f"{table.key or table.title} {missing}".rstrip()
    room = key_width([first, *(row.key for row in rows)], frame.width)
    has_bars = frame.width >= BARS_FROM and any(row.share is not None for row in rows)
    chosen = columns_that_fit(
        table, names, frame.width - room - (MIN_BAR_WIDTH + GUTTER if has_bars else 0)
    )
    used = room + sum(_width(name) for name in chosen) + GUTTER
    bar_width = min(MAX_BAR_WIDTH, frame.width - used) if has_bars else 0
    heading: list[tuple[str, str] | str] = [
        (f"{fit(first, room - 1, frame.glyphs.cut):<{room}}", HEADING)
    ]
    heading += [(f"{name:>{_width(name)}}", QUIET) for name in chosen]
    lines = [line(*heading, width=frame.width)]
    for row in rows:
        key = fit(row.key, room - 1, frame.glyphs.cut, keep_end=table.name == "fs")
        parts: list[tuple[str, str] | str] = [key + " " * (room - cell_len(key))]
        for column in chosen:
            text = number(table.column(column).value(row.values))
            parts.append((f"{text:>{_width(column)}}", QUIET if text in {"0.0", ABSENT} else ""))
        if bar_width and row.share is not None:
            parts += [" " * GUTTER, bar(row.share, bar_width, frame.glyphs)]
        lines.append(line(*parts, width=frame.width))
    return lines


def table_section(
    table: Table, rows: Sequence[Row], names: Sequence[str], frame: Frame, *, pinned: int = 0
) -> Section:
    """Return a section of one line a row: all in the kernel's order, or the busiest first.

    Args:
        table: Whose columns.
        rows: All there are.
        names: Columns by importance.
        frame: Where it is drawn.
        pinned: How many rows at the beginning always come first; they are not counted.
    """

    def lines(limit: int) -> list[Text]:
        room = limit - 1
        if len(rows) <= room:
            return table_lines(table, rows, names, frame)
        others = sorted(rows[pinned:], key=lambda row: row.load, reverse=True)
        shown = [*rows[:pinned], *others[: max(0, room - pinned)]]
        missing = f"{len(shown) - pinned}/{len(rows) - pinned}"
        return table_lines(table, shown, names, frame, missing=missing)

    return Section(head=[], rows=lines, wanted=len(rows) + 1 if rows else 0, least=2)
