"""`perfkit ctl upload verify export`."""

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from perfkit.cmd._output import say
from perfkit.cmd._verb import Asked, verb
from perfkit.errors import EXIT_DONE, EXIT_NO, EXIT_SKIPPED, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from perfkit.control.lines import Lines

_FILES = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Captures: plain, gzip or zstd; - for standard input."),
]
_WHOSE = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Whose lines they are, by the machine's identifier, where a capture does not say so "
        "itself.",
        show_default=False,
    ),
]
_UPLOAD = """Send captures: what the server lacks of them.

Batches are sent until they are acknowledged; called again it goes on where it was cut off.  Lines
that are none are told and counted (exit code 3), and cost no other.
"""

_VERIFY = """Tell whether the server holds a capture's lines.

Yes (exit code 0): exactly these lines, or no (1), and what differs.  Compared is the canonical
spelling, in which the server keeps them: other spaces, line ends or escapes are no difference.
"""

_EXPORT = """Write a machine's data to a file.

One CSV with timestamp, cpu_user and so on (portal), the files of `perfkit process` as zip (csv), or
its lines as they were sent (capture).  Dates are UTC; the end day is included.
"""

_SHOWN = 20
"""Lines of a file that are told when they were not stored."""


def add(group: typer.Typer) -> None:
    """Add the verbs."""
    verb(group, "upload", _UPLOAD, has_rows=False)(_upload)
    verb(group, "verify", _VERIFY, has_rows=False)(_verify)
    verb(group, "export", _EXPORT, has_rows=False)(_export)


def _upload(
    asked: Asked,
    files: _FILES,
    machine: _WHOSE = None,
    retries: Annotated[
        int, typer.Option(metavar="N", min=0, help="How often a batch is sent again.")
    ] = 6,
) -> int:
    import msgspec

    from perfkit.control.lines import expect_files
    from perfkit.control.table import Column, Rows
    from perfkit.control.upload import Sender
    from perfkit.control.whose import expect_identifier, expect_no_number

    _expect_one_stdin(files)
    expect_identifier(machine)
    expect_files(files, machine)
    # Standard input cannot be looked at before: it goes first, so that nothing is sent in vain.
    files = sorted(files, key=lambda file: file != "-")
    server = asked.server("ingest")
    expect_no_number(server, machine)
    sender = Sender(server, retries=retries, note=say)
    done = []
    for lines in _opened(files, machine):
        with _progress("sending") as watch:
            one, troubles = sender.send(lines, watch)
        done.append((one, troubles))
        for number, reason in troubles[:_SHOWN]:
            say(f"{lines.name}: line {number}: {reason}" if number else f"{lines.name}: {reason}")
        _notes(lines)
    rows = Rows(
        [
            Column("file"),
            Column("machine", rank=4),
            Column("lines", rank=1, is_number=True),
            Column("stored", is_number=True),
            Column("known", is_number=True),
            Column("skipped", is_number=True),
            Column("conflicts", rank=2, is_number=True),
        ],
        [
            [one.file, " ".join(one.machines), one.lines, one.stored, one.known, one.skipped,
             one.conflicts]
            for one, _ in done
        ],
    )  # fmt: skip
    told = [
        {**msgspec.to_builtins(one), "problems": [problem._asdict() for problem in troubles]}
        for one, troubles in done
    ]
    asked.put(rows, {"files": told})
    is_whole = not any(one.skipped or one.conflicts for one, _ in done)
    return EXIT_DONE if is_whole else EXIT_SKIPPED


