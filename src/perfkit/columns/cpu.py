"""Columns from /proc/stat: shares of CPU time, and the host's scheduling figures.

Where a formula says *all*, it is user + nice + system + idle + iowait + irq + softirq + steal:
the kernel counts guest time in user and guest_nice time in nice as well, so those two stay out.
"""

from perfkit.columns._column import Column, Table

_SOURCE = "/proc/stat, `cpu` lines"


def _share(name: str, field: str, counter: str, meaning: str, *, original: bool = False) -> Column:
    return Column(
        name=name,
        field=field,
        unit="%",
        source=f"{_SOURCE}: {counter}",
        meaning=f"{meaning}: Δ{counter} / Δall * 100.",
        in_csv=original,
    )


CPU = Table(
    name="cpu",
    title="CPU",
    rows_field="cpus",
    key="CPU",
    key_meaning="Number of the CPU; -1 is all of them together.",
    csv_file="proc/stat",
    source="/proc/stat",
    columns=(
        _share(
            "%usr",
            "usr_percent",
            "user",
            "Time in programs at ordinary priority, running guests included",
            original=True,
        ),
        _share(
            "%nice", "nice_percent", "nice", "Time in programs at lowered priority", original=True
        ),
        _share(
            "%system",
            "system_percent",
            "system",
            "Time in the kernel, without interrupts",
            original=True,
        ),
        _share(
            "%iowait",
            "iowait_percent",
            "iowait",
            "Time idle while a task of this CPU waited for a disk",
            original=True,
        ),
        _share(
            "%steal",
            "steal_percent",
            "steal",
            "Time the hypervisor gave to others while this CPU had work",
            original=True,
        ),
        _share("%idle", "idle_percent", "idle", "Time with nothing to run", original=True),
        _share("%irq", "irq_percent", "irq", "Time in hardware interrupts"),
        _share("%soft", "soft_percent", "softirq", "Time in software interrupts"),
        _share("%guest", "guest_percent", "guest", "Time running a guest, a part of %usr"),
        _share(
            "%gnice", "gnice_percent", "guest_nice", "The same at lowered priority, a part of %nice"
        ),
    ),
)

SYSTEM = Table(
    name="system",
    title="System",
    rows_field="system",
    key=None,
    csv_file=None,
    source="/proc/stat",
    columns=(
        Column(
            name="proc/s",
            field="forks_per_second",
            unit="1/s",
            source="/proc/stat: processes",
            meaning="Processes and threads created: Δprocesses / s.",
        ),
        Column(
            name="cswch/s",
            field="context_switches_per_second",
            unit="1/s",
            source="/proc/stat: ctxt",
            meaning="Context switches of all CPUs: Δctxt / s.",
        ),
        Column(
            name="intr/s",
            field="interrupts_per_second",
            unit="1/s",
            source="/proc/stat: intr, first number",
            meaning="Interrupts served by all CPUs: Δintr / s.",
        ),
        Column(
            name="runq-sz",
            field="running",
            unit="",
            source="/proc/stat: procs_running",
            meaning="Tasks that run or wait for a CPU at the end of the interval, the recorder"
            " included.",
        ),
        Column(
            name="blocked",
            field="blocked",
            unit="",
            source="/proc/stat: procs_blocked",
            meaning="Tasks that wait for a disk at the end of the interval.",
        ),
    ),
)
