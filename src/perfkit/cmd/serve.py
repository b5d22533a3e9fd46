"""`perfkit serve`: comes with the aggregator; until then it says so instead of doing nothing."""

import typer

from perfkit.errors import UsageError

_ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(
        "serve",
        help="Take in what collectors send, store it, answer.  Comes in the next release.",
        context_settings=_ANYTHING,
    )(_serve)


def _serve() -> None:
    raise UsageError(
        "serve comes in the next release, with the aggregator: this one collects on a host "
        "(perfkit collect) and converts captures (perfkit process)"
    )
