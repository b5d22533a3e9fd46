"""What one interval says of a CPU, an interface, a device, a file system or the host.

Meaning, unit and source of each field stand with the column that shows it, in `perfkit.columns`:
every field here has exactly one.  None is *absent*: the kernel does not count it, a counter of it
went backwards (then a `Gap` says so), or it would be a mean of nothing.
"""

import msgspec


class CpuShares(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How one CPU, or all of them, spent the interval; shares of counted time, not of the clock."""

    usr_percent: float
    nice_percent: float
    system_percent: float
    iowait_percent: float | None
    steal_percent: float | None
    idle_percent: float | None
    irq_percent: float | None
    soft_percent: float | None
    guest_percent: float | None
    gnice_percent: float | None


class System(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Scheduling figures of the host: rates, and gauges of the interval's end."""

    forks_per_second: float | None
    context_switches_per_second: float | None
    interrupts_per_second: float | None
    running: int | None
    blocked: int | None


class Memory(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Memory and swap at the end of the interval: gauges all."""

    total_kb: int
    free_kb: int
    available_kb: int | None
    used_kb: int
    used_percent: float | None
    buffers_kb: int | None
    cached_kb: int | None
    slab_kb: int | None
    committed_kb: int | None
    committed_percent: float | None
    active_kb: int | None
    inactive_kb: int | None
    dirty_kb: int | None
    swap_total_kb: int | None
    swap_free_kb: int | None
    swap_used_kb: int | None
    swap_used_percent: float | None
    swap_cached_kb: int | None


class NetRates(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Traffic of one interface, as the kernel saw it from inside the host."""

    rx_packets_per_second: float
    tx_packets_per_second: float
    rx_kb_per_second: float
    tx_kb_per_second: float
    rx_compressed_per_second: float
    tx_compressed_per_second: float
    rx_multicast_per_second: float
    rx_errors_per_second: float
    tx_errors_per_second: float
    collisions_per_second: float
    rx_drops_per_second: float
    tx_drops_per_second: float
    tx_carrier_per_second: float
    rx_frame_per_second: float
    rx_fifo_per_second: float
    tx_fifo_per_second: float


class DiskRates(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Requests of one block device."""

    transfers_per_second: float
    reads_per_second: float
    writes_per_second: float
    discards_per_second: float | None
    read_sectors_per_second: float
    written_sectors_per_second: float
    discarded_sectors_per_second: float | None
    read_kb_per_second: float
    written_kb_per_second: float
    discarded_kb_per_second: float | None
    merged_reads_per_second: float
    merged_writes_per_second: float
    flushes_per_second: float | None
    request_kb: float | None
    wait_ms: float | None
    read_wait_ms: float | None
    write_wait_ms: float | None
    discard_wait_ms: float | None
    flush_wait_ms: float | None
    queue_length: float | None
    util_percent: float | None


class FileSystemUse(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Room in one file system at the end of the interval: gauges all."""

    block_size_bytes: int
    total_blocks: int
    available_blocks: int
    use_percent: int
    user_used_percent: float | None
    used_percent: float | None
    free_mb: float
    used_mb: float
    inodes_free: int | None
    inodes_used: int | None
    inodes_used_percent: float | None
