"""Machines by whatever a person calls them."""

from typing import TYPE_CHECKING

from perfkit.control.ask import Machine, items, typed
from perfkit.errors import RefusedError, UsageError, shown

if TYPE_CHECKING:
    from perfkit.answer import Json
    from perfkit.client import Server

_SHORTEST = 4
"""Characters that the start of an identifier must have to stand for it."""

_LISTED = 10

_FOR_ONE = "an ingest key asks for one machine"
"""Of what a server answers to a key that only sends."""


def listed(server: "Server") -> "list[dict[str, Json]]":
    """Return all machines, as the API tells them.

    Raises:
        RefusedError: the key may not list them.
    """
    try:
        return list(items(server, "/machines"))
    except UsageError as error:
        if _FOR_ONE not in str(error):
            raise
        raise RefusedError("this key may not list machines: use a read key", status=403) from None


def find(server: "Server", text: str | None) -> Machine:
    """Return the one machine that a text means: id, number, identifier, name, or how one begins.

    Args:
        server: Whose.
        text: None: the only one there is.

    Raises:
        UsageError: there is none, or several.
    """
    known = [typed(server, item, Machine) for item in listed(server)]
    if text is None:
        found = known
    else:
        found = [machine for machine in known if text in _names(machine)]
        if not found and len(text) >= _SHORTEST:
            found = [
                machine
                for machine in known
                if any(name.startswith(text) for name in _names(machine))
            ]
    if len(found) == 1:
        return found[0]
    wanted = "a machine" if text is None else f"machine {shown(text)}"
    if not found:
        known_here = f"there {_are(len(known))}: {_list(known)}" if known else "there is none yet"
        raise UsageError(f"{wanted}: no such one: {known_here}")
    raise UsageError(f"{wanted}: {len(found)} could be meant, name one by its id: {_list(found)}")


def _names(machine: Machine) -> tuple[str, ...]:
    return (str(machine.id), str(machine.number), machine.identifier, machine.name)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _list(found: list[Machine]) -> str:
    told = [
        f"{machine.number} {shown(machine.name or machine.identifier)} ({machine.id})"
        for machine in found[:_LISTED]
    ]
    if len(found) > _LISTED:
        told.append(f"{len(found) - _LISTED} more")
    return ", ".join(told)
