"""A capture becomes rows where two samples can be compared, and reasons where they cannot."""

import io
import json

import pytest
from captures import (
    BOOTED,
    START,
    capture,
    diskstats,
    line,
    net_dev,
    sample,
    stat,
)

from perfkit.capture.problems import Problem, Problems
from perfkit.capture.read import Capture
from perfkit.errors import UsageError
from perfkit.process.convert import BLOCK_SAMPLES, REPEATED, Conversion
from perfkit.process.cut import Cutter
from perfkit.process.summary import Summary
from perfkit.report.original.table import (
    APPEARED,
    CLOCK_STEPPED,
    NO_TIME,
    REBOOTED,
    VANISHED,
    WENT_BACK,
)


class Tree:
    """Keeps files in memory."""

    def __init__(self) -> None:
        self.files: dict[str, io.BytesIO] = {}

    def open(self, name: str) -> io.BytesIO:
        file = self.files[name] = io.BytesIO()
        file.close = lambda: None
        return file

    def spill(self) -> io.BytesIO:
        return io.BytesIO()


class Result:
    """What a conversion gave."""

    def __init__(self, data: bytes, *, every: bool = False, **options: object) -> None:
        tree = Tree()
        problems = Problems()
        self.summary = Summary("test", problems)
        conversion = Conversion(tree, self.summary, every_interval=every, **options)
        self.cutter = Cutter(conversion, problems)
        self.cutter.read(Capture(io.BytesIO(data), "test", problems=problems))
        conversion.finish()
        self.files = {name: file.getvalue().decode() for name, file in tree.files.items()}

    def rows(self, name: str) -> list[str]:
        """Return the rows of a file with times counted from START."""
        rows = self.files[name].splitlines()[1:]
        stamps = [row.split(",", 1) for row in rows]
        return [f"{float(stamp) - START:g},{rest}" for stamp, rest in stamps]

    def seconds(self, name: str) -> list[float]:
        """Return the times of the rows, counted from START."""
        return [float(row.split(",")[0]) for row in self.rows(name)]

    @property
    def gaps(self) -> list[tuple[str, str, int, list[str]]]:
        """What has no row: file, reason, how often, names."""
        return [(gap.file, gap.reason, gap.count, gap.names) for gap in self.summary.gaps.values()]


FILES = ["proc/stat", "proc/meminfo", "proc/net/dev", "proc/diskstats", "statfs_ALL", "portal.csv"]


def test_the_first_row_spans_two_periods_as_in_the_original():
    found = Result(capture(0, 1, 2, 3))
    assert found.rows("proc/stat") == [
        "2,-1,25,0,0,0,0,75",
        "2,0,25,0,0,0,0,75",
        "3,-1,25,0,0,0,0,75",
        "3,0,25,0,0,0,0,75",
    ]
    assert found.rows("proc/diskstats") == ["2,sda,1,1,0,0,8,0,0", "3,sda,1,1,0,0,8,0,0"]
    assert found.seconds("proc/meminfo") == [2, 3]
    assert found.rows("statfs_ALL") == ["2,/,4096,1000,998,0", "3,/,4096,1000,997,0"]
    assert found.rows("portal.csv") == [
        # total: 102 free + 798 used + 10 buffers + 60 cached; disk 8 sectors, net 1 kB a second
        "2,25,0,75,0,0,970,798,102,60,4096,0,1024,1024",
        "3,25,0,75,0,0,970,797,103,60,4096,0,1024,1024",
    ]
    assert list(found.files) == FILES
    assert found.gaps == []


def test_every_interval_begins_with_the_first_one():
    found = Result(capture(0, 1, 2), every=True)
    assert found.seconds("proc/stat") == [1, 1, 2, 2]
    assert found.seconds("proc/net/dev") == [1, 1, 2, 2]
    assert found.seconds("proc/meminfo") == [0, 1, 2]
    assert found.seconds("statfs_ALL") == [0, 1, 2]
    assert found.seconds("portal.csv") == [1, 2]


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_samples_leave_headings(count: int):
    found = Result(capture(*range(count)))
    assert {name: len(text.splitlines()) for name, text in found.files.items()} == dict.fromkeys(
        FILES, 1
    )
    assert found.summary.samples == count


