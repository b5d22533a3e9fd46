"""What measured rows cost: loading them from the log, their room, queries, memory.

    python benchmarks/store.py                     all figures, about ten minutes
    python benchmarks/store.py --quick             a twelfth of the fleet, fewer machines

`beside_prometheus.py` tells how a fleet is loaded and its room counted.  Queries are of the
product's own `series` and `stats`, in process, of rows that were settled day by day; medians of
rounds after a first.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from uuid import UUID

import fleet
import host
from beside_prometheus import SECTION, TENANT, amount, apply, loading, mix
from figures import MIB, Figure, at_most, unmeasured
from fleet import PERIOD, Log
from perfkit.store.engines.duckdb.engine import DuckEngine
from perfkit.store.engines.tables import HOST, NET, Table
from real_hosts import CAPTURES

DEVICE = 1
"""Number of the device that made-up rows have: `eth0`, the first one that is named."""

DOCKER = "oci-ubuntu-amd-docker-cpuinfo"


def docker(samples: int) -> list[Figure]:
    """Load a real capture of a docker host, repeated as by ten machines, and settle it."""
    subject = "bytes a sample of the OCI docker capture, settled"
    path = CAPTURES / DOCKER / "capture.json"
    if not path.exists():
        why = f"no capture at {path.parent.name}"
        return [unmeasured(SECTION, subject, "", at_most(175), why)]
    lines = path.read_bytes().splitlines(keepends=True)
    ticks: dict[bytes, list[bytes]] = {}
    for line in lines:
        if b'"/proc/cpuinfo"' not in line[:70]:
            ticks.setdefault(line[13:23], []).append(line)
    texts = list(ticks.values())
    with TemporaryDirectory() as name:
        folder = Path(name)
        engine, log = DuckEngine(folder, threads=1), Log()
        cost = count = 0.0
        for start in range(0, samples, 30):
            batch = []
            for machine in range(10):
                found = []
                for tick in range(start, start + 30):
                    at = b'{"timestamp":%d' % (fleet.START + PERIOD * tick)
                    text = texts[(tick + machine) % len(texts)]
                    found += [at + line[23:] for line in text]
                batch.append(log.frame(machine, b"".join(found)))
            cost += apply(engine, batch)
            count += 300
        engine.settle(TENANT)
        room = engine.usage(TENANT).used_bytes / count
        engine.close()
    return [
        amount(subject, "", room, "B", at_most(175)),
        amount("loading such a sample", "CPU", cost / count * 1e6, "us"),
    ]


def fill(
    engine: DuckEngine,
    table: Table,
    machines: int,
    seconds: int,
    end: str = "",
    *,
    tenant: UUID = TENANT,
    after: int = 0,
) -> None:
    """Put made-up rows of every machine into a table, one every PERIOD seconds.

    Args:
        engine: Of the store.
        table: Which.
        machines: How many.
        seconds: How long.
        end: `_hot` for rows as they arrive, else they are in order.
        tenant: Whose.
        after: Seconds of the fleet's time that have passed before.
    """
    columns = ", ".join(
        "1690000000::UBIGINT"
        if column.name == "boot_time_seconds"
        else f"(tick * {5 + place} + (hash(tick * 31 + machine + {place}) % {5 + place}))::BIGINT"
        for place, column in enumerate(table.columns)
    )
    device = f", {DEVICE}" if table.device else ""
    order = "tick, machine" if end else "machine, tick"
    with engine._slots.using(tenant) as file, engine._instance.query(600) as cursor:  # noqa: SLF001
        cursor.execute(
            f"INSERT INTO {file.name}.{table.name}{end} SELECT machine, 1,"  # noqa: S608
            f" make_timestamp(({fleet.START} + tick * {PERIOD}) * 1000000::BIGINT)::TIMESTAMP_S,"
            f" NULL{device}, {columns} FROM range(1, {machines + 1}) m(machine),"
            f" range({after // PERIOD}, {(after + seconds) // PERIOD}) t(tick) ORDER BY {order}"
        )


def named(engine: DuckEngine, machines: int) -> None:
    """Make the machines, and a device, known to the engine."""
    log = Log()
    line = fleet.text(fleet.START - 10**6, fleet.numbers(0, 1)[0].tolist())
    apply(engine, [log.frame(machine, line) for machine in range(machines)])


def timed(ask: Callable[[], object], rounds: int = 15) -> tuple[float, float]:
    """Return median and 95th percentile of a query, in ms."""
    ask()
    spans = []
    for _ in range(rounds):
        before = time.perf_counter()
        ask()
        spans.append((time.perf_counter() - before) * 1000)
    spans.sort()
    return median(spans), spans[int(len(spans) * 0.95)]


def queries(machines: int, days: int) -> list[Figure]:
    """Ask for panels and percentiles of one machine among many, and over a long time."""
    day, begin = 86_400, fleet.START
    figures = []
    with TemporaryDirectory() as name:
        engine = DuckEngine(Path(name))
        named(engine, machines)
        fill(engine, HOST, machines, day, "_hot")
        engine.settle(TENANT)
        one = UUID(int=machines // 2)
        middle, slow = timed(lambda: engine.series(TENANT, one, "cpu", begin, begin + day, 500))
        subject = f"24 h of CPU of one machine among {machines}"
        figures.append(amount(subject, f"p95 {slow:.1f}", middle, "ms", at_most(10)))
        engine.close()
    with TemporaryDirectory() as name:
        engine = DuckEngine(Path(name))
        named(engine, 5)
        for passed in range(0, days * day, day):
            for table in (HOST, NET):
                fill(engine, table, 5, day, "_hot", after=passed)
            engine.settle(TENANT)
        one = UUID(int=3)
        for source in ("cpu", "memory", "net"):
            ask = partial(engine.series, TENANT, one, source, begin, begin + days * day, 500)
            middle, slow = timed(ask)
            bar = at_most(80)
            figures.append(amount(f"{days} days of {source}", f"p95 {slow:.1f}", middle, "ms", bar))

        def percentiles() -> int:
            asked = (
                engine.stats(TENANT, one, source, begin, begin + 7 * day)
                for source in ("cpu", "memory", "net")
            )
            return sum(map(len, asked))

        metrics = percentiles()
        middle, slow = timed(percentiles)
        subject = f"percentiles of {metrics} metrics over a week"
        figures.append(amount(subject, f"p95 {slow:.1f}", middle, "ms", at_most(150)))
        engine.close()
    return figures


def tenants(count: int) -> list[Figure]:
    """See what each tenant's open file takes of memory."""
    with TemporaryDirectory() as name:
        engine = DuckEngine(Path(name), threads=2)
        numbers = fleet.numbers(0, 600)
        lines = b"".join(
            fleet.text(fleet.START + PERIOD * at, row) for at, row in enumerate(numbers.tolist())
        )
        for number in range(count):
            engine.apply(UUID(int=number), [Log().frame(0, lines)], after=None)
        engine.close()
        before, after = map(int, child("tenants", name, str(count)))
    each = (after - before) / count / MIB
    return [amount(f"memory of each of {count} tenants", "RSS", each, "MiB", at_most(2))]


