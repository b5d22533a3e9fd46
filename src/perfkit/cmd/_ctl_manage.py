"""`perfkit ctl tenants keys`: for a key of the platform."""

from typing import Annotated, Literal

import typer

from perfkit.cmd._verb import Asked, group_of, verb

_TENANT = Annotated[
    str, typer.Option(metavar="TENANT", help="Whose keys: id or name.", show_default=False)
]


def add(group: typer.Typer) -> None:
    """Add the groups."""
    tenants = group_of("List and make tenants; needs an admin key.")
    verb(tenants, "list", "List tenants.")(_tenants)
    verb(tenants, "create", "Make a tenant.")(_create_tenant)
    group.add_typer(tenants, name="tenants")
    keys = group_of("List, make and revoke keys; needs an admin key.")
    verb(keys, "list", "List a tenant's keys, revoked ones too.")(_keys)
    verb(keys, "create", "Make a key; its text is shown this once.", has_rows=False)(_create_key)
    verb(keys, "revoke", "End a key at once.")(_revoke)
    group.add_typer(keys, name="keys")


def _tenants(asked: Asked) -> None:
    from perfkit.control import ask, views

    server = asked.server("admin")
    found = list(ask.items(server, "/tenants"))
    rows = views.tenants([ask.typed(server, one, ask.Tenant) for one in found])
    asked.put(rows, {"items": found})


def _create_tenant(
    asked: Asked, name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")]
) -> None:
    from perfkit.control import ask, views

    server = asked.server("admin")
    found = ask.send(server, "POST", "/tenants", {"name": name})
    asked.put(views.tenants([ask.typed(server, found, ask.Tenant)]), found)


def _keys(asked: Asked, tenant: _TENANT) -> None:
    from perfkit.control import ask, views

    server = asked.server("admin")
    found = list(ask.items(server, ask.keys_path(tenant)))
    rows = views.keys([ask.typed(server, one, ask.Key) for one in found])
    asked.put(rows, {"items": found})


def _create_key(
    asked: Asked,
    tenant: _TENANT,
    scope: Annotated[Literal["ingest", "read"], typer.Option(help="What it may do.")],
    machine: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Bind an ingest key to this machine: id or number.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str, typer.Option(metavar="TEXT", help="What it is for.", show_default=False)
    ] = "",
    save: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write its text to this new file (mode 0600) instead of showing it.",
            show_default=False,
        ),
    ] = None,
) -> None:
    from perfkit.control import ask, login
    from perfkit.control.table import Column, Rows

    server = asked.server("admin")
    if save is not None:
        login.expect_new(save)
    wanted = {"scope": scope, "machine": machine, "name": name}
    found = ask.send(server, "POST", ask.keys_path(tenant), wanted)
    made = ask.typed(server, found, ask.Key)
    columns = [Column("scope"), Column("key"), Column("id", rank=1)]
    if save is not None:
        login.save(save, made.key)
        columns[1] = Column("kept in")
        if isinstance(found, dict):
            found = {**found, "key": None, "file": save}
    asked.put(Rows(columns, [[made.scope, save or made.key, made.id]]), found)


def _revoke(
    asked: Asked,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its id, or how its text begins.")],
    tenant: _TENANT,
) -> None:
    from perfkit.control import ask, views

    server = asked.server("admin")
    found = ask.send(
        server, "DELETE", f"{ask.keys_path(tenant)}/{ask.key_id(server, tenant, key)}", None
    )
    asked.put(views.keys([ask.typed(server, found, ask.Key)]), found)
