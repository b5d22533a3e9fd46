"""A host of files, and a clock that does what a test says."""

import json
import time
from collections.abc import Callable
from pathlib import Path

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND

FILES = {
    "proc/stat": b"cpu  1 2 3 4 5 6 7 8 9 10\n",
    "proc/meminfo": b"MemTotal:  1000 kB\n",
    "proc/net/dev": b"Inter-|\n face |\n lo: 1 2\n",
    "proc/diskstats": b" 8 0 sda 1 2 3\n",
    "proc/cpuinfo": b"processor\t: 0\n\n",
    "proc/sys/kernel/hostname": b"web1\n",
    "proc/sys/kernel/osrelease": b"6.8.0\n",
    "proc/sys/kernel/random/boot_id": b"11111111-2222-3333-4444-555555555555\n",
    "sys/devices/system/cpu/online": b"0-1\n",
    "etc/machine-id": b"0123456789abcdef0123456789abcdef\n",
    "etc/os-release": b'NAME="x"\nPRETTY_NAME="Test Linux 1"\n',
    "statfs": (
        b'{"mount_point":"/","block_size":4096,"blocks_total":9,"blocks_free":7,'
        b'"blocks_available":6}\n'
    ),
}


def make_host(root: Path, **changes: bytes | None) -> Path:
    """Write a tree that `--root` can read; a change replaces a file, None leaves it out."""
    for name, text in {**FILES, **changes}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(text)
    return root


class ScriptedClock:
    """A clock that moves only by sleeping; `events` happen after the sleep of their number."""

    def __init__(
        self, events: dict[int, Callable[["ScriptedClock"], int | None]] | None = None
    ) -> None:
        self.wall = START
        self.boot = 500 * SECOND
        self.mono = 400 * SECOND
        self.events = events or {}
        self.sleeps: list[int] = []
        self.alarms: list[int] = []

    def gettime(self, clock: int) -> int:
        return {
            time.CLOCK_REALTIME: self.wall,
            time.CLOCK_BOOTTIME: self.boot,
            time.CLOCK_MONOTONIC: self.mono,
        }[clock]

    def offset(self) -> int:
        return self.wall - self.boot

    def is_ending(self) -> bool:
        return False

    def advance(self, duration: int) -> None:
        self.wall += duration
        self.boot += duration
        self.mono += duration

    def sleep(self, duration: int) -> int | None:
        self.advance(max(0, duration))
        self.sleeps.append(duration)
        event = self.events.get(len(self.sleeps))
        return event(self) if event else None

    def set_alarm(self, seconds: int) -> None:
        self.alarms.append(seconds)

    def wait_for_alarm(self) -> None:
        raise AssertionError("no alarm is set in these tests")


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]
