"""`statfs[*]`: size and free space of the file systems on block devices.

A file system whose device is gone can block its caller for ever, and no signal ends that.  So a
thread asks, one mount after the other; who stays over its deadline is left to itself, and its mount
is not asked again until the thread comes back.

    {"mount_point":"/","block_size":4096,"blocks_total":1000,"blocks_free":700,"blocks_available":650}
"""

import _thread
import os

from perfkit.record import escaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[[bytes], os.statvfs_result]

DEADLINE = 0.5
"""Seconds that one mount may take: a tick waits so long once, then does without that mount."""


def line_of(point: bytes, space: os.statvfs_result) -> bytes:
    """Return one mount's line, the keys in the order of the original."""
    return (
        b'{"mount_point":"%b","block_size":%d,"blocks_total":%d,"blocks_free":%d,'
        b'"blocks_available":%d}\n'
    ) % (escaped(point), space.f_frsize, space.f_blocks, space.f_bfree, space.f_bavail)


class _Worker:
    """A thread that asks one list of mounts after another, alone with its answers meanwhile."""

    __slots__ = ("_ask", "_root", "_wake", "answers", "done", "is_left", "points")

    def __init__(self, root: bytes, ask: "Ask") -> None:
        self._root = root
        self._ask = ask
        self._wake = _thread.allocate_lock()
        self._wake.acquire()
        self.done = _thread.allocate_lock()
        self.done.acquire()
        self.points: list[bytes] = []
        self.answers: list[os.statvfs_result | OSError] = []
        """One for each point asked so far."""
        self.is_left = False
        _thread.start_new_thread(self._run, ())

    def begin(self, points: list[bytes]) -> None:
        """Start asking for `points`."""
        self.points = points
        self.answers = []
        self._wake.release()

    def finish(self, deadline: float) -> bool:
        """Wait for the answers; return whether all came, each within its deadline."""
        known = 0
        while not self.done.acquire(timeout=deadline):
            if len(self.answers) == known:
                return False
            known = len(self.answers)
        return True

    def _run(self) -> None:
        while True:
            self._wake.acquire()
            for point in self.points:
                try:
                    self.answers.append(self._ask(self._root + point))
                except OSError as error:
                    self.answers.append(error)
                if self.is_left:
                    self.done.release()
                    return
            self.done.release()


class FileSystems:
    """Asks the mounts of a host, each with its own deadline.

    Args:
        root: What stands before every mount point; empty for this host.
        warn: Takes one line about a mount that does not answer.
        deadline: Seconds that one mount may take.
        ask: statvfs, or what stands for it.
    """

    __slots__ = ("_ask", "_deadline", "_hung", "_pending", "_refused", "_root", "_warn", "_worker")

    def __init__(
        self,
        root: str,
        warn: "Callable[[str], None]",
        *,
        deadline: float = DEADLINE,
        ask: "Ask" = os.statvfs,
    ) -> None:
        self._root = os.fsencode(root)
        self._warn = warn
        self._deadline = deadline
        self._ask = ask
        self._worker: _Worker | None = None
        self._hung: dict[bytes, _Worker] = {}
        self._refused: set[bytes] = set()
        self._pending: list[bytes] = []

    def begin(self, points: list[bytes]) -> None:
        """Start asking; `finish` has the answers.  Other files can be read meanwhile."""
        for point, worker in list(self._hung.items()):
            if worker.done.acquire(blocking=False):
                del self._hung[point]
                self._warn(f"statfs of {_shown(point)} came back: it is asked again")
        self._pending = [point for point in points if point not in self._hung]
        if self._pending:
            if self._worker is None:
                self._worker = _Worker(self._root, self._ask)
            self._worker.begin(self._pending)

    def finish(self) -> bytes:
        """Return a line for each mount that answered in time."""
        lines: list[bytes] = []
        while self._pending and (worker := self._worker):
            is_whole = worker.finish(self._deadline)
            answers = worker.answers[:]
            for point, answer in zip(self._pending, answers, strict=False):
                if isinstance(answer, OSError):
                    self._refuse(point, answer)
                else:
                    lines.append(line_of(point, answer))
            if is_whole:
                break
            worker.is_left = True
            self._worker = None
            point, *rest = self._pending[len(answers) :]
            self._hung[point] = worker
            self._warn(f"statfs of {_shown(point)} hangs: left out until it comes back")
            self.begin(rest)
        return b"".join(lines)

    def _refuse(self, point: bytes, error: OSError) -> None:
        if point not in self._refused:
            self._refused.add(point)
            self._warn(f"statfs of {_shown(point)}: {error.strerror}: left out where it fails")


def _shown(point: bytes) -> str:
    return point.decode("utf-8", "backslashreplace")
