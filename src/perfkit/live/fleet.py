"""All machines of a server as its API tells of them: what a live table of them is made of."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import msgspec

from perfkit.columns import Value
from perfkit.errors import PerfkitError
from perfkit.report.headline import Headline, headline

MOST = 1000
"""Machines that are known of; those seen last are shown first."""

T = TypeVar("T")

FRESH_SECONDS = 120
"""A machine that was silent for longer has no figures any more."""


class Answers(Protocol):
    """A server that can be asked: `perfkit.client.Server`."""

    def get(self, path: str, **query: object) -> object:
        """Return what it has at a path, decoded."""
        ...


class _Listed(msgspec.Struct):
    number: int
    identifier: str
    name: str
    last_seen: float | None


class _Page(msgspec.Struct):
    items: list[_Listed]
    next: int | None


class _Source(msgspec.Struct):
    rows: list[dict[str, Value]]


@dataclass(slots=True)
class Machine:
    """One machine."""

    number: int
    name: str
    identifier: str
    seen: float | None = None
    """Unix time of its newest sample."""

    figures: Headline | None = None
    """Of its last interval; None before the second sample."""


@dataclass(slots=True)
class FleetView:
    """What is known at one moment."""

    url: str
    folder: str
    machines: list[Machine] = field(default_factory=list)
    """Those seen last come first; those of one moment in order of their names."""

    is_all: bool = True
    running_seconds: float = 0.0
    message: str = ""
    now: float = 0.0
    """Unix time."""


class Fleet:
    """Asks a server for its machines, and for the figures of those that are shown.

    Args:
        server: Answers.
        clock: Unix time.
    """

    def __init__(self, server: Answers, clock: Callable[[], float] = time.time) -> None:
        self._server = server
        self._clock = clock
        self._known: dict[int, Machine] = {}
        self.is_all = True
        """Whether the last look saw every machine."""

    def look(self, wanted: int) -> list[Machine]:
        """Return all machines, those that were seen last first, `wanted` of them with figures.

        Raises:
            PerfkitError: the server does not answer, or not as it should.
        """
        page = _typed(self._server.get("/api/v1/machines", limit=MOST), _Page)
        self.is_all = page.next is None
        now = self._clock()
        listed = sorted(page.items, key=lambda each: (-_order(each.last_seen, now), each.name))
        self._known = {each.number: self._kept(each) for each in listed}
        for each in listed[:wanted]:
            machine = self._known[each.number]
            if machine.seen != each.last_seen:
                self._ask(machine, each.last_seen, now)
        return list(self._known.values())

    def _kept(self, each: _Listed) -> Machine:
        machine = self._known.get(each.number)
        return machine or Machine(each.number, each.name, each.identifier)

    def _ask(self, machine: Machine, seen: float | None, now: float) -> None:
        if seen is None or now - seen > FRESH_SECONDS:
            machine.figures = None
        else:
            latest = self._server.get(f"/api/v1/machines/{machine.number}/latest")
            sources = _typed(latest, dict[str, _Source])
            rows = {name: source.rows for name, source in sources.items()}
            machine.figures = headline(rows) if "cpu" in rows else None
        machine.seen = seen


def _order(seen: float | None, now: float) -> int:
    """Return by what machines are in order: that they change places each second helps nobody."""
    if seen is None:
        return 0
    return int(now) if now - seen <= FRESH_SECONDS else int(seen)


def _typed(found: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise PerfkitError(f"the server's answer: {error}") from error


FIGURES: Sequence[tuple[str, Callable[[Headline], float | None]]] = (
    ("%cpu", lambda found: found.cpu_percent),
    ("%memused", lambda found: found.memory_percent),
    ("%util", lambda found: found.disk_percent),
    ("rkB/s", lambda found: found.read_kb),
    ("wkB/s", lambda found: found.written_kb),
    ("rxkB/s", lambda found: found.received_kb),
    ("txkB/s", lambda found: found.sent_kb),
)
"""The columns of every table of machines, the most important first."""
