"""The loader: frames of the log into the engine, in big transactions, by a thread of its own.

Nothing waits for it: what it has not loaded stands in the log.  It begins where the engine says
that it is, reads what is missing from the log, and goes on with what comes; a store that fails
costs its own tenant time, nobody else.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from perfkit.errors import InputError, PerfkitError
from perfkit.store import backlog
from perfkit.store.engines import BehindError
from perfkit.store.log.frame import LoggedFrame, Place

_log = logging.getLogger(__name__)

_DAY = 86_400
_NS = 10**9


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """When things are done."""

    load_seconds: float = 5.0
    """What has come waits no longer: a transaction costs 5 to 7 ms however small."""

    load_lines: int = 18_000
    """So many lines do not wait: 3,000 samples."""

    tenants_a_second: int = 20
    """Of more tenants each waits longer, so that transactions take a tenth of a CPU at most."""

    waiting_lines: int = 1_000_000
    """More than these of a tenant are not held: they are read from the log in their turn."""

    held_bytes: int = 64 * 1024 * 1024
    """Text that is held for all tenants; what comes then is read from the log again."""

    retry_seconds: float = 1.0
    """After a failure; doubled up to a minute."""

    night_seconds: float = 7200.0
    """Over how long after midnight, UTC, the tenants' nightly work is spread."""

    keep_days: float = 90.0
    """How long rows of streams are kept after they were received."""


class Filled(backlog.Engine, Protocol):
    """What the loader needs of an engine."""

    def apply(self, tenant: UUID, frames: Sequence[LoggedFrame], *, after: Place | None) -> int:
        """Store the rows of frames; raises BehindError where it is not at `after`."""

    def is_full(self, tenant: UUID) -> bool:
        """Return whether enough rows wait to be settled."""

    def settle(self, tenant: UUID, before: int | None = None) -> int:
        """Move rows to where they are read fast."""

    def expire(self, tenant: UUID, received_before: int) -> int:
        """Remove rows of streams received before a time."""


class Log(backlog.Log, Protocol):
    """What the loader needs of the intake."""

    def frames(self, tenant: UUID, after: Place | None = None) -> Iterator[LoggedFrame]:
        """Yield the tenant's frames behind a place, in the order of the log."""


class _Tenant:
    """What waits for one tenant."""

    def __init__(self, since: float) -> None:
        self.waiting: deque[tuple[LoggedFrame, int]] = deque()
        """Frames, each with the bytes of text that it holds."""

        self.lines = 0
        self.since = since
        """When the first of them came."""

        self.at: Place | None = None
        """The last place known to be loaded."""

        self.is_behind = True
        """Whether the log is to be read before what waits."""

        self.missed: Iterator[LoggedFrame] | None = None
        """Frames of the log behind `at`."""

        self.has_hole = False
        """Whether a frame was let go of since `missed` began: the log is to be read again."""

        self.retry_at = 0.0
        self.failures = 0
        self.night = -1
        """The day whose nightly work was done last."""


