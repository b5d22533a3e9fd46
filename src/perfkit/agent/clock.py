"""The clocks and the signals of the recorder's process.

A tick's time is that of the wall clock.  Whether that clock was *set* is seen by CLOCK_BOOTTIME,
which nobody sets and which goes on while the machine sleeps: their difference changes by a step
only, as both are slewed alike (man 2 clock_gettime, adjtimex).
"""

# Not `signal`, whose enums cost a MiB; typeshed has no stub of the C part.
import _signal  # type: ignore[import-not-found]
import time

REALTIME = time.CLOCK_REALTIME
MONOTONIC = time.CLOCK_MONOTONIC
BOOTTIME = time.CLOCK_BOOTTIME

CLOSE_ENOUGH = 20_000
"""Nanoseconds between two readings of one clock that leave the other's between them in no doubt."""

TRIALS = 5


def block_signals() -> list[int]:
    """Let signals wait until `Clock.sleep` takes them; return those that end a recording.

    What is ignored already (by nohup, or `&` in a script) stays so.
    """
    ending = [
        number
        for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP)
        if _signal.getsignal(number) != _signal.SIG_IGN
    ]
    _signal.pthread_sigmask(_signal.SIG_BLOCK, [*ending, _signal.SIGALRM])
    return ending


class Clock:
    """The clocks of this host; tests have one that obeys them."""

    __slots__ = ("_signals",)

    gettime = staticmethod(time.clock_gettime_ns)
    """Takes a clock's number, returns nanoseconds."""

    def __init__(self) -> None:
        self._signals = block_signals()

    def offset(self) -> int:
        """Return wall clock minus time since boot, read as if at one moment."""
        readings = []
        for _ in range(TRIALS):
            before = self.gettime(BOOTTIME)
            wall = self.gettime(REALTIME)
            after = self.gettime(BOOTTIME)
            readings.append((after - before, wall - (before + after) // 2))
            if after - before < CLOSE_ENOUGH:
                break
        return min(readings)[1]

    def sleep(self, duration: int) -> int | None:
        """Wait `duration` nanoseconds; return the signal that came first, if one did."""
        found = _signal.sigtimedwait(self._signals, duration / 1e9 if duration > 0 else 0)
        # Stopped and continued past the end of the wait, it returns a signal that nobody sent.
        number = 0 if found is None else int(found.si_signo)
        return number if number in self._signals else None

    def is_ending(self) -> bool:
        """Return whether a signal waits for `sleep` to take it."""
        return not _signal.sigpending().isdisjoint(self._signals)

    def set_alarm(self, seconds: int) -> None:
        """Let `wait_for_alarm` return once after so many seconds; 0 for not at all."""
        _signal.alarm(seconds)  # each tick sets it: setitimer costs five microseconds more

    def wait_for_alarm(self) -> None:
        """Return when the alarm that was set goes off."""
        _signal.sigwait([_signal.SIGALRM])
