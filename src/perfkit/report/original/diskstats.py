"""proc/diskstats: requests and sectors a second of each block device, partitions too.

    #timestamp,DEV,tps,rtps,wtps,dtps,bread/s,bwrtn/s,bdscd/s

rtps, wtps and dtps are the rates of requests completed (reads, writes, discards), tps that of
their sum, the last three those of sectors of 512 bytes.  Before Linux 4.18 there are no discards:
they count as 0.  A device that had completed no request has no row: none before the interval as in
the original, or none at its end (`wakes`), so that its first request is not lost.
"""

from collections.abc import Iterator, Sequence

import msgspec

from perfkit.parsers import diskstats
from perfkit.report.original.devices import Devices, NameAndPrefix, Part
from perfkit.report.original.rows import Row, Rows, number
from perfkit.report.original.table import (
    LONG_INTERVAL,
    SEPARATOR,
    WENT_BACK,
    Column,
    Number,
    Report,
    Times,
    interleaved,
    unescaped,
)

HEADING = "#timestamp,DEV,tps,rtps,wtps,dtps,bread/s,bwrtn/s,bdscd/s"
SUBSYSTEM = "/proc/diskstats"

_RATES = 7
_WITH_DISCARDS = 14
"""Counters of a line since Linux 4.18, of which the last four are of discards."""

_WITHOUT_DISCARDS = 11
_COUNTER_BYTES = b"0123456789 " + SEPARATOR

Counters = Sequence[float]

_decode = msgspec.json.Decoder(list[list[Number]]).decode


class DiskStats:
    """The rows of proc/diskstats.

    Args:
        rows: Where they go.
        report: Takes what gives no row.
        wakes: Whether a device has a row for the interval of its first request.
    """

    def __init__(self, rows: Rows, report: Report, *, wakes: bool) -> None:
        self.rows = rows
        self._report = report
        self._wakes = wakes
        self._devices = Devices(_RATES, report)
        self._numbers: list[list[float]] = []
        """The counters of each change in the block, device by device."""
        self._ns = 0
        """When the sample before was."""

    def forget(self) -> None:
        """Start over: the next sample has nothing to be compared with."""
        self._devices.forget()

    def read(self, bodies: Sequence[bytes]) -> None:
        """Read the text of a block of samples (see `table.Table`)."""
        samples = [body.removesuffix(b"\\n").split(b"\\n") if body else [] for body in bodies]
        changes = self._devices.read(samples, _identify)
        text = SEPARATOR.join(changes)
        if text.translate(None, _COUNTER_BYTES):
            raise ValueError
        text = text.replace(b" ", b",").replace(SEPARATOR, b"],[")
        self._numbers = _decode(b"[[%b]]" % text) if changes else []
        if min(map(len, self._numbers), default=_WITH_DISCARDS) < _WITHOUT_DISCARDS:
            raise ValueError

    def read_slowly(self, body: bytes) -> None:
        """Read the text of one sample, of any documented shape (see `table.Table`)."""
        disks = diskstats.parse(unescaped("diskstats", body))
        self._devices.read_names(disks)
        self._numbers = []
        for disk in disks.values():
            counters = [0.0] * _WITH_DISCARDS
            counters[0] = float(disk.reads)
            counters[2] = float(disk.read_sectors)
            counters[4] = float(disk.writes)
            counters[6] = float(disk.write_sectors)
            counters[11] = float(disk.discards or 0)
            counters[13] = float(disk.discard_sectors or 0)
            self._numbers.append(counters)

    def add(self, times: Times) -> dict[str, Column]:
        """Gather the rows of what was read, and return them by device (see `table.Table`)."""
        self._devices.keep()
        hundredths = times.hundredths(self._ns)
        self._ns = times.ns[-1]
        numbers = iter(self._numbers)
        columns: dict[str, Column] = {}
        for part in self._devices.parts:
            device = part.device
            before = device.counters
            if part.changes or before is None:
                columns[device.name] = self._rates(part, numbers, times, hundredths)
                device.line = part.lines[-1]
            elif before[0] or before[2] or before[4]:
                columns[device.name] = device.idle_rows(times)
        self.rows.pending += interleaved(list(columns.values()))
        return columns

    def _rates(
        self,
        part: Part,
        numbers: Iterator[list[float]],
        times: Times,
        hundredths: list[float],
    ) -> Column:
        """Return the rows of one device through the block."""
        device = part.device
        rows: list[Row | None] = []
        samples = zip(times.stamps, hundredths, part.lines, strict=True)
        before = device.counters
        line1 = device.line
        if before is None:
            _, _, line1 = next(samples)
            before = _counters(next(numbers))
            rows.append(None)
        reads1, read1, writes1, written1, discards1, discarded1 = before
        for stamp, interval, line2 in samples:
            if line2 == line1:
                is_used = reads1 or writes1 or discards1
                rows.append((stamp, device.idle) if is_used else None)
                continue
            line1 = line2
            now = _counters(next(numbers))
            reads2, read2, writes2, written2, discards2, discarded2 = now
            if (
                reads2 < reads1
                or read2 < read1
                or writes2 < writes1
                or written2 < written1
                or discards2 < discards1
                or discarded2 < discarded1
            ):
                self._report(len(rows), WENT_BACK, device.name)
                rows.append(None)
            elif not (reads1 or writes1 or discards1) and not (
                self._wakes and (reads2 or writes2 or discards2)
            ):
                rows.append(None)
            else:
                requests = (reads2 + writes2 + discards2) - (reads1 + writes1 + discards1)
                tps = requests / interval * 100
                rtps = (reads2 - reads1) / interval * 100 if reads2 > reads1 else 0
                wtps = (writes2 - writes1) / interval * 100 if writes2 > writes1 else 0
                dtps = (discards2 - discards1) / interval * 100 if discards2 > discards1 else 0
                bread = (read2 - read1) / interval * 100 if read2 > read1 else 0
                bwrtn = (written2 - written1) / interval * 100 if written2 > written1 else 0
                bdscd = (discarded2 - discarded1) / interval * 100 if discarded2 > discarded1 else 0
                if tps + bread + bwrtn + bdscd < 1e6 and interval < LONG_INTERVAL:
                    rows.append((stamp, device.cell, tps, rtps, wtps, dtps, bread, bwrtn, bdscd))
                else:
                    rates = (tps, rtps, wtps, dtps, bread, bwrtn, bdscd)
                    rows.append((stamp, device.cell, *map(number, rates)))
            reads1, read1, writes1, written1, discards1, discarded1 = now
        device.counters = (reads1, read1, writes1, written1, discards1, discarded1)
        return rows


def _counters(n: list[float]) -> tuple[float, float, float, float, float, float]:
    """Return reads, sectors read, writes, sectors written, discards, sectors discarded."""
    if len(n) >= _WITH_DISCARDS:
        return n[0], n[2], n[4], n[6], n[11], n[13]
    return n[0], n[2], n[4], n[6], 0.0, 0.0


def _identify(line: bytes) -> NameAndPrefix:
    """Return the name that a line has in its third column, and all before the fourth."""
    *_, counters = line.split(None, 3)
    prefix = line[: -len(counters)]
    # White space that is escaped parts the text only here.
    _, _, name = unescaped("diskstats", prefix).split()
    return name.decode(), prefix
