"""Samples in, rows of all files out, in one pass."""

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from perfkit.errors import ParseError
from perfkit.process.cut import DISKSTATS, MEMINFO, NET_DEV, STAT, STATFS, Bodies
from perfkit.process.summary import Summary
from perfkit.process.tree import OutputTree
from perfkit.record import Record
from perfkit.report.original import containers as containers_csv
from perfkit.report.original import diskstats, meminfo, net_dev, portal, stat, statfs, system_info
from perfkit.report.original.boot import BootTime
from perfkit.report.original.rows import BATCH, Rows
from perfkit.report.original.table import NO_TIME, REBOOTED, Report, Table
from perfkit.units import NS_PER_SECOND

_NAMES = ("proc/stat", "proc/meminfo", "proc/net/dev", "proc/diskstats", "statfs_ALL")
_HEADINGS = (stat.HEADING, meminfo.HEADING, net_dev.HEADING, diskstats.HEADING, statfs.HEADING)
PORTAL = "portal.csv"
FILES = (*_NAMES, system_info.NAME, PORTAL, containers_csv.NAME)
"""All files that a capture may become."""

REPEATED = "twice in one sample, the later text counts"

_NS_PER_MS = 1_000_000


class Conversion:
    """The tables of one capture; a `cut.Taker`.

    Args:
        tree: Where files go.
        summary: Takes what there is to say.
        every_interval: Begin with s1 against s0, and keep no rule that hides a reset.
        disk: The disk of portal.csv; None: the main one.
        interface: Its network interface; None: the main one.
        container_names: Name of a container by its full id.
    """

    def __init__(
        self,
        tree: OutputTree,
        summary: Summary,
        *,
        every_interval: bool,
        disk: str | None = None,
        interface: str | None = None,
        container_names: Mapping[str, str] | None = None,
    ) -> None:
        self._tree = tree
        self._summary = summary
        self._every_interval = every_interval
        self._container_names = container_names or {}
        self._tables = self._all_tables()
        self._portal = portal.Portal(
            Rows(partial(tree.open, PORTAL), portal.HEADING, end=b"\r\n"),
            [table.rows for table in self._tables[:STATFS]],
            portal.disk_choice(disk),
            portal.interface_choice(interface),
        )
        self._containers: containers_csv.Containers | None = None
        self._has_system_info = False
        self._is_fractional = False
        self._boot_id: str | None = None
        self._boot_time = BootTime()
        self._is_rebooted = False
        self._at: int | None = None
        self._line = 0

    def sample(self, timestamp: int, ns: int, bodies: Bodies, lines: Sequence[int]) -> None:
        """Take one sample, and gather its rows."""
        at = timestamp * NS_PER_SECOND + (ns if self._is_fractional else 0)
        summary = self._summary
        summary.sample(at)
        if summary.samples == 2 and not self._every_interval:
            return  # The original compares the third sample with the first.
        self._forget_before_break(at, bodies, lines)
        is_first = self._at is None and not self._every_interval
        self._at = at
        stamp = self._stamp(timestamp, ns) if self._is_fractional else timestamp
        starts = []
        for table, body, line in zip(self._tables, bodies, lines, strict=True):
            pending = table.rows.pending
            start = len(pending)
            if start >= BATCH:
                table.rows.flush()
                start = 0
            starts.append(start)
            if body is None:
                continue
            if not start:
                table.rows.begin()
            self._line = line
            try:
                table.add(stamp, at, body)
            except ParseError as error:
                summary.problems.add(line, str(error))
            if is_first:
                del pending[start:]
        self._portal.add(starts)

    def repeated(self, source: int, line: int) -> None:
        """Take note of a source that came again in its sample."""
        self._summary.gap(_NAMES[source], REPEATED, line)

    def cpuinfo(self, body: bytes, line: int) -> None:
        """Write system_info.json from the first text that describes a CPU."""
        if self._has_system_info:
            return
        try:
            text = system_info.system_info(body)
        except ParseError as error:
            self._summary.problems.add(line, str(error))
            return
        self._has_system_info = True
        with self._tree.open(system_info.NAME) as file:
            file.write(text)

    def container(self, record: Record, body: bytes, line: int) -> None:
        """Take the record of a container."""
        if self._containers is None:
            report = partial(self._gap, containers_csv.NAME)
            self._containers = containers_csv.Containers(
                self._tree.spill(), report, self._container_names
            )
        at = record.timestamp * NS_PER_SECOND
        if self._is_fractional:
            at += record.ns or 0
        stamp = self._stamp(record.timestamp, record.ns or 0)
        text = b"%d" % stamp if isinstance(stamp, int) else bytes(stamp)
        self._line = line
        try:
            self._containers.add(text, at, record.subsystem, body)
        except ParseError as error:
            self._summary.problems.add(line, str(error))

    def run(self, boot_id: str | None, *, is_fractional: bool) -> None:
        """Take note that another run, or another boot, begins."""
        self._is_fractional = is_fractional
        if boot_id is not None:
            self._is_rebooted |= self._boot_id not in (None, boot_id)
            self._boot_id = boot_id

    def finish(self) -> None:
        """Write what is pending, and sum up."""
        counts = self._summary.rows
        if all(self._tables[source].rows.is_begun for source in (STAT, MEMINFO)):
            self._portal.rows.begin()
        every = [*(table.rows for table in self._tables), self._portal.rows]
        for name, rows in zip((*_NAMES, PORTAL), every, strict=True):
            rows.flush()
            if rows.is_begun:
                counts[name] = rows.count
        if self._containers is not None:
            self._containers.finish(self._tree.open(containers_csv.NAME).write)
            counts[containers_csv.NAME] = self._containers.count

    def _forget_before_break(self, at: int, bodies: Bodies, lines: Sequence[int]) -> None:
        """Keep this sample from being compared with the one before, where nothing has a rate."""
        before = self._at
        stat_body = bodies[STAT]
        reason = None
        if stat_body is not None:
            reason = self._boot_time.moved(stat_body, at if before is None else before, at)
        if self._is_rebooted:
            self._is_rebooted = False
            reason = REBOOTED
        if before is None:
            return
        if at <= before and reason != REBOOTED:
            reason = NO_TIME
        if reason is None:
            return
        for table in self._tables:
            table.forget()
        present = (line for line, body in zip(lines, bodies, strict=True) if body is not None)
        self._summary.gap("", reason, min(present))

    def _stamp(self, timestamp: int, ns: int) -> int | msgspec.Raw:
        """Return the time as the first column shows it."""
        if not self._is_fractional:
            return timestamp
        ms = ns // _NS_PER_MS
        return msgspec.Raw(b"%d.%03d" % (timestamp + ms // 1000, ms % 1000))

    def _all_tables(self) -> list[Table]:
        """Return the table of each source."""

        def rows(source: int) -> Rows:
            return Rows(partial(self._tree.open, _NAMES[source]), _HEADINGS[source])

        def report(source: int) -> Report:
            return partial(self._gap, _NAMES[source])

        return [
            stat.Stat(rows(STAT), report(STAT), clamp=not self._every_interval),
            meminfo.MemInfo(rows(MEMINFO)),
            net_dev.NetDev(rows(NET_DEV), report(NET_DEV)),
            diskstats.DiskStats(rows(DISKSTATS), report(DISKSTATS), wakes=self._every_interval),
            statfs.StatFs(rows(STATFS)),
        ]

    def _gap(self, file: str, reason: str, name: str) -> None:
        self._summary.gap(file, reason, self._line, name)
