"""The same rates as `interval`, for many pairs of samples at once, over arrays.

Each function gives for every field of a row of `perfkit.derive.rows` an array with a place a pair:
NaN where `interval` has None or no row.  A test holds the two equal, value by value, on every
recording.  The arrays' own operators do the work; what needs a function comes with the caller as
`Library` (numpy), for nothing here imports one.
"""

from collections.abc import Mapping
from typing import Protocol, Self

from perfkit.units import KIB, MIB, SECTOR_BYTES

_SECTORS_PER_KB = KIB // SECTOR_BYTES


class Array(Protocol):
    """What is asked of an array: arithmetic and comparison, place by place."""

    def __add__(self, other: Self | float, /) -> Self:
        """Add."""

    def __sub__(self, other: Self | float, /) -> Self:
        """Subtract."""

    def __mul__(self, other: Self | float, /) -> Self:
        """Multiply."""

    def __truediv__(self, other: Self | float, /) -> Self:
        """Divide."""

    def __floordiv__(self, other: Self | float, /) -> Self:
        """Divide, rounded down."""

    def __lt__(self, other: Self | float, /) -> Self:
        """Compare."""

    def __gt__(self, other: Self | float, /) -> Self:
        """Compare."""

    def __le__(self, other: Self | float, /) -> Self:
        """Compare."""

    def __ge__(self, other: Self | float, /) -> Self:
        """Compare."""

    def __and__(self, other: Self, /) -> Self:
        """Return where both are set."""

    def __or__(self, other: Self, /) -> Self:
        """Return where either is set."""

    def __invert__(self) -> Self:
        """Return where it is not set."""


class Library(Protocol):
    """The functions over arrays that are needed, under numpy's names."""

    def where(self, is_first: Array, first: Array | float, second: Array | float, /) -> Array:
        """Return `first` where the flag is set, else `second`."""

    def any(self, array: Array, /) -> object:
        """Return whether any flag is set."""

    def isnan(self, array: Array, /) -> Array:
        """Return where there is no number."""

    def minimum(self, first: Array, second: Array, /) -> Array:
        """Return the lesser of two, place by place."""

    def maximum(self, first: Array, second: Array | float, /) -> Array:
        """Return the greater of two, place by place."""

    def absolute(self, array: Array, /) -> Array:
        """Return the distance from 0."""


_NAN = float("nan")


class Pairs:
    """The counters of one device in pairs of samples, one place a pair.

    Args:
        library: The functions over the arrays given.
        before: Raw numbers of the earlier samples by the field's name; unsigned where counters.
        after: Those of the later samples.
        absent: By name, where either of the two has no such number; no name: nowhere.
        seconds: Real time from one to the other.
    """

    def __init__(
        self,
        library: Library,
        *,
        before: Mapping[str, Array],
        after: Mapping[str, Array],
        absent: Mapping[str, Array],
        seconds: Array,
    ) -> None:
        self.library = library
        self.seconds = seconds
        self._before = before
        self._after = after
        self._absent = absent
        self._gained: dict[str, tuple[Array, bool]] = {}

    def difference(self, field: str) -> Array:
        """Return what a number gained; less than 0 where it fell; NaN where it is absent."""
        return self._difference(field)[0]

    def change(self, field: str) -> Array:
        """Return what a counter gained; NaN where it is absent or went backwards."""
        gained, falls = self._difference(field)
        return self.library.where(gained < 0, _NAN, gained) if falls else gained

    def fell(self, *fields: str) -> Array:
        """Return where any of the counters went backwards."""
        fallen = self.seconds < self.seconds
        for field in fields:
            gained, falls = self._difference(field)
            if falls:
                fallen = fallen | (gained < 0)
        return fallen

    def _difference(self, field: str) -> tuple[Array, bool]:
        """Return what a number gained, and whether it fell anywhere."""
        if field not in self._gained:
            where = self.library.where
            old, new = self._before[field], self._after[field]
            fell = old > new
            falls = bool(self.library.any(fell))
            # Never a larger number from a smaller one: these have no sign.
            gained = (new - old) * 1.0
            if falls:
                gained = where(fell, 0.0, gained) - where(fell, old - new, 0) * 1.0
            absent = self._absent.get(field)
            if absent is not None:
                gained = where(absent, _NAN, gained)
            self._gained[field] = gained, falls
        return self._gained[field]

    def known(self, array: Array) -> Array:
        """Return the array with 0 where there is no number."""
        return self.library.where(self.library.isnan(array), 0, array)

    def ratio(self, part: Array, whole: Array) -> Array:
        """Return part / whole; NaN where either is absent or the whole is nothing."""
        return part / self.library.where(whole > 0, whole, _NAN)


