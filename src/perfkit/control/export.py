"""`perfkit ctl export`: what a server sends, into a file that is whole or not there."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING

from perfkit.control.ask import V1, asked_wrong
from perfkit.errors import DiskError, NetworkError, NotEnoughData, UsageError, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from perfkit.client import Server
    from perfkit.control.ask import Machine

STDOUT = "-"

_NO_LINES = "the machine has none"
_NO_FILE = "file in the tree"
_MODE = 0o666
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def export(
    server: "Server",
    machine: "Machine",
    target: str,
    query: dict[str, str | None],
    *,
    force: bool = False,
    watch: "Callable[[int], None]" = lambda _: None,
) -> int:
    """Write what the server sends; return how many bytes.

    Args:
        server: Which.
        machine: Whose lines.
        target: File, `-` for standard output.
        query: What of them, as the API takes it.
        force: Whether a file that is there is replaced.
        watch: Called with the bytes so far.

    Raises:
        UsageError: the file is there, or the range is none.
        NotEnoughData: the machine has nothing there, or nothing that this form is made of.
        NetworkError: the server does not answer; nothing is left of the file.
    """
    pieces = server.stream(f"{V1}/machines/{machine.id}/export", **query)
    size = 0
    part = _Part()
    try:
        with _opened(target, part, force=force) as file:
            for piece in pieces:
                file.write(piece)
                size += len(piece)
                watch(size)
            if not size:
                raise NotEnoughData(_nothing(machine))
    except NetworkError as error:
        if error.status == 404 and _NO_LINES in str(error):
            raise NotEnoughData(_nothing(machine)) from None
        if error.status == 404 and _NO_FILE in str(error) and query.get("format") == "portal":
            raise NotEnoughData(
                f"{_told(machine)} has no CPU and memory figures in that range, of which the "
                "portal's file is: --format capture has its lines"
            ) from None
        raise asked_wrong(error) from None
    finally:
        part.remove()
    return size


def expect_day(text: str | None, name: str) -> None:
    """Look whether a text is a day: a year or a number is a time too, and another one.

    Args:
        text: As 2026-01-31; None: there is none.
        name: Of the option.

    Raises:
        UsageError: it is no day.
    """
    if text is None:
        return
    try:
        if not _DAY.fullmatch(text):
            raise ValueError  # noqa: TRY301 - as of a day that no month has
        date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{name}: expected a date as 2026-01-31, found {shown(text)}") from None


def _nothing(machine: "Machine") -> str:
    return f"{_told(machine)} has nothing in that range"


def _told(machine: "Machine") -> str:
    return f"machine {machine.number} ({machine.name!r})"


class _Part:
    """The file that is being written, by another name until it is whole.

    Removed by who began: a signal may come where no `with` holds the file, not yet or no more.
    """

    def __init__(self) -> None:
        self.path: Path | None = None

    def remove(self) -> None:
        """Remove it, if it is there."""
        if self.path is not None:
            with suppress(FileNotFoundError):
                self.path.unlink()


@contextmanager
def _opened(target: str, part: _Part, *, force: bool) -> Iterator[IO[bytes]]:
    """Give a file that gets its name once it is whole; a pipe or device is written as it is."""
    if target == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    expect_free(target, force=force)
    path = Path(os.path.realpath(target)) if Path(target).exists() else Path(target)
    if path.exists() and not path.is_file():
        try:
            with path.open("wb") as device:
                yield device
        except OSError as error:
            raise _failure(path, error) from error
        return
    new = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.path = new
    try:
        number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE)
    except OSError as error:
        part.path = None
        raise _failure(path, error) from error
    with os.fdopen(number, "wb") as file:
        try:
            yield file
            file.flush()
            os.fsync(number)
        except OSError as error:
            raise _failure(path, error) from error
    _named(new, path, force=force)


def expect_free(target: str, *, force: bool) -> None:
    """Look whether a file may be written there, before anything is asked for.

    Raises:
        UsageError: it is there already, or is a folder.
    """
    path = Path(target)
    if target == STDOUT:
        return
    if path.is_dir():
        raise UsageError(f"{target}: is a folder: name a file in it")
    if not force and os.path.lexists(path) and (path.is_file() or not path.exists()):
        raise _is_there(path)


def _named(new: Path, path: Path, *, force: bool) -> None:
    """Give the file its name; one that came meanwhile is not replaced either."""
    try:
        if force:
            new.replace(path)
        else:
            path.hardlink_to(new)
    except FileExistsError:
        raise _is_there(path) from None
    except OSError as error:
        if force:
            raise _failure(path, error) from error
        new.replace(path)  # a file system without links


def _is_there(path: Path) -> UsageError:
    return UsageError(f"{path}: is there already: --force replaces it")


def _failure(path: Path, error: OSError) -> DiskError:
    return DiskError(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}")
