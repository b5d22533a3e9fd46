"""The way in: decide what of a request is new, log it, answer when it lasts.

The unit is the line: (machine, run, position).  A batch is cut against the positions that are had:
what is new becomes frames, what is known is compared with what the log holds.  Both are answered
only when the frame that holds them is synced, whoever sent it.

`accept` and `accept_unnumbered` run on one event loop, writing in a thread of its own; all else may
be called from anywhere.
"""

import asyncio
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

from perfkit.errors import DiskError, InputError
from perfkit.store import faults
from perfkit.store.batch import HIGHEST_POSITION, Batch, Limits, Outcome, Piece, RunInfo
from perfkit.store.control import ControlPlane
from perfkit.store.folder import own
from perfkit.store.gather import Gatherer
from perfkit.store.lines import Lines
from perfkit.store.log import Flight, LoggedFrame, Place, Run, TenantLog, Writer
from perfkit.store.log.frame import KINDS, NUMBERED_HERE, STREAM, UPLOAD, Encoder
from perfkit.store.log.runs import RunKey
from perfkit.store.log.segment import Rows
from perfkit.store.log.writer import check_room
from perfkit.store.reading import Stretch, bodies_of, lines_of, matches, told

__all__ = ["Batch", "Intake", "Limits", "Outcome", "Piece", "RunInfo"]


class _Tenant:
    """One tenant's log, its runs, and what of them is on its way to the disk."""

    def __init__(self, log: TenantLog, runs: dict[RunKey, Run]) -> None:
        self.log = log
        self.runs = runs
        self.flights: dict[Run, list[Flight]] = {}

    def run(self, machine: UUID, run: UUID) -> Run:
        """Return what is known of a run; nothing yet of a new one."""
        found = self.runs.get((machine, run))
        if found is None:
            found = self.runs[machine, run] = Run(machine, run)
        return found

    def flights_over(self, stretch: Stretch) -> list[Flight]:
        """Return the flights that carry a position of the stretch."""
        return [
            flight
            for flight in self.flights.get(stretch.run, ())
            if flight.first < stretch.end and stretch.first < flight.end
        ]


class _Ask:
    """One request: what it brought, and what it still waits for."""

    def __init__(self, tenant: _Tenant, kind: int, digest: bytes | None, flags: int = 0) -> None:
        self.tenant = tenant
        self.kind = kind
        self.digest = digest
        self.flags = flags
        self.outcome = Outcome()
        self.own: list[Flight] = []
        self.known: list[Stretch] = []


