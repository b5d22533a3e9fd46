"""What `collect` records of this host converts, and every row is what plain arithmetic gives.

The second computation shares nothing with the first: json, str.split and float, one sample after
another, the rules as the original's CSV files prove them.
"""

import gzip
import json
import os
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread

import pytest

from perfkit.process.run import Options, process

COUNTED = ("/proc/stat", "/proc/meminfo", "/proc/net/dev", "/proc/diskstats", "statfs[*]")
NO_INTERFACE = ("docker", "br-", "veth", "cni", "virbr", "tun")
NO_DISK = ("loop", "ram", "zram", "sr", "fd", "dm-", "md")

Sample = dict[str, str]
Rows = list[list[object]]


def go(value: object) -> str:
    """Return a number as Go's %v prints it, found by trying more and more digits."""
    if isinstance(value, str | int):
        return str(value)
    digits = next(d for d in range(17) if float(f"{value:.{d}e}") == value)
    mantissa, _, exponent = f"{value:.{digits}e}".partition("e")
    if value and not -4 <= int(exponent) < 6:
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{int(exponent):+03d}"
    plain = f"{value:.{max(0, digits - int(exponent))}f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def read(path: Path) -> tuple[int, list[tuple[str, float, Sample]]]:
    """Return the period in ns, and of each sample the time as text and in ns, and its texts."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    host = next(r for r in records if r["subsystem"] == "perfkit/host")
    period = json.loads(host["measurement"])["period_ns"]
    is_whole = period % 10**9 == 0
    samples: dict[tuple[int, int], Sample] = {}
    for record in records:
        if record["subsystem"] in COUNTED:
            ns = 0 if is_whole else record.get("ns", 0)
            texts = samples.setdefault((record["timestamp"], ns), {})
            texts[record["subsystem"]] = record["measurement"]
    found = []
    for (second, ns), texts in samples.items():
        ms = second * 1000 + ns // 10**6
        stamp = str(second) if is_whole else f"{ms // 1000}.{ms % 1000:03d}"
        found.append((stamp, second * 10**9 + ns, texts))
    return period, found


def cpu_times(text: str) -> dict[str, list[float]]:
    lines = [line.split() for line in text.splitlines() if line.startswith("cpu")]
    return {line[0][3:] or "-1": [int(n) / 100 for n in line[1:9]] for line in lines}


def stat_rows(stamp: str, _c: float, old: Sample, new: Sample, every: bool) -> Rows:  # noqa: FBT001
    before, now = cpu_times(old["/proc/stat"]), cpu_times(new["/proc/stat"])
    rows: Rows = []
    for cpu, (user, nice, system, idle, iowait, irq, softirq, steal) in now.items():
        was = before[cpu]
        busy = user + system + nice + iowait + irq + softirq + steal
        busy_was = was[0] + was[2] + was[1] + was[4] + was[5] + was[6] + was[7]
        span = (busy + idle) - (busy_was + was[3])
        falls = any(
            b < a for i, (a, b) in enumerate(zip(was, now[cpu], strict=True)) if i not in (3, 4)
        )
        if every and (falls or span <= 0):
            continue
        if busy <= busy_was:
            rows.append([stamp, cpu, 0, 0, 0, 0, 0, 100])
        elif span <= 0:
            rows.append([stamp, cpu, 100, 100, 100, 100, 100, 0])
        else:

            def share(value: float, start: float, span: float = span) -> float:
                return min(100.0, max(0.0, (value - start) / span * 100))

            rows.append(
                [
                    stamp,
                    cpu,
                    share(user, was[0]),
                    share(nice, was[1]),
                    share(system, was[2]),
                    share(iowait, was[4]),
                    share(steal, was[7]),
                    100 - share(busy, busy_was),
                ]
            )
    return rows


def memory(text: str) -> dict[str, int]:
    return {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()}


def meminfo_rows(stamp: str, _c: float, _old: Sample, new: Sample, _every: bool) -> Rows:  # noqa: FBT001
    m = memory(new["/proc/meminfo"])
    unused = min(m["MemTotal"], m["MemFree"] + m["Buffers"] + m["Cached"] + m["Slab"])
    used = m["MemTotal"] - unused
    used_share = used / m["MemTotal"] * 100
    promised = m["Committed_AS"] / (m["MemTotal"] + m["SwapTotal"]) * 100
    return [
        [
            stamp,
            m["MemFree"],
            m["MemAvailable"],
            used,
            used_share,
            m["Buffers"],
            m["Cached"],
            m["Committed_AS"],
            promised,
            m["Active"],
            m["Inactive"],
            m["Dirty"],
        ]
    ]


def interfaces(text: str) -> dict[str, list[int]]:
    lines = [line.rpartition(":") for line in text.splitlines()[2:]]
    return {name.strip(): [int(n) for n in rest.split()] for name, _, rest in lines}


def net_rows(stamp: str, c: float, old: Sample, new: Sample, _every: bool) -> Rows:  # noqa: FBT001
    before = interfaces(old["/proc/net/dev"])
    rows: Rows = []
    for name, n in interfaces(new["/proc/net/dev"]).items():
        was = before.get(name)
        if was is None or any(n[i] < was[i] for i in (0, 1, 6, 7, 8, 9, 15)):
            continue
        rate = [(float(n[i]) - float(was[i])) / c * 100 for i in range(16)]
        rows.append(
            [
                stamp,
                name,
                rate[1],
                rate[9],
                rate[0] / 1024,
                rate[8] / 1024,
                rate[6],
                rate[15],
                rate[7],
                0,
            ]
        )
    return rows


def disks(text: str) -> dict[str, list[int]]:
    lines = [line.split() for line in text.splitlines()]
    return {line[2]: [int(n) for n in line[3:]] for line in lines}


def disk_rows(stamp: str, c: float, old: Sample, new: Sample, every: bool) -> Rows:  # noqa: FBT001
    before = disks(old["/proc/diskstats"])
    rows: Rows = []
    for name, n in disks(new["/proc/diskstats"]).items():
        was = before.get(name)
        if was is None or any(n[i] < was[i] for i in (0, 2, 4, 6, 11, 13)):
            continue
        if not any((n if every else was)[i] for i in (0, 4, 11)):
            continue
        all_requests = float(n[0] + n[4] + n[11]) - float(was[0] + was[4] + was[11])
        rates = [(float(n[i]) - float(was[i])) / c * 100 for i in (0, 4, 11, 2, 6, 13)]
        rows.append([stamp, name, all_requests / c * 100, *rates])
    return rows


def statfs_rows(stamp: str, _c: float, _old: Sample, new: Sample, _every: bool) -> Rows:  # noqa: FBT001
    rows: Rows = []
    for line in new["statfs[*]"].splitlines():
        fs = json.loads(line)
        total, available = fs["blocks_total"], fs["blocks_available"]
        use = int((total - available) / total * 100 + 0.5) if total else 0
        rows.append([stamp, fs["mount_point"], fs["block_size"], total, available, use])
    return rows


FILES = {
    "proc/stat": stat_rows,
    "proc/meminfo": meminfo_rows,
    "proc/net/dev": net_rows,
    "proc/diskstats": disk_rows,
    "statfs_ALL": statfs_rows,
}
GAUGES = ("proc/meminfo", "statfs_ALL")


def portal_row(cpus: Rows, mem: Rows, net: Rows, disk: Rows) -> list[object]:
    main = [row for row in disk if row[1] in ("sda", "vda", "nvme0n1")]
    main += [row for row in disk if not str(row[1]).startswith(NO_DISK)] + disk
    first = [row for row in net if row[1] != "lo" and not str(row[1]).startswith(NO_INTERFACE)]
    first += [row for row in net if row[1] != "lo"]
    _, free, _, used, _, buffers, cached, *_ = mem[0]
    stamp, _, user, _, system, iowait, steal, idle = cpus[0]
    total = sum(int(str(kb)) for kb in (free, used, buffers, cached))
    read, written = (int(float(str(main[0][i])) * 512) if main else 0 for i in (6, 7))
    received, sent = (int(float(str(first[0][i])) * 1024) if first else 0 for i in (4, 5))
    cpu = [user, system, idle, iowait, steal]
    return [stamp, *cpu, total, used, free, cached, read, written, received, sent]


def recomputed(path: Path, *, every: bool) -> dict[str, list[str]]:
    """Return the rows of each file."""
    _, samples = read(path)
    if not every:
        del samples[1]
    made: dict[str, list[Rows]] = {name: [] for name in FILES}
    for (_, then, old), (stamp, at, new) in pairwise(samples):
        for name, rows in FILES.items():
            made[name].append(rows(stamp, (at - then) / 1e7, old, new, every))
    portal = [
        portal_row(*four)
        for four in zip(*(made[name] for name in list(FILES)[:4]), strict=True)
        if four[0] and four[0][0][1] == "-1"
    ]
    if every:
        stamp, _, first = samples[0]
        for name in GAUGES:
            made[name].insert(0, FILES[name](stamp, 0, first, first, every))
    found = {name: [row for rows in each for row in rows] for name, each in made.items()}
    found["portal.csv"] = portal
    return {name: [",".join(map(go, row)) for row in rows] for name, rows in found.items()}


def work_a_little(folder: Path, is_over: Event) -> None:
    """Give each interval something to show: writes that reach the disk, packets over lo."""
    with (
        (folder / "load").open("wb") as file,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        while not is_over.wait(0.05):
            file.write(os.urandom(20_000))
            file.flush()
            os.fsync(file.fileno())
            sender.sendto(b"x" * 1000, receiver.getsockname())


@pytest.fixture(scope="module")
def captures(tmp_path_factory) -> dict[str, Path]:
    """Record this host twice at once: in whole seconds, and in parts of one."""
    folder = tmp_path_factory.mktemp("own")
    wanted = {"whole.json": ("1s", "3s"), "parts.json.gz": ("100ms", "2s")}
    is_over = Event()
    load = Thread(target=work_a_little, args=(folder, is_over))
    load.start()
    try:
        running = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "perfkit",
                    "collect",
                    "--collection",
                    str(folder / name),
                    "--frequency",
                    frequency,
                    "--duration",
                    duration,
                    "--loglevel",
                    "warn",
                ],
                env={**os.environ, "HOME": str(folder)},
            )
            for name, (frequency, duration) in wanted.items()
        ]
        assert [child.wait(timeout=30) for child in running] == [0, 0]
    finally:
        is_over.set()
        load.join()
    return {name: folder / name for name in wanted}


@pytest.mark.parametrize("every", [False, True], ids=["first", "all"])
@pytest.mark.parametrize("name", ["whole.json", "parts.json.gz"])
def test_every_row_is_what_plain_arithmetic_gives(captures, name: str, every: bool, tmp_path: Path):  # noqa: FBT001
    path = captures[name]
    summary = process(Options(capture=str(path), output=tmp_path / "out", every_interval=every))
    assert (summary.problems.count, summary.problems.notes) == (0, [])
    want = recomputed(path, every=every)
    for file, rows in want.items():
        heading, *found = (tmp_path / "out" / file).read_text(encoding="utf-8").splitlines()
        assert heading.lstrip("#").startswith("timestamp,")
        assert found == rows, file
    assert summary.rows == {file: len(rows) for file, rows in want.items()}
    assert all(want.values())
    # A clock tick without any CPU time gives no row, so that proc/stat may have fewer.
    samples = len(read(path)[1])
    assert len(want["proc/meminfo"]) == samples - (0 if every else 2)


def test_both_recordings_have_the_samples_they_should(captures):
    assert [len(read(path)[1]) for path in captures.values()] == [4, 21]
    assert [read(path)[0] for path in captures.values()] == [10**9, 10**8]
