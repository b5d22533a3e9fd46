"""Parsers against psutil: the same four files, opened, read and parsed anew each time.

Fairness.  psutil is asked for the same files by the calls that a monitoring loop makes: per CPU
and in all (two calls, each reads /proc/stat: psutil has no call that gives both), memory, each
interface, each disk, without its own bookkeeping of wrapped counters.  Ours return every field of
the kernel's documents, psutil a part of them.  A second figure counts only one of psutil's two
readings of /proc/stat.
"""

import gc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time_ns

import psutil

import big_host
from figures import Figure, at_least, compared, ratios
from perfkit.parsers import diskstats, meminfo, net_dev, stat

SECTION = "parsers"
BAR = at_least(3.0)
ROUNDS = 25
ROUND_NS = 20_000_000
"""CPU time of one side in one round: far above the clock's resolution."""

type_of_work = Callable[[], object]


def read(path: str) -> bytes:
    """Return the whole of a kernel file, opened and closed, as psutil does."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs as much as the open
        return file.readall()


def ours(root: Path) -> dict[str, type_of_work]:
    """Return for each file what perfkit does with it."""
    proc = str(root / "proc")
    return {
        "stat": lambda: stat.parse(read(f"{proc}/stat")),
        "meminfo": lambda: meminfo.parse(read(f"{proc}/meminfo")),
        "net/dev": lambda: net_dev.parse(read(f"{proc}/net/dev")),
        "diskstats": lambda: diskstats.parse(read(f"{proc}/diskstats")),
    }


def theirs() -> dict[str, type_of_work]:
    """Return for each file what psutil does with it; its root is psutil.PROCFS_PATH."""
    return {
        "stat": lambda: (psutil.cpu_times(percpu=True), psutil.cpu_times()),
        "meminfo": psutil.virtual_memory,
        "net/dev": lambda: psutil.net_io_counters(pernic=True, nowrap=False),
        "diskstats": lambda: psutil.disk_io_counters(perdisk=True, nowrap=False),
    }


def cost(work: type_of_work, times: int) -> float:
    """Return the nanoseconds of CPU that one call costs, over `times` calls."""
    began = process_time_ns()
    for _ in range(times):
        work()
    return (process_time_ns() - began) / times


def repeats(work: type_of_work) -> int:
    """Return how many calls fill a round; the first call warms up."""
    work()
    return max(1, int(ROUND_NS / max(1.0, cost(work, 3))))


def measure_root(root: Path, name: str) -> list[Figure]:
    """Return the figures of one root folder."""
    psutil.PROCFS_PATH = str(root / "proc")
    pairs = {file: (work, theirs()[file]) for file, work in ours(root).items()}
    pairs["stat, psutil once"] = (pairs["stat"][0], lambda: psutil.cpu_times(percpu=True))
    counts = {file: [repeats(work) for work in pair] for file, pair in pairs.items()}
    costs: dict[str, tuple[list[float], list[float]]] = {file: ([], []) for file in pairs}
    gc.collect()
    for _ in range(ROUNDS):
        for file, pair in pairs.items():
            for side, work in enumerate(pair):
                costs[file][side].append(cost(work, counts[file][side] // len(pairs) + 1))
    together = [summed(costs, FILES), summed(costs, FILES_STAT_ONCE)]
    figures = [
        figure(name, "four files together", *together[0], bar=True),
        figure(name, "four files, psutil reads stat once", *together[1]),
    ]
    return figures + [figure(name, file, *costs[file]) for file in FILES]


FILES = ("stat", "meminfo", "net/dev", "diskstats")
FILES_STAT_ONCE = ("stat, psutil once", "meminfo", "net/dev", "diskstats")


def summed(
    costs: dict[str, tuple[list[float], list[float]]], files: tuple[str, ...]
) -> tuple[list[float], list[float]]:
    """Return both sides' cost of several files together, round by round."""
    sides = (
        [sum(row) for row in zip(*(costs[f][side] for f in files), strict=True)] for side in (0, 1)
    )
    our, their = sides
    return our, their


def figure(
    root: str, subject: str, our: list[float], their: list[float], *, bar: bool = False
) -> Figure:
    """Return how many times faster ours is than psutil's."""
    return compared(
        SECTION,
        f"{root}: {subject}",
        "psutil",
        ratios(their, our),
        bar=BAR if bar else None,
        note=f"{median(our) / 1000:.1f} against {median(their) / 1000:.1f} us",
    )


def measure() -> list[Figure]:
    """Return the figures of this host and of a big one."""
    with TemporaryDirectory(prefix="perfkit-bench-") as folder:
        big = Path(folder)
        big_host.write(big)
        try:
            return measure_root(Path("/"), "this host") + measure_root(
                big, f"{big_host.CPUS} CPUs, {big_host.DISKS} disks and interfaces"
            )
        finally:
            psutil.PROCFS_PATH = "/proc"