class Loader:
    """Feeds an engine.

    Args:
        engine: What is fed.
        log: Where frames are read again.
        tenants: All there are: what the engine lacks of theirs is loaded at the start.
        times: When things are done.
        clock: Seconds, as `time.monotonic` counts them.
        now: Unix time.
    """

    def __init__(
        self,
        engine: Filled,
        log: Log,
        tenants: Callable[[], Iterable[UUID]] = tuple,
        *,
        times: Times | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._log = log
        self._tenants = tenants
        self._times = times or Times()
        self._clock = clock
        self._now = now
        self.backlog = backlog.Backlog(
            engine, log, self._times.load_lines, lost=self._read_again, now=now
        )
        """What is not rows yet."""

        self._changed = threading.Condition(threading.RLock())
        self._states: dict[UUID, _Tenant] = {}
        self._held = 0
        self._is_ending = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Load what the engine lacks, then what comes."""
        for tenant in self._tenants():
            self._state(tenant)
        self._thread = threading.Thread(target=self._run, name="perfkit-loader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Load what waits, and end; what the log has besides is loaded after the next start."""
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def put(self, tenant: UUID, frame: LoggedFrame) -> None:
        """Take a frame that is on disk; called in the order of the log, never waits."""
        try:
            size = len(frame.lines)
            self._engine.noticed(tenant, frame)
        except InputError as error:  # damaged at once: told again by the store's findings
            _log.error("tenant %s: %s", tenant, error)
            size = 0
        self.backlog.came(tenant, frame.place)
        with self._changed:
            state = self._state(tenant)
            if not state.waiting:
                state.since = self._clock()
            if state.lines + frame.count > self._times.waiting_lines:
                self._let_go(state)
            if self._held + size > self._times.held_bytes:
                frame.forget()
                size = 0
            state.waiting.append((frame, size))
            state.lines += frame.count
            self._held += size
            if len(state.waiting) == 1 or state.lines >= self._times.load_lines:
                self._changed.notify_all()

    def lag(self, tenant: UUID) -> float:
        """Return for how many seconds the oldest frame has waited; 0 where none does."""
        with self._changed:
            state = self._states.get(tenant)
            if state is None or not (state.waiting or state.is_behind):
                return 0.0
            return self._clock() - state.since

    def _state(self, tenant: UUID) -> _Tenant:
        with self._changed:
            state = self._states.get(tenant)
            if state is None:
                state = self._states[tenant] = _Tenant(self._clock())
                self._changed.notify_all()
            return state

    def _read_again(self, tenant: UUID) -> None:
        """Fill a store that has lost rows from the log, also where no frame comes."""
        with self._changed:
            self._let_go(self._state(tenant))
            self._changed.notify_all()

    def _let_go(self, state: _Tenant) -> None:
        """Hold nothing of a tenant any more: all of it is read from the log."""
        while state.waiting:
            self._held -= state.waiting.popleft()[1]
        state.lines = 0
        state.is_behind = state.has_hole = True

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._is_ending:
                    self._changed.wait(self._pause())
                is_last = self._is_ending
                states = list(self._states.items())
            for tenant, state in states:
                if is_last:
                    if not state.is_behind:
                        self._guarded(tenant, state, self._load_waiting)
                elif self._is_due(state):
                    self._guarded(tenant, state, self._load)
                if not is_last and self._is_night(tenant, state):
                    self._guarded(tenant, state, self._do_nightly)
            if is_last:
                return

    def _pause(self) -> float:
        """Return for how long nothing is due; a minute at most, for the nightly work."""
        now = self._clock()
        return max(0.0, min([self._due(state) - now for state in self._states.values()] + [60.0]))

    def _is_due(self, state: _Tenant) -> bool:
        with self._changed:
            return self._due(state) <= self._clock()

    def _due(self, state: _Tenant) -> float:
        if state.is_behind:
            return state.retry_at
        if not state.waiting:
            return float("inf")
        if state.lines >= self._times.load_lines:
            return state.retry_at
        active = sum(bool(each.waiting) for each in self._states.values())
        wait = max(self._times.load_seconds, active / self._times.tenants_a_second)
        return max(state.retry_at, state.since + wait)

    def _guarded(self, tenant: UUID, state: _Tenant, work: Callable[[UUID, _Tenant], None]) -> None:
        """Do a piece of work; what fails is this tenant's alone, and is tried again later."""
        try:
            work(tenant, state)
        except BehindError as error:
            _log.warning("tenant %s: %s: read again from the log", tenant, error)
        except PerfkitError as error:
            self._fail(state)
            self.backlog.failed(tenant)
            _log.error("tenant %s: %s: tried again", tenant, error)
        except Exception:  # noqa: BLE001 - a bug costs one tenant time
            self._fail(state)
            self.backlog.failed(tenant)
            _log.exception("tenant %s: a bug in loading: tried again", tenant)
        else:
            state.failures = 0
            return
        with self._changed:
            state.missed = None
            self._let_go(state)

    def _fail(self, state: _Tenant) -> None:
        wait = min(60.0, self._times.retry_seconds * 2 ** min(state.failures, 10))
        state.failures += 1
        state.retry_at = self._clock() + wait

    def _load(self, tenant: UUID, state: _Tenant) -> None:
        if state.is_behind:
            self._load_missed(tenant, state)
        else:
            self._load_waiting(tenant, state)
        if self._engine.is_full(tenant):
            self._engine.settle(tenant)

    def _load_missed(self, tenant: UUID, state: _Tenant) -> None:
        """Load the next frames from the log: a batch only, for others have their turn too."""
        if state.missed is None:
            with self._changed:
                state.has_hole = False
            state.at = self.backlog.place(tenant)
            state.missed = self._log.frames(tenant, state.at)
        frames, lines = [], 0
        for frame in state.missed:
            frames.append(frame)
            lines += frame.count
            if lines >= self._times.load_lines:
                break
        if frames:
            self._apply(tenant, state, frames)
            return
        with self._changed:
            state.missed = None
            state.is_behind = state.has_hole

    def _load_waiting(self, tenant: UUID, state: _Tenant) -> None:
        while True:
            with self._changed:
                if state.is_behind:  # what waited was let go of: before the rest is a hole
                    return
                frames, lines = [], 0
                while state.waiting and lines < self._times.load_lines:
                    frame, size = state.waiting.popleft()
                    self._held -= size
                    lines += frame.count
                    if state.at is None or frame.place > state.at:
                        frames.append(frame)
                state.lines -= lines
                state.since = self._clock()
            if not lines:
                return
            if frames:
                self._apply(tenant, state, frames)

    def _apply(self, tenant: UUID, state: _Tenant, frames: list[LoggedFrame]) -> None:
        self._engine.apply(tenant, frames, after=state.at)
        state.at = frames[-1].place
        self.backlog.applied(tenant, state.at, sum(frame.count for frame in frames))

    def _is_night(self, tenant: UUID, state: _Tenant) -> bool:
        """Return whether the tenant's nightly work is to be done."""
        since_midnight = self._now() % _DAY
        share = tenant.int % 1000 / 1000
        return (
            not state.is_behind
            and state.night < self._now() // _DAY
            and since_midnight >= share * self._times.night_seconds
            and state.retry_at <= self._clock()
        )

    def _do_nightly(self, tenant: UUID, state: _Tenant) -> None:
        now = self._now()
        day = int(now // _DAY)
        self._engine.settle(tenant, day * _DAY)
        self._engine.expire(tenant, int((now - self._times.keep_days * _DAY) * _NS))
        state.night = day