class Intake:
    """The upload logs of one data folder.

    Args:
        data: The folder; one process owns it.
        control: Kept for who asks for it; not closed here.
        limits: What to keep to.
        loader_put: Called in the writer's thread with each frame that is on disk.

    Raises:
        UsageError: another process owns the folder.
        DiskError: the folder cannot be made.
    """

    def __init__(
        self,
        data: Path,
        control: ControlPlane | None = None,
        *,
        limits: Limits | None = None,
        loader_put: Callable[[UUID, LoggedFrame], None] | None = None,
    ) -> None:
        self.control = control
        self.loader_put = loader_put
        self.waiting_bytes = 0
        """Text on its way to the disk: a server refuses more above a limit of its own."""
        self._data = data
        self._limits = limits or Limits()
        self._owned = own(data)
        self._tenants: dict[UUID, _Tenant] = {}
        self._opening = threading.Lock()
        self._with_bodies: OrderedDict[Run, None] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="perfkit-intake")
        self._encoder = Encoder()
        self._writer = Writer(self._land, self._logged, min_free=self._limits.min_free)
        self._gatherer = Gatherer(self._writer.submit)

    def close(self) -> None:
        """Write what is on its way, then let go of the folder; a second call does nothing."""
        if self._owned < 0:
            return
        self._gatherer.hand_over()
        self._writer.close()
        self._threads.shutdown()
        for tenant in self._tenants.values():
            tenant.log.close()
        os.close(self._owned)
        self._owned = -1

    def has_room(self) -> bool:
        """Return whether the disk is above its floor: else `accept` raises DiskError."""
        try:
            check_room(self._data, self._limits.min_free)
        except OSError:
            return False
        return True

    async def accept(self, batch: Batch) -> Outcome:
        """Store what is new of a batch; return when every line of it lasts.

        Raises:
            DiskError: there is no room or the disk is broken; what is not stored may come again.
            InputError: a position is out of range.
        """
        faults.reach("intake.before-cut")
        for piece in batch.pieces:
            if piece.first < 0 or piece.first + len(piece.lines) > HIGHEST_POSITION:
                raise InputError(f"position {piece.first}: expected 0 to {HIGHEST_POSITION}")
        tenant = await self._tenant(batch.tenant)
        digest = batch.body_hash if len(batch.pieces) == 1 else None
        ask = _Ask(tenant, KINDS.index(batch.kind), digest)
        for piece in batch.pieces:
            run = tenant.run(batch.machine, piece.run)
            self._cut(ask, Stretch(run, piece.first, piece.lines))
        await self._settle(ask)
        faults.reach("intake.before-ack")
        return ask.outcome

    async def accept_unnumbered(
        self, tenant: UUID, machine: UUID, run: UUID, lines: Sequence[bytes], body_hash: bytes
    ) -> Outcome:
        """Store a body without positions, unless it is known by the hash of its canonical lines.

        A body keeps its positions from its first reception on, also when it was not stored then.

        Raises:
            DiskError: as for `accept`.
        """
        faults.reach("intake.before-cut")
        owner = await self._tenant(tenant)
        state = owner.run(machine, run)
        bodies = await self._bodies(owner, state)
        first = bodies.get(body_hash)
        if first is None:
            first = bodies[body_hash] = max(state.had.end, state.reserved)
            state.reserved = first + len(lines)
        ask = _Ask(owner, STREAM, body_hash, NUMBERED_HERE)
        self._cut(ask, Stretch(state, first, lines))
        await self._settle(ask)
        faults.reach("intake.before-ack")
        return ask.outcome

    def intervals(self, tenant: UUID, machine: UUID, run: UUID) -> list[tuple[int, int]]:
        """Return first and last position of each stretch of the run that is on disk."""
        state = self._opened(tenant).runs.get((machine, run))
        return state.on_disk().closed() if state else []

    def runs(self, tenant: UUID, machine: UUID) -> list[RunInfo]:
        """Return the machine's runs that are on disk, in the order of an export."""
        found = [(state, state.on_disk()) for state in self._in_order(tenant, machine)]
        return [
            RunInfo(state.run, KINDS[state.kind], state.started, had.count(), had.closed())
            for state, had in found
        ]

    def lines(
        self,
        tenant: UUID,
        machine: UUID,
        *,
        run: UUID | None = None,
        start: int | None = None,
        end: int | None = None,
        is_told: bool = False,
    ) -> Iterator[bytes]:
        """Yield the machine's lines by start of run and position, as they were sent.

        Args:
            tenant: Whose machine it is.
            machine: Whose lines.
            run: Only this one.
            start: Only lines with this timestamp or a later one, in seconds.
            end: Only lines with an earlier timestamp.
            is_told: Let each run begin with the line that says what it is.
        """
        log = self._opened(tenant).log
        for state in self._in_order(tenant, machine):
            if run is None or state.run == run:
                lines = lines_of(log, state, start, end)
                yield from told(log, state, lines) if is_told else lines

    def frames(self, tenant: UUID, after: Place | None = None) -> Iterator[LoggedFrame]:
        """Yield the tenant's frames behind a place, in the order of the log."""
        return self._opened(tenant).log.frames(after)

    def end(self, tenant: UUID) -> Place:
        """Return a place that every frame which is on disk is at or before."""
        return self._opened(tenant).log.end()

    def newest(self, tenant: UUID, after: Place | None, count: int) -> Iterator[LoggedFrame]:
        """Yield the frames behind a place with the latest lines of each machine."""
        return self._opened(tenant).log.newest(after, count)

    def rows_behind(self, tenant: UUID, place: Place | None) -> Iterator[tuple[int, Rows]]:
        """Yield segment and headers of the tenant's frames behind a place; None: of all."""
        return self._opened(tenant).log.rows_behind(place)

    def _opened(self, tenant: UUID) -> _Tenant:
        found = self._tenants.get(tenant)
        if found is not None:
            return found
        with self._opening:
            found = self._tenants.get(tenant)
            if found is None:
                folder = self._data / "tenants" / str(tenant) / "log"
                log = TenantLog(tenant, folder, segment_bytes=self._limits.segment_bytes)
                found = self._tenants[tenant] = _Tenant(log, log.open())
            return found

    async def _tenant(self, tenant: UUID) -> _Tenant:
        self._loop = asyncio.get_running_loop()
        found = self._tenants.get(tenant)
        if found is None:
            found = await self._loop.run_in_executor(self._threads, self._opened, tenant)
        return found

    def _in_order(self, tenant: UUID, machine: UUID) -> list[Run]:
        runs = [
            state
            for state in list(self._opened(tenant).runs.values())
            if state.machine == machine and state.first_segment
        ]
        return sorted(runs, key=lambda state: state.started)

    def _cut(self, ask: _Ask, stretch: Stretch) -> None:
        """Launch what of the stretch is new, and note what is known."""
        run, first, lines = stretch
        gaps = run.had.missing(first, stretch.end)
        if gaps == [(first, stretch.end)]:
            self._launch(ask, stretch, ask.digest)
            return
        ask.known += [
            Stretch(run, low, lines[low - first : high - first])
            for low, high in run.had.common(first, stretch.end)
        ]
        for low, high in gaps:
            part = Stretch(run, low, lines[low - first : high - first])
            self._launch(ask, part, ask.digest if ask.flags else None)

    def _launch(self, ask: _Ask, stretch: Stretch, digest: bytes | None) -> None:
        run, first, lines = stretch
        parts = _parts(Lines.joined([lines]), self._limits.frame_bytes)
        before: Flight | None = None
        for part in parts:
            flight = Flight(ask.tenant.log, run, first, part, self._encoder.packed(part.text))
            run.is_upload = run.is_upload or ask.kind == UPLOAD
            flight.kind = run.kind
            flight.flags = ask.flags
            if ask.flags or len(parts) == 1:
                flight.digest = digest
            # Parts last in order, so that what is had of a body is always its beginning.
            flight.before, before = before, flight
            run.had.add(first, flight.end)
            run.flights.append((first, flight.end))
            first = flight.end
            ask.tenant.flights.setdefault(run, []).append(flight)
            ask.own.append(flight)
            self.waiting_bytes += flight.size
            self._gatherer.add(flight)
        faults.reach("intake.after-launch")

    async def _settle(self, ask: _Ask) -> None:
        """Wait for all that the request launched or found on its way, and compare what was known.

        Raises:
            DiskError: a part of what it launched is not on disk.
        """
        while ask.own or ask.known:
            known, ask.known = ask.known, []
            own, ask.own = ask.own, []
            await _landing(own)
            for flight in own:
                if flight.error is not None:
                    raise DiskError(str(flight.error))
                ask.outcome.lines += len(flight.lines)
            for stretch in known:
                await _landing(ask.tenant.flights_over(stretch))
                self._cut(ask, stretch)  # where another's flight failed, lines are new after all
            lasting = [part for part in ask.known if not ask.tenant.flights_over(part)]
            ask.known = [part for part in ask.known if ask.tenant.flights_over(part)]
            if lasting:
                await self._compare(ask, lasting)

    async def _compare(self, ask: _Ask, lasting: list[Stretch]) -> None:
        count = same = sum(len(stretch.lines) for stretch in lasting)
        if not ask.flags:  # a body without positions was found by its hash
            faults.reach("intake.before-compare")
            loop = asyncio.get_running_loop()
            same = await loop.run_in_executor(self._threads, matches, ask.tenant.log, lasting)
        ask.outcome.duplicates += same
        ask.outcome.conflicts += count - same

    async def _bodies(self, tenant: _Tenant, run: Run) -> dict[bytes, int]:
        """Return the first position of each body of a run whose positions are given here."""
        if run.bodies is None:
            read: dict[bytes, int] = {}
            if run.first_segment:
                loop = asyncio.get_running_loop()
                read = await loop.run_in_executor(self._threads, bodies_of, tenant.log, run)
            if run.bodies is None:
                run.bodies = read
        self._with_bodies[run] = None
        self._with_bodies.move_to_end(run)
        if len(self._with_bodies) > self._limits.runs_with_bodies:
            oldest = next(iter(self._with_bodies))
            if not oldest.flights:
                del self._with_bodies[oldest]
                oldest.bodies = None
        return run.bodies

    def _land(self, flights: list[Flight]) -> None:
        """Hand a round over to the loop; called in the writer's thread."""
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._landed, flights)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self._landed(flights)

    def _landed(self, flights: list[Flight]) -> None:
        for flight in flights:
            run = flight.run
            others = self._tenants[flight.log.tenant].flights
            others[run].remove(flight)
            if not others[run]:
                del others[run]
            run.flights.remove((flight.first, flight.end))
            self.waiting_bytes -= flight.size
            if flight.error is None and flight.header is not None:
                run.note(flight.header, flight.segment)
            else:
                run.had.remove(flight.first, flight.end)
            flight.is_done = True
            for waiter in flight.waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _logged(self, log: TenantLog, frame: LoggedFrame) -> None:
        if self.loader_put is not None:
            self.loader_put(log.tenant, frame)


async def _landing(flights: list[Flight]) -> None:
    """Wait until each of the flights is on disk or has failed."""
    for flight in flights:
        if not flight.is_done:
            waiter = asyncio.get_running_loop().create_future()
            flight.waiters.append(waiter)
            await waiter


def _parts(lines: Lines, limit: int) -> list[Lines]:
    """Return the lines in parts of at most `limit` bytes, or of one line."""
    if len(lines.text) <= limit:
        return [lines] if lines else []
    parts: list[list[bytes]] = []
    part: list[bytes] = []
    size = 0
    for line in lines:
        if part and size + len(line) > limit:
            parts.append(part)
            part, size = [], 0
        part.append(line)
        size += len(line)
    parts.append(part)
    return [Lines.joined([part]) for part in parts]
