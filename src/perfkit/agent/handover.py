"""Between the recorder, the spooler and the sender: a queue, bells, and where a batch ends."""

import _thread

from perfkit.units import MIB, NS_PER_SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    Tick = tuple[int, int, bytes, int]
    """Position, lines, text, time in nanoseconds since 1970."""

SYNC = 10 * NS_PER_SECOND
"""Time between two syncs of the spool at most."""

QUEUE_BYTES = 4 * MIB


class Bell:
    """What one thread waits for and another one rings."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Let the one that waits, or waits next, go on."""
        try:
            self._lock.release()
        except RuntimeError:  # it rings already
            return

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the bell; return whether it rang."""
        return self._lock.acquire(timeout=-1 if seconds is None else max(0.0, seconds))


class Batches:
    """Decides where a batch ends and when the disk has to have it.

    Args:
        period: Nanoseconds between two ticks.
        samples: Samples of a batch at most.
        age: Nanoseconds from its first sample to its last at most.
    """

    __slots__ = ("_age", "_count", "_first", "_is_begun", "_period", "_samples", "_synced")

    def __init__(self, period: int, samples: int, age: int) -> None:
        self._period = period
        self._samples = samples
        self._age = age
        self._count = 0
        self._first = 0
        self._synced: int | None = None
        self._is_begun = False

    def add(self, at: int) -> tuple[bool, bool]:
        """Count the tick of the time `at` in; return whether to sync and whether its batch ends."""
        if not self._count:
            self._first = at
        if self._synced is None:
            self._synced = at
        self._count += 1
        # The first sample goes alone: whether the server takes anything is known at once.
        is_full = (
            not self._is_begun
            or self._count >= self._samples
            or not 0 <= at - self._first + self._period <= self._age
        )
        is_due = is_full or not 0 <= at - self._synced + self._period <= SYNC
        if is_full:
            self._count = 0
            self._is_begun = True
        if is_due:
            self._synced = at
        return is_due, is_full


class Queue:
    """Ticks on their way from the recorder to the spooler, bounded.

    Args:
        most: Bytes of text that it holds.
    """

    def __init__(self, most: int = QUEUE_BYTES) -> None:
        self._most = most
        self._guard = _thread.allocate_lock()
        self._ticks: list[Tick] = []
        self._bytes = 0

    def put(self, tick: "Tick") -> "list[Tick]":
        """Add a tick; return those that had to go for it, the oldest."""
        dropped = []
        with self._guard:
            self._ticks.append(tick)
            self._bytes += len(tick[2])
            while self._bytes > self._most and len(self._ticks) > 1:
                oldest = self._ticks.pop(0)
                self._bytes -= len(oldest[2])
                dropped.append(oldest)
        return dropped

    def first(self) -> "Tick | None":
        """Return the oldest tick; it stays until `remove`."""
        with self._guard:
            return self._ticks[0] if self._ticks else None

    def remove(self, tick: "Tick") -> None:
        """Take a tick away, if it is still there."""
        with self._guard:
            if self._ticks and self._ticks[0] is tick:
                self._ticks.pop(0)
                self._bytes -= len(tick[2])
