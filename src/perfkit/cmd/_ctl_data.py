"""`perfkit ctl machines latest series stats`."""

import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from perfkit.cmd._output import say
from perfkit.cmd._verb import Asked, verb
from perfkit.errors import NetworkError, NotEnoughData

if TYPE_CHECKING:
    from perfkit.control.ask import Finding

_MACHINE = Annotated[
    str, typer.Argument(metavar="MACHINE", help="Its number, id, identifier or name.")
]
_SOURCE = Annotated[
    str, typer.Argument(metavar="SOURCE", help="cpu, cpus, memory, net, disk, fs or system.")
]
_MOMENT = "date, RFC 3339 or Unix seconds"
_START = Annotated[
    str | None,
    typer.Option(metavar="TIME", help=f"From when: {_MOMENT}; UTC.", show_default=False),
]
_END = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Until when; a date includes its day.", show_default=False),
]
_COLUMN = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME", help="Only this column; may be repeated."),
]
_DEVICE = Annotated[
    list[str] | None,
    typer.Option("--device", metavar="NAME", help="Only this device; may be repeated."),
]

_LATEST = """Show the newest figures of all machines or of one.

Of all machines the main ones; of one machine all of them, but for idle devices.  A figure is that
of the last two samples.  What of a machine's text gave no figures is told on stderr.
"""

_SERIES = """Show how figures went over time.

Min, mean and max of the columns of a source; by default of the last 24 hours of the machine's data.
Lines of the range that the server has not loaded yet are told on stderr.
"""

_STATS = """Show mean, extremes and percentiles over a range.

Of the columns of a source; by default over the last 24 hours of the machine's data.  Lines of the
range that the server has not loaded yet are told on stderr.
"""

_TREND = (12, 30, 60)
"""Points of a series shown as a line of blocks: at least, in a pipe, at most."""

_BESIDE = 50
_BESIDE_WHERE_NARROW = 20
"""Columns of a terminal that the other figures of a series take."""

_POINTS = 500

_FINDINGS = 5
"""Reasons that are told."""


def add(group: typer.Typer) -> None:
    """Add the verbs."""
    verb(group, "machines", "List machines.")(_machines)
    verb(group, "latest", _LATEST)(_latest)
    verb(group, "series", _SERIES)(_series)
    verb(group, "stats", _STATS)(_stats)


def _machines(asked: Asked) -> None:
    from perfkit.control import ask, views
    from perfkit.control.machines import listed

    server = asked.server("read")
    found = listed(server)
    rows = views.machines([ask.typed(server, one, ask.Machine) for one in found])
    asked.put(rows, {"items": found})


def _latest(
    asked: Asked,
    machine: Annotated[
        str | None, typer.Argument(metavar="MACHINE", help="Number, id, identifier or name.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Show idle devices too.")] = False,
) -> None:
    from perfkit.control import ask, views
    from perfkit.control.machines import find, listed
    from perfkit.control.table import show
    from perfkit.figures import LatestRows

    server = asked.server("read")
    if machine is None:
        machines = [ask.typed(server, one, ask.Machine) for one in listed(server)]
        all_found, failures = ask.latest(server, machines)
        typed = [(one, ask.typed(server, raw, dict[str, LatestRows])) for one, raw in all_found]
        told = [{"id": str(one.id), "name": one.name, "latest": raw} for one, raw in all_found]
        asked.put(views.brief(typed), {"items": told})
        if failures:
            one, error = failures[0]
            what = f"of {len(failures)} of {len(machines)} machines there is no answer"
            raise NetworkError(f"{what}: of {one.number} ({one.name!r}): {error}")
        return
    one = find(server, machine)
    raw = ask.get(server, f"/machines/{one.id}/latest")
    latest = ask.typed(server, raw, dict[str, LatestRows])
    _tell_findings(ask.findings(server, one.id))
    if not any(source.rows for source in latest.values()):
        raise NotEnoughData(
            f"machine {one.number} ({one.name!r}) has no figures yet: rates need two samples"
        )
    if asked.form != "table":
        asked.put(views.latest_rows(latest), raw)
        return
    for number, (title, rows) in enumerate(views.latest_tables(latest, is_all=every)):
        if number:
            print()
        show(rows, title)


