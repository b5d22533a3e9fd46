"""The tables of measured rows, as data: DDL, inserts and queries are made from these.

A row is what one source said of one device at one tick, in the kernel's own units: raw counters,
NULL where the kernel has none.  Names are those of `perfkit.model`.  What is released is never
changed: another table or column is a migration of its own (`MIGRATIONS`).
"""

from typing import Literal

import msgspec

Kind = Literal["counter", "gauge"]
"""A counter is an unsigned word of 64 bits; a gauge a signed one: races show some below zero."""


class Column(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One measured number."""

    name: str
    kind: Kind


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one source; `<name>_hot` has them as they arrive, `<name>` ordered for reading."""

    name: str

    device: str | None
    """Column that tells rows of one tick apart: a number of its own or from the dictionary."""

    columns: tuple[Column, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the names of the columns before the measured ones."""
        return ("machine", "run", "ts", "ns", *([self.device] if self.device else []))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the measured columns."""
        return tuple(column.name for column in self.columns)

    @property
    def series(self) -> str:
        """Return the keys of rows that belong together: those of one machine's device."""
        return ", ".join(["machine", *([self.device] if self.device else [])])


def _counters(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=name, kind="counter") for name in names)


def _gauges(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=name, kind="gauge") for name in names)


TICKS = (
    "user_ticks",
    "nice_ticks",
    "system_ticks",
    "idle_ticks",
    "iowait_ticks",
    "irq_ticks",
    "softirq_ticks",
    "steal_ticks",
    "guest_ticks",
    "guest_nice_ticks",
)
"""The fields of `CpuTicks`, in order."""

STAT = (
    "interrupts",
    "context_switches",
    "boot_time_seconds",
    "processes",
    "procs_running",
    "procs_blocked",
)
"""The fields of `Stat` that are one number."""

SOFTIRQS = "softirqs"
"""`SoftIrqs.total`."""

MEMORY = (
    "mem_total_kb",
    "mem_free_kb",
    "mem_available_kb",
    "buffers_kb",
    "cached_kb",
    "swap_cached_kb",
    "active_kb",
    "inactive_kb",
    "dirty_kb",
    "writeback_kb",
    "anon_pages_kb",
    "mapped_kb",
    "shmem_kb",
    "kernel_reclaimable_kb",
    "slab_kb",
    "slab_reclaimable_kb",
    "slab_unreclaimable_kb",
    "kernel_stack_kb",
    "page_tables_kb",
    "swap_total_kb",
    "swap_free_kb",
    "commit_limit_kb",
    "committed_as_kb",
    "anon_huge_pages_kb",
)
"""The fields of `MemInfo` that are kept as rows; all of them stand in the log."""

HOST = Table(
    name="host",
    device=None,
    columns=(*_counters(*TICKS, *STAT, SOFTIRQS), *_gauges(*MEMORY)),
)
"""/proc/stat without its single CPUs, and /proc/meminfo."""

CPU = Table(name="cpu", device="cpu", columns=_counters(*TICKS))
"""/proc/stat: each CPU by its number."""

NET = Table(
    name="net",
    device="dev",
    columns=_counters(
        "rx_bytes",
        "rx_packets",
        "rx_errors",
        "rx_dropped",
        "rx_fifo_errors",
        "rx_frame_errors",
        "rx_compressed",
        "rx_multicast",
        "tx_bytes",
        "tx_packets",
        "tx_errors",
        "tx_dropped",
        "tx_fifo_errors",
        "tx_collisions",
        "tx_carrier_errors",
        "tx_compressed",
    ),
)
"""/proc/net/dev."""

DISK = Table(
    name="disk",
    device="dev",
    columns=(
        *_counters(
            "reads",
            "reads_merged",
            "read_sectors",
            "read_ms",
            "writes",
            "writes_merged",
            "write_sectors",
            "write_ms",
        ),
        *_gauges("in_flight"),
        *_counters(
            "io_ms",
            "weighted_io_ms",
            "discards",
            "discards_merged",
            "discard_sectors",
            "discard_ms",
            "flushes",
            "flush_ms",
        ),
    ),
)
"""/proc/diskstats."""

FS = Table(
    name="fs",
    device="dev",
    columns=_counters(
        "block_size",
        "blocks_total",
        "blocks_free",
        "blocks_available",
        "inodes_total",
        "inodes_free",
    ),
)
"""statfs of each mounted file system."""

TABLES = (HOST, CPU, NET, DISK, FS)

SQL_TYPES: dict[Kind, str] = {"counter": "UBIGINT", "gauge": "BIGINT"}

_DICTIONARIES = (
    "CREATE TABLE machine(id INTEGER NOT NULL, uuid UUID NOT NULL)",
    "CREATE TABLE device(id INTEGER NOT NULL, source VARCHAR NOT NULL, name VARCHAR NOT NULL)",
    """CREATE TABLE run(id INTEGER NOT NULL, uuid UUID NOT NULL, machine INTEGER NOT NULL,
       kind VARCHAR NOT NULL, started TIMESTAMP NOT NULL)""",
    # One row a frame of the log: where the loader goes on, and what retention goes by.
    """CREATE TABLE batch(run INTEGER NOT NULL, first_position UBIGINT NOT NULL,
       lines INTEGER NOT NULL, received TIMESTAMP NOT NULL, first TIMESTAMP_S NOT NULL,
       last TIMESTAMP_S NOT NULL, samples INTEGER NOT NULL, segment BIGINT NOT NULL,
       frame INTEGER NOT NULL)""",
    # Text that gave no rows, and why: counted for each run and source, never a failure.
    """CREATE TABLE finding(run INTEGER NOT NULL, source VARCHAR NOT NULL, reason VARCHAR NOT NULL,
       lines BIGINT NOT NULL, first TIMESTAMP_S NOT NULL, last TIMESTAMP_S NOT NULL)""",
)


def _measured(table: Table) -> tuple[str, ...]:
    device = [f"{table.device} INTEGER NOT NULL"] if table.device else []
    columns = ", ".join(
        [
            "machine INTEGER NOT NULL",
            "run INTEGER NOT NULL",
            "ts TIMESTAMP_S NOT NULL",
            "ns BIGINT",
            *device,
            *(f"{column.name} {SQL_TYPES[column.kind]}" for column in table.columns),
        ]
    )
    name = table.name
    return (
        f"CREATE TABLE {name}_hot({columns})",
        f"CREATE TABLE {name}({columns})",
        f"CREATE VIEW {name}_all AS FROM {name} UNION ALL FROM {name}_hot",
    )


MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (*_DICTIONARIES, *(line for table in TABLES for line in _measured(table))),
)
"""Statements that lead from one version of the tables to the next; the first makes them."""
