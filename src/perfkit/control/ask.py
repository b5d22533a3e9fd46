"""What the API answers, as types; what it refuses, as the error of who asked."""

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote
from uuid import UUID

import msgspec

from perfkit.client import Server
from perfkit.errors import NetworkError, UsageError, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from perfkit.answer import Answer, Json

V1 = "/api/v1"

WAITING = "perfkit-waiting"
"""Says how many lines of a range the figures lack: acknowledged, and not loaded yet."""

T = TypeVar("T")

_ASKED_WRONG = (400, 404, 409, 422)
_PAGE = 1000
_DIGITS = 18


class Machine(msgspec.Struct, kw_only=True):
    """One host that sent something."""

    id: UUID
    number: int
    identifier: str
    name: str = ""
    last_seen: float | None = None


class Run(msgspec.Struct, kw_only=True):
    """What the server holds of one start of a collector, or of one uploaded capture."""

    intervals: list[tuple[int, int]]
    """First and last position of each stretch of lines."""


class Finding(msgspec.Struct, kw_only=True):
    """Text that gave no figures."""

    source: str
    reason: str
    lines: int
    first: float
    last: float


class Tenant(msgspec.Struct, kw_only=True):
    """One owner of machines and keys."""

    id: str
    name: str
    created: float


class Key(msgspec.Struct, kw_only=True):
    """What may be shown of a key; of a new one also its text."""

    id: str
    scope: str
    prefix: str
    created: float
    name: str = ""
    machine: str | None = None
    may_create: bool = False
    last_used: float | None = None
    revoked: float | None = None
    key: str = ""


def latest(
    server: Server, machines: "Sequence[Machine]"
) -> "tuple[list[tuple[Machine, Json]], list[tuple[Machine, NetworkError]]]":
    """Return what is at `latest` of each machine that has an answer, and why others have none.

    Raises:
        NetworkError: none has one, or the server is gone; else as of `get`.
    """
    found: list[tuple[Machine, Json]] = []
    failures: list[tuple[Machine, NetworkError]] = []
    for machine in machines:
        try:
            found.append((machine, get(server, f"/machines/{machine.id}/latest")))
        except NetworkError as error:
            if error.status is None:  # the server itself is gone
                raise
            failures.append((machine, error))
    if failures and not found:
        raise failures[0][1]
    return found, failures


def get(server: Server, path: str, **query: object) -> "Json":
    """Return what is at a path below `/api/v1`.

    Raises:
        UsageError: there is no such thing, or it was asked for in a wrong way.
        RefusedError: the key is wrong, or may not.
        NetworkError: anything else.
    """
    try:
        return server.get(V1 + path, **query)
    except NetworkError as error:
        raise asked_wrong(error) from None


def figures(server: "Server", path: str, **query: object) -> "tuple[Json, int]":
    """Return what `get` does, and how many lines of the range the figures lack."""
    answer = server.request("GET", V1 + path, query=query)
    try:
        server.check(answer)
    except NetworkError as error:
        raise asked_wrong(error) from None
    waiting = answer.headers.get(WAITING, "")
    is_count = waiting.isascii() and waiting.isdigit() and len(waiting) <= _DIGITS
    return server.decoded(answer), int(waiting) if is_count else 0


def findings(server: Server, machine: UUID) -> list[Finding]:
    """Return what of a machine's text gave no figures; nothing of a server that cannot tell."""
    try:
        return typed(server, get(server, f"/machines/{machine}/findings"), list[Finding])
    except (NetworkError, UsageError):
        return []


def send(server: Server, method: str, path: str, body: "Mapping[str, object] | None") -> "Json":
    """Send JSON to a path below `/api/v1`; errors as for `get`."""
    headers = {"Content-Type": "application/json"}
    content = None if body is None else msgspec.json.encode(body)
    answer = server.request(method, V1 + path, body=content, headers=headers)
    try:
        server.check(answer)
    except NetworkError as error:
        raise asked_wrong(error) from None
    return server.decoded(answer)


def asked_wrong(error: NetworkError) -> "NetworkError | UsageError":
    """Return the error of who asked for what is not there; any other as it is."""
    return UsageError(str(error)) if error.status in _ASKED_WRONG else error


def items(server: Server, path: str, **query: object) -> "Iterator[dict[str, Json]]":
    """Yield the items of a list, page by page."""
    after: object = None
    while True:
        page = get(server, path, limit=_PAGE, after=after, **query)
        found = page.get("items") if isinstance(page, dict) else None
        if not isinstance(page, dict) or not isinstance(found, list):
            raise not_as_agreed(server, "expected a list with items")
        for item in found:
            if isinstance(item, dict):
                yield item
        after = page.get("next")
        if after is None:
            return


def typed(server: Server, found: "Json", kind: type[T]) -> T:
    """Return an answer as the type that it should have.

    Raises:
        NetworkError: it has not.
    """
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise not_as_agreed(server, str(error)) from None


def not_as_agreed(server: Server, what: str) -> NetworkError:
    """Return the error of an answer that is no perfkit server's."""
    return NetworkError(f"server at {server.url}: its answer is not as agreed: {what}")


def text_of(server: Server, path: str) -> str:
    """Return what is at a path that answers as text."""
    answer: Answer = server.request("GET", path)
    server.check(answer)
    return answer.body.decode("utf-8", "replace").strip()


def keys_path(tenant: str) -> str:
    """Return the path of a tenant's keys."""
    return f"/tenants/{quote(tenant, safe='')}/keys"


def _begins(text: str, prefix: str) -> bool:
    return text.removeprefix("pk_").partition("_")[0] == prefix


def key_id(server: Server, tenant: str, text: str) -> str:
    """Return the id of the key that a text means: its id, or how its text begins.

    Raises:
        UsageError: there is none, or several.
    """
    known = [typed(server, item, Key) for item in items(server, keys_path(tenant))]
    found = [key for key in known if key.id == text]
    found = found or [key for key in known if key.prefix and _begins(text, key.prefix)]
    if len(found) != 1:
        raise UsageError(f"key {shown(text[:12])}: {len(found)} keys are meant, expected one")
    return found[0].id
