"""`/v1/upload` and `/v1/trickle`: from a request to a receipt."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import msgspec
from aiohttp import web

from perfkit.errors import shown
from perfkit.record import run_of_day
from perfkit.server.auth import INGEST, credential_of, known_machine
from perfkit.server.body import Body
from perfkit.server.door import Block, Door
from perfkit.server.form import parts
from perfkit.server.gate import Floor, Gate, Turns
from perfkit.server.limits import Limits
from perfkit.server.metrics import Counters
from perfkit.server.pieces import LAST_POSITION, Place, Placer
from perfkit.server.reading import Checked, Reading, RejectedLine, trickled
from perfkit.server.receive import received, unpacked_whole
from perfkit.server.refusal import bad_request
from perfkit.server.seen import Seen
from perfkit.store import faults
from perfkit.store.control import ControlPlane, Credential, Machine
from perfkit.store.intake import Batch, Intake, Outcome, Piece

STREAM, UPLOAD = "stream", "upload"

Result = TypeVar("Result")


class Answer(msgspec.Struct, kw_only=True):
    """What became of a body."""

    error: str | None = None
    receipt: str
    """SHA-256 of the body's canonical lines without those rejected."""

    machine: UUID | None
    """None where nothing made it known."""

    lines: int
    """Newly stored."""

    samples: int
    duplicates: int
    conflicts: int
    """Lines at a position that has another line."""

    rejected: list[RejectedLine]


class Ingest:
    """Takes bodies in.

    Args:
        control: Knows keys and machines.
        intake: Stores what is new.
        limits: How much of anything.
        floor: Whether the disk has room.
        folder: Where big bodies wait.
        workers: Threads for what takes longer.
        noted: Take what became of each body.
    """

    def __init__(
        self,
        control: ControlPlane,
        intake: Intake,
        limits: Limits,
        floor: Floor,
        folder: Path,
        workers: ThreadPoolExecutor,
        noted: tuple[Counters, Seen],
    ) -> None:
        self.gate = Gate(limits.uploads, "uploads")
        self._big = asyncio.Semaphore(limits.big_uploads)
        self._turn = asyncio.Lock()
        self._turns = Turns()
        self._control = control
        self._intake = intake
        self._limits = limits
        self._floor = floor
        self._folder = folder
        self._workers = workers
        self._counters, self._seen = noted

    async def upload(self, request: web.Request) -> web.Response:
        """Take in a capture, or a part of one."""
        await self._turns.wait()
        credential = credential_of(request.headers, self._control, (INGEST,))
        place = _place_of(request)
        kind = _kind_of(request, STREAM if place else UPLOAD)
        encoding = request.headers.get("Content-Encoding", "")
        named = _named(request)
        limits, folder = self._limits, self._folder
        with self.gate.place():
            self._floor.check()
            async with received(request, limits, folder) as body:
                faults.reach("server.body-read")
                if request.content_type != "multipart/form-data":
                    return await self._take(credential, named, body, encoding, place, kind)
                form = request.headers["Content-Type"]
                async with unpacked_whole(body, encoding, limits, folder) as plain:
                    file, field = await self._in_thread(partial(_fields, plain, form, limits))
                    if field and named and field != named:
                        raise bad_request(
                            f"machine_id: the query says {shown(named)}, the form {shown(field)}"
                        )
                    return await self._take(credential, field or named, file, "", place, kind)

    async def trickle(self, request: web.Request) -> web.Response:
        """Take in what a collector has just seen."""
        await self._turns.wait()
        credential = credential_of(request.headers, self._control, (INGEST,))
        place = _place_of(request)
        kind = _kind_of(request, STREAM)
        encoding = request.headers.get("Content-Encoding", "")
        with self.gate.place():
            self._floor.check()
            async with received(request, self._limits, self._folder) as body:
                faults.reach("server.body-read")
                read = partial(self._trickled, body, encoding)
                named, block = await self._in_thread(read)
            named = named or _named(request)
            machine = known_machine(credential, named, self._control, self._limits)
            placer = Placer(_identifier(machine), place)
            placer.add(block)
            digest = hashlib.sha256(block.text)
            checked = Checked(
                sent=len(block.lines),
                rejected=[RejectedLine(at + 1, why) for at, why in block.rejected.items()],
                digest=digest.digest(),
                samples=placer.samples,
                newest=placer.newest,
                pieces=placer.take(),
            )
            if place is not None or not block.text:
                return await self._store(credential, machine, kind, checked)
            known = await self._made(credential, machine)
            first = next(record for record in block.records if record is not None)
            outcome = await self._intake.accept_unnumbered(
                known.tenant,
                known.id,
                UUID(run_of_day(known.identifier, first.timestamp)),
                [line for line in block.lines if line],
                digest.digest(),
            )
            return self._answer(known, checked, outcome)

    def _trickled(self, body: Body, encoding: str) -> tuple[str | None, Block]:
        limits = self._limits
        named, elements = trickled(body, encoding, limits)
        block = Door(limits, time.time()).lines(elements)
        if len(block.rejected) > limits.rejected:
            raise bad_request(f"more than {limits.rejected} measurements are none")
        return named, block

    async def _take(
        self,
        credential: Credential,
        named: str | None,
        body: Body,
        encoding: str,
        place: Place | None,
        kind: str,
    ) -> web.Response:
        machine = known_machine(credential, named, self._control, self._limits)
        reading = Reading(
            body,
            encoding,
            Door(self._limits, time.time()),
            partial(Placer, _identifier(machine), place),
            self._limits,
        )
        if reading.is_small():
            return await self._store(credential, machine, kind, reading.check())
        async with self._turn:  # one in a turn of the loop: all else goes on in between
            checked = reading.check() if reading.is_short() else None
        if checked is not None:
            return await self._store(credential, machine, kind, checked)
        async with self._big:
            return await self._take_big(credential, machine, kind, reading)

    async def _take_big(
        self, credential: Credential, machine: Machine | str, kind: str, reading: Reading
    ) -> web.Response:
        """Check a body in another thread; store it in parts where it is too much to keep."""
        checked = await self._in_thread(reading.check)
        if checked.pieces is not None:
            return await self._store(credential, machine, kind, checked)
        known = await self._made(credential, machine)
        total = Outcome(lines=0, duplicates=0, conflicts=0)
        batches = reading.pieces()
        while batch := await self._in_thread(partial(next, batches, None)):
            pieces, samples = batch
            outcome = await self._accept(known, kind, pieces, samples, None)
            total.lines += outcome.lines
            total.duplicates += outcome.duplicates
            total.conflicts += outcome.conflicts
        return self._answer(known, checked, total)

    async def _store(
        self, credential: Credential, machine: Machine | str, kind: str, checked: Checked
    ) -> web.Response:
        """Store what was kept from the check; nothing of it makes no machine either."""
        if not checked.pieces:
            known = None if isinstance(machine, str) else machine
            return self._answer(known, checked, Outcome(lines=0, duplicates=0, conflicts=0))
        known = await self._made(credential, machine)
        outcome = await self._accept(known, kind, checked.pieces, checked.samples, checked.digest)
        return self._answer(known, checked, outcome)

    async def _accept(
        self,
        machine: Machine,
        kind: str,
        pieces: list[Piece],
        samples: int,
        digest: bytes | None,
    ) -> Outcome:
        faults.reach("server.before-accept")
        return await self._intake.accept(
            Batch(
                tenant=machine.tenant,
                machine=machine.id,
                kind=kind,
                pieces=pieces,
                samples=samples,
                body_hash=digest,
            )
        )

    async def _made(self, credential: Credential, machine: Machine | str) -> Machine:
        """Return the machine, made where it is only an identifier yet."""
        if not isinstance(machine, str):
            return machine
        tenant = credential.tenant
        make = partial(self._control.machine, create=True)
        made = await asyncio.to_thread(make, tenant, machine) if tenant else None
        if made is None:
            raise bad_request(f"the machine {machine!r} could not be created")
        return made

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    def _answer(self, machine: Machine | None, checked: Checked, outcome: Outcome) -> web.Response:
        is_known = outcome.lines + outcome.duplicates > 0
        if machine is not None and is_known:
            self._seen.note(machine.id, checked.newest)
        answer = Answer(
            error=None if is_known else _why_nothing(checked, outcome),
            receipt=checked.digest.hex(),
            machine=machine.id if machine else None,
            lines=outcome.lines,
            samples=checked.samples,
            duplicates=outcome.duplicates,
            conflicts=outcome.conflicts,
            rejected=checked.rejected,
        )
        faults.reach("server.before-answer")
        rejected = len(checked.rejected)
        self._counters.took(outcome.lines, outcome.duplicates, outcome.conflicts, rejected)
        return web.Response(
            body=msgspec.json.encode(answer),
            status=HTTPStatus.OK if is_known else HTTPStatus.UNPROCESSABLE_ENTITY,
            content_type="application/json",
        )


