"""A follower sees each whole line once, when it is there, and goes on where the file goes on."""

import zlib
from pathlib import Path

import pytest

from perfkit.capture.follow import Follower
from perfkit.capture.problems import Problem

LINE = b'{"timestamp":%d,"subsystem":"s","measurement":"m"}\n'


def stamps(follower: Follower) -> list[int]:
    return [record.timestamp for record in follower.read()]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "capture.json"


@pytest.fixture
def follower(path: Path):
    follower = Follower(path)
    yield follower
    follower.close()


def test_lines_come_once_and_whole(path: Path, follower: Follower):
    assert stamps(follower) == []
    append(path, LINE % 1 + (LINE % 2)[:20])
    assert stamps(follower) == [1]
    assert stamps(follower) == []
    append(path, (LINE % 2)[20:] + LINE % 3)
    assert stamps(follower) == [2, 3]
    assert follower.problems.count == 0


def test_the_first_bytes_may_come_one_by_one(path: Path, follower: Follower):
    for byte in LINE % 7:
        assert stamps(follower) == []
        append(path, bytes([byte]))
    assert stamps(follower) == [7]


def test_gzip_is_read_up_to_each_flush(path: Path, follower: Follower):
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    for stamp in (1, 2):
        data = deflate.compress(LINE % stamp) + deflate.flush(zlib.Z_SYNC_FLUSH)
        append(path, data[:5])
        assert stamps(follower) == []
        append(path, data[5:])
        assert stamps(follower) == [stamp]
    append(path, deflate.flush() + zlib.compress(LINE % 3, wbits=31))
    assert stamps(follower) == [3]
    assert follower.problems.count == 0


def test_rotation_loses_no_line(path: Path, follower: Follower):
    append(path, LINE % 1)
    assert stamps(follower) == [1]
    append(path, LINE % 2)
    path.rename(path.with_suffix(".1"))
    assert stamps(follower) == [2]
    append(path, LINE % 3)
    assert stamps(follower) == [3]


def test_a_repaired_file_is_read_on_from_its_new_end(path: Path, follower: Follower):
    append(path, LINE % 1 + LINE[:30])
    assert stamps(follower) == [1]
    with path.open("r+b") as file:
        file.truncate(len(LINE % 1))
    assert stamps(follower) == []
    append(path, LINE % 2)
    assert stamps(follower) == [2]


def test_it_may_start_where_a_collector_goes_on(path: Path):
    append(path, LINE % 1)
    follower = Follower(path, offset=path.stat().st_size)
    append(path, zlib.compress(LINE % 2, wbits=31))
    assert stamps(follower) == [2]
    follower.close()


def test_a_broken_line_is_a_problem_and_costs_no_other(path: Path, follower: Follower):
    append(path, LINE % 1 + b"{}\n\n" + LINE % 2)
    assert stamps(follower) == [1, 2]
    (problem,) = follower.problems.first
    assert problem == Problem(2, problem.reason)
