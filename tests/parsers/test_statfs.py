import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.errors import ParseError
from perfkit.model import FileSystem
from perfkit.parsers import statfs

PROC = Path(__file__).parents[2] / "fixtures" / "proc"
HOSTS = sorted(PROC.glob("*/*/statfs"))
COUNTERS = st.integers(0, 2**64 - 1)


def line(mount_point: str = "/", **counts: object) -> bytes:
    known = {"block_size": 4096, "blocks_total": 10, "blocks_free": 7, "blocks_available": 6}
    text = json.dumps({"mount_point": mount_point, **known, **counts}, separators=(",", ":"))
    return text.encode() + b"\n"


def test_each_key_lands_in_its_field():
    text = (
        b'{"mount_point":"/var","block_size":11,"blocks_total":12,"blocks_free":13,'
        b'"blocks_available":14,"inodes_total":15,"inodes_free":16}\n'
    )
    want = FileSystem(
        mount_point="/var",
        block_size=11,
        blocks_total=12,
        blocks_free=13,
        blocks_available=14,
        inodes_total=15,
        inodes_free=16,
    )
    assert statfs.parse(text) == [want]


@pytest.mark.parametrize(
    ("inodes", "free"),
    [pytest.param({}, None, id="original"), pytest.param({"inodes_free": 3}, 3, id="with-inodes")],
)
def test_keys_by_recorder(inodes: dict[str, int], free: int | None):
    assert statfs.parse(line("/", **inodes, a_later_one=[1]))[0].inodes_free == free


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            line() + b"{}\n",
            (
                "statfs:2: expected an object of one mount: "
                "Object missing required field `mount_point`: b'{}'"
            ),
        ),
        (
            (
                b'{"mount_point":"/","block_size":-1,"blocks_total":1,"blocks_free":1,'
                b'"blocks_available":1}\n'
            ),
            (
                "statfs:1: expected block_size from 0 to 2^64-1, found -1: "
                'b\'{"mount_point":"/","block_size":-1,"blocks_total":1,"blocks_\'…'
            ),
        ),
        (
            b"[" * 100_000,
            (
                "statfs:1: expected an object of one mount: Expected `object`, got `array`: "
                f"b'{'[' * 60}'…"
            ),
        ),
        (
            b'{"new":' + b"[" * 100_000,
            (
                "statfs:1: expected an object of one mount: it is nested too deep: "
                f"b'{{\"new\":{'[' * 53}'…"
            ),
        ),
    ],
)
def test_says_where_and_why(text: bytes, message: str):
    with pytest.raises(ParseError) as caught:
        statfs.parse(text)
    assert str(caught.value) == message


@given(st.text(st.characters(codec="utf-8")), st.lists(COUNTERS, min_size=4, max_size=4))
def test_any_mount_and_counts_read_back(mount_point: str, counts: list[int]):
    keys = ("block_size", "blocks_total", "blocks_free", "blocks_available")
    parsed = statfs.parse(line(mount_point, **dict(zip(keys, counts, strict=True))))
    assert [getattr(parsed[0], key) for key in keys] == counts
    assert parsed[0].mount_point == mount_point


@given(st.binary(max_size=200))
@example(line().replace(b"4096", b"1_0"))
@example(line().replace(b'"/"', b'"\\ud800"'))
@example(line().rstrip() + line())
def test_any_bytes_parse_or_raise_parse_error(data: bytes):
    with suppress(ParseError):
        statfs.parse(data)


@pytest.mark.parametrize("path", HOSTS, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_reads_every_recorded_host(path: Path):
    # json is another program: what it reads is what we want.
    want = [json.loads(text) for text in path.read_bytes().splitlines()]
    parsed = statfs.parse(path.read_bytes())
    assert [mount.mount_point for mount in parsed] == [mount["mount_point"] for mount in want]
    assert [mount.blocks_free for mount in parsed] == [mount["blocks_free"] for mount in want]


def test_hosts_were_recorded():
    assert HOSTS


def test_a_byte_that_is_not_utf_8_becomes_one_mark():
    text = line("/mnt/AB").replace(b"AB", b"\xff\xe2\x82")
    assert statfs.parse(text)[0].mount_point == "/mnt/\ufffd\ufffd\ufffd"


def test_a_host_without_disks_has_no_file_systems():
    assert statfs.parse(b"") == []


def test_two_objects_on_a_line_are_refused():
    with pytest.raises(ParseError, match=r"^statfs:1: .*trailing characters"):
        statfs.parse(line().rstrip() + line())
