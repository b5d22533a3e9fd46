"""A capture cut anywhere goes on after its last whole tick."""

import gzip
import os
import random
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perfkit.capture.member import HEADER_BYTES
from perfkit.capture.repair import find_tail
from perfkit.capture.write import CaptureWriter, Limits
from perfkit.errors import InputError
from perfkit.record import Record, canonical_line

SECOND = 1_000_000_000
CUTS = 300 if os.environ.get("PERFKIT_PROOF") else 40
SMALL_MEMBERS = Limits(fsync=-1, member_bytes=2000)


def tick(number: int) -> bytes:
    """Return one tick of two lines whose numbers compress no better than counters do."""
    counters = random.Random(number)  # noqa: S311 - a repeatable choice
    text = b" ".join(b"%d" % counters.randrange(10**9) for _ in range(20)) + b"\n"
    return b"".join(
        canonical_line(Record(1_700_000_000 + number, name, text))
        for name in ("/proc/stat", "/proc/meminfo")
    )


def written(path: Path, ticks: range, limits: Limits = SMALL_MEMBERS) -> list[int]:
    """Append ticks as one run does; return the file's size after each."""
    writer = CaptureWriter(str(path), limits, lambda _: None)
    sizes = []
    for number in ticks:
        at = (1_700_000_000 + number) * SECOND
        writer.prepare(at)
        writer.append(tick(number), at)
        sizes.append(path.stat().st_size)
    writer.close()
    return sizes


