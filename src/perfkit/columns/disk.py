"""Columns from /proc/diskstats and statfs: block devices and the file systems on them."""

from perfkit.columns._column import Column, Table

_DISKSTATS = "/proc/diskstats"
_STATFS = "statfs[*]"


def _rate(
    name: str, field: str, counter: str, meaning: str, *, unit: str = "1/s", original: bool = False
) -> Column:
    return Column(
        name=name,
        field=field,
        unit=unit,
        source=f"{_DISKSTATS}: {counter}",
        meaning=meaning,
        in_csv=original,
    )


def _kilobytes(name: str, field: str, counter: str) -> Column:
    return Column(
        name=name,
        field=field,
        unit="kB/s",
        source=f"{_DISKSTATS}: {counter}",
        meaning=f"The same in kB: Δ{counter} / s / 2.",
    )


def _wait(name: str, field: str, ms: str, count: str, what: str) -> Column:
    return Column(
        name=name,
        field=field,
        unit="ms",
        source=f"{_DISKSTATS}: {ms}, {count}",
        meaning=f"Mean time of {what}, from queue to completion: Δ({ms}) / Δ({count});"
        " absent where none completed.",
    )


DISK = Table(
    name="disk",
    title="Disks",
    rows_field="disks",
    key="DEV",
    key_meaning="Name of the device; partitions and device-mapper volumes have rows of their own.",
    csv_file="proc/diskstats",
    source=_DISKSTATS,
    columns=(
        _rate(
            "tps",
            "transfers_per_second",
            "reads, writes, discards",
            "Requests completed: Δ(reads + writes + discards) / s.",
            original=True,
        ),
        _rate("rtps", "reads_per_second", "reads", "Reads completed: Δreads / s.", original=True),
        _rate(
            "wtps", "writes_per_second", "writes", "Writes completed: Δwrites / s.", original=True
        ),
        _rate(
            "dtps",
            "discards_per_second",
            "discards",
            "Discards completed: Δdiscards / s (Linux 4.18; 0 in the CSV before).",
            original=True,
        ),
        _rate(
            "bread/s",
            "read_sectors_per_second",
            "sectors read",
            "Sectors read: Δsectors / s.",
            unit="sectors/s",
            original=True,
        ),
        _rate(
            "bwrtn/s",
            "written_sectors_per_second",
            "sectors written",
            "Sectors written: Δsectors / s.",
            unit="sectors/s",
            original=True,
        ),
        _rate(
            "bdscd/s",
            "discarded_sectors_per_second",
            "sectors discarded",
            "Sectors discarded: Δsectors / s (Linux 4.18; 0 in the CSV before).",
            unit="sectors/s",
            original=True,
        ),
        _kilobytes("rkB/s", "read_kb_per_second", "sectors read"),
        _kilobytes("wkB/s", "written_kb_per_second", "sectors written"),
        _kilobytes("dkB/s", "discarded_kb_per_second", "sectors discarded"),
        _rate(
            "rrqm/s",
            "merged_reads_per_second",
            "reads merged",
            "Reads joined to a neighbour before they were issued: Δmerged / s.",
        ),
        _rate(
            "wrqm/s",
            "merged_writes_per_second",
            "writes merged",
            "Writes joined to a neighbour before they were issued: Δmerged / s.",
        ),
        _rate(
            "f/s", "flushes_per_second", "flushes", "Flushes completed: Δflushes / s (Linux 5.5)."
        ),
        Column(
            name="areq-sz",
            field="request_kb",
            unit="kB",
            source=f"{_DISKSTATS}: sectors and requests of reads, writes, discards",
            meaning="Mean size of a request: Δsectors / 2 / Δrequests; absent where none"
            " completed.",
        ),
        _wait(
            "await",
            "wait_ms",
            "ms reading + writing + discarding",
            "reads + writes + discards",
            "a request",
        ),
        _wait("r_await", "read_wait_ms", "ms reading", "reads", "a read"),
        _wait("w_await", "write_wait_ms", "ms writing", "writes", "a write"),
        _wait("d_await", "discard_wait_ms", "ms discarding", "discards", "a discard"),
        _wait("f_await", "flush_wait_ms", "ms flushing", "flushes", "a flush"),
        Column(
            name="aqu-sz",
            field="queue_length",
            unit="",
            source=f"{_DISKSTATS}: weighted ms doing I/O",
            meaning="Mean number of requests under way: Δweighted ms / 1000 / s.",
        ),
        Column(
            name="%util",
            field="util_percent",
            unit="%",
            source=f"{_DISKSTATS}: ms doing I/O",
            meaning="Time with a request under way: Δms / 10 / s. The kernel counts in clock ticks"
            " and later than it is read, so a little more than 100 occurs; a device that serves"
            " many requests at once is not full at 100.",
        ),
    ),
)

FS = Table(
    name="fs",
    title="File systems",
    rows_field="filesystems",
    key="mount",
    key_meaning="Mount point.",
    csv_file="statfs_ALL",
    source=_STATFS,
    columns=(
        Column(
            name="blocksize",
            field="block_size_bytes",
            unit="bytes",
            source=f"{_STATFS}: block_size",
            meaning="Unit of the following two.",
            in_csv=True,
        ),
        Column(
            name="blockstotal",
            field="total_blocks",
            unit="blocks",
            source=f"{_STATFS}: blocks_total",
            meaning="Size of the file system.",
            in_csv=True,
        ),
        Column(
            name="blocksavail",
            field="available_blocks",
            unit="blocks",
            source=f"{_STATFS}: blocks_available",
            meaning="Free for ordinary users, without what is reserved for root.",
            in_csv=True,
        ),
        Column(
            name="use",
            field="use_percent",
            unit="%",
            source=f"{_STATFS}: blocks_total, blocks_available",
            meaning="%ufsused as a whole number, half rounded up; 0 for a file system without"
            " blocks. Not df's Use%: reserved blocks count as used.",
            in_csv=True,
        ),
        Column(
            name="%ufsused",
            field="user_used_percent",
            unit="%",
            source=f"{_STATFS}: blocks_total, blocks_available",
            meaning="What an ordinary user cannot have: (total - available) / total * 100;"
            " absent for a file system without blocks.",
        ),
        Column(
            name="%fsused",
            field="used_percent",
            unit="%",
            source=f"{_STATFS}: blocks_total, blocks_free",
            meaning="What is used: (total - free) / total * 100; absent for a file system"
            " without blocks.",
        ),
        Column(
            name="MBfsfree",
            field="free_mb",
            unit="MB",
            source=f"{_STATFS}: block_size, blocks_free",
            meaning="Free, reserved blocks included: free * block size / 1048576.",
        ),
        Column(
            name="MBfsused",
            field="used_mb",
            unit="MB",
            source=f"{_STATFS}: block_size, blocks_total, blocks_free",
            meaning="(total - free) * block size / 1048576.",
        ),
        Column(
            name="Ifree",
            field="inodes_free",
            unit="",
            source=f"{_STATFS}: inodes_free",
            meaning="Inodes free; absent where the recorder did not take them.",
        ),
        Column(
            name="Iused",
            field="inodes_used",
            unit="",
            source=f"{_STATFS}: inodes_total, inodes_free",
            meaning="Inodes in use: total - free.",
        ),
        Column(
            name="%Iused",
            field="inodes_used_percent",
            unit="%",
            source=f"{_STATFS}: inodes_total, inodes_free",
            meaning="Iused / total * 100; absent for a file system that does not count inodes.",
        ),
    ),
)
