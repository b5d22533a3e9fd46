"""`perfkit process` against `sadf -d`: the same five tables, as many samples.

sadc and `perfkit collect` record this host side by side for a few seconds while it works a little
(files synced to disk, packets over lo, some CPU).  Both recordings are then made long in the same
way, by `sa_file.py` and `long_capture.py`, so that start-up vanishes and each counter grows in
each interval as often as it did in the recording.

sadf prints per-CPU, memory, network, disk and file system tables, the five that perfkit writes
(perfkit: system_info.json and portal.csv besides).  Rows are counted in both outputs, headings
left out.  Both write to files in the same folder.

The host at hand decides how many rows a sample has; so, where the conformance captures lie beside
the project, a real one of a 2-CPU host with LVM (16 rows a sample) is converted in the same
rounds, and held against what sadf does on this host.
"""

import os
import shutil
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread

import agents
import host
import long_capture
import sa_file
from figures import MIB, Figure, at_least, at_most, compared, ratios, unmeasured

SECTION = "process"
RECORDED_TICKS = 15
SAMPLES = 20_000
MANY_SAMPLES = 200_000
ROUNDS = 5
TABLES = ("-u", "ALL", "-P", "ALL", "-r", "ALL", "-n", "DEV", "-d", "-F")
FILES = ("proc/stat", "proc/meminfo", "proc/net/dev", "proc/diskstats", "statfs_ALL")
SAMPLES_BAR = at_least(1.0)
ROWS_BAR = at_least(1.5)
RSS_BAR = at_most(32)
RSS_GROWTH_BAR = at_most(1)
THIS_HOST, LVM_HOST = "this host", "LVM host"
CONFORMANCE = Path(__file__).resolve().parents[2] / "shared" / "conformance"
LVM_CAPTURE = CONFORMANCE / "oci-oraclelinux-lvm" / "capture.json"


