"""The struct of /proc/stat."""

import msgspec

from perfkit.model.number import Counter, MaybeCounter


class CpuTicks(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """Time that a CPU, or all of them together, spent in each state since boot.

    Source: the cpu lines of /proc/stat, Documentation/filesystems/proc.rst section 1.7 and
    proc_stat(5).  In ticks of USER_HZ: 100 a second wherever Linux documents it.

    All are counters, yet idle and iowait may step back a little (the kernel says so), and all of
    a CPU's may when it is taken offline and comes back.
    """

    user_ticks: Counter
    """Normal processes in user mode; guest time is counted here, too."""

    nice_ticks: Counter
    """Niced processes in user mode; niced guests are counted here, too."""

    system_ticks: Counter
    """Kernel mode."""

    idle_ticks: Counter
    """Nothing to do."""

    iowait_ticks: MaybeCounter = None
    """Nothing to do while I/O was outstanding: a hint, not a measure; None before 2.5.41."""

    irq_ticks: MaybeCounter = None
    """Hardware interrupts; None before 2.6.0."""

    softirq_ticks: MaybeCounter = None
    """Soft interrupts; None before 2.6.0."""

    steal_ticks: MaybeCounter = None
    """Ready to run, while the hypervisor ran something else; None before 2.6.11."""

    guest_ticks: MaybeCounter = None
    """A virtual CPU of a guest: part of user_ticks; None before 2.6.24."""

    guest_nice_ticks: MaybeCounter = None
    """A virtual CPU of a niced guest: part of nice_ticks; None before 2.6.33."""


class SoftIrqs(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """Soft interrupts served since boot, by kind, in the kernel's order.

    Source: the softirq line of /proc/stat, since 2.6.31; include/linux/interrupt.h has the kinds.
    """

    total: Counter
    """All kinds together, those of a newer kernel included."""

    hi: MaybeCounter = None
    """High-priority tasklets."""

    timer: MaybeCounter = None
    """Expired timers."""

    net_tx: MaybeCounter = None
    """Network packets sent."""

    net_rx: MaybeCounter = None
    """Network packets received."""

    block: MaybeCounter = None
    """Block I/O completed."""

    irq_poll: MaybeCounter = None
    """Block I/O completed by polling (BLOCK_IOPOLL before 4.5)."""

    tasklet: MaybeCounter = None
    """Tasklets of normal priority."""

    sched: MaybeCounter = None
    """Load balancing by the scheduler."""

    hrtimer: MaybeCounter = None
    """High-resolution timers."""

    rcu: MaybeCounter = None
    """Read-copy-update."""


class Stat(msgspec.Struct, frozen=True, kw_only=True):
    """What /proc/stat says: CPU time, interrupts, context switches, processes, start of the host.

    Source: /proc/stat, Documentation/filesystems/proc.rst section 1.7.  None: no such line.
    """

    cpu: CpuTicks
    """All CPUs together: the line `cpu`.  It keeps the time of CPUs that are offline now."""

    cpus: dict[Counter, CpuTicks]
    """Each CPU that is online, by its number, in the file's order.  Numbers may have holes."""

    interrupts: MaybeCounter = msgspec.field(name="intr", default=None)
    """Interrupts served since boot, the first number of `intr`."""

    context_switches: MaybeCounter = msgspec.field(name="ctxt", default=None)
    """Context switches since boot, `ctxt`."""

    boot_time_seconds: MaybeCounter = msgspec.field(name="btime", default=None)
    """Start of the host, `btime`: seconds since 1970-01-01 UTC, moved when the clock is set."""

    processes: MaybeCounter = None
    """Processes and threads created since boot: forks, not a number of processes."""

    procs_running: MaybeCounter = None
    """Threads that run or could run.  A gauge."""

    procs_blocked: MaybeCounter = None
    """Threads that wait for I/O.  A gauge."""

    softirqs: SoftIrqs | None = msgspec.field(name="softirq", default=None)
    """Soft interrupts served since boot, in total and by kind; None before 2.6.31."""
