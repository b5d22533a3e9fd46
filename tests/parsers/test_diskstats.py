from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.errors import ParseError
from perfkit.model import DiskStats
from perfkit.parsers import diskstats

HOSTS = sorted(Path(__file__).parents[2].glob("fixtures/proc/*/*/diskstats"))
COUNTERS = st.integers(0, 2**64 - 1)


def line(*counters: int) -> bytes:
    return b"   8       0 sda " + b" ".join(b"%d" % n for n in counters) + b"\n"


def test_each_counter_lands_in_its_field():
    want = DiskStats(
        reads=11,
        reads_merged=12,
        read_sectors=13,
        read_ms=14,
        writes=15,
        writes_merged=16,
        write_sectors=17,
        write_ms=18,
        in_flight=19,
        io_ms=20,
        weighted_io_ms=21,
        discards=22,
        discards_merged=23,
        discard_sectors=24,
        discard_ms=25,
        flushes=26,
        flush_ms=27,
    )
    assert diskstats.parse(line(*range(11, 28))) == {"sda": want}


@pytest.mark.parametrize(
    ("columns", "discards", "flushes"),
    [
        pytest.param(11, None, None, id="linux-4.17"),
        pytest.param(15, 12, None, id="linux-4.18"),
        pytest.param(17, 12, 16, id="linux-5.5"),
        pytest.param(30, 12, 16, id="newer"),
    ],
)
def test_columns_by_kernel(columns: int, discards: int | None, flushes: int | None):
    disk = diskstats.parse(line(*range(1, columns + 1)))["sda"]
    assert (disk.weighted_io_ms, disk.discards, disk.flushes) == (11, discards, flushes)


def test_partition_of_linux_2_6_24_is_passed_over():
    # Its four numbers count requests, not I/O as the disk's eleven do.
    text = b"   3    0 hda 1 2 3 4 5 6 7 8 9 10 11\n   3    1 hda1 30211 1100010 62010 496080\n"
    assert list(diskstats.parse(text)) == ["hda"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            line(*range(11)) + b"   8 1 sda1 1 2 3 4 5 6\n",
            "diskstats:2: expected 14 columns or more, found 9: b'   8 1 sda1 1 2 3 4 5 6'",
        ),
        (
            b" 8 0 sda 1 2 3 4 5 -6 7 8 9 10 11\n",
            (
                "diskstats:1: expected a number from 0 to 2^64-1, found b'-6': "
                "b' 8 0 sda 1 2 3 4 5 -6 7 8 9 10 11'"
            ),
        ),
        (
            b" 8 0 sda 1 2 3 4 5 6 7 8 -9223372036854775809 10 11\n",
            (
                "diskstats:1: expected a number from -2^63 to 2^64-1, "
                "found b'-9223372036854775809': "
                "b' 8 0 sda 1 2 3 4 5 6 7 8 -9223372036854775809 10 11'"
            ),
        ),
    ],
)
def test_says_where_and_why(text: bytes, message: str):
    with pytest.raises(ParseError) as caught:
        diskstats.parse(text)
    assert str(caught.value) == message


@given(st.lists(COUNTERS, min_size=11, max_size=17))
def test_any_counters_read_back(counters: list[int]):
    disk = diskstats.parse(line(*counters))["sda"]
    values = [getattr(disk, field) for field in DiskStats.__struct_fields__]
    assert values == counters + [None] * (17 - len(counters))


@given(st.integers(-(2**63), -1))
def test_requests_in_flight_may_be_below_zero(in_flight: int):
    counters = (1, 2, 3, 4, 5, 6, 7, 8, in_flight, 10, 11)
    assert diskstats.parse(line(*counters))["sda"].in_flight == in_flight


@given(st.binary(max_size=200))
@example(b"8 0 sda" + b" 1_0" * 11)
def test_any_bytes_parse_or_raise_parse_error(data: bytes):
    with suppress(ParseError):
        diskstats.parse(data)


@pytest.mark.parametrize("path", HOSTS, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_reads_every_recorded_host(path: Path):
    assert diskstats.parse(path.read_bytes())


def test_hosts_were_recorded():
    assert HOSTS


def test_names_are_kept_whatever_they_hold():
    text = (HOSTS[0].parents[2] / "odd-names" / "0" / "diskstats").read_bytes()
    disks = diskstats.parse(text)
    assert list(disks) == [
        *("nvme0n1", "nvme0n1p1", "sda", "cciss!c0d0", 'a"b', "c\\d", "e,f]"),
        *("\ufffd\ufffd", "dm-0"),
    ]
    assert disks["nvme0n1"].reads == 2**63 - 1
    assert (disks["nvme0n1p1"].reads, disks["nvme0n1p1"].reads_merged) == (2**63, 2**64 - 1)
    assert disks["sda"].in_flight == -3


def test_devices_keep_the_order_of_the_file():
    text = line(*range(11)).replace(b"sda", b"sdb") + line(*range(11))
    assert list(diskstats.parse(text)) == ["sdb", "sda"]


def test_a_host_without_disks_has_none():
    assert diskstats.parse(b"") == {}


def test_last_line_without_its_newline_counts():
    assert diskstats.parse(line(*range(11)).rstrip()) == diskstats.parse(line(*range(11)))
