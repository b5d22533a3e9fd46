"""What anybody may ask: whether the server is there, and which it is."""

import time
from pathlib import Path

import msgspec
from aiohttp import web

from perfkit import __version__
from perfkit.server.api.types import Ping, Pong
from perfkit.server.limits import Limits
from perfkit.server.receive import received
from perfkit.server.refusal import bad_request


class Hello:
    """Answers to everybody.

    Args:
        limits: How much of anything.
        folder: Where a body could wait that is not taken.
    """

    def __init__(self, limits: Limits, folder: Path) -> None:
        self._limits = limits
        self._folder = folder

    async def ping(self, _request: web.Request) -> web.Response:
        """Say that the server is there."""
        return web.Response(text="pong")

    async def echo(self, request: web.Request) -> web.Response:
        """Send a client's time back beside the server's."""
        limits = self._limits
        async with received(request, limits, self._folder, most=limits.json_bytes) as body:
            text = body.read(0, len(body))
        try:
            ping = msgspec.json.decode(text, type=Ping)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise bad_request(f'expected {{"timestamp": number}}: {error}') from None
        pong = Pong(origintimestamp=ping.timestamp, timestamp=int(time.time()))
        return web.Response(body=msgspec.json.encode(pong), content_type="application/json")

    async def version(self, _request: web.Request) -> web.Response:
        """Say which version the server is."""
        return web.Response(text=__version__)