def broken(
    library: Library,
    *,
    timestamp_before: Array,
    seconds: Array,
    booted_before: Array,
    booted_after: Array,
) -> Array:
    """Return where nothing has a rate: no time passed, the host booted, the clock was set.

    Args:
        library: The functions over the arrays given.
        timestamp_before: Tick of the earlier samples, in whole seconds.
        seconds: Real time from one to the other.
        booted_before: Boot time as the earlier samples have it; NaN where they do not.
        booted_after: The same of the later ones.
    """
    # A comparison with NaN is false, so an unknown boot time breaks nothing.
    is_known = ~(library.isnan(booted_before) | library.isnan(booted_after))
    stepped = library.absolute(booted_after - booted_before)
    return (
        (is_known & (booted_after > timestamp_before))
        | (seconds <= 0)
        | (stepped > library.maximum(seconds / 100, 1))
    )


def cpu(pairs: Pairs) -> dict[str, Array]:
    """Return the fields of `CpuShares`."""
    where = pairs.library.where
    idle, iowait = pairs.difference("idle_ticks"), pairs.difference("iowait_ticks")
    not_busy = idle + pairs.known(iowait)
    usr, nice = pairs.change("user_ticks"), pairs.change("nice_ticks")
    system = pairs.change("system_ticks")
    irq, soft = pairs.change("irq_ticks"), pairs.change("softirq_ticks")
    steal = pairs.change("steal_ticks")
    everything = usr + nice + system + not_busy
    everything = everything + pairs.known(irq) + pairs.known(soft) + pairs.known(steal)
    fallen = pairs.fell(
        "user_ticks",
        "nice_ticks",
        "system_ticks",
        "irq_ticks",
        "softirq_ticks",
        "steal_ticks",
        "guest_ticks",
        "guest_nice_ticks",
    )
    whole = where(fallen | (not_busy < 0) | ~(everything > 0), _NAN, everything)
    # Where one of the two stepped back, the other gained what is not its own.
    split = where((idle < 0) | (iowait < 0), _NAN, whole)
    return {
        "usr_percent": usr / whole * 100,
        "nice_percent": nice / whole * 100,
        "system_percent": system / whole * 100,
        "iowait_percent": iowait / split * 100,
        "steal_percent": steal / whole * 100,
        "idle_percent": idle / split * 100,
        "irq_percent": irq / whole * 100,
        "soft_percent": soft / whole * 100,
        "guest_percent": pairs.change("guest_ticks") / whole * 100,
        "gnice_percent": pairs.change("guest_nice_ticks") / whole * 100,
    }


def system(pairs: Pairs) -> dict[str, Array]:
    """Return those fields of `System` that are rates; the others are gauges."""
    return {
        "forks_per_second": pairs.change("processes") / pairs.seconds,
        "context_switches_per_second": pairs.change("context_switches") / pairs.seconds,
        "interrupts_per_second": pairs.change("interrupts") / pairs.seconds,
    }


_NET_RATES = {
    "rx_packets_per_second": "rx_packets",
    "tx_packets_per_second": "tx_packets",
    "rx_compressed_per_second": "rx_compressed",
    "tx_compressed_per_second": "tx_compressed",
    "rx_multicast_per_second": "rx_multicast",
    "rx_errors_per_second": "rx_errors",
    "tx_errors_per_second": "tx_errors",
    "collisions_per_second": "tx_collisions",
    "rx_drops_per_second": "rx_dropped",
    "tx_drops_per_second": "tx_dropped",
    "tx_carrier_per_second": "tx_carrier_errors",
    "rx_frame_per_second": "rx_frame_errors",
    "rx_fifo_per_second": "rx_fifo_errors",
    "tx_fifo_per_second": "tx_fifo_errors",
}
_NET_BYTES = {"rx_kb_per_second": "rx_bytes", "tx_kb_per_second": "tx_bytes"}


def net(pairs: Pairs) -> dict[str, Array]:
    """Return the fields of `NetRates`."""
    fallen = pairs.fell(*_NET_RATES.values(), *_NET_BYTES.values())
    seconds = pairs.library.where(fallen, _NAN, pairs.seconds)
    rows = {name: pairs.difference(field) / seconds for name, field in _NET_RATES.items()}
    for name, field in _NET_BYTES.items():
        rows[name] = pairs.difference(field) / seconds / KIB
    return rows


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


