"""Two samples in, what changed between them out: the one place where counters become rates.

Pure: no clock, no file, no state.  What is not known is not made up: a counter that went
backwards, a device that came or went, a host that booted and a clock that was set give no rate
but a `Gap` that says why.  The names that reports use stand in `perfkit.columns`.

    samples → (before, after) → interval() → Interval → columns → CSV, table, page

The CSV of the original has its own arithmetic (`perfkit.report.original`); a test holds it equal
to this wherever the rules agree.
"""

from typing import TYPE_CHECKING

import msgspec

from perfkit.derive.devices import disk_rows, file_system_rows, net_rows
from perfkit.derive.gaps import Gap, Reason
from perfkit.derive.host import ALL_CPUS, cpu_rows, memory_row, system_gauges, system_row
from perfkit.derive.rows import CpuShares, DiskRates, FileSystemUse, Memory, NetRates, System
from perfkit.units import NS_PER_SECOND

if TYPE_CHECKING:
    from perfkit.samples import Sample

__all__ = [
    "ALL_CPUS",
    "CpuShares",
    "DiskRates",
    "FileSystemUse",
    "Gap",
    "Interval",
    "Memory",
    "NetRates",
    "Reason",
    "System",
    "interval",
]


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """What happened from one sample to the next, and the gauges of the later one."""

    timestamp: int
    """Unix time of the later sample's tick, whole seconds."""

    ns: int
    """Its real time as an offset from `timestamp`, in nanoseconds."""

    seconds: float
    """Real time between the samples; 0 or less is a gap without rates."""

    cpus: dict[int, CpuShares]
    """By number of the CPU; ALL_CPUS first."""

    system: System | None
    """Scheduling; None where /proc/stat is not in the later sample."""

    memory: Memory | None
    """None where /proc/meminfo is not in the later sample."""

    net: dict[str, NetRates]
    """By name of the interface, in the kernel's order."""

    disks: dict[str, DiskRates]
    """By name of the block device, in the kernel's order."""

    filesystems: dict[str, FileSystemUse]
    """By mount point, in the recorder's order."""

    gaps: tuple[Gap, ...]
    """Everything there is no rate for, and why."""


def interval(before: "Sample", after: "Sample") -> Interval:
    """Return what changed from one sample to the next.

    Sources that neither sample has are no gap: they were never recorded.  Where nothing can have
    a rate (`Gap.table` empty), gauges are given all the same.
    """
    elapsed_ns = (after.timestamp - before.timestamp) * NS_PER_SECOND
    elapsed_ns += (after.ns or 0) - (before.ns or 0)
    seconds = elapsed_ns / NS_PER_SECOND
    gaps: list[Gap] = []
    broken = _broken(before, after, seconds)
    if broken is None:
        cpus = cpu_rows(before.stat, after.stat, gaps)
        system = system_row(before.stat, after.stat, seconds, gaps)
        net = net_rows(before.net_dev, after.net_dev, seconds, gaps)
        disks = disk_rows(before.diskstats, after.diskstats, seconds, gaps)
    else:
        gaps.append(Gap(table="", device="", reason=broken))
        cpus, net, disks = {}, {}, {}
        system = system_gauges(after.stat)
    return Interval(
        timestamp=after.timestamp,
        ns=after.ns or 0,
        seconds=seconds,
        cpus=cpus,
        system=system,
        memory=memory_row(after.meminfo),
        net=net,
        disks=disks,
        filesystems=file_system_rows(after.statfs),
        gaps=tuple(gaps),
    )


def _broken(before: "Sample", after: "Sample", seconds: float) -> Reason | None:
    """Return why nothing has a rate, or None."""
    booted = _boot_times(before, after)
    # Later than the first sample: no step of the clock that leaves the elapsed time usable.
    if booted and booted[1] > before.timestamp:
        return Reason.REBOOTED
    if seconds <= 0:
        return Reason.NO_TIME
    # The kernel works its boot time out from the clock: it moves when that is set.  Rounding moves
    # it by one second, slewing by less than a thousandth of the time.
    if booted and abs(booted[1] - booted[0]) > max(1, seconds / 100):
        return Reason.CLOCK_STEPPED
    return None


def _boot_times(before: "Sample", after: "Sample") -> tuple[int, int] | None:
    if before.stat is None or after.stat is None:
        return None
    old, new = before.stat.boot_time_seconds, after.stat.boot_time_seconds
    return None if old is None or new is None else (old, new)
