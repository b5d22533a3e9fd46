"""Answers: a struct as JSON, a refusal as what its side of the API says errors with."""

import errno
import hashlib
import logging
import sys
import traceback
from http import HTTPStatus

import msgspec
from aiohttp import web

from perfkit.errors import DiskError, InputError, PerfkitError, UsageError
from perfkit.server.refusal import Refusal
from perfkit.store.engines import StoreError

JSON = "application/json"
PROBLEM = "application/problem+json"
API = "/api/"

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

_NO_ROWS = "the rows cannot be read now: what was sent is kept, and rows are made of it again"

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class Problem(msgspec.Struct, kw_only=True):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    """The status in words."""

    status: int
    detail: str


class Error(msgspec.Struct):
    """What the original's endpoints answer on failure."""

    error: str


def as_json(content: object, request: web.Request | None = None) -> web.Response:
    """Return a struct as JSON; with a request, also with an ETag, or a 304 where it is known."""
    body = _encode(content)
    if request is None:
        return web.Response(body=body, content_type=JSON)
    tag = hashlib.sha256(body).hexdigest()[:32]
    headers = {"ETag": f'"{tag}"', "Cache-Control": "no-cache"}
    known = request.if_none_match
    if known is not None and any(one.value in (tag, "*") for one in known):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(body=body, content_type=JSON, headers=headers)


def refused(path: str, refusal: Refusal) -> web.Response:
    """Return the answer that says why not."""
    status, text = refusal.status, str(refusal)
    if path.startswith(API):
        content: msgspec.Struct = Problem(title=status.phrase, status=status, detail=text)
        kind = PROBLEM
    else:
        content, kind = Error(text), JSON
    return web.Response(
        body=_encode(content), status=status, content_type=kind, headers=refusal.headers
    )


def refusal_of(error: Exception) -> Refusal:
    """Return as what a client sees an error: one that is not foreseen is a 500, and told here."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, web.HTTPException):
        status = HTTPStatus(error.status)
        allow = {key: value for key, value in error.headers.items() if key in ("Allow", "Location")}
        return Refusal(status, error.text or status.phrase, allow)
    if isinstance(error, DiskError) or (isinstance(error, OSError) and error.errno in _NO_ROOM):
        return Refusal(HTTPStatus.INSUFFICIENT_STORAGE, str(error), {"Retry-After": "5"})
    if isinstance(error, UsageError | InputError):
        return Refusal(HTTPStatus.BAD_REQUEST, str(error))
    if isinstance(error, PerfkitError | TimeoutError):
        detail = str(error)
        if isinstance(error, StoreError):
            # What failed where is for whoever runs the server, not for its clients.
            _log.error("%s", error)
            detail = _NO_ROWS
        return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "5"})
    text = "".join(traceback.format_exception(error))
    sys.stderr.write(f"perfkit: a bug while answering a request:\n{text}")
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, f"a bug: {type(error).__name__}")
