"""A root folder like that of a big host: 256 CPUs, 500 disks, 500 interfaces.

Numbers are drawn with a fixed seed, in the widths of a host that has been up for months; columns
and headings are those of Linux 6 (proc(5), Documentation/admin-guide/iostats.rst).
"""

from pathlib import Path
from random import Random

CPUS = 256
DISKS = 500
INTERFACES = 500
INTERRUPTS = 2048

HEADING = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast"
    "|bytes    packets errs drop fifo colls carrier compressed\n"
)


def write(root: Path) -> None:
    """Write proc/stat, meminfo, net/dev and diskstats below `root`.

    meminfo does not grow with a host, so this machine's own is taken.
    """
    random = Random(256)  # noqa: S311 - any fixed numbers will do
    proc = root / "proc"
    (proc / "net").mkdir(parents=True)
    (proc / "stat").write_text(stat(random), encoding="ascii")
    (proc / "diskstats").write_text(diskstats(random), encoding="ascii")
    (proc / "net" / "dev").write_text(net_dev(random), encoding="ascii")
    (proc / "meminfo").write_bytes(Path("/proc/meminfo").read_bytes())


def stat(random: Random) -> str:
    """Return the text of /proc/stat."""
    per_cpu = [[random.randrange(1_000_000_000) for _ in range(10)] for _ in range(CPUS)]
    totals = [sum(column) for column in zip(*per_cpu, strict=True)]
    lines = ["cpu  " + " ".join(map(str, totals))]
    lines += [f"cpu{n} " + " ".join(map(str, ticks)) for n, ticks in enumerate(per_cpu)]
    # most interrupt lines of a big host have never fired
    fired = [random.randrange(10**9) if random.random() < 0.2 else 0 for _ in range(INTERRUPTS)]
    lines.append(f"intr {sum(fired)} " + " ".join(map(str, fired)))
    lines += ["ctxt 987654321012", "btime 1700000000", "processes 81234567"]
    lines += ["procs_running 37", "procs_blocked 2"]
    softirqs = [random.randrange(10**10) for _ in range(10)]
    lines.append(f"softirq {sum(softirqs)} " + " ".join(map(str, softirqs)))
    return "\n".join(lines) + "\n"


def diskstats(random: Random) -> str:
    """Return the text of /proc/diskstats, 20 columns."""
    lines = []
    for n in range(DISKS):
        name = f"nvme{n}n1"
        counters = [random.randrange(10**9) for _ in range(17)]
        counters[8] = random.randrange(64)  # requests in flight: a gauge
        lines.append(f"{259:4d} {n:7d} {name} " + " ".join(map(str, counters)))
    return "\n".join(lines) + "\n"


def net_dev(random: Random) -> str:
    """Return the text of /proc/net/dev."""
    widths = (7, 7, 4, 4, 4, 5, 10, 9, 8, 7, 4, 4, 4, 5, 7, 10)
    lines = []
    for n in range(INTERFACES):
        received = [random.randrange(10**13), random.randrange(10**10), 0, 3, 0, 0, 0, 12345]
        sent = [random.randrange(10**13), random.randrange(10**10), 0, 0, 0, 0, 0, 0]
        columns = zip(received + sent, widths, strict=True)
        name = "lo" if n == 0 else f"veth{n:07x}"
        lines.append(f"{name:>6}: " + " ".join(f"{number:{width}d}" for number, width in columns))
    return HEADING + "\n".join(lines) + "\n"