def _verify(
    asked: Asked,
    files: _FILES,
    machine: _WHOSE = None,
    *,
    part: Annotated[
        bool,
        typer.Option("--part", help="The server may hold more of a run than the captures do."),
    ] = False,
) -> int:
    import msgspec

    from perfkit.control.intervals import count
    from perfkit.control.lines import expect_files
    from perfkit.control.table import Cell, Column, Rows, printable
    from perfkit.control.verify import Verifier
    from perfkit.control.whose import expect_identifier, expect_machine

    _expect_one_stdin(files)
    expect_identifier(machine)
    expect_files(files, machine)
    connection = asked.connection()
    server = connection.server("read")
    expect_machine(server, machine)
    verifier = Verifier(server, connection.server("read"), is_part=part)
    skipped = 0
    for lines in _opened(files, machine):
        with _progress("comparing") as watch:
            verifier.add(lines, watch)
        for problem in lines.problems.first:
            say(f"{lines.name}: {problem}")
        skipped += lines.problems.count
        _notes(lines)
    found = verifier.result()
    is_same = all(one.is_same for one in found)
    rows: list[list[Cell]] = [
        [
            "yes" if one.is_same else "no",
            one.machine,
            one.run,
            one.lines,
            count(one.missing),
            count(one.more),
            one.different,
        ]
        for one in found
    ]
    columns = [
        Column("same"),
        Column("machine", rank=3),
        Column("run", rank=2),
        Column("lines", rank=1, is_number=True),
        Column("missing", is_number=True),
        Column("more", is_number=True),
        Column("different", is_number=True),
    ]
    told = [{"same": one.is_same, **msgspec.to_builtins(one)} for one in found]
    asked.put(Rows(columns, rows), {"same": is_same, "skipped": skipped, "runs": told})
    if asked.form == "table":
        for one in found:
            for what, intervals in (("missing", one.missing), ("more", one.more)):
                for first, last in intervals[:5]:
                    print(f"run {one.run}: {what}: positions {first} to {last}")
            for line in one.first:
                print(f"run {one.run}: position {line.position}, line {line.line} differs:")
                ours, theirs = _around(line.file, line.server)
                print(f"  file    {printable(ours)}\n  server  {printable(theirs)}")
    if not is_same:
        return EXIT_NO
    return EXIT_SKIPPED if skipped else EXIT_DONE


def _around(ours: str, theirs: str, *, width: int = 60) -> tuple[str, str]:
    """Return both lines from a little before the place where they part."""
    same = next(
        (place for place, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]),
        min(len(ours), len(theirs)),
    )
    start = max(0, same - width // 3)
    before = "…" if start else ""
    return tuple(before + text[start : start + width] for text in (ours, theirs))  # type: ignore[return-value] # two


def _export(  # noqa: PLR0913, PLR0917 - an argument is an option
    asked: Asked,
    collector: Annotated[
        str | None,
        typer.Option(
            metavar="MACHINE",
            help="Number, id, identifier or name; needed where there are several.",
            show_default=False,
        ),
    ] = None,
    start_date: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="First day, as 2026-01-31; UTC.", show_default=False),
    ] = None,
    end_date: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Last day; it is included.", show_default=False),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="File; - for standard output.")
    ] = "-",
    form: Annotated[
        Literal["portal", "csv", "capture"], typer.Option("--format", help="What is written.")
    ] = "portal",
    intervals: Annotated[
        Literal["first", "all"],
        typer.Option(help="Rows as the original: its first interval spans two periods; or all."),
    ] = "first",
    file: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of csv: one file alone, as proc/stat."),
    ] = None,
    run: Annotated[str | None, typer.Option(metavar="UUID", help="Only this run.")] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    from perfkit.control import export
    from perfkit.control.machines import find
    from perfkit.control.table import as_json

    export.expect_day(start_date, "--start-date")
    export.expect_day(end_date, "--end-date")
    if file is not None and form != "csv":
        raise UsageError("--file names one of the files of --format csv")
    export.expect_free(output, force=force)
    if output == export.STDOUT and asked.form == "json":
        raise UsageError("--json tells of a file: name one by --output")
    if output == export.STDOUT and form == "csv" and file is None and sys.stdout.isatty():
        raise UsageError("a zip is not for a terminal: name a file by --output")
    server = asked.server("read")
    machine = find(server, collector)
    query = {
        "format": form,
        "start": start_date,
        "end": end_date,
        "run": run,
        "intervals": None if form == "capture" else intervals,
        "file": file,
    }
    size = export.export(server, machine, output, query, force=force)
    if asked.form == "json":
        print(as_json({"machine": str(machine.id), "file": output, "bytes": size}))
    elif output != export.STDOUT and sys.stderr.isatty():
        say(f"{output}: {size} bytes")


def _expect_one_stdin(files: list[str]) -> None:
    if files.count("-") > 1:
        raise UsageError("standard input can be read once only")


def _opened(files: list[str], machine: str | None) -> "Iterator[Lines]":
    from perfkit.control.lines import Lines

    for file in files:
        yield Lines(file, machine)


def _notes(lines: "Lines") -> None:
    if sys.stderr.isatty():
        for note in lines.problems.notes:
            say(f"{lines.name}: {note}")


@contextmanager
def _progress(what: str) -> "Iterator[Callable[[Lines], None]]":
    """Show a bar where somebody looks."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    from perfkit.process.progress import progress_bar

    with progress_bar(Console(stderr=True), what=what) as watch:
        yield lambda lines: watch(lines.capture)
