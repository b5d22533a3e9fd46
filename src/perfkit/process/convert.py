"""Samples in, rows of all files out, in one pass."""

from collections.abc import Mapping, Sequence
from functools import partial
from operator import lt

import msgspec

from perfkit.errors import ParseError
from perfkit.process.cut import DISKSTATS, MEMINFO, NET_DEV, SOURCES, STAT, STATFS, Bodies, Column
from perfkit.process.summary import Summary, rows_text
from perfkit.process.tree import OutputTree
from perfkit.record import Record
from perfkit.report.original import containers as containers_csv
from perfkit.report.original import diskstats, meminfo, net_dev, portal, stat, statfs, system_info
from perfkit.report.original.boot import BootTime
from perfkit.report.original.rows import BATCH, Cell, Rows
from perfkit.report.original.table import IN_DOUBT, NO_TIME, REBOOTED, Report, Table, Times
from perfkit.report.original.table import Column as RowColumn
from perfkit.units import NS_PER_SECOND

_NAMES = ("proc/stat", "proc/meminfo", "proc/net/dev", "proc/diskstats", "statfs_ALL")
_HEADINGS = (stat.HEADING, meminfo.HEADING, net_dev.HEADING, diskstats.HEADING, statfs.HEADING)
PORTAL = "portal.csv"
FILES = (*_NAMES, system_info.NAME, PORTAL, containers_csv.NAME)
"""All files that a capture may become."""

REPEATED = "twice in one sample, the later text counts"

TOO_FEW = (
    "no rows: the first interval of --intervals first needs 3 samples; --intervals all needs 2"
)
NO_INTERVAL = "no rates: an interval needs 2 samples"
_FEWEST_SAMPLES = 3

BLOCK_SAMPLES = 64
BLOCK_BYTES = 512 * 1024
"""Samples, or bytes of text, after which a block is full: memory is for it alone."""

_NS_PER_MS = 1_000_000


