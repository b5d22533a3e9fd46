"""Builders for intervals and views, and a recorder that writes what a test asks for."""

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from perfkit.derive import (
    ALL_CPUS,
    CpuShares,
    DiskRates,
    FileSystemUse,
    Gap,
    Interval,
    Memory,
    NetRates,
    System,
)
from perfkit.live.view import Host, View


def filled(kind: type[msgspec.Struct], value: float, **fields: object) -> msgspec.Struct:
    return kind(**{**dict.fromkeys(kind.__struct_fields__, value), **fields})


@pytest.fixture
def an_interval() -> Callable[..., Interval]:
    """Return a maker of intervals of a host with so many CPUs, disks and interfaces."""

    def make(*, cpus: int = 2, disks: int = 2, nets: int = 2, mounts: int = 1) -> Interval:
        def share(number: int) -> CpuShares:
            return filled(CpuShares, 0.0, usr_percent=float(number % 97), idle_percent=3.0)

        return Interval(
            timestamp=1_700_000_010,
            ns=0,
            seconds=1.0,
            cpus={ALL_CPUS: share(38), **{number: share(number) for number in range(cpus)}},
            system=filled(System, 12.0, running=3, blocked=0),
            memory=filled(
                Memory,
                1024,
                total_kb=16 * 1024**2,
                used_kb=4 * 1024**2,
                used_percent=25.0,
                swap_used_percent=12.5,
            ),
            net={f"eth{n}": filled(NetRates, float(n)) for n in range(nets)},
            disks={
                f"sd{chr(97 + n)}": filled(DiskRates, float(n), util_percent=float(n % 100))
                for n in range(disks)
            },
            filesystems={
                "/" if n == 0 else f"/a/rather/long/mount/point/{n}": filled(
                    FileSystemUse, 4096, user_used_percent=68.6
                )
                for n in range(mounts)
            },
            gaps=(),
        )

    return make


@pytest.fixture
def a_view(an_interval: Callable[..., Interval]) -> Callable[..., View]:
    """Return a maker of views of such a host."""

    def make(*, gaps: tuple[Gap, ...] = (), **counts: int) -> View:
        view = View(
            host=Host(name="web1", kernel="Linux 6.1.0-18-amd64"),
            period_seconds=1,
            capture="/home/you/.local/state/perfkit/capture.json.gz",
            capture_bytes=45_677,
            running_seconds=83.0,
            samples=84,
            interval=msgspec.structs.replace(an_interval(**counts), gaps=gaps),
        )
        view.history.extend([0.0, 50.0, 100.0])
        return view

    return make


RECORDER = '''
"""Writes ticks to a capture at once, then does as it is told."""
import json, os, signal, sys

path, ticks, ending = sys.argv[1], int(sys.argv[2]), sys.argv[3]
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # one that comes early waits


def line(timestamp, subsystem, text):
    return json.dumps({"timestamp": timestamp, "subsystem": subsystem, "measurement": text}) + "\\n"


def tick(n):
    at, busy = 1700000000 + n, n * 25
    stat = f"cpu  {busy} 0 0 {n * 75} 0 0 0 0 0 0\\n"
    stat += f"ctxt {n * 100}\\nbtime 1690000000\\nprocesses {n}\\n"
    stat += "procs_running 1\\nprocs_blocked 0\\n"
    host = json.dumps({"hostname": "fake-host", "kernel": "9.9"})
    return line(at, "perfkit/host", host) + line(at, "/proc/stat", stat)


print("perfkit: recording begins", file=sys.stderr, flush=True)
if ending == "refuse":
    print("perfkit: capture is in use by process 1", file=sys.stderr, flush=True)
    sys.exit(2)
with open(path, "a") as capture:
    for n in range(ticks):
        capture.write(tick(n))
    capture.flush()
    if ending == "interrupt":
        os.kill(os.getppid(), signal.SIGINT)
    if ending == "hangup":
        os.kill(os.getppid(), signal.SIGHUP)
    if ending != "done":
        signal.sigwait([signal.SIGTERM])
        capture.write(tick(ticks))
print("perfkit: recording ends", file=sys.stderr, flush=True)
'''


@pytest.fixture
def recorder(tmp_path: Path) -> Callable[..., list[str]]:
    """Return a maker of commands that record so many ticks, then end as asked."""
    script = tmp_path / "recorder.py"
    script.write_text(RECORDER, encoding="utf-8")

    def make(capture: Path, ticks: int, ending: str) -> list[str]:
        return [sys.executable, "-S", str(script), str(capture), str(ticks), ending]

    return make
