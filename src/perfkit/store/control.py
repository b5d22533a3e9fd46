"""The control plane: tenants, their keys, their machines, in one SQLite file.

Small and transactional: WAL, a full sync a commit, foreign keys, strict tables.  Keys and machines
are also held in memory, so that a request which creates nothing costs no statement.  One process
owns the file; calls may come from any of its threads.
"""

import contextlib
import hmac
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from perfkit.errors import DiskError, UsageError, shown
from perfkit.store import faults
from perfkit.store.identities import (
    KEY_COLUMNS,
    MACHINE_COLUMNS,
    Credential,
    FirstRun,
    Key,
    Machine,
    Tenant,
    credential_of,
    key_of,
    machine_of,
)
from perfkit.store.migrate import migrate
from perfkit.store.secrets import LONGEST, digest_of, new_secret, prefix_of

SCOPES = ("ingest", "read", "admin")
IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]{1,100}")
"""What a machine may be called on the wire."""

LONGEST_NAME = 100
LONGEST_NUMBER = 15
"""Digits of a machine's number: a UUID without hyphens has more."""


__all__ = ["ControlPlane", "Credential", "FirstRun", "Key", "Machine", "Tenant"]


class ControlPlane:
    """The control plane of one data folder.

    Args:
        path: The SQLite file, made where it is absent.
        now: Nanoseconds since 1970.

    Raises:
        DiskError: the file cannot be opened, or is of a newer perfkit.
    """

    def __init__(self, path: Path, *, now: Callable[[], int] = time.time_ns) -> None:
        self._path = path
        self._now = now
        self._lock = threading.RLock()
        self._used: dict[UUID, int] = {}
        self._machines: dict[tuple[UUID, str], Machine] = {}
        self._machines_by_id: dict[tuple[UUID, UUID | int], Machine] = {}
        self._keys: dict[str, list[tuple[bytes, Credential]]] = {}
        self._file_keys: dict[str, list[tuple[bytes, Credential]]] = {}
        with self._talking():
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            with self._talking():
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.execute("PRAGMA foreign_keys=ON")
                migrate(self._db, path)
                path.chmod(0o600)
                self._read_all()
        except DiskError:
            self._db.close()
            raise

    def close(self) -> None:
        """Note when keys were last used, and let go of the file."""
        with self._lock:
            with contextlib.suppress(DiskError):
                self.flush_used()
            self._db.close()

    def create_tenant(self, name: str) -> Tenant:
        """Return a new tenant.

        Raises:
            UsageError: the name is taken, empty or too long.
        """
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            what = f"expected 1 to {LONGEST_NAME} printable characters"
            raise UsageError(f"tenant's name: {what}, found {shown(name)}")
        with self._writing():
            (number,) = self._db.execute(
                "SELECT coalesce(max(number), 0) + 1 FROM tenant"
            ).fetchone()
            tenant = Tenant(id=uuid4(), number=number, name=name, created=self._now())
            row = (tenant.id.bytes, number, name, tenant.created)
            try:
                self._db.execute("INSERT INTO tenant VALUES (?, ?, ?, ?)", row)
            except sqlite3.IntegrityError as error:
                raise UsageError(f"tenant {name!r}: there is one of that name") from error
        return tenant

    def tenants(self) -> list[Tenant]:
        """Return all tenants, the first made first."""
        with self._talking():
            rows = self._db.execute("SELECT id, number, name, created FROM tenant ORDER BY number")
            return [
                Tenant(id=UUID(bytes=id_), number=number, name=name, created=created)
                for id_, number, name, created in rows
            ]

    def tenant(self, id_or_name: UUID | str) -> Tenant | None:
        """Return the tenant of that id or name; an id wins."""
        text = str(id_or_name)
        found = [tenant for tenant in self.tenants() if text in (str(tenant.id), tenant.name)]
        return min(found, key=lambda tenant: str(tenant.id) != text, default=None)

    def create_key(
        self,
        tenant_id: UUID | None,
        scope: str,
        *,
        machine: UUID | None = None,
        may_create: bool = False,
        name: str = "",
    ) -> tuple[Key, str]:
        """Return a new key and its text, which is nowhere afterwards.

        Raises:
            UsageError: there is no such scope, tenant or machine.
        """
        if scope not in SCOPES or (scope == "admin") != (tenant_id is None):
            what = "expected ingest or read with a tenant, or admin without"
            raise UsageError(f"key: {what}, found {shown(scope)}")
        if machine is not None and scope != "ingest":
            raise UsageError(f"key: only an ingest key is bound to a machine, not {scope!r}")
        if len(name) > LONGEST_NAME:
            raise UsageError(f"key's name: expected at most {LONGEST_NAME} characters")
        secret = new_secret()
        key = Key(
            id=uuid4(),
            tenant=tenant_id,
            scope=scope,
            machine=machine,
            may_create=may_create and scope == "ingest" and machine is None,
            name=name,
            prefix=prefix_of(secret),
            created=self._now(),
            last_used=None,
            revoked=None,
        )
        with self._writing():
            if tenant_id is not None and self.tenant(tenant_id) is None:
                raise UsageError(f"tenant {tenant_id}: there is none of that id")
            if machine is not None and not self._has_machine(tenant_id, machine):
                raise UsageError(f"machine {machine}: there is none of that id")
            owner = tenant_id.bytes if tenant_id else None
            bound = machine.bytes if machine else None
            row = (key.id.bytes, owner, scope, bound, key.may_create, name, key.prefix)
            self._db.execute(
                "INSERT INTO key (id, tenant, scope, machine, may_create, name, prefix, hash,"
                " created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, digest_of(secret), key.created),
            )
        with self._lock:
            self._keys.setdefault(key.prefix, []).append((digest_of(secret), credential_of(key)))
        return key, secret

    def keys(self, tenant_id: UUID | None) -> list[Key]:
        """Return the tenant's keys, revoked ones too, the oldest first; the platform's for None."""
        owner = tenant_id.bytes if tenant_id else None
        with self._talking():
            rows = self._db.execute(
                f"SELECT {KEY_COLUMNS} FROM key WHERE tenant IS ? ORDER BY created, id",  # noqa: S608 - a constant
                (owner,),
            ).fetchall()
            return [self._with_last_use(key_of(row)) for row in rows]

    def revoke(self, tenant_id: UUID | None, key_id: UUID) -> Key | None:
        """End a key at once; return it, or None where the tenant has none of that id."""
        owner = tenant_id.bytes if tenant_id else None
        with self._writing():
            self._db.execute(
                "UPDATE key SET revoked = coalesce(revoked, ?) WHERE id = ? AND tenant IS ?",
                (self._now(), key_id.bytes, owner),
            )
        with self._lock:
            for held in self._keys.values():
                held[:] = [
                    (digest, credential)
                    for digest, credential in held
                    if credential.key_id != key_id or credential.tenant != tenant_id
                ]
        return next((key for key in self.keys(tenant_id) if key.id == key_id), None)

    def set_file_keys(self, tenant_id: UUID, secrets: Iterable[str]) -> None:
        """Let these texts be ingest keys of the tenant, and those of the last call no more.

        They come from the original's `apikeys` file and are kept in memory only.
        """
        credential = Credential(
            key_id=None, tenant=tenant_id, scope="ingest", machine=None, may_create=True
        )
        keys: dict[str, list[tuple[bytes, Credential]]] = {}
        for secret in secrets:
            keys.setdefault(prefix_of(secret), []).append((digest_of(secret), credential))
        self._file_keys = keys

    def lookup(self, secret: str) -> Credential | None:
        """Return what the key allows; None for one that is unknown or revoked.  No disk is used."""
        if len(secret) > LONGEST:
            return None
        prefix, digest = prefix_of(secret), digest_of(secret)
        found: Credential | None = None
        for held in (self._keys.get(prefix, ()), self._file_keys.get(prefix, ())):
            for known, credential in held:
                if hmac.compare_digest(known, digest):
                    found = credential
        if found is not None and found.key_id is not None:
            self._used[found.key_id] = self._now()
        return found

    def flush_used(self) -> None:
        """Write down when keys were last used: now and then, and at the end."""
        used, self._used = self._used, {}
        if used:
            with self._writing():
                self._db.executemany(
                    "UPDATE key SET last_used = ? WHERE id = ?",
                    [(when, key.bytes) for key, when in used.items()],
                )

    def known_machine(self, tenant_id: UUID, identifier: str) -> Machine | None:
        """Return the machine of that identifier, from memory: safe on an event loop."""
        return self._machines.get((tenant_id, identifier))

    def machine(self, tenant_id: UUID, identifier: str, *, create: bool) -> Machine | None:
        """Return the machine of that identifier; None where there is none, unless `create`.

        Raises:
            UsageError: the identifier is not one, or there is no such tenant.
            DiskError: there is no room for a new one.
        """
        found = self._machines.get((tenant_id, identifier))
        if found is not None or not create:
            return found
        if IDENTIFIER.fullmatch(identifier) is None:
            what = "expected 1 to 100 of A-Z a-z 0-9 . _ : -"
            raise UsageError(f"machine's identifier: {what}, found {shown(identifier)}")
        with self._lock:
            found = self._machines.get((tenant_id, identifier))
            if found is None:
                found = self._new_machine(tenant_id, identifier)
                self._remember(found)  # not before it lasts: lines are logged under its id
            return found

    def machines(self, tenant_id: UUID, *, after: int = 0, limit: int = 1000) -> list[Machine]:
        """Return the tenant's machines whose number is above `after`, in order of number."""
        with self._talking():
            rows = self._db.execute(
                f"SELECT {MACHINE_COLUMNS} FROM machine WHERE tenant = ? AND number > ?"  # noqa: S608 - a constant
                " ORDER BY number LIMIT ?",
                (tenant_id.bytes, after, limit),
            ).fetchall()
        return [machine_of(row) for row in rows]

    def machine_by_id(self, tenant_id: UUID, uuid_or_number: UUID | str) -> Machine | None:
        """Return the tenant's machine of that UUID or number; another tenant's does not exist.

        From memory: safe on an event loop.
        """
        text = str(uuid_or_number)
        try:
            is_number = text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER
            key = int(text) if is_number else UUID(text)
        except ValueError:
            return None
        return self._machines_by_id.get((tenant_id, key))

    def first_run(self, name: str = "default") -> FirstRun | None:
        """Make the first tenant and its keys; return them, or None where there is a tenant.

        The ingest key is bound to no machine and may create them; the admin key is the platform's.
        """
        with self._writing():
            if self.tenants():
                return None
            tenant = self.create_tenant(name)
            ingest = self.create_key(tenant.id, "ingest", may_create=True, name="first run")[1]
            read = self.create_key(tenant.id, "read", name="first run")[1]
            admin = self.create_key(None, "admin", name="first run")[1]
        return FirstRun(
            tenant=name, tenant_id=tenant.id, ingest_key=ingest, read_key=read, admin_key=admin
        )

    def _has_machine(self, tenant_id: UUID | None, machine: UUID) -> bool:
        return tenant_id is not None and self.machine_by_id(tenant_id, machine) is not None

    def _read_all(self) -> None:
        self._machines.clear()
        self._machines_by_id.clear()
        self._keys.clear()
        for row in self._db.execute(f"SELECT {MACHINE_COLUMNS} FROM machine"):  # noqa: S608 - a constant
            self._remember(machine_of(row))
        live = f"SELECT hash, {KEY_COLUMNS} FROM key WHERE revoked IS NULL"  # noqa: S608 - a constant
        for row in self._db.execute(live):
            digest, key = row[0], key_of(row[1:])
            self._keys.setdefault(key.prefix, []).append((digest, credential_of(key)))

    def _new_machine(self, tenant_id: UUID, identifier: str) -> Machine:
        with self._writing():
            (number,) = self._db.execute(
                "SELECT coalesce(max(number), 0) + 1 FROM machine WHERE tenant = ?",
                (tenant_id.bytes,),
            ).fetchone()
            made = Machine(
                id=uuid4(),
                tenant=tenant_id,
                number=number,
                identifier=identifier,
                name=identifier,
                created=self._now(),
            )
            row = (made.id.bytes, tenant_id.bytes, number, identifier, made.name, made.created)
            try:
                self._db.execute("INSERT INTO machine VALUES (?, ?, ?, ?, ?, ?)", row)
            except sqlite3.IntegrityError as error:
                raise UsageError(f"tenant {tenant_id}: there is none of that id") from error
        return made

    def _remember(self, machine: Machine) -> None:
        self._machines[machine.tenant, machine.identifier] = machine
        self._machines_by_id[machine.tenant, machine.id] = machine
        self._machines_by_id[machine.tenant, machine.number] = machine

    def _with_last_use(self, key: Key) -> Key:
        used = self._used.get(key.id)
        return key if used is None else msgspec.structs.replace(key, last_used=used)

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError) as error:
                raise DiskError(f"{self._path}: {error}") from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Run the block as one transaction; inside another one it is part of that."""
        with self._talking():
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                faults.reach("control.before-commit")
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
                    self._db.execute("ROLLBACK")
                self._read_all()  # what the block added there is in no file
                raise
            faults.reach("control.after-commit")