def disk(pairs: Pairs) -> dict[str, Array]:
    """Return the fields of `DiskRates`."""
    library, known = pairs.library, pairs.known
    nothing = library.where(pairs.fell(*_DISK_COUNTS), _NAN, 0.0)
    seconds = pairs.seconds + nothing
    reads, writes = pairs.change("reads") + nothing, pairs.change("writes") + nothing
    discards, flushes = pairs.change("discards") + nothing, pairs.change("flushes") + nothing
    requests = reads + writes + known(discards)
    read_sectors, write_sectors = pairs.change("read_sectors"), pairs.change("write_sectors")
    discard_sectors = pairs.change("discard_sectors")
    sectors = read_sectors + write_sectors + known(discard_sectors)
    read_ms, write_ms = pairs.change("read_ms"), pairs.change("write_ms")
    discard_ms = pairs.change("discard_ms")
    is_half_timed = library.isnan(discards) & ~library.isnan(discard_ms)
    is_half_timed = is_half_timed | (library.isnan(discard_ms) & ~library.isnan(discards))
    request_ms = library.where(is_half_timed, _NAN, read_ms + write_ms + known(discard_ms))
    return {
        "transfers_per_second": requests / seconds,
        "reads_per_second": reads / seconds,
        "writes_per_second": writes / seconds,
        "discards_per_second": discards / seconds,
        "read_sectors_per_second": read_sectors / seconds,
        "written_sectors_per_second": write_sectors / seconds,
        "discarded_sectors_per_second": discard_sectors / seconds,
        "read_kb_per_second": read_sectors / seconds / _SECTORS_PER_KB,
        "written_kb_per_second": write_sectors / seconds / _SECTORS_PER_KB,
        "discarded_kb_per_second": discard_sectors / seconds / _SECTORS_PER_KB,
        "merged_reads_per_second": pairs.change("reads_merged") / seconds,
        "merged_writes_per_second": pairs.change("writes_merged") / seconds,
        "flushes_per_second": flushes / seconds,
        "request_kb": pairs.ratio(sectors / _SECTORS_PER_KB, requests),
        "wait_ms": pairs.ratio(request_ms, requests),
        "read_wait_ms": pairs.ratio(read_ms, reads),
        "write_wait_ms": pairs.ratio(write_ms, writes),
        "discard_wait_ms": pairs.ratio(discard_ms, discards),
        "flush_wait_ms": pairs.ratio(pairs.change("flush_ms"), flushes),
        "queue_length": pairs.change("weighted_io_ms") / 1000 / seconds,
        "util_percent": pairs.change("io_ms") / 10 / seconds,
    }


def memory(library: Library, after: Mapping[str, Array]) -> dict[str, Array]:
    """Return the fields of `Memory`, of gauges as floats with NaN where one is absent."""

    def known(name: str) -> Array:
        return library.where(library.isnan(after[name]), 0, after[name])

    def share(part: Array, whole: Array) -> Array:
        return part / library.where((whole > 0) | (whole < 0), whole, _NAN) * 100

    total = after["mem_total_kb"]
    unused = after["mem_free_kb"] + known("buffers_kb") + known("cached_kb") + known("slab_kb")
    used = total - library.minimum(total, unused)
    swap_used = after["swap_total_kb"] - after["swap_free_kb"]
    return {
        "total_kb": total,
        "free_kb": after["mem_free_kb"],
        "available_kb": after["mem_available_kb"],
        "used_kb": used,
        "used_percent": share(used, total),
        "buffers_kb": after["buffers_kb"],
        "cached_kb": after["cached_kb"],
        "slab_kb": after["slab_kb"],
        "committed_kb": after["committed_as_kb"],
        "committed_percent": share(after["committed_as_kb"], total + known("swap_total_kb")),
        "active_kb": after["active_kb"],
        "inactive_kb": after["inactive_kb"],
        "dirty_kb": after["dirty_kb"],
        "swap_total_kb": after["swap_total_kb"],
        "swap_free_kb": after["swap_free_kb"],
        "swap_used_kb": swap_used,
        "swap_used_percent": share(swap_used, after["swap_total_kb"]),
        "swap_cached_kb": after["swap_cached_kb"],
    }


def file_systems(library: Library, after: Mapping[str, Array]) -> dict[str, Array]:
    """Return the fields of `FileSystemUse`, of gauges as floats with NaN where one is absent."""
    size, total = after["block_size"], after["blocks_total"]
    used = total - after["blocks_free"]
    user_used = total - after["blocks_available"]
    inodes_used = after["inodes_total"] - after["inodes_free"]
    some = library.where(total > 0, total, _NAN)
    some_inodes = library.where(after["inodes_total"] > 0, after["inodes_total"], _NAN)
    use = (user_used * 200 + total) // (some * 2)
    return {
        "block_size_bytes": size,
        "total_blocks": total,
        "available_blocks": after["blocks_available"],
        "use_percent": library.where(total > 0, use, 0),
        "user_used_percent": user_used / some * 100,
        "used_percent": used / some * 100,
        "free_mb": after["blocks_free"] * size / MIB,
        "used_mb": used * size / MIB,
        "inodes_free": after["inodes_free"],
        "inodes_used": inodes_used,
        "inodes_used_percent": inodes_used / some_inodes * 100,
    }
