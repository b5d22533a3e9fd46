"""Whether the process lives, whether it is of use, and what it counted."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web

from perfkit.server.gate import Floor, Gate
from perfkit.server.metrics import CONTENT_TYPE, Counters, Sample


class Health:
    """Answers to whoever watches the process.

    Args:
        counters: What was counted.
        uploads: Bodies under way.
        queries: Queries under way.
        floor: Whether the disk has room.
        more: Returns further samples.
    """

    def __init__(
        self,
        counters: Counters,
        uploads: Gate,
        queries: Gate,
        floor: Floor,
        more: Callable[[], list[Sample]] = list,
    ) -> None:
        self._counters = counters
        self._uploads = uploads
        self._queries = queries
        self._floor = floor
        self._more = more

    async def alive(self, _request: web.Request) -> web.Response:
        """Say that requests are answered."""
        return web.Response(text="ok\n")

    async def ready(self, _request: web.Request) -> web.Response:
        """Say whether uploads are taken in."""
        if self._floor.free() < self._floor.floor:
            return web.Response(text="the disk is full\n", status=HTTPStatus.SERVICE_UNAVAILABLE)
        return web.Response(text="ok\n")

    async def metrics(self, _request: web.Request) -> web.Response:
        """Show what was counted, as OpenMetrics."""
        samples: list[Sample] = [
            ("perfkit_uploads_now", "gauge", "Bodies under way.", self._uploads.taken),
            ("perfkit_queries_now", "gauge", "Queries under way.", self._queries.taken),
            ("perfkit_free_bytes", "gauge", "Room on the disk.", self._floor.free()),
            ("perfkit_min_free_bytes", "gauge", "Room that stays free.", self._floor.floor),
            *await asyncio.to_thread(self._more),
        ]
        text = self._counters.text(samples)
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})
