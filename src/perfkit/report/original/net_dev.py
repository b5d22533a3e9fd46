"""proc/net/dev: packets and kilobytes a second of each interface.

    #timestamp,IFACE,rxpck/s,txpck/s,rxkB/s,txkB/s,rxcmp/s,txcmp/s,rxmcst/s,%ifutil

kB is the rate in bytes, then divided by 1024.  `%ifutil` is 0: the kernel's file does not have a
link's speed.  Interfaces stand in the kernel's order; the original's order is random.
"""

from collections.abc import Iterator, Sequence

import msgspec

from perfkit.parsers import net_dev
from perfkit.record import escaped
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
from perfkit.units import KIB

HEADING = "#timestamp,IFACE,rxpck/s,txpck/s,rxkB/s,txkB/s,rxcmp/s,txcmp/s,rxmcst/s,%ifutil"
SUBSYSTEM = "/proc/net/dev"

_RATES = 8
_COUNTERS = 16
_COUNTER_BYTES = b"0123456789 " + SEPARATOR
_KERNEL_HEADING = escaped(net_dev.HEADING)
_END = ""
_MARKED_END = b' "" '
"""What stands between two lines of counters, so that none can lend the next a number."""

_decode = msgspec.json.Decoder(Number | str).decode_lines


class NetDev:
    """The rows of proc/net/dev.

    Args:
        rows: Where they go.
        report: Takes what gives no row.
    """

    def __init__(self, rows: Rows, report: Report) -> None:
        self.rows = rows
        self._report = report
        self._devices = Devices(_RATES, report)
        self._numbers: list[list[float]] = []
        """The counters of each change in the block, interface by interface."""
        self._ns = 0
        """When the sample before was."""

    def forget(self) -> None:
        """Start over: the next sample has nothing to be compared with."""
        self._devices.forget()

    def read(self, bodies: Sequence[bytes]) -> None:
        """Read the text of a block of samples (see `table.Table`)."""
        if not all(body.startswith(_KERNEL_HEADING) for body in bodies):
            raise ValueError
        start = len(_KERNEL_HEADING)
        samples = [
            body[start:].removesuffix(b"\\n").split(b"\\n") if len(body) > start else []
            for body in bodies
        ]
        changes = self._devices.read(samples, _identify)
        text = SEPARATOR.join(changes)
        if text.translate(None, _COUNTER_BYTES):
            raise ValueError
        # Any white space may stand between the values of a stream, and any amount of it.
        flat = _decode(text.replace(SEPARATOR, _MARKED_END))
        width = _COUNTERS + 1
        ends = flat[_COUNTERS::width].count(_END)
        if changes and (len(flat) + 1 != width * len(changes) or ends + 1 != len(changes)):
            raise ValueError
        self._numbers = [flat[at : at + _COUNTERS] for at in range(0, len(flat), width)]

    def read_slowly(self, body: bytes) -> None:
        """Read the text of one sample, of any documented shape (see `table.Table`)."""
        found = net_dev.parse(unescaped("net/dev", body))
        self._devices.read_names(found)
        self._numbers = []
        for device in found.values():
            counters = [0.0] * _COUNTERS
            counters[0] = float(device.rx_bytes)
            counters[1] = float(device.rx_packets)
            counters[6] = float(device.rx_compressed)
            counters[7] = float(device.rx_multicast)
            counters[8] = float(device.tx_bytes)
            counters[9] = float(device.tx_packets)
            counters[15] = float(device.tx_compressed)
            self._numbers.append(counters)

    def add(self, times: Times) -> dict[str, Column]:
        """Gather the rows of what was read, and return them by interface (see `table.Table`)."""
        self._devices.keep()
        hundredths = times.hundredths(self._ns)
        self._ns = times.ns[-1]
        numbers = iter(self._numbers)
        columns: dict[str, Column] = {}
        for part in self._devices.parts:
            device = part.device
            if part.changes or device.counters is None:
                columns[device.name] = self._rates(part, numbers, times, hundredths)
                device.line = part.lines[-1]
            else:
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
        """Return the rows of one interface through the block."""
        device = part.device
        rows: list[Row | None] = []
        samples = zip(times.stamps, hundredths, part.lines, strict=True)
        before = device.counters
        line1 = device.line
        if before is None:
            _, _, line1 = next(samples)
            n = next(numbers)
            before = (n[0], n[1], n[6], n[7], n[8], n[9], n[15])
            rows.append(None)
        rb1, rp1, rc1, rm1, tb1, tp1, tc1 = before
        for stamp, interval, line2 in samples:
            if line2 == line1:
                rows.append((stamp, device.idle))
                continue
            line1 = line2
            rb2, rp2, _, _, _, _, rc2, rm2, tb2, tp2, _, _, _, _, _, tc2 = next(numbers)
            if (
                rb2 < rb1
                or rp2 < rp1
                or rc2 < rc1
                or rm2 < rm1
                or tb2 < tb1
                or tp2 < tp1
                or tc2 < tc1
            ):
                self._report(len(rows), WENT_BACK, device.name)
                rows.append(None)
            else:
                rxpck = (rp2 - rp1) / interval * 100 if rp2 > rp1 else 0
                txpck = (tp2 - tp1) / interval * 100 if tp2 > tp1 else 0
                rxkb = (rb2 - rb1) / interval * 100 / KIB if rb2 > rb1 else 0
                txkb = (tb2 - tb1) / interval * 100 / KIB if tb2 > tb1 else 0
                rxcmp = (rc2 - rc1) / interval * 100 if rc2 > rc1 else 0
                txcmp = (tc2 - tc1) / interval * 100 if tc2 > tc1 else 0
                rxmcst = (rm2 - rm1) / interval * 100 if rm2 > rm1 else 0
                if (
                    rxpck + txpck + rxkb + txkb + rxcmp + txcmp + rxmcst < 1e6
                    and (rxkb >= 1e-4 or rxkb == 0)
                    and (txkb >= 1e-4 or txkb == 0)
                    and interval < LONG_INTERVAL
                ):
                    rows.append(
                        (stamp, device.cell, rxpck, txpck, rxkb, txkb, rxcmp, txcmp, rxmcst, 0)
                    )
                else:
                    rates = (rxpck, txpck, rxkb, txkb, rxcmp, txcmp, rxmcst)
                    rows.append((stamp, device.cell, *map(number, rates), 0))
            rb1, rp1, rc1, rm1, tb1, tp1, tc1 = rb2, rp2, rc2, rm2, tb2, tp2, tc2
        device.counters = (rb1, rp1, rc1, rm1, tb1, tp1, tc1)
        return rows


def _identify(line: bytes) -> NameAndPrefix:
    """Return the name before a line's last colon, and all up to it."""
    name, colon, _ = line.rpartition(b":")
    if not colon:
        raise ValueError
    return unescaped("net/dev", name).decode().lstrip(" "), name + colon
