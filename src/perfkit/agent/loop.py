"""The ticking: wait, read the sources, write the lines, until it is over or somebody ends it."""

import time

from perfkit import __version__
from perfkit.agent.clock import BOOTTIME, MONOTONIC, REALTIME
from perfkit.agent.schedule import STEP, Schedule, Tick
from perfkit.errors import InputError
from perfkit.record import marked, tick_lines, unmarked
from perfkit.source.host import json_text
from perfkit.source.host_sources import NEW_CPUS, STATFS_NAME
from perfkit.units import NS_PER_SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from perfkit.agent.clock import Clock
    from perfkit.agent.voice import Voice
    from perfkit.source.host import Fact
    from perfkit.source.host_sources import HostSources

    class Writer(Protocol):
        """Where the lines of each tick go: `CaptureWriter`, `Trickle`."""

        written: int

        def prepare(self, at: int) -> bool:
            """Make ready for a tick; return whether it opens a file."""

        def append(self, text: bytes, at: int) -> None:
            """Add the lines of one tick."""

        def close(self) -> None:
            """Leave everything whole."""


HOST = "perfkit/host"
CLOCK = "perfkit/clock"
MISSED = "perfkit/missed"

PROGRESS = 600 * NS_PER_SECOND

LONGEST_PATIENCE = 5
"""Seconds."""


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


def patience(period: int) -> int:
    """Return the whole seconds after which a tick that is not over yet must be stuck.

    That is half a second or more into the next one (or half a period): setting the alarm anew at
    each tick keeps it silent, and costs half of setting it and taking it back.  Where ticks are far
    apart that does not matter, but that meanwhile no signal ends the run does.
    """
    late = period + min(NS_PER_SECOND, period) // 2
    return min(-(-late // NS_PER_SECOND), LONGEST_PATIENCE)


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
        writer: "Writer",
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
        self._asleep = clock.gettime(BOOTTIME) - clock.gettime(MONOTONIC)
        self._events: list[tuple[str, dict[str, Fact]]] = []
        self._patience = patience(schedule.period)
        self._open: tuple[Tick, list[bytes]] | None = None
        """The tick that is being read, and its parts so far."""
        self._told = -PROGRESS
        self.samples = 0
        self.missed = 0

    def record(self) -> int | None:
        """Sample until the schedule is over or a signal comes; return the signal.

        Raises:
            DiskError: the capture cannot be written; what was written before is whole.
            Left: another thread resumed while this one was stuck.
        """
        # One function: each call of another one costs twice here, where all caches are cold.
        schedule, clock, sources, writer = self._schedule, self._clock, self._sources, self._writer
        sleep, gettime, longest = clock.sleep, clock.gettime, schedule.longest_wait
        while schedule.left != 0:
            wait = schedule.due - gettime(REALTIME)
            signal = sleep(min(wait, longest))
            if signal is not None:
                return signal
            now = gettime(REALTIME)
            if not -STEP < now - gettime(BOOTTIME) - self._offset < STEP:
                self._follow_clock()
            tick = schedule.take(now)
            if tick is None:
                continue
            clock.set_alarm(self._patience)
            due = tick.due
            is_new = writer.prepare(due)
            news = sources.look(due)
            parts: list[bytes] = []
            if is_new or news or tick.missed or self._events:
                self._add_own(parts, tick, has_host=bool(is_new or news))
            # Whoever takes over while a mount hangs needs what there is so far.
            self._open = tick, parts
            sources.read(parts, has_cpuinfo=is_new or news >= NEW_CPUS)
            self._write(tick, parts)
        return None

    def resume(self, file_systems: bytes) -> int | None:
        """Go on with the tick that another thread got stuck in, then as `record` does.

        Args:
            file_systems: Text of the mounts that answered that thread.
        """
        if self._open:
            tick, parts = self._open
            if file_systems:
                parts += STATFS_NAME, file_systems
            self._write(tick, parts)
        return self.record()

    def note(self, subsystem: str, facts: "dict[str, Fact]") -> None:
        """Have a line of our own written at the next tick; any thread may ask for one."""
        self._events.append((subsystem, facts))

    def _write(self, tick: Tick, parts: list[bytes]) -> None:
        self._open = None
        if self._patience == LONGEST_PATIENCE:
            self._clock.set_alarm(0)
        if not self.samples and not any(unmarked(part)[:1] == "/" for part in parts[::2]):
            raise InputError(f"{self._sources.root or '/'}: no source below it can be read")
        text = tick_lines(tick.timestamp, tick.ns if self._run else None, parts)
        self._writer.append(text, tick.due)
        if self._run:
            self._run.position += len(parts) // 2
        self.samples += 1
        if not 0 <= tick.due - self._told < PROGRESS:
            self._tell_progress(tick, len(parts) // 2)

    def _tell_progress(self, tick: Tick, lines: int) -> None:
        self._told = tick.due
        if self.samples == 1:
            self._voice.info(f"first sample written: {lines} lines")
        else:
            self._voice.info(f"{self.samples} samples, {self._writer.written} bytes so far")

    def _add_own(self, parts: list[bytes], tick: Tick, *, has_host: bool) -> None:
        """Add what is said of the host, and of what happened since the last tick.

        That is: the clock was set, ticks were missed.
        """
        if tick.missed:
            self.missed += tick.missed
            ticks = "1 tick" if tick.missed == 1 else f"{tick.missed} ticks"
            self._voice.warn(f"{ticks} missed before {tick.timestamp}")
        events: list[tuple[str, dict[str, Fact]]] = []
        if has_host and self._run:
            events.append((HOST, {**self._run.facts(), **self._sources.facts()}))
        while self._events:  # another thread may add to them meanwhile
            events.append(self._events.pop(0))
        if tick.missed:
            events.append((MISSED, self._missed_facts(tick)))
        if self._run:
            for name, facts in events:
                parts += marked(name), json_text(facts)

    def _missed_facts(self, tick: Tick) -> "dict[str, Fact]":
        gettime, period = self._clock.gettime, self._schedule.period
        before, self._asleep = self._asleep, gettime(BOOTTIME) - gettime(MONOTONIC)
        return {
            "ticks": tick.missed,
            "first": (tick.due - tick.missed * period) // NS_PER_SECOND,
            "last": (tick.due - period) // NS_PER_SECOND,
            "why": "asleep" if self._asleep - before >= period else "late",
        }

    def _follow_clock(self) -> None:
        """Find out whether the wall clock was set, and move the schedule with it."""
        offset = self._clock.offset()
        step = offset - self._offset
        if abs(step) < STEP:
            return
        self._offset = offset
        self._schedule.move(step)
        monotonic = self._clock.gettime(MONOTONIC)
        self._events.append((CLOCK, {"step_ns": step, "monotonic_ns": monotonic}))
        self._voice.warn(f"the wall clock was set by {step / NS_PER_SECOND:+.3f} s")
