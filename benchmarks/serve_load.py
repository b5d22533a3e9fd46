"""A fleet against one `perfkit serve`: many machines that upload, readers beside them, an outage.

    python benchmarks/serve_load.py                       1,000 machines, 20 readers, 2 minutes
    python benchmarks/serve_load.py --minutes 15 --preload 1000

Each machine samples every 10 s and sends 6 samples a minute, spread evenly; each reader asks for
lists, runs, latest figures, a panel of 24 h and an export, and waits a second.  Then all machines
have been without the server for a while, and send what they kept at once.  A client honours
Retry-After, as the collector does.  All of it runs on this machine: the clients take their part of
its CPU, and the figures show both.
"""

import argparse
import asyncio
import http.client
import itertools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
import uuid
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Self
from urllib.parse import urlsplit

import aiohttp

import host
from own_samples import Sample, recorded
from perfkit.store.engines.duckdb.engine import DuckEngine

MIB = 1024 * 1024
Batch = tuple[bytes, dict[str, str], int]
"""A packed body, its headers, and how many lines it has."""

PRELOADED = 120
"""Samples of a batch before the load begins."""

BATCH = 6
PERIOD = 10
READS = (
    "/api/v1/machines?limit=100",
    "/api/v1/machines/{machine}/runs",
    "/api/v1/machines/{machine}/latest",
    "/api/v1/machines/{machine}/series/cpu?points=500",
    "/api/v1/machines/{machine}/export?start={start}",
)


@dataclass
class Tally:
    """What happened so far."""

    uploads: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    lines: int = 0


class Machine:
    """One collector.

    Args:
        number: Which.
        samples: What it sends, over and over, each time as of now.
    """

    def __init__(self, number: int, samples: list[Sample]) -> None:
        self.identifier = f"load-{number:04}"
        self._run = str(uuid.uuid4())
        self._position = 0
        self.tick = int(time.time()) - 86_400
        """Time of its newest sample."""

        self._samples = itertools.cycle(samples)

    def batch(self, count: int) -> Batch:
        """Return the next samples packed, their headers, and how many lines they are."""
        lines: list[bytes] = []
        for _ in range(count):
            self.tick += PERIOD
            lines += next(self._samples).at(self.tick)
        headers = {"Perfkit-Run": self._run, "Perfkit-Position": str(self._position)}
        self._position += len(lines)
        packer = zlib.compressobj(1, wbits=31)
        return packer.compress(b"".join(lines)) + packer.flush(), headers, len(lines)


