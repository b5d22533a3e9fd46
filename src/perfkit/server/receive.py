"""A body from its connection: no bigger and no slower than the limits allow."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO

from aiohttp import StreamReader, web

from perfkit.server.body import Body
from perfkit.server.limits import Limits
from perfkit.server.refusal import Refusal, bad_request, too_large
from perfkit.server.unpack import PLAIN_NAMES, unpacked


@asynccontextmanager
async def received(
    request: web.Request, limits: Limits, folder: Path, *, most: int | None = None
) -> AsyncIterator[Body]:
    """Give the body as it was sent, packed or not.

    Args:
        request: Whose body.
        limits: How much of anything.
        folder: Where a big one waits.
        most: Bytes that it may have; None: `body_bytes`.

    Raises:
        Refusal: it is too big, too slow, or cut.
    """
    most = limits.body_bytes if most is None else most
    size = request.content_length
    if size is not None and size > most:
        raise _too_large(most)
    content = request.content
    if content.is_eof() and content.total_bytes <= limits.body_bytes_in_memory:
        # All of it has come already, as most have: it takes no time, and so no timer.
        data = content.read_nowait()
        if len(data) > most:
            raise _too_large(most)
        yield Body(data, 0, len(data))
        return
    store = _Store(folder, limits.body_bytes_in_memory)
    try:
        try:
            await _read(content, limits, most, store)
        except TimeoutError:
            raise Refusal(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the body came too slowly: expected {limits.body_rate} bytes a second"
                f" after {limits.body_grace_seconds:g} s",
            ) from None
        except web.RequestPayloadError as error:
            raise bad_request(f"the body is cut or malformed: {error}") from None
        yield await store.finished()
    finally:
        store.close()


@asynccontextmanager
async def unpacked_whole(
    body: Body, encoding: str, limits: Limits, folder: Path
) -> AsyncIterator[Body]:
    """Give a packed body as what it unpacks to: a form is cut where its boundaries are."""
    if encoding.strip().lower() in PLAIN_NAMES:
        yield body
        return
    store = _Store(folder, limits.body_bytes_in_memory)

    def unpack() -> None:
        for piece in unpacked(body, encoding, limits):
            if store.add(piece):
                store.spill()

    try:
        await asyncio.to_thread(unpack)
        yield await store.finished()
    finally:
        store.close()


async def _read(content: StreamReader, limits: Limits, most: int, store: "_Store") -> None:
    start = asyncio.get_running_loop().time() + limits.body_grace_seconds
    size = 0
    async with asyncio.timeout_at(start) as deadline:
        while data := await content.readany():
            size += len(data)
            if size > most:
                raise _too_large(most)
            deadline.reschedule(start + size / limits.body_rate)
            if store.add(data):
                await asyncio.to_thread(store.spill)


def _too_large(most: int) -> Refusal:
    return too_large(f"expected a body of {most} bytes at most")


class _Store:
    """Bytes on their way to a body.

    Args:
        folder: Where the file is, once there is one.
        most: Bytes that are held in memory.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self._parts: list[bytes] = []
        self._held = 0
        self._written = 0
        self._file: IO[bytes] | None = None

    def add(self, data: bytes) -> bool:
        """Hold the bytes; return whether it is time to spill."""
        self._parts.append(data)
        self._held += len(data)
        return self._held > self._most

    def spill(self) -> None:
        """Write what is held to the file."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - `close` does
        self._file.write(b"".join(self._parts))
        self._file.flush()
        self._written += self._held
        self._held = 0
        self._parts.clear()

    async def finished(self) -> Body:
        """Return all of them."""
        if self._file is None:
            data = b"".join(self._parts)
            return Body(data, 0, len(data))
        await asyncio.to_thread(self.spill)
        return Body(self._file, 0, self._written)

    def close(self) -> None:
        """Let go of memory and file."""
        self._parts.clear()
        if self._file is not None:
            self._file.close()
