"""Lines of one shape taken together give what each gives when it is parsed by itself."""

import json
import random
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made import CAPTURES, line

from perfkit.store.bulk import Bulk
from perfkit.store.rows import Gathered, parsed

START = 1_700_000_000


class Ids:
    """A dictionary with room for so many names."""

    def __init__(self, room: int = 10**6) -> None:
        self.numbers: dict[tuple[str, str], int] = {}
        self.room = room

    def device(self, source: str, name: str) -> int | None:
        key = source, name
        if key not in self.numbers and len(self.numbers) >= self.room:
            return None
        return self.numbers.setdefault(key, len(self.numbers) + 1)


def taken(texts: list[bytes], bulk: Bulk | None, ids: Ids | None = None) -> tuple:
    """Return what these frames give, in an order of its own: facts, rows by name, findings."""
    ids = ids or Ids()
    gathered = Gathered(ids, bulk)
    facts = [gathered.add(7, run, text) for run, text in enumerate(texts)]
    rows = set()
    names = {}
    for block in gathered.blocks():
        names = {number: name for (_, name), number in ids.numbers.items()}
        for place, key in enumerate(block.keys.tolist()):
            device = key[4] if len(key) > 4 else ""
            if block.table.device == "dev":
                device = names[device]
            absent = block.absent[place].tolist() if block.absent is not None else []
            values = [
                None if absent and absent[column] else value
                for column, value in enumerate(block.values[place].tolist())
            ]
            rows.add((block.table.name, *key[:4], device, *values))
    found = {key: (each.lines, each.first, each.last) for key, each in gathered.findings.items()}
    return facts, rows, found


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.parent.name)
def test_a_real_capture_gives_the_same(capture):
    lines = capture.read_bytes().splitlines(keepends=True)
    frames = [b"".join(lines[start : start + 50]) for start in range(0, len(lines), 50)]
    bulk = Bulk(parsed)
    wanted = taken(frames, None)
    assert taken(frames, bulk) == wanted
    assert taken(frames, bulk) == wanted  # all shapes are known by now
    assert taken(frames[:1] + frames[-1:], bulk) == taken(frames[:1] + frames[-1:], None)


def test_shapes_of_a_real_capture_are_all_known():
    """What a kernel writes is never left to the slow way, or nobody would notice."""
    captures = [path for path in CAPTURES if "containers" not in path.parent.name]
    if not captures:
        pytest.skip("no captures of the original here")
    for capture in captures:
        lines = [each for each in capture.read_bytes().split(b"\n") if each]
        asked = [0]

        def counted(text: bytes, asked=asked):
            asked[0] += 1
            return parsed(text)

        gathered = Gathered(Ids(), Bulk(counted))
        gathered.add(1, 1, b"\n".join(lines))
        gathered.blocks()
        assert asked[0] <= 10  # of five sources: once for the shape, once for the names


SOURCES = {
    "/proc/stat": "cpu  10 0 5 900 3 0 1 0 0 0\ncpu0 10 0 5 900 3 0 1 0 0 0\nintr 5 0 0 9\nctxt 7\n"
    "btime 1600000000\nprocesses 3\nprocs_running 1\nprocs_blocked 0\nsoftirq 5 1 2 3\n",
    "/proc/meminfo": "MemTotal:       1000 kB\nMemFree:     77 kB\nSlab:  5 kB\nDirectMap4k: 9\n",
    "/proc/net/dev": "Inter-|\n face |bytes\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
    "veth09d1e: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n 0ab1: 1 2 3 4 5 6 7 8 9 1 1 2 3 4 5 6\n",
    "/proc/diskstats": "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n"
    " 253       0 dm-0 1 2 3 4 5 6 7 8 9 10 11\n   7  1 loop1 1 2 3 4\n",
    "statfs[*]": '{"mount_point":"/","block_size":4096,"blocks_total":7,"blocks_free":5,'
    '"blocks_available":4}\n{"mount_point":"/mnt/disk 7","block_size":1,"blocks_total":7,'
    '"blocks_free":5,"blocks_available":4,"inodes_total":9,"inodes_free":8}\n',
    "/proc/cpuinfo": "processor : 0\n",
}

ODD = ["007", "00", "-1", "+5", "1e5", "1.5", "", str(2**63), str(2**64 - 1), str(2**64), "9" * 30]
ODD += [str(2**63 - 1), " 1", "1 2", "\n8", "a1", "1a", "0x1", "\\u0031", "<1>", "\u20281", "é1"]


