"""Who sends and who asks: tenants, machines, keys, as the control plane hands them out."""

from uuid import UUID

import msgspec


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """One owner of machines and keys: nothing of it is visible to another."""

    id: UUID
    number: int
    """1 for the first one; tells nothing but the order."""

    name: str
    created: int
    """Nanoseconds since 1970."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One host that sent something."""

    id: UUID
    tenant: UUID
    number: int
    """Within its tenant, from 1."""

    identifier: str
    """What it calls itself on the wire."""

    name: str
    created: int
    """Nanoseconds since 1970."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown of a key."""

    id: UUID
    tenant: UUID | None
    """None for a platform key."""

    scope: str
    machine: UUID | None
    """The one machine it may send for; None where it is bound to none."""

    may_create: bool
    """Whether it may name machines that are not there yet."""

    name: str
    prefix: str
    created: int
    last_used: int | None
    revoked: int | None


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What a presented key allows."""

    key_id: UUID | None
    """None for a key of the original's `apikeys` file."""

    tenant: UUID | None
    scope: str
    machine: UUID | None
    may_create: bool


class FirstRun(msgspec.Struct, frozen=True, kw_only=True):
    """What `first-run.json` tells, once."""

    tenant: str
    tenant_id: UUID
    ingest_key: str
    read_key: str
    admin_key: str


KEY_COLUMNS = "id, tenant, scope, machine, may_create, name, prefix, created, last_used, revoked"
MACHINE_COLUMNS = "id, tenant, number, identifier, name, created"

KeyRow = tuple[bytes, bytes | None, str, bytes | None, int, str, str, int, int | None, int | None]
MachineRow = tuple[bytes, bytes, int, str, str, int]


def key_of(row: KeyRow) -> Key:
    """Return the key that a row of KEY_COLUMNS holds."""
    id_, tenant, scope, machine, may_create, name, prefix, created, last_used, revoked = row
    return Key(
        id=UUID(bytes=id_),
        tenant=UUID(bytes=tenant) if tenant else None,
        scope=scope,
        machine=UUID(bytes=machine) if machine else None,
        may_create=bool(may_create),
        name=name,
        prefix=prefix,
        created=created,
        last_used=last_used,
        revoked=revoked,
    )


def machine_of(row: MachineRow) -> Machine:
    """Return the machine that a row of MACHINE_COLUMNS holds."""
    id_, tenant, number, identifier, name, created = row
    return Machine(
        id=UUID(bytes=id_),
        tenant=UUID(bytes=tenant),
        number=number,
        identifier=identifier,
        name=name,
        created=created,
    )


def credential_of(key: Key) -> Credential:
    """Return what the key allows."""
    return Credential(
        key_id=key.id,
        tenant=key.tenant,
        scope=key.scope,
        machine=key.machine,
        may_create=key.may_create,
    )
