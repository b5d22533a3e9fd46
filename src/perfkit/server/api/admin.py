"""Tenants and keys: a key of the platform manages them and reads no data."""

import asyncio
from functools import partial
from http import HTTPStatus
from uuid import UUID

from perfkit.errors import UsageError
from perfkit.server.api.call import Call
from perfkit.server.api.types import (
    Key,
    Keys,
    MadeKey,
    NewKey,
    NewTenant,
    Page,
    Query,
    Tenant,
    Tenants,
)
from perfkit.server.refusal import Refusal, bad_request, not_found
from perfkit.store import control as stored
from perfkit.store.control import ControlPlane
from perfkit.units import NS_PER_SECOND


class Admin:
    """The endpoints that manage.

    Args:
        control: Holds tenants and keys.
    """

    def __init__(self, control: ControlPlane) -> None:
        self._control = control

    async def tenants(self, call: Call[Page, None]) -> Tenants:
        """List the tenants."""
        after, limit = call.query.after, call.query.limit
        found = await asyncio.to_thread(self._control.tenants)
        rest = [tenant for tenant in found if tenant.number > after]
        return Tenants(
            items=[_tenant(tenant) for tenant in rest[:limit]],
            next=rest[limit - 1].number if len(rest) > limit else None,
        )

    async def create_tenant(self, call: Call[Query, NewTenant]) -> Tenant:
        """Make a tenant."""
        try:
            made = await asyncio.to_thread(self._control.create_tenant, call.body.name)
        except UsageError as error:
            status = HTTPStatus.CONFLICT if "there is one" in str(error) else HTTPStatus.BAD_REQUEST
            raise Refusal(status, str(error)) from None
        return _tenant(made)

    async def tenant(self, call: Call[Query, None]) -> Tenant:
        """Show a tenant by its id or name."""
        return _tenant(await self._tenant(call.part("tenant")))

    async def keys(self, call: Call[Page, None]) -> Keys:
        """List a tenant's keys, revoked ones too, never the text of one."""
        tenant = await self._tenant(call.part("tenant"))
        found = await asyncio.to_thread(self._control.keys, tenant.id)
        after, limit = call.query.after, call.query.limit
        rest = found[after:]
        return Keys(
            items=[_key(key) for key in rest[:limit]],
            next=after + limit if len(rest) > limit else None,
        )

    async def create_key(self, call: Call[Query, NewKey]) -> MadeKey:
        """Make a key; its text is in this answer and nowhere afterwards."""
        tenant = await self._tenant(call.part("tenant"))
        wanted = call.body
        machine: UUID | None = None
        if wanted.machine is not None:
            found = await asyncio.to_thread(self._control.machine_by_id, tenant.id, wanted.machine)
            if found is None:
                raise bad_request(f"machine: there is none of the id {wanted.machine!r}")
            machine = found.id
        may_create = machine is None if wanted.may_create is None else wanted.may_create
        make = partial(
            self._control.create_key,
            tenant.id,
            wanted.scope,
            machine=machine,
            may_create=may_create and wanted.scope == "ingest",
            name=wanted.name,
        )
        key, text = await asyncio.to_thread(make)
        return MadeKey(
            **{name: getattr(_key(key), name) for name in Key.__struct_fields__}, key=text
        )

    async def revoke_key(self, call: Call[Query, None]) -> Key:
        """End a key at once."""
        tenant = await self._tenant(call.part("tenant"))
        try:
            key_id = UUID(call.part("key"))
        except ValueError:
            raise not_found("key") from None
        found = await asyncio.to_thread(self._control.revoke, tenant.id, key_id)
        if found is None:
            raise not_found("key")
        return _key(found)

    async def _tenant(self, name: str) -> stored.Tenant:
        found = await asyncio.to_thread(self._control.tenant, name)
        if found is None:
            raise not_found("tenant")
        return found


def _tenant(found: stored.Tenant) -> Tenant:
    return Tenant(id=found.id, name=found.name, created=found.created / NS_PER_SECOND)


def _key(found: stored.Key) -> Key:
    return Key(
        id=found.id,
        scope=found.scope,
        machine=found.machine,
        may_create=found.may_create,
        name=found.name,
        prefix=found.prefix,
        created=found.created / NS_PER_SECOND,
        last_used=_seconds(found.last_used),
        revoked=_seconds(found.revoked),
    )


def _seconds(at: int | None) -> float | None:
    return None if at is None else at / NS_PER_SECOND
