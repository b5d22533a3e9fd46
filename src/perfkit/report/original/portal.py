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

from collections.abc import Callable, Sequence
from itertools import islice

import msgspec

from perfkit.report.original.rows import BATCH, Cell, Rows, name_text
from perfkit.units import KIB, SECTOR_BYTES

HEADING = (
    "timestamp,cpu_user,cpu_system,cpu_idle,cpu_iowait,cpu_steal,"
    "mem_total_kb,mem_used_kb,mem_free_kb,mem_cached_kb,"
    "disk_read_bytes,disk_write_bytes,net_rx_bytes,net_tx_bytes"
)

_ALL_CPUS = -1
_NEVER = 9
_KNOWN_CELLS = 1000
"""Cells whose rank is remembered: names that come and go must not pile up."""

_MAIN_DISKS = ("sda", "vda", "nvme0n1")
_NO_DISKS = ("loop", "ram", "zram", "sr", "fd", "dm-", "md")
_NO_INTERFACES = ("docker", "br-", "veth", "cni", "virbr", "tun")

Row = tuple[Cell, ...]


class Choice:
    """Picks one device's row: the first of the best rank.

    Args:
        rank: How good a name is, 0 the best; _NEVER is not taken.
    """

    def __init__(self, rank: Callable[[str], int]) -> None:
        self._rank = rank
        # By identity: cells are made once a device, and a Raw has no hash of its content.  The
        # cell is kept with its rank so that its identity is not used again.
        self._ranks: dict[int, tuple[int, Cell]] = {}

    def of(self, rows: Sequence[Row], start: int) -> Row | None:
        """Return the row of the best device among those from `start` on, or None."""
        best, found = _NEVER, None
        ranks = self._ranks
        for row in islice(rows, start, None):
            cell = row[1]
            known = ranks.get(id(cell))
            rank = known[0] if known else self._ranked(cell)
            if rank < best:
                if rank == 0:
                    return row
                best, found = rank, row
        return found

    def _ranked(self, cell: Cell) -> int:
        if len(self._ranks) >= _KNOWN_CELLS:
            self._ranks.clear()
        rank = self._rank(_name(cell))
        self._ranks[id(cell)] = (rank, cell)
        return rank


def disk_choice(name: str | None) -> Choice:
    """Return how to pick the disk: the one of this name, or the main one."""
    if name is not None:
        return Choice(_only(name))

    def rank(disk: str) -> int:
        if disk in _MAIN_DISKS:
            return 0
        return 2 if disk.startswith(_NO_DISKS) else 1

    return Choice(rank)


def interface_choice(name: str | None) -> Choice:
    """Return how to pick the interface: the one of this name, or the main one."""
    if name is not None:
        return Choice(_only(name))

    def rank(interface: str) -> int:
        if interface == "lo":
            return _NEVER
        return 1 if interface.startswith(_NO_INTERFACES) else 0

    return Choice(rank)


def _only(name: str) -> Callable[[str], int]:
    wanted = name_text(name).decode("latin-1")
    return lambda found: 0 if found == wanted else _NEVER


def _name(cell: Cell) -> str:
    """Return the name in a cell; behind it may stand the rates of a device that did nothing."""
    text = bytes(cell) if isinstance(cell, msgspec.Raw) else b""
    return text.partition(b",")[0].decode("latin-1")


class Portal:
    """The rows of portal.csv.

    Args:
        rows: Where they go.
        tables: The rows that they are made of: of proc/stat, proc/meminfo, proc/net/dev and
            proc/diskstats.
        disk: Picks the disk.
        interface: Picks the interface.
    """

    def __init__(self, rows: Rows, tables: Sequence[Rows], disk: Choice, interface: Choice) -> None:
        self.rows = rows
        self._stat, self._meminfo, self._net_dev, self._diskstats = (
            table.pending for table in tables
        )
        self._disk = disk
        self._interface = interface

    def add(self, starts: Sequence[int]) -> None:
        """Take the rows that one sample gave in the other files.

        Args:
            starts: Where they begin among the pending rows of each.
        """
        stat, meminfo, net_dev, diskstats, *_ = starts
        if len(self._stat) == stat or len(self._meminfo) == meminfo:
            return
        stamp, cpu, user, _, system, iowait, steal, idle = self._stat[stat]
        if cpu != _ALL_CPUS:
            return
        row = self._meminfo[meminfo]
        free, used, buffers, cached = row[1], row[3], row[5], row[6]
        # Those columns are whole kB.
        total: int = free + used + buffers + cached  # type: ignore[operator,assignment]
        disk = self._disk.of(self._diskstats, diskstats)
        interface = self._interface.of(self._net_dev, net_dev)
        pending = self.rows.pending
        pending.append(
            (
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
                _bytes(disk, 6, SECTOR_BYTES),
                _bytes(disk, 7, SECTOR_BYTES),
                _bytes(interface, 4, KIB),
                _bytes(interface, 5, KIB),
            )
        )
        if len(pending) >= BATCH:
            self.rows.flush()


def _bytes(row: Row | None, column: int, factor: int) -> int:
    """Return a rate of a device's row in whole bytes a second."""
    if row is None or len(row) <= column:
        return 0
    rate = row[column]
    return int((float(bytes(rate)) if isinstance(rate, msgspec.Raw) else rate) * factor)
