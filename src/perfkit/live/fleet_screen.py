"""The picture of many machines: one line each, those seen last, as many as there is room for."""

from rich.cells import cell_len
from rich.text import Text

from perfkit.live.figures import ABSENT, duration, figure, fit
from perfkit.live.fleet import FIGURES, FRESH_SECONDS, FleetView, Machine
from perfkit.live.table import (
    BARS_FROM,
    GUTTER,
    HEADING,
    MIN_BAR_WIDTH,
    QUIET,
    Frame,
    bar,
    facts,
    key_width,
    line,
)
from perfkit.live.view import Glyphs

HINT = "Ctrl-C ends the server and its collector"
COLUMN = 9
SEEN = 7
MAX_BAR = 20
HINT_LINES = 4
"""Lines that are left from which the picture says what to do next."""

AROUND = 5
"""Lines that are no machines: two of the header, an empty one, the heading, the last one."""


def fleet_picture(view: FleetView, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return at most `height` lines, none wider than `width` cells."""
    frame = Frame(width=width, height=height, glyphs=glyphs)
    room = max(1, height - AROUND)
    hidden = len(view.machines) - room
    shown = view.machines[: room - 1] if hidden > 0 else view.machines
    lines = [*_header(view, frame), Text("")]
    if shown:
        lines += _table(view, shown, frame)
    else:
        lines.append(line(("waiting for the first sample", QUIET), width=width))
    if hidden > 0:
        more = f"and {len(view.machines) - len(shown)} more"
        lines.append(line((more if view.is_all else more + ", at least", QUIET), width=width))
    elif height - len(lines) > HINT_LINES:
        lines += _next(view, frame)
    lines = lines[: max(1, height - 1)]
    last = (fit(view.message, width, glyphs.cut), HEADING) if view.message else (HINT, QUIET)
    return [*lines, line(last, width=width)] if height > len(lines) else lines


def _header(view: FleetView, frame: Frame) -> list[Text]:
    count = len(view.machines)
    machines = "1 machine" if count == 1 else f"{count}{'' if view.is_all else '+'} machines"
    who = facts(["perfkit serve", view.url, machines], frame, style=HEADING)
    what = duration(view.running_seconds)
    room = frame.width - cell_len(what + frame.glyphs.dot)
    folder = fit(view.folder, room, frame.glyphs.cut, keep_end=True)
    return [who, facts([what, folder], frame, style=QUIET)]


def _next(view: FleetView, frame: Frame) -> list[Text]:
    """Return what a new user does next, where it fits as it is to be typed."""
    hints = [
        f"another host:  perfkit collect --server {view.url} --api-key-file FILE",
        f"ask for more:  perfkit ctl machines --key-file {view.folder}/first-run.json",
    ]
    fitting = [hint for hint in hints if cell_len(hint) <= frame.width]
    return [Text(""), *(line((hint, QUIET), width=frame.width) for hint in fitting)]


def _table(view: FleetView, shown: list[Machine], frame: Frame) -> list[Text]:
    """Return a heading and a line a machine."""
    key = key_width(["machine", *(each.name for each in shown)], frame.width)
    left = frame.width - key - SEEN
    columns = FIGURES[: max(1, left // COLUMN)]
    spare = left - len(columns) * COLUMN - GUTTER
    while frame.width >= BARS_FROM and spare < MIN_BAR_WIDTH and len(columns) > 1:
        columns = columns[:-1]
        spare += COLUMN
    bars = min(MAX_BAR, spare) if frame.width >= BARS_FROM else 0
    heading: list[tuple[str, str]] = [(f"{'machine':<{key}}", HEADING)]
    for at, (name, _) in enumerate(columns):
        heading.append((f"{name:>{COLUMN}}", QUIET))
        if not at and bars:
            heading.append((" " * (GUTTER + bars), ""))
    heading.append((f"{'seen':>{SEEN}}", QUIET))
    lines = [line(*heading, width=frame.width)]
    for each in shown:
        name = fit(each.name, key - 1, frame.glyphs.cut)
        parts: list[tuple[str, str]] = [(name + " " * (key - cell_len(name)), "")]
        for at, (_, value_of) in enumerate(columns):
            value = value_of(each.figures) if each.figures else None
            text = figure(value)
            parts.append((f"{text:>{COLUMN}}", QUIET if text in {ABSENT, "0.0"} else ""))
            if not at and bars:
                drawn = (" " * bars, "") if value is None else bar(value, bars, frame.glyphs)
                parts += [(" " * GUTTER, ""), drawn]
        parts.append(_seen(each, view.now))
        lines.append(line(*parts, width=frame.width))
    return lines


def _seen(machine: Machine, now: float) -> tuple[str, str]:
    """Return how long ago its newest sample was taken: a machine that went silent stands out."""
    if machine.seen is None:
        return f"{ABSENT:>{SEEN}}", QUIET
    age = max(0, int(now - machine.seen))
    if age < FRESH_SECONDS:
        return f"{age:>{SEEN - 2}} s", QUIET
    hours, minutes = age // 3600, age // 60
    return f"{f'{hours} h' if hours > 1 else f'{minutes} min':>{SEEN}}", HEADING
