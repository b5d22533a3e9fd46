"""/proc/stat and /proc/meminfo: how the CPUs spent the interval, scheduling, memory."""

from perfkit.derive.gaps import Gap, Reason, change, in_both, rate, ratio, went_back
from perfkit.derive.rows import CpuShares, Memory, System
from perfkit.model import CpuTicks, MemInfo, Stat

ALL_CPUS = -1
"""Key of all CPUs together, as the original's CSV numbers it."""

_STEADY = (
    "user_ticks",
    "nice_ticks",
    "system_ticks",
    "irq_ticks",
    "softirq_ticks",
    "steal_ticks",
    "guest_ticks",
    "guest_nice_ticks",
)
_UNSTEADY = ("idle_ticks", "iowait_ticks")
"""The kernel splits one span of idle time by a guess and may revise it, so that either can step
back while their sum grows (Documentation/filesystems/proc.rst 1.7 warns of iowait)."""


def cpu_rows(before: Stat | None, after: Stat | None, gaps: list[Gap]) -> dict[int, CpuShares]:
    """Return the shares of all CPUs together, then of each CPU that both samples have."""
    rows = {}
    old = None if before is None else {ALL_CPUS: before.cpu, **before.cpus}
    new = None if after is None else {ALL_CPUS: after.cpu, **after.cpus}
    for cpu, was, now in in_both("cpu", old, new, gaps):
        row = _shares(str(cpu), was, now, gaps)
        if row is not None:
            rows[cpu] = row
    return rows


def _shares(cpu: str, before: CpuTicks, after: CpuTicks, gaps: list[Gap]) -> CpuShares | None:
    fallen = went_back(before, after, _STEADY)
    not_busy = (after.idle_ticks + (after.iowait_ticks or 0)) - (
        before.idle_ticks + (before.iowait_ticks or 0)
    )
    unsteady = went_back(before, after, _UNSTEADY)
    if fallen or not_busy < 0:
        gaps.append(
            Gap(table="cpu", device=cpu, reason=Reason.WENT_BACK, counters=fallen + unsteady)
        )
        return None
    usr = after.user_ticks - before.user_ticks
    nice = after.nice_ticks - before.nice_ticks
    system = after.system_ticks - before.system_ticks
    irq = change(before.irq_ticks, after.irq_ticks)
    soft = change(before.softirq_ticks, after.softirq_ticks)
    steal = change(before.steal_ticks, after.steal_ticks)
    everything = usr + nice + system + not_busy + (irq or 0) + (soft or 0) + (steal or 0)
    if everything == 0:
        gaps.append(Gap(table="cpu", device=cpu, reason=Reason.NO_TICKS))
        return None
    if unsteady:
        gaps.append(
            Gap(
                table="cpu",
                device=cpu,
                reason=Reason.WENT_BACK,
                counters=unsteady,
                is_partial=True,
            )
        )

    def share(ticks: int | None) -> float | None:
        return None if ticks is None else ticks / everything * 100

    is_split = not unsteady  # one of the two stepped back, so the other gained what is not its own
    return CpuShares(
        usr_percent=usr / everything * 100,
        nice_percent=nice / everything * 100,
        system_percent=system / everything * 100,
        iowait_percent=share(change(before.iowait_ticks, after.iowait_ticks)) if is_split else None,
        steal_percent=share(steal),
        idle_percent=share(change(before.idle_ticks, after.idle_ticks)) if is_split else None,
        irq_percent=share(irq),
        soft_percent=share(soft),
        guest_percent=share(change(before.guest_ticks, after.guest_ticks)),
        gnice_percent=share(change(before.guest_nice_ticks, after.guest_nice_ticks)),
    )


_RATES = ("processes", "context_switches", "interrupts")


def system_row(
    before: Stat | None, after: Stat | None, seconds: float, gaps: list[Gap]
) -> System | None:
    """Return rates and gauges of scheduling; None without the sample that ends the interval."""
    if after is None:
        return None
    if before is None:
        return system_gauges(after)
    fallen = went_back(before, after, _RATES)
    if fallen:
        gaps.append(
            Gap(
                table="system",
                device="",
                reason=Reason.WENT_BACK,
                counters=fallen,
                is_partial=True,
            )
        )
    return System(
        forks_per_second=rate(change(before.processes, after.processes), seconds),
        context_switches_per_second=rate(
            change(before.context_switches, after.context_switches), seconds
        ),
        interrupts_per_second=rate(change(before.interrupts, after.interrupts), seconds),
        running=after.procs_running,
        blocked=after.procs_blocked,
    )


def system_gauges(after: Stat | None) -> System | None:
    """Return what one sample alone says of scheduling."""
    if after is None:
        return None
    return System(
        forks_per_second=None,
        context_switches_per_second=None,
        interrupts_per_second=None,
        running=after.procs_running,
        blocked=after.procs_blocked,
    )


def memory_row(after: MemInfo | None) -> Memory | None:
    """Return the gauges of memory and swap.

    What the kernel does not list (Slab in some sandboxes) cannot count as unused.
    """
    if after is None:
        return None
    total = after.mem_total_kb
    unused = min(
        total,
        after.mem_free_kb + (after.buffers_kb or 0) + (after.cached_kb or 0) + (after.slab_kb or 0),
    )
    used_share = ratio(total - unused, total)
    commit_share = ratio(after.committed_as_kb, total + (after.swap_total_kb or 0))
    swap_used = (
        None
        if after.swap_total_kb is None or after.swap_free_kb is None
        else after.swap_total_kb - after.swap_free_kb
    )
    swap_share = ratio(swap_used, after.swap_total_kb)
    return Memory(
        total_kb=total,
        free_kb=after.mem_free_kb,
        available_kb=after.mem_available_kb,
        used_kb=total - unused,
        used_percent=_percent(used_share),
        buffers_kb=after.buffers_kb,
        cached_kb=after.cached_kb,
        slab_kb=after.slab_kb,
        committed_kb=after.committed_as_kb,
        committed_percent=_percent(commit_share),
        active_kb=after.active_kb,
        inactive_kb=after.inactive_kb,
        dirty_kb=after.dirty_kb,
        swap_total_kb=after.swap_total_kb,
        swap_free_kb=after.swap_free_kb,
        swap_used_kb=swap_used,
        swap_used_percent=_percent(swap_share),
        swap_cached_kb=after.swap_cached_kb,
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100
