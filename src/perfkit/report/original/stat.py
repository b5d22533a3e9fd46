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

import msgspec

from perfkit.parsers import stat
from perfkit.report.original.rows import Cell, Rows, number
from perfkit.report.original.table import (
    APPEARED,
    IN_DOUBT,
    NO_TICKS,
    NUMBER_BYTES,
    VANISHED,
    WENT_BACK,
    Number,
    Report,
    unescaped,
)

HEADING = "#timestamp,CPU,%usr,%nice,%system,%iowait,%steal,%idle"
SUBSYSTEM = "/proc/stat"

Times = tuple[
    float, float, float, float, float, float, float, float, float, float, float
]  # fmt: skip
"""CPU, then in seconds: user, nice, system, iowait, steal, busy, all, irq, softirq, idle."""

_ALL_CPUS = -1
_STEADY = (1, 2, 3, 5, 8, 9)
"""Places in Times of what the kernel never takes back."""

_IOWAIT, _ALL, _IDLE = 4, 7, 10

_COLUMNS = 11
"""A CPU's number and its ten counters, since Linux 2.6.33."""

_PLAIN_SPAN = 4000.0
"""Seconds of CPU time within which a share of one tick is at least 1e-4, so prints plainly."""

_decode = msgspec.json.Decoder(list[list[Number]]).decode


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
        self._previous: list[Times] = []

    def forget(self) -> None:
        """Start over: the next sample has nothing to be compared with."""
        self._previous = []

    def add(self, stamp: Cell, at: int, body: bytes) -> None:
        """Take the text of one sample, and gather its rows (see `table.Table`)."""
        del at  # the counters bring their own time
        try:
            current = _read(body)
        except IN_DOUBT:
            current = _read_slowly(body)
        previous = self._previous
        self._previous = current
        if not previous:
            return
        if [times[0] for times in previous] != [times[0] for times in current]:
            previous, current = self._matched(previous, current)
        if not self._clamp:
            previous, current = self._sound(previous, current)
        self._append(stamp, previous, current)

    def _append(self, stamp: Cell, previous: list[Times], current: list[Times]) -> None:
        append = self.rows.pending.append
        for before, now in zip(previous, current, strict=True):
            _, user1, nice1, system1, iowait1, steal1, busy1, all1, _, _, _ = before
            cpu, user2, nice2, system2, iowait2, steal2, busy2, all2, _, _, _ = now
            if busy2 <= busy1:
                append((stamp, cpu, 0, 0, 0, 0, 0, 100))
                continue
            span = all2 - all1
            if span <= 0:
                append((stamp, cpu, 100, 100, 100, 100, 100, 0))
                continue
            usr = (user2 - user1) / span * 100
            nice = (nice2 - nice1) / span * 100
            system = (system2 - system1) / span * 100
            iowait = (iowait2 - iowait1) / span * 100
            steal = (steal2 - steal1) / span * 100
            busy = (busy2 - busy1) / span * 100
            idle = 100 - busy if busy < 100 else 0
            if (
                0 <= usr <= 100
                and 0 <= nice <= 100
                and 0 <= system <= 100
                and 0 <= iowait <= 100
                and 0 <= steal <= 100
                and (idle >= 1e-4 or idle == 0)
                and span < _PLAIN_SPAN
            ):
                append((stamp, cpu, usr, nice, system, iowait, steal, idle))
            else:
                shares = (usr, nice, system, iowait, steal, idle)
                append((stamp, cpu, *(number(min(100, max(0, share))) for share in shares)))

    def _matched(
        self, previous: list[Times], current: list[Times]
    ) -> tuple[list[Times], list[Times]]:
        """Return the CPUs that both samples have, and report the others."""
        before = {times[0]: times for times in previous}
        now = {times[0]: times for times in current}
        for cpu in now:
            if cpu not in before:
                self._report(APPEARED, _name(cpu))
        for cpu in before:
            if cpu not in now:
                self._report(VANISHED, _name(cpu))
        both = [cpu for cpu in now if cpu in before]
        return [before[cpu] for cpu in both], [now[cpu] for cpu in both]

    def _sound(
        self, previous: list[Times], current: list[Times]
    ) -> tuple[list[Times], list[Times]]:
        """Return the CPUs whose counters give shares, and report the others."""
        sound = []
        for before, now in zip(previous, current, strict=True):
            not_busy = (now[_IDLE] + now[_IOWAIT]) - (before[_IDLE] + before[_IOWAIT])
            if not_busy < 0 or any(now[place] < before[place] for place in _STEADY):
                self._report(WENT_BACK, _name(now[0]))
            elif now[_ALL] <= before[_ALL]:
                self._report(NO_TICKS, _name(now[0]))
            else:
                sound.append((before, now))
        return [pair[0] for pair in sound], [pair[1] for pair in sound]


def _name(cpu: float) -> str:
    return "all CPUs" if cpu == _ALL_CPUS else f"CPU {cpu:.0f}"


def _read(body: bytes) -> list[Times]:
    """Return the times of each CPU, in the file's order, all numbers decoded at once."""
    end = body.find(b"\\nintr ")
    text = body[5:end].replace(b"\\ncpu", b"],[").replace(b" ", b",")
    if end < 0 or body[:5] != b"cpu  " or text.translate(None, NUMBER_BYTES):
        raise ValueError
    current = []
    for row in _decode(b"[[0,%b]]" % text):
        if len(row) != _COLUMNS:
            raise ValueError
        cpu, user, nice, system, idle, iowait, irq, softirq, steal, _, _ = row
        user /= 100
        nice /= 100
        system /= 100
        idle /= 100
        iowait /= 100
        irq /= 100
        softirq /= 100
        steal /= 100
        busy = user + system + nice + iowait + irq + softirq + steal
        current.append(
            (cpu, user, nice, system, iowait, steal, busy, busy + idle, irq, softirq, idle)
        )
    current[0] = (_ALL_CPUS, *current[0][1:])
    return current


def _read_slowly(body: bytes) -> list[Times]:
    """Return the same from text of any documented shape."""
    found = stat.parse(unescaped("stat", body))
    current = []
    for cpu, ticks in {_ALL_CPUS: found.cpu, **found.cpus}.items():
        user, nice, system, idle, iowait, irq, softirq, steal = (
            float(value or 0) / 100
            for value in (
                ticks.user_ticks,
                ticks.nice_ticks,
                ticks.system_ticks,
                ticks.idle_ticks,
                ticks.iowait_ticks,
                ticks.irq_ticks,
                ticks.softirq_ticks,
                ticks.steal_ticks,
            )
        )
        busy = user + system + nice + iowait + irq + softirq + steal
        current.append(
            (float(cpu), user, nice, system, iowait, steal, busy, busy + idle, irq, softirq, idle)
        )
    return current
