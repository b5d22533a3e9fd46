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
        number: Which tick of the run, from 0.
        due: When it was to be, nanoseconds since 1970.
        now: When it is.
        missed: Ticks before it that nobody took.
    """

    __slots__ = ("due", "missed", "now", "number")

    def __init__(self, number: int, due: int, now: int, missed: int) -> None:
        self.number = number
        self.due = due
        self.now = now
        self.missed = missed

    @property
    def timestamp(self) -> int:
        """Return the second that the sample is filed under."""
        return self.due // NS_PER_SECOND


class Schedule:
    """The ticks of one run.

    Args:
        start: The time to begin from, nanoseconds since 1970.
        period: Nanoseconds between two ticks.
        count: Number of ticks; None without end.
        is_at_once: Whether the first tick is `start` itself, also off the whole second.
    """

    __slots__ = ("_is_whole", "_next", "_origin", "count", "period")

    def __init__(
        self, start: int, period: int, count: int | None, *, is_at_once: bool = False
    ) -> None:
        self._is_whole = period % NS_PER_SECOND == 0 and not is_at_once
        self._origin = -(-start // NS_PER_SECOND) * NS_PER_SECOND if self._is_whole else start
        self.period = period
        self._next = 0
        self.count = count

    @property
    def is_over(self) -> bool:
        """Return whether every tick was taken or missed."""
        return self.count is not None and self._next >= self.count

    def wait(self, now: int) -> int:
        """Return how long to sleep at most: a clock set back in between must not prolong it."""
        return min(self.due - now, max(self.period, NS_PER_SECOND))

    @property
    def due(self) -> int:
        """Return when the next tick is due."""
        return self._origin + self._next * self.period

    def take(self, now: int) -> Tick | None:
        """Return the latest tick that is due at `now`, None before the next one is.

        Of several that are due only the latest can still be taken near its time.
        """
        late = now - self.due
        if late < 0:
            return None
        missed = late // self.period
        if self.count is not None:
            missed = min(missed, self.count - 1 - self._next)
        self._next += missed
        tick = Tick(self._next, self.due, now, missed)
        self._next += 1
        return tick

    def ns(self, tick: Tick) -> int | None:
        """Return the tick's real time after its second, None where the second says it all."""
        if self._is_whole and (tick.now - tick.due) * LATE <= self.period:
            return None
        return tick.now - tick.timestamp * NS_PER_SECOND

    def move(self, step: int) -> None:
        """Follow a step of the wall clock by `step` nanoseconds."""
        if self._is_whole:
            step = round(step / NS_PER_SECOND) * NS_PER_SECOND
        self._origin += step
