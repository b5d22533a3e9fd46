"""`perfkit collect`: its help and its errors; the work begins in `perfkit.agent.launch`.

The options are made from the table of settings, as are those that argparse takes before Typer is
ever loaded.
"""

import inspect
import os
from pathlib import Path
from typing import Annotated

import typer

from perfkit.settings.setting import Setting
from perfkit.settings.table import settings_of

_HELP = """Record this host: raw kernel text, a sample each period, into a file or to a server.

From /proc/stat, meminfo, net/dev, diskstats, cpuinfo and the mounted disks to one file that
`perfkit process` turns into CSV.  It goes on with a file that exists, cutting off what a crash left
unfinished.  The first sample is taken at once (on the next whole second), the last at the end of
the duration; SIGINT, SIGTERM and SIGHUP end it before, with its last line whole.

With --server samples go to `perfkit serve` instead, by way of a spool on disk that keeps them while
the server is away; --collection beside it writes the file too.

\b
Examples:
  perfkit collect --watch
  perfkit collect --collection web1.json.gz --frequency 5s --duration 70m
  perfkit collect --duration infinity --max-age 1d --keep 30
  perfkit collect --server https://perfkit.example.com --api-key-file key
  perfkit collect --once --collection - | perfkit process - -o now/ --intervals all
"""

_EPILOG = (
    "A setting comes from its flag, else its variable, --config FILE, /etc/perfkit/collect.toml, "
    "/etc/pcc.env, its default: docs/settings.md."
)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    def collect(**options: str | bool | None) -> None:
        from perfkit.agent.launch import start, watched

        flags = {
            name: "true" if given is True else str(given)
            for name, given in options.items()
            if given is not None and given is not False
        }
        if "watch" not in flags:
            start(flags, os.environ)
        from perfkit.live.watch import run

        command, path, period = watched(flags, os.environ)
        raise typer.Exit(run(command, Path(path), period))

    parameters = [parameter_of(setting) for setting in settings_of("collect") if setting.flags]
    collect.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    app.command("collect", help=_HELP, epilog=_EPILOG)(collect)


def parameter_of(setting: Setting) -> inspect.Parameter:
    """Return the option of one setting as Typer reads it from a function."""
    variables = setting.old[:1] or setting.variables[:1]
    notes = [f"[{name}]" for name in variables]
    if setting.shown and not setting.is_switch:
        notes.append(f"[default: {setting.shown}]")
    option = typer.Option(
        *setting.flags,
        metavar=setting.metavar,
        help="  ".join([f"{setting.help}.", *notes]),
        show_default=False,
    )
    kind = bool if setting.is_switch else str | None
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if setting.is_switch else None,
        annotation=Annotated[kind, option],
    )
