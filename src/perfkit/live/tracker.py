"""From the lines of a growing capture to intervals, as soon as a tick is there."""

import msgspec

from perfkit.derive import Interval, interval
from perfkit.record import Record
from perfkit.samples import Sample, samples

_HOST = "perfkit/host"
_OWN = "perfkit/"


class _HostLine(msgspec.Struct):
    """What the view shows of a `perfkit/host` line."""

    hostname: str = ""
    kernel: str = ""


class Tracker:
    """Puts the lines of each tick together and derives what changed since the tick before.

    A recorder writes a tick at once, but nothing marks its last line.  So a tick counts as whole
    when a line of the next one comes, or when nothing has come for one look (`settle`); should
    more of it come after all, its interval is derived again.
    """

    def __init__(self) -> None:
        self.count = 0
        """Ticks seen so far."""

        self.hostname = ""
        self.kernel = ""
        self._before: Sample | None = None
        self._tick: list[Record] = []
        self._settled = 0

    def feed(self, records: list[Record]) -> list[Interval]:
        """Take new lines and return the intervals of the ticks that they show to be whole."""
        found = []
        for record in records:
            if record.subsystem.startswith(_OWN):
                self._learn(record)
                continue
            if self._tick and _time_of(record) != _time_of(self._tick[0]):
                done = self._close()
                if done is not None:
                    found.append(done)
            if not self._tick:
                self.count += 1
            self._tick.append(record)
        return found

    def settle(self) -> Interval | None:
        """Return the interval of the tick at hand, if it has more lines than when last asked."""
        if len(self._tick) == self._settled:
            return None
        self._settled = len(self._tick)
        return self._derive(self._sample())

    def _close(self) -> Interval | None:
        is_known = len(self._tick) == self._settled
        sample = self._sample()
        made = None if is_known else self._derive(sample)
        self._before = sample
        self._tick = []
        self._settled = 0
        return made

    def _sample(self) -> Sample:
        return next(iter(samples(self._tick)))

    def _derive(self, sample: Sample) -> Interval | None:
        return None if self._before is None else interval(self._before, sample)

    def _learn(self, record: Record) -> None:
        if record.subsystem != _HOST:
            return
        try:
            line = msgspec.json.decode(record.measurement, type=_HostLine)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return  # the figures do not need it
        self.hostname = line.hostname or self.hostname
        self.kernel = line.kernel or self.kernel


def _time_of(record: Record) -> tuple[int, int | None]:
    return record.timestamp, record.ns
