"""The parts of a multipart/form-data body (RFC 7578), found where they lie."""

from collections.abc import Mapping
from email.errors import MessageError
from email.message import Message

from perfkit.errors import shown
from perfkit.server.body import Body
from perfkit.server.limits import Limits
from perfkit.server.refusal import bad_request

_HEADERS = 16 * 1024
"""Bytes that the headers of a part may take."""


def parts(body: Body, content_type: str, limits: Limits) -> Mapping[str, tuple[int, int]]:
    """Return where each named part of a body begins and ends; no name may come twice.

    Raises:
        Refusal: the body is none, or has no end.
    """
    boundary = _parameter("Content-Type", content_type, "boundary")
    if not 0 < len(boundary) <= 70:
        raise bad_request("expected a boundary of 1 to 70 characters in Content-Type")
    found: dict[str, tuple[int, int]] = {}
    mark = b"--" + boundary.encode()
    is_first = body.read(0, len(mark)) == mark
    at = len(mark) if is_first else _after(body, b"\r\n" + mark, 0)
    for _ in range(limits.parts):
        if body.read(at, 2) == b"--":
            return found
        start = _after(body, b"\r\n", at)
        end = body.find(b"\r\n\r\n", start - 2, start + _HEADERS)
        if end < 0:
            raise bad_request("the multipart body is cut, or a part's headers do not end")
        name = _name(body.read(start, end - start))
        start = end + 4
        at = _after(body, b"\r\n" + mark, start - 2)
        if name and name in found:
            raise bad_request(f"expected one part named {shown(name)}: send each file by itself")
        found[name] = start, max(start, at - len(mark) - 2)
    if body.read(at, 2) == b"--":
        return found
    raise bad_request(f"expected {limits.parts} parts of the multipart body at most")


def _after(body: Body, mark: bytes, start: int) -> int:
    at = body.find(mark, start)
    if at < 0:
        raise bad_request("the multipart body is cut: its boundary does not come again")
    return at + len(mark)


def _name(headers: bytes) -> str:
    for line in headers.decode("utf-8", "replace").split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() == "content-disposition":
            return _parameter("Content-Disposition", value.strip(), "name")
    return ""


def _parameter(header: str, value: str, name: str) -> str:
    message = Message()
    try:
        message[header] = value
        found = message.get_param(name, header=header)
    except (MessageError, ValueError):
        return ""
    if isinstance(found, tuple):  # RFC 2231: charset, language, text
        found = found[2]
    return found if isinstance(found, str) else ""
