"""Parsers against psutil: the same four files, read and parsed anew each time.

Each side works as it does in use.  Psutil by the calls of a monitoring loop, with its defaults:
per CPU and in all (two calls, it has none that gives both), memory, each interface, each disk; it
opens the file each time.  Perfkit reads from a file that stays open, to its end, as its recorder
does, and returns every field of the kernel's documents, of which psutil returns a part.

Two further figures take away what psutil does besides: `nowrap=False` leaves out its correction
of wrapped counters, and one of its two readings of /proc/stat can be left out.
"""

import gc
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time_ns

import psutil

import big_host
from figures import Bar, Figure, at_least, compared, ratios
from perfkit.parsers import diskstats, meminfo, net_dev, stat
from perfkit.source.kernel_file import KernelFile

SECTION = "parsers"
BAR = at_least(3.0)
ROUNDS = 25
ROUND_NS = 15_000_000
"""CPU time of one side in one round: far above the clock's resolution."""

FILES = ("stat", "meminfo", "net/dev", "diskstats")
PARSERS: dict[str, Callable[[bytes], object]] = {
    "stat": stat.parse,
    "meminfo": meminfo.parse,
    "net/dev": net_dev.parse,
    "diskstats": diskstats.parse,
}

Work = Callable[[], object]

PSUTIL: dict[str, dict[str, Work]] = {
    "psutil": {
        "stat": lambda: (psutil.cpu_times(percpu=True), psutil.cpu_times()),
        "meminfo": psutil.virtual_memory,
        "net/dev": lambda: psutil.net_io_counters(pernic=True),
        "diskstats": lambda: psutil.disk_io_counters(perdisk=True),
    },
    "psutil, nowrap=False": {
        "net/dev": lambda: psutil.net_io_counters(pernic=True, nowrap=False),
        "diskstats": lambda: psutil.disk_io_counters(perdisk=True, nowrap=False),
    },
    "the same, stat once": {"stat": lambda: psutil.cpu_times(percpu=True)},
}
"""The ways to ask psutil; each differs from the one before it in the files that it names."""


def reading(parse: Callable[[bytes], object], file: KernelFile) -> Work:
    """Return the work of reading and parsing one open file."""
    return lambda: parse(file.read())


def cost(work: Work, times: int) -> float:
    """Return the nanoseconds of CPU that one call costs, over `times` calls."""
    began = process_time_ns()
    for _ in range(times):
        work()
    return (process_time_ns() - began) / times


def repeats(work: Work) -> int:
    """Return how many calls fill a round; the first call warms up."""
    work()
    return max(1, int(ROUND_NS / max(1.0, cost(work, 3))))


def measure_root(root: Path, name: str) -> list[Figure]:
    """Return the figures of one root folder."""
    psutil.PROCFS_PATH = str(root / "proc")
    works: dict[tuple[str, str], Work] = {
        (way, file): work for way, calls in PSUTIL.items() for file, work in calls.items()
    }
    with ExitStack() as stack:
        for file in FILES:
            opened = KernelFile(str(root / "proc" / file), file)
            stack.callback(opened.close)
            works["perfkit", file] = reading(PARSERS[file], opened)
        counts = {key: repeats(work) for key, work in works.items()}
        costs: dict[tuple[str, str], list[float]] = {key: [] for key in works}
        gc.collect()
        for _ in range(ROUNDS):
            for key, work in works.items():
                costs[key].append(cost(work, counts[key]))
    ours = together([costs["perfkit", file] for file in FILES])
    asked: dict[str, list[float]] = {}
    found: list[Figure] = []
    for way, calls in PSUTIL.items():
        asked |= {file: costs[way, file] for file in calls}
        bar = BAR if way == "psutil" else None
        theirs = together(list(asked.values()))
        found.append(figure(f"{name}: four files", way, ours, theirs, bar=bar))
    found += [
        figure(f"{name}: {file}", "psutil", costs["perfkit", file], costs["psutil", file])
        for file in FILES
    ]
    return found


def together(costs: list[list[float]]) -> list[float]:
    """Return the cost of several files together, round by round."""
    return [sum(of_round) for of_round in zip(*costs, strict=True)]


def figure(
    subject: str, way: str, ours: list[float], theirs: list[float], *, bar: Bar | None = None
) -> Figure:
    """Return how many times faster ours is."""
    note = f"{median(ours) / 1000:.1f} against {median(theirs) / 1000:.1f} us"
    return compared(SECTION, subject, way, ratios(theirs, ours), bar=bar, note=note)


def measure() -> list[Figure]:
    """Return the figures of this host and of a big one."""
    with TemporaryDirectory(prefix="perfkit-bench-") as folder:
        big = Path(folder)
        big_host.write(big)
        try:
            return measure_root(Path("/"), "this host") + measure_root(
                big, f"{big_host.CPUS} CPUs, {big_host.DISKS} disks, {big_host.INTERFACES} NICs"
            )
        finally:
            psutil.PROCFS_PATH = "/proc"
