"""The endpoints of `/api/v1`, once: the router and the OpenAPI document are made of this table."""

from http import HTTPStatus

from perfkit.figures import LatestRows, Series, Stats
from perfkit.server.api.admin import Admin
from perfkit.server.api.call import Endpoint, Plain, Row
from perfkit.server.api.data import WAITING, Data
from perfkit.server.api.export import CAPTURE_TYPE, CSV_TYPE, ZIP_TYPE
from perfkit.server.api.types import (
    ExportQuery,
    Key,
    Keys,
    Machine,
    Machines,
    MachinesQuery,
    MadeKey,
    NewKey,
    NewTenant,
    Page,
    Ping,
    Pong,
    Query,
    RangeQuery,
    Run,
    Runs,
    SeriesQuery,
    Tenant,
    Tenants,
    TrickleBody,
    UploadQuery,
)
from perfkit.server.auth import ADMIN, INGEST, READ
from perfkit.server.health import Health
from perfkit.server.hello import Hello
from perfkit.server.home import Home
from perfkit.server.ingest import Answer, Ingest
from perfkit.store.engines import Finding

V1 = "/api/v1"
_MACHINE = V1 + "/machines/{machine}"
_TENANT = V1 + "/tenants/{tenant}"
_DATA = (READ,)
_HELD = (READ, INGEST)  # who sends asks what is held already
_MANAGE = (ADMIN,)

_OF_ROWS = {
    HTTPStatus.SERVICE_UNAVAILABLE: "Too many queries are under way, or the rows are being made"
    " again from the log: figures of a part of them are not given.",
}
_WAITING = {
    WAITING: "Lines of this range that were acknowledged and are not in the figures yet; absent"
    " where there is none.  Of a stream those of the last 15 seconds are not counted.",
}


def endpoints(data: Data, admin: Admin) -> list[Row]:
    """Return the table."""
    gone = (HTTPStatus.NOT_FOUND,)
    busy = (HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)
    return [
        Endpoint(
            method="GET",
            path=V1 + "/machines",
            summary="List machines",
            work=data.machines,
            scopes=_HELD,
            query=MachinesQuery,
            answer=Machines,
        ),
        Endpoint(
            method="GET",
            path=_MACHINE,
            summary="Show a machine",
            work=data.machine,
            scopes=_HELD,
            query=Query,
            answer=Machine,
            refusals=gone,
        ),
        Endpoint(
            method="GET",
            path=_MACHINE + "/latest",
            summary="Show the newest figures of a machine by source",
            work=data.latest,
            scopes=_DATA,
            query=Query,
            answer=dict[str, LatestRows],
            refusals=busy,
            reasons=_OF_ROWS,
        ),
        Endpoint(
            method="GET",
            path=_MACHINE + "/series/{source}",
            summary="Show min, mean and max of each column of a source over time",
            work=data.series,
            scopes=_DATA,
            query=SeriesQuery,
            answer=Series,
            refusals=busy,
            headers=_WAITING,
            reasons=_OF_ROWS,
        ),
        Endpoint(
            method="GET",
            path=_MACHINE + "/stats/{source}",
            summary="Show min, max, mean, deviation and percentiles of each column of a source",
            work=data.stats,
            scopes=_DATA,
            query=RangeQuery,
            answer=list[Stats],
            refusals=busy,
            headers=_WAITING,
            reasons=_OF_ROWS,
        ),
        Endpoint(
            method="GET",
            path=_MACHINE + "/findings",
            summary="List what of a machine's text gave no figures, and why; most lines first",
            work=data.findings,
            scopes=_DATA,
            query=Query,
            answer=list[Finding],
            refusals=busy,
            reasons=_OF_ROWS,
        ),
        Endpoint(
            method="GET",
            path=_MACHINE + "/runs",
            summary="List the runs of a machine",
            work=data.runs,
            scopes=_HELD,
            query=Page,
            answer=Runs,
            refusals=gone,
        ),
        Endpoint(
            method="GET",
            path=_MACHINE + "/runs/{run}",
            summary="Show which positions of a run are held",
            work=data.run,
            scopes=_HELD,
            query=Query,
            answer=Run,
            refusals=gone,
        ),
        Endpoint(
            method="GET",
            path=_MACHINE + "/export",
            summary="Send a machine's lines as they were sent, or as CSV",
            work=data.export,
            scopes=_DATA,
            query=ExportQuery,
            media=(CAPTURE_TYPE, ZIP_TYPE, CSV_TYPE),
            refusals=busy,
        ),
        *_managing(admin),
    ]