def work_a_little(folder: Path, is_over: Event) -> None:
    """Write and sync a file, send packets over lo and use some CPU, until told to stop."""
    block = os.urandom(64 * 1024)
    with (
        (folder / "load").open("wb") as file,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        while not is_over.wait(0.1):
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
            for _ in range(20):
                sender.sendto(block[:1400], receiver.getsockname())
                receiver.recv(2000)
            sum(range(200_000))


def record(folder: Path) -> tuple[Path, Path | None]:
    """Record this host with both at the same time; sadc's file is None where there is no sadc."""
    core = min(os.sched_getaffinity(0))
    is_over = Event()
    load = Thread(target=work_a_little, args=(folder, is_over))
    with ExitStack() as stack:
        ours = agents.start_perfkit(folder, core=core, suffix="", cpuinfo="once")
        stack.callback(host.end, ours.child)
        theirs = None
        try:
            theirs = agents.start_sadc(folder, core=core)
            stack.callback(host.end, theirs.child)
        except host.PeerMissingError:
            pass
        load.start()
        stack.callback(is_over.set)
        agents.sleep_until(int(time.time()) + RECORDED_TICKS + 2)
        ours.check()
    load.join()
    capture = folder / "host.json"
    return capture, theirs.output if theirs else None


def rows(files: list[Path], mark: bytes) -> int:
    """Return the number of rows in some files; a heading begins with `mark`."""
    total = 0
    for file in files:
        with file.open("rb") as lines:
            total += sum(not line.startswith(mark) for line in lines)
    return total


def convert(capture: Path, folder: Path, *, watch_memory: bool = False) -> tuple[host.Cost, int]:
    """Run `perfkit process` and return its cost and the rows it wrote."""
    output = folder / "csv"
    cost = host.run(
        host.perfkit("process", str(capture), "--output-dir", str(output)),
        cwd=folder,
        watch_memory=watch_memory,
    )
    written = rows([output / name for name in FILES], b"#")
    shutil.rmtree(output)
    return cost, written


def export(sa: Path, folder: Path) -> tuple[host.Cost, int]:
    """Run `sadf -d` and return its cost and the rows it wrote."""
    output = folder / "sadf.csv"
    with output.open("wb") as file:
        words = [host.peer("sadf"), "-d", str(sa), "--", *TABLES]
        cost = host.run(words, cwd=folder, stdout=file.fileno())
    written = rows([output], b"#")
    output.unlink()
    return cost, written


def against_sadf(captures: dict[str, Path], recorded: Path | None, folder: Path) -> list[Figure]:
    """Return the figures of each capture beside sadf."""
    try:
        if recorded is None:
            host.peer("sadc")
        host.peer("sadf")
        sa = folder / "long.sa"
        assert recorded  # noqa: S101 - peer() raises where there is none
        sa_file.lengthen(recorded, sa, SAMPLES)
    except (host.PeerMissingError, ValueError) as error:
        return [unmeasured(SECTION, THIS_HOST, "sadf -d", SAMPLES_BAR, str(error))]
    ours: dict[str, list[float]] = {name: [] for name in captures}
    theirs: list[float] = []
    our_rows: dict[str, int] = {}
    their_rows = 0
    for _ in range(ROUNDS):
        for name, capture in captures.items():
            cost, our_rows[name] = convert(capture, folder)
            ours[name].append(cost.cpu_seconds)
        cost, their_rows = export(sa, folder)
        theirs.append(cost.cpu_seconds)
    found: list[Figure] = []
    for name, capture in captures.items():
        paired = ratios(theirs, ours[name])
        by_rows = [ratio * our_rows[name] / their_rows for ratio in paired]
        per_second = SAMPLES / median(ours[name]), SAMPLES / median(theirs)
        megabytes = capture.stat().st_size / 1e6 / median(ours[name])
        speed = f"{per_second[0]:.0f} against {per_second[1]:.0f}; {megabytes:.0f} MB/CPU-s"
        rows_each = f"{our_rows[name] / SAMPLES:.1f} against {their_rows / SAMPLES:.1f} a sample"
        # on one and the same host the rows say nothing that the samples do not
        bar = ROWS_BAR if name == LVM_HOST else None
        found += [
            compared(
                SECTION,
                f"{name}: samples per CPU-s",
                "sadf -d",
                paired,
                bar=SAMPLES_BAR,
                note=speed,
            ),
            compared(
                SECTION, f"{name}: rows per CPU-s", "sadf -d", by_rows, bar=bar, note=rows_each
            ),
        ]
    return found


def memory(capture: Path, recorded: Path, folder: Path) -> list[Figure]:
    """Return the memory for a short and a long capture."""
    short, _ = convert(capture, folder, watch_memory=True)
    many = folder / "many.json"
    long_capture.lengthen(recorded, many, MANY_SAMPLES)
    long, _ = convert(many, folder, watch_memory=True)
    many.unlink()
    growth = (long.peak_rss - short.peak_rss) / MIB
    return [
        Figure(
            section=SECTION,
            subject=f"RSS, {MANY_SAMPLES:,} samples",
            against="a fixed size",
            value=max(long.peak_rss, short.peak_rss) / MIB,
            unit="MiB",
            bar=RSS_BAR,
            note=f"{short.peak_rss / MIB:.1f} at {SAMPLES:,}",
        ),
        Figure(
            section=SECTION,
            subject="RSS, growth",
            against=f"{SAMPLES:,} samples",
            value=growth,
            unit="MiB",
            bar=RSS_GROWTH_BAR,
            note=f"{MANY_SAMPLES / long.cpu_seconds:.0f} samples per CPU second in the long one",
        ),
    ]


def measure() -> list[Figure]:
    """Return the figures of the converter."""
    with TemporaryDirectory(prefix="perfkit-bench-") as name:
        folder = Path(name)
        recorded, sa = record(folder)
        captures = {THIS_HOST: folder / "long.json"}
        long_capture.lengthen(recorded, captures[THIS_HOST], SAMPLES)
        missing: list[Figure] = []
        if LVM_CAPTURE.exists():
            captures[LVM_HOST] = folder / "lvm.json"
            long_capture.lengthen(LVM_CAPTURE, captures[LVM_HOST], SAMPLES)
        else:
            why = f"no {LVM_CAPTURE.name} of a host with LVM beside the project"
            missing.append(unmeasured(SECTION, LVM_HOST, "sadf -d", ROWS_BAR, why))
        beside = against_sadf(captures, sa, folder)
        return [*beside, *missing, *memory(captures[THIS_HOST], recorded, folder)]
