"""portal.csv: one row a sample for the portal's import; lines end in CR LF.

    timestamp,cpu_user,cpu_system,cpu_idle,cpu_iowait,cpu_steal,mem_total_kb,mem_used_kb,mem_free_kb,
    mem_cached_kb,disk_read_bytes,disk_write_bytes,net_rx_bytes,net_tx_bytes

A row for each time that has a row for all CPUs in proc/stat and one in proc/meminfo, made of the
rows of the other files: cpu_* as printed there; mem_total_kb is free + used + buffers + cached, so
MemTotal without Slab; disk and net are bytes a second, cut to whole ones, 0 where there is no row.

The disk is the first of sda, vda and nvme0n1 that has a row, else the first that is no loop, RAM or
optical device, device-mapper or RAID volume, else the first.  The interface is the first that is
not lo and not made for containers or tunnels, else the first that is not lo: the original took any.
"""

from collections.abc import Callable, Mapping
from itertools import repeat

import msgspec

from perfkit.report.original.rows import Row, Rows
from perfkit.report.original.stat import ALL_CPUS
from perfkit.report.original.table import Column
from perfkit.units import KIB, SECTOR_BYTES

HEADING = (
    "timestamp,cpu_user,cpu_system,cpu_idle,cpu_iowait,cpu_steal,"
    "mem_total_kb,mem_used_kb,mem_free_kb,mem_cached_kb,"
    "disk_read_bytes,disk_write_bytes,net_rx_bytes,net_tx_bytes"
)

_NEVER = 9

_MAIN_DISKS = ("sda", "vda", "nvme0n1")
_NO_DISKS = ("loop", "ram", "zram", "sr", "fd", "dm-", "md")
_NO_INTERFACES = ("docker", "br-", "veth", "cni", "virbr", "tun")

Rank = Callable[[str], int]
"""How good a device's name is, 0 the best; _NEVER is not taken."""


def disk_rank(name: str | None) -> Rank:
    """Return the rank of a disk: the one of this name, or the main one."""
    if name is not None:
        return _only(name)

    def rank(disk: str) -> int:
        if disk in _MAIN_DISKS:
            return 0
        return 2 if disk.startswith(_NO_DISKS) else 1

    return rank


def interface_rank(name: str | None) -> Rank:
    """Return the rank of an interface: the one of this name, or the main one."""
    if name is not None:
        return _only(name)

    def rank(interface: str) -> int:
        if interface == "lo":
            return _NEVER
        return 1 if interface.startswith(_NO_INTERFACES) else 0

    return rank


def _only(name: str) -> Rank:
    return lambda found: 0 if found == name else _NEVER


class Portal:
    """The rows of portal.csv.

    Args:
        rows: Where they go.
        disk: Ranks disks.
        interface: Ranks interfaces.
    """

    def __init__(self, rows: Rows, disk: Rank, interface: Rank) -> None:
        self.rows = rows
        self._disk = disk
        self._interface = interface

    def add(
        self,
        stat: Mapping[str, Column],
        meminfo: Mapping[str, Column],
        net_dev: Mapping[str, Column],
        diskstats: Mapping[str, Column],
    ) -> None:
        """Take the rows that a block of samples gave in the other files, by device."""
        if ALL_CPUS not in stat or not meminfo:
            return
        disks = _best(diskstats, self._disk)
        interfaces = _best(net_dev, self._interface)
        nothing = repeat(None)
        self.rows.pending += [
            _row(cpus, memory, disk, interface)
            for cpus, memory, disk, interface in zip(
                stat[ALL_CPUS], meminfo[""], disks or nothing, interfaces or nothing, strict=False
            )
            if cpus and memory
        ]


def _best(columns: Mapping[str, Column], rank: Rank) -> Column:
    """Return at each time the row of the best device that has one."""
    ranks = {name: rank(name) for name in columns}
    names = sorted((name for name in columns if ranks[name] < _NEVER), key=ranks.__getitem__)
    if not names:
        return ()
    best = columns[names[0]]
    if None not in best or len(names) == 1:
        return best
    return [
        next((row for row in rows if row is not None), None)
        for rows in zip(*(columns[name] for name in names), strict=True)
    ]


def _row(stat: Row, meminfo: Row, disk: Row | None, interface: Row | None) -> Row:
    stamp, _, user, _, system, iowait, steal, idle = stat
    _, free, _, used, _, buffers, cached, _, _, _, _, _ = meminfo
    # Those columns are whole kB.
    total: int = free + used + buffers + cached  # type: ignore[operator,assignment]
    read, written = _bytes(disk, 6, SECTOR_BYTES)
    received, sent = _bytes(interface, 4, KIB)
    return (
        stamp,
        user,
        system,
        idle,
        iowait,
        steal,
        total,
        used,
        free,
        cached,
        read,
        written,
        received,
        sent,
    )


def _bytes(row: Row | None, column: int, factor: int) -> tuple[int, int]:
    """Return two rates of a device's row in whole bytes a second; an idle one's row is short."""
    if row is None or len(row) <= column:
        return 0, 0
    first, second = row[column], row[column + 1]
    if isinstance(first, msgspec.Raw):
        first = float(bytes(first))
    if isinstance(second, msgspec.Raw):
        second = float(bytes(second))
    return int(first * factor), int(second * factor)
