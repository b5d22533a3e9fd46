"""Spools of a test: ticks go in, and come out as a sender takes them."""

import random
from pathlib import Path

from perfkit.agent.parcel import parcel_of, texts
from perfkit.agent.spool import Place, Spool

RUN = "6f1c0000-0000-4000-8000-000000000001"
LATER = "6f1c0000-0000-4000-8000-000000000002"
LINES = 3

Dropped = list[tuple[str, int, int, str]]


def tick(number: int, size: int = 60) -> bytes:
    """Return the lines of a tick: no two are alike, and they do not pack well."""
    noise = random.Random(number)  # noqa: S311 - no secret
    return b"".join(
        b'{"n":%d,"x":"%s"}\n' % (number, noise.randbytes(size).hex().encode())
        for _ in range(LINES)
    )


class Spools:
    """Opens spools in one folder, and puts ticks into the newest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.dropped: Dropped = []
        self.spool: Spool | None = None
        self.put = 0

    def open(self, run: str = RUN, *, most: int = 1 << 20, floor: int = 0) -> Spool:
        self.spool = Spool(
            str(self.folder),
            most,
            run,
            "web1",
            dropped=lambda *what: self.dropped.append(what),
            warn=self.said.append,
            floor=floor,
        )
        self.put = 0
        return self.spool

    def add(self, ticks: int, *, size: int = 60) -> None:
        """Append so many ticks as one batch, and end it."""
        assert self.spool
        for number in range(self.put, self.put + ticks):
            text = tick(number, size)
            self.spool.append(text, position=number * LINES, lines=LINES, at=number)
        self.put += ticks
        self.spool.seal()


def lines_at(place: Place) -> list[bytes]:
    return [line for _, text in texts(place) for line in text.splitlines(keepends=True)]


def drained(spool: Spool, most: int = 10**9) -> dict[tuple[str, int], bytes]:
    """Take everything out, as a sender that is always answered does."""
    found: dict[tuple[str, int], bytes] = {}
    while place := spool.next_place():
        parcel = parcel_of(place, most, most)
        if parcel:
            for number, line in enumerate(lines_at(place), start=parcel.position):
                key = place.segment.run, number
                assert key not in found, "nothing is given twice"
                found[key] = line
        spool.done(place)
    return found


def wanted(ticks: int, run: str = RUN, first: int = 0) -> dict[tuple[str, int], bytes]:
    return {
        (run, number * LINES + at): line
        for number in range(first, ticks)
        for at, line in enumerate(tick(number).splitlines(keepends=True))
    }


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "lock")
