"""`derive` and the converter, which has its own arithmetic, agree on hosts where much goes wrong.

Made-up captures, the same each time: counters that fall, devices and CPUs that come and go, boots,
clocks that are set.  `--intervals all` has then a row where an interval has one, and no other.
"""

import csv
import random
from itertools import pairwise
from pathlib import Path

import pytest

from perfkit.capture.read import records
from perfkit.columns import CPU, DISK, FS, MEM, NET, Table
from perfkit.derive import Interval, interval
from perfkit.process.run import Options, process
from perfkit.record import Record, canonical_line
from perfkit.samples import samples

TICKS = 120
PERIOD = 5


class Host:
    """A host whose counters grow at random, and sometimes do not."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same host each time
        self.clock = 1_700_000_000
        self.booted = self.clock - 86_400
        self.cpus = {number: self.counters(8) for number in range(4)}
        self.nets = {name: self.counters(16) for name in ("lo", "eth0", "veth1")}
        self.disks = {name: self.counters(17) for name in ("sda", "sda1", "dm-0")}

    def counters(self, count: int) -> list[int]:
        # No more: the original takes differences of floats, which are exact to 1e-16 of the whole.
        return [self.random.randint(10_000, 10**6) for _ in range(count)]

    def tick(self) -> bytes:
        self.clock += PERIOD
        happens = self.random.random()
        if happens < 0.03:
            self.booted = self.clock - 2
        elif happens < 0.06:
            step = self.random.choice([-60, 90])
            self.clock += max(0, step)
            self.booted += step
        for kind in (self.cpus, self.nets, self.disks):
            for name in list(kind):
                self.grow(kind[name])
            if self.random.random() < 0.05:
                name = self.random.choice(list(kind))
                kind[name] = self.counters(len(kind[name]))  # another device of that name
        for kind, name in ((self.nets, "veth1"), (self.disks, "dm-0"), (self.cpus, 3)):
            if self.random.random() < 0.1:
                if name in kind:
                    del kind[name]
                else:
                    kind[name] = self.counters(len(next(iter(kind.values()))))
        return b"".join(map(canonical_line, self.records()))

    def grow(self, counters: list[int]) -> None:
        if self.random.random() < 0.2:
            return  # idle
        for place in range(len(counters)):
            counters[place] += self.random.choice([0, 1, 7, self.random.randint(0, 10**4)])

    def records(self) -> list[Record]:
        def numbers(values: list[int]) -> str:
            return " ".join(map(str, values))

        total = [sum(values) for values in zip(*self.cpus.values(), strict=True)]
        stat = [f"cpu  {numbers(total)} 0 0"]
        stat += [f"cpu{name} {numbers(values)} 0 0" for name, values in sorted(self.cpus.items())]
        stat += [f"btime {self.booted}", ""]
        net = ["Inter-| Receive", " face |bytes"]
        net += [f"{name}: {numbers(values)}" for name, values in self.nets.items()]
        disk = [f" 8 0 {name} {numbers(values)}" for name, values in self.disks.items()]
        free = self.random.randint(0, 3000)
        memory = f"MemTotal: 4000 kB\nMemFree: {free} kB\nCached: 900 kB\nSlab: 77 kB\n"
        room = (
            '{"mount_point":"/","block_size":4096,"blocks_total":1000,"blocks_free":700,'
            f'"blocks_available":{free // 4}}}\n'
        )
        texts = {
            "/proc/stat": "\n".join(stat),
            "/proc/meminfo": memory,
            "/proc/net/dev": "\n".join([*net, ""]),
            "/proc/diskstats": "\n".join([*disk, ""]),
            "statfs[*]": room,
        }
        return [Record(self.clock, name, text.encode()) for name, text in texts.items()]


@pytest.mark.parametrize("seed", range(6))
def test_rows_are_where_intervals_have_them(seed: int, tmp_path: Path):
    host = Host(seed)
    capture = tmp_path / "capture.json"
    capture.write_bytes(b"".join(host.tick() for _ in range(TICKS)))
    process(Options(capture=str(capture), output=tmp_path / "csv", every_interval=True))
    found = [interval(*pair) for pair in pairwise(samples(records(capture)))]
    gaps = [gap for each in found for gap in each.gaps]
    assert len({gap.reason for gap in gaps}) >= 4
    first = str(found[0].timestamp)
    for table in (CPU, MEM, NET, DISK, FS):
        theirs = converted(table, tmp_path / "csv" / str(table.csv_file))
        ours = derived(table, found)
        assert {place for place in theirs if place[0] >= first} == set(ours)
        for place, row in ours.items():
            known = {name: value for name, value in row.items() if value is not None}
            printed = {name: theirs[place][name] for name in known}
            # A share is compared on its scale, 100, as in the conformance test.
            assert known == pytest.approx(printed, rel=1e-9, abs=1e-7), (table.name, place)


def converted(table: Table, path: Path) -> dict[tuple[str, str], dict[str, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (row["#timestamp"], row[table.key] if table.key else ""): {
                column.name: float(row[column.name]) for column in table.csv_columns
            }
            for row in csv.DictReader(file)
        }


def derived(
    table: Table, found: list[Interval]
) -> dict[tuple[str, str], dict[str, float | str | None]]:
    return {
        (str(each.timestamp), key): {column.name: column.value(row) for column in table.csv_columns}
        for each in found
        for key, row in table.rows(each)
    }
