"""Whose lines a capture's are, as `--machine` says: by an identifier, no machine's number."""

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from perfkit.control.ask import Machine, get, typed
from perfkit.errors import RefusedError, UsageError, shown

if TYPE_CHECKING:
    from perfkit.client import Server

_IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]{1,100}")


def expect_identifier(text: str | None) -> None:
    """Look whether a text can be a machine's identifier.

    Raises:
        UsageError: it cannot.
    """
    if text is not None and not _IDENTIFIER.fullmatch(text):
        raise UsageError(
            "--machine: expected a machine's identifier of 1 to 100 of A-Z a-z 0-9 . _ : -, "
            f"found {shown(text)}"
        )


def expect_no_number(server: "Server", text: str | None) -> None:
    """Look whether a text that would make a machine is the number of another one.

    Args:
        server: Whose; a key that only sends is enough.
        text: The identifier; None: there is none.

    Raises:
        UsageError: it is, and no machine is called so.
    """
    if text is None or not text.isdigit() or _is_there(server, text):
        return
    other = _of_number(server, text)
    if other is not None:
        raise UsageError(_not_by_number(text, other))


def expect_machine(server: "Server", text: str | None) -> None:
    """Look whether there is the machine of an identifier.

    Args:
        server: Whose.
        text: The identifier; None: there is none.

    Raises:
        UsageError: there is no such machine.
    """
    if text is None or _is_there(server, text):
        return
    other = _of_number(server, text) if text.isdigit() else None
    if other is not None:
        raise UsageError(_not_by_number(text, other))
    raise UsageError(f"--machine {shown(text)}: no such machine on the server at {server.url}")


def _not_by_number(text: str, machine: Machine) -> str:
    return (
        f"--machine {shown(text)}: it takes a machine's identifier: machine {text} "
        f"is {shown(machine.identifier)}"
    )


def _is_there(server: "Server", identifier: str) -> bool:
    """Return whether a machine is called so; also where the key is not told."""
    try:
        page = get(server, "/machines", identifier=identifier)
    except RefusedError as error:
        if error.status != 403:
            raise
        return True
    return bool(isinstance(page, dict) and page.get("items"))


def _of_number(server: "Server", number: str) -> Machine | None:
    try:
        found = get(server, f"/machines/{quote(number, safe='')}")
    except (UsageError, RefusedError):
        return None
    return typed(server, found, Machine)
