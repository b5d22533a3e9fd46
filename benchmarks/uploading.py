"""What an upload costs: `perfkit serve` against a bare aiohttp handler that reads the body.

Both servers run on core 0, the clients on core 1: 16 connections, each sends its next batch as
soon as the last one is answered.  Batches are of this host's own samples, 10 ms apart, zstd.  In
perfkit's figure is all that is done before the answer: unpack, check every line, hash, write to
the log, sync; the loader, which comes after it, waits (upload_server.py).  Every batch is new: it
comes at the positions after those of the one before.

Beside them stands what no server in Python gets below: one call each into C for unpacking the
batch, decoding its lines, the SHA-256 of the receipt and packing it for the log.
"""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec
from backports import zstd

import host
from figures import Figure, at_least, at_most, compared, ratios
from own_samples import recorded
from perfkit.server.door import Line

SECTION = "upload"
ROUNDS = 7
SECONDS = 1.5
"""Of one side of a round."""

CALLS = 100
CONNECTIONS = 16
SAMPLES = {1: 2.7, 10: 3.5, 100: 14.0}
"""Samples of a batch, and how much CPU of the floor's a batch may cost."""

SERVER_CORE, CLIENT_CORE = 0, 1


class _Sender(asyncio.Protocol):
    """One connection that sends one batch after the other until its time is over."""

    def __init__(self, key: str, body: bytes, lines: int, end: float) -> None:
        self.answered = 0
        self.failed = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head = (
            b"POST /v1/upload?machine_id=bench HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer %b\r\n"
            b"Perfkit-Run: %b\r\nContent-Length: %d\r\nPerfkit-Position: "
            % (key.encode(), str(uuid.uuid4()).encode(), len(body))
        )
        self._body = body
        self._lines = lines
        self._end = end
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first batch."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._send()

    def data_received(self, data: bytes) -> None:
        """Take an answer, which is one small packet, and send the next batch."""
        if not data.startswith(b"HTTP/1.1 20"):
            self.failed = data
            self._finish()
            return
        self.answered += 1
        if time.monotonic() < self._end:
            self._send()
        else:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """End."""
        self._finish()

    def _send(self) -> None:
        if self._transport is not None:
            position = b"%d\r\n\r\n" % (self.answered * self._lines)
            self._transport.write(self._head + position + self._body)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        if self._transport is not None:
            self._transport.close()


async def _load(port: int, key: str, body: bytes, lines: int) -> int:
    """Return how many batches were answered."""
    loop = asyncio.get_running_loop()
    end = time.monotonic() + SECONDS
    senders = [
        (await loop.create_connection(lambda: _Sender(key, body, lines, end), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(sender.done for sender in senders))
    for sender in senders:
        if sender.failed:
            raise host.ChildFailedError(f"an upload was answered {sender.failed[:300]!r}")
    return sum(sender.answered for sender in senders)


def _batches(folder: Path) -> dict[int, tuple[bytes, int]]:
    """Return the packed batch of each size, and its lines."""
    now = int(time.time())
    samples = [sample.at(now - 1000 + at) for at, sample in enumerate(recorded(folder))]
    batches = {}
    for count in SAMPLES:
        lines = [line for sample in samples[:count] for line in sample]
        batches[count] = zstd.compress(b"".join(lines), 3), len(lines)
    return batches


@contextmanager
def _servers(folder: Path) -> Iterator[tuple[tuple[int, int], tuple[int, int], str]]:
    """Give pid and port of the floor and of perfkit, and the key of the latter."""
    data = folder / "data"
    environment = host.environment()
    bare = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("bare_server.py"))],
        stdout=subprocess.PIPE,
        env=environment,
    )
    serve = subprocess.Popen(
        [
            *(sys.executable, str(Path(__file__).with_name("upload_server.py"))),
            *("serve", "--listen", "127.0.0.1:0", "--data-dir", str(data)),
        ],
        stderr=subprocess.PIPE,
        env=environment,
    )
    try:
        if bare.stdout is None or serve.stderr is None:
            raise host.ChildFailedError("no pipe")
        bare_port = int(bare.stdout.readline())
        said = b""
        while b"serving on http" not in said:
            said = serve.stderr.readline()
            if not said:
                raise host.ChildFailedError("perfkit serve ended before it served")
        port = int(said.split(b"http://127.0.0.1:")[1].split(b",")[0])
        key = json.loads((data / "first-run.json").read_bytes())["ingest_key"]
        for child in (bare, serve):
            host.pin(child.pid, SERVER_CORE)
        yield (bare.pid, bare_port), (serve.pid, port), key
    finally:
        host.end(bare)
        host.end(serve)


def _round(pid: int, port: int, key: str, batch: tuple[bytes, int]) -> tuple[float, float]:
    """Return CPU seconds of a batch, and batches a second."""
    cpu, began = host.tree_cpu_ns(pid), time.monotonic()
    answered = asyncio.run(_load(port, key, *batch))
    seconds = time.monotonic() - began
    return (host.tree_cpu_ns(pid) - cpu) / 1e9 / answered, answered / seconds


def measure() -> list[Figure]:
    """Return CPU and requests a second for each size of batch, the rounds interleaved."""
    found: list[Figure] = []
    cores = os.sched_getaffinity(0)
    with TemporaryDirectory(prefix="perfkit-bench-") as name:
        folder = Path(name)
        batches = _batches(folder)
        with _servers(folder) as (floor, ours, key):
            os.sched_setaffinity(0, {CLIENT_CORE} & cores or cores)
            try:
                for count, most in SAMPLES.items():
                    sides: dict[int, list[tuple[float, float]]] = {floor[0]: [], ours[0]: []}
                    for _ in range(ROUNDS):
                        for pid, port in (floor, ours):
                            sides[pid].append(_round(pid, port, key, batches[count]))
                    found += _figures(count, most, sides[ours[0]], sides[floor[0]])
                    found.append(_least(count, batches[count][0], sides[floor[0]]))
            finally:
                os.sched_setaffinity(0, cores)
    return found


def _least(count: int, body: bytes, floor: list[tuple[float, float]]) -> Figure:
    """Return what the calls cost that every batch takes."""
    decode = msgspec.json.Decoder(Line).decode_lines
    pack = zstd.ZstdCompressor(level=1).compress
    spans = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS):
            text = zstd.decompress(body)
            decode(text)
            hashlib.sha256(text).digest()
            pack(text, zstd.ZstdCompressor.FLUSH_FRAME)
        spans.append((time.process_time() - began) / CALLS)
    return compared(
        SECTION,
        f"unpack, decode, hash, pack {count} samples",
        "bare aiohttp",
        ratios(spans, [cpu for cpu, _ in floor]),
        note=f"{1000 * median(spans):.3f} ms, without HTTP",
    )


def _figures(
    count: int, most: float, ours: list[tuple[float, float]], floor: list[tuple[float, float]]
) -> list[Figure]:
    against = "bare aiohttp"
    costs = [[cpu * 1000 for cpu, _ in side] for side in (ours, floor)]
    rates = [[rate for _, rate in side] for side in (ours, floor)]
    note = f"{median(costs[0]):.3f} ms against {median(costs[1]):.3f} ms"
    figures = [
        compared(
            SECTION,
            f"upload of {count} samples, CPU",
            against,
            ratios(*costs),
            bar=at_most(most),
            note=note,
        )
    ]
    note = f"{median(rates[0]):.0f}/s against {median(rates[1]):.0f}/s"
    bar = at_least(0.55) if count == 1 else None
    what = f"upload of {count} samples, requests/s"
    return [*figures, compared(SECTION, what, against, ratios(*rates), bar=bar, note=note)]
