"""The data folder: one server at a time."""

import fcntl
import os
from pathlib import Path

from perfkit.errors import DiskError, UsageError


def own(data: Path) -> int:
    """Make the folder where it is absent, and keep it for this process as long as the file is open.

    Raises:
        UsageError: another process has it.
        DiskError: it cannot be made or written to.
    """
    path = data / "lock"
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DiskError(f"{data}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise UsageError(f"{data}: another server uses this data folder") from error
    return file
