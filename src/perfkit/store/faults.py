"""Named moments at which a test lets the server die or a disk fail; nothing happens elsewhere.

    PERFKIT_FAULT=log.before-sync:3          kill -9 when that point is reached for the third time
    PERFKIT_FAULT=log.before-sync:3:enospc   an OSError instead: a full disk, or `eio`
    PERFKIT_FAULT=log.before-sync:3-8:eio    the third to the eighth time

A point is one call of `reach`; `POINTS` names them all, so that a test can go through them.
"""

import errno
import os
import signal
import threading
from typing import NamedTuple

POINTS = (
    "server.body-read",
    "server.before-accept",
    "server.before-answer",
    "intake.before-cut",
    "intake.after-launch",
    "intake.before-compare",
    "intake.before-ack",
    "log.before-write",
    "log.mid-frame",
    "log.before-sync",
    "log.after-sync",
    "log.new-segment",
    "log.before-index",
    "log.after-index",
    "log.before-catalog",
    "loader.before-commit",
    "loader.after-commit",
    "control.before-commit",
    "control.after-commit",
)
"""Every point of the way from a request to stored rows, roughly in the order of the way."""

_ERRORS = {"enospc": errno.ENOSPC, "eio": errno.EIO}


class Fault(NamedTuple):
    """What a test asked for: at which point, at which of its passes, and what then."""

    name: str
    first: int
    last: int
    action: str


def parsed(text: str | None) -> Fault | None:
    """Return the fault that the variable's text asks for; None where it asks for none."""
    if not text:
        return None
    name, _, rest = text.partition(":")
    count, _, action = rest.partition(":")
    first, _, last = (count or "1").partition("-")
    return Fault(name, int(first), int(last or first), action or "kill")


_fault = parsed(os.environ.get("PERFKIT_FAULT"))
_passed = 0
_lock = threading.Lock()


def arm(text: str | None) -> None:
    """Ask for a fault as the variable does, in this process; None asks for none any more."""
    global _fault, _passed
    with _lock:
        _fault, _passed = parsed(text), 0


def is_awaited(name: str) -> bool:
    """Return whether the point called `name` is the one that a test asked for."""
    return _fault is not None and _fault.name == name


def reach(name: str) -> None:
    """Pass the point called `name`: do what a test asked for, or nothing.

    Raises:
        OSError: the test asked for a full or a broken disk.
    """
    if _fault is None or _fault.name != name:
        return
    _happen(_fault)


def _happen(fault: Fault) -> None:
    global _passed  # noqa: PLW0603 - one count a process is the meaning of the variable
    with _lock:
        _passed += 1
        now = _passed
    if not fault.first <= now <= fault.last:
        return
    if fault.action in _ERRORS:
        code = _ERRORS[fault.action]
        raise OSError(code, f"{os.strerror(code)} (asked for by PERFKIT_FAULT)")
    os.kill(os.getpid(), signal.SIGKILL)
