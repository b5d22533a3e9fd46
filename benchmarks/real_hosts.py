"""A fleet whose numbers move as they did on real hosts: recorded increments, in another order.

Real are the steps.  Of each host a capture says what 60 numbers did from one sample to the next; a
machine of the fleet does in each 10 s what its host did in some 10 s, all 60 numbers together, and
goes on so for BLOCK intervals before it does what was done at another time (a block bootstrap,
seeded per machine).  Counters gain what was gained; memory and file systems go up and down by what
they did; levels without a memory (processes running and blocked, requests in flight) and what never
changes are as they were.  A capture at 5 s gives blocks that begin at any of its samples, two of
its intervals to one of ours: sums of whole numbers, nothing is scaled.

Chosen are: which captures there are, most of them of hosts under a load test of ten minutes, none
of a night or a nightly job; the disk and the NIC that moved most, and `/`; BLOCK; that a machine
has been up for 1 to 60 days, by which its counters begin with the real ones times that; that
memory and room turn back where they would fall below nothing or rise above all.

Neither store gains by a block that comes twice: both know a number only by those of its series just
before.  DuckDB, which packs 2,048 numbers with the width of the widest step, rather loses: nearly
every 5.7 hours of the fleet have the widest step of their capture.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

import host
from fleet import BLOCKED, BTIME, IN_FLIGHT, LABELS, MEMORY, PERIOD, ROOM, RUNNING, VALUES, Numbers

CAPTURES = Path(__file__).parents[2] / "shared" / "conformance"
BLOCK = 30
"""Intervals that follow each other as they did."""

LEAST = 50
"""Intervals of 10 s that a capture of the mix has at least."""

_DAY = 86_400
_DISK_FIELDS = 17
_SECTORS = (2, 6)
_BYTES = (0, 8)

_LEVELS = np.array([RUNNING, BLOCKED, IN_FLIGHT, BTIME, MEMORY.start, ROOM.start, ROOM.start + 1])
_WALKS = dict.fromkeys(range(MEMORY.start + 1, MEMORY.stop), MEMORY.start)
_WALKS |= dict.fromkeys(range(ROOM.start + 2, ROOM.stop), ROOM.start + 1)
"""What goes up and down, and the column of the most that it can be."""

_IS_GAUGE = np.isin(np.arange(VALUES), [*_LEVELS, *_WALKS])


class UnusableCaptureError(Exception):
    """A capture cannot tell what 60 numbers do in 10 s."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """What was recorded of a host."""

    name: str
    times: tuple[int, ...]
    rows: Numbers
    """A row a sample, as the kernel said it."""

    @property
    def stride(self) -> int:
        """Samples from one to that 10 s later."""
        return PERIOD // (self.times[1] - self.times[0])

    @property
    def intervals(self) -> int:
        """Intervals of 10 s, end to end."""
        return (len(self.rows) - 1) // self.stride

    def numbers(self, machine: int, ticks: int) -> Numbers:
        """Return a machine's numbers, a row a tick, that move as the host's did."""
        chance = np.random.default_rng([machine, 60])
        length = min(BLOCK, max(1, self.intervals // 2))
        last = len(self.rows) - 1 - length * self.stride
        begins = chance.integers(0, last + 1, -(-ticks // length))
        within = np.arange(length) * self.stride
        at = (begins[:, np.newaxis] + within).ravel()[:ticks]
        after = self.rows[at + self.stride]
        steps = after - self.rows[at]
        start = self.rows[chance.integers(len(self.rows))]
        up = _DAY * 60 ** chance.random() / (self.times[0] - int(start[BTIME]))
        first = np.where(_IS_GAUGE, start, start * up).astype(np.int64)
        found = np.cumsum(steps, axis=0) + first
        found[:, _LEVELS] = after[:, _LEVELS]
        for column, most in _WALKS.items():
            turn = start[most]
            found[:, column] = turn - np.abs(found[:, column] % (2 * turn) - turn)
        return found


def fleet_of(hosts: list[Host]) -> Callable[[int, int], Numbers]:
    """Return what gives a machine's numbers, by its number and ticks; the hosts take turns."""
    return lambda machine, ticks: hosts[machine % len(hosts)].numbers(machine, ticks)


