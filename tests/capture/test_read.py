"""A capture reads the same whatever carries it, and what is lost is said."""

import gzip
import io
import os
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.capture.problems import KEPT, Problem, Problems
from perfkit.capture.read import Capture, open_capture, records
from perfkit.errors import InputError
from perfkit.record import Record

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STAT = b'{"timestamp":%d,"subsystem":"/proc/stat","measurement":"cpu  1 2 3 4\\n"}\n'
LINES = STAT % 1700000000 + STAT % 1700000005 + STAT % 1700000010
RECORDS = [
    Record(stamp, "/proc/stat", b"cpu  1 2 3 4\n") for stamp in (1700000000, 1700000005, 1700000010)
]


def read(data: bytes) -> tuple[list[Record], Problems]:
    with Capture(io.BytesIO(data), "test") as capture:
        return list(capture.records()), capture.problems


def flushed(*ticks: bytes) -> bytes:
    """Return a gzip stream that a collector is still writing: a sync flush a tick, no end."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join(deflate.compress(tick) + deflate.flush(zlib.Z_SYNC_FLUSH) for tick in ticks)


CARRIERS = {
    "plain": LINES,
    "gzip": gzip.compress(LINES),
    "gzip-members": gzip.compress(LINES[:100]) + gzip.compress(LINES[100:]),
    "gzip-padded": gzip.compress(LINES) + bytes(512),
    "gzip-flushed": flushed(STAT % 1700000000, STAT % 1700000005, STAT % 1700000010),
    "gzip-no-trailer": gzip.compress(LINES)[:-8],
    "gzip-half-trailer": gzip.compress(LINES)[:-3],
    "zstd": zstd.compress(LINES),
    "zstd-frames": zstd.compress(LINES[:100]) + zstd.compress(LINES[100:]),
    "no-last-line-end": LINES[:-1],
    "byte-order-mark": b"\xef\xbb\xbf" + LINES,
    "crlf": LINES.replace(b"\n", b"\r\n"),
    "blank-lines": LINES.replace(b"\n", b"\n\n"),
}


@pytest.mark.parametrize("data", CARRIERS.values(), ids=CARRIERS)
def test_whatever_carries_it_reads_the_same(data: bytes):
    got, problems = read(data)
    assert got == RECORDS
    assert (problems.count, problems.first) == (0, [])


@pytest.mark.parametrize("name", ["gzip-flushed", "gzip-no-trailer", "gzip-half-trailer"])
def test_a_stream_without_end_is_worth_a_note(name: str):
    assert read(CARRIERS[name])[1].notes == [
        "the gzip stream has no end yet: still being written, or cut there"
    ]


def test_a_broken_line_costs_itself_and_has_a_number():
    got, problems = read(LINES.replace(b'05,"sub', b"05,sub"))
    assert got == [RECORDS[0], RECORDS[2]]
    (problem,) = problems.first
    assert problem.line == 2
    assert problem.reason.startswith("expected timestamp, subsystem and measurement as JSON: ")
    assert str(problem).startswith("line 2: expected ")


def test_a_line_cut_at_the_end_is_lost_and_said():
    got, problems = read(LINES[:-20])
    size = len(STAT % 1700000010) - 20
    assert got == RECORDS[:2]
    assert problems.first == [Problem(3, f"cut in the middle of a line, {size} bytes lost")]


def test_problems_are_counted_and_the_first_kept():
    problems = read(b"no\n" * 1000)[1]
    assert problems.count == 1000
    assert [problem.line for problem in problems.first] == list(range(1, KEPT + 1))


def test_a_nanosecond_offset_is_read():
    line = b'{"timestamp":1700000000,"subsystem":"s","measurement":"m","ns":100000000}\n'
    assert read(line)[0] == [Record(1700000000, "s", b"m", 100_000_000)]


@pytest.mark.parametrize("kind", ["plain", "gzip", "zstd"])
def test_a_path_reads_as_a_stream(tmp_path: Path, kind: str):
    path = tmp_path / "any.name"
    path.write_bytes(CARRIERS[kind])
    assert list(records(path)) == RECORDS


def test_the_position_ends_at_the_size(tmp_path: Path):
    path = tmp_path / "capture.json"
    path.write_bytes(LINES)
    with open_capture(path) as capture:
        assert capture.size == len(LINES)
        assert sum(len(lines) for _, lines in capture.batches()) == 3
        assert capture.position == len(LINES)


@pytest.mark.parametrize("kind", [io.BytesIO, lambda data: io.BufferedReader(io.BytesIO(data))])
def test_a_dash_is_standard_input(monkeypatch, kind):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(kind(CARRIERS["gzip"])))
    with open_capture("-") as capture:
        assert list(capture.records()) == RECORDS
        assert (capture.name, capture.size) == ("standard input", None)


def test_a_pipe_has_no_size(tmp_path: Path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)
    try:
        with open_capture(path) as capture:
            assert capture.size is None
    finally:
        os.close(descriptor)


def test_what_cannot_be_opened_is_said(tmp_path: Path):
    with pytest.raises(InputError, match="is a folder, expected a capture file"):
        open_capture(tmp_path)
    with pytest.raises(InputError, match="no such file, expected a capture"):
        open_capture(tmp_path / "none.json")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be read: not a directory"):
        open_capture(tmp_path / "file" / "below")
    with pytest.raises(InputError, match="cannot be read: embedded null byte"):
        open_capture("a\0b")


def test_a_disk_error_ends_the_reading_and_is_a_problem():
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() == len(LINES):
                raise OSError(5, "Input/output error")
            return super().read(size)

    with Capture(Failing(LINES), "test") as capture:
        assert list(capture.records()) == RECORDS
    assert capture.problems.first == [
        Problem(0, f"not read from byte {len(LINES)} on: input/output error")
    ]


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"]))
def test_any_bytes_give_records_or_problems(data: bytes, start: bytes):
    got, problems = read(start + data)
    blank = not (start + data).removeprefix(b"\xef\xbb\xbf").strip()
    assert got or problems.count or problems.notes or blank


@given(st.data())
def test_any_cut_of_a_flushed_stream_keeps_each_whole_tick(data: st.DataObject):
    ticks = [STAT % (1700000000 + 5 * n) for n in range(5)]
    whole = [len(flushed(*ticks[:n])) for n in range(6)]
    stream = flushed(*ticks)
    cut = data.draw(st.integers(0, len(stream)))
    got, problems = read(stream[:cut])
    full = max(n for n in range(6) if whole[n] <= cut)
    assert [record.timestamp for record in got][:full] == [1700000000 + 5 * n for n in range(full)]
    assert (problems.count == 0) == (cut in whole)
