"""The ticking: wait, read the sources, write the lines, until it is over or somebody ends it."""

import time

from perfkit import __version__
from perfkit.agent.schedule import STEP, Schedule, Tick
from perfkit.record import Record, canonical_lines
from perfkit.source.host import json_text
from perfkit.source.statfs import DEADLINE
from perfkit.units import NS_PER_SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from perfkit.agent.clock import Clock
    from perfkit.agent.voice import Voice
    from perfkit.capture.write import CaptureWriter
    from perfkit.source.host import Fact
    from perfkit.source.host_sources import HostSources

HOST = "perfkit/host"
CLOCK = "perfkit/clock"
MISSED = "perfkit/missed"
STATFS = "statfs[*]"

PROGRESS = 600 * NS_PER_SECOND


class Run:
    """What one start of a recorder is known by.

    Args:
        name: A UUID.
        identifier: The machine's.
        period: Nanoseconds between two ticks.
        started: Nanoseconds since 1970.
    """

    __slots__ = ("identifier", "name", "period", "position", "started")

    def __init__(self, name: str, identifier: str, period: int, started: int) -> None:
        self.name = name
        self.identifier = identifier
        self.period = period
        self.started = started
        self.position = 0
        """Number of the run's next line."""

    def facts(self) -> "dict[str, Fact]":
        """Return its part of `perfkit/host`, for the line at `position`."""
        second, ns = divmod(self.started, NS_PER_SECOND)
        return {
            "run": self.name,
            "position": self.position,
            "identifier": self.identifier,
            "period_ns": self.period,
            "started": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)) + f".{ns:09d}Z",
            "perfkit": __version__,
        }


def uuid4(noise: bytes) -> str:
    """Return 16 random bytes as a version 4 UUID (RFC 9562)."""
    mixed = bytearray(noise)
    mixed[6] = mixed[6] & 0x0F | 0x40
    mixed[8] = mixed[8] & 0x3F | 0x80
    text = mixed.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def statfs_deadline(period: int) -> float:
    """Return the seconds that one mount may take where ticks are `period` nanoseconds apart."""
    return min(DEADLINE, period / NS_PER_SECOND / 2)


class Recorder:
    """Records one run into one capture.

    Args:
        schedule: When to sample.
        clock: The clock, and the signals that end the run.
        sources: What to sample.
        writer: Where to.
        voice: What people are told.
        run: The run; None writes what the original does: three keys, no line of our own.
    """

    def __init__(
        self,
        *,
        schedule: Schedule,
        clock: "Clock",
        sources: "HostSources",
        writer: "CaptureWriter",
        voice: "Voice",
        run: Run | None,
    ) -> None:
        self._schedule = schedule
        self._clock = clock
        self._sources = sources
        self._writer = writer
        self._voice = voice
        self._run = run
        self._offset = clock.offset()
        self._asleep = clock.boottime() - clock.monotonic()
        self._steps: list[dict[str, Fact]] = []
        self._open: tuple[Tick, int | None, list[Record]] | None = None
        """The tick that is being read: its number, and the records there are already."""
        self._told = 0
        self.samples = 0
        self.missed = 0

    def record(self) -> int | None:
        """Sample until the schedule is over or a signal comes; return the signal.

        Raises:
            DiskError: the capture cannot be written; what was written before is whole.
            Left: another thread resumed while this one was stuck.
        """
        schedule, clock = self._schedule, self._clock
        while not schedule.is_over:
            signal = clock.sleep(schedule.wait(clock.now()))
            if signal is not None:
                return signal
            now = clock.now()
            if abs(now - clock.boottime() - self._offset) >= STEP:
                self._follow_clock()
            tick = schedule.take(now)
            if tick is not None:
                self._sample(tick)
        return None

    def resume(self, file_systems: bytes) -> int | None:
        """Go on with the tick that another thread got stuck in, then as `record` does.

        Args:
            file_systems: Text of the mounts that answered that thread.
        """
        if self._open:
            self._write(*self._open, file_systems)
        return self.record()

    def _sample(self, tick: Tick) -> None:
        is_new = self._writer.prepare(tick.due)
        has_new_mounts = self._sources.has_new_mounts()
        has_new_cpus = self._sources.has_new_cpus(tick.due)
        if tick.missed:
            self.missed += tick.missed
            self._voice.warn(f"{tick.missed} ticks missed before {tick.timestamp}")
        ns = self._schedule.ns(tick) if self._run else None
        records: list[Record] = []
        if self._run:
            if is_new or has_new_mounts or has_new_cpus:
                text = json_text({**self._run.facts(), **self._sources.facts()})
                records.append(Record(tick.timestamp, HOST, text, ns))
            if self._steps or tick.missed:
                records += self._events(tick, ns)
        records += self._sources.read(tick.timestamp, ns, has_cpuinfo=is_new or has_new_cpus)
        # Whoever takes over while a mount hangs needs what there is so far.
        self._open = (tick, ns, records)
        self._write(tick, ns, records, self._sources.read_statfs())

    def _write(
        self, tick: Tick, ns: int | None, records: list[Record], file_systems: bytes | None
    ) -> None:
        self._open = None
        if file_systems:
            records.append(Record(tick.timestamp, STATFS, file_systems, ns))
        self._writer.append(canonical_lines(records), tick.due)
        if self._run:
            self._run.position += len(records)
        self.samples += 1
        if self.samples == 1:
            self._told = tick.due
            self._voice.info(f"first sample written: {len(records)} lines")
        elif not 0 <= tick.due - self._told < PROGRESS:
            self._told = tick.due
            self._voice.info(f"{self.samples} samples, {self._writer.written} bytes so far")

    def _events(self, tick: Tick, ns: int | None) -> list[Record]:
        """Return what happened since the last tick: the clock was set, ticks were missed."""
        events = [(CLOCK, step) for step in self._steps]
        self._steps = []
        if tick.missed:
            before, self._asleep = self._asleep, self._clock.boottime() - self._clock.monotonic()
            period = self._schedule.period
            missed: dict[str, Fact] = {
                "ticks": tick.missed,
                "first": (tick.due - tick.missed * period) // NS_PER_SECOND,
                "last": (tick.due - period) // NS_PER_SECOND,
                "why": "asleep" if self._asleep - before >= period else "late",
            }
            events.append((MISSED, missed))
        return [Record(tick.timestamp, name, json_text(facts), ns) for name, facts in events]

    def _follow_clock(self) -> None:
        """Find out whether the wall clock was set, and move the schedule with it."""
        offset = self._clock.offset()
        step = offset - self._offset
        if abs(step) < STEP:
            return
        self._offset = offset
        self._schedule.move(step)
        self._steps.append({"step_ns": step, "monotonic_ns": self._clock.monotonic()})
        self._voice.warn(f"the wall clock was set by {step / NS_PER_SECOND:+.3f} s")