class Block:
    """Samples that are turned into rows together."""

    def __init__(self) -> None:
        self.times = Times([], [])
        self.columns: list[Column] = [[] for _ in SOURCES]
        """The texts of each source, None where a sample lacks it."""
        self.lines: list[Sequence[int]] = []
        """The line of each text of each sample."""
        self._bytes = 0

    def extend(
        self,
        stamps: Sequence[Cell],
        ns: Sequence[int],
        columns: Sequence[Column],
        lines: Sequence[Sequence[int]],
    ) -> None:
        """Take some more samples."""
        self.times.stamps += stamps
        self.times.ns += ns
        self.lines += lines
        for mine, new in zip(self.columns, columns, strict=True):
            mine.extend(new)
            # Samples that come together are alike: one tells how long they are.
            self._bytes += len(new[0] or b"") * len(new)

    @property
    def is_full(self) -> bool:
        """Whether it is time to turn it into rows."""
        return len(self.lines) >= BLOCK_SAMPLES or self._bytes >= BLOCK_BYTES

    def only(self, place: int) -> "Block":
        """Return a block of one of its samples."""
        block = Block()
        stamp, ns = self.times.stamps[place], self.times.ns[place]
        block.extend([stamp], [ns], [[column[place]] for column in self.columns], [])
        block.lines = [self.lines[place]]
        return block


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
            disk,
            interface,
        )
        self._block = Block()
        """The samples that wait to be turned into rows."""
        self._lines: list[Sequence[int]] = []
        """The lines of those that are being turned into rows."""
        self._containers: containers_csv.Containers | None = None
        self._has_system_info = False
        self._is_fractional = False
        self._boot_id: str | None = None
        self._boot_time = BootTime()
        self._is_rebooted = False
        self._ns: int | None = None

    def sample(self, timestamp: int, ns: int, bodies: Bodies, lines: Sequence[int]) -> None:
        """Take one sample."""
        at = timestamp * NS_PER_SECOND + (ns if self._is_fractional else 0)
        if self._ns is not None and at <= self._ns < timestamp * NS_PER_SECOND + ns:
            # A run of whole seconds that follows another within the same second.
            at = timestamp * NS_PER_SECOND + ns
        summary = self._summary
        summary.sample(at)
        if summary.samples == 2 and not self._every_interval:
            return  # The original compares the third sample with the first.
        self._forget_before_break(at, bodies, lines)
        is_first = self._ns is None
        self._ns = at
        stamp = self._stamp(timestamp, ns) if self._is_fractional else timestamp
        self._block.extend([stamp], [at], [[body] for body in bodies], [lines])
        if is_first and not self._every_interval:
            self._flush()
            for rows in self._all_rows():
                rows.pending.clear()
        elif self._block.is_full:
            self._flush()

    def samples(
        self, timestamps: list[int], columns: list[Column], lines: list[Sequence[int]]
    ) -> None:
        """Take some samples that have the same sources and no `ns`."""
        if not self._is_plain_sailing(timestamps, columns[STAT]):
            samples = map(list, zip(*columns, strict=True))
            for timestamp, bodies, numbers in zip(timestamps, samples, lines, strict=True):
                self.sample(timestamp, 0, bodies, numbers)
            return
        times = [timestamp * NS_PER_SECOND for timestamp in timestamps]
        self._summary.more_samples(times)
        self._ns = times[-1]
        self._block.extend(timestamps, times, columns, lines)
        if self._block.is_full:
            self._flush()

    def _is_plain_sailing(self, timestamps: list[int], stats: Column) -> bool:
        """Tell whether samples follow the last one, and each other, without a break."""
        if self._is_fractional or self._is_rebooted or self._ns is None:
            return False
        if self._summary.samples < _FEWEST_SAMPLES:
            return False
        last = self._ns // NS_PER_SECOND
        return all(map(lt, (last, *timestamps), timestamps)) and self._boot_time.is_same(stats)

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
            self._containers = containers_csv.Containers(
                self._tree.spill(),
                lambda _, reason, name: self._summary.gap(containers_csv.NAME, reason, 0, name),
                self._container_names,
            )
        at = record.timestamp * NS_PER_SECOND
        if self._is_fractional:
            at += record.ns or 0
        stamp = self._stamp(record.timestamp, record.ns or 0)
        text = b"%d" % stamp if isinstance(stamp, int) else bytes(stamp)
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
        self._flush()
        self._portal.check()
        if self._portal.blanks:
            self._summary.problems.note(
                f"portal.csv: no figure in {rows_text(self._portal.blanks)}, where its disk or "
                "interface has no row"
            )
        samples = self._summary.samples
        if self._every_interval and samples == 1:
            self._summary.problems.note(NO_INTERVAL)
        elif not self._every_interval and 0 < samples < _FEWEST_SAMPLES:
            self._summary.problems.note(TOO_FEW)
        counts = self._summary.rows
        if all(self._tables[source].rows.is_begun for source in (STAT, MEMINFO)):
            self._portal.rows.begin()
        for name, rows in zip((*_NAMES, PORTAL), self._all_rows(), strict=True):
            rows.flush()
            if rows.is_begun:
                counts[name] = rows.count
        if self._containers is not None:
            self._containers.finish(self._tree.open(containers_csv.NAME).write)
            counts[containers_csv.NAME] = self._containers.count

    def _flush(self) -> None:
        """Turn the block into rows."""
        block, self._block = self._block, Block()
        if not block.lines:
            return
        if self._is_read(block):
            present = [place for place, column in enumerate(block.columns) if column[0] is not None]
            self._gather(block, present)
            return
        # Something in it is not as usual: what can be read of it is, sample by sample.
        for place, lines in enumerate(block.lines):
            one = block.only(place)
            readable = [
                source
                for source, (body,) in enumerate(one.columns)
                if body is not None and self._is_one_read(source, body, lines[source])
            ]
            self._gather(one, readable)

    def _is_read(self, block: Block) -> bool:
        """Read all texts of a block by source; return False where one is not as usual."""
        try:
            for table, column in zip(self._tables, block.columns, strict=True):
                absent = column.count(None)
                if not absent:
                    table.read(column)  # type: ignore[arg-type] # none of them is None
                    table.rows.begin()
                elif absent < len(column):
                    return False
        except IN_DOUBT:
            return False
        return True

    def _is_one_read(self, source: int, body: bytes, line: int) -> bool:
        """Read one text; return False where it is broken, and say so."""
        table = self._tables[source]
        try:
            table.read([body])
        except IN_DOUBT:
            try:
                table.read_slowly(body)
            except ParseError as error:
                self._summary.problems.add(line, str(error))
                return False
        table.rows.begin()
        return True

    def _gather(self, block: Block, sources: Sequence[int]) -> None:
        """Gather the rows of a block from the sources that were read."""
        self._lines = block.lines
        found: list[Mapping[str, RowColumn]] = [{}] * len(self._tables)
        for source in sources:
            found[source] = self._tables[source].add(block.times)
        self._portal.add(found[STAT], found[MEMINFO], found[NET_DEV], found[DISKSTATS])
        for rows in self._all_rows():
            if len(rows.pending) >= BATCH:
                rows.flush()

    def _forget_before_break(self, at: int, bodies: Bodies, lines: Sequence[int]) -> None:
        """Keep this sample from being compared with the one before, where nothing has a rate."""
        before = self._ns
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
        self._flush()
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

    def _all_rows(self) -> list[Rows]:
        return [*(table.rows for table in self._tables), self._portal.rows]

    def _all_tables(self) -> list[Table]:
        """Return the table of each source."""

        def rows(source: int) -> Rows:
            return Rows(partial(self._tree.open, _NAMES[source]), _HEADINGS[source])

        def report(source: int) -> Report:
            return partial(self._gap, source)

        return [
            stat.Stat(rows(STAT), report(STAT), clamp=not self._every_interval),
            meminfo.MemInfo(rows(MEMINFO)),
            net_dev.NetDev(rows(NET_DEV), report(NET_DEV)),
            diskstats.DiskStats(rows(DISKSTATS), report(DISKSTATS), wakes=self._every_interval),
            statfs.StatFs(rows(STATFS)),
        ]

    def _gap(self, source: int, place: int, reason: str, name: str) -> None:
        self._summary.gap(_NAMES[source], reason, self._lines[place][source], name)
