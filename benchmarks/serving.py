"""What `perfkit serve` takes to show a day of one machine among many, and to start after kill -9.

A day of made-up host rows of 1,000 machines stands settled in the store, and the server is asked
over HTTP, by one client, for the CPU of one machine after the other.  Then it takes in uploads as
fast as they come and is killed in the midst of them; the clock of its start runs from the new
process to its first answer with rows.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import fleet
import host
import store
from figures import Figure, at_most
from perfkit.client import Server
from perfkit.store.engines.duckdb.engine import DuckEngine
from perfkit.store.engines.tables import HOST

SECTION = "serve"
MACHINES = 1000
DAY = 86_400
PANELS = 100
POINTS = 500

KILLS = 3
BODIES = 400
"""Uploads before each kill."""

BODY_SAMPLES = 120


@contextmanager
def serving(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Give a server of a data folder and its address; it is ended if it still runs."""
    child = subprocess.Popen(
        host.perfkit("serve", "--listen", "127.0.0.1:0", "--data-dir", str(folder)),
        stderr=subprocess.PIPE,
        env=host.environment(),
    )
    try:
        while child.stderr is not None and (said := child.stderr.readline()):
            if b"serving on " in said:
                yield child, said.split(b"serving on ")[1].split(b",")[0].decode()
                return
        raise host.ChildFailedError("perfkit serve ended before it served")
    finally:
        host.end(child)


def keys_of(folder: Path) -> dict[str, str]:
    """Return the first keys of a data folder."""
    found: dict[str, str] = json.loads((folder / "first-run.json").read_bytes())
    return found


def known(folder: Path, machines: int) -> None:
    """Make the machines known: each sends one sample, of long ago."""
    line = fleet.text(fleet.START - 10**6, fleet.numbers(0, 1)[0].tolist())
    with (
        serving(folder) as (_, url),
        closing(Server(url, keys_of(folder)["ingest_key"])) as server,
    ):
        for number in range(1, machines + 1):
            server.upload(line, machine=f"m{number}")


def panels(folder: Path, machines: int) -> Figure:
    """Ask for a day of CPU of one machine after the other."""
    spans = []
    with (
        serving(folder) as (_, url),
        closing(Server(url, keys_of(folder)["read_key"])) as server,
    ):
        for number in range(PANELS + 5):
            path = f"/api/v1/machines/{1 + number * 7 % machines}/series/cpu"
            began = time.perf_counter()
            shown = server.get(path, start=fleet.START, end=fleet.START + DAY, points=POINTS)
            spans.append((time.perf_counter() - began) * 1000)
            if not (isinstance(shown, dict) and shown["series"]):
                raise host.ChildFailedError(f"{path}: expected rows, found none")
    spans = sorted(spans[5:])
    return Figure(
        section=SECTION,
        subject=f"24 h of CPU of one machine among {machines}, p95",
        against="through HTTP",
        value=spans[int(len(spans) * 0.95)],
        unit="ms",
        low=spans[0],
        high=spans[-1],
        bar=at_most(50),
        note=f"median {median(spans):.1f} ms",
    )


def starts(folder: Path) -> Figure:
    """Kill the server while it loads, and see how long the next one takes to answer."""
    keys = keys_of(folder)
    numbers = fleet.numbers(1, BODY_SAMPLES)
    lines = b"".join(
        fleet.text(fleet.START + fleet.PERIOD * at, row) for at, row in enumerate(numbers.tolist())
    )
    spans = []
    for _ in range(KILLS):
        with serving(folder) as (child, url):
            with closing(Server(url, keys["ingest_key"])) as server:
                for number in range(BODIES):
                    server.upload(lines, machine=f"m{1 + number}", run=str(uuid4()), position=0)
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        began = time.perf_counter()
        with (
            serving(folder) as (_, url),
            closing(Server(url, keys["read_key"])) as server,
        ):
            server.get("/api/v1/machines/3/series/cpu", start=fleet.START, end=fleet.START + DAY)
            spans.append(time.perf_counter() - began)
    return Figure(
        section=SECTION,
        subject="start after kill -9, to the first panel",
        against=f"{KILLS} kills amid uploads",
        value=max(spans),
        unit="s",
        low=min(spans),
        high=max(spans),
        bar=at_most(2),
    )


def measure(machines: int = MACHINES) -> list[Figure]:
    """Return both figures."""
    with TemporaryDirectory(prefix="perfkit-bench-") as name:
        folder = Path(name)
        known(folder, machines)
        engine = DuckEngine(folder)
        store.fill(engine, HOST, machines, DAY, tenant=UUID(keys_of(folder)["tenant_id"]))
        engine.close()
        return [panels(folder, machines), starts(folder)]


if __name__ == "__main__":
    from run import show

    show(measure())
