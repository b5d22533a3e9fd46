"""`/`: a plain page that says what this is, and with a key what the machines do."""

import asyncio
import base64
import hashlib
import ipaddress
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import jinja2
import msgspec
from aiohttp import web
from markupsafe import Markup

from perfkit import __version__
from perfkit.errors import PerfkitError
from perfkit.figures import LatestRows
from perfkit.report.headline import headline
from perfkit.server.answers import refusal_of
from perfkit.server.auth import READ, credential_of, key_of
from perfkit.server.gate import Gate
from perfkit.server.limits import Limits
from perfkit.server.seen import Seen
from perfkit.store.control import ControlPlane
from perfkit.store.engines import Newest

SHOWN = 100
"""Machines on the page; `/api/v1/machines` has them all."""

TITLES = ("CPU busy %", "Memory used %", "Received kB/s", "Sent kB/s", "Busiest disk %")

_FORWARDED = ("Forwarded", "X-Forwarded-For", "Via")
_ABSENT = "\N{EN DASH}"
_FOLDER = Path(__file__).parent / "templates"


class Row(msgspec.Struct, frozen=True):
    """One machine on the page."""

    number: int
    name: str
    seen: str
    figures: list[str]


class Home:
    """Makes the page.

    Args:
        control: Knows keys and machines.
        newest: Has the figures.
        limits: How long a query may take.
        gate: Queries under way.
        workers: Threads that ask.
        seen: When each machine was last seen.
        shown: A tenant whose machines are shown without a key to who is on this machine.
    """

    def __init__(
        self,
        control: ControlPlane,
        newest: Newest,
        limits: Limits,
        gate: Gate,
        workers: ThreadPoolExecutor,
        seen: Seen,
        shown: UUID | None = None,
    ) -> None:
        self._shown = shown
        self._control = control
        self._newest = newest
        self._limits = limits
        self._gate = gate
        self._workers = workers
        self._seen = seen
        self._template: jinja2.Template | None = None
        self._style = (_FOLDER / "home.css").read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._headers = {
            "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}';"
            " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    async def page(self, request: web.Request) -> web.Response:
        """Show it."""
        tenant = self._shown if is_on_loopback(request) else None
        if key_of(request.headers):
            tenant = credential_of(request.headers, self._control, (READ,)).tenant
        machines, failure = (None, "") if tenant is None else await self._asked(tenant)
        text = self._page().render(
            # The package's own file, the only text that is not escaped.
            style=Markup(self._style),  # noqa: S704
            version=__version__,
            url=str(request.url.origin()),
            titles=TITLES,
            machines=None if machines is None else machines[:SHOWN],
            is_more=machines is not None and len(machines) > SHOWN,
            failure=failure,
        )
        return web.Response(text=text, content_type="text/html", headers=self._headers)

    def _page(self) -> jinja2.Template:
        if self._template is None:
            environment = jinja2.Environment(
                loader=jinja2.FileSystemLoader(_FOLDER),
                autoescape=True,
                undefined=jinja2.StrictUndefined,
                trim_blocks=True,
            )
            self._template = environment.get_template("home.html")
        return self._template

    async def _asked(self, tenant: UUID) -> tuple[list[Row], str]:
        loop = asyncio.get_running_loop()
        with self._gate.place():
            async with asyncio.timeout(self._limits.query_seconds):
                return await loop.run_in_executor(self._workers, partial(self._rows, tenant))

    def _rows(self, tenant: UUID) -> tuple[list[Row], str]:
        """Return a row a machine, and why the figures of one are not there."""
        rows: list[Row] = []
        failure = ""
        for machine in self._control.machines(tenant, limit=SHOWN + 1):
            try:
                latest = self._newest.latest(tenant, machine.id)
            except PerfkitError as error:
                latest, failure = {}, failure or str(refusal_of(error))
            seen = self._seen.of(tenant, machine.id)
            at = (
                _ABSENT
                if seen is None
                else f"{datetime.fromtimestamp(seen, UTC):%Y-%m-%d %H:%M:%S}"
            )
            rows.append(Row(machine.number, machine.name, at, _figures(latest)))
        return rows, failure


def _figures(latest: Mapping[str, LatestRows]) -> list[str]:
    """Return the figures of one machine, as TITLES names them."""
    found = headline({source: rows.rows for source, rows in latest.items()})
    return [
        _ABSENT if value is None else f"{value:.1f}"
        for value in (
            found.cpu_percent,
            found.memory_percent,
            found.received_kb,
            found.sent_kb,
            found.disk_percent,
        )
    ]


def is_on_loopback(request: web.Request) -> bool:
    """Return whether somebody on this machine asks for this machine.

    The name asked for counts, too: a page elsewhere can have its own name lead here.  Whoever came
    through a proxy is not on this machine.
    """
    names = (request.remote, request.url.host)
    is_direct = not any(name in request.headers for name in _FORWARDED)
    return is_direct and all(_is_loopback(name) for name in names)


def _is_loopback(name: str | None) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name or "").is_loopback
    except ValueError:
        return False
