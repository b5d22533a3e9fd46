"""The application: its parts, made once and put together; no work is done here."""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import UUID

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from perfkit.server.answers import refusal_of, refused
from perfkit.server.api.admin import Admin
from perfkit.server.api.call import Caller
from perfkit.server.api.data import Data
from perfkit.server.api.export import Sender
from perfkit.server.api.table import endpoints, public, sending
from perfkit.server.gate import Floor
from perfkit.server.health import Health
from perfkit.server.hello import Hello
from perfkit.server.home import Home
from perfkit.server.ingest import Ingest
from perfkit.server.limits import Limits
from perfkit.server.metrics import Counters, Sample
from perfkit.server.openapi import Document
from perfkit.server.seen import Seen
from perfkit.store.backlog import Backlog
from perfkit.store.control import ControlPlane
from perfkit.store.engines import Engine
from perfkit.store.intake import Intake

_DECODERS = min(4, os.cpu_count() or 1)
"""More would only take each other's turns."""

_QUERIES = 4

_GONE = 499
"""What is counted for a client that left before its answer: it never sees it."""


@dataclass(kw_only=True)
class Services:
    """What the application is made of; whoever makes it closes it."""

    control: ControlPlane
    intake: Intake
    engine: Engine
    backlog: Backlog
    limits: Limits
    folder: Path
    """The data folder."""

    lag: Callable[[], float] = lambda: 0.0
    """Seconds that the oldest frame has waited to become rows."""

    shown: UUID | None = None
    """A tenant whose machines the page shows without a key, on this machine (`--demo`)."""

    counters: Counters = field(default_factory=Counters)
    decoders: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_DECODERS, "perfkit-decode")
    )
    askers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_QUERIES, "perfkit-query")
    )


def application(services: Services) -> web.Application:
    """Return the application."""
    limits, control = services.limits, services.control
    waiting = services.folder / "tmp"
    waiting.mkdir(exist_ok=True, mode=0o700)
    floor = Floor(services.folder, limits.min_free_bytes)
    seen = Seen(services.backlog)
    ingest = Ingest(
        control,
        services.intake,
        limits,
        floor,
        waiting,
        services.decoders,
        (services.counters, seen),
    )
    sender = Sender(services.askers, limits, waiting)
    rows = (services.engine, services.backlog)
    data = Data(control, services.intake, rows, limits, services.askers, sender, seen)
    hello = Hello(limits, waiting)
    health = Health(services.counters, ingest.gate, data.queries, floor, partial(_more, services))
    home = Home(
        control, services.backlog, limits, data.queries, services.askers, seen, services.shown
    )
    caller = Caller(control, limits, waiting)
    table = endpoints(data, Admin(control))
    table += public(hello, health, home) + sending(ingest)
    document = Document(table)
    table.append(document.row())
    app = web.Application(middlewares=[_answering(services.counters)])
    app.router.add_routes([web.route(row.method, row.path, row.handler(caller)) for row in table])
    return app


def _more(services: Services) -> list[Sample]:
    """Return what the stores have to say in `/metrics`."""
    tenants = services.control.tenants()
    ill = sum(services.engine.health(tenant.id) is not None for tenant in tenants)
    return [
        (
            "perfkit_waiting_bytes",
            "gauge",
            "Text on its way to the log.",
            services.intake.waiting_bytes,
        ),
        ("perfkit_loader_lag_seconds", "gauge", "Age of what is not rows yet.", services.lag()),
        (
            "perfkit_waiting_lines",
            "gauge",
            "Lines that are not rows yet.",
            services.backlog.lines(),
        ),
        (
            "perfkit_stores_refilled",
            "gauge",
            "Tenants whose rows are being made again: nobody is given figures of a part.",
            services.backlog.refills(),
        ),
        ("perfkit_tenants", "gauge", "Tenants.", len(tenants)),
        ("perfkit_stores_ill", "gauge", "Tenants whose rows cannot be used now.", ill),
    ]


def _answering(counters: Counters) -> Middleware:
    """Return what turns every end of a handler into an answer, and counts it."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        start = time.perf_counter()
        try:
            response = await handler(request)
        except asyncio.CancelledError:
            raise
        except ConnectionError:
            response = web.Response(status=_GONE)
        except Exception as error:  # noqa: BLE001 - every end has an answer
            response = refused(request.path, refusal_of(error))
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "none"
        counters.answered(route, response.status, time.perf_counter() - start)
        return response

    return answer
