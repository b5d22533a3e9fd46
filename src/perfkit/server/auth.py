"""Who asks: the key of a request, what it allows, which machine it speaks for."""

import re
import time
from collections.abc import Collection, Mapping
from http import HTTPStatus

from perfkit.errors import shown
from perfkit.server.limits import Limits
from perfkit.server.refusal import Refusal, bad_request
from perfkit.store.control import ControlPlane, Credential, Machine

ADMIN, INGEST, READ = "admin", "ingest", "read"

_IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]+")
_MINUTE = 60


def key_of(headers: Mapping[str, str]) -> str:
    """Return the key that a request brings, "" for none."""
    scheme, _, secret = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    return headers.get("apikey", "").strip() or headers.get("X-API-Key", "").strip()


def credential_of(
    headers: Mapping[str, str], control: ControlPlane, scopes: Collection[str]
) -> Credential:
    """Return what the key of a request allows.

    Args:
        headers: The request's.
        control: Knows the keys.
        scopes: One of them is needed.

    Raises:
        Refusal: there is no key, it is unknown or revoked, or it is of another scope.
    """
    secret = key_of(headers)
    if not secret:
        raise _unauthorized("no key: send Authorization: Bearer KEY")
    found = control.lookup(secret)
    if found is None:
        raise _unauthorized("the key is unknown or revoked")
    if found.scope not in scopes:
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            f"expected a key of scope {' or '.join(scopes)}, found one of scope {found.scope}",
        )
    return found


def identifier_of(text: str, limits: Limits) -> str:
    """Return the identifier of a machine if it can be one."""
    if not 0 < len(text) <= limits.identifier_characters or not _IDENTIFIER.fullmatch(text):
        raise bad_request(
            f"expected a machine's identifier of 1 to {limits.identifier_characters}"
            f" of A-Z a-z 0-9 . _ : -, found {shown(text)}"
        )
    return text


def known_machine(
    credential: Credential, named: str | None, control: ControlPlane, limits: Limits
) -> Machine | str:
    """Return the machine that a request sends for, or the identifier of one to be made.

    Args:
        credential: What the key allows.
        named: What the request calls its machine, None where it does not.
        control: Knows the machines.
        limits: How long an identifier may be.

    Raises:
        Refusal: the request names none or a wrong one, or the key may not make it.
    """
    tenant = credential.tenant
    if tenant is None:
        raise Refusal(HTTPStatus.FORBIDDEN, "a key of the platform sends nothing")
    if credential.machine is not None:
        own = control.machine_by_id(tenant, credential.machine)
        if own is None or named not in (None, own.identifier):
            raise Refusal(HTTPStatus.FORBIDDEN, "the key is bound to another machine")
        return own
    if named is None:
        raise bad_request("no machine: name it by machine_id")
    identifier = identifier_of(named, limits)
    found = control.known_machine(tenant, identifier)
    if found is None and not credential.may_create:
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            f"there is no machine {identifier!r}, and the key may not create it",
        )
    return found or identifier


class Pace:
    """How many requests a key has left in this minute.

    Args:
        per_minute: How many it may make.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._minute = 0
        self._made: dict[object, int] = {}

    def step(self, key: object, now: float | None = None) -> dict[str, str]:
        """Count a request; return the headers that tell what is left.

        Raises:
            Refusal: nothing is left.
        """
        at = time.monotonic() if now is None else now
        minute = int(at // _MINUTE)
        if minute != self._minute:
            self._minute = minute
            self._made.clear()
        made = self._made[key] = self._made.get(key, 0) + 1
        reset = str(_MINUTE - int(at % _MINUTE))
        headers = {
            "RateLimit-Limit": str(self._per_minute),
            "RateLimit-Remaining": str(max(0, self._per_minute - made)),
            "RateLimit-Reset": reset,
        }
        if made > self._per_minute:
            raise Refusal(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"expected {self._per_minute} requests a minute at most",
                {**headers, "Retry-After": reset},
            )
        return headers


def _unauthorized(reason: str) -> Refusal:
    return Refusal(HTTPStatus.UNAUTHORIZED, reason, {"WWW-Authenticate": "Bearer"})
