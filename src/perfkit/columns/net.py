"""Columns from /proc/net/dev: rates of each network interface."""

from perfkit.columns._column import Column, Table

_SOURCE = "/proc/net/dev"


def _rate(name: str, field: str, counter: str, meaning: str, *, original: bool = False) -> Column:
    return Column(
        name=name,
        field=field,
        unit="1/s",
        source=f"{_SOURCE}: {counter}",
        meaning=f"{meaning}: Δ{counter} / s.",
        in_csv=original,
    )


def _kilobytes(name: str, field: str, counter: str, meaning: str) -> Column:
    return Column(
        name=name,
        field=field,
        unit="kB/s",
        source=f"{_SOURCE}: {counter}",
        meaning=f"{meaning}: Δ{counter} / s / 1024.",
        in_csv=True,
    )


NET = Table(
    name="net",
    title="Network",
    rows_field="net",
    key="IFACE",
    key_meaning="Name of the interface, `lo` included.",
    csv_file="proc/net/dev",
    source=_SOURCE,
    columns=(
        _rate(
            "rxpck/s", "rx_packets_per_second", "receive packets", "Packets received", original=True
        ),
        _rate(
            "txpck/s", "tx_packets_per_second", "transmit packets", "Packets sent", original=True
        ),
        _kilobytes("rxkB/s", "rx_kb_per_second", "receive bytes", "Bytes received"),
        _kilobytes("txkB/s", "tx_kb_per_second", "transmit bytes", "Bytes sent"),
        _rate(
            "rxcmp/s",
            "rx_compressed_per_second",
            "receive compressed",
            "Compressed packets received (CSLIP and PPP)",
            original=True,
        ),
        _rate(
            "txcmp/s",
            "tx_compressed_per_second",
            "transmit compressed",
            "Compressed packets sent",
            original=True,
        ),
        _rate(
            "rxmcst/s",
            "rx_multicast_per_second",
            "receive multicast",
            "Multicast packets received",
            original=True,
        ),
        Column(
            name="%ifutil",
            field=None,
            unit="%",
            source="none: the speed of the link is not captured",
            meaning="Use of the link. Always 0 in the CSV, as in the original's; absent elsewhere.",
            in_csv=True,
        ),
        _rate("rxerr/s", "rx_errors_per_second", "receive errs", "Bad packets received"),
        _rate("txerr/s", "tx_errors_per_second", "transmit errs", "Packets that could not be sent"),
        _rate("coll/s", "collisions_per_second", "transmit colls", "Collisions while sending"),
        _rate("rxdrop/s", "rx_drops_per_second", "receive drop", "Packets received and dropped"),
        _rate("txdrop/s", "tx_drops_per_second", "transmit drop", "Packets dropped before sending"),
        _rate(
            "txcarr/s", "tx_carrier_per_second", "transmit carrier", "Carrier errors while sending"
        ),
        _rate(
            "rxfram/s", "rx_frame_per_second", "receive frame", "Frame alignment errors received"
        ),
        _rate("rxfifo/s", "rx_fifo_per_second", "receive fifo", "Receive buffer overruns"),
        _rate("txfifo/s", "tx_fifo_per_second", "transmit fifo", "Send buffer overruns"),
    ),
)
