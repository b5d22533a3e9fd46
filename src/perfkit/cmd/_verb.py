"""What every verb of `perfkit ctl` has: which server, which key, table, JSON or CSV."""

import inspect
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from perfkit.cmd._output import say
from perfkit.cmd.collect import parameter_of
from perfkit.errors import UsageError
from perfkit.settings.table import settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from perfkit.client import Server
    from perfkit.control.connect import Connection
    from perfkit.control.table import Form, Rows

_SETTINGS = [setting for setting in settings_of("ctl") if setting.flags]


class Asked:
    """What a verb is called with beside its own options.

    Args:
        flags: What the command line says of settings.
        form: What is printed.
    """

    def __init__(self, flags: dict[str, str], form: "Form") -> None:
        self.form = form
        self._flags = flags
        self._connection: Connection | None = None

    def connection(self) -> "Connection":
        """Return where the server is."""
        if self._connection is None:
            self._connection = self._resolved()
        return self._connection

    def _resolved(self) -> "Connection":
        from perfkit.control.connect import Connection
        from perfkit.settings.resolve import resolve

        found = resolve("ctl", self._flags, os.environ)
        for warning in found.warnings:
            say(warning)
        return Connection(found, login_file())

    def server(self, scope: str | None) -> "Server":
        """Return the server, asked with a key for this."""
        return self.connection().server(scope)

    def close(self) -> None:
        """Let go of every server."""
        if self._connection is not None:
            self._connection.close()

    def put(self, rows: "Rows", found: object, title: str = "") -> None:
        """Print an answer in the form that was asked for."""
        from perfkit.control.table import put

        put(self.form, rows, found, title)


def login_file() -> "Path":
    """Return where `ctl login` keeps server and key."""
    import platformdirs

    return platformdirs.user_config_path("perfkit") / "login.json"


def group_of(text: str) -> typer.Typer:
    """Return a group of verbs, which shows its help where none is named."""
    group = typer.Typer(help=text, rich_markup_mode=None)

    @group.callback(invoke_without_command=True)
    def root(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    return group


def verb(
    group: typer.Typer, name: str, text: str, *, has_rows: bool = True
) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    """Return what adds a function to a group as its verb.

    Args:
        group: The group.
        name: The verb.
        text: Its help, the first line for lists.
        has_rows: Whether it prints rows, and so has --csv.
    """

    def add(function: Callable[..., int | None]) -> Callable[..., int | None]:
        own = list(inspect.signature(function).parameters.values())[1:]

        def run(**options: object) -> None:
            form = _form(json=bool(options.pop("json")), csv=bool(options.pop("csv", False)))
            flags = {
                setting.name: str(given)
                for setting in _SETTINGS
                if (given := options.pop(setting.name)) is not None
            }
            asked = Asked(flags, form)
            try:
                code = function(asked, **options)
            finally:
                asked.close()
            if code:
                raise typer.Exit(code)

        shared = [_switch("json", "Print JSON.")]
        if has_rows:
            shared.append(_switch("csv", "Print CSV."))
        shared += [parameter_of(setting) for setting in _SETTINGS]
        run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        group.command(name, help=text, short_help=text.partition("\n")[0])(run)
        return function

    return add


def _form(*, json: bool, csv: bool) -> "Form":
    if json and csv:
        raise UsageError("expected --json or --csv, found both")
    return "json" if json else "csv" if csv else "table"


def _switch(name: str, text: str) -> inspect.Parameter:
    option = typer.Option(f"--{name}", help=text)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option]
    )
