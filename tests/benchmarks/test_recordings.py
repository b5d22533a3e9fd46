"""Short recordings are made long without a counter going backwards or a gauge growing."""

import json
import struct

import pytest

import long_capture
import sa_file


def capture_line(moment: int, subsystem: str, measurement: str) -> str:
    record = {"timestamp": moment, "subsystem": subsystem, "measurement": measurement}
    return json.dumps(record, separators=(",", ":")) + "\n"


def capture() -> bytes:
    """Return three samples, +4 and +2 interrupts, memory falls, and the beginning of a fourth."""
    lines = [capture_line(100, "/proc/cpuinfo", "MHz 2000\n")]
    for moment, interrupts, free in ((100, 10, 700), (101, 14, 600), (102, 16, 500)):
        lines.append(capture_line(moment, "/proc/stat", f"cpu0 {interrupts} 7 100%\n"))
        lines.append(capture_line(moment, "/proc/meminfo", f"MemFree: {free} kB\n"))
    lines.append(capture_line(103, "/proc/stat", "cpu0 20 7 100%\n"))
    return "".join(lines).encode()


def test_a_capture_is_repeated_with_counters_that_go_on():
    text = b"".join(long_capture.lengthened(capture(), 7)).decode()
    records = [json.loads(line) for line in text.splitlines()]
    stat = [r for r in records if r["subsystem"] == "/proc/stat"]
    # a pass of three ticks adds 16 - 10 and a mean step of 3; time goes on by 3 s
    assert [r["timestamp"] for r in stat] == [100, 101, 102, 103, 104, 105, 106]
    counters = [int(r["measurement"].split()[1]) for r in stat]
    assert counters == [10, 14, 16, 19, 23, 25, 28]
    assert {r["measurement"].split()[2] for r in stat} == {"7"}
    free = [r["measurement"].split()[1] for r in records if r["subsystem"] == "/proc/meminfo"]
    assert free == ["700", "600", "500", "700", "600", "500", "700"]
    assert [r["timestamp"] for r in records if r["subsystem"] == "/proc/cpuinfo"] == [100]


def test_a_capture_whose_devices_change_is_refused():
    text = capture().replace(b"cpu0 14 7", b"cpu0 14 7 8")
    with pytest.raises(ValueError, match="same devices"):
        list(long_capture.lengthened(text, 7))


def sa_recording(*ticks: tuple[int, int, int]) -> bytes:
    """Return an sa file of one varying activity (interfaces) and one gauge (file systems)."""
    magic = sa_file.MAGIC + bytes(4) + struct.pack("<I", 60) + bytes(64)
    header = bytearray(60)
    struct.pack_into("<I", header, sa_file.ACTIVITY_COUNT_AT, 2)
    struct.pack_into("<I", header, sa_file.ACTIVITY_BYTES_AT, 36)
    struct.pack_into("<I", header, sa_file.RECORD_BYTES_AT, sa_file.RECORD.size)
    interfaces = struct.pack("<9I", 12, 0, 1, 1, 1, 20, 1, 0, 1)
    file_systems = struct.pack("<9I", 37, 0, 1, 1, 0, 8, 1, 0, 0)
    records = b""
    for moment, packets, free in ticks:
        records += sa_file.RECORD.pack(moment * 100, moment, 0, sa_file.STATISTICS, 0, 0, 0)
        records += struct.pack("<IQI8sQ", 1, packets, 1000, b"lo", free)
    return magic + bytes(header) + interfaces + file_systems + records


def test_an_sa_file_is_repeated_with_counters_that_go_on():
    data = sa_recording((100, 10, 700), (101, 14, 800), (102, 16, 900))
    start, *records = sa_file.lengthened(data, 5)
    assert data.startswith(start)
    body = [struct.unpack_from("<IQI8sQ", record, sa_file.RECORD.size) for record in records]
    assert [packets for _, packets, *_ in body] == [10, 14, 16, 19, 23]
    assert [speed for _, _, speed, *_ in body] == [1000] * 5
    assert [free for *_, free in body] == [700, 800, 900, 700, 800]
    moments = [sa_file.RECORD.unpack_from(record)[:2] for record in records]
    assert moments == [(second * 100, second) for second in (100, 101, 102, 103, 104)]


def test_a_file_of_another_format_is_refused():
    with pytest.raises(ValueError, match="format 0x2175, found 96d57021"):
        list(sa_file.lengthened(b"\x96\xd5\x70\x21" + bytes(200), 5))