def captured(folder: Path = CAPTURES) -> list[Host]:
    """Return the hosts of a folder of captures that are long enough; none where it is absent."""
    found = []
    for path in sorted(folder.glob("*/capture.json")):
        try:
            each = read(path, path.parent.name)
        except UnusableCaptureError:
            continue
        if each.intervals >= LEAST:
            found.append(each)
    return found


def recorded(folder: Path, seconds: int = 150) -> Host:
    """Record this host, every second, and return it.

    Raises:
        ChildFailedError: it could not be recorded.
    """
    path = folder / "this-host.json"
    command = host.perfkit(
        *("collect", "--mode", "local", "--frequency", "1s", "--duration", f"{seconds}s"),
        *("--collection", str(path)),
    )
    host.run(command, cwd=folder)
    return read(path, "this host")


def read(path: Path, name: str) -> Host:
    """Read a capture.

    Raises:
        UnusableCaptureError: samples are missing, have no such numbers, or no period of which some
            make 10 s.
    """
    samples: dict[int, dict[str, str]] = defaultdict(dict)
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            samples[record["timestamp"]][record["subsystem"]] = record["measurement"]
    return host_of(name, samples)


def host_of(name: str, samples: dict[int, dict[str, str]]) -> Host:
    """Return a host by its kernel texts, by time and source; errors as of `read`."""
    whole = [at for at, texts in samples.items() if "statfs[*]" in texts and "/proc/stat" in texts]
    if len(whole) < 2:
        raise UnusableCaptureError(f"{name}: no samples of a host")
    gaps = {after - before for before, after in pairwise(whole)}
    if len(gaps) > 1 or PERIOD % min(gaps):
        raise UnusableCaptureError(f"{name}: expected a period that divides {PERIOD} s")
    last = samples[whole[-1]]
    nic = _busiest(_interfaces(last["/proc/net/dev"]), _BYTES, "lo")
    disk = _busiest(_disks(last["/proc/diskstats"]), _SECTORS, "dm-")
    rows = [_row(samples[at], nic, disk) for at in whole]
    return Host(name=name, times=tuple(whole), rows=np.array(rows, dtype=np.int64))


def _row(texts: dict[str, str], nic: str, disk: str) -> list[int]:
    stat = {line.split()[0]: line.split()[1:] for line in texts["/proc/stat"].splitlines() if line}
    memory = dict(line.split(":", 1) for line in texts["/proc/meminfo"].splitlines() if line)
    mounts = map(json.loads, texts["statfs[*]"].splitlines())
    root = next(mount for mount in mounts if mount["mount_point"] == "/")
    single = ("intr", "ctxt", "processes", "procs_running", "procs_blocked", "softirq", "btime")
    found = [
        *map(int, stat["cpu"]),
        *(int(stat[name][0]) for name in single),
        *(int(memory[label].split()[0]) for label in LABELS),
        *_interfaces(texts["/proc/net/dev"])[nic],
        *_disks(texts["/proc/diskstats"])[disk],
        *(root[key] for key in ("block_size", "blocks_total", "blocks_free", "blocks_available")),
    ]
    if len(found) != VALUES:
        raise UnusableCaptureError(f"expected {VALUES} numbers, found {len(found)}")
    return found


def _interfaces(text: str) -> dict[str, list[int]]:
    named = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name.strip(): [int(word) for word in numbers.split()] for name, numbers in named}


def _disks(text: str) -> dict[str, list[int]]:
    lines = (line.split() for line in text.splitlines() if line)
    return {words[2]: [int(word) for word in words[3 : 3 + _DISK_FIELDS]] for words in lines}


def _busiest(devices: dict[str, list[int]], fields: tuple[int, int], but: str) -> str:
    """Return the device that moved most; the disk comes before its only partition."""
    wanted = [name for name in devices if not name.startswith(but)]
    return max(wanted, key=lambda name: sum(devices[name][field] for field in fields))
