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
from perfkit.report.original.devices import Device, Devices, NameAndPrefix
from perfkit.report.original.rows import Cell, Rows, number
from perfkit.report.original.table import (
    IN_DOUBT,
    LONG_INTERVAL,
    NS_PER_HUNDREDTH,
    NUMBER_BYTES,
    WENT_BACK,
    Number,
    Report,
    unescaped,
)

HEADING = "#timestamp,DEV,tps,rtps,wtps,dtps,bread/s,bwrtn/s,bdscd/s"
SUBSYSTEM = "/proc/diskstats"

_RATES = 7
_WITH_DISCARDS = 14
"""Counters of a line since Linux 4.18, of which 11 to 14 are of discards."""

_WITHOUT_DISCARDS = 11

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
        self._at = 0

    def forget(self) -> None:
        """Start over: the next sample has nothing to be compared with."""
        self._devices.forget()

    def add(self, stamp: Cell, at: int, body: bytes) -> None:
        """Take the text of one sample, and gather its rows (see `table.Table`)."""
        try:
            devices, lines, numbers = self._read(body)
        except IN_DOUBT:
            devices, lines, numbers = self._read_slowly(body)
        self._devices.keep(devices)
        hundredths = (at - self._at) / NS_PER_HUNDREDTH
        self._at = at
        append = self.rows.pending.append
        for device, line in zip(devices, lines, strict=True):
            before = device.counters
            if line == device.line and before:
                if before[0] or before[2] or before[4]:
                    append((stamp, device.idle))
                continue
            n = next(numbers)
            if len(n) >= _WITH_DISCARDS:
                now = (n[0], n[2], n[4], n[6], n[11], n[13])
            else:
                now = (n[0], n[2], n[4], n[6], 0.0, 0.0)
            device.counters = now
            device.line = line
            if before is None:
                continue
            reads1, read1, writes1, written1, discards1, discarded1 = before
            reads2, read2, writes2, written2, discards2, discarded2 = now
            if (
                reads2 < reads1
                or read2 < read1
                or writes2 < writes1
                or written2 < written1
                or discards2 < discards1
                or discarded2 < discarded1
            ):
                self._report(WENT_BACK, device.name)
                continue
            if not (reads1 or writes1 or discards1) and not (
                self._wakes and (reads2 or writes2 or discards2)
            ):
                continue
            requests = (reads2 + writes2 + discards2) - (reads1 + writes1 + discards1)
            tps = requests / hundredths * 100
            rtps = (reads2 - reads1) / hundredths * 100
            wtps = (writes2 - writes1) / hundredths * 100
            dtps = (discards2 - discards1) / hundredths * 100
            bread = (read2 - read1) / hundredths * 100
            bwrtn = (written2 - written1) / hundredths * 100
            bdscd = (discarded2 - discarded1) / hundredths * 100
            if tps + bread + bwrtn + bdscd < 1e6 and hundredths < LONG_INTERVAL:
                append((stamp, device.cell, tps, rtps, wtps, dtps, bread, bwrtn, bdscd))
            else:
                rates = (tps, rtps, wtps, dtps, bread, bwrtn, bdscd)
                append((stamp, device.cell, *map(number, rates)))

    def _read(self, body: bytes) -> tuple[list[Device], list[bytes], Iterator[Sequence[float]]]:
        """Return devices, their lines, and the counters of those whose line changed."""
        lines = body.split(b"\\n")
        if not lines[-1]:
            lines.pop()
        devices, texts = self._devices.of_lines(lines, _identify)
        if not texts:
            return devices, lines, iter(())
        text = b"],[".join(texts).replace(b" ", b",")
        if text.translate(None, NUMBER_BYTES):
            raise ValueError
        numbers = _decode(b"[[%b]]" % text)
        for n in numbers:
            if len(n) < _WITHOUT_DISCARDS:
                raise ValueError
        return devices, lines, iter(numbers)

    def _read_slowly(
        self, body: bytes
    ) -> tuple[list[Device], list[bytes], Iterator[Sequence[float]]]:
        """Return the same from text of any documented shape, all devices as changed."""
        disks = diskstats.parse(unescaped("diskstats", body))
        devices, lines = self._devices.of_names(disks)
        numbers = [
            [
                float(value or 0)
                for value in (
                    disk.reads,
                    0,
                    disk.read_sectors,
                    0,
                    disk.writes,
                    0,
                    disk.write_sectors,
                    *[0] * 4,
                    disk.discards,
                    0,
                    disk.discard_sectors,
                )
            ]
            for disk in disks.values()
        ]
        return devices, lines, iter(numbers)


def _identify(line: bytes) -> NameAndPrefix:
    """Return the name that a line has in its third column, and all before the fourth."""
    _, _, name, counters = line.split(None, 3)
    return unescaped("diskstats", name).decode(), line[: -len(counters)]
