"""`perfkit ctl`: comes with the aggregator; until then it says so instead of doing nothing."""

import typer

from perfkit.errors import UsageError

_ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(
        "ctl",
        help="Manage and query an aggregator over its HTTP API.  Comes in the next release.",
        context_settings=_ANYTHING,
    )(_ctl)


def _ctl() -> None:
    raise UsageError(
        "ctl comes in the next release, with the aggregator: this one collects on a host "
        "(perfkit collect) and converts captures (perfkit process)"
    )
