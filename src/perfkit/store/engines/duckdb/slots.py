"""Which tenants' files are attached: opened on use, mended when they fail, let go of when idle.

A file is attached while it is among the newest used.  One that cannot be opened is set aside under
another name, and an empty one takes its place, to be filled again from the log.
"""

import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import duckdb

from perfkit.errors import shown
from perfkit.store.bulk import Bulk
from perfkit.store.engines import StoreError
from perfkit.store.engines.duckdb.instance import Instance
from perfkit.store.engines.duckdb.store import NewerFileError, TenantFile
from perfkit.store.rows import parsed

_log = logging.getLogger(__name__)

FILE = "samples.duckdb"

ATTACHED = 100
"""Files attached at a time, those in use not counted out."""

KEPT_ASIDE = 2
"""Files set aside that a tenant keeps, the newest ones."""

_LEAVE_SECONDS = 60.0
"""How long to wait for queries under way to end: longer than any may take."""

_GIVE_UP_SECONDS = 3600.0
"""What fails again so soon after the log has filled it is no fault of the disk."""

_NOT_THE_FILES_FAULT = (
    "No space left on device",
    "Too many open files",
    "Disk quota exceeded",
    "Cannot allocate memory",
    # Of a file that was replaced: the one before is let go of when its last query is over.
    "Unique file handle conflict",
)

_ALL_INVALID = "previous fatal error"
"""DuckDB says so when the whole instance is to be started anew."""


class Slot:
    """One tenant's place among the attached files."""

    def __init__(self, tenant: UUID, folder: Path) -> None:
        self.tenant = tenant
        self.path = folder / FILE
        self.name = f"t_{tenant.hex}"
        self.opening = threading.RLock()
        self.users = 0
        self.file: TenantFile | None = None
        self.inode = 0
        self.trouble: str | None = None
        """What is wrong now."""

        self.gave_up_at: float | None = None
        """When a file that could be opened was set aside."""