class Fleet:
    """All clients of one server.

    Args:
        url: The server's.
        keys: Its first keys.
        tally: Takes what happens.
    """

    def __init__(self, url: str, keys: dict[str, str], tally: Tally) -> None:
        self._url = url
        self._ingest = {"Authorization": f"Bearer {keys['ingest_key']}"}
        self._read = {"Authorization": f"Bearer {keys['read_key']}"}
        self._tally = tally
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the connections' pool."""
        self._session = aiohttp.ClientSession(
            self._url, connector=aiohttp.TCPConnector(limit=0), auto_decompress=False
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        if self._session is not None:
            await self._session.close()

    async def send(self, machine: Machine, batch: Batch) -> None:
        """Upload a batch; come again where the server says so."""
        body, headers, lines = batch
        while True:
            began = time.perf_counter()
            status, answer, retry = await self._ask(
                "POST", f"/v1/upload?machine_id={machine.identifier}", self._ingest | headers, body
            )
            if status in (429, 503):
                self._tally.statuses[f"upload {status}, sent again"] += 1
                await asyncio.sleep(retry * (0.5 + random.random()))  # noqa: S311 - jitter
                continue
            self._tally.uploads.append(time.perf_counter() - began)
            self._tally.statuses[f"upload {status}"] += 1
            if status == 200 and json.loads(answer)["lines"] == lines:
                self._tally.lines += lines
            else:
                self._tally.statuses["upload not stored"] += 1
            return

    async def stream(self, machine: Machine, first: float, end: float) -> None:
        """Send a batch each minute from `first` on."""
        for at in itertools.count(first, BATCH * PERIOD):
            if at >= end:
                return
            await asyncio.sleep(at - time.monotonic())
            await self.send(machine, machine.batch(BATCH))

    async def reading(self, machines: list[Machine], end: float) -> None:
        """Ask one thing after the other."""
        for path in itertools.cycle(READS):
            if time.monotonic() >= end:
                return
            place = random.randrange(len(machines))  # noqa: S311 - a load, no secret
            began = time.perf_counter()
            asked = path.format(machine=place + 1, start=machines[place].tick - 600)
            status, _, _ = await self._ask("GET", asked, self._read)
            self._tally.reads.append(time.perf_counter() - began)
            self._tally.statuses[f"read {status}"] += 1
            await asyncio.sleep(1)

    async def loaded(self, machines: int) -> None:
        """Wait until the last machine's newest sample is among its rows."""
        path = f"/api/v1/machines/{machines}"
        while True:
            _, shown, _ = await self._ask("GET", path, self._read)
            newest = json.loads(shown)["last_seen"]
            query = f"{path}/stats/memory?start={newest - 60:.0f}&end={newest + 1:.0f}"
            status, found, _ = await self._ask("GET", query, self._read)
            if status == 200 and json.loads(found):
                return
            await asyncio.sleep(1)

    async def _ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> tuple[int, bytes, float]:
        if self._session is None:
            raise RuntimeError("the pool is not open")
        async with self._session.request(method, path, headers=headers, data=body) as response:
            retry = float(response.headers.get("Retry-After", "0"))
            return response.status, await response.read(), retry


@contextmanager
def watching(url: str, pid: int, tally: Tally) -> Iterator[None]:
    """Ask whether the server is well ten times a second, from a process of its own."""
    words = [sys.executable, __file__, "--probe", url, "--pid", str(pid)]
    with TemporaryFile() as told:  # a pipe that nobody reads would stop the probe once it is full
        probe = subprocess.Popen(words, stdout=told)
        try:
            yield
        finally:
            probe.terminate()
            probe.wait()
            told.seek(0)
            # The line that the end cut is no measurement.
            for line in told.read().rpartition(b"\n")[0].splitlines():
                seconds, rss = line.split()
                tally.health.append(float(seconds))
                tally.rss.append(int(rss))


def watch(url: str, pid: int) -> None:
    """Print how long an answer took and how big the server is, until ended."""
    netloc = urlsplit(url).netloc
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    connection = http.client.HTTPConnection(netloc, timeout=60)
    while True:
        began = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        answered = time.perf_counter() - began
        pages = int((host.PROC / str(pid) / "statm").read_text().split()[1])
        print(answered, pages * resource.getpagesize(), flush=True)
        time.sleep(0.1)


async def load(options: argparse.Namespace, folder: Path) -> int:
    """Run the fleet, print what was measured, and return 1 where anything failed."""
    data = folder / "data"
    child = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs yet
        host.perfkit("serve", "--listen", "127.0.0.1:0", "--data-dir", str(data)),
        stderr=subprocess.PIPE,
        env=host.environment(),
    )
    try:
        url = _url(child)
        keys = json.loads((data / "first-run.json").read_bytes())
        samples = recorded(folder)
        machines = [Machine(number, samples) for number in range(options.machines)]
        steady, outage = Tally(), Tally()
        await _preload(url, keys, machines, options.preload)
        with watching(url, child.pid, steady):
            async with Fleet(url, keys, steady) as fleet:
                before = host.tree_cpu_ns(child.pid)
                earlier = _own_cpu()
                began = time.monotonic()
                end = began + options.minutes * 60
                step = BATCH * PERIOD / options.machines
                await asyncio.gather(
                    *(fleet.stream(one, began + at * step, end) for at, one in enumerate(machines)),
                    *(fleet.reading(machines, end) for _ in range(options.readers)),
                )
                seconds = time.monotonic() - began
                cpu = (host.tree_cpu_ns(child.pid) - before) / 1e9
        _show("steady", steady)
        clients = _own_cpu() - earlier
        print(
            f"  server CPU {cpu / seconds:.2f} cores, clients {clients / seconds:.2f};"
            f" load average {os.getloadavg()[0]:.2f}",
            flush=True,
        )
        kept = [(one, one.batch(options.outage // PERIOD)) for one in machines]
        with watching(url, child.pid, outage):
            async with Fleet(url, keys, outage) as fleet:
                began = time.monotonic()
                await asyncio.gather(*(fleet.send(one, batch) for one, batch in kept))
                catching_up = time.monotonic() - began
    finally:
        host.end(child)
    _show(f"after {options.outage} s without the server", outage)
    print(f"  all {options.machines} accepted after {catching_up:.1f} s")
    print(f"  {_rows(data, keys['tenant_id']) / 1e6:.1f} M rows in the store")
    bad = [
        status
        for tally in (steady, outage)
        for status in tally.statuses
        if "not stored" in status or status.split()[1][0] == "5"
    ]
    return 1 if any("again" not in status for status in bad) else 0


async def _preload(url: str, keys: dict[str, str], machines: list[Machine], samples: int) -> None:
    """Send so many samples of each machine, and wait until they are rows."""
    if not samples:
        return
    began = time.monotonic()
    turns = asyncio.Semaphore(8)
    tally = Tally()
    async with Fleet(url, keys, tally) as fleet:

        async def fill(machine: Machine) -> None:
            for _ in range(0, samples, PRELOADED):
                async with turns:
                    await fleet.send(machine, machine.batch(PRELOADED))

        await asyncio.gather(*map(fill, machines))
        await fleet.loaded(len(machines))
    seconds = time.monotonic() - began
    print(f"before: {tally.lines} lines stored and loaded in {seconds:.0f} s")


def _rows(data: Path, tenant: str) -> int:
    """Return how many rows the ended server has left."""
    engine = DuckEngine(data)
    rows = engine.usage(uuid.UUID(tenant)).rows
    engine.close()
    return rows


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _url(child: "subprocess.Popen[bytes]") -> str:
    while child.stderr is not None and (said := child.stderr.readline()):
        if b"serving on " in said:
            return said.split(b"serving on ")[1].split(b",")[0].decode()
    raise host.ChildFailedError("perfkit serve ended before it served")


def _show(what: str, tally: Tally) -> None:
    print(f"{what}: {tally.lines} lines stored; {dict(sorted(tally.statuses.items()))}")
    for name, times in (
        ("uploads", tally.uploads),
        ("reads", tally.reads),
        ("healthz", tally.health),
    ):
        if len(times) > 1:
            cuts = [1000 * cut for cut in quantiles(times, n=100, method="inclusive")]
            print(
                f"  {name:8} {len(times):7}  p50 {cuts[49]:7.1f}  p95 {cuts[94]:7.1f}"
                f"  p99 {cuts[98]:7.1f}  max {1000 * max(times):7.1f} ms"
            )
    if tally.rss:
        quarter = max(1, len(tally.rss) // 4)
        parts = [tally.rss[at : at + quarter] for at in range(0, len(tally.rss), quarter)][:4]
        most = ", ".join(f"{max(part) / MIB:.0f}" for part in parts)
        print(f"  RSS {tally.rss[-1] / MIB:.0f} MiB at last; most of each quarter {most} MiB")


def main() -> int:
    """Measure, and return the exit code."""
    parser = argparse.ArgumentParser(description="Put a fleet's load on one perfkit serve.")
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--preload", type=int, default=0, help="samples of each machine before")
    parser.add_argument("--outage", type=int, default=600, help="seconds without the server")
    parser.add_argument("--probe", metavar="URL", help="only ask whether this server is well")
    parser.add_argument("--pid", type=int, default=0, help="of that server")
    options = parser.parse_args()
    if options.probe:
        watch(options.probe, options.pid)
    with TemporaryDirectory(prefix="perfkit-bench-") as name:
        return asyncio.run(load(options, Path(name)))


if __name__ == "__main__":
    sys.exit(main())