def _managing(admin: Admin) -> list[Row]:
    gone = (HTTPStatus.NOT_FOUND,)
    return [
        Endpoint(
            method="GET",
            path=V1 + "/tenants",
            summary="List tenants",
            work=admin.tenants,
            scopes=_MANAGE,
            query=Page,
            answer=Tenants,
        ),
        Endpoint(
            method="POST",
            path=V1 + "/tenants",
            summary="Make a tenant",
            work=admin.create_tenant,
            scopes=_MANAGE,
            query=Query,
            body=NewTenant,
            answer=Tenant,
            status=HTTPStatus.CREATED,
            refusals=(HTTPStatus.CONFLICT,),
        ),
        Endpoint(
            method="GET",
            path=_TENANT,
            summary="Show a tenant by id or name",
            work=admin.tenant,
            scopes=_MANAGE,
            query=Query,
            answer=Tenant,
            refusals=gone,
        ),
        Endpoint(
            method="GET",
            path=_TENANT + "/keys",
            summary="List a tenant's keys",
            work=admin.keys,
            scopes=_MANAGE,
            query=Page,
            answer=Keys,
            refusals=gone,
        ),
        Endpoint(
            method="POST",
            path=_TENANT + "/keys",
            summary="Make a key; its text is shown this once",
            work=admin.create_key,
            scopes=_MANAGE,
            query=Query,
            body=NewKey,
            answer=MadeKey,
            status=HTTPStatus.CREATED,
            refusals=gone,
        ),
        Endpoint(
            method="DELETE",
            path=_TENANT + "/keys/{key}",
            summary="Revoke a key at once",
            work=admin.revoke_key,
            scopes=_MANAGE,
            query=Query,
            answer=Key,
            refusals=gone,
        ),
    ]


def sending(ingest: Ingest) -> list[Row]:
    """Return what takes bodies in, as the original does."""
    refusals = (
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.INSUFFICIENT_STORAGE,
    )
    return [
        Plain(
            method="POST",
            path="/v1/upload",
            summary="Take in a capture: NDJSON, a JSON array or a form; gzip or zstd",
            work=ingest.upload,
            scopes=(INGEST,),
            query=UploadQuery,
            sends=(CAPTURE_TYPE, "application/json", "multipart/form-data"),
            answer=Answer,
            refusals=refusals,
        ),
        Plain(
            method="POST",
            path="/v1/trickle",
            summary="Take in what a collector has just seen",
            work=ingest.trickle,
            scopes=(INGEST,),
            query=UploadQuery,
            body=TrickleBody,
            answer=Answer,
            refusals=refusals,
        ),
    ]


def public(hello: Hello, health: Health, home: Home) -> list[Row]:
    """Return what anybody may ask."""
    text = ("text/plain",)
    return [
        Plain(
            method="GET",
            path="/",
            summary="Show a page: version and links; with a key also machines and their figures",
            work=home.page,
            media=("text/html",),
            refusals=(
                HTTPStatus.UNAUTHORIZED,
                HTTPStatus.FORBIDDEN,
                HTTPStatus.SERVICE_UNAVAILABLE,
            ),
        ),
        Plain(
            method="GET",
            path="/v1/ping",
            summary="Say that the server is there",
            work=hello.ping,
            media=text,
        ),
        Plain(
            method="POST",
            path="/v1/ping",
            summary="Send a client's time back beside the server's",
            work=hello.echo,
            body=Ping,
            answer=Pong,
            refusals=(HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        ),
        Plain(
            method="GET",
            path="/v1/version",
            summary="Say which version the server is",
            work=hello.version,
            media=text,
        ),
        Plain(
            method="GET",
            path="/healthz",
            summary="Say that requests are answered",
            work=health.alive,
            media=text,
        ),
        Plain(
            method="GET",
            path="/readyz",
            summary="Say whether uploads are taken in",
            work=health.ready,
            media=text,
            refusals=(HTTPStatus.SERVICE_UNAVAILABLE,),
        ),
        Plain(
            method="GET",
            path="/metrics",
            summary="Show what was counted, as OpenMetrics",
            work=health.metrics,
            media=("application/openmetrics-text",),
        ),
    ]
