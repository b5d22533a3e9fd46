"""Without a terminal: one line an interval, made for `awk`, `grep` and log files.

    time                          %usr   %system   %iowait    %steal     %idle ...
    2026-03-01T10:00:01Z         12.50      2.50      0.00      0.00     85.00 ...

Columns are separated by spaces and always the same, in the same order; what is not known is `-`.
Disks are summed over whole disks, networks over the interfaces that leave the host.
"""

import time
from collections.abc import Callable, Iterable

from perfkit.derive import ALL_CPUS, Interval
from perfkit.live.devices import links, whole_disks
from perfkit.live.figures import ABSENT

Pick = Callable[[Interval], float | None]
TIME_WIDTH = 24
MIN_WIDTH = 9
NS_PER_MS = 1_000_000


def _cpu(field: str) -> Pick:
    def pick(interval: Interval) -> float | None:
        row = interval.cpus.get(ALL_CPUS)
        value: float | None = None if row is None else getattr(row, field)
        return value

    return pick


def _of(part: str, field: str) -> Pick:
    def pick(interval: Interval) -> float | None:
        row = getattr(interval, part)
        value: float | None = None if row is None else getattr(row, field)
        return value

    return pick


def _sum(part: str, field: str, names: Callable[[Interval], Iterable[str]]) -> Pick:
    def pick(interval: Interval) -> float | None:
        rows = getattr(interval, part)
        values: list[float] = [getattr(rows[name], field) for name in names(interval)]
        return sum(values) if values else None

    return pick


def _disks(interval: Interval) -> list[str]:
    return whole_disks(interval.disks)


def _links(interval: Interval) -> list[str]:
    return links(interval.net)


COLUMNS: tuple[tuple[str, Pick], ...] = (
    ("%usr", _cpu("usr_percent")),
    ("%system", _cpu("system_percent")),
    ("%iowait", _cpu("iowait_percent")),
    ("%steal", _cpu("steal_percent")),
    ("%idle", _cpu("idle_percent")),
    ("%memused", _of("memory", "used_percent")),
    ("kbavail", _of("memory", "available_kb")),
    ("tps", _sum("disks", "transfers_per_second", _disks)),
    ("rkB/s", _sum("disks", "read_kb_per_second", _disks)),
    ("wkB/s", _sum("disks", "written_kb_per_second", _disks)),
    ("rxkB/s", _sum("net", "rx_kb_per_second", _links)),
    ("txkB/s", _sum("net", "tx_kb_per_second", _links)),
    ("cswch/s", _of("system", "context_switches_per_second")),
    ("runq-sz", _of("system", "running")),
    ("blocked", _of("system", "blocked")),
)
"""Names as in `perfkit.columns`, and how each comes from an interval."""


def heading() -> str:
    """Return the first line: the names of the columns."""
    return "".join([f"{'time':<{TIME_WIDTH}}", *(f" {name:>{MIN_WIDTH}}" for name, _ in COLUMNS)])


def line(interval: Interval) -> str:
    """Return the line of an interval; its time is that of the later sample, in UTC."""
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(interval.timestamp))
    # A period that is not whole, or a tick that was late.
    when += f".{interval.ns // NS_PER_MS:03}Z" if interval.ns else "Z"
    return "".join(
        [
            f"{when:<{TIME_WIDTH}}",
            *(f" {_text(pick(interval)):>{MIN_WIDTH}}" for _, pick in COLUMNS),
        ]
    )


def _text(value: float | None) -> str:
    if value is None:
        return ABSENT
    return str(value) if isinstance(value, int) else f"{value:.2f}"
