"""What a machine does, in the few figures that fit in one line of a list of machines."""

import msgspec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from perfkit.columns import Value

    Rows = Mapping[str, Iterable[Mapping[str, Value]]]


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """The figures; None where the machine's last interval has none."""

    cpu_percent: float | None
    """Of all CPUs together, what is not idle."""

    memory_percent: float | None
    disk_percent: float | None
    """Utilisation of the busiest disk."""

    read_kb: float | None
    written_kb: float | None
    """kB/s of the busiest disk: a sum would count a volume and the disks below it."""

    received_kb: float | None
    sent_kb: float | None
    """kB/s over all interfaces but the loopback."""


def headline(rows: "Rows") -> Headline:
    """Return the figures of the rows that `latest` gives, by source."""
    idle = _numbers(rows, "cpu", "%idle")
    return Headline(
        cpu_percent=100 - idle[0] if idle else None,
        memory_percent=max(_numbers(rows, "memory", "%memused"), default=None),
        disk_percent=max(_numbers(rows, "disk", "%util"), default=None),
        read_kb=max(_numbers(rows, "disk", "rkB/s"), default=None),
        written_kb=max(_numbers(rows, "disk", "wkB/s"), default=None),
        received_kb=_total(_numbers(rows, "net", "rxkB/s")),
        sent_kb=_total(_numbers(rows, "net", "txkB/s")),
    )


def _numbers(rows: "Rows", source: str, column: str) -> list[float]:
    """Return the values of a column in all rows but the loopback's that have one."""
    values = [row.get(column) for row in rows.get(source, ()) if row.get("device") != "lo"]
    return [value for value in values if isinstance(value, int | float)]


def _total(values: list[float]) -> float | None:
    return sum(values) if values else None
