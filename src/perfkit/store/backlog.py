"""What the log holds and the rows do not: figures made of part of the rows never look whole.

Whoever asks for rows asks here.  The place of the store is taken before the question; what the log
has behind it, by the headers of its frames, may be missing in the answer, however fast the loader
is meanwhile.  A store that began from nothing answers nothing until it is filled again.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

import numpy as np
import numpy.typing as npt

from perfkit.errors import InputError, PerfkitError
from perfkit.figures import LatestRows
from perfkit.store.engines import Newest, StoreError
from perfkit.store.log.frame import UPLOAD, LoggedFrame, Place
from perfkit.store.log.segment import Rows
from perfkit.store.query.series import BEFORE_SECONDS, DEFAULT_SECONDS
from perfkit.units import NS_PER_SECOND

_log = logging.getLogger(__name__)

STREAM_SECONDS = 15
"""What came so lately is never rows yet; of a stream it is not told, if it is also of lately."""

LIVE_SECONDS = 120
"""A collector that is not behind sends lines that are no older."""

_FRAMES_FOR_RATES = 2
"""Of one sample each at least."""

Answer = TypeVar("Answer")


class RefillError(PerfkitError):
    """The rows are being made again from the log: an answer would be made of part of them."""

    exit_code = 5


class Engine(Newest, Protocol):
    """What is asked of an engine here."""

    def loaded(self, tenant: UUID) -> Place | None:
        """Return the place of the last frame applied; None: there are no rows."""

    def last_stored(self, tenant: UUID, machine: UUID) -> float | None:
        """Return the Unix time of the machine's newest row; None where there is none."""

    def set_aside(self, tenant: UUID, why: PerfkitError) -> None:
        """Begin with an empty store."""

    def noticed(self, tenant: UUID, frame: LoggedFrame) -> None:
        """Take the newest figures from a frame."""

    def latest_noted(self, tenant: UUID, machine: UUID) -> dict[str, LatestRows] | None:
        """Return the newest figures where no stored row is needed for them."""


class Log(Protocol):
    """What is asked of the log here."""

    def end(self, tenant: UUID) -> Place:
        """Return a place that every frame is at or before."""

    def newest(self, tenant: UUID, after: Place | None, count: int) -> Iterator[LoggedFrame]:
        """Yield the frames behind a place with the latest lines of each machine."""

    def rows_behind(self, tenant: UUID, place: Place | None) -> Iterator[tuple[int, Rows]]:
        """Yield segment and headers of the tenant's frames behind a place."""


class Refill:
    """The way of a store from nothing to where the log ended when that was found.

    Args:
        end: The place that is the end of it.
        lines: Lines up to there.
        newest: Timestamp of the newest of them by machine.
    """

    def __init__(self, end: Place, lines: int, newest: dict[bytes, int]) -> None:
        self.end = end
        self.lines = lines
        self.newest = newest
        self.done = 0
        """Lines that are rows again."""


class _Standing:
    """What is known of one tenant's store."""

    def __init__(self) -> None:
        self.is_known = False
        self.at: Place | None = None
        """How far it was when it was looked at or filled last: less is a loss."""

        self.came: Place | None = None
        """The first frame that came since the start: what is before it was rows once, perhaps."""

        self.refill: Refill | None = None
        self.losses = 0
        self.is_failing = False
        """Whether frames could not be made rows when that was tried last."""

        self.moves = 0
        """How often any of this changed."""


class _Mark(NamedTuple):
    """Where a store was at one moment."""

    place: Place | None
    losses: int


