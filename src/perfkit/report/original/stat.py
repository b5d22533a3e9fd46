"""proc/stat: the shares of time of all CPUs together (`CPU` -1) and of each.

    #timestamp,CPU,%usr,%nice,%system,%iowait,%steal,%idle

Each counter is divided by 100 first.  busy is user + system + nice + iowait + irq + softirq +
steal, in this order, and all is busy + idle; guest time is part of user.  A share is its growth
over that of all, times 100, kept within 0 and 100; `%idle` is 100 minus the share of busy.  If busy
did not grow every share is 0, else if all did not, every share is 100.

Those rules hide a counter that went backwards, so they are kept for the original's sake only
(`clamp`).  Without it such a CPU has no row, nor has one whose time did not pass; iowait alone may
step back, as the kernel documents (Documentation/filesystems/proc.rst, 1.7), and counts as 0 then.
"""

from collections.abc import Sequence

import msgspec

from perfkit.parsers import stat
from perfkit.report.original.rows import Row, Rows, number
from perfkit.report.original.table import (
    APPEARED,
    NO_TICKS,
    SEPARATOR,
    VANISHED,
    WENT_BACK,
    Column,
    Number,
    Report,
    Times,
    interleaved,
    unescaped,
)

HEADING = "#timestamp,CPU,%usr,%nice,%system,%iowait,%steal,%idle"
SUBSYSTEM = "/proc/stat"
ALL_CPUS = "-1"

Ticks = tuple[
    Number, Number, Number, Number, Number, Number, Number, Number, Number, Number, Number
]  # fmt: skip
"""A CPU's number and its ten counters, as every kernel since 2.6.33 writes them."""

_CPU_LINES = b"cpu0123456789 \\n" + SEPARATOR
"""All bytes that cpu lines consist of."""

_PLAIN_SPAN = 4000.0
"""Seconds of CPU time within which a share of one tick is at least 1e-4, so prints plainly."""

_decode = msgspec.json.Decoder(list[list[Ticks]]).decode


