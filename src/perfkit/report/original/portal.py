"""portal.csv: one row a sample for the portal's import; lines end in CR LF.

    timestamp,cpu_user,cpu_system,cpu_idle,cpu_iowait,cpu_steal,mem_total_kb,mem_used_kb,mem_free_kb,
    mem_cached_kb,disk_read_bytes,disk_write_bytes,net_rx_bytes,net_tx_bytes

A row for each time that has a row for all CPUs in proc/stat and one in proc/meminfo, made of the
rows of the other files: cpu_* as printed there; mem_total_kb is free + used + buffers + cached, so
MemTotal without Slab; disk and net are bytes a second, cut to whole ones, 0 where there is no such
device at all.

Disk and interface are chosen once, among those that have the first row; where theirs has no row (a
reset, a boot) the two fields stay empty, and no other device's figures are shown.  The
disk is the first of sda, vda and nvme0n1, else the first that is no loop, RAM or optical device,
device-mapper or RAID volume, else the first.  The interface is the first that is not lo and not
made for containers or tunnels, else the first that is not lo: the original took any.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import repeat
from operator import itemgetter

import msgspec

from perfkit.errors import UsageError
from perfkit.report.original.rows import Cell, Row, Rows
from perfkit.report.original.stat import ALL_CPUS
from perfkit.report.original.table import Column
from perfkit.units import KIB, SECTOR_BYTES

HEADING = (
    "timestamp,cpu_user,cpu_system,cpu_idle,cpu_iowait,cpu_steal,"
    "mem_total_kb,mem_used_kb,mem_free_kb,mem_cached_kb,"
    "disk_read_bytes,disk_write_bytes,net_rx_bytes,net_tx_bytes"
)

_NEVER = 9
_TOLD = 20
"""Names that a message lists."""

_BLANK = msgspec.Raw(b"")

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


class _Device:
    """The one device whose rates are told: chosen once, so that no row shows another's.

    Args:
        rank: Ranks names.
    """

    def __init__(self, rank: Rank) -> None:
        self.seen: dict[str, None] = {}
        """Names that were there, the first few."""
        self.has_come = False
        """Whether there was any that may be chosen."""
        self._name: str | None = None
        self._rank = rank

    def rows(self, columns: Mapping[str, Column]) -> Iterable[Row | None]:
        """Return its row at each time, None where it has none; short ones without a device."""
        if self._name is None:
            self._choose(columns)
        if self._name is not None:
            return columns.get(self._name) or repeat(None)
        return repeat(None if self.has_come else ())

    def _choose(self, columns: Mapping[str, Column]) -> None:
        """Take the best of those that have the first row, wherever in the block that is."""
        self.seen.update(dict.fromkeys([*columns][: _TOLD - len(self.seen)]))
        found: list[tuple[int, int, str]] = []
        for name, rows in columns.items():
            rank = self._rank(name)
            if rank != _NEVER:
                self.has_come = True
                first = next((place for place, row in enumerate(rows) if row is not None), None)
                if first is not None:
                    found.append((first, rank, name))
        if found:
            *_, self._name = min(found, key=itemgetter(0, 1))


class Portal:
    """The rows of portal.csv.

    Args:
        rows: Where they go.
        disk: The disk to tell of; None: the main one.
        interface: The interface; None: the main one.
    """

    def __init__(self, rows: Rows, disk: str | None = None, interface: str | None = None) -> None:
        self.rows = rows
        self.blanks = 0
        """Rows in which the disk or the interface has no figure."""
        self._disk = _Device(disk_rank(disk))
        self._interface = _Device(interface_rank(interface))
        self._named = (("--disk", disk, self._disk), ("--interface", interface, self._interface))

    def add(
        self,
        stat: Mapping[str, Column],
        meminfo: Mapping[str, Column],
        net_dev: Mapping[str, Column],
        diskstats: Mapping[str, Column],
    ) -> None:
        """Take the rows that a block of samples gave in the other files, by device."""
        disks = self._disk.rows(diskstats)
        interfaces = self._interface.rows(net_dev)
        if ALL_CPUS not in stat or not meminfo:
            return
        for cpus, memory, disk, interface in zip(
            stat[ALL_CPUS], meminfo[""], disks, interfaces, strict=False
        ):
            if cpus and memory:
                self.rows.pending.append(_row(cpus, memory, disk, interface))
                self.blanks += disk is None or interface is None

    def check(self) -> None:
        """Refuse a device that was named and never came.

        Raises:
            UsageError: with those that came.
        """
        for option, name, device in self._named:
            if name is not None and not device.has_come:
                known = ", ".join(map(repr, device.seen)) or "none"
                raise UsageError(f"{option} {name!r}: not in the capture, which has {known}")


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


def _bytes(row: Row | None, column: int, factor: int) -> tuple[Cell, Cell]:
    """Return two rates of a device's row in whole bytes a second; an idle one's row is short."""
    if row is None:
        return _BLANK, _BLANK
    if len(row) <= column:
        return 0, 0
    first, second = row[column], row[column + 1]
    if isinstance(first, msgspec.Raw):
        first = float(bytes(first))
    if isinstance(second, msgspec.Raw):
        second = float(bytes(second))
    return int(first * factor), int(second * factor)
