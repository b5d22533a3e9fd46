"""One recorder a capture: an advisory lock on the file itself, gone with the process."""

import errno
import fcntl
import os

from perfkit.errors import UsageError

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def lock(file: int, path: str, locks: str = "/proc/locks") -> bool:
    """Lock the open file for this process; return whether its file system can.

    Raises:
        UsageError: another process holds it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = holder(file, locks)
        who = f"process {pid}" if pid else "another process"
        raise UsageError(
            f"{path}: {who} is recording into it: stop it or name another file"
        ) from error
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return False
        raise
    return True


def holder(file: int, locks: str = "/proc/locks") -> int | None:
    """Return the process that holds the lock, as far as the kernel shows it.

    Source: /proc/locks, `1: FLOCK  ADVISORY  WRITE 812 fe:00:4711 0 EOF` (man 5 proc_locks).
    """
    status = os.fstat(file)
    major, minor = os.major(status.st_dev), os.minor(status.st_dev)
    wanted = f"{major:02x}:{minor:02x}:{status.st_ino}".encode()
    try:
        with open(locks, "rb") as lines:
            for line in lines:
                fields = line.split()
                if len(fields) > 5 and fields[1] == b"FLOCK" and fields[5] == wanted:
                    return int(fields[4])
    except (OSError, ValueError):
        return None
    return None