class Backlog:
    """Asks for rows, and tells what is not among them.

    Args:
        engine: Has the rows.
        log: Has all lines.
        lines: A store that lacks more of them, having begun from nothing, answers nothing.
        lost: Called where a store is found to have lost rows.
        now: Unix time.
    """

    def __init__(
        self,
        engine: Engine,
        log: Log,
        lines: int,
        lost: Callable[[UUID], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._log = log
        self._lines = lines
        self._lost = lost
        self._now = now
        self._lock = threading.Lock()
        self._standings: dict[UUID, _Standing] = {}

    def came(self, tenant: UUID, place: Place) -> None:
        """Take note of a frame that has just been logged."""
        with self._lock:
            standing = self._standing(tenant)
            standing.came = standing.came or place

    def applied(self, tenant: UUID, place: Place, lines: int) -> None:
        """Take note that frames of so many lines, up to a place, are rows."""
        with self._lock:
            standing = self._standing(tenant)
            standing.at = place
            standing.is_failing = False
            standing.moves += 1
            refill = standing.refill
            if refill is not None:
                refill.done += lines
                if place >= refill.end:
                    standing.refill = None

    def failed(self, tenant: UUID) -> None:
        """Take note that frames could not be made rows: it is tried again."""
        with self._lock:
            self._standing(tenant).is_failing = True

    def place(self, tenant: UUID) -> Place | None:
        """Return the place of the last frame that is rows; take note if it is an earlier one.

        Raises:
            StoreError: the store cannot be opened.
        """
        return self._look(tenant).place

    def refill(self, tenant: UUID) -> Refill | None:
        """Return how far the tenant's rows are made again; None where they are not."""
        with self._lock:
            return self._standing(tenant).refill

    def asked(
        self,
        tenant: UUID,
        machine: UUID,
        start: float | None,
        end: float | None,
        ask: Callable[[], Answer],
    ) -> tuple[Answer, int]:
        """Return an answer, and how many lines it may lack: 0 says that it lacks none.

        Of a stream the newest seconds are not counted.  A frame that begins or ends outside of the
        range counts with all its lines.

        Args:
            tenant: Whose.
            machine: Of which machine the lines are.
            start: Unix time; None: a day before the end.
            end: Unix time; None: where the data ends.
            ask: Asks the engine for what is in this range.

        Raises:
            RefillError: the rows are being made again.
            StoreError: the store was lost while it was asked.
        """
        low, high = self._span(tenant, machine, start, end)
        answer, place = self._whole(tenant, ask)
        now = self._now()
        old = (now - STREAM_SECONDS) * NS_PER_SECOND
        lines = 0
        for _, rows in self._log.rows_behind(tenant, place):
            of = (rows["latest"] >= low) & (rows["earliest"] < high) & _is_of(rows, machine)
            is_late = (rows["received"] < old) | (rows["earliest"] < now - LIVE_SECONDS)
            of &= (rows["kind"] == UPLOAD) | is_late
            lines += int(rows["count"][of].sum())
        return answer, lines

    def latest(self, tenant: UUID, machine: UUID) -> dict[str, LatestRows]:
        """Return the newest figures by source; raises as `asked` where stored rows are needed."""
        noted = self._engine.latest_noted(tenant, machine)
        if noted is not None:
            return noted
        return self._whole(tenant, lambda: self._engine.latest(tenant, machine))[0]

    def last_seen(self, tenant: UUID, machine: UUID) -> float | None:
        """Return the Unix time of the machine's newest line, also where it is no row yet.

        Raises:
            StoreError: the store cannot be read, or was lost meanwhile.
        """
        mark = self._look(tenant)
        refill = self.refill(tenant)
        stored = self._engine.last_seen(tenant, machine)
        self._expect_same(tenant, mark)
        newest = refill.newest if refill else _newest(self._log.rows_behind(tenant, mark.place))
        known = [at for at in (stored, newest.get(machine.bytes)) if at is not None]
        return float(max(known)) if known else None

    def refills(self) -> int:
        """Return how many tenants' rows are being made again."""
        with self._lock:
            return sum(standing.refill is not None for standing in self._standings.values())

    def lines(self) -> int:
        """Return how many lines are not rows, of all tenants whose stores were looked at."""
        with self._lock:
            known = [each for each in self._standings.items() if each[1].is_known]
            left = sum(each.refill.lines - each.refill.done for _, each in known if each.refill)
            ends = [(id_, each.refill.end if each.refill else each.at) for id_, each in known]
        return left + sum(
            int(rows["count"].sum())
            for tenant, place in ends
            for _, rows in self._log.rows_behind(tenant, place)
        )

    def _standing(self, tenant: UUID) -> _Standing:
        return self._standings.setdefault(tenant, _Standing())

    def _whole(self, tenant: UUID, ask: Callable[[], Answer]) -> tuple[Answer, Place | None]:
        """Return an answer, and a place up to which everything was there when it was asked for."""
        mark = self._look(tenant)
        with self._lock:
            standing = self._standing(tenant)
            refill, is_failing = standing.refill, standing.is_failing
        if refill is not None:
            how = "the last try failed, and is made again; exports go on as ever"
            raise RefillError(
                f"the rows are being made again from the log: {refill.done} of {refill.lines} lines"
                f" are done; {how if is_failing else 'uploads and exports go on as ever'}"
            )
        answer = ask()
        self._expect_same(tenant, mark)
        return answer, mark.place

    def _expect_same(self, tenant: UUID, mark: _Mark) -> None:
        now = self._look(tenant)
        if now.losses != mark.losses or _is_before(now.place, mark.place):
            raise StoreError(f"tenant {tenant}: the store was lost while it was asked")

    def _look(self, tenant: UUID) -> _Mark:
        """Return where the store is; where that is before where it was, it has lost rows."""
        with self._lock:
            standing = self._standing(tenant)
        while True:
            moves, losses = standing.moves, standing.losses
            place = self._place(tenant)
            is_first = not standing.is_known
            if not is_first and not _is_before(place, standing.at):
                return _Mark(place, losses)
            refill = None if is_first and place else self._needed(tenant, standing, place)
            self._notice(tenant, place)  # before anybody else takes the store for known
            with self._lock:
                if standing.moves != moves:  # another thread was faster: `place` is of before
                    continue
                standing.moves += 1
                standing.losses += not is_first
                standing.is_known, standing.at, standing.refill = True, place, refill
                mark = _Mark(place, standing.losses)
            if refill is not None:
                _log.warning(
                    "tenant %s: %d lines are made rows again from the log", tenant, refill.lines
                )
            if not is_first:
                self._lost(tenant)
            return mark

    def _place(self, tenant: UUID) -> Place | None:
        """Return how far the store is, once it is one of this log."""
        place, end = self._engine.loaded(tenant), self._log.end(tenant)
        if place is None or place <= end:
            return place
        why = InputError(f"it has rows of frame {place}, and the log ends at {end}")
        _log.error("tenant %s: the store is not of this log: %s", tenant, why)
        self._engine.set_aside(tenant, why)
        return self._engine.loaded(tenant)

    def _notice(self, tenant: UUID, place: Place | None) -> None:
        """Have the newest figures of what is not rows yet at hand."""
        for frame in self._log.newest(tenant, place, _FRAMES_FOR_RATES):
            try:
                self._engine.noticed(tenant, frame)
            except InputError as error:
                _log.error("tenant %s: %s", tenant, error)

    def _needed(self, tenant: UUID, standing: _Standing, place: Place | None) -> Refill | None:
        """Return the way back of a store that has rows up to a place; None where it is short."""
        lines = old = 0
        end = place or Place(0, 0)
        newest: dict[bytes, int] = {}
        came = None if standing.is_known else standing.came
        for segment, rows in self._log.rows_behind(tenant, place):
            if not len(rows):
                continue
            lines += (count := int(rows["count"].sum()))
            end = Place(segment, int(rows["ordinal"][-1]))
            for machine, last in _newest([(segment, rows)]).items():
                newest[machine] = max(newest.get(machine, last), last)
            if came is None or end < came:
                old += count
            elif segment == came.segment:
                old += int(rows["count"][rows["ordinal"] < came.frame].sum())
        return Refill(end, lines, newest) if old > self._lines else None

    def _span(
        self, tenant: UUID, machine: UUID, start: float | None, end: float | None
    ) -> tuple[float, float]:
        """Return the range of the lines that an answer is made of: it begins with one before it."""
        low, high = start, math.inf if end is None else end
        if low is None:
            last = self._engine.last_stored(tenant, machine) if end is None else end
            low = -math.inf if last is None else last - DEFAULT_SECONDS
        return low - BEFORE_SECONDS, high


def _is_before(one: Place | None, other: Place | None) -> bool:
    return other is not None and (one is None or one < other)


def _is_of(rows: Rows, machine: UUID) -> npt.NDArray[np.bool_]:
    wanted = np.frombuffer(machine.bytes, dtype="<u8")
    found: npt.NDArray[np.bool_] = (rows["machine"] == wanted).all(axis=1)
    return found


def _newest(parts: Iterable[tuple[int, Rows]]) -> dict[bytes, int]:
    """Return the latest timestamp of each machine."""
    newest: dict[bytes, int] = {}
    for _, rows in parts:
        order = np.lexsort((rows["latest"], rows["machine"][:, 0], rows["machine"][:, 1]))
        machines, latest = rows["machine"][order], rows["latest"][order]
        is_last = np.append((machines[1:] != machines[:-1]).any(axis=1), True)[: len(rows)]
        for machine, last in zip(machines[is_last], latest[is_last].tolist(), strict=True):
            key = machine.tobytes()
            newest[key] = max(newest.get(key, last), last)
    return newest