def _series(  # noqa: PLR0913, PLR0917 - an argument is an option
    asked: Asked,
    machine: _MACHINE,
    source: _SOURCE,
    start: _START = None,
    end: _END = None,
    points: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help=f"Points at most.  [default: {_POINTS}; as many as fit in a table]",
            show_default=False,
        ),
    ] = None,
    column: _COLUMN = None,
    device: _DEVICE = None,
) -> None:
    from perfkit.control import ask, views
    from perfkit.control.choose import chosen
    from perfkit.control.machines import find
    from perfkit.figures import Series, Stats

    server = asked.server("read")
    one = find(server, machine)
    is_table = asked.form == "table"
    raw, waiting = ask.figures(
        server,
        f"/machines/{one.id}/series/{source}",
        start=start,
        end=end,
        points=(_trend_points() if is_table else _POINTS) if points is None else points,
    )
    found = ask.typed(server, raw, Series)
    _tell(waiting)
    if not found.series:
        _tell_findings(ask.findings(server, one.id))
    if isinstance(raw, dict) and isinstance(lines := raw["series"], list):
        of = f"{source} of {one.name}"
        raw["series"] = chosen(lines, source, columns=column, devices=device, of=of)
    found = ask.typed(server, raw, Series)
    title = f"{source} of {one.name}, {views.moment(found.start)} to {views.moment(found.end)}"
    if is_table:
        span = {"start": f"{found.start:.6f}", "end": f"{found.end:.6f}"}
        values, more = ask.figures(server, f"/machines/{one.id}/stats/{source}", **span)
        if not waiting:
            _tell(more)
        over = ask.typed(server, values, list[Stats])
        is_ascii = not (sys.stdout.encoding or "").lower().startswith("utf")
        rows = views.series_table(found, over, is_ascii=is_ascii)
    else:
        rows = views.series_rows(found)
    asked.put(rows, raw, f"{title}, {found.step_s:g} s a point")


def _tell(waiting: int) -> None:
    """Say what the figures lack."""
    if waiting:
        lines = "1 line of this range is" if waiting == 1 else f"{waiting} lines of this range are"
        say(f"{lines} not loaded yet: ask again in a few seconds")


def _tell_findings(found: "list[Finding]") -> None:
    """Say what of a machine's text gave no figures."""
    for one in found[:_FINDINGS]:
        lines = "1 line" if one.lines == 1 else f"{one.lines} lines"
        say(f"warning: {lines} of {one.source} gave no figures: {one.reason}")
    if len(found) > _FINDINGS:
        say(f"warning: other lines neither, for {len(found) - _FINDINGS} more reasons")


def _trend_points() -> int:
    """Return how many points have room."""
    least, usual, most = _TREND
    if not sys.stdout.isatty():
        return usual
    width = shutil.get_terminal_size().columns
    room = width - (_BESIDE if width >= _BESIDE + usual else _BESIDE_WHERE_NARROW)
    return max(least, min(most, room))


def _stats(
    asked: Asked,
    machine: _MACHINE,
    source: _SOURCE,
    start: _START = None,
    end: _END = None,
    column: _COLUMN = None,
    device: _DEVICE = None,
) -> None:
    from perfkit.control import ask, views
    from perfkit.control.choose import chosen
    from perfkit.control.machines import find
    from perfkit.figures import Stats

    server = asked.server("read")
    one = find(server, machine)
    path = f"/machines/{one.id}/stats/{source}"
    raw, waiting = ask.figures(server, path, start=start, end=end)
    found = ask.typed(server, raw, list[Stats])
    _tell(waiting)
    if not found:
        _tell_findings(ask.findings(server, one.id))
    title = f"{source} of {one.name}"
    if isinstance(raw, list):
        raw = chosen(raw, source, columns=column, devices=device, of=title)
        found = ask.typed(server, raw, list[Stats])
    asked.put(views.stats(found), raw, title)
