"""Any line is a record, a problem with its number, or blank; and it costs no other."""

import io
import json
import os
import time
from collections.abc import Sequence

import pytest
from captures import START, capture, line, sample
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.capture.problems import Problems
from perfkit.capture.read import Capture
from perfkit.process.convert import Conversion
from perfkit.process.cut import SOURCES, Bodies, Column, Cutter
from perfkit.process.summary import Summary
from perfkit.record import Record


class Kept:
    """Keeps what a cutter hands over."""

    def __init__(self) -> None:
        self.found: list[tuple[int, int, Bodies]] = []
        self.lines: list[list[int]] = []
        self.others: list[str] = []

    def sample(self, timestamp: int, ns: int, bodies: Bodies, lines: Sequence[int]) -> None:
        self.found.append((timestamp, ns, list(bodies)))
        present = zip(lines, bodies, strict=True)
        self.lines.append([number for number, body in present if body is not None])

    def samples(
        self, timestamps: list[int], columns: list[Column], lines: list[Sequence[int]]
    ) -> None:
        assert timestamps
        for timestamp, bodies, numbers in zip(
            timestamps, zip(*columns, strict=True), lines, strict=True
        ):
            self.sample(timestamp, 0, list(bodies), numbers)

    def repeated(self, source: int, line: int) -> None:
        self.others.append(f"repeated {source} {line}")

    def cpuinfo(self, body: bytes, line: int) -> None:
        self.others.append(f"cpuinfo {body!r} {line}")

    def container(self, record: Record, body: bytes, line: int) -> None:
        self.others.append(f"container {record.subsystem} {body!r} {line}")

    def run(self, boot_id: str | None, *, is_fractional: bool) -> None:
        self.others.append(f"run {boot_id} {is_fractional}")


def cut(data: bytes) -> tuple[Kept, Problems]:
    kept, problems = Kept(), Problems()
    Cutter(kept, problems).read(Capture(io.BytesIO(data), "test", problems=problems))
    return kept, problems


class Nowhere:
    """Takes files and forgets them."""

    def open(self, _name: str) -> io.BytesIO:
        return io.BytesIO()

    spill = io.BytesIO


def convert(data: bytes) -> Summary:
    problems = Problems()
    summary = Summary("test", problems)
    conversion = Conversion(Nowhere(), summary, every_interval=True)
    Cutter(conversion, problems).read(Capture(io.BytesIO(data), "test", problems=problems))
    conversion.finish()
    return summary


def turned_round(data: bytes) -> bytes:
    """Return the same records with their keys in another order: none can be cut as it is."""
    records = [json.loads(each) for each in data.splitlines()]
    return b"".join(
        json.dumps(dict(reversed(record.items()))).encode() + b"\n" for record in records
    )


def test_samples_come_with_the_numbers_of_their_lines():
    kept, problems = cut(b"\n" + capture(0, 1, 2))
    assert [sample[0] for sample in kept.found] == [START, START + 1, START + 2]
    assert kept.lines == [[n + 5 * m for n in range(2, 7)] for m in range(3)]
    assert problems.count == 0


def test_another_shape_is_the_same_sample():
    data = capture(*range(10)) + sample(10, ns=5)
    assert cut(turned_round(data))[0].found == cut(data)[0].found


def test_the_order_of_sources_does_not_matter():
    lines = [each.splitlines(keepends=True)[::-1] for each in (sample(n) for n in range(9))]
    kept = cut(b"".join(line for each in lines for line in each))[0]
    assert kept.found == cut(capture(*range(9)))[0].found
    assert kept.lines[0] == [5, 4, 3, 2, 1]


def test_escaped_names_and_short_timestamps_are_decoded():
    data = b'{"timestamp":5,"subsystem":"\\/proc\\u002fstat","measurement":"a\\u0062"}\n'
    assert cut(data)[0].found == [(5, 0, [b"ab", None, None, None, None])]


RECORDS = st.tuples(
    st.integers(START, START + 3),
    st.sampled_from(
        [*SOURCES, "/proc/cpuinfo", "perfkit/host", "container/docker/1", "/proc/loadavg"]
    ),
    st.sampled_from(
        ["", "a", 'q"uote', "back\\slash", "line\n", "\u00e9", "\0", '{"boot_id":"b"}']
    ),
    st.none() | st.integers(0, 10**9),
)


@given(st.lists(RECORDS, max_size=25))
def test_any_records_give_the_same_in_both_shapes(records: list[tuple[int, str, str, int | None]]):
    data = b"".join(line(*record) for record in records)
    plain, plain_problems = cut(data)
    other, other_problems = cut(turned_round(data))
    assert plain.found == other.found
    assert plain.lines == other.lines
    assert plain.others == other.others
    assert plain_problems.first == other_problems.first


CPUINFO = "processor\t: 0\nvendor_id\t: A\nmodel name\t: B\ncpu MHz\t: 2000.0\nflags\t: fpu\n\n"
CONTAINER = '{"container_id":"a","cpu_usage_usec":5,"memory_current":7,"memory_max":"max"}'
LINES = sample(1).splitlines()
EVERY_LINE = [
    *LINES,
    line(START + 1, "/proc/cpuinfo", CPUINFO).removesuffix(b"\n"),
    line(START + 1, "container/docker/a", CONTAINER).removesuffix(b"\n"),
]
ODD = [
    b",",
    b"]",
    b'\\"',
    b"1,2",
    b"],[",
    b"7",
    b" ",
    b"-",
    b"-1",
    b"9" * 400,
    b"18446744073709551616",
    b"1e5",
    b"+5",
    b"007",
    b"\0",
    b"\xff",
    b'"',
    b"\\",
    b"[[",
    b"",
    b"\\n",
    b"\\ud800",
    b"\\u0000",
]


