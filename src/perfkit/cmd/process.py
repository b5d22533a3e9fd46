"""`perfkit process`: a capture becomes the CSV files of the original."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from perfkit.cmd._output import say
from perfkit.errors import EXIT_SKIPPED, UsageError
from perfkit.settings.table import settings_of

if TYPE_CHECKING:
    from perfkit.process.run import Options
    from perfkit.process.summary import Summary

_SETTINGS = {setting.name: setting for setting in settings_of("process")}

_HELP = """Turn a capture into CSV files, one row per interval, as the original does.

Reads what `perfkit collect` or the original's collector wrote: plain, gzip or zstd, whole, cut or
still growing.  Writes proc/stat, proc/meminfo, proc/net/dev, proc/diskstats, statfs_ALL,
system_info.json, portal.csv and containers.csv into the folder, each where the capture has its
source.  What was read, what has no row and what was skipped goes to stderr; the exit code is 3
where input was skipped.

\b
Examples:
  perfkit process web1.json.gz -o web1/
  zcat old.gz | perfkit process - -o old/
  perfkit process a.json -o a/ --intervals all
"""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("process", help=_HELP)(_process)


def _process(  # noqa: PLR0913 - an argument is an option
    capture: Annotated[
        str | None,
        typer.Argument(
            metavar="CAPTURE",
            envvar=[*_SETTINGS["collection"].variables],
            help="The capture; - for standard input.",
            show_default=False,
        ),
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output-dir",
            "-o",
            metavar="DIR",
            envvar=[*_SETTINGS["outdir"].variables],
            help=_SETTINGS["outdir"].help + ".",
            show_default=False,
        ),
    ] = None,
    intervals: Annotated[
        Literal["first", "all"],
        typer.Option(
            help="Rows as the original: its first interval spans two periods; or one for each.",
        ),
    ] = "first",
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    disk: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The disk of portal.csv: else sda, vda or nvme0n1, or the first.",
            show_default=False,
        ),
    ] = None,
    interface: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The network interface of portal.csv: else the first real one.",
            show_default=False,
        ),
    ] = None,
    portal: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write portal.csv to this file instead.", show_default=False
        ),
    ] = None,
    container_names: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='Names for containers.csv: a JSON object {"<id>": "name"}.',
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON to stdout.")
    ] = False,
    collection: Annotated[
        str | None, typer.Option("-collection", "--collection", hidden=True)
    ] = None,
    outdir: Annotated[Path | None, typer.Option("-outdir", "--outdir", hidden=True)] = None,
) -> None:
    from perfkit.process.run import Options

    source = collection or capture
    if not source:
        raise UsageError("no capture: name a file, - for standard input, or set PCR_COLLECTION")
    folder = outdir or output_dir
    if folder is None:
        raise UsageError("no folder for the files: name one by --output-dir, or set PCR_OUTDIR")
    summary = _with_progress(
        Options(
            capture=source,
            output=folder,
            every_interval=intervals == "all",
            force=force,
            portal=portal,
            disk=disk,
            interface=interface,
            container_names=container_names,
        )
    )
    if as_json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(summary.as_dict())).decode())
    else:
        say(summary.as_text().rstrip("\n"))
    if summary.problems.count:
        raise typer.Exit(EXIT_SKIPPED)


def _with_progress(options: "Options") -> "Summary":
    """Do the work, with a bar where somebody looks."""
    from perfkit.process.run import process

    if not sys.stderr.isatty():
        return process(options)
    from rich.console import Console

    from perfkit.process.progress import progress_bar

    with progress_bar(Console(stderr=True)) as watch:
        return process(options, watch)
