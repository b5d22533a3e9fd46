from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.parsers import net_dev
from perfkit.record import Record
from perfkit.samples import PARSERS, Sample, samples

PROC = Path(__file__).parent.parent / "fixtures" / "proc"
MEMINFO = b"MemTotal: 16 kB\nMemFree: 8 kB\n"
CPU = b"cpu  1 2 3 4\ncpu0 1 2 3 4\n"


def host(name: str, number: int, timestamp: int) -> list[Record]:
    """Return the records that a recorder would make of a recorded host."""
    folder = PROC / name / str(number)
    return [
        Record(timestamp, subsystem, (folder / path).read_bytes())
        for subsystem in PARSERS
        if (folder / (path := subsystem.removeprefix("/proc/").removesuffix("[*]"))).exists()
    ]


def test_records_of_one_time_are_one_sample():
    records = host("linux-6.18-x86_64", 0, 100) + host("linux-6.18-x86_64", 1, 105)
    first, second = samples(records)
    assert (first.timestamp, second.timestamp) == (100, 105)
    for sample in (first, second):
        assert sample.stat
        assert list(sample.stat.cpus) == [0, 1]
        assert sample.meminfo
        assert sample.net_dev
        assert list(sample.net_dev) == ["lo", "ifb0", "ifb1", "eth0"]
        assert sample.diskstats
        assert list(sample.diskstats)[-2:] == ["vda", "zram0"]
        assert sample.cpuinfo
        assert sample.cpuinfo[1].number == 1
        assert sample.statfs
        assert sample.statfs[0].mount_point == "/"
        assert (sample.failures, sample.other, sample.ns) == ((), {}, None)


def test_time_is_timestamp_and_ns():
    records = [Record(7, "/proc/meminfo", MEMINFO, ns) for ns in (0, 500_000_000, None)]
    assert [(sample.timestamp, sample.ns) for sample in samples(records)] == [
        (7, 0),
        (7, 500_000_000),
        (7, None),
    ]


def test_a_record_that_does_not_parse_costs_that_record_alone():
    records = [
        Record(7, "/proc/stat", b"cpu  1 2 x 4\n"),
        Record(7, "/proc/meminfo", MEMINFO),
        Record(7, "statfs[*]", b"{"),
        Record(8, "/proc/stat", CPU),
    ]
    broken, whole = samples(records)
    assert (broken.stat, broken.statfs) == (None, None)
    assert broken.meminfo
    assert broken.meminfo.mem_free_kb == 8
    assert [(failure.source, failure.line) for failure in broken.failures] == [
        ("stat", 1),
        ("statfs", 1),
    ]
    assert whole.stat
    assert whole.failures == ()


def test_text_that_no_parser_knows_is_kept():
    records = [
        Record(7, "perfkit/host", b'{"run":"a"}'),
        Record(7, "container/docker/0123456789ab", b'{"cpu_usage_usec":1}'),
        Record(7, "/proc/loadavg", b"0.00 0.01 0.05 1/99 1234\n"),
        Record(7, "/proc/meminfo", MEMINFO),
    ]
    (sample,) = samples(records)
    assert sample.other == {record.subsystem: record.measurement for record in records[:3]}
    assert sample.failures == ()
    assert sample.meminfo


def test_a_source_that_comes_twice_counts_as_the_later_read_it():
    later = MEMINFO.replace(b"8", b"9")
    records = [Record(7, "/proc/meminfo", MEMINFO), Record(7, "/proc/stat", CPU)]
    (sample,) = samples([*records, Record(7, "/proc/meminfo", later)])
    assert sample.stat
    assert sample.meminfo
    assert sample.meminfo.mem_free_kb == 9


def test_a_later_reading_that_is_broken_leaves_the_earlier():
    records = [Record(7, "/proc/meminfo", MEMINFO), Record(7, "/proc/meminfo", b"MemTo")]
    (sample,) = samples(records)
    assert sample.meminfo
    assert len(sample.failures) == 1


def test_a_time_that_returns_makes_a_sample_of_its_own():
    records = [Record(timestamp, "/proc/meminfo", MEMINFO) for timestamp in (7, 8, 7)]
    assert [sample.timestamp for sample in samples(records)] == [7, 8, 7]


def test_cpuinfo_is_of_its_tick_alone():
    cpuinfo = Record(7, "/proc/cpuinfo", b"processor : 0\n")
    first, second = samples([cpuinfo, Record(8, "/proc/stat", CPU)])
    assert first.cpuinfo
    assert second.cpuinfo is None


def test_a_sample_comes_as_soon_as_the_next_tick_begins():
    taken = []

    def records():
        for timestamp in (7, 8, 9):
            taken.append(timestamp)
            yield Record(timestamp, "/proc/stat", CPU)

    assert next(samples(records())).timestamp == 7
    assert taken == [7, 8]


def test_no_records_are_no_samples():
    assert list(samples([])) == []


def test_each_subsystem_of_the_original_has_a_field_of_a_sample():
    assert {field for field, _ in PARSERS.values()} == {
        *("stat", "meminfo", "net_dev", "diskstats", "cpuinfo", "statfs"),
    }
    assert {field for field, _ in PARSERS.values()} < set(Sample.__struct_fields__)


@pytest.mark.parametrize("number", [0, 1])
def test_reads_a_host_of_256_cpus(number: int):
    (sample,) = samples(host("large-256-cpus", number, 100))
    assert sample.failures == ()
    assert sample.stat
    assert sample.diskstats
    assert sample.net_dev
    sizes = [len(part) for part in (sample.stat.cpus, sample.diskstats, sample.net_dev)]
    assert sizes == [256, 200, 300]


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([*PARSERS, "x"]), st.binary())))
def test_any_records_make_samples(records: list[tuple[int, str, bytes]]):
    made = list(samples(Record(*record) for record in records))
    times = [timestamp for timestamp, _, _ in records]
    runs = [time for number, time in enumerate(times) if not number or times[number - 1] != time]
    assert [sample.timestamp for sample in made] == runs


def test_heading_alone_is_a_host_without_interfaces():
    (sample,) = samples([Record(7, "/proc/net/dev", net_dev.HEADING)])
    assert sample.net_dev == {}