class Slots:
    """The attached files of one data folder.

    Args:
        instance: What they are attached to.
        data: The data folder.
        attached: Files attached at a time.
        now: Unix time, for the names of files set aside.
    """

    def __init__(
        self,
        instance: Instance,
        data: Path,
        *,
        attached: int = ATTACHED,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.instance = instance
        self._bulk = Bulk(parsed)
        self._data = data
        self._attached = attached
        self._now = now
        self._slots: OrderedDict[UUID, Slot] = OrderedDict()
        self._changed = threading.Condition(threading.RLock())
        self._is_reopening = False

    def folder(self, tenant: UUID) -> Path:
        """Return where a tenant's files are."""
        return self._data / "tenants" / str(tenant)

    def slot(self, tenant: UUID) -> Slot:
        """Return the tenant's place, a new one where it is new."""
        with self._changed:
            if tenant not in self._slots:
                self._slots[tenant] = Slot(tenant, self.folder(tenant))
            return self._slots[tenant]

    @contextlib.contextmanager
    def using(self, tenant: UUID) -> Iterator[TenantFile]:
        """Give the tenant's file, attached as long as it is used.

        Raises:
            StoreError: it cannot be opened, nor replaced.
        """
        slot = self._enter(tenant)
        try:
            with slot.opening:
                if slot.file is not None and not _is_there(slot):
                    _log.error("%s: the file is gone or another one: opened anew", slot.path)
                    self._detach(slot)
                if slot.file is None:
                    slot.file = self._open(slot)
                file = slot.file
            yield file
        finally:
            self._leave(slot)

    def _enter(self, tenant: UUID) -> Slot:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_reopening)
            slot = self.slot(tenant)
            slot.users += 1
            self._slots.move_to_end(tenant)
        return slot

    def _leave(self, slot: Slot) -> None:
        with self._changed:
            slot.users -= 1
            self._changed.notify_all()
            idle = [each for each in self._slots.values() if each.file and not each.users]
            surplus = len(idle) - self._attached
            for each in idle[: max(0, surplus)]:
                # Nobody holds `opening` of a slot without users.
                self._detach(each)

    def attached(self) -> int:
        """Return how many files are attached."""
        with self._changed:
            return sum(slot.file is not None for slot in self._slots.values())

    def mend(self, tenant: UUID, error: duckdb.Error, *, is_hopeless: bool = False) -> None:
        """Open a file that failed anew; waits for its other users to be through.

        Args:
            tenant: Whose.
            error: How it failed.
            is_hopeless: Whether it has been opened anew before, to no avail: set it aside.

        Raises:
            StoreError: it is still in use, or cannot be opened.
        """
        if _ALL_INVALID in str(error):
            self._reopen()
            return
        slot = self.slot(tenant)
        with self._changed:
            if not self._changed.wait_for(lambda: slot.users == 0, _LEAVE_SECONDS):
                raise StoreError(f"{slot.path}: in use, not mended: {_short(error)}")
            self._detach(slot)
            if is_hopeless and self._may_give_up(slot, error):
                slot.gave_up_at = self._now()
                self._set_aside(slot, error)

    def set_aside(self, tenant: UUID, why: Exception) -> None:
        """Put a file aside that cannot be what it should be; an empty one takes its place.

        Raises:
            StoreError: it is still in use, or cannot be renamed.
        """
        slot = self.slot(tenant)
        with self._changed:
            if not self._changed.wait_for(lambda: slot.users == 0, _LEAVE_SECONDS):
                raise StoreError(f"{slot.path}: in use, not set aside: {_short(why)}")
            self._detach(slot)
            self._set_aside(slot, why)

    def drop(self, tenant: UUID) -> None:
        """Remove a tenant's file."""
        slot = self.slot(tenant)
        with self._changed:
            if not self._changed.wait_for(lambda: slot.users == 0, _LEAVE_SECONDS):
                raise StoreError(f"{slot.path}: in use, not removed")
            self._detach(slot)
            for path in (slot.path, _wal(slot.path)):
                path.unlink(missing_ok=True)
            del self._slots[tenant]

    def close(self) -> None:
        """Fold in what is in write-ahead logs, and let go of every file."""
        with self._changed:
            for slot in self._slots.values():
                self._detach(slot)

    def _reopen(self) -> None:
        """Start the whole instance anew once nobody uses it."""
        with self._changed:
            self._is_reopening = True
            try:
                everyone = self._slots.values
                is_left = self._changed.wait_for(
                    lambda: not any(slot.users for slot in everyone()), _LEAVE_SECONDS
                )
                if not is_left:
                    raise StoreError("DuckDB: in use, not started anew after a fatal error")
                for slot in everyone():
                    slot.file = None
                self.instance.reopen()
            finally:
                self._is_reopening = False
                self._changed.notify_all()

    def _open(self, slot: Slot) -> TenantFile:
        try:
            file = self._attach(slot)
        except NewerFileError:
            slot.trouble = f"{slot.path}: made by a newer perfkit"
            raise StoreError(slot.trouble) from None
        except (duckdb.Error, OSError) as error:
            if _is_not_the_files_fault(error):
                slot.trouble = f"{slot.path}: {_short(error)}"
                raise StoreError(slot.trouble) from error
            self._set_aside(slot, error)
            try:
                file = self._attach(slot)
            except (duckdb.Error, OSError) as again:
                slot.trouble = f"{slot.path}: {_short(again)}"
                raise StoreError(slot.trouble) from again
        return file

    def _attach(self, slot: Slot) -> TenantFile:
        slot.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.instance.attach(slot.path, slot.name)
        file = TenantFile(self.instance, slot.name, slot.path, self._bulk)
        try:
            file.prepare()
            slot.inode = slot.path.stat().st_ino
        except BaseException:
            with contextlib.suppress(duckdb.Error):
                self.instance.detach(slot.name)
            raise
        slot.trouble = None
        return file

    def _detach(self, slot: Slot) -> None:
        if slot.file is None:
            return
        slot.file = None
        with contextlib.suppress(duckdb.Error):
            self.instance.detach(slot.name)

    def _may_give_up(self, slot: Slot, error: duckdb.Error) -> bool:
        """Return whether a file that opens and fails again is set aside: not over and over."""
        if isinstance(error, duckdb.TransactionException) or _is_not_the_files_fault(error):
            return False
        return slot.gave_up_at is None or self._now() - slot.gave_up_at > _GIVE_UP_SECONDS

    def _set_aside(self, slot: Slot, error: Exception) -> None:
        kept = slot.path.with_name(f"{FILE}.bad-{self._now():.6f}")
        _log.error("%s: set aside as %s: %s", slot.path, kept.name, _short(error))
        try:
            for path, aside in ((slot.path, kept), (_wal(slot.path), _wal(kept))):
                if path.exists() or path.is_symlink():
                    path.rename(aside)
            _remove_old(slot.path.parent)
        except OSError as failure:
            slot.trouble = f"{slot.path}: {failure.strerror}"
            raise StoreError(slot.trouble) from failure


def _wal(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _is_there(slot: Slot) -> bool:
    try:
        return slot.path.stat().st_ino == slot.inode
    except OSError:
        return False


def _remove_old(folder: Path) -> None:
    asides = sorted(folder.glob(f"{FILE}.bad-*"), key=lambda path: path.name.removesuffix(".wal"))
    names = list(dict.fromkeys(path.name.removesuffix(".wal") for path in asides))
    for path in asides:
        if path.name.removesuffix(".wal") in names[:-KEPT_ASIDE] and not path.is_dir():
            path.unlink(missing_ok=True)


def _is_not_the_files_fault(error: Exception) -> bool:
    if isinstance(error, duckdb.OutOfMemoryException | duckdb.InterruptException):
        return True
    return any(text in str(error) for text in _NOT_THE_FILES_FAULT)


def _short(error: Exception) -> str:
    return shown(" ".join(str(error).split()))