class Stat:
    """The rows of proc/stat.

    Args:
        rows: Where they go.
        report: Takes what gives no row.
        clamp: Keep the original's rules for counters that went backwards.
    """

    def __init__(self, rows: Rows, report: Report, *, clamp: bool) -> None:
        self.rows = rows
        self._report = report
        self._clamp = clamp
        self._read: dict[str, Sequence[Ticks]] = {}
        """The lines of each CPU in the block."""
        self._before: dict[str, Ticks] = {}
        """The last line of each CPU in the block before."""

    def forget(self) -> None:
        """Start over: the next sample has nothing to be compared with."""
        self._before = {}

    def read(self, bodies: Sequence[bytes]) -> None:
        """Read the text of a block of samples (see `table.Table`)."""
        heads = [body[5 : body.index(b"\\nintr ")] for body in bodies]
        text = SEPARATOR.join(heads)
        if text.translate(None, _CPU_LINES) or not all(
            body.startswith(b"cpu  ") for body in bodies
        ):
            raise ValueError
        text = text.replace(b"\\ncpu", b"],[").replace(b" ", b",")
        samples = _decode(b"[[[0,%b]]]" % text.replace(SEPARATOR, b"]],[[0,"))
        columns = list(zip(*samples, strict=True))
        found: dict[str, Sequence[Ticks]] = {}
        for column in columns:
            (cpu,) = {ticks[0] for ticks in column}
            found[f"{cpu:.0f}" if found else ALL_CPUS] = column
        if len(found) != len(columns):
            raise ValueError
        self._read = found

    def read_slowly(self, body: bytes) -> None:
        """Read the text of one sample, of any documented shape (see `table.Table`)."""
        found = stat.parse(unescaped("stat", body))
        every = {int(ALL_CPUS): found.cpu, **found.cpus}
        self._read = {
            str(cpu): [
                (
                    0.0,
                    float(ticks.user_ticks),
                    float(ticks.nice_ticks),
                    float(ticks.system_ticks),
                    float(ticks.idle_ticks),
                    float(ticks.iowait_ticks or 0),
                    float(ticks.irq_ticks or 0),
                    float(ticks.softirq_ticks or 0),
                    float(ticks.steal_ticks or 0),
                    0.0,
                    0.0,
                )
            ]
            for cpu, ticks in every.items()
        }

    def add(self, times: Times) -> dict[str, Column]:
        """Gather the rows of what was read, and return them by CPU (see `table.Table`)."""
        before = self._before
        if before:
            for cpu in before.keys() - self._read.keys():
                self._report(0, VANISHED, f"CPU {cpu}")
        columns: dict[str, Column] = {}
        for cpu, lines in self._read.items():
            if before and cpu not in before:
                self._report(0, APPEARED, f"CPU {cpu}")
            columns[cpu] = self._shares(cpu, before.get(cpu), lines, times)
        self._before = {cpu: lines[-1] for cpu, lines in self._read.items()}
        self.rows.pending += interleaved(list(columns.values()))
        return columns

    def _shares(
        self, cpu: str, before: Ticks | None, lines: Sequence[Ticks], times: Times
    ) -> Column:
        """Return the rows of one CPU through the block."""
        rows: list[Row | None] = []
        number_of_cpu = int(cpu)
        is_clamped = self._clamp
        samples = zip(times.stamps, lines, strict=True)
        if before is None:
            _, before = next(samples)
            rows.append(None)
        user1, nice1, system1, iowait1, steal1, busy1, all1 = _seconds(before)
        for stamp, ticks in samples:
            _, user2, nice2, system2, idle2, iowait2, irq2, softirq2, steal2, _, _ = ticks
            user2 /= 100
            nice2 /= 100
            system2 /= 100
            iowait2 /= 100
            steal2 /= 100
            busy2 = user2 + system2 + nice2 + iowait2 + irq2 / 100 + softirq2 / 100 + steal2
            all2 = busy2 + idle2 / 100
            span = all2 - all1
            if not is_clamped and not self._is_sound(len(rows), cpu, before, ticks):
                rows.append(None)
            elif busy2 <= busy1:
                rows.append((stamp, number_of_cpu, 0, 0, 0, 0, 0, 100))
            elif span <= 0:
                rows.append((stamp, number_of_cpu, 100, 100, 100, 100, 100, 0))
            else:
                usr = (user2 - user1) / span * 100 if user2 > user1 else 0
                nice = (nice2 - nice1) / span * 100 if nice2 > nice1 else 0
                system = (system2 - system1) / span * 100 if system2 > system1 else 0
                iowait = (iowait2 - iowait1) / span * 100 if iowait2 > iowait1 else 0
                steal = (steal2 - steal1) / span * 100 if steal2 > steal1 else 0
                busy = (busy2 - busy1) / span * 100
                idle = 100 - busy if busy < 100 else 0
                if (
                    usr + nice + system + iowait + steal <= 100
                    and (idle >= 1e-4 or idle == 0)
                    and span < _PLAIN_SPAN
                ):
                    rows.append((stamp, number_of_cpu, usr, nice, system, iowait, steal, idle))
                else:
                    shares = (usr, nice, system, iowait, steal, idle)
                    cells = [number(min(100, share)) for share in shares]
                    rows.append((stamp, number_of_cpu, *cells))
            before = ticks
            user1, nice1, system1, iowait1 = user2, nice2, system2, iowait2
            steal1, busy1, all1 = steal2, busy2, all2
        return rows

    def _is_sound(self, place: int, cpu: str, before: Ticks, now: Ticks) -> bool:
        """Tell whether two lines of a CPU give shares, and report why not."""
        _, user1, nice1, system1, idle1, iowait1, irq1, softirq1, steal1, _, _ = before
        _, user2, nice2, system2, idle2, iowait2, irq2, softirq2, steal2, _, _ = now
        reason = ""
        if (
            user2 < user1
            or nice2 < nice1
            or system2 < system1
            or irq2 < irq1
            or softirq2 < softirq1
            or steal2 < steal1
            or idle2 + iowait2 < idle1 + iowait1
        ):
            reason = WENT_BACK
        elif sum(now[1:9]) <= sum(before[1:9]):
            reason = NO_TICKS
        if reason:
            self._report(place, reason, "all CPUs" if cpu == ALL_CPUS else f"CPU {cpu}")
        return not reason


def _seconds(ticks: Ticks) -> tuple[float, float, float, float, float, float, float]:
    """Return user, nice, system, iowait, steal, busy and all in seconds."""
    user, nice, system, idle, iowait, irq, softirq, steal = (n / 100 for n in ticks[1:9])
    busy = user + system + nice + iowait + irq + softirq + steal
    return user, nice, system, iowait, steal, busy, busy + idle
