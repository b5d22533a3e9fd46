"""A request that is refused: its status, its reason, and what to send with them."""

from collections.abc import Mapping
from http import HTTPStatus

from perfkit.errors import PerfkitError


class Refusal(PerfkitError):  # noqa: N818 - an answer, not a failure
    """A request that gets no answer but why.

    Args:
        status: HTTP status, 4xx, 503 or 507.
        reason: What was expected and what was found.
        headers: To send with it.
    """

    def __init__(
        self, status: HTTPStatus, reason: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = dict(headers or {})


def bad_request(reason: str) -> Refusal:
    """Return a 400: the request is not what it says it is."""
    return Refusal(HTTPStatus.BAD_REQUEST, reason)


def too_large(reason: str) -> Refusal:
    """Return a 413: there is more of it than is taken."""
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)


def not_found(what: str) -> Refusal:
    """Return a 404: it does not exist, or not for this key."""
    return Refusal(HTTPStatus.NOT_FOUND, f"no such {what}")


def busy(reason: str, seconds: int = 1) -> Refusal:
    """Return a 503 that says when to come again."""
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, reason, {"Retry-After": str(seconds)})
