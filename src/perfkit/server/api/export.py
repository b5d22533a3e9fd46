"""A machine's lines as they were sent, or the CSV tree that `perfkit process` makes of them."""

import asyncio
import sys
import tempfile
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from perfkit.errors import EXIT_DONE, EXIT_INPUT, EXIT_SKIPPED, PerfkitError
from perfkit.server.limits import Limits
from perfkit.server.refusal import not_found

CHUNK_BYTES = 256 * 1024
"""Text that is sent at once."""

CAPTURE_TYPE = "application/x-ndjson"
CSV_TYPE = "text/csv; charset=utf-8"
ZIP_TYPE = "application/zip"

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can tell: the same export gives the same bytes."""

Lines = Callable[[], Iterator[bytes]]
Result = TypeVar("Result")


class Sender:
    """Sends what is too big to be held.

    Args:
        workers: Threads that read.
        limits: How long a piece may wait for its reader.
        folder: Where a tree is made.
    """

    def __init__(self, workers: ThreadPoolExecutor, limits: Limits, folder: Path) -> None:
        self._workers = workers
        self._limits = limits
        self._folder = folder

    async def capture(self, request: web.Request, lines: Lines, name: str) -> web.StreamResponse:
        """Send lines as they are."""
        headers = {
            "Content-Disposition": f'attachment; filename="{name}.json"',
            "Vary": "Accept-Encoding",
        }
        chunks = self._chunks(lines)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            chunks = self._packed(chunks)
        return await self._send(request, chunks, CAPTURE_TYPE, headers)

    async def tree(
        self, request: web.Request, lines: Lines, options: list[str], file: str | None, name: str
    ) -> web.StreamResponse:
        """Send the CSV tree of lines as a zip, or one file of it."""
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="csv-") as folder:
            out = Path(folder) / "out"
            await self._convert(lines, out, options)
            if file is None:
                path, kind = Path(folder) / "tree.zip", ZIP_TYPE
                await self._run(partial(_zip, out, path))
                suffix = ".zip"
            else:
                path = await self._run(partial(_file, out, file))
                kind = CSV_TYPE if path.suffix != ".json" else "application/json"
                suffix = "-" + file.replace("/", "-") + ("" if path.suffix else ".csv")
            headers = {"Content-Disposition": f'attachment; filename="{name}{suffix}"'}
            return await self._send(request, self._bytes(path), kind, headers)

    async def _convert(self, lines: Lines, out: Path, options: list[str]) -> None:
        """Run `perfkit process`: its work is the CPU's, and would hold up every other request."""
        command = [sys.executable, "-P", "-m", "perfkit", "process", "-", "-o", str(out), *options]
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a signal to the server is not one to its children
        )
        try:
            said, _ = await asyncio.gather(self._said(child), self._feed(child, lines))
            code = await child.wait()
        except BaseException:
            if child.returncode is None:
                child.kill()
                await child.wait()
            raise
        if code == EXIT_INPUT:
            raise not_found("lines: the machine has none in that range or run")
        if code not in (EXIT_DONE, EXIT_SKIPPED):
            raise PerfkitError(f"perfkit process ended with {code}: {said[-500:]}")

    async def _said(self, child: asyncio.subprocess.Process) -> str:
        said = await child.stderr.read() if child.stderr else b""
        return said.decode("utf-8", "replace").strip()

    async def _feed(self, child: asyncio.subprocess.Process, lines: Lines) -> None:
        if child.stdin is None:
            return
        try:
            async for chunk in self._chunks(lines):
                child.stdin.write(chunk)
                await child.stdin.drain()
            child.stdin.close()
            await child.stdin.wait_closed()
        except (BrokenPipeError, ConnectionResetError):
            return  # It has ended, and says why.

    async def _chunks(self, lines: Lines) -> AsyncIterator[bytes]:
        chunks = _joined(lines)
        while chunk := await self._run(partial(next, chunks, b"")):
            yield chunk

    async def _packed(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        pack = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        async for chunk in chunks:
            packed = await self._run(partial(pack.compress, chunk))
            if packed:
                yield packed
        yield pack.flush()

    async def _bytes(self, path: Path) -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while chunk := await self._run(partial(file.read, CHUNK_BYTES)):
                yield chunk

    async def _send(
        self,
        request: web.Request,
        chunks: AsyncIterator[bytes],
        kind: str,
        headers: dict[str, str],
    ) -> web.StreamResponse:
        # The first piece comes before the status: what cannot be read at all is an error still.
        first = await anext(chunks, b"")
        response = web.StreamResponse(headers={**headers, "Content-Type": kind})
        await response.prepare(request)
        try:
            if request.method != "HEAD":
                await self._write(response, first)
                async for chunk in chunks:
                    await self._write(response, chunk)
            await response.write_eof()
        except (TimeoutError, PerfkitError, OSError):
            # Too slow a reader, or lines that cannot be read: either way the end is missing, and
            # only a connection that is cut says so.
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _write(self, response: web.StreamResponse, chunk: bytes) -> None:
        async with asyncio.timeout(self._limits.send_seconds):
            await response.write(chunk)

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)


def _joined(lines: Lines) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for line in lines():
        held.append(line)
        size += len(line)
        if size >= CHUNK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _zip(folder: Path, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                entry = zipfile.ZipInfo(str(file.relative_to(folder)), _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                with file.open("rb") as source, archive.open(entry, "w") as target:
                    while chunk := source.read(CHUNK_BYTES):
                        target.write(chunk)


def _file(folder: Path, name: str) -> Path:
    """Return a file of the tree: by comparing names, never by joining what a request says."""
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) == name:
            return path
    raise not_found(f"file in the tree: {name!r}")
