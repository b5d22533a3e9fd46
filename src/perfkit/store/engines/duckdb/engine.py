"""The contract of `perfkit.store.engines`, fulfilled by DuckDB."""

import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import duckdb

from perfkit.errors import PerfkitError
from perfkit.figures import LatestRows, Series, Stats
from perfkit.store import faults
from perfkit.store.engines import Finding, StoreError, Usage
from perfkit.store.engines.duckdb import settle as settling
from perfkit.store.engines.duckdb.instance import MEMORY_LIMIT, Instance
from perfkit.store.engines.duckdb.read import (
    boot_times,
    findings,
    host_columns,
    raw_columns,
    usage,
)
from perfkit.store.engines.duckdb.slots import ATTACHED, Slots
from perfkit.store.engines.duckdb.store import TenantFile
from perfkit.store.engines.tables import HOST
from perfkit.store.log.frame import LoggedFrame, Place
from perfkit.store.query import latest as latest_figures
from perfkit.store.query.series import BEFORE_SECONDS, checked_points, series, span
from perfkit.store.query.sources import SOURCES_BY_NAME, Derived, Source, source_named
from perfkit.store.query.stats import stats

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

QUERY_SECONDS = 20.0

_OF_THE_FILE = (
    duckdb.IOException,
    duckdb.SerializationException,
    duckdb.TransactionException,
    duckdb.CatalogException,
    duckdb.InternalException,
    duckdb.FatalException,
)
"""Errors that opening the file anew may mend; others are ours."""


