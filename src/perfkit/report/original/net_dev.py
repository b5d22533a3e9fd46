"""proc/net/dev: packets and kilobytes a second of each interface.

    #timestamp,IFACE,rxpck/s,txpck/s,rxkB/s,txkB/s,rxcmp/s,txcmp/s,rxmcst/s,%ifutil

kB is the rate in bytes, then divided by 1024.  `%ifutil` is 0: the kernel's file does not have a
link's speed.  Interfaces stand in the kernel's order; the original's order is random.
"""

from collections.abc import Iterator, Sequence

import msgspec

from perfkit.parsers import net_dev
from perfkit.record import escaped
from perfkit.report.original.devices import Device, Devices, NameAndPrefix
from perfkit.report.original.rows import Cell, Rows, number
from perfkit.report.original.table import (
    IN_DOUBT,
    LONG_INTERVAL,
    NS_PER_HUNDREDTH,
    WENT_BACK,
    Number,
    Report,
    unescaped,
)
from perfkit.units import KIB

HEADING = "#timestamp,IFACE,rxpck/s,txpck/s,rxkB/s,txkB/s,rxcmp/s,txcmp/s,rxmcst/s,%ifutil"
SUBSYSTEM = "/proc/net/dev"

_RATES = 8
_COUNTERS = 16
_NUMBERS_AND_PADDING = b"0123456789 "
_KERNEL_HEADING = escaped(net_dev.HEADING)

_decode = msgspec.json.Decoder(Number).decode_lines


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
                append((stamp, device.idle))
                continue
            rb2, rp2, _, _, _, _, rc2, rm2, tb2, tp2, _, _, _, _, _, tc2 = next(numbers)
            device.counters = (rb2, rp2, rc2, rm2, tb2, tp2, tc2)
            device.line = line
            if before is None:
                continue
            rb1, rp1, rc1, rm1, tb1, tp1, tc1 = before
            if (
                rb2 < rb1
                or rp2 < rp1
                or rc2 < rc1
                or rm2 < rm1
                or tb2 < tb1
                or tp2 < tp1
                or tc2 < tc1
            ):
                self._report(WENT_BACK, device.name)
                continue
            rxpck = (rp2 - rp1) / hundredths * 100
            txpck = (tp2 - tp1) / hundredths * 100
            rxkb = (rb2 - rb1) / hundredths * 100 / KIB
            txkb = (tb2 - tb1) / hundredths * 100 / KIB
            rxcmp = (rc2 - rc1) / hundredths * 100
            txcmp = (tc2 - tc1) / hundredths * 100
            rxmcst = (rm2 - rm1) / hundredths * 100
            if (
                rxpck + txpck + rxkb + txkb + rxcmp + txcmp + rxmcst < 1e6
                and (rxkb >= 1e-4 or rxkb == 0)
                and (txkb >= 1e-4 or txkb == 0)
                and hundredths < LONG_INTERVAL
            ):
                append((stamp, device.cell, rxpck, txpck, rxkb, txkb, rxcmp, txcmp, rxmcst, 0))
            else:
                rates = (rxpck, txpck, rxkb, txkb, rxcmp, txcmp, rxmcst)
                append((stamp, device.cell, *map(number, rates), 0))

    def _read(self, body: bytes) -> tuple[list[Device], list[bytes], Iterator[Sequence[float]]]:
        """Return interfaces, their lines, and the counters of those whose line changed."""
        if not body.startswith(_KERNEL_HEADING):
            raise ValueError
        lines = body[len(_KERNEL_HEADING) :].split(b"\\n")
        if not lines[-1]:
            lines.pop()
        devices, texts = self._devices.of_lines(lines, _identify)
        text = b" ".join(texts)
        if text.translate(None, _NUMBERS_AND_PADDING):
            raise ValueError
        # Any white space may stand between the values of a stream, and any amount of it.
        flat = _decode(text)
        if len(flat) != _COUNTERS * len(texts):
            raise ValueError
        numbers = [flat[at : at + _COUNTERS] for at in range(0, len(flat), _COUNTERS)]
        return devices, lines, iter(numbers)

    def _read_slowly(
        self, body: bytes
    ) -> tuple[list[Device], list[bytes], Iterator[Sequence[float]]]:
        """Return the same from text of any documented shape, all interfaces as changed."""
        found = net_dev.parse(unescaped("net/dev", body))
        devices, lines = self._devices.of_names(found)
        numbers = []
        for counters in found.values():
            row = [0.0] * _COUNTERS
            row[0] = float(counters.rx_bytes)
            row[1] = float(counters.rx_packets)
            row[6] = float(counters.rx_compressed)
            row[7] = float(counters.rx_multicast)
            row[8] = float(counters.tx_bytes)
            row[9] = float(counters.tx_packets)
            row[15] = float(counters.tx_compressed)
            numbers.append(row)
        return devices, lines, iter(numbers)


def _identify(line: bytes) -> NameAndPrefix:
    """Return the name before a line's last colon, and all up to it."""
    name, colon, _ = line.rpartition(b":")
    if not colon:
        raise ValueError
    return unescaped("net/dev", name).decode().lstrip(" "), name + colon
