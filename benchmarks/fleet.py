"""A fleet: 25 machines over a day, a sample every 10 s of 60 numbers, the same for all stores.

As kernel text, the way a log of uploads holds it, and as numbers.  `real_hosts.py` has numbers that
move as on real hosts; those of `numbers` here are made up, for what does not hang on how they move:
loading and queries.  The room they take does, and says nothing of real hosts.
"""

import time
from collections.abc import Iterator
from itertools import count
from uuid import UUID

import numpy as np
import numpy.typing as npt

from perfkit.record import Record, canonical_line
from perfkit.store.log.frame import Encoder, Header, LoggedFrame, Place, text_of

MACHINES = 25
PERIOD = 10
TICKS = 8640
VALUES = 60
START = (int(time.time()) - 86_400) // 64_800 * 64_800
"""A day ago and more, where a block of 18 h of Prometheus begins."""

_UPLOAD = 6
"""Samples an upload."""

_CPU = slice(0, 10)
_INTR, _CTXT, _FORKS, RUNNING, BLOCKED, _SOFTIRQ, BTIME = range(10, 17)
MEMORY = slice(17, 23)
_NET = slice(23, 39)
_DISK = slice(39, 56)
IN_FLIGHT = 47
ROOM = slice(56, 60)

_STEPS = np.array(
    [
        *(300, 0, 90, 900, 9, 0, 7, 3, 0, 0, 4000, 9000, 20, 0, 0, 5000, 0),
        *(0, 0, 0, 0, 0, 0),
        *(90_000, 70, 0, 0, 0, 0, 0, 3, 60_000, 60, 0, 0, 0, 0, 0, 0),
        *(40, 8, 900, 50, 30, 20, 800, 90, 0, 70, 150, 2, 1, 60, 1, 9, 11),
        *(0, 0, 0, 0),
    ]
)
"""The most that a counter gains in an interval; 0 for gauges and for what stands still."""

_BUSY = 100
"""A counter that gains so much at a time gains something every time."""

_GAUGES = {RUNNING: (1, 4), BLOCKED: (0, 2), 18: (200_000, 900_000), 19: (900_000, 2_000_000)}
_GAUGES |= {20: (30_000, 31_000), 21: (800_000, 810_000), 22: (90_000, 92_000), IN_FLIGHT: (0, 3)}
_GAUGES |= {58: (6_400_000, 6_500_000), 59: (6_100_000, 6_200_000)}
_STILL = {BTIME: 1_690_000_000, 17: 4_004_576, 56: 4096, 57: 7_344_928}
LABELS = ("MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "Slab")

Numbers = npt.NDArray[np.int64]


def numbers(machine: int, ticks: int = TICKS) -> Numbers:
    """Return a machine's numbers, a row a tick."""
    chance = np.random.default_rng(machine)
    gained = chance.integers(0, _STEPS + 1, size=(ticks, VALUES))
    rests = chance.random((ticks, VALUES)) < 0.4
    gained[rests & (_STEPS < _BUSY)] = 0
    found = np.cumsum(gained, axis=0) + chance.integers(0, 10**8, VALUES) * (_STEPS > 0)
    for column, (low, high) in _GAUGES.items():
        if high - low > 100:  # what holds much goes up and down by little, and turns at the ends
            turn = high - low
            walk = np.cumsum(chance.integers(-900, 901, ticks)) + chance.integers(0, turn)
            found[:, column] = low + np.abs(walk % (2 * turn) - turn)
        else:
            found[:, column] = chance.integers(low, high, ticks)
    for column, value in _STILL.items():
        found[:, column] = value
    return found


def text(timestamp: int, row: list[int]) -> bytes:
    """Return the lines of one sample."""
    stat = (
        f"cpu  {_spaced(row[_CPU])}\nintr {row[_INTR]} 0 9 0 0\nctxt {row[_CTXT]}\n"
        f"btime {row[BTIME]}\nprocesses {row[_FORKS]}\nprocs_running {row[RUNNING]}\n"
        f"procs_blocked {row[BLOCKED]}\nsoftirq {row[_SOFTIRQ]} 0 5\n"
    )
    memory = "".join(
        f"{label + ':':<16}{value:>8} kB\n"
        for label, value in zip(LABELS, row[MEMORY], strict=True)
    )
    net = f"Inter-|   Receive  |  Transmit\n face |bytes  |bytes\n  eth0: {_spaced(row[_NET])}\n"
    disk = f"   8       0 sda {_spaced(row[_DISK])}\n"
    size, total, free, available = row[ROOM]
    room = (
        f'{{"mount_point":"/","block_size":{size},"blocks_total":{total},'
        f'"blocks_free":{free},"blocks_available":{available}}}\n'
    )
    texts = {
        "/proc/stat": stat,
        "/proc/meminfo": memory,
        "/proc/net/dev": net,
        "/proc/diskstats": disk,
        "statfs[*]": room,
    }
    records = (Record(timestamp, name, each.encode()) for name, each in texts.items())
    return b"".join(map(canonical_line, records))


def _spaced(row: list[int]) -> str:
    return " ".join(map(str, row))


class Log:
    """Makes frames as the upload log holds them: compressed, read back by whoever loads them."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._encode = Encoder().frame

    def frame(self, machine: int, lines: bytes) -> LoggedFrame:
        """Return the next frame."""
        place = Place(1, next(self._numbers))
        header = Header(
            UUID(int=machine + 1).bytes,
            UUID(int=1000 + machine).bytes,
            place.frame * 100,
            lines.count(b"\n"),
            0,
            0,
            time.time_ns(),
            0,
            0,
            len(lines),
            place.frame,
            bytes(32),
        )
        packed = self._encode(header, lines)
        return LoggedFrame(place, header, lambda: text_of(packed, "log"))


def batches(
    log: Log, fleet: list[Numbers], first: int, ticks: int, *, samples: int = 3000
) -> Iterator[list[LoggedFrame]]:
    """Yield the frames of some ticks, in transactions of so many samples."""
    batch: list[LoggedFrame] = []
    for tick in range(first, first + ticks, _UPLOAD):
        for machine, rows in enumerate(fleet):
            lines = b"".join(
                text(START + PERIOD * at, rows[at].tolist())
                for at in range(tick, min(tick + _UPLOAD, first + ticks))
            )
            batch.append(log.frame(machine, lines))
            if len(batch) * _UPLOAD >= samples:
                yield batch
                batch = []
    if batch:
        yield batch
