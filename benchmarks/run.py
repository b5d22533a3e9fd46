"""`make bench`: what perfkit costs beside others, in one interleaved run, each with its bar.

    make bench
    make bench BENCH_ARGS="--only parsers,start --json"

Exit code 1 when a bar is missed.  What could not be measured is said and is not a miss.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from figures import Figure, unmeasured
from host import ChildFailedError, PeerMissingError

MODULES = {
    "start": "starting",
    "parsers": "parsing",
    "process": "converting",
    "collector": "collector",
    "trickle": "trickle",
    "linear": "linear",
    "upload": "uploading",
    "store": "store",
    "serve": "serving",
}
"""The module of each section, in the order in which they run."""

COLUMNS = ("what", "against", "figure", "range", "bar", "reached", "detail")
MARKS = {True: "yes", False: "MISSED", None: "-"}


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        prog="run.py", description="Measure perfkit beside other programs, as ratios of CPU time."
    )
    parser.add_argument(
        "--only",
        type=sections,
        default=list(MODULES),
        metavar="SECTIONS",
        help=f"some of {','.join(MODULES)}, separated by commas (default: all)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args(arguments)


def sections(text: str) -> list[str]:
    """Return the sections named in a text.

    Raises:
        ArgumentTypeError: one of them is unknown.
    """
    names = text.split(",")
    if unknown := [name for name in names if name not in MODULES]:
        raise argparse.ArgumentTypeError(
            f"expected some of {','.join(MODULES)}, found {unknown[0]!r}"
        )
    return names


def measure(section: str) -> list[Figure]:
    """Return the figures of a section, or one that says why there are none."""
    try:
        figures: list[Figure] = importlib.import_module(MODULES[section]).measure()
    except PeerMissingError as missing:
        return [unmeasured(section, section, "", None, str(missing))]
    except (ChildFailedError, ImportError) as error:
        return [unmeasured(section, section, "", None, str(error), is_failure=True)]
    return figures


def as_json(figure: Figure) -> dict[str, object]:
    """Return a figure as an object with its verdict."""
    return {**asdict(figure), "reached": figure.is_reached}


def cells(figure: Figure) -> tuple[str, ...]:
    """Return a figure as the cells of a row."""
    digits = 3 if figure.unit == "x" and (figure.value or 1) < 1 else 2
    if figure.value is None:
        value = "failed" if figure.is_failure else "not measured"
    elif figure.unit == "B":
        value = f"{figure.value:.0f} B"
    else:
        value = f"{figure.value:.{digits}f} {figure.unit}"
    spread = "" if figure.low is None else f"{figure.low:.{digits}f}-{figure.high:.{digits}f}"
    bar = f"{figure.bar.side} {figure.bar.value:g}" if figure.bar else "-"
    return (
        figure.subject,
        figure.against,
        value,
        spread,
        bar,
        MARKS[figure.is_reached],
        figure.note,
    )


def show(figures: Sequence[Figure]) -> None:
    """Print the table: with rich on a terminal, else plain text."""
    if sys.stdout.isatty():
        show_rich(figures)
    else:
        show_plain(figures)
    missed = sum(figure.is_reached is False for figure in figures)
    barred = sum(figure.is_reached is not None for figure in figures)
    unknown = sum(bool(figure.bar) and figure.is_reached is None for figure in figures)
    print(f"{barred - missed} of {barred} bars reached, {unknown} not measured")


def show_plain(figures: Sequence[Figure]) -> None:
    """Print columns of text, padded to their widest cell."""
    rows = [COLUMNS, *(cells(figure) for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    section = ""
    for row, figure in zip(rows, [None, *figures], strict=True):
        if figure and figure.section != section:
            section = figure.section
            print(f"\n{section}")
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(padded).rstrip())


def show_rich(figures: Sequence[Figure]) -> None:
    """Print a table in colour."""
    from rich.console import Console  # noqa: PLC0415 - only where there is a terminal
    from rich.table import Table  # noqa: PLC0415

    table = Table(*COLUMNS, title="perfkit beside others")
    section = ""
    for figure in figures:
        if figure.section != section:
            section = figure.section
            table.add_section()
            table.add_row(f"[bold]{section}[/]")
        row = list(cells(figure))
        if figure.is_reached is not None:
            row[5] = f"[{'green' if figure.is_reached else 'bold red'}]{row[5]}[/]"
        table.add_row(*row)
    Console().print(table)


def main(
    arguments: Sequence[str] | None = None,
    measured: Callable[[str], list[Figure]] = measure,
) -> int:
    """Measure what was asked for, print it, and return the exit code."""
    asked = options(arguments)
    figures: list[Figure] = []
    for section in asked.only:
        print(f"measuring {section} ...", file=sys.stderr, flush=True)
        began = time.monotonic()
        figures += measured(section)
        print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    if asked.json:
        print(json.dumps([as_json(figure) for figure in figures], indent=2))
    else:
        show(figures)
    return 1 if any(figure.is_reached is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
