"""Interfaces, disks and file systems: expected values are arithmetic by hand."""

import pytest

from perfkit.derive import Gap, NetRates, Reason
from perfkit.derive.devices import disk_rows, file_system_rows, net_rows
from perfkit.model import DiskStats, FileSystem, NetDev

NET_FIELDS = NetDev.__struct_fields__
OLD_DISK_FIELDS = DiskStats.__struct_fields__[:11]  # until Linux 4.17


def net(start: int, step: int = 0) -> NetDev:
    return NetDev(**{name: start + place * step for place, name in enumerate(NET_FIELDS)})


def disk(**counters: int) -> DiskStats:
    return DiskStats(**{**dict.fromkeys(DiskStats.__struct_fields__, 0), **counters})


def test_each_counter_of_an_interface_lands_in_its_rate():
    gaps: list[Gap] = []
    # Counter n of the file gains 1024 n in 4 s: 256 n a second, n/4 kB a second where bytes.
    rows = net_rows({"eth0": net(7)}, {"eth0": net(7, 1024)}, 4.0, gaps)
    assert rows == {
        "eth0": NetRates(
            rx_kb_per_second=0,
            rx_packets_per_second=256,
            rx_errors_per_second=2 * 256,
            rx_drops_per_second=3 * 256,
            rx_fifo_per_second=4 * 256,
            rx_frame_per_second=5 * 256,
            rx_compressed_per_second=6 * 256,
            rx_multicast_per_second=7 * 256,
            tx_kb_per_second=8 / 4,
            tx_packets_per_second=9 * 256,
            tx_errors_per_second=10 * 256,
            tx_drops_per_second=11 * 256,
            tx_fifo_per_second=12 * 256,
            collisions_per_second=13 * 256,
            tx_carrier_per_second=14 * 256,
            tx_compressed_per_second=15 * 256,
        )
    }
    assert gaps == []


@pytest.mark.parametrize("counter", NET_FIELDS)
def test_reset_of_an_interface_is_not_a_rate(counter: str):
    gaps: list[Gap] = []
    after = NetDev(**{name: 6 if name == counter else 8 for name in NET_FIELDS})
    rows = net_rows({"eth0": net(7), "lo": net(7)}, {"eth0": after, "lo": net(7)}, 1.0, gaps)
    assert list(rows) == ["lo"]
    assert gaps == [Gap(table="net", device="eth0", reason=Reason.WENT_BACK, counters=(counter,))]


def test_an_interface_that_comes_or_goes_has_no_row():
    gaps: list[Gap] = []
    rows = net_rows({"veth1": net(7), "lo": net(7)}, {"lo": net(7), "veth2": net(0)}, 1.0, gaps)
    assert list(rows) == ["lo"]
    assert [str(gap) for gap in gaps] == [
        "net veth2: new since the sample before",
        "net veth1: gone since the sample before",
    ]


def test_each_counter_of_a_disk_lands_in_its_rate():
    gaps: list[Gap] = []
    after = disk(
        reads=10,
        reads_merged=2,
        read_sectors=160,
        read_ms=50,
        writes=20,
        writes_merged=4,
        write_sectors=640,
        write_ms=200,
        in_flight=3,
        io_ms=500,
        weighted_io_ms=3000,
        discards=30,
        discards_merged=6,
        discard_sectors=1000,
        discard_ms=350,
        flushes=4,
        flush_ms=12,
    )
    row = disk_rows({"sda": disk()}, {"sda": after}, 2.0, gaps)["sda"]
    assert (row.reads_per_second, row.writes_per_second, row.discards_per_second) == (5, 10, 15)
    assert row.transfers_per_second == 30
    assert (row.read_sectors_per_second, row.written_sectors_per_second) == (80, 320)
    assert row.discarded_sectors_per_second == 500
    assert (row.read_kb_per_second, row.written_kb_per_second) == (40, 160)
    assert row.discarded_kb_per_second == 250
    assert (row.merged_reads_per_second, row.merged_writes_per_second) == (1, 2)
    assert row.flushes_per_second == 2
    assert row.request_kb == 15  # 1800 sectors of half a kB in 60 requests
    assert row.wait_ms == 10  # 600 ms in 60 requests
    assert (row.read_wait_ms, row.write_wait_ms, row.flush_wait_ms) == (5, 10, 3)
    assert row.discard_wait_ms == 350 / 30
    assert row.queue_length == 1.5  # 3 s of waiting in 2 s
    assert row.util_percent == 25  # half a second of 2 s
    assert gaps == []


