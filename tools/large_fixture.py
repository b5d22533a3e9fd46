"""Write fixtures/proc/large-256-cpus: a host of 256 CPUs, 200 disks and 300 interfaces.

    python tools/large_fixture.py

Two samples ten seconds apart, in the kernel's own formats (fs/proc/stat.c, block/genhd.c,
net/core/net-procfs.c).  The same numbers each time it is run.
"""

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "proc" / "large-256-cpus"
CPUS, DISKS, INTERFACES = 256, 200, 300
SECONDS = 10
UPTIME = 86_400
HZ = 100

NET_HEADING = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo \
colls carrier compressed
"""
NET_LINE = "%6s: %7d %7d %4d %4d %4d %5d %10d %9d %8d %7d %4d %4d %4d %5d %7d %10d\n"

CPU_BLOCK = """\
processor\t: {number}
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC 9754 128-Core Processor
stepping\t: 1
cpu MHz\t\t: {mhz}
cache size\t: 1024 KB
physical id\t: {socket}
siblings\t: 128
core id\t\t: {core}
cpu cores\t: 64
flags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep
bogomips\t: 4500.21
power management: ts ttp tm

"""


def cpu(chance: random.Random, seconds: int) -> list[int]:
    """Return ticks that add up to about the time that passed; user, nice, system, idle ..."""
    busy = chance.randrange(seconds * HZ)
    user, system = busy * 6 // 10, busy * 3 // 10
    softirq = busy - user - system
    return [user, 0, system, seconds * HZ - busy, 0, 0, softirq, 0, 0, 0]


def disk(chance: random.Random, seconds: int) -> list[int]:
    """Return the 17 columns of a disk that was busy for that long."""
    reads, writes, discards = (chance.randrange(200 * seconds) for _ in range(3))
    busy_ms = chance.randrange(1000 * seconds)
    return [
        *(reads, reads // 9, reads * 16, reads // 2),
        *(writes, writes // 5, writes * 32, writes * 2),
        *(0, busy_ms, reads // 2 + writes * 2),
        *(discards // 8, 0, discards * 128, discards // 16),
        *(writes // 50, writes // 25),
    ]


def interface(chance: random.Random, seconds: int) -> list[int]:
    """Return the 16 columns of an interface; a third of them carry nothing."""
    if not chance.randrange(3):
        return [0] * 16
    received, sent = (chance.randrange(20_000 * seconds) for _ in range(2))
    dropped = received // 90_000
    return [
        *(received * 640, received, 0, dropped, 0, 0, 0, received // 700),
        *(sent * 910, sent, 0, 0, 0, 0, 0, 0),
    ]


def names_of_disks() -> list[str]:
    """Return whole NVMe disks with a partition each, SCSI disks and device-mapper volumes."""
    nvme = [f"nvme{n // 2}n1" + "p1" * (n % 2) for n in range(100)]
    scsi = [f"sd{chr(97 + n // 26 - 1) if n > 25 else ''}{chr(97 + n % 26)}" for n in range(60)]
    return nvme + scsi + [f"dm-{n}" for n in range(DISKS - 160)]


def names_of_interfaces(chance: random.Random) -> list[str]:
    """Return the interfaces of a container host with VLANs."""
    plain = ["lo", "enp1s0f0", "enp1s0f1", "bond0", "docker0", "cni0"]
    vlans = [f"bond0.{n}" for n in range(100, 140)]
    veth = [f"veth{chance.randrange(16**7):07x}" for _ in range(INTERFACES - 46)]
    return plain + vlans + veth


def stat(rows: list[list[int]], seconds: int) -> str:
    """Return /proc/stat: the first line is the sum of the others."""
    total = [sum(column) for column in zip(*rows, strict=True)]
    lines = ["cpu  " + " ".join(map(str, total))]
    lines += [f"cpu{n} " + " ".join(map(str, row)) for n, row in enumerate(rows)]
    per_irq = [seconds * n % 977 if n % 7 == 0 else 0 for n in range(1024)]
    softirqs = [seconds * factor for factor in (1, 9000, 20, 7000, 900, 0, 3, 8000, 0, 6000)]
    lines += [
        f"intr {sum(per_irq)} " + " ".join(map(str, per_irq)),
        f"ctxt {seconds * 410_332}",
        "btime 1760000000",
        f"processes {seconds * 12}",
        "procs_running 37",
        "procs_blocked 2",
        f"softirq {sum(softirqs)} " + " ".join(map(str, softirqs)),
    ]
    return "\n".join(lines) + "\n"


def meminfo(free: int) -> str:
    """Return /proc/meminfo of 1.5 TiB."""
    values = {"MemTotal": 1_584_942_080, "MemFree": free, "MemAvailable": free + 410_332_160}
    values |= {"Buffers": 1_203_344, "Cached": 420_110_332, "SwapCached": 0}
    values |= {"Active": 310_224_000, "Inactive": 290_112_000, "SwapTotal": 0, "SwapFree": 0}
    values |= {"Dirty": 22_034, "Slab": 33_102_240, "Committed_AS": 701_122_048}
    text = "".join(f"{label + ':':<16}{kb:>8} kB\n" for label, kb in values.items())
    return text + "HugePages_Total:   65536\nHugePages_Free:    1024\nHugepagesize:       2048 kB\n"


def statfs(used: int) -> str:
    """Return a capture's `statfs[*]` of 40 mounts."""
    free = [4_000_000 - used - 1000 * n for n in range(40)]
    keys = ("mount_point", "block_size", "blocks_total", "blocks_free", "blocks_available")
    rows = [(f"/data/{n:02}", 4096, 4_194_304, f, f - 200_000) for n, f in enumerate(free)]
    objects = [dict(zip(keys, row, strict=True)) for row in rows]
    return "".join(json.dumps(mount, separators=(",", ":")) + "\n" for mount in objects)


def two_samples(make: Callable[[int], list[int]], devices: int) -> list[list[list[int]]]:
    """Return the rows of all devices at the first sample and, grown, at the second."""
    first = [make(UPTIME) for _ in range(devices)]
    second = [[old + new for old, new in zip(row, make(SECONDS), strict=True)] for row in first]
    return [first, second]


def main() -> None:
    """Write both samples."""
    chance = random.Random(256)  # noqa: S311 - the same numbers each time are what we want
    disk_names, interface_names = names_of_disks(), names_of_interfaces(chance)
    cpus = two_samples(partial(cpu, chance), CPUS)
    disks = two_samples(partial(disk, chance), DISKS)
    interfaces = two_samples(partial(interface, chance), INTERFACES)
    for sample in (0, 1):
        folder = FOLDER / str(sample)
        (folder / "net").mkdir(parents=True, exist_ok=True)
        (folder / "stat").write_text(stat(cpus[sample], UPTIME + sample * SECONDS))
        (folder / "meminfo").write_text(meminfo(600_122_368 - sample * 40_960))
        (folder / "statfs").write_text(statfs(sample * 2_048))
        with (folder / "net" / "dev").open("w") as text:
            text.write(NET_HEADING)
            for name, row in zip(interface_names, interfaces[sample], strict=True):
                text.write(NET_LINE % (name, *row))
        with (folder / "diskstats").open("w") as text:
            for minor, row in enumerate(disks[sample]):
                text.write(f"{259:4} {minor:7} {disk_names[minor]} {' '.join(map(str, row))}\n")
    with (FOLDER / "0" / "cpuinfo").open("w") as text:
        for number in range(CPUS):
            place = {"socket": number // 128, "core": number % 64}
            text.write(CPU_BLOCK.format(number=number, mhz=2250 + number / 8, **place))


if __name__ == "__main__":
    main()