class DuckEngine:
    """Measured rows in DuckDB files, one a tenant.

    Args:
        data: The data folder.
        threads: Of DuckDB's own; as many as there are CPUs by default.
        memory_limit: Of DuckDB, as it writes it.
        attached: Files attached at a time.
        query_seconds: How long a query may take.
    """

    def __init__(
        self,
        data: Path,
        *,
        threads: int | None = None,
        memory_limit: str = MEMORY_LIMIT,
        attached: int = ATTACHED,
        query_seconds: float = QUERY_SECONDS,
    ) -> None:
        self._instance = Instance(
            data, threads=threads or os.cpu_count() or 1, memory_limit=memory_limit
        )
        self._slots = Slots(self._instance, data, attached=attached)
        self._query_seconds = query_seconds
        self._latest = latest_figures.Latest()

    def close(self) -> None:
        """Write down everything and end; nothing may be asked any more."""
        self._slots.close()
        self._instance.close()

    def open(self, tenant: UUID) -> None:
        """Make the tenant's store usable; trouble shows in `health`, not here."""
        with contextlib.suppress(StoreError), self._slots.using(tenant):
            pass

    def health(self, tenant: UUID) -> str | None:
        """Return what is wrong with the tenant's store now; None: nothing."""
        return self._slots.slot(tenant).trouble

    def loaded(self, tenant: UUID) -> Place | None:
        """Return the place of the last frame applied; None: begin at the start.

        Raises:
            StoreError: the store cannot be opened.
        """
        with self._slots.using(tenant) as file:
            return file.loaded

    def noticed(self, tenant: UUID, frame: LoggedFrame) -> None:
        """Take the newest figures from a frame that is on disk, loaded or not."""
        self._latest.note(tenant, frame.machine, frame.lines)

    def apply(self, tenant: UUID, frames: Sequence[LoggedFrame], *, after: Place | None) -> int:
        """Store the rows of frames in one transaction; return the rows that are new.

        A store that fails is opened anew, which tells what of it was stored, and asked again; one
        that fails twice is set aside, and `loaded` then says to begin anew.

        Args:
            tenant: Whose.
            frames: Consecutive ones of the log.
            after: The place before them, up to which everything is loaded.

        Raises:
            BehindError: the store is not at `after`: it was set aside, or put back.
            StoreError: nothing was stored; ask `loaded` where to go on.
        """

        def work(file: TenantFile) -> int:
            faults.reach("loader.before-commit")
            rows = file.apply(frames, after)
            faults.reach("loader.after-commit")
            return rows

        return self._try(tenant, work)

    def last_stored(self, tenant: UUID, machine: UUID) -> float | None:
        """Return the Unix time of the machine's newest row; None where there is none."""
        had = self._try(tenant, lambda file: _span(file, machine))
        return float(had[1]) if had else None

    def last_seen(self, tenant: UUID, machine: UUID) -> float | None:
        """Return the Unix time of the machine's newest sample; None where there is none."""
        stored = self.last_stored(tenant, machine)
        noted = self._latest.last_seen(tenant, machine)
        found = [time for time in (stored, noted) if time is not None]
        return float(max(found)) if found else None

    def set_aside(self, tenant: UUID, why: PerfkitError) -> None:
        """Begin with an empty store: the one that is there is not this log's.

        Raises:
            StoreError: it cannot be renamed, or is in use.
        """
        self._slots.set_aside(tenant, why)

    def latest_noted(self, tenant: UUID, machine: UUID) -> dict[str, LatestRows] | None:
        """Return the newest figures where no stored row is needed for them."""
        noted = self._latest.figures(tenant, machine)
        seen = self._latest.last_seen(tenant, machine)
        if noted is None or seen is None:
            return None
        with contextlib.suppress(StoreError):
            stored = self.last_stored(tenant, machine)
            if stored is not None and stored > seen:  # what came since the start is an old capture
                return None
        return noted

    def latest(self, tenant: UUID, machine: UUID) -> dict[str, LatestRows]:
        """Return the newest figures by source.

        Raises:
            StoreError: the store cannot be read.
            QueryTimeout: it took too long.
        """
        noted = self.latest_noted(tenant, machine)
        if noted is not None:
            return noted
        stored = self._try(tenant, lambda file: self._latest_stored(file, machine))
        # After a start the first sample is alone in memory: no rates, but not those of before.
        seen = self._latest.last_seen(tenant, machine)
        if seen is not None and all(seen > int(rows.timestamp) for rows in stored.values()):
            return self._latest.figures(tenant, machine, is_one_enough=True) or stored
        return stored

    def _latest_stored(self, file: TenantFile, machine: UUID) -> dict[str, LatestRows]:
        had = _span(file, machine)
        if had is None:
            return {}
        found = {}
        for source in SOURCES_BY_NAME.values():
            rows = latest_figures.last_rows(
                self._derived(file, machine, source, had[1], had[1] + 1)
            )
            if rows is not None:
                found[source.name] = rows
        return found

    def series(
        self,
        tenant: UUID,
        machine: UUID,
        source: str,
        start: float | None = None,
        end: float | None = None,
        points: int | None = None,
    ) -> Series:
        """Return min, mean and max of each column a bucket.

        Args:
            tenant: Whose machine it is.
            machine: Which.
            source: One of SOURCES.
            start: Unix time, inclusive; by default a day before the end.
            end: Unix time, exclusive; by default where the data ends.
            points: Buckets at most.

        Raises:
            UnknownSource: there is no such source.
            BadRange: the range ends before it starts, or there are too many points.
            StoreError: the store cannot be read.
            QueryTimeout: it took too long.
        """
        wanted, count = source_named(source), checked_points(points)

        def work(file: TenantFile) -> Series:
            low, high = span(_span(file, machine), start, end)
            found = self._derived(file, machine, wanted, low, high)
            return series(found, start=low, end=high, points=count)

        return self._try(tenant, work)

    def stats(
        self,
        tenant: UUID,
        machine: UUID,
        source: str,
        start: float | None = None,
        end: float | None = None,
    ) -> list[Stats]:
        """Return what the values of each column were; arguments and errors as of `series`."""
        wanted = source_named(source)

        def work(file: TenantFile) -> list[Stats]:
            low, high = span(_span(file, machine), start, end)
            found = self._derived(file, machine, wanted, low, high)
            return stats(found, start=low, end=high)

        return self._try(tenant, work)

    def derived(
        self, tenant: UUID, machine: UUID, source: str, start: float, end: float
    ) -> Derived:
        """Return the columns of a source from `start` to before `end`, and some from before."""
        wanted = source_named(source)
        return self._try(tenant, lambda file: self._derived(file, machine, wanted, start, end))

    def findings(self, tenant: UUID, machine: UUID | None = None) -> list[Finding]:
        """Return what gave no rows, and why, summed by run, source and reason; most lines first."""
        ask = partial(findings, machine=machine)
        return self._try(tenant, lambda file: self._asked(file, ask))

    def usage(self, tenant: UUID) -> Usage:
        """Return how much is stored."""
        return self._try(tenant, lambda file: self._asked(file, usage))

    def drop(self, tenant: UUID) -> None:
        """Remove the tenant's rows and their files."""
        self._slots.drop(tenant)
        self._latest.drop(tenant)

    def is_full(self, tenant: UUID) -> bool:
        """Return whether enough rows wait to be settled."""
        file = self._slots.slot(tenant).file
        return file is not None and file.hot_rows >= settling.HOT_ROWS

    def settle(self, tenant: UUID, before: int | None = None) -> int:
        """Move rows to where they are read fast; return how many.

        Args:
            tenant: Whose.
            before: Unix time; only rows of earlier ticks, and what was settled in that day is put
                in order with them. None: all that wait.
        """

        def work(file: TenantFile) -> int:
            return settling.settle(file, before)

        return self._try(tenant, work)

    def expire(self, tenant: UUID, received_before: int) -> int:
        """Remove rows of streams received before a time, in ns; return how many.

        Uploaded captures stay.
        """

        def work(file: TenantFile) -> int:
            return settling.expire(file, received_before)

        return self._try(tenant, work)

    def _derived(
        self, file: TenantFile, machine: UUID, source: Source, start: float, end: float
    ) -> Derived:
        number = file.machines.get(machine, 0)  # 0 is nobody: an unknown machine has no rows
        start -= BEFORE_SECONDS
        with self._instance.query(self._query_seconds) as cursor:
            if source.table is HOST:
                raw, boots = host_columns(
                    cursor,
                    file.name,
                    source.raw,
                    machine=number,
                    start=start,
                    end=end,
                    needed=source.needed,
                )
                return Derived(source, raw, boots, file.device_names)
            raw = raw_columns(
                cursor,
                file.name,
                source.table,
                source.raw,
                machine=number,
                start=start,
                end=end,
                needed=source.needed,
            )
            boots = boot_times(cursor, file.name, machine=number, start=start, end=end)
        return Derived(source, raw, boots, file.device_names)

    def _asked(
        self, file: TenantFile, ask: Callable[[duckdb.DuckDBPyConnection, TenantFile], Answer]
    ) -> Answer:
        with self._instance.query(self._query_seconds) as cursor:
            return ask(cursor, file)

    def _try(self, tenant: UUID, work: Callable[[TenantFile], Answer]) -> Answer:
        """Return what the work gives; where the file fails, open it anew and try once more."""
        for is_last in (False, True):
            try:
                with self._slots.using(tenant) as file:
                    return work(file)
            except duckdb.Error as error:
                failure = error
            if not _is_of_the_file(failure):
                break
            _log.error("tenant %s: %s", tenant, failure)
            self._slots.mend(tenant, failure, is_hopeless=is_last)
        raise StoreError(f"the store of tenant {tenant} failed: {failure}") from failure


def _is_of_the_file(error: duckdb.Error) -> bool:
    """Tell whether opening the file anew may mend an error.

    DuckDB has no class of its own for a block that is damaged ("Corrupt database file: computed
    checksum ..."), which shows when the block is read, perhaps long after the file was opened.
    """
    return isinstance(error, _OF_THE_FILE) or type(error) is duckdb.Error


def _span(file: TenantFile, machine: UUID) -> tuple[int, int] | None:
    number = file.machines.get(machine)
    return None if number is None else file.spans.get(number)
