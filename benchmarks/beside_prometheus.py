"""Loading a fleet, and the room it takes settled, beside Debian's Prometheus with the same numbers.

    python benchmarks/beside_prometheus.py              the mix of real hosts, as `make bench` does
    python benchmarks/beside_prometheus.py all          each real host alone, and the mix
    python benchmarks/beside_prometheus.py synthetic host.json     made-up numbers; a recording

Loading begins with frames as the upload log holds them (zstd, CRC) and ends with the commit, on one
thread of DuckDB; the CPU of all threads counts.  Prometheus gets the same numbers by remote write.

Room is that of a day once either store has put it in order.  Ours: the blocks that the file uses
once settled and folded in, dictionaries, frames and findings included.  Theirs: chunks, index and
descriptions of finished blocks, compaction at rest, 18 of 24 hours in one block, the largest that
its default retention makes.  Either keeps room beside that for what arrives, which is not counted:
ours the free blocks that the day's rows left, theirs the write-ahead log and the head's chunks.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from uuid import UUID

import fleet
import host
import real_hosts
from figures import Bar, Figure, at_least, at_most, compared, unmeasured
from fleet import MACHINES, TICKS, VALUES, Log, Numbers
from perfkit.store.engines.duckdb.engine import DuckEngine
from perfkit.store.log.frame import LoggedFrame
from prometheus import Bodies, Prometheus

SECTION = "store"
ROUNDS = 4
TENANT = UUID(int=1)

Machine = Callable[[int, int], Numbers]
"""Gives the numbers of a machine, by its number, over some ticks."""


def amount(
    subject: str, against: str, value: float, unit: str, bar: Bar | None = None, note: str = ""
) -> Figure:
    """Return a figure that is an amount."""
    return Figure(
        section=SECTION,
        subject=subject,
        against=against,
        value=value,
        unit=unit,
        bar=bar,
        note=note,
    )


def apply(engine: DuckEngine, batch: list[LoggedFrame]) -> float:
    """Load frames, and return the CPU seconds of all threads."""
    before = time.process_time()
    engine.apply(TENANT, batch, after=engine.loaded(TENANT))
    return time.process_time() - before


def mix() -> tuple[str, Machine]:
    """Return the fleet of all captures of real hosts; where there are none, of this host."""
    hosts = real_hosts.captured()
    if hosts:
        return f"mix of {len(hosts)} real hosts", real_hosts.fleet_of(hosts)
    with TemporaryDirectory() as name:
        this = real_hosts.recorded(Path(name))
    return "no captures of real hosts: this host's last minutes", real_hosts.fleet_of([this])


def fleets(asked: list[str]) -> list[tuple[str, Machine]]:
    """Return the fleets that words ask for."""
    found: list[tuple[str, Machine]] = []
    for word in asked:
        if word == "synthetic":
            found.append((word, fleet.numbers))
        elif word != "all":
            found.append((word, real_hosts.fleet_of([real_hosts.read(Path(word), word)])))
        else:
            found += [(each.name, real_hosts.fleet_of([each])) for each in real_hosts.captured()]
    return found + ([mix()] if "all" in asked or not asked else [])


def loading(share: int, name: str, machine: Machine) -> list[Figure]:
    """Load a fleet into both, a part each in turn, and see what it takes.

    Args:
        share: Of the fleet's day one part in so many.
        name: Of the fleet.
        machine: Its numbers.
    """
    ticks = TICKS // share // ROUNDS // 6 * 6
    machines = [machine(number, ticks * ROUNDS) for number in range(MACHINES)]
    values = VALUES * MACHINES * ticks
    ours: list[float] = []
    theirs: list[float] = []
    room: float | None = None
    with TemporaryDirectory() as path:
        folder = Path(path)
        engine, log = DuckEngine(folder / "ours", threads=1), Log()
        engine.open(TENANT)
        try:
            peer = Prometheus(folder)
        except host.PeerMissingError as missing:
            why = str(missing)
            ours = [
                values / loaded(engine, log, machines, number * ticks, ticks)
                for number in range(ROUNDS)
            ]
        else:
            bodies = Bodies(MACHINES)
            with peer:
                for first in range(0, ticks * ROUNDS, ticks):
                    ours.append(values / loaded(engine, log, machines, first, ticks))
                    spans = [range(at, at + 2) for at in range(first, first + ticks, 2)]
                    cost = sum(peer.write([bodies.body(machines, span)]) for span in spans)
                    theirs.append(values / cost)
                room = peer.settled_bytes() / (values * ROUNDS)
        hot = engine.usage(TENANT).file_bytes / (values * ROUNDS)
        before = time.process_time()
        engine.settle(TENANT)
        settling = (time.process_time() - before) / (MACHINES * ticks * ROUNDS)
        usage = engine.usage(TENANT)
        engine.close()
    # Of an hour or two what is fixed is most.
    fits, less = (at_most(1.7), at_most(0.9)) if share == 1 else (None, None)
    settled, kept = (size / (values * ROUNDS) for size in (usage.used_bytes, usage.file_bytes))
    speed, space = "values a CPU second, log to commit", "bytes a value, settled"
    found = [
        amount("bytes a value, as they arrive", "", hot, "bytes", note=name),
        amount(space, "", settled, "bytes", fits, f"the file holds room for {kept:.2f}"),
        amount("settling a sample", "CPU", settling * 1e6, "us"),
    ]
    if room is None:
        return [
            unmeasured(SECTION, speed, "Prometheus", at_least(1.2), why),
            *found,
            unmeasured(SECTION, space, "Prometheus, blocks", less, why),
        ]
    paired = [our / their for our, their in zip(ours, theirs, strict=True)]
    note = f"{median(ours) / 1e6:.2f} M and {median(theirs) / 1e6:.2f} M; {name}"
    peer_name = "Prometheus, remote write"
    return [
        compared(SECTION, speed, peer_name, paired, bar=at_least(1.2), note=note),
        *found,
        compared(
            SECTION,
            space,
            "Prometheus, blocks",
            [settled / room],
            bar=less,
            note=f"{settled:.2f} and {room:.2f} bytes; {name}",
        ),
    ]


def loaded(engine: DuckEngine, log: Log, machines: list[Numbers], first: int, ticks: int) -> float:
    """Return the CPU seconds of loading some ticks of the fleet."""
    return sum(apply(engine, batch) for batch in fleet.batches(log, machines, first, ticks))


def main() -> None:
    """Print the figures of the fleets asked for."""
    from run import show  # noqa: PLC0415 - it knows every section

    parser = argparse.ArgumentParser(description="Load fleets beside Prometheus.")
    parser.add_argument(
        "fleets",
        nargs="*",
        help="`all`: each real host and their mix; `synthetic`; a capture's path (default: mix)",
    )
    parser.add_argument("--share", type=int, default=1, help="one part of the day in so many")
    given = parser.parse_args()
    for name, machine in fleets(given.fleets):
        show(loading(given.share, name, machine))


if __name__ == "__main__":
    main()