@pytest.mark.parametrize("count", [BLOCK_SAMPLES - 1, BLOCK_SAMPLES, 3 * BLOCK_SAMPLES + 5])
def test_a_block_ends_nowhere_in_the_files(count: int):
    found = Result(capture(*range(count)), every=True)
    assert found.seconds("proc/diskstats") == list(range(1, count))
    assert set(found.rows("proc/diskstats")) == {f"{n},sda,1,1,0,0,8,0,0" for n in range(1, count)}
    assert found.seconds("portal.csv") == list(range(1, count))
    assert found.gaps == []


def test_only_what_is_recorded_becomes_a_file():
    lines = [line(START + n, "/proc/meminfo", "MemTotal: 5 kB\nMemFree: 3 kB\n") for n in range(3)]
    found = Result(b"".join(lines) + line(START, "/proc/loadavg", "1 2 3\n"))
    assert found.files == {
        "proc/meminfo": found.files["proc/meminfo"],
    }
    assert found.rows("proc/meminfo") == ["2,3,0,2,40,0,0,0,0,0,0,0"]
    assert found.summary.problems.count == 0


def test_a_reboot_gives_no_rates():
    data = capture(10, 11, 12) + sample(1, at=START + 60, stat=stat(1, booted=START + 30))
    data += sample(2, at=START + 61, stat=stat(2, booted=START + 30))
    found = Result(data, every=True)
    assert found.seconds("proc/diskstats") == [11, 12, 61]
    assert found.seconds("proc/net/dev") == [11, 11, 12, 12, 61, 61]
    assert found.seconds("proc/stat") == [11, 11, 12, 12, 61, 61]
    assert found.seconds("proc/meminfo") == [10, 11, 12, 60, 61]
    assert found.gaps == [("", REBOOTED, 1, [])]
    assert found.summary.gaps["", REBOOTED].lines == [16]


def host(boot_id: str, period_ns: int = 10**9) -> str:
    return json.dumps({"run": "1", "boot_id": boot_id, "period_ns": period_ns})


def test_another_boot_id_is_a_reboot():
    data = line(START, "perfkit/host", host("one")) + capture(1, 2)
    data += line(START + 3, "perfkit/host", host("one")) + capture(3)
    data += line(START + 4, "perfkit/host", host("two")) + capture(4, 5)
    found = Result(data, every=True)
    assert found.seconds("proc/diskstats") == [2, 3, 5]
    assert found.gaps == [("", REBOOTED, 1, [])]


def test_a_clock_that_was_set_gives_no_rates():
    # An hour forward: the kernel's boot time moves along.
    data = capture(0, 1) + sample(2, at=START + 3602, stat=stat(2, booted=BOOTED + 3600))
    data += sample(3, at=START + 3603, stat=stat(3, booted=BOOTED + 3601))
    found = Result(data, every=True)
    assert found.seconds("proc/diskstats") == [1, 3603]
    assert found.gaps == [("", CLOCK_STEPPED, 1, [])]


def test_time_that_goes_back_gives_no_rates():
    found = Result(
        capture(0, 1, 2) + sample(3, at=START - 50) + sample(4, at=START - 49), every=True
    )
    assert found.seconds("proc/diskstats") == [1, 2, -49]
    assert found.gaps == [("", NO_TIME, 1, [])]


def test_a_source_that_comes_twice_counts_once():
    data = sample(0) + sample(1) + line(START + 1, "/proc/diskstats", diskstats(5)) + sample(2)
    found = Result(data, every=True)
    assert found.rows("proc/diskstats") == ["1,sda,5,5,0,0,40,0,0"]
    assert found.gaps == [
        ("proc/diskstats", REPEATED, 1, []),
        ("proc/diskstats", WENT_BACK, 1, ["sda"]),
    ]


def test_a_sample_that_comes_twice_counts_once():
    found = Result(capture(0, 1) + sample(1) + capture(2), every=True)
    assert found.seconds("proc/diskstats") == [1, 2]
    assert [gap[:3] for gap in found.gaps] == [
        (name, REPEATED, 1) for name in FILES if name != "portal.csv"
    ]


