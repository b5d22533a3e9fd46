"""The command line as a whole: wires the subcommands, turns their ends into exit codes.

Typer's own `main` would answer a closed pipe with 1 and print errors its own way, so the command is
invoked without it; only shell completion goes through it.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from perfkit import __version__
from perfkit.cmd import collect, ctl, process, serve
from perfkit.cmd._output import (
    Terminated,
    code_of,
    drop_stdout,
    open_standard_files,
    say,
    unwind_on_sigterm,
)
from perfkit.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_USAGE

# Typer keeps its copy of Click private since 0.28 and used the package before: either way these
# are the usage error to catch, the class of contexts, and what writes their help.
_UsageError = typer.BadParameter.__mro__[1]
_Context: Any = typer.Context.__mro__[1]
_Help = _Context.formatter_class

_CLICKS_NARROWEST = 50
_NARROWEST = 30
_NAME_CELLS = 8

app = typer.Typer(
    name="perfkit",
    help="Measure Linux servers: collect on hosts, aggregate, convert to CSV, analyse and report.",
    epilog="`perfkit COMMAND --help` tells more.  Also installed: pcc, pcd, pcctl, pcprocess.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer passes an option's value so
    if wanted:
        typer.echo(f"perfkit {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


collect.register(app)
serve.register(app)
ctl.register(app)
process.register(app)


class _NarrowHelp(_Help):  # type: ignore[misc, valid-type]
    """Help that puts what an option means below its name, where two columns have no room."""

    def write_dl(
        self, rows: Sequence[tuple[str, str]], col_max: int = _NAME_CELLS, col_spacing: int = 2
    ) -> None:
        """Write names and meanings."""
        super().write_dl(rows, col_max, col_spacing)


def _fit_help() -> int | None:
    """Fit help into a terminal that is narrower than what Click is made for; return its width."""
    width = shutil.get_terminal_size().columns - 2
    is_narrow = width < _CLICKS_NARROWEST
    _Context.formatter_class = _NarrowHelp if is_narrow else _Help
    return max(width, _NARROWEST) if is_narrow else None


def main(argv: list[str], *, name: str = "perfkit") -> int:
    """Run the command line `argv` (without the program's name) and return the exit code.

    Every end is covered: 0-8 as the command says, 130 and 143 for SIGINT and SIGTERM, 0 in silence
    when the reader of stdout went away, 70 for a bug.
    """
    if "_PERFKIT_COMPLETE" in os.environ:
        app(argv, prog_name=name)
    unwind_on_sigterm()
    open_standard_files()
    try:
        try:
            command = typer.main.get_command(app)
            words = list(argv) or ["--help"]
            with command.make_context(name, words, terminal_width=_fit_help()) as context:
                code = command.invoke(context)
        except typer.Exit as end:
            code = end.exit_code
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except Terminated as end:
        code = end.exit_code
    except BrokenPipeError:
        drop_stdout()
        code = EXIT_DONE
    except Exception as error:  # noqa: BLE001 - every end has a code
        if isinstance(error, _UsageError):
            return _usage(error, name, argv)
        code = code_of(error)
        _flush_or_drop()
    return code if isinstance(code, int) else EXIT_DONE


def _flush_or_drop() -> None:
    """Hand over what was printed before an error; at the end Python would fail at it once more."""
    try:
        sys.stdout.flush()
    except OSError:
        drop_stdout()


def _usage(error: Exception, name: str, argv: list[str]) -> int:
    """Say what is wrong with the command line, and where its help is."""
    context = getattr(error, "ctx", None)
    # An option without its value is found before there is a context.
    asked = [name, *argv[:1]] if argv and not argv[0].startswith("-") else [name]
    path = context.command_path if context else " ".join(asked)
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    say(f"{text[:1].lower()}{text[1:].rstrip('.')}: see {path} --help")
    return EXIT_USAGE
