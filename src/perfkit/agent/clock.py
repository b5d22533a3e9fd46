"""The clocks and the signals of the recorder's process.

A tick's time is that of the wall clock.  Whether that clock was *set* is seen by CLOCK_BOOTTIME,
which nobody sets and which goes on while the machine sleeps: their difference changes by a step
only, as both are slewed alike (man 2 clock_gettime, adjtimex).
"""

# Not `signal`, whose enums cost a MiB; typeshed has no stub of the C part.
import _signal  # type: ignore[import-not-found]
import time

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

    def __init__(self) -> None:
        self._signals = block_signals()

    def now(self) -> int:
        """Return the wall clock in nanoseconds since 1970."""
        return time.clock_gettime_ns(time.CLOCK_REALTIME)

    def monotonic(self) -> int:
        """Return nanoseconds that the machine was awake since boot."""
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    def boottime(self) -> int:
        """Return nanoseconds since boot, asleep or awake."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def offset(self) -> int:
        """Return wall clock minus time since boot, read as if at one moment."""
        readings = []
        for _ in range(TRIALS):
            before = self.boottime()
            wall = self.now()
            after = self.boottime()
            readings.append((after - before, wall - (before + after) // 2))
            if after - before < CLOSE_ENOUGH:
                break
        return min(readings)[1]

    def sleep(self, duration: int) -> int | None:
        """Wait `duration` nanoseconds; return the signal that came first, if one did."""
        found = _signal.sigtimedwait(self._signals, max(duration, 0) / 1e9)
        return None if found is None else int(found.si_signo)

    def set_alarm(self, seconds: float) -> None:
        """Let `wait_for_alarm` return once after so many seconds; 0 for not at all."""
        _signal.setitimer(_signal.ITIMER_REAL, seconds)

    def wait_for_alarm(self) -> None:
        """Return when the alarm that was set goes off."""
        _signal.sigwait([_signal.SIGALRM])