DEEP_IN_A_MOUNT = line(
    START + 1, "statfs[*]", '{"mount_point":"/","block_size":1,"deep":' + "[" * 100_000
).removesuffix(b"\n")


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """Return a line of a capture with a few stretches of bytes replaced."""
    text = draw(st.sampled_from(EVERY_LINE))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 8)))
        text = text[:start] + draw(st.sampled_from(ODD) | st.binary(max_size=6)) + text[end:]
    return text


@given(spoiled() | st.binary(max_size=200))
@example(b"[" * 100_000)
@example(
    b'{"timestamp":1700000001,"subsystem":"/proc/stat","measurement":"' + b"[" * 100_000 + b'"}'
)
@example(
    b'{"timestamp":1700000001,"subsystem":"statfs[*]","measurement":"' + b"[" * 100_000 + b'"}'
)
@example(
    b'{"timestamp":1700000001,"subsystem":"container/a/b","measurement":"' + b"[" * 100_000 + b'"}'
)
@example(b'{"timestamp":253402300799,"subsystem":"/proc/stat","measurement":"cpu  1 1 1 1\\n"}')
@example(DEEP_IN_A_MOUNT)
def test_any_line_is_a_result_or_a_problem(odd: bytes):
    data = (
        capture(0) + LINES[0] + b"\n" + odd + b"\n" + b"\n".join(LINES[1:]) + b"\n" + capture(2, 3)
    )
    summary = convert(data)
    assert summary.problems.count <= odd.count(b"\n") + 1
    for problem in summary.problems.first:
        assert 7 <= problem.line <= 7 + odd.count(b"\n")
    # The last interval lies behind it, whatever it is.
    assert summary.rows["proc/diskstats"] >= 1


@given(spoiled())
def test_any_line_costs_no_more_than_itself(odd: bytes):
    if b"\n" in odd:
        odd = odd.replace(b"\n", b" ")
    kept, problems = cut(capture(0) + odd + b"\n" + capture(2, 3))
    if problems.count:
        assert [problem.line for problem in problems.first] == [6]
        assert [sample[0] - START for sample in kept.found] == [0, 2, 3]


MEGABYTE = 1_000_000
LONG = {
    "digits": b'{"timestamp":1700000001,"subsystem":"/proc/stat","measurement":"cpu  %b"}',
    "brackets": b"[%b",
    "lines": b'{"timestamp":1700000001,"subsystem":"/proc/diskstats","measurement":"%b"}',
    "interfaces": b'{"timestamp":1700000001,"subsystem":"/proc/net/dev","measurement":"%b"}',
    "labels": b'{"timestamp":1700000001,"subsystem":"/proc/meminfo","measurement":"%b"}',
    "mounts": b'{"timestamp":1700000001,"subsystem":"statfs[*]","measurement":"%b"}',
    "processors": b'{"timestamp":1700000001,"subsystem":"/proc/cpuinfo","measurement":"%b"}',
    "unknown": b'{"timestamp":1700000001,"subsystem":"/proc/other","measurement":"%b"}',
}
FILL = {
    "digits": b"9",
    "brackets": b"[",
    "lines": b"8 0 sda 1 1 1 1 1 1 1 1 1 1 1\\n",
    "interfaces": b"lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\\n",
    "labels": b"MemTotal: 1 kB\\n",
    "mounts": b'{\\"mount_point\\":\\"/\\",\\"block_size\\":1}\\n',
    "processors": b"processor : 0\\n\\n",
    "unknown": b'\\"',
}


def seconds(kind: str, size: int) -> float:
    fill = FILL[kind] * (size // len(FILL[kind]))
    data = LONG[kind].replace(b"%b", fill) + b"\n"
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        convert(data)
        best = min(best, time.process_time() - start)
    return best


def test_empty_lines_are_passed_over_and_counted():
    lines = b"".join(sample(n) for n in range(3)).splitlines(keepends=True)
    spaced, problems = cut(b"\n" * 70_000 + b"\n\n".join(lines) + b"\n" * 70_000 + b"x\n")
    assert [found[0] - START for found in spaced.found] == [0, 1, 2]
    assert spaced.found == cut(b"".join(lines))[0].found
    # Each line is followed by two empty ones, its own end among them.
    assert [problem.line for problem in problems.first] == [70_000 + 3 * 14 + 1 + 70_000 + 1]


def test_empty_lines_cost_next_to_nothing():
    start = time.process_time()
    cut(b"\n" * 5_000_000)
    # 0.3 s each million without it.
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("place", range(5))
def test_a_text_that_has_no_end_is_a_problem_of_its_line(place: int):
    lines = b"".join(sample(n) for n in range(3)).splitlines(keepends=True)
    width = len(lines) // 3
    torn = width + place % width
    # The backslash makes the quote behind it a part of the text.
    lines[torn] = lines[torn].rstrip(b"\n")[:-4] + b'\\"}\n'
    assert lines[torn].endswith(b'\\"}\n')
    _, problems = cut(b"".join(lines))
    assert [problem.line for problem in problems.first] == [torn + 1]


@pytest.mark.proof
@pytest.mark.skipif("PERFKIT_PROOF" not in os.environ, reason="times: in make proof")
@pytest.mark.parametrize("kind", LONG)
def test_a_line_twice_as_long_takes_no_more_than_twice_the_time(kind: str):
    seconds(kind, MEGABYTE)
    # 5 ms for a megabyte is linear enough: less cannot be told from what else the host does.
    assert seconds(kind, 2 * MEGABYTE) <= 2.5 * max(seconds(kind, MEGABYTE), 0.005)