@st.composite
def text(draw) -> tuple[str, str]:
    """A source's text with other numbers, and now and then something odd in their place."""
    source = draw(st.sampled_from(list(SOURCES)))
    odd = draw(st.integers(0, 30))
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311 - hypothesis gives the seed
    count = [0]

    def other(found: re.Match[str]) -> str:
        count[0] += 1
        if count[0] == odd:
            return chance.choice(ODD)
        if chance.random() < 0.5:
            return found[0]
        return str(chance.choice([0, 7, 12, 12345, chance.randint(0, 2**40)]))

    return source, re.sub(r"(?<![a-z])[0-9]+", other, SOURCES[source])


@given(st.lists(text(), min_size=1, max_size=40), st.booleans())
@example([("/proc/net/dev", SOURCES["/proc/net/dev"])] * 5, False)
def test_any_numbers_give_the_same(texts, has_ns):
    # Of one source twice in a tick either may count.
    times = [START + [name for name, _ in texts[:n]].count(texts[n][0]) for n in range(len(texts))]
    lines = [
        line(at, source, body, at % 3 * 10**8 if has_ns else None)
        for at, (source, body) in zip(times, texts, strict=True)
    ]
    frames = [b"".join(lines[: len(lines) // 2]), b"".join(lines[len(lines) // 2 :]) * 4]
    bulk = Bulk(parsed)
    wanted = taken(frames, None)
    assert taken(frames, bulk) == wanted
    assert taken(frames, bulk) == wanted


@given(st.lists(st.tuples(st.integers(0, 5), st.binary(max_size=300)), max_size=8))
def test_any_bytes_give_the_same(pieces):
    heads = [
        b'{"timestamp":1700000000,"subsystem":"%s","measurement":"' % name.encode()
        for name in SOURCES
    ]
    lines = [heads[source] + body.replace(b"\n", b" ") + b'"}\n' for source, body in pieces]
    lines += [json.dumps({"timestamp": START, "x": 1}).encode() + b"\n"]
    frames = [b"".join(lines) * 5]
    # The log holds nothing but JSON: what is none is in no sample, or in one, as it comes.
    assert taken(frames, Bulk(parsed))[1:] == taken(frames, None)[1:]


@pytest.mark.parametrize("timestamp", [0, 999_999_999, 9_999_999_999, 253_402_300_799])
def test_any_time_gives_the_same(timestamp):
    lines = [line(timestamp, source, body) for source, body in SOURCES.items()] * 5
    frames = [b"".join(lines)]
    assert taken(frames, Bulk(parsed)) == taken(frames, None)


def test_names_that_differ_in_digits_alone_are_told_apart():
    lines = [
        line(START + n, "/proc/net/dev", SOURCES["/proc/net/dev"].replace("0ab1", f"{n % 3}ab1"))
        for n in range(20)
    ]
    frames = [b"".join(lines)]
    found = taken(frames, Bulk(parsed))
    assert found == taken(frames, None)
    assert len(found[1]) == 60


def test_devices_without_room_are_findings_either_way():
    frames = [
        b"".join(line(START + n, "/proc/net/dev", SOURCES["/proc/net/dev"]) for n in range(9))
    ]
    found = taken(frames, Bulk(parsed), Ids(room=1))
    assert found == taken(frames, None, Ids(room=1))
    assert len(found[1]) == 9


def test_more_shapes_than_are_known_at_a_time(monkeypatch):
    monkeypatch.setattr("perfkit.store.bulk._MOST_SHAPES", 2)
    monkeypatch.setattr("perfkit.store.bulk._MOST_NAMES", 2)
    lines = [
        line(START + n, source, body.replace("0ab1", f"{n}ab1"))
        for n in range(9)
        for source, body in SOURCES.items()
    ]
    frames = [b"".join(lines) * 4]
    bulk = Bulk(parsed)
    assert taken(frames, bulk) == taken(frames, None)
    assert taken(frames, bulk) == taken(frames, None)


def test_long_batches_are_cut():
    lines = [line(START + n, "/proc/diskstats", SOURCES["/proc/diskstats"]) for n in range(3000)]
    found = taken([b"".join(lines)], Bulk(parsed))
    assert found == taken([b"".join(lines)], None)
    assert len(found[1]) == 6000
