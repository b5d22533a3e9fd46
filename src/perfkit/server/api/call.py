"""One endpoint of `/api/v1`: who may call it, with what, and what it answers."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Generic, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web

from perfkit.server.answers import as_json
from perfkit.server.api.types import Query
from perfkit.server.auth import Pace, credential_of
from perfkit.server.limits import Limits
from perfkit.server.receive import received
from perfkit.server.refusal import Refusal, bad_request
from perfkit.store.control import ControlPlane, Credential

Q = TypeVar("Q", bound=Query)
B = TypeVar("B", bound="msgspec.Struct | None")
Q_co = TypeVar("Q_co", bound=Query, covariant=True)
B_co = TypeVar("B_co", bound="msgspec.Struct | None", covariant=True)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Call(Generic[Q_co, B_co]):
    """A request whose key, parameters and body have been checked."""

    request: web.Request
    credential: Credential
    query: Q_co
    body: B_co

    @property
    def tenant(self) -> UUID:
        """Return the tenant of the key.

        Raises:
            Refusal: it is a key of the platform, which reads no data.
        """
        if self.credential.tenant is None:
            raise Refusal(HTTPStatus.FORBIDDEN, "a key of the platform reads no data")
        return self.credential.tenant

    def part(self, name: str) -> str:
        """Return a named part of the path."""
        return self.request.match_info[name]


@dataclass(frozen=True)
class Headed:
    """What is sent as JSON, and headers with it: what holds for the moment is not to be kept."""

    content: object
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table of endpoints: what the OpenAPI document tells of it."""

    method: str
    path: str
    summary: str
    scopes: tuple[str, ...] = ()
    """One of them is needed; none: anybody may."""

    query: type[Query] = Query
    body: type[msgspec.Struct] | None = None
    """What is sent as JSON."""

    sends: tuple[str, ...] = ()
    """What else may be sent."""

    answer: object = None
    """The type that is answered as JSON; None: nothing, or what `media` says."""

    media: tuple[str, ...] = ()
    status: HTTPStatus = HTTPStatus.OK
    refusals: tuple[HTTPStatus, ...] = ()
    """Beside those that every endpoint with a key has."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """What each header means, a whole number, that the answer has now and then."""

    reasons: Mapping[HTTPStatus, str] = field(default_factory=dict)
    """Why it is refused, where the status does not say it."""

    def handler(self, caller: "Caller") -> Handler:
        """Return what aiohttp calls."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Plain(Row):
    """An endpoint that looks at its request itself."""

    work: Handler

    def handler(self, caller: "Caller") -> Handler:  # noqa: ARG002 - the other kind needs it
        """Return what aiohttp calls."""
        return self.work


@dataclass(frozen=True, kw_only=True)
class Endpoint(Row, Generic[Q, B]):
    """An endpoint of which everything is checked before it works."""

    work: Callable[[Call[Q, B]], Awaitable[object]]
    """Returns what is sent as JSON, perhaps with headers, or a response."""

    query: type[Q]
    body: type[B] | None = None  # type: ignore[assignment] # None is for B None

    def handler(self, caller: "Caller") -> Handler:
        """Return what aiohttp calls."""
        return caller.handler(self)


class Caller:
    """Turns endpoints into handlers.

    Args:
        control: Knows the keys.
        limits: How much of anything.
        folder: Where a body could wait that is too big to be taken.
    """

    def __init__(self, control: ControlPlane, limits: Limits, folder: Path) -> None:
        self._control = control
        self._limits = limits
        self._folder = folder
        self._pace = Pace(limits.requests_per_minute)

    def handler(self, endpoint: Endpoint[Q, B]) -> Handler:
        """Return what aiohttp calls."""

        async def handle(request: web.Request) -> web.StreamResponse:
            credential = credential_of(request.headers, self._control, endpoint.scopes)
            left = self._pace.step(credential.key_id or credential.tenant, time.monotonic())
            query = _converted(dict(request.query), endpoint.query)
            body = await self._body(request, endpoint)
            found = await endpoint.work(Call(request, credential, query, body))
            if isinstance(found, web.StreamResponse):
                return found
            told = found if isinstance(found, Headed) else Headed(found, {})
            is_lasting = request.method in ("GET", "HEAD") and not told.headers
            response = as_json(told.content, request if is_lasting else None)
            if response.status == HTTPStatus.OK:
                response.set_status(endpoint.status)
            response.headers.update({**left, **told.headers})
            return response

        return handle

    async def _body(self, request: web.Request, endpoint: Endpoint[Q, B]) -> B:
        if endpoint.body is None:
            return None  # type: ignore[return-value] # B is None then
        most = self._limits.json_bytes
        async with received(request, self._limits, self._folder, most=most) as body:
            text = body.read(0, len(body))
        try:
            return msgspec.json.decode(text, type=endpoint.body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise bad_request(f"the body: {error}") from None


def _converted(values: dict[str, str], kind: type[Q]) -> Q:
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise bad_request(f"the query: {error}") from None
