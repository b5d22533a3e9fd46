"""Frames for an engine, made of captures, and recordings to make them of."""

import json
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID, uuid5

from perfkit.store.log.frame import HEADER, KINDS, Header, LoggedFrame, Place
from perfkit.store.log.segment import as_rows, row_of

CONFORMANCE = Path(__file__).parents[3] / "shared" / "conformance"
CAPTURES = sorted(CONFORMANCE.glob("*/capture.json"))

TENANT = UUID(int=1)
MACHINE = UUID(int=2)
RUN = UUID(int=3)


def line(timestamp: int, subsystem: str, text: str, ns: int | None = None) -> bytes:
    """Return a line as a capture has it."""
    found = {"timestamp": timestamp, "subsystem": subsystem, "measurement": text}
    if ns is not None:
        found["ns"] = ns
    return json.dumps(found, separators=(",", ":")).encode() + b"\n"


def frame(
    text: bytes | Iterable[bytes],
    number: int = 1,
    *,
    segment: int = 1,
    machine: UUID = MACHINE,
    run: UUID = RUN,
    kind: str = "stream",
    received: int = 1_700_000_000 * 10**9,
    first: int = 0,
    times: tuple[int, int] = (0, 0),
) -> LoggedFrame:
    """Return a frame of the log that holds these lines."""
    whole = text if isinstance(text, bytes) else b"".join(text)
    header = Header(
        machine.bytes,
        run.bytes,
        first,
        whole.count(b"\n"),
        KINDS.index(kind),
        0,
        received,
        *times,
        len(whole),
        number,
        b"",
    )
    return LoggedFrame(Place(segment, number), header, lambda: whole, whole)


def cut(text: bytes, lines: int, **more: object) -> list[LoggedFrame]:
    """Return frames of so many lines each, numbered from 1."""
    whole = text.splitlines(keepends=True)
    return [
        frame(whole[start : start + lines], number, first=start, **more)
        for number, start in enumerate(range(0, len(whole), lines), start=1)
    ]


class Log:
    """A log of frames that can be read from any place."""

    def __init__(self) -> None:
        self.frames_of: dict[UUID, list[LoggedFrame]] = {}

    def add(self, *frames: LoggedFrame, tenant: UUID = TENANT) -> None:
        self.frames_of.setdefault(tenant, []).extend(frames)

    def frames(self, tenant: UUID, after: Place | None = None):
        for each in list(self.frames_of.get(tenant, [])):
            if after is None or each.place > after:
                yield each

    def end(self, tenant: UUID) -> Place:
        return max((each.place for each in self.frames(tenant)), default=Place(0, -1))

    def newest(self, tenant: UUID, after: Place | None, count: int):
        machines: dict[UUID, list[LoggedFrame]] = {}
        for each in self.frames(tenant, after):
            machines.setdefault(each.machine, []).append(each)
        for found in machines.values():
            yield from sorted(found, key=lambda each: each._header.latest)[-count:]  # noqa: SLF001

    def rows_behind(self, tenant: UUID, place: Place | None):
        found: dict[int, bytearray] = {}
        for each in self.frames(tenant, place):
            header = HEADER.pack(*each._header)  # noqa: SLF001 - as it is on disk
            found.setdefault(each.place.segment, bytearray()).extend(row_of(header, 0, 0))
        yield from ((segment, as_rows(bytes(rows))) for segment, rows in found.items())


def named(name: str) -> UUID:
    """Return an id of its own for a name."""
    return uuid5(RUN, name)
