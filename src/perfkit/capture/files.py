"""Files as the writer needs them: opened, locked and repaired; moved to a numbered name."""

import errno
import os
import stat

from perfkit.capture.lock import lock
from perfkit.capture.member import MAGIC
from perfkit.capture.repair import Tail, find_tail
from perfkit.errors import DiskError, PerfkitError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STDOUT = "/dev/stdout"

_OWN_MODE = 0o600
_FOLDER_MODE = 0o700
_HAS_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def failure(path: str, error: OSError) -> DiskError:
    """Return what a failed write or open means for a person."""
    reason = (error.strerror or str(error)).lower()
    if error.errno in _HAS_NO_ROOM:
        return DiskError(f"{path}: no room to write: {reason}: free some space, then start again")
    return DiskError(f"{path}: cannot be written: {reason}")


def open_capture(
    path: str, warn: "Callable[[str], None]", *, is_new: bool = False
) -> tuple[int, Tail | None]:
    """Open, lock and repair a capture; return its descriptor and where it ends.

    What is no regular file (a pipe, /dev/stdout) has no end and takes no lock.

    Args:
        path: The file; its folder is made if absent.
        warn: Takes a line that says what was repaired.
        is_new: Whether it must not exist yet.

    Raises:
        UsageError: the path is a folder, or another recorder has the file.
        InputError: there is something else in the file, which is left alone.
        DiskError: it cannot be opened.
    """
    try:
        os.makedirs(os.path.dirname(path) or ".", _FOLDER_MODE, exist_ok=True)
        if os.path.exists(path) and not is_new:
            if path == STDOUT and os.path.isfile(path):
                # Opened anew it would have a place of its own, and what others write there be lost.
                return os.dup(1), None
            if not os.path.isfile(path):
                return _open_other(path), None
        return _open_regular(path, warn, os.O_EXCL if is_new else 0)
    except IsADirectoryError as error:
        raise UsageError(f"{path}: is a folder: name a file in it") from error
    except (NotADirectoryError, FileExistsError) as error:
        raise UsageError(f"{path}: expected a folder, found a file: {error.filename}") from error
    except OSError as error:
        raise failure(path, error) from error


def _open_other(path: str) -> int:
    """Open a pipe or a device, never to wait in the kernel: signals would have to wait too."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO and stat.S_ISFIFO(os.stat(path).st_mode):
            raise DiskError(f"{path}: nobody reads this pipe: start its reader first") from error
        raise


def _open_regular(path: str, warn: "Callable[[str], None]", exclusive: int) -> tuple[int, Tail]:
    while True:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | exclusive
        file = os.open(path, flags, _OWN_MODE)
        try:
            if not lock(file, path):
                warn(f"{path}: its file system knows no locks: start no second collector on it")
            if is_in_place(file, path):
                return file, _repaired(file, path, warn)
        except (PerfkitError, OSError):
            os.close(file)
            raise
        os.close(file)  # another recorder rotated it away between open and lock


def _repaired(file: int, path: str, warn: "Callable[[str], None]") -> Tail:
    tail = find_tail(file, path, packed=path.endswith(".gz"))
    if tail.cut:
        os.ftruncate(file, tail.keep)
        warn(f"{path}: cut off {tail.cut} bytes that were written in part, kept {tail.keep}")
    if tail.closing:
        os.write(file, tail.closing)
    return tail


def is_in_place(file: int, path: str) -> bool:
    """Return whether `path` still leads to the open file."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


def rotated(path: str) -> list[tuple[int, str]]:
    """Return the rotated files of a capture by number, the oldest first.

    A file with a number behind its name that holds something else is not among them.
    """
    folder, base = os.path.split(path)
    found = []
    for name in os.listdir(folder or "."):
        number = name.removeprefix(base + ".")
        if name == number or not number.isascii() or not number.isdigit() or number[0] == "0":
            continue
        other = os.path.join(folder, name)
        if os.path.isfile(other) and not os.path.islink(other) and _is_capture(other):
            found.append((int(number), other))
    return sorted(found)


def _is_capture(path: str) -> bool:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return os.read(file, len(MAGIC)).startswith((MAGIC, b"{"))
    finally:
        os.close(file)


def move_away(path: str) -> str:
    """Give a capture the next number: NAME.1, then NAME.2 ...; return its new name.

    Numbers only grow, so that no file is ever renamed twice and a crash in between loses nothing.
    """
    older = rotated(path)
    number = older[-1][0] + 1 if older else 1
    while os.path.lexists(f"{path}.{number}"):  # something else: it stays
        number += 1
    target = f"{path}.{number}"
    os.rename(path, target)
    return target


def remove_oldest(path: str, keep: int) -> list[str]:
    """Remove rotated files until `keep` are left; return the names of those removed."""
    surplus = [name for _, name in rotated(path)[: -keep or None]]
    for name in surplus:
        os.unlink(name)
    return surplus


def sync_folder(path: str) -> None:
    """Hand the names in the capture's folder to the disk, where the file system can."""
    try:
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        return  # a folder that may be passed through but not read
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
