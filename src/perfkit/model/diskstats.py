"""The struct of /proc/diskstats."""

import msgspec

from perfkit.model.number import Counter, Gauge, MaybeCounter


class DiskStats(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """Counters of one block device since boot, or since the device appeared.

    Source: /proc/diskstats, Documentation/admin-guide/iostats.rst.  The times are 32 bits wide
    in the kernel and wrap after 49.7 days of them; on 32-bit kernels every number may wrap.
    """

    reads: Counter
    """Read requests completed."""

    reads_merged: Counter
    """Read requests merged with a neighbour before they were queued."""

    read_sectors: Counter
    """Sectors read, of 512 bytes whatever the device's own sector size."""

    read_ms: Counter
    """Milliseconds spent by all reads together: it can outrun the clock."""

    writes: Counter
    """Write requests completed."""

    writes_merged: Counter
    """Write requests merged with a neighbour before they were queued."""

    write_sectors: Counter
    """Sectors written, of 512 bytes."""

    write_ms: Counter
    """Milliseconds spent by all writes together."""

    in_flight: Gauge
    """Requests issued and not yet completed.  A gauge; races have shown it below zero."""

    io_ms: Counter
    """Milliseconds with at least one request in flight: never outruns the clock."""

    weighted_io_ms: Counter
    """Milliseconds, each counted once for every request then in flight."""

    discards: MaybeCounter = None
    """Discard requests completed; None before Linux 4.18."""

    discards_merged: MaybeCounter = None
    """Discard requests merged before they were queued; None before Linux 4.18."""

    discard_sectors: MaybeCounter = None
    """Sectors discarded, of 512 bytes; None before Linux 4.18."""

    discard_ms: MaybeCounter = None
    """Milliseconds spent by all discards together; None before Linux 4.18."""

    flushes: MaybeCounter = None
    """Flush requests completed (whole disks only); None before Linux 5.5."""

    flush_ms: MaybeCounter = None
    """Milliseconds spent by all flushes together; None before Linux 5.5."""
