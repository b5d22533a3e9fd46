"""When to sample: tick n at start + n * period, on the wall clock, whatever happens to it.

With a period of whole seconds ticks lie on whole seconds.  A late tick keeps its place, and ticks
that passed while nobody could take them are counted as missed.  When the wall clock is set, the
rest of the schedule moves with it, by whole seconds if it lies on them: samples go on at their
pace, under the new time.
"""

from perfkit.units import NS_PER_SECOND

STEP = NS_PER_SECOND // 100
"""A jump of the wall clock from here on is a step; below, the next sleep makes up for it."""

LATE = 100
"""A tick later than period / LATE carries its real time."""


class Tick:
    """One moment to sample at.

    Args:
        due: When it was to be, nanoseconds since 1970.
        timestamp: The second that its sample is filed under.
        ns: The real time as nanoseconds after that second, None where the second says it all.
        missed: Ticks before it that nobody took.
    """

    __slots__ = ("due", "missed", "ns", "timestamp")

    def __init__(self, due: int, timestamp: int, ns: int | None, missed: int) -> None:
        self.due = due
        self.timestamp = timestamp
        self.ns = ns
        self.missed = missed


class Schedule:
    """The ticks of one run.

    Args:
        start: The time to begin from, nanoseconds since 1970.
        period: Nanoseconds between two ticks.
        count: Number of ticks; None without end.
        is_at_once: Whether the first tick is `start` itself, also off the whole second.
    """

    __slots__ = ("_is_whole", "due", "left", "longest_wait", "period")

    def __init__(
        self, start: int, period: int, count: int | None, *, is_at_once: bool = False
    ) -> None:
        self._is_whole = period % NS_PER_SECOND == 0 and not is_at_once
        self.due = -(-start // NS_PER_SECOND) * NS_PER_SECOND if self._is_whole else start
        """When the next tick is due."""
        self.left = count
        """Ticks that are still to come; None without end."""
        self.period = period
        self.longest_wait = max(period, NS_PER_SECOND)
        """How long to sleep at most: a clock that is set back meanwhile must not prolong it."""

    def take(self, now: int) -> Tick | None:
        """Return the tick that is due at `now`, None before the next one is.

        Of several that are due only the latest can still be taken near its time.
        """
        late = now - self.due
        if late < 0:
            return None
        missed = late // self.period
        if self.left is not None:
            missed = min(missed, self.left - 1)
            self.left -= missed + 1
        due = self.due + missed * self.period
        self.due = due + self.period
        timestamp = due // NS_PER_SECOND
        if self._is_whole and (now - due) * LATE <= self.period:
            return Tick(due, timestamp, None, missed)
        return Tick(due, timestamp, now - timestamp * NS_PER_SECOND, missed)

    def move(self, step: int) -> None:
        """Follow a step of the wall clock by `step` nanoseconds."""
        if self._is_whole:
            step = round(step / NS_PER_SECOND) * NS_PER_SECOND
        self.due += step
