"""/proc/net/dev, /proc/diskstats and statfs: what has a name and may come and go."""

from perfkit.derive.gaps import Gap, Reason, change, in_both, rate, ratio, went_back
from perfkit.derive.rows import DiskRates, FileSystemUse, NetRates
from perfkit.model import DiskStats, FileSystem, NetDev
from perfkit.units import KIB, MIB, SECTOR_BYTES

_SECTORS_PER_KB = KIB // SECTOR_BYTES

_DISK_COUNTS = (
    "reads",
    "reads_merged",
    "read_sectors",
    "writes",
    "writes_merged",
    "write_sectors",
    "discards",
    "discards_merged",
    "discard_sectors",
    "flushes",
)
_DISK_TIMES = ("read_ms", "write_ms", "io_ms", "weighted_io_ms", "discard_ms", "flush_ms")
"""32 bits wide in the kernel (block/genhd.c prints them with %u): those of a busy device wrap
within days while its counts go on, so one that falls alone costs only what is made of it."""


def net_rows(
    before: dict[str, NetDev] | None,
    after: dict[str, NetDev] | None,
    seconds: float,
    gaps: list[Gap],
) -> dict[str, NetRates]:
    """Return the rates of each interface that both samples have, in the file's order."""
    rows = {}
    for name, old, new in in_both("net", before, after, gaps):
        fallen = went_back(old, new, NetDev.__struct_fields__)
        if fallen:
            gaps.append(Gap(table="net", device=name, reason=Reason.WENT_BACK, counters=fallen))
            continue
        rows[name] = NetRates(
            rx_packets_per_second=(new.rx_packets - old.rx_packets) / seconds,
            tx_packets_per_second=(new.tx_packets - old.tx_packets) / seconds,
            rx_kb_per_second=(new.rx_bytes - old.rx_bytes) / seconds / KIB,
            tx_kb_per_second=(new.tx_bytes - old.tx_bytes) / seconds / KIB,
            rx_compressed_per_second=(new.rx_compressed - old.rx_compressed) / seconds,
            tx_compressed_per_second=(new.tx_compressed - old.tx_compressed) / seconds,
            rx_multicast_per_second=(new.rx_multicast - old.rx_multicast) / seconds,
            rx_errors_per_second=(new.rx_errors - old.rx_errors) / seconds,
            tx_errors_per_second=(new.tx_errors - old.tx_errors) / seconds,
            collisions_per_second=(new.tx_collisions - old.tx_collisions) / seconds,
            rx_drops_per_second=(new.rx_dropped - old.rx_dropped) / seconds,
            tx_drops_per_second=(new.tx_dropped - old.tx_dropped) / seconds,
            tx_carrier_per_second=(new.tx_carrier_errors - old.tx_carrier_errors) / seconds,
            rx_frame_per_second=(new.rx_frame_errors - old.rx_frame_errors) / seconds,
            rx_fifo_per_second=(new.rx_fifo_errors - old.rx_fifo_errors) / seconds,
            tx_fifo_per_second=(new.tx_fifo_errors - old.tx_fifo_errors) / seconds,
        )
    return rows


def disk_rows(
    before: dict[str, DiskStats] | None,
    after: dict[str, DiskStats] | None,
    seconds: float,
    gaps: list[Gap],
) -> dict[str, DiskRates]:
    """Return the rates of each block device that both samples have, in the file's order."""
    rows = {}
    for name, old, new in in_both("disk", before, after, gaps):
        fallen = went_back(old, new, _DISK_COUNTS)
        wrapped = went_back(old, new, _DISK_TIMES)
        if fallen or wrapped:
            gaps.append(
                Gap(
                    table="disk",
                    device=name,
                    reason=Reason.WENT_BACK,
                    counters=fallen + wrapped,
                    is_partial=not fallen,
                )
            )
        if not fallen:
            rows[name] = _disk(old, new, seconds)
    return rows


