"""Records in, samples out: what one tick saw, parsed once, wherever its text came from.

A sample is a run of records that share timestamp and `ns`.  Nothing else marks its end, so it is
handed out when the next tick's first record arrives, or the records end.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

import msgspec

from perfkit.errors import ParseError
from perfkit.model import Cpu, DiskStats, FileSystem, MemInfo, NetDev, Stat
from perfkit.parsers import cpuinfo, diskstats, meminfo, net_dev, stat, statfs
from perfkit.record import Record

PARSERS: dict[str, tuple[str, Callable[[bytes], object]]] = {
    "/proc/stat": ("stat", stat.parse),
    "/proc/meminfo": ("meminfo", meminfo.parse),
    "/proc/net/dev": ("net_dev", net_dev.parse),
    "/proc/diskstats": ("diskstats", diskstats.parse),
    "/proc/cpuinfo": ("cpuinfo", cpuinfo.parse),
    "statfs[*]": ("statfs", statfs.parse),
}
"""The field of a sample and the parser of each subsystem that has one."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What one tick saw.  A field is None when the tick has no such record, or none that parsed."""

    timestamp: int
    """The scheduled tick in whole seconds since 1970, UTC."""

    ns: int | None = None
    """The real time of the tick as nanoseconds after `timestamp`; None: it was where that says."""

    stat: Stat | None = None
    """/proc/stat."""

    meminfo: MemInfo | None = None
    """/proc/meminfo."""

    net_dev: dict[str, NetDev] | None = None
    """/proc/net/dev, by name of the interface."""

    diskstats: dict[str, DiskStats] | None = None
    """/proc/diskstats, by name of the device."""

    cpuinfo: list[Cpu] | None = None
    """/proc/cpuinfo of this tick alone: recorders write it once a run, and it is not carried on."""

    statfs: list[FileSystem] | None = None
    """`statfs[*]`."""

    failures: tuple[ParseError, ...] = ()
    """Why records of this tick could not be parsed, in their order."""

    other: dict[str, bytes]
    """Text of the subsystems that have no parser here, such as `perfkit/host`, by their name."""


def samples(records: Iterable[Record]) -> Iterator[Sample]:
    """Yield the sample of each run of records with equal time, as soon as it is over.

    A record that does not parse costs that record alone.  A source that comes twice in a run, as
    when two recorders shared a second, counts as the later one read it.  A time that returns later
    makes a sample of its own, for `derive` to refuse: what is yielded cannot be taken back.
    """
    for (timestamp, ns), tick in groupby(records, key=_time):
        yield _sample(timestamp, ns, tick)


def _time(record: Record) -> tuple[int, int | None]:
    return record.timestamp, record.ns


def _sample(timestamp: int, ns: int | None, tick: Iterable[Record]) -> Sample:
    parsed: dict[str, object] = {}
    failures: list[ParseError] = []
    other: dict[str, bytes] = {}
    for record in tick:
        if record.subsystem not in PARSERS:
            other[record.subsystem] = record.measurement
            continue
        field, parse = PARSERS[record.subsystem]
        try:
            parsed[field] = parse(record.measurement)
        except ParseError as error:
            failures.append(error)
    sample = Sample(timestamp=timestamp, ns=ns, failures=tuple(failures), other=other)
    return msgspec.structs.replace(sample, **parsed)
