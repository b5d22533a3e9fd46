"""How every command ends: an error becomes one line of text and an exit code, as do signals.

Data goes to stdout, everything else to stderr.
"""

import os
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

from perfkit.errors import EXIT_BUG, EXIT_DISK, EXIT_TERMINATED, PerfkitError


class Terminated(BaseException):
    """SIGTERM arrived: unwinds like KeyboardInterrupt, so that half-made output is removed."""

    exit_code = EXIT_TERMINATED


def _raise_terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def unwind_on_sigterm() -> None:
    """Make SIGTERM raise `Terminated` in the main thread."""
    signal.signal(signal.SIGTERM, _raise_terminated)


def open_standard_files() -> None:
    """Open /dev/null where stdin, stdout or stderr was closed: else a file gets their number."""
    while (file := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(file)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open


def say(text: str) -> None:
    """Write one line for a person to stderr; a stderr that is gone is no reason to fail.

    What a server or a file said is in it perhaps: nothing of it controls the terminal.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
    try:
        sys.stderr.write(f"perfkit: {text}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        # Nobody reads it any more: the exit code still tells.
        return


def code_of(error: BaseException) -> int:
    """Say what went wrong and return the exit code for it.

    A PerfkitError brings both.  An OSError that no layer below turned into one is still about a
    file: its own text and exit 7.  Anything else is a bug: 70, with the place, and the whole
    traceback when PERFKIT_DEBUG is set.
    """
    if isinstance(error, PerfkitError):
        say(str(error))
        return error.exit_code
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        say(f"{name}{error.strerror.lower()}")
        return EXIT_DISK
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(last.filename)}:{last.lineno}"  # noqa: PTH119 - pathlib costs an import
    say(f"a bug at {place}: {type(error).__name__}: {error} (PERFKIT_DEBUG=1 shows the traceback)")
    if os.environ.get("PERFKIT_DEBUG"):
        traceback.print_exception(error)
    return EXIT_BUG


def drop_stdout() -> None:
    """Point stdout at nothing: the interpreter's last flush must not fail on a closed pipe."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
