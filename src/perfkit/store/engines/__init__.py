"""Engines: where measured rows are kept, behind one small contract.

The log is the truth: an engine can lose everything and be filled again from it.  `apply` is
idempotent, so that whoever feeds it may begin again anywhere at or before `loaded`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

import msgspec

from perfkit.errors import InputError, PerfkitError, UsageError
from perfkit.figures import LatestRows, Series, Stats

if TYPE_CHECKING:
    from perfkit.store.log.frame import LoggedFrame, Place

SOURCES = ("cpu", "cpus", "memory", "net", "disk", "fs", "system")
"""What can be asked for by name; `cpu` is all CPUs together, `cpus` each of them."""


class StoreError(PerfkitError):
    """One tenant's rows cannot be read or written now; other tenants' can."""

    exit_code = 7


class BehindError(PerfkitError):
    """The store is not where the loader left it: it was set aside, or put back.  Ask `loaded`."""

    exit_code = 7


class QueryTimeout(PerfkitError):  # noqa: N818 - the query was stopped, nothing is wrong
    """A query took longer than it may."""

    exit_code = 5


class UnknownSource(UsageError):  # noqa: N818 - the error is in the words
    """There is no source of that name."""


class BadRange(InputError, UsageError):  # noqa: N818 - the same
    """The range asked for ends before it starts, or the points are out of bounds."""

    exit_code = 2


class Finding(msgspec.Struct, kw_only=True):
    """Text that gave no rows."""

    run: UUID
    source: str
    reason: str
    lines: int
    first: int
    """Unix time of the first such line."""

    last: int


class Usage(msgspec.Struct, kw_only=True):
    """How much a tenant's store holds."""

    file_bytes: int
    """The database and its write-ahead log."""

    used_bytes: int
    """Of the database what holds rows; the rest is free for new ones."""

    rows: int
    hot_rows: int
    """Of them, those not yet settled."""


class Newest(Protocol):
    """What is asked of the present; the tenant is bound by the engine, always."""

    def last_seen(self, tenant: UUID, machine: UUID) -> float | None:
        """Return the Unix time of the machine's newest sample; None where there is none."""

    def latest(self, tenant: UUID, machine: UUID) -> dict[str, LatestRows]:
        """Return the newest figures by source."""


class Queries(Newest, Protocol):
    """What the API asks: of the present, and of ranges."""

    def findings(self, tenant: UUID, machine: UUID | None = None) -> list[Finding]:
        """Return what gave no rows, and why; of all machines, or of one."""

    def series(
        self,
        tenant: UUID,
        machine: UUID,
        source: str,
        start: float | None = None,
        end: float | None = None,
        points: int | None = None,
    ) -> Series:
        """Return min, mean and max of each column a bucket."""

    def stats(
        self,
        tenant: UUID,
        machine: UUID,
        source: str,
        start: float | None = None,
        end: float | None = None,
    ) -> list[Stats]:
        """Return what the values of each column were."""


class Engine(Queries, Protocol):
    """What the loader and the API ask of an engine."""

    def open(self, tenant: UUID) -> None:
        """Make the tenant's store usable; trouble shows in `health`, not here."""

    def last_stored(self, tenant: UUID, machine: UUID) -> float | None:
        """Return the Unix time of the machine's newest row; None where there is none."""

    def latest_noted(self, tenant: UUID, machine: UUID) -> dict[str, LatestRows] | None:
        """Return the newest figures where no stored row is needed for them."""

    def loaded(self, tenant: UUID) -> "Place | None":
        """Return the place of the last frame applied; None: begin at the start."""

    def apply(self, tenant: UUID, frames: Sequence["LoggedFrame"], *, after: "Place | None") -> int:
        """Store the rows of frames in one transaction; nothing where they are there already.

        Args:
            tenant: Whose.
            frames: Consecutive ones of the log.
            after: The place before them, up to which everything is loaded.

        Raises:
            BehindError: the store is not at `after`.
            StoreError: it cannot be written to now.
        """

    def noticed(self, tenant: UUID, frame: "LoggedFrame") -> None:
        """Take the newest figures from a frame that is on disk, loaded or not."""

    def is_full(self, tenant: UUID) -> bool:
        """Return whether enough rows wait to be settled."""

    def settle(self, tenant: UUID, before: int | None = None) -> int:
        """Move rows to where they are read fast; with `before` those of ticks before that time."""

    def expire(self, tenant: UUID, received_before: int) -> int:
        """Remove rows of streams received before a time, in nanoseconds since 1970."""

    def drop(self, tenant: UUID) -> None:
        """Remove the tenant's rows and their files."""

    def usage(self, tenant: UUID) -> Usage:
        """Return how much is stored."""

    def health(self, tenant: UUID) -> str | None:
        """Return what is wrong with the tenant's store now; None: nothing."""
