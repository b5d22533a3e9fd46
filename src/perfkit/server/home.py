"""`/`: a plain page that says what this is, and with a key what the machines do."""

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import jinja2
import msgspec
from aiohttp import web
from markupsafe import Markup

from perfkit import __version__
from perfkit.errors import PerfkitError
from perfkit.server.auth import READ, credential_of, key_of
from perfkit.server.gate import Gate
from perfkit.server.limits import Limits
from perfkit.server.seen import Seen
from perfkit.store.control import ControlPlane
from perfkit.store.engines import LatestRows, Queries

if TYPE_CHECKING:
    from perfkit.columns import Value

SHOWN = 100
"""Machines on the page; `/api/v1/machines` has them all."""

TITLES = ("CPU busy %", "Memory used %", "Received kB/s", "Sent kB/s", "Busiest disk %")

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
        engine: Has the figures.
        limits: How long a query may take.
        gate: Queries under way.
        workers: Threads that ask.
        seen: When each machine was last seen.
    """

    def __init__(
        self,
        control: ControlPlane,
        engine: Queries,
        limits: Limits,
        gate: Gate,
        workers: ThreadPoolExecutor,
        seen: Seen,
    ) -> None:
        self._control = control
        self._engine = engine
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
        machines: list[Row] | None = None
        if key_of(request.headers):
            tenant = credential_of(request.headers, self._control, (READ,)).tenant
            if tenant is not None:
                machines = await self._asked(tenant)
        text = self._page().render(
            # The package's own file, the only text that is not escaped.
            style=Markup(self._style),  # noqa: S704
            version=__version__,
            url=str(request.url.origin()),
            titles=TITLES,
            machines=None if machines is None else machines[:SHOWN],
            is_more=machines is not None and len(machines) > SHOWN,
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

    async def _asked(self, tenant: UUID) -> list[Row]:
        loop = asyncio.get_running_loop()
        with self._gate.place():
            async with asyncio.timeout(self._limits.query_seconds):
                return await loop.run_in_executor(self._workers, partial(self._rows, tenant))

    def _rows(self, tenant: UUID) -> list[Row]:
        rows: list[Row] = []
        for machine in self._control.machines(tenant, limit=SHOWN + 1):
            try:
                latest = self._engine.latest(tenant, machine.id)
            except PerfkitError:
                latest = {}
            seen = self._seen.of(tenant, machine.id)
            at = (
                _ABSENT
                if seen is None
                else f"{datetime.fromtimestamp(seen, UTC):%Y-%m-%d %H:%M:%S}"
            )
            rows.append(Row(machine.number, machine.name, at, headline(latest)))
        return rows


def headline(latest: Mapping[str, LatestRows]) -> list[str]:
    """Return the figures of one machine, as TITLES names them."""
    idle = _numbers(latest, "cpu", "%idle")
    return [
        _shown(100 - idle[0] if idle else None),
        _shown(max(_numbers(latest, "memory", "%memused"), default=None)),
        _shown(_total(_numbers(latest, "net", "rxkB/s"))),
        _shown(_total(_numbers(latest, "net", "txkB/s"))),
        _shown(max(_numbers(latest, "disk", "%util"), default=None)),
    ]


def _numbers(latest: Mapping[str, LatestRows], source: str, column: str) -> list[float]:
    """Return the values of a column in all rows but the loopback's that have one."""
    found = latest.get(source)
    values: list[Value] = []
    if found is not None:
        values = [row.get(column) for row in found.rows if row.get("device") != "lo"]
    return [value for value in values if isinstance(value, int | float)]


def _total(values: list[float]) -> float | None:
    return sum(values) if values else None


def _shown(value: float | None) -> str:
    return _ABSENT if value is None else f"{value:.1f}"
