"""Machines and what is known of them, for a key of their tenant."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar
from uuid import UUID

from aiohttp import web

from perfkit.figures import LatestRows
from perfkit.server.api.call import Call, Headed
from perfkit.server.api.export import Sender
from perfkit.server.api.times import moment, whole
from perfkit.server.api.types import (
    ExportQuery,
    Machine,
    Machines,
    MachinesQuery,
    Page,
    Query,
    RangeQuery,
    Run,
    Runs,
    SeriesQuery,
)
from perfkit.server.auth import INGEST
from perfkit.server.gate import Gate
from perfkit.server.limits import Limits
from perfkit.server.refusal import bad_request, not_found
from perfkit.server.seen import Seen
from perfkit.store import control as stored
from perfkit.store.backlog import Backlog
from perfkit.store.control import ControlPlane, Credential
from perfkit.store.engines import SOURCES, Finding, Queries
from perfkit.store.intake import Intake, RunInfo

WAITING = "Perfkit-Waiting"
"""Says how many lines of the range that was asked for are in the log, and not among the figures."""

Result = TypeVar("Result")


class Data:
    """The endpoints that read.

    Args:
        control: Knows the machines.
        intake: Has the lines.
        rows: Where they are, and what is not among them.
        limits: How much of anything.
        workers: Threads that ask.
        sender: Sends exports.
        seen: When each machine was last seen.
    """

    def __init__(
        self,
        control: ControlPlane,
        intake: Intake,
        rows: tuple[Queries, Backlog],
        limits: Limits,
        workers: ThreadPoolExecutor,
        sender: Sender,
        seen: Seen,
    ) -> None:
        self.queries = Gate(limits.queries, "queries")
        self.exports = Gate(limits.exports, "exports")
        self._control = control
        self._intake = intake
        self._engine, self._backlog = rows
        self._limits = limits
        self._workers = workers
        self._sender = sender
        self._seen = seen

    async def machines(self, call: Call[MachinesQuery, None]) -> Machines:
        """List the tenant's machines in order of their number."""
        query = call.query
        if call.credential.scope == INGEST and query.identifier is None:
            raise bad_request("an ingest key asks for one machine: add ?identifier=")
        limit = query.limit
        return await self._asked(partial(self._listed, call.tenant, call.credential, query, limit))

    def _listed(
        self, tenant: UUID, credential: Credential, query: MachinesQuery, limit: int
    ) -> Machines:
        if query.identifier is not None:
            one = self._control.known_machine(tenant, query.identifier)
            is_known = one is not None and credential.machine in (None, one.id)
            return Machines(items=[self._machine(one)] if one and is_known else [], next=None)
        found = self._control.machines(tenant, after=query.after, limit=limit + 1)
        items = [self._machine(each) for each in found[:limit]]
        return Machines(items=items, next=items[-1].number if len(found) > limit else None)

    async def machine(self, call: Call[Query, None]) -> Machine:
        """Show one machine."""
        found = await self._found(call)
        return await self._asked(partial(self._machine, found))

    async def latest(self, call: Call[Query, None]) -> dict[str, LatestRows]:
        """Show the newest figures of a machine by source."""
        machine = await self._found(call)
        return await self._asked(partial(self._backlog.latest, call.tenant, machine.id))

    async def series(self, call: Call[SeriesQuery, None]) -> Headed:
        """Show min, mean and max of each column of a source for each bucket of time."""
        return await self._figures(call, partial(self._engine.series, points=call.query.points))

    async def stats(self, call: Call[RangeQuery, None]) -> Headed:
        """Show what the values of each column of a source were over a range."""
        return await self._figures(call, self._engine.stats)

    async def findings(self, call: Call[Query, None]) -> list[Finding]:
        """List what of a machine's text gave no figures, and why."""
        machine = await self._found(call)
        return await self._asked(partial(self._engine.findings, call.tenant, machine.id))

    async def _figures(self, call: Call[RangeQuery, None], ask: Callable[..., object]) -> Headed:
        """Return what the engine says of a range, and how many of its lines wait."""
        machine = await self._found(call)
        start, end = _range(call.query)
        source = _source(call.part("source"))
        of_rows = partial(ask, call.tenant, machine.id, source, start, end)
        asked = partial(self._backlog.asked, call.tenant, machine.id, start, end, of_rows)
        found, waiting = await self._asked(asked)
        return Headed(found, {WAITING: str(waiting)} if waiting else {})

    async def runs(self, call: Call[Page, None]) -> Runs:
        """List what is held of each run of a machine."""
        machine = await self._found(call)
        found = await self._asked(partial(self._intake.runs, call.tenant, machine.id))
        after, limit = call.query.after, call.query.limit
        return Runs(
            items=[_run(info) for info in found[after : after + limit]],
            next=after + limit if len(found) > after + limit else None,
        )

    async def run(self, call: Call[Query, None]) -> Run:
        """Show what is held of one run."""
        machine = await self._found(call)
        for info in await self._asked(partial(self._intake.runs, call.tenant, machine.id)):
            if str(info.run) == call.part("run").lower():
                return _run(info)
        raise not_found("run")

    async def export(self, call: Call[ExportQuery, None]) -> web.StreamResponse:
        """Send a machine's lines as a capture, or the CSV files made of them."""
        query = call.query
        start, end = _range(query)
        machine = await self._found(call)
        lines = partial(
            self._intake.lines,
            call.tenant,
            machine.id,
            run=query.run,
            start=whole(start),
            end=whole(end),
            is_told=query.format != "capture",
        )
        name = f"machine-{machine.number}"
        with self.exports.place():
            if query.format == "capture":
                return await self._sender.capture(call.request, lines, name)
            file = "portal.csv" if query.format == "portal" else query.file
            options = ["--intervals", query.intervals]
            return await self._sender.tree(call.request, lines, options, file, name)

    async def _found(self, call: Call[Query, None]) -> stored.Machine:
        """Return the machine that the path names, if the key may know of it."""
        find = partial(self._control.machine_by_id, call.tenant, call.part("machine"))
        machine = await self._asked(find)
        own = call.credential.machine
        if machine is None or own not in (None, machine.id):
            raise not_found("machine")
        return machine

    def _machine(self, found: stored.Machine) -> Machine:
        return Machine(
            id=found.id,
            number=found.number,
            identifier=found.identifier,
            name=found.name,
            last_seen=self._seen.of(found.tenant, found.id),
        )

    async def _asked(self, ask: Callable[[], Result]) -> Result:
        with self.queries.place():
            async with asyncio.timeout(self._limits.query_seconds):
                return await asyncio.get_running_loop().run_in_executor(self._workers, ask)


def _range(query: RangeQuery | ExportQuery) -> tuple[float | None, float | None]:
    start, end = moment(query.start, "start"), moment(query.end, "end")
    if start is not None and end is not None and start > end:
        raise bad_request("expected a start before the end")
    return start, end


def _source(name: str) -> str:
    if name not in SOURCES:
        raise not_found(f"source: expected one of {' '.join(SOURCES)}")
    return name


def _run(info: RunInfo) -> Run:
    return Run(
        run=info.run,
        kind="upload" if info.kind == "upload" else "stream",
        started=info.started,
        lines=info.lines,
        intervals=[list(stretch) for stretch in info.intervals],
    )
