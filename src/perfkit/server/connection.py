"""A connection with deadlines: aiohttp gives a body a handler, but headers no time.

From the moment a connection is made, and from each first byte of a further request on it, a timer
runs until the last header has come.  Whoever does not get that far is cut off without a word.
"""

import asyncio
import socket
from collections.abc import Callable
from http import HTTPStatus

import msgspec
from aiohttp import web

from perfkit.server.limits import Limits

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: 32\r\n\r\n"
    b'{"error":"too many connections"}'
)

_LONGEST_REASON = 200


class Connection(web.RequestHandler):
    """One client's connection.

    Args:
        server: Runs the handlers.
        limits: How much of anything.
        loop: The event loop.
    """

    __slots__ = ("_header_timer", "_limits", "_server")

    def __init__(self, server: web.Server, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type] # None switches it off, aiohttp's own docs say
            keepalive_timeout=limits.idle_seconds,
            lingering_time=2,
            auto_decompress=False,
        )
        self._limits = limits
        self._server = server
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or say that there are too many."""
        if len(self._server.connections) >= self._limits.connections:
            if isinstance(transport, asyncio.WriteTransport):
                transport.write(_FULL)
            transport.close()
            return
        super().connection_made(transport)
        # A reader that takes nothing while there is something to send is cut off by the kernel.
        held = transport.get_extra_info("socket")
        if held is not None and held.family in (socket.AF_INET, socket.AF_INET6):
            milliseconds = int(self._limits.send_seconds * 1000)
            held.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Take bytes; stop the timer once they make a request."""
        before = self._request_count
        was_idle = not self._messages and not self._request_in_progress
        super().data_received(data)
        if self._request_count != before:
            self._stop_timer()
        elif was_idle and self._header_timer is None:
            self._start_timer()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP with a reason; aiohttp itself would write a page to the log."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or request.writer.output_size:
            return super().handle_error(request, status, exc, message)
        reason = " ".join((message or str(exc) or HTTPStatus(status).phrase).split())
        body = msgspec.json.encode({"error": f"expected HTTP: {reason[:_LONGEST_REASON]}"})
        response = web.Response(body=body, status=status, content_type="application/json")
        response.force_close()
        return response

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        self._stop_timer()
        super().connection_lost(exc)

    def _start_timer(self) -> None:
        self._header_timer = self._loop.call_later(self._limits.header_seconds, self._abort)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _abort(self) -> None:
        self._header_timer = None
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()


def connections(
    server: web.Server, limits: Limits, loop: asyncio.AbstractEventLoop
) -> Callable[[], Connection]:
    """Return what makes the connections of a server."""
    return lambda: Connection(server, limits, loop)
