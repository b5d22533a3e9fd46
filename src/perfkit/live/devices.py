"""Which disks and interfaces a person means, and how busy a row is."""

import re
from collections.abc import Iterable

from perfkit.derive import CpuShares, DiskRates, NetRates

_NOT_A_DISK = re.compile(r"(loop|ram|zram|sr|fd|nbd)\d+")
_STACKED = re.compile(r"(dm-|md|drbd|bcache)\d+")
_PARTITION = re.compile(r"(.*\d)p\d+|(.*\D)\d+")
_NOT_A_LINK = re.compile(r"lo|(docker|br-|veth|cni|virbr|tun).*")


def worth_showing(disks: dict[str, DiskRates]) -> list[str]:
    """Return the devices of a list for people, in the kernel's order.

    No partitions, whose disk is there too; loop, RAM, optical and floppy devices only while they
    are in use.
    """
    return [
        name
        for name, rates in disks.items()
        if _disk_of(name) not in disks
        and (_NOT_A_DISK.fullmatch(name) is None or rates.transfers_per_second > 0)
    ]


def whole_disks(disks: dict[str, DiskRates]) -> list[str]:
    """Return the devices whose sum counts every request once.

    Without what is stacked on other devices (device-mapper, md, loop): a request to it is counted
    at those again.
    """
    return [
        name
        for name in disks
        if _disk_of(name) not in disks
        and _NOT_A_DISK.fullmatch(name) is None
        and _STACKED.fullmatch(name) is None
    ]


def _disk_of(name: str) -> str | None:
    """Return the disk that a partition's name speaks of: sda of sda1, nvme0n1 of nvme0n1p2."""
    found = _PARTITION.fullmatch(name)
    return None if found is None else found.group(1) or found.group(2)


def links(names: Iterable[str]) -> list[str]:
    """Return the interfaces through which traffic leaves the host: no loopback, bridge or tunnel.

    The same list of names as `portal.csv` goes by.
    """
    return [name for name in names if _NOT_A_LINK.fullmatch(name) is None]


def busy(cpu: CpuShares) -> float:
    """Return the share of time that a CPU could give to nobody else, in percent.

    Not iowait: such a CPU is idle.  Summed from what never steps back.
    """
    return (
        cpu.usr_percent
        + cpu.nice_percent
        + cpu.system_percent
        + (cpu.irq_percent or 0)
        + (cpu.soft_percent or 0)
        + (cpu.steal_percent or 0)
    )


def disk_load(disk: DiskRates) -> tuple[float, float]:
    """Return what disks are ordered by: use, then requests."""
    return disk.util_percent or 0, disk.transfers_per_second


def link_load(net: NetRates) -> float:
    """Return what interfaces are ordered by: bytes in both directions."""
    return net.rx_kb_per_second + net.tx_kb_per_second
