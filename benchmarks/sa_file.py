"""Makes a short recording of sadc long, so that `sadf` has as much to do as `perfkit process`.

Format 0x2175 (sysstat 12.x, sa.h and rd_stats.h): a magic header, a file header, a table of
activities, then records.  A record is a header with the time and, for each activity in the table's
order, its structs, preceded by their number where that may vary.  A struct is `types` unsigned
64-bit, then long, then 32-bit numbers, then whatever is not a number.

The recording is repeated.  In each pass every counter of the activities that `sadf` is asked for
stands higher by what the whole recording added, so that each printed row has real work in it and
no counter goes backwards; gauges repeat.
"""

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"\x96\xd5\x75\x21"
MAGIC_BYTES = 76
HEADER_BYTES_AT = 8
"""Where the magic header says how long the file header is."""

ACTIVITY_COUNT_AT, ACTIVITY_BYTES_AT, RECORD_BYTES_AT = 20, 52, 56
"""Where the file header says how many activities there are and how long the structs are."""

RECORD = struct.Struct("<QQIBBBB")
"""Uptime in hundredths, Unix time, extra structs, type of record, hour, minute, second."""

STATISTICS = 1
COUNTING = {1: "CPU", 11: "disks", 12: "interfaces"}
"""The activities asked for whose numbers are counters; the others' are gauges."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """One line of the file's table of activities."""

    number: int
    count: int
    is_varying: bool
    struct_bytes: int
    types: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Counter:
    """Where a number stands in a record, and what it grows by in one pass."""

    at: int
    format: str
    growth: int


def read_activities(data: bytes) -> tuple[list[Activity], int]:
    """Return the table of activities, and where the records begin.

    Raises:
        ValueError: the file is of another format than the one that this module knows.
    """
    if data[:4] != MAGIC:
        raise ValueError(f"expected an sa file of format 0x2175, found {data[:4].hex()}")
    (header_bytes,) = struct.unpack_from("<I", data, HEADER_BYTES_AT)
    counts = (ACTIVITY_COUNT_AT, ACTIVITY_BYTES_AT, RECORD_BYTES_AT)
    count, size, record = (struct.unpack_from("<I", data, MAGIC_BYTES + at)[0] for at in counts)
    if record != RECORD.size:
        raise ValueError(f"expected record headers of {RECORD.size} bytes, found {record}")
    start = MAGIC_BYTES + header_bytes
    activities = []
    for n in range(count):
        number, _, items, matrix, varies, length, *types = struct.unpack_from(
            "<9I", data, start + n * size
        )
        activities.append(
            Activity(
                number=number,
                count=items * matrix,
                is_varying=bool(varies),
                struct_bytes=length,
                types=(types[0], types[1], types[2]),
            )
        )
    return activities, start + count * size


def record_numbers(
    record: bytes, activities: list[Activity]
) -> tuple[dict[int, tuple[str, int]], int]:
    """Return the counters of a record by their place, and the record's length."""
    numbers: dict[int, tuple[str, int]] = {}
    at = RECORD.size
    for activity in activities:
        count = activity.count
        if activity.is_varying:
            (count,) = struct.unpack_from("<I", record, at)
            at += 4
        if activity.number in COUNTING:
            wide, middle, narrow = activity.types
            for n in range(count):
                first = at + n * activity.struct_bytes
                ends = first + 8 * (wide + middle)
                for place in range(first, ends, 8):
                    numbers[place] = ("<Q", struct.unpack_from("<Q", record, place)[0])
                for place in range(ends, ends + 4 * narrow, 4):
                    numbers[place] = ("<I", struct.unpack_from("<I", record, place)[0])
        at += count * activity.struct_bytes
    return numbers, at


def cut_records(data: bytes, activities: list[Activity], start: int) -> list[bytes]:
    """Return the records of statistics.

    Raises:
        ValueError: there is a record of another kind, or one with devices that others lack.
    """
    records: list[bytes] = []
    while start < len(data):
        kind = RECORD.unpack_from(data, start)[3]
        if kind != STATISTICS:
            raise ValueError(f"expected records of statistics only, found type {kind}")
        _, length = record_numbers(data[start:], activities)
        records.append(data[start : start + length])
        start += length
    if len({len(record) for record in records}) != 1:
        raise ValueError("expected as many devices in each record: the host changed meanwhile")
    return records


def growing(records: list[bytes], activities: list[Activity]) -> list[Counter]:
    """Return the numbers that grew over the recording and never went back."""
    series: dict[int, tuple[str, list[int]]] = {}
    for record in records:
        for at, (form, number) in record_numbers(record, activities)[0].items():
            series.setdefault(at, (form, []))[1].append(number)
    found: list[Counter] = []
    for at, (form, numbers) in series.items():
        if numbers[-1] > numbers[0] and numbers == sorted(numbers):
            found.append(Counter(at=at, format=form, growth=pass_growth(numbers)))
    return found


def pass_growth(numbers: list[int]) -> int:
    """Return what a counter gains in one pass: its growth, plus one mean step to the next pass."""
    return (numbers[-1] - numbers[0]) * len(numbers) // (len(numbers) - 1)


def lengthened(data: bytes, count: int) -> Iterator[bytes]:
    """Yield the parts of a file of `count` records, made of the recording `data`."""
    activities, start = read_activities(data)
    records = cut_records(data, activities, start)
    counters = growing(records, activities)
    headers = [RECORD.unpack_from(record) for record in records]
    span = pass_growth([header[1] for header in headers])
    yield data[:start]
    for n in range(count):
        turn, index = divmod(n, len(records))
        record = bytearray(records[index])
        uptime, moment, extra, kind, *_ = headers[index]
        moment += turn * span
        clock = time.localtime(moment)
        hour, minute, second = clock.tm_hour, clock.tm_min, min(clock.tm_sec, 59)
        uptime += turn * span * 100
        RECORD.pack_into(record, 0, uptime, moment, extra, kind, hour, minute, second)
        for counter in counters:
            (number,) = struct.unpack_from(counter.format, record, counter.at)
            width = 0xFFFFFFFF if counter.format == "<I" else 0xFFFFFFFFFFFFFFFF
            grown = (number + turn * counter.growth) & width
            struct.pack_into(counter.format, record, counter.at, grown)
        yield bytes(record)


def lengthen(source: Path, target: Path, count: int) -> None:
    """Write a file of `count` records, made of a recording."""
    with target.open("wb") as file:
        file.writelines(lengthened(source.read_bytes(), count))
