"""The spool's folder: made, locked for one collector, rid of what nothing was synced to."""

import os

from perfkit.capture.lock import holder, lock
from perfkit.errors import DiskError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LOCK = "lock"
DAMAGED = ".damaged"
OWN_FOLDER = 0o700
LONGEST_HEAD = 200
"""Bytes of a head at most: a run, and an identifier of 100 characters."""
_OWN_FILE = 0o600


def locked(folder: str) -> int:
    """Make a folder if it is absent and lock it; return the descriptor that holds the lock.

    Raises:
        UsageError: another collector has it, or it is no folder.
        DiskError: it cannot be made.
    """
    try:
        os.makedirs(folder, OWN_FOLDER, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        file = os.open(f"{folder}/{LOCK}", flags, _OWN_FILE)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"{folder}: expected a folder for the spool") from error
    except OSError as error:
        raise failure(folder, error) from error
    try:
        lock(file, folder)
    except UsageError as error:
        pid = holder(file)
        os.close(file)
        who = f"process {pid}" if pid else "another process"
        raise UsageError(
            f"{folder}: {who} uses this spool: stop it, or name another by --spool-dir"
        ) from error
    return file


def set_aside(path: str, warn: "Callable[[str], None]") -> None:
    """Remove a segment without a head that nothing was synced to; move one that is damaged.

    A head is synced before anything follows it: where it is cut, nothing does.
    """
    with open(path, "rb") as file:
        is_cut = len(file.read().rstrip(b"\0")) <= LONGEST_HEAD
    if is_cut:
        os.unlink(path)
        return
    os.rename(path, path + DAMAGED)
    warn(f"{path}{DAMAGED}: its head is damaged: nothing in it can be sent")


def failure(folder: str, error: OSError) -> DiskError:
    """Return what is told of a spool that cannot be written."""
    return DiskError(f"{folder}: cannot be written: {(error.strerror or str(error)).lower()}")