def text_of(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


@contextmanager
def opened(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)


@pytest.mark.proof
@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_any_cut_is_repaired_to_the_last_whole_tick(tmp_path: Path, suffix: str):
    whole = tmp_path / f"whole{suffix}"
    sizes = written(whole, range(60))
    data = whole.read_bytes()
    assert suffix == ".json" or data.count(b"pk\0\0") > 3, "several members"
    chooser = random.Random(7)  # noqa: S311 - a repeatable choice
    for _ in range(CUTS):
        cut = chooser.randrange(len(data))
        path = tmp_path / f"cut{suffix}"
        path.write_bytes(data[:cut])
        written(path, range(100, 102))
        ticks = sum(size <= cut for size in sizes)
        kept = b"".join(map(tick, range(ticks)))
        if suffix == ".json" and b"\n" in data[cut - 1 : cut + 1] and cut:
            # Nothing tells a tick cut after a whole line from one whose next source failed.
            kept = data[: data.index(b"\n", cut - 1) + 1]
        assert text_of(path) == kept + tick(100) + tick(101), cut


def test_a_killed_run_loses_nothing_and_goes_on(tmp_path: Path):
    path = tmp_path / "c.json.gz"
    sizes = written(path, range(3), Limits(fsync=-1))
    os.truncate(path, sizes[-1])  # as kill -9 leaves it: no end of the member
    written(path, range(3, 5), Limits(fsync=-1))
    assert text_of(path) == b"".join(map(tick, range(5)))


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_says_what_was_cut(tmp_path: Path, suffix: str):
    path = tmp_path / f"c{suffix}"
    sizes = written(path, range(3))
    os.truncate(path, sizes[2] - 5)
    said: list[str] = []
    CaptureWriter(str(path), SMALL_MEMBERS, said.append).close()
    assert len(said) == 1
    assert said[0].startswith(f"{path}: cut off ")
    assert "bytes that were written in part, kept" in said[0]


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_a_tail_of_zeros_is_cut(tmp_path: Path, suffix: str):
    """A power loss can leave a file's length without its bytes."""
    path = tmp_path / f"c{suffix}"
    sizes = written(path, range(3))
    os.truncate(path, sizes[2])
    with path.open("ab") as file:
        file.write(bytes(100_000))
    written(path, range(3, 4))
    assert text_of(path) == b"".join(map(tick, range(4)))


@pytest.mark.parametrize("name", ["c.json", "c.json.gz"])
@pytest.mark.parametrize("size", [0, 1, 5000])
def test_a_file_of_zeros_only_begins_anew(tmp_path: Path, name: str, size: int):
    path = tmp_path / name
    path.write_bytes(bytes(size))
    written(path, range(1))
    assert text_of(path) == tick(0)


def test_a_trailer_of_zeros_is_written_anew(tmp_path: Path):
    path = tmp_path / "c.json.gz"
    written(path, range(3), Limits(fsync=-1))
    data = path.read_bytes()
    path.write_bytes(data[:-8] + bytes(8))
    written(path, range(3, 4))
    assert text_of(path) == b"".join(map(tick, range(4)))


def test_a_last_line_without_its_newline_stays(tmp_path: Path):
    path = tmp_path / "c.json"
    for line in (tick(0), canonical_line(Record(5, "statfs[*]", b'{"a":1}', ns=77))):
        path.write_bytes(tick(9) + line.rstrip(b"\n"))
        written(path, range(1))
        assert text_of(path) == tick(9) + line + tick(0)


@pytest.mark.parametrize(
    "torn",
    [
        rb'{"timestamp":5,"subsystem":"statfs[*]","measurement":"{\"n\":1}',
        rb'{"timestamp":5,"subsystem":"x","measurement":"{\"n\"}',
        rb'{"timestamp":5,"subsystem":"x","measurement":"{\",\"ns\":1}',
        b'{"timestamp":5,"subsystem":"x","measurement":"y","ns":1',
        b'{"timestamp":5,"subsystem":"x","measurement":"y","ns":}',
        b'{"timestamp":5,"subsystem":"x","measurement":"y","ns":12',
        b'{"timestamp":5,"subsystem":"x","measurement":"y","ns":123',
    ],
)
def test_a_torn_line_that_looks_whole_is_cut(tmp_path: Path, torn: bytes):
    path = tmp_path / "c.json"
    path.write_bytes(tick(9) + torn)
    written(path, range(1))
    assert text_of(path) == tick(9) + tick(0)


@pytest.mark.parametrize(
    ("torn", "is_half"),
    [
        pytest.param(b'{"timestamp":1700000004,"subsystem":"/pr', True, id="same-time"),
        pytest.param(b'{"timestamp":1700000005,"subsystem":"/pr', False, id="next-time"),
        pytest.param(b'{"timest', True, id="no-time-told"),
        pytest.param(bytes(700), True, id="zeros"),
    ],
)
def test_whole_lines_of_a_torn_tick_go_with_it(tmp_path: Path, torn: bytes, *, is_half: bool):
    path = tmp_path / "c.json"
    first_line = tick(4).splitlines(keepends=True)[0]
    path.write_bytes(tick(2) + tick(3) + first_line + torn)
    written(path, range(1))
    kept = tick(2) + tick(3) + (b"" if is_half else first_line)
    assert text_of(path) == kept + tick(0)


def test_a_whole_tick_before_a_line_that_tells_no_time_stays(tmp_path: Path):
    path = tmp_path / "c.json"
    path.write_bytes(tick(2) + tick(3) + b'{"time')
    written(path, range(1))
    assert text_of(path) == tick(2) + tick(3) + tick(0)


def test_a_tick_longer_than_the_window_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("perfkit.capture.repair.TAIL", 300)
    path = tmp_path / "c.json"
    line = tick(3).splitlines(keepends=True)[0]
    path.write_bytes(line * 9 + line[:40])
    written(path, range(1))
    assert text_of(path) == line * 9 + tick(0)


def test_damage_that_reads_like_an_end_is_cut(tmp_path: Path):
    path = tmp_path / "c.json.gz"
    sizes = written(path, range(3), Limits(fsync=-1))
    os.truncate(path, sizes[-1])
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    with path.open("ab") as file:
        file.write(deflate.compress(b"half a line") + deflate.flush() + bytes(8))
    written(path, range(3, 4))
    assert text_of(path) == b"".join(map(tick, range(4)))


@pytest.mark.parametrize("zeroed", range(1, 9))
def test_a_trailer_that_is_zero_in_part_is_written_anew(tmp_path: Path, zeroed: int):
    path = tmp_path / "c.json.gz"
    written(path, range(3), Limits(fsync=-1))
    data = path.read_bytes()
    path.write_bytes(data[:-zeroed] + bytes(zeroed) + bytes(4000))
    written(path, range(3, 4))
    assert text_of(path) == b"".join(map(tick, range(4)))


@pytest.mark.parametrize("kept", [17, 40, 100, 200])
def test_a_first_tick_that_is_damaged_begins_anew(tmp_path: Path, kept: int):
    path = tmp_path / "c.json.gz"
    first = written(path, range(2))[0]
    assert kept < first
    path.write_bytes(path.read_bytes()[:kept] + bytes(4096 - kept))
    written(path, range(5, 7))
    assert text_of(path) == tick(5) + tick(6)


def test_a_first_tick_cut_in_its_header_begins_anew(tmp_path: Path):
    whole = tmp_path / "w.json.gz"
    first = written(whole, range(2))[0]
    path = tmp_path / "c.json.gz"
    for cut in [*range(HEADER_BYTES + 2), first - 1]:
        path.write_bytes(whole.read_bytes()[:cut])
        written(path, range(5, 6))
        assert text_of(path) == tick(5)


def test_a_flush_mark_across_two_blocks_is_seen(tmp_path: Path):
    """A member is read in blocks of 64 KiB: let the mark end on each side of the first border."""
    path = tmp_path / "c.json.gz"
    noise = random.Random(1).randbytes(70_000).replace(b"\n", b"")  # noqa: S311 - repeatable
    ends = set()
    length = 65_500
    for wanted in (0, 0, -1, 0, 1, 2, 3, 4):  # the first only tells how many bytes zlib adds
        path.unlink(missing_ok=True)
        writer = CaptureWriter(str(path), Limits(fsync=-1), lambda _: None)
        writer.append(b'{"timestamp":1' + noise[:length] + b"\n", 1)
        end = path.stat().st_size
        writer.append(tick(0), 1)
        writer.close()
        os.truncate(path, end + 100)
        with opened(path) as file:
            assert find_tail(file, "c", packed=True).keep == end
        after_border = end - HEADER_BYTES - 64 * 1024
        ends.add(after_border)
        length += wanted - after_border
    assert {-1, 0, 1, 2, 3} <= ends, "noise is stored as it is, so each byte counts"


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        pytest.param("a.json", b"hello\n", "found b'hello\\n'", id="text"),
        pytest.param("a.json", b"{}\n", "found b'{}\\n'", id="other JSON"),
        pytest.param("a.json", b"\x7fELF" + bytes(100), "found b'\\x7fELF", id="binary"),
        pytest.param("a.json", gzip.compress(tick(0)), "found gzip", id="gzip by another name"),
        pytest.param("a.json.gz", tick(0), "expected gzip by its name, found no gzip", id="plain"),
        pytest.param("a.gz", gzip.compress(b"hello\n"), "found b'hello\\n'", id="text in gzip"),
        pytest.param("a.gz", b"\x1f\x8b\x08\x00" + b"x" * 60, "expected gzip, found", id="broken"),
        pytest.param(
            "a.gz", gzip.compress(tick(0) * 9)[:-20], "ends in the middle", id="torn, not ours"
        ),
        pytest.param(
            "a.gz", gzip.compress(tick(0)) + b"junk" * 9, "cannot be continued", id="junk"
        ),
    ],
)
def test_what_is_no_capture_is_left_alone(tmp_path: Path, name: str, content: bytes, found: str):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        written(path, range(1))
    assert found in str(raised.value)
    assert "left alone" in str(raised.value)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(tick(0), id="the original's"),
        pytest.param(b'{ "timestamp": 17, "subsystem": "x", "measurement": "y" }\n', id="spaces"),
        pytest.param(b'{"subsystem":"x","measurement":"y","timestamp":17}\n', id="other order"),
    ],
)
def test_captures_of_other_programs_are_continued(tmp_path: Path, content: bytes):
    for name, stored in (("a.json", content), ("a.json.gz", gzip.compress(content))):
        path = tmp_path / name
        path.write_bytes(stored)
        written(path, range(1))
        assert text_of(path) == content + tick(0)


