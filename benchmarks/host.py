"""What the kernel tells about running processes, the programs compared with, and clean children."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
NS_PER_SECOND = 1_000_000_000

PEERS = {
    "cc": ("gcc", ("cc", "gcc")),
    "openssl": ("openssl", ("openssl",)),
    "sadc": ("sysstat", ("/usr/lib/sysstat/sadc", "/usr/lib64/sa/sadc", "/usr/lib/sa/sadc")),
    "sadf": ("sysstat", ("sadf",)),
    "prometheus": ("prometheus", ("prometheus",)),
    "node_exporter": ("prometheus-node-exporter", ("prometheus-node-exporter", "node_exporter")),
}
"""Each program compared with: its Debian package, and where it may be."""


class PeerMissingError(Exception):
    """A program to compare with is not on this machine."""


class ChildFailedError(Exception):
    """A program under measurement did not do its work: its figures would mean nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Memory of one process, in bytes."""

    rss: int
    """Resident, shared pages included."""

    uss: int
    """Resident and its own: what ending it would free."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a finished child cost."""

    cpu_seconds: float
    """User and system time of it and of every descendant that it waited for."""

    wall_seconds: float
    peak_rss: int
    """Largest resident size seen of the whole tree, in bytes; 0 if not asked for."""


def peer(name: str) -> str:
    """Return the path of a program to compare with.

    Raises:
        PeerMissingError: it is absent; the text names the package that has it.
    """
    package, places = PEERS[name]
    for place in places:
        if found := shutil.which(place):
            return found
    raise PeerMissingError(f"{name} is not here: apt install {package}")


def perfkit(*words: str) -> list[str]:
    """Return the command line of perfkit as this interpreter runs it."""
    return [sys.executable, "-m", "perfkit", *words]


def environment() -> dict[str, str]:
    """Return this process's variables without those that would steer what is measured."""
    steering = ("PERFKIT_", "PCC_", "PCD_", "PCR_", "PYTHON", "COVERAGE", "S_TIME_", "LC_", "TZ")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(steering)}
    return kept | {"LC_ALL": "C.UTF-8"}


def cpu_ns(pid: int) -> int:
    """Return the nanoseconds that a process's threads have been on a CPU, children left out.

    Source: /proc/PID/task/TID/schedstat, first number, Documentation/scheduler/sched-stats.rst.
    """
    total = 0
    for task in (PROC / str(pid) / "task").iterdir():
        try:
            total += int((task / "schedstat").read_bytes().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread ended meanwhile
    return total


def children(pid: int) -> list[int]:
    """Return the direct children of a process."""
    found: list[int] = []
    for task in (PROC / str(pid) / "task").iterdir():
        found += [int(child) for child in (task / "children").read_bytes().split()]
    return found


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for parent in found:
        try:
            found += children(parent)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return found


def tree_cpu_ns(pid: int) -> int:
    """Return the nanoseconds on a CPU of a process and all its descendants that still run."""
    return sum(cpu_ns(each) for each in tree(pid))


def memory(pid: int) -> Memory:
    """Return the memory of a process.

    Source: /proc/PID/smaps_rollup, Documentation/filesystems/proc.rst.
    """
    kb: dict[bytes, int] = {}
    for line in (PROC / str(pid) / "smaps_rollup").read_bytes().splitlines()[1:]:
        name, value = line.split()[:2]
        kb[name] = int(value)
    own = kb[b"Private_Clean:"] + kb[b"Private_Dirty:"]
    return Memory(rss=kb[b"Rss:"] * 1024, uss=own * 1024)


def peak_rss(pid: int) -> int:
    """Return the largest resident size that a process and its descendants have had, in bytes.

    VmHWM and not ru_maxrss: that one starts at the size of the process which started the child.
    """
    total = 0
    for each in tree(pid):
        try:
            status = (PROC / str(each) / "status").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        at = status.find(b"VmHWM:")
        if at >= 0:  # a process that has just ended has no memory any more
            total += int(status[at + 6 :].split(maxsplit=1)[0]) * 1024
    return total


def pin(pid: int, core: int) -> None:
    """Keep every thread of a process, and those it will start, on one core."""
    for task in (PROC / str(pid) / "task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def run(
    words: Sequence[str],
    *,
    cwd: Path,
    stdout: int = subprocess.DEVNULL,
    watch_memory: bool = False,
    is_strict: bool = True,
) -> Cost:
    """Run a command to its end and return what it cost.

    Raises:
        ChildFailedError: strict, and it ended with another code than 0; the text holds its last
            message.
    """
    with (cwd / "stderr.txt").open("w+b") as messages:
        began = time.perf_counter()
        child = subprocess.Popen(
            words,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=messages,
            env=environment(),
        )
        peak = 0
        while watch_memory and not os.waitid(
            os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT
        ):
            peak = max(peak, peak_rss(child.pid))
            time.sleep(0.02)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0 and is_strict:
            messages.seek(0)
            raise ChildFailedError(failure(words, child.returncode, messages.read()))
    return Cost(
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        wall_seconds=wall,
        peak_rss=peak,
    )


def failure(words: Sequence[str], code: int, messages: bytes) -> str:
    """Return one line saying which command failed, how, and what it said last."""
    said = messages.decode(errors="replace").strip().splitlines()
    return f"{' '.join(words[:5])} …: exit {code}: {said[-1] if said else 'no message'}"


def end(child: subprocess.Popen[bytes]) -> None:
    """End a child that we started: politely, then surely."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
