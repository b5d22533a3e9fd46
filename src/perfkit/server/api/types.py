"""Requests and answers of `/api/v1`, as msgspec types: the OpenAPI document is made of them."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec

from perfkit.server.limits import Limits

_LIMITS = Limits()
"""What the document says, and every endpoint keeps to."""

Time = Annotated[
    str,
    msgspec.Meta(
        description="A date (2026-01-31, UTC), RFC 3339 (2026-01-31T12:00:00Z) or Unix seconds."
        "  A start is inclusive; an end that is a date includes its day, any other is exclusive.",
        extra_json_schema={
            "anyOf": [
                {"format": "date"},
                {"format": "date-time"},
                {"pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,9})?$"},
            ]
        },
    ),
]


Stretch = Annotated[list[int], msgspec.Meta(min_length=2, max_length=2)]


class Query(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """No parameters."""


class Page(Query, kw_only=True):
    """Which part of a list."""

    after: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 0
    """`next` of the page before."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=_LIMITS.page_items)] = 100


class MachinesQuery(Page, kw_only=True):
    """Which machines."""

    identifier: str | None = None
    """Only the one that calls itself so."""


class RangeQuery(Query, kw_only=True):
    """From when to when; by default the last 24 hours of the machine's data."""

    start: Time | None = None
    end: Time | None = None


class SeriesQuery(RangeQuery, kw_only=True):
    """A range, and how many points are wanted of it."""

    points: Annotated[int, msgspec.Meta(ge=1, le=_LIMITS.points)] = 500


class ExportQuery(Query, kw_only=True):
    """What of a machine's lines, and in which form; by default all of them."""

    format: Literal["capture", "csv", "portal"] = "capture"
    start: Time | None = None
    end: Time | None = None
    intervals: Literal["first", "all"] = "first"
    """Of CSV: rows as the original's, whose first interval spans two periods, or one for each."""

    file: str | None = None
    """Of CSV: this file of the tree alone, such as proc/stat."""

    run: UUID | None = None
    """Only this run."""


class UploadQuery(Query, kw_only=True):
    """Whose lines they are."""

    machine_id: str | None = None
    """What the machine calls itself: 1 to 100 of A-Z a-z 0-9 . _ : -"""


class TrickleBody(msgspec.Struct, kw_only=True):
    """What the original's collector sends."""

    measurements: list[dict[str, str | int]]
    identifier: str | None = None


class Ping(msgspec.Struct, kw_only=True):
    """A client's time."""

    timestamp: int | float


class Pong(msgspec.Struct, kw_only=True):
    """A client's time, and the server's."""

    origintimestamp: int | float
    timestamp: int
    """Unix time in seconds."""


class Machine(msgspec.Struct, kw_only=True):
    """One host that sent something."""

    id: UUID
    number: int
    identifier: str
    name: str
    last_seen: float | None
    """Unix time of its newest sample; null where there is none."""


class Machines(msgspec.Struct, kw_only=True):
    """Machines in order of their number."""

    items: list[Machine]
    next: int | None


class Run(msgspec.Struct, kw_only=True):
    """What is held of one start of a collector, or of one uploaded capture."""

    run: UUID
    kind: Literal["stream", "upload"]
    started: float
    """Unix time of its first line."""

    lines: int
    intervals: list[Stretch]
    """First and last position of each stretch of lines that is held."""


class Runs(msgspec.Struct, kw_only=True):
    """Runs in the order of an export."""

    items: list[Run]
    next: int | None


class Tenant(msgspec.Struct, kw_only=True):
    """One owner of machines and keys."""

    id: UUID
    name: str
    created: float


class Tenants(msgspec.Struct, kw_only=True):
    """Tenants, the first made first."""

    items: list[Tenant]
    next: int | None


class NewTenant(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A tenant to be made."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Key(msgspec.Struct, kw_only=True):
    """What may be shown of a key."""

    id: UUID
    scope: str
    machine: UUID | None
    may_create: bool
    name: str
    prefix: str
    created: float
    last_used: float | None
    revoked: float | None


class Keys(msgspec.Struct, kw_only=True):
    """Keys, the oldest first, revoked ones too."""

    items: list[Key]
    next: int | None


class NewKey(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A key to be made."""

    scope: Literal["ingest", "read"]
    machine: str | None = None
    """Bind an ingest key to this machine: UUID or number."""

    may_create: bool | None = None
    """Whether an ingest key may name new machines; default: where it is bound to none."""

    name: Annotated[str, msgspec.Meta(max_length=100)] = ""


class MadeKey(Key, kw_only=True):
    """A new key, with its text, which is shown this once."""

    key: str