def test_a_foreign_gzip_member_gets_its_newline(tmp_path: Path):
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(tick(0)[:-1]))
    written(path, range(1, 2))
    assert text_of(path) == tick(0) + tick(1)


def test_a_foreign_member_after_ours_is_kept(tmp_path: Path):
    path = tmp_path / "a.json.gz"
    written(path, range(2))
    with path.open("ab") as file:
        file.write(gzip.compress(tick(2)))
    written(path, range(3, 4))
    assert text_of(path) == b"".join(map(tick, range(4)))


def test_a_broken_member_is_cut_after_its_last_good_tick(tmp_path: Path):
    path = tmp_path / "c.json.gz"
    sizes = written(path, range(9), Limits(fsync=-1))
    data = bytearray(path.read_bytes()[: sizes[-1]])
    data[sizes[4] : sizes[4] + 3] = b"\xff\xff\xff"  # a block type that does not exist
    path.write_bytes(data)
    written(path, range(20, 21))
    assert text_of(path) == b"".join(map(tick, range(5))) + tick(20)


@pytest.mark.parametrize(
    ("content", "first"),
    [
        (tick(0), 1_700_000_000),
        (b'{ "timestamp": 17, "subsystem": "x"}\n', 17),
        (b'{"subsystem":"x"}\n', None),
        (b"", None),
    ],
)
def test_finds_the_first_timestamp(tmp_path: Path, content: bytes, first: int | None):
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with opened(path) as file:
        assert find_tail(file, "c", packed=False).first == first


def test_plain_zlib_reads_each_flushed_tick(tmp_path: Path):
    """What a reader sees while it is being written: all ticks so far, no trailer."""
    path = tmp_path / "c.json.gz"
    sizes = written(path, range(3), Limits(fsync=-1))
    for number, size in enumerate(sizes, start=1):
        reader = zlib.decompressobj(zlib.MAX_WBITS + 16)
        text = reader.decompress(path.read_bytes()[:size])
        assert text == b"".join(map(tick, range(number)))
