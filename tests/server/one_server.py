"""A real server on a real socket, in a thread of the test's own process so that it is measured."""

import asyncio
import http.client
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from perfkit.server.limits import Limits
from perfkit.server.run import Options, serving


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Server:
    url: str
    folder: Path
    keys: dict[str, str]
    said: list[str] = field(default_factory=list)

    def ask(self, method, path, body=None, *, key=None, **headers) -> Answered:
        """Send one request; a key by its name in first-run.json, or as it is."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["Authorization"] = f"Bearer {self.keys.get(key, key)}"
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            return Answered(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def get(self, path, *, key="read_key", **headers) -> Answered:
        return self.ask("GET", path, key=key, **headers)

    def upload(self, body, query="?machine_id=web1", *, key="ingest_key", **headers) -> Answered:
        return self.ask("POST", f"/v1/upload{query}", body, key=key, **headers)


@contextmanager
def served(folder: Path, *, is_demo: bool = False, **limits):
    """Serve a folder until the block ends."""
    said: list[str] = []
    limits = {"min_free_bytes": 0, **limits}
    options = Options(
        host="127.0.0.1",
        port=0,
        folder=folder,
        keys_file=folder / "apikeys",
        limits=Limits(**limits),
        is_demo=is_demo,
    )
    ready, end = threading.Event(), []
    failed: list[BaseException] = []

    async def serve() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        async with serving(options, said.append) as started:
            end.append((loop, stop, started.url))
            ready.set()
            await stop.wait()

    def work() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(20)
    if failed:
        thread.join()
        raise failed[0]
    loop, stop, url = end[0]
    try:
        keys = json.loads((folder / "first-run.json").read_bytes())
        yield Server(url, folder, keys, said)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
    assert failed == []