def test_an_old_kernel_counts_no_discards():
    old = DiskStats(**dict.fromkeys(OLD_DISK_FIELDS, 0))
    new = DiskStats(**{**dict.fromkeys(OLD_DISK_FIELDS, 0), "reads": 4, "read_ms": 6})
    gaps: list[Gap] = []
    row = disk_rows({"sda": old}, {"sda": new}, 1.0, gaps)["sda"]
    assert (row.transfers_per_second, row.wait_ms) == (4, 1.5)
    assert row.discards_per_second is None
    assert row.discarded_kb_per_second is None
    assert row.flushes_per_second is None
    assert gaps == []


def test_a_mean_of_no_requests_is_absent():
    row = disk_rows({"sda": disk()}, {"sda": disk()}, 1.0, [])["sda"]
    assert (row.transfers_per_second, row.queue_length, row.util_percent) == (0, 0, 0)
    assert {row.request_kb, row.wait_ms, row.read_wait_ms, row.flush_wait_ms} == {None}


def test_reset_of_a_disk_is_not_a_rate():
    gaps: list[Gap] = []
    rows = disk_rows(
        {"sda": disk(reads=5, read_ms=9)}, {"sda": disk(writes=4, read_ms=1)}, 1.0, gaps
    )
    assert rows == {}
    assert gaps == [
        Gap(table="disk", device="sda", reason=Reason.WENT_BACK, counters=("reads", "read_ms"))
    ]


@pytest.mark.parametrize(
    ("counter", "lost"),
    [
        ("read_ms", {"wait_ms", "read_wait_ms"}),
        ("write_ms", {"wait_ms", "write_wait_ms"}),
        ("discard_ms", {"wait_ms", "discard_wait_ms"}),
        ("flush_ms", {"flush_wait_ms"}),
        ("io_ms", {"util_percent"}),
        ("weighted_io_ms", {"queue_length"}),
    ],
)
def test_a_time_that_wraps_costs_what_is_made_of_it(counter: str, lost: set[str]):
    gaps: list[Gap] = []
    requests = {"reads": 1, "writes": 1, "discards": 1, "flushes": 1}
    row = disk_rows({"sda": disk(**{counter: 2**32 - 1})}, {"sda": disk(**requests)}, 1.0, gaps)[
        "sda"
    ]
    assert {name for name in row.__struct_fields__ if getattr(row, name) is None} == lost
    assert [(gap.counters, gap.is_partial) for gap in gaps] == [((counter,), True)]


def mounted(**numbers: int) -> FileSystem:
    there = {"block_size": 4096, "blocks_total": 0, "blocks_free": 0, "blocks_available": 0}
    return FileSystem(mount_point="/", **{**there, **numbers})


def test_room_on_a_file_system():
    rows = file_system_rows(
        [
            mounted(
                blocks_total=1024,
                blocks_free=768,
                blocks_available=512,
                inodes_total=200,
                inodes_free=150,
            )
        ]
    )
    use = rows["/"]
    assert (use.block_size_bytes, use.total_blocks, use.available_blocks) == (4096, 1024, 512)
    assert (use.use_percent, use.user_used_percent, use.used_percent) == (50, 50, 25)
    assert (use.free_mb, use.used_mb) == (3, 1)
    assert (use.inodes_free, use.inodes_used, use.inodes_used_percent) == (150, 50, 25)
    assert file_system_rows(None) == {}


@pytest.mark.parametrize(
    ("total", "available", "use"),
    [
        (1000, 995, 1),  # 0.5 %: half up
        (1000, 996, 0),
        (1000, 985, 2),  # 1.5 %
        (2**63, 2**63 - 2**54, 0),  # no float has these digits
        (0, 0, 0),
    ],
)
def test_use_is_a_whole_number_rounded_half_up(total: int, available: int, use: int):
    row = file_system_rows([mounted(blocks_total=total, blocks_available=available)])["/"]
    assert row.use_percent == use
    assert (row.used_percent is None) == (total == 0)


@pytest.mark.parametrize(("total", "free"), [(None, None), (0, 0)], ids=["not taken", "none"])
def test_inodes_may_be_absent(total: int | None, free: int | None):
    row = file_system_rows([mounted(inodes_total=total, inodes_free=free)])["/"]
    assert row.inodes_used_percent is None
