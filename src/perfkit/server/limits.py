"""Every limit of the server, once: its default, its unit, and what happens beyond it.

Memory is bounded by them: no request, however made, takes more than `text_bytes_in_memory` and a
few lines, whatever it unpacks to.
"""

from typing import Annotated

import msgspec

_KIB = 1024
_MIB = 1024 * 1024


def _limit(unit: str, beyond: str) -> msgspec.Meta:
    return msgspec.Meta(description=beyond, extra={"unit": unit})


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of anything the server takes; a value at its limit is still taken."""

    # -- a body
    body_bytes: Annotated[int, _limit("bytes", "413; as it is sent, packed or not")] = 64 * _MIB
    text_bytes: Annotated[int, _limit("bytes", "413; a body unpacked")] = 512 * _MIB
    text_ratio: Annotated[int, _limit("bytes of text a byte", "413; past `ratio_from_bytes`")] = 500
    ratio_from_bytes: Annotated[int, _limit("bytes of text", "the ratio counts from here")] = (
        4 * _MIB
    )
    members: Annotated[int, _limit("gzip members, zstd frames", "400")] = 10_000
    lines: Annotated[int, _limit("lines of a body", "413")] = 1_000_000
    rejected: Annotated[int, _limit("rejected lines of a body", "400: it is no capture")] = 10_000
    trickle_bytes: Annotated[int, _limit("bytes", "413; a body of /v1/trickle, unpacked")] = (
        16 * _MIB
    )
    parts: Annotated[int, _limit("parts of a multipart body", "400")] = 16
    json_bytes: Annotated[int, _limit("bytes", "413; a body of /api/v1 and of ping")] = 64 * _KIB
    body_bytes_in_memory: Annotated[int, _limit("bytes", "the rest of a body waits on disk")] = _MIB
    text_bytes_in_memory: Annotated[int, _limit("bytes", "a body is stored in such pieces")] = (
        4 * _MIB
    )

    # -- a line
    line_bytes: Annotated[int, _limit("bytes of a line", "the line is rejected")] = 4 * _MIB
    json_depth: Annotated[int, _limit("brackets open at once", "the line is rejected")] = 32
    name_bytes: Annotated[int, _limit("bytes of a subsystem", "the line is rejected")] = 256
    earliest: Annotated[int, _limit("Unix time", "the line is rejected: before 1980")] = 315_532_800
    ahead_seconds: Annotated[int, _limit("seconds after now", "the line is rejected")] = 86_400

    # -- names
    identifier_characters: Annotated[int, _limit("characters", "400; a machine's identifier")] = 100
    label_characters: Annotated[int, _limit("characters", "400; the name of a tenant, a key")] = 100

    # -- a connection
    connections: Annotated[int, _limit("at once", "closed at once, after a 503")] = 4_000
    header_seconds: Annotated[
        float, _limit("seconds to a request's last header", "closed without a word")
    ] = 10
    idle_seconds: Annotated[float, _limit("seconds to the next request", "closed")] = 120
    body_grace_seconds: Annotated[
        float, _limit("seconds that a body may take at any rate", "408, beside `body_rate`")
    ] = 10
    body_rate: Annotated[int, _limit("bytes a second, after the grace", "408")] = 1_024
    send_seconds: Annotated[
        float, _limit("seconds that a piece of an answer may wait for its reader", "closed")
    ] = 30

    # -- the whole
    uploads: Annotated[int, _limit("bodies taken in at once", "503, Retry-After")] = 256
    big_uploads: Annotated[
        int, _limit("bodies of more than 512 KiB unpacked at once", "the others wait, packed")
    ] = 8
    queries: Annotated[int, _limit("queries waiting at once", "503, Retry-After")] = 256
    exports: Annotated[int, _limit("exports at once", "503, Retry-After")] = 8
    requests_per_minute: Annotated[
        int, _limit("requests of a key to /api/v1", "429, Retry-After")
    ] = 30_000
    query_seconds: Annotated[float, _limit("seconds of a query", "503")] = 30
    page_items: Annotated[int, _limit("items of a list", "400; a list goes on at `next`")] = 1_000
    points: Annotated[int, _limit("points of a series", "400")] = 5_000
    min_free_bytes: Annotated[
        int, _limit("bytes free on the disk", "507, until there is more; --min-free")
    ] = 256 * _MIB


def table() -> list[tuple[str, float, str, str]]:
    """Return name, default, unit and effect of each limit."""
    rows = []
    for field in msgspec.structs.fields(Limits):
        for meta in field.type.__metadata__:
            extra = meta.extra or {}
            rows.append((field.name, field.default, extra["unit"], meta.description or ""))
    return rows