def test_devices_come_and_go():
    data = capture(*range(5))
    data += sample(5, dev=net_dev(5, ["lo", "eth0", "veth1"])) + sample(
        6, dev=net_dev(6, ["lo", "eth0", "veth1"])
    )
    found = Result(data + capture(7), every=True)
    assert [row for row in found.rows("proc/net/dev") if "veth" in row] == [
        "6,veth1,1,1,1,1,0,0,0,0"
    ]
    assert len(found.rows("proc/net/dev")) == 2 * 7 + 1
    assert found.gaps == [
        ("proc/net/dev", APPEARED, 1, ["veth1"]),
        ("proc/net/dev", VANISHED, 1, ["veth1"]),
    ]
    assert found.summary.gaps["proc/net/dev", APPEARED].lines == [5 * 5 + 3]
    assert found.summary.gaps["proc/net/dev", VANISHED].lines == [7 * 5 + 3]


def test_a_sample_without_a_source_has_no_row_there_and_the_next_spans_more():
    found = Result(capture(0, 1) + sample(2, diskstats=None) + sample(3), every=True)
    assert found.rows("proc/diskstats") == ["1,sda,1,1,0,0,8,0,0", "3,sda,1,1,0,0,8,0,0"]
    assert found.seconds("proc/net/dev") == [1, 1, 2, 2, 3, 3]
    assert found.seconds("portal.csv") == [1, 2, 3]
    assert found.rows("portal.csv")[1].split(",")[-4:] == ["", "", "1024", "1024"]
    assert found.summary.problems.notes == [
        "portal.csv: no figure in 1 row, where its disk or interface has no row"
    ]


def test_a_broken_text_costs_itself_alone():
    data = capture(0, 1) + sample(2, diskstats="8 0 sda x\n") + capture(3)
    found = Result(data, every=True)
    assert found.seconds("proc/diskstats") == [1, 3]
    assert found.seconds("proc/net/dev") == [1, 1, 2, 2, 3, 3]
    assert found.summary.problems.first == [
        Problem(14, "diskstats:1: expected 14 columns or more, found 4: b'8 0 sda x'")
    ]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(
            b'{"timestamp":1700000002,"subsystem":"/proc/stat","measurement":"cpu', id="cut"
        ),
        pytest.param(b"garbage", id="garbage"),
        pytest.param(b'{"timestamp":-5,"subsystem":"/proc/stat","measurement":""}', id="negative"),
        pytest.param(b'{"timestamp":17e8,"subsystem":"/proc/stat","measurement":""}', id="float"),
        pytest.param(
            b'{"timestamp":0700000002,"subsystem":"/proc/stat","measurement":""}', id="zero"
        ),
        pytest.param(b'{"timestamp":1700000002,"subsystem":"/proc/stat"}', id="no-text"),
        pytest.param(
            b'{"timestamp":1700000002,"subsystem":"/proc/stat","measurement":"a"b"}', id="q"
        ),
        pytest.param(
            b'{"timestamp":1700000002,"subsystem":"/proc/stat","measurement":"a","ns":-1}', id="ns"
        ),
        pytest.param(
            b'{"timestamp":1700000002,"subsystem":"/proc/stat","measurement":"a","ns":"1"}',
            id="ns-text",
        ),
        pytest.param(b"[" * 100_000, id="deep"),
    ],
)
def test_a_broken_line_costs_itself_alone(broken: bytes):
    first, second, third = capture(0, 1), sample(2).splitlines(keepends=True), capture(3)
    for place in range(6):
        lines = [*second[:place], broken + b"\n", *second[place:]]
        found = Result(first + b"".join(lines) + third, every=True)
        assert found.seconds("proc/diskstats") == [1, 2, 3], place
        assert found.seconds("proc/stat") == [1, 1, 2, 2, 3, 3], place
        assert [problem.line for problem in found.summary.problems.first] == [11 + place]


def test_a_whole_period_ignores_ns():
    data = line(START, "perfkit/host", host("one"))
    data += b"".join(sample(n, ns=30_000_000 * (n % 2) or None) for n in range(4))
    found = Result(data, every=True)
    assert found.rows("proc/diskstats") == [f"{n},sda,1,1,0,0,8,0,0" for n in (1, 2, 3)]
    assert found.files["proc/diskstats"].splitlines()[1].startswith(f"{START + 1},")