def _identifier(machine: Machine | str) -> str:
    return machine if isinstance(machine, str) else machine.identifier


def _place_of(request: web.Request) -> Place | None:
    """Return the place that the headers name."""
    run = request.headers.get("Perfkit-Run")
    position = request.headers.get("Perfkit-Position")
    if run is None:
        if position is not None:
            raise bad_request("Perfkit-Position means nothing without Perfkit-Run")
        return None
    try:
        found = UUID(run)
    except ValueError:
        raise bad_request(f"Perfkit-Run: expected a UUID, found {shown(run)}") from None
    text = "0" if position is None else position
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LAST_POSITION):
        raise bad_request(f"Perfkit-Position: expected 0 to {LAST_POSITION}, found {shown(text)}")
    return Place(found, int(text))


def _named(request: web.Request) -> str | None:
    """Return the machine that the query names."""
    names = set(request.query.getall("machine_id", []))
    if len(names) > 1:
        raise bad_request("machine_id: expected one in the query, found several")
    return names.pop() if names else None


def _kind_of(request: web.Request, default: str) -> str:
    kind = request.headers.get("Perfkit-Kind", default)
    if kind not in (STREAM, UPLOAD):
        raise bad_request(f"Perfkit-Kind: expected {STREAM} or {UPLOAD}, found {shown(kind)}")
    return kind


def _fields(body: Body, content_type: str, limits: Limits) -> tuple[Body, str | None]:
    """Return the file of a form, and the machine that it names."""
    found = parts(body, content_type, limits)
    if "file" not in found:
        raise bad_request("expected a part named file in the multipart body")
    named = None
    if "machine_id" in found:
        start, end = found["machine_id"]
        if end - start > limits.identifier_characters:
            raise bad_request(
                f"machine_id: expected {limits.identifier_characters} characters at most"
            )
        named = body.read(start, end - start).decode("utf-8", "replace").strip()
    return body.part(*found["file"]), named or None


def _why_nothing(checked: Checked, outcome: Outcome) -> str:
    if not checked.sent:
        return "the body has no line"
    if outcome.conflicts:
        return "no line was stored: others are at these positions"
    return f"no line was stored: {checked.rejected[0].reason}"
