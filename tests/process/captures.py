"""Captures made for tests: a host that does a little in each second."""

from collections.abc import Sequence

from perfkit.record import Record, canonical_line

BOOTED = 1_600_000_000
START = 1_700_000_000

NET_HEADING = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
    "drop fifo colls carrier compressed\n"
)


def stat(n: int, *, booted: int = BOOTED) -> str:
    """Return /proc/stat: one CPU, 100 ticks a second, a quarter of them busy."""
    ticks = f"{25 * n} 0 0 {75 * n} 0 0 0 0 0 0"
    return (
        f"cpu  {ticks}\ncpu0 {ticks}\nintr 5 0 0\nctxt 7\nbtime {booted}\n"
        "processes 9\nprocs_running 1\nprocs_blocked 0\nsoftirq 1 1 1 1 1 1 1 1 1 1 1\n"
    )


def meminfo(n: int) -> str:
    """Return /proc/meminfo: 1000 kB, 100 + n of them free."""
    values = {
        "MemTotal": 1000,
        "MemFree": 100 + n,
        "MemAvailable": 150,
        "Buffers": 10,
        "Cached": 60,
        "Active": 200,
        "Inactive": 300,
        "SwapTotal": 0,
        "Dirty": 7,
        "Slab": 30,
        "Committed_AS": 400,
    }
    return "".join(f"{name + ':':<16}{value:8} kB\n" for name, value in values.items())


def net_dev(n: int, names: Sequence[str] = ("lo", "eth0")) -> str:
    """Return /proc/net/dev: a kB and a packet a second each way."""
    counters = f"{1024 * n:7} {n} 0 0 0 0 0 0 {1024 * n} {n} 0 0 0 0 0 0"
    return NET_HEADING + "".join(f"{name:>6}: {counters}\n" for name in names)


def diskstats(n: int, names: Sequence[str] = ("sda",)) -> str:
    """Return /proc/diskstats: a read of 8 sectors a second."""
    counters = f"{n + 1} 0 {8 * n} 0 0 0 0 0 0 0 0 0 0 0 0 0 0"
    return "".join(f"   8       0 {name} {counters}\n" for name in names)


def statfs(n: int) -> str:
    """Return a file system of 1000 blocks, n of them used."""
    return (
        '{"mount_point":"/","block_size":4096,"blocks_total":1000,'
        f'"blocks_free":{1000 - n},"blocks_available":{1000 - n}}}\n'
    )


SOURCES = {
    "/proc/stat": stat,
    "/proc/meminfo": meminfo,
    "/proc/net/dev": net_dev,
    "/proc/diskstats": diskstats,
    "statfs[*]": statfs,
}


def line(timestamp: int, subsystem: str, text: str, ns: int | None = None) -> bytes:
    """Return a line of a capture."""
    return canonical_line(Record(timestamp, subsystem, text.encode(), ns))


def sample(n: int, *, at: int | None = None, ns: int | None = None, **texts: str | None) -> bytes:
    """Return the lines of a sample, `n` seconds after the first one.

    Args:
        n: What its counters show.
        at: Its time, when it is not n seconds after START.
        ns: Its key `ns`.
        texts: Another text for a source, by the last word of its name; None: without it.
    """
    timestamp = START + n if at is None else at
    lines = []
    for name, text_of in SOURCES.items():
        key = name.strip("[*]").rpartition("/")[2]
        text = texts.get(key, text_of(n))
        if text is not None:
            lines.append(line(timestamp, name, text, ns))
    return b"".join(lines)


def capture(*numbers: int) -> bytes:
    """Return a capture of whole samples."""
    return b"".join(sample(n) for n in numbers)
