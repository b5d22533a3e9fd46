"""Columns from /proc/meminfo: gauges of the sample that ends the interval."""

from perfkit.columns._column import Column, Table


def _kb(name: str, field: str, line: str, meaning: str, *, original: bool = True) -> Column:
    return Column(
        name=name,
        field=field,
        unit="kB",
        source=f"/proc/meminfo: {line}",
        meaning=meaning,
        in_csv=original,
    )


def _percent(name: str, field: str, lines: str, meaning: str, *, original: bool = True) -> Column:
    return Column(
        name=name,
        field=field,
        unit="%",
        source=f"/proc/meminfo: {lines}",
        meaning=meaning,
        in_csv=original,
    )


MEM = Table(
    name="mem",
    title="Memory",
    rows_field="memory",
    key=None,
    csv_file="proc/meminfo",
    source="/proc/meminfo",
    columns=(
        _kb("kbmemfree", "free_kb", "MemFree", "Memory that nobody uses."),
        _kb(
            "kbavail",
            "available_kb",
            "MemAvailable",
            "What new programs could get without swapping, as the kernel estimates (Linux 3.14).",
        ),
        _kb(
            "kbmemused",
            "used_kb",
            "MemTotal, MemFree, Buffers, Cached, Slab",
            "Memory that is neither free nor a cache: MemTotal - unused, where unused is the"
            " lesser of MemTotal and MemFree + Buffers + Cached + Slab.",
        ),
        _percent(
            "%memused",
            "used_percent",
            "the same",
            "kbmemused / MemTotal * 100.",
        ),
        _kb("kbbuffers", "buffers_kb", "Buffers", "Cache of raw block devices."),
        _kb("kbcached", "cached_kb", "Cached", "Page cache, shared memory and tmpfs included."),
        _kb(
            "kbcommit",
            "committed_kb",
            "Committed_AS",
            "Memory that programs asked for, whether they have touched it or not.",
        ),
        _percent(
            "%commit",
            "committed_percent",
            "Committed_AS, MemTotal, SwapTotal",
            "Committed_AS / (MemTotal + SwapTotal) * 100; can pass 100, for not all is touched.",
        ),
        _kb("kbactive", "active_kb", "Active", "Memory used of late, not taken back if avoidable."),
        _kb("kbinact", "inactive_kb", "Inactive", "Memory that is taken back first."),
        _kb("kbdirty", "dirty_kb", "Dirty", "Memory that waits to be written to disk."),
        _kb("kbmemtotal", "total_kb", "MemTotal", "Memory the kernel manages.", original=False),
        _kb("kbslab", "slab_kb", "Slab", "The kernel's own structures.", original=False),
        _kb(
            "kbswptotal",
            "swap_total_kb",
            "SwapTotal",
            "Size of all swap areas; 0 where there is none.",
            original=False,
        ),
        _kb("kbswpfree", "swap_free_kb", "SwapFree", "Swap that nobody uses.", original=False),
        _kb(
            "kbswpused",
            "swap_used_kb",
            "SwapTotal, SwapFree",
            "SwapTotal - SwapFree.",
            original=False,
        ),
        _percent(
            "%swpused",
            "swap_used_percent",
            "SwapTotal, SwapFree",
            "kbswpused / SwapTotal * 100; absent where there is no swap.",
            original=False,
        ),
        _kb(
            "kbswpcad",
            "swap_cached_kb",
            "SwapCached",
            "Memory swapped in again whose copy on the swap area is still good.",
            original=False,
        ),
    ),
)