def limits(machines: int) -> list[Figure]:
    """See how far memory goes beyond the limit while a day is settled."""
    with TemporaryDirectory() as name:
        engine = DuckEngine(Path(name), threads=2)
        named(engine, machines)
        fill(engine, HOST, machines, 21_600, "_hot")
        engine.close()
        before, most = map(int, child("settle", name, "128MB"))
    beyond = (most - before - 128 * 10**6) / MIB
    rows = machines * 2160
    subject = f"beyond a memory_limit of 128 MB, settling {rows / 1e6:.1f} M rows"
    return [amount(subject, "peak RSS", beyond, "MiB", at_most(100))]


def child(*words: str) -> list[str]:
    """Run a part of this in a process of its own, and return the words that it prints."""
    command = [sys.executable, __file__, "--child", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def as_child(what: str, folder: str, more: str) -> None:
    """Do the part that is measured, and print memory before and after, in bytes."""
    limit = more if what == "settle" else "512MB"
    engine = DuckEngine(Path(folder), threads=2, memory_limit=limit)
    before = host.memory(os.getpid()).rss
    if what == "settle":
        engine.settle(TENANT)
        print(before, host.peak_rss(os.getpid()))
    else:
        for number in range(int(more)):
            engine.series(UUID(int=number), UUID(int=1), "cpu")
        print(before, host.memory(os.getpid()).rss)
    engine.close()


def measure(*, is_quick: bool = False) -> list[Figure]:
    """Return all figures."""
    return [
        *loading(12 if is_quick else 1, *mix()),
        *docker(1440 if is_quick else 8640),
        *queries(100 if is_quick else 1000, 30),
        *tenants(100),
        *limits(300 if is_quick else 1000),
    ]


def main() -> None:
    """Print the figures."""
    from run import show  # noqa: PLC0415 - it knows every section

    parser = argparse.ArgumentParser(description="Measure the store.")
    parser.add_argument("--quick", action="store_true", help="a part of everything")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        as_child(*given.child)
    else:
        show(measure(is_quick=given.quick))


if __name__ == "__main__":
    main()