def test_a_period_of_parts_of_a_second_has_three_decimals_and_real_rates():
    # Ticks of half a second, in each of which the counters show one second's work.
    data = line(START, "perfkit/host", host("one", 500_000_000))
    for n in range(5):
        data += sample(n, at=START + n // 2, ns=500_000_000 * (n % 2) + 1234)
    found = Result(data, every=True)
    assert [row.split(",")[0] for row in found.files["proc/diskstats"].splitlines()[1:]] == [
        f"{START}.500",
        f"{START + 1}.000",
        f"{START + 1}.500",
        f"{START + 2}.000",
    ]
    assert found.rows("proc/diskstats")[0] == "0.5,sda,2,2,0,0,16,0,0"
    assert found.summary.period_seconds == 0.5
    assert found.rows("portal.csv")[0] == "0.5,25,0,75,0,0,970,799,101,60,8192,0,2048,2048"


def test_a_run_of_whole_seconds_may_follow_within_the_second():
    data = line(START, "perfkit/host", host("one", 200_000_000))
    data += sample(0, at=START, ns=0) + sample(1, at=START, ns=200_000_000)
    data += line(START, "perfkit/host", host("one")) + sample(2, at=START, ns=700_000_000)
    found = Result(data + sample(3, at=START + 1), every=True)
    assert found.gaps == []
    # A request in 0.2 s, in 0.5 s and in 0.3 s.
    assert [row.split(",")[:3] for row in found.rows("proc/diskstats")] == [
        ["0.2", "sda", "5"],
        ["0", "sda", "2"],
        ["1", "sda", "3.3333333333333335"],
    ]


def test_an_offset_beyond_a_second_counts_on():
    data = line(START, "perfkit/host", host("one", 500_000_000))
    data += sample(0, ns=0) + sample(1, at=START, ns=2_700_000_000)
    assert Result(data, every=True).seconds("proc/diskstats") == [2.7]


@pytest.mark.parametrize("text", ["", "[]", '{"period_ns":"x"}', "[" * 5000])
def test_a_broken_line_of_the_host_is_reported(text: str):
    found = Result(line(START, "perfkit/host", text) + capture(0, 1), every=True)
    assert found.seconds("proc/diskstats") == [1]
    (problem,) = found.summary.problems.first
    assert problem.line == 1
    assert problem.reason.startswith("perfkit/host: expected an object: ")


def test_lines_of_other_subsystems_between_change_nothing():
    texts = []
    for n in range(200):
        lines = sample(n).splitlines(keepends=True)
        place = n // 20 % 6
        other = line(START + n, "/proc/loadavg", "0 0 0\n")
        texts.append(b"".join([*lines[:place], other, *lines[place:]]))
    assert Result(b"".join(texts)).files == Result(capture(*range(200))).files


CPUINFO = "processor\t: 0\nvendor_id\t: A\nmodel name\t: B\n\n"


def test_the_first_cpuinfo_that_can_be_read_is_written():
    data = line(START, "/proc/cpuinfo", "nothing\n")
    for n in range(100):
        data += line(START + n, "/proc/cpuinfo", CPUINFO) + sample(n)
    found = Result(data)
    assert json.loads(found.files["system_info.json"])["model_name"] == "B"
    assert len(found.rows("proc/diskstats")) == 98
    assert [problem.line for problem in found.summary.problems.first] == [1]


def test_disk_and_interface_may_be_named():
    data = b"".join(
        sample(
            n,
            diskstats=diskstats(n, ["sda"]) + diskstats(2 * n, ["sdb"]),
            dev=net_dev(n) + net_dev(3 * n, ["docker0"])[len(net_dev(0, [])) :],
        )
        for n in range(3)
    )
    named = Result(data, every=True, disk="sdb", interface="docker0").rows("portal.csv")
    assert [row.split(",")[-4:] for row in named] == [["8192", "0", "3072", "3072"]] * 2
    with pytest.raises(UsageError, match="--interface 'none': not in the capture, which has 'lo'"):
        Result(data, every=True, interface="none")


def test_a_big_sample_is_a_block_of_its_own():
    names = [f"eth{n}" for n in range(3000)]
    found = Result(b"".join(sample(n, dev=net_dev(n, names)) for n in range(5)), every=True)
    assert len(found.rows("proc/net/dev")) == 4 * 3000
    assert found.gaps == []