def _disk(old: DiskStats, new: DiskStats, seconds: float) -> DiskRates:
    reads = new.reads - old.reads
    writes = new.writes - old.writes
    discards = change(old.discards, new.discards)
    requests = reads + writes + (discards or 0)
    read_sectors = new.read_sectors - old.read_sectors
    write_sectors = new.write_sectors - old.write_sectors
    discard_sectors = change(old.discard_sectors, new.discard_sectors)
    sectors = read_sectors + write_sectors + (discard_sectors or 0)
    flushes = change(old.flushes, new.flushes)
    read_ms = change(old.read_ms, new.read_ms)
    write_ms = change(old.write_ms, new.write_ms)
    discard_ms = change(old.discard_ms, new.discard_ms)
    is_timed = None not in (read_ms, write_ms) and (discards is None) == (discard_ms is None)
    request_ms = (read_ms or 0) + (write_ms or 0) + (discard_ms or 0) if is_timed else None
    weighted_ms = change(old.weighted_io_ms, new.weighted_io_ms)
    io_ms = change(old.io_ms, new.io_ms)
    return DiskRates(
        transfers_per_second=requests / seconds,
        reads_per_second=reads / seconds,
        writes_per_second=writes / seconds,
        discards_per_second=rate(discards, seconds),
        read_sectors_per_second=read_sectors / seconds,
        written_sectors_per_second=write_sectors / seconds,
        discarded_sectors_per_second=rate(discard_sectors, seconds),
        read_kb_per_second=read_sectors / seconds / _SECTORS_PER_KB,
        written_kb_per_second=write_sectors / seconds / _SECTORS_PER_KB,
        discarded_kb_per_second=(
            None if discard_sectors is None else discard_sectors / seconds / _SECTORS_PER_KB
        ),
        merged_reads_per_second=(new.reads_merged - old.reads_merged) / seconds,
        merged_writes_per_second=(new.writes_merged - old.writes_merged) / seconds,
        flushes_per_second=rate(flushes, seconds),
        request_kb=ratio(sectors / _SECTORS_PER_KB, requests),
        wait_ms=ratio(request_ms, requests),
        read_wait_ms=ratio(read_ms, reads),
        write_wait_ms=ratio(write_ms, writes),
        discard_wait_ms=ratio(discard_ms, discards),
        flush_wait_ms=ratio(change(old.flush_ms, new.flush_ms), flushes),
        queue_length=None if weighted_ms is None else weighted_ms / 1000 / seconds,
        util_percent=None if io_ms is None else io_ms / 10 / seconds,
    )


def file_system_rows(after: list[FileSystem] | None) -> dict[str, FileSystemUse]:
    """Return the room on each file system by its mount point, in the recorder's order."""
    return {} if after is None else {each.mount_point: _use(each) for each in after}


def _use(fs: FileSystem) -> FileSystemUse:
    total = fs.blocks_total
    user_used = total - fs.blocks_available
    used = total - fs.blocks_free
    inodes_used = (
        None
        if fs.inodes_total is None or fs.inodes_free is None
        else fs.inodes_total - fs.inodes_free
    )
    return FileSystemUse(
        block_size_bytes=fs.block_size,
        total_blocks=total,
        available_blocks=fs.blocks_available,
        # In whole numbers, so that a half is a half: (200 u + t) // 2 t is floor(100 u / t + 1/2).
        use_percent=(200 * user_used + total) // (2 * total) if total else 0,
        user_used_percent=user_used / total * 100 if total else None,
        used_percent=used / total * 100 if total else None,
        free_mb=fs.blocks_free * fs.block_size / MIB,
        used_mb=used * fs.block_size / MIB,
        inodes_free=fs.inodes_free,
        inodes_used=inodes_used,
        inodes_used_percent=(
            None
            if not fs.inodes_total or inodes_used is None
            else inodes_used / fs.inodes_total * 100
        ),
    )
