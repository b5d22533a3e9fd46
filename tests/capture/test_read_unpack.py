"""Damage costs what it hits: the text before stays, and reading goes on at the next member."""

import gzip
import os
import random
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.capture.problems import Problems
from perfkit.capture.unpack import PIECE_BYTES, Gzip, Plain, Zstd, unpacker_for

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FIRST = b"".join(b"first %d\n" % n for n in range(2000))
SECOND = b"".join(b"second %d\n" % n for n in range(2000))


def unpack(data: bytes, chunk: int = 1000) -> tuple[bytes, Problems]:
    problems = Problems()
    unpacker = unpacker_for(data[:4], problems)
    text = b""
    for start in range(0, len(data), chunk):
        for piece in unpacker.feed(data[start : start + chunk]):
            assert len(piece) <= PIECE_BYTES or isinstance(unpacker, Plain)
            text += piece
    unpacker.finish()
    return text, problems


def reasons(problems: Problems) -> list[str]:
    return [problem.reason for problem in problems.first]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000, 1 << 20])
def test_chunks_do_not_matter(chunk: int):
    for data in (
        gzip.compress(FIRST) + gzip.compress(SECOND) + bytes(5),
        zstd.compress(FIRST) + zstd.compress(SECOND),
        FIRST + SECOND,
    ):
        text, problems = unpack(data, chunk)
        assert text == FIRST + SECOND
        assert (problems.count, problems.notes) == (0, [])


@pytest.mark.parametrize("chunk", [1, 1000, 1 << 20])
def test_damage_inside_a_member_costs_its_rest(chunk: int):
    member = gzip.compress(FIRST)
    middle = len(member) // 2
    # A reserved block type (RFC 1951, 3.2.3: BTYPE 11) cannot follow a sync flush by accident.
    deflate = zlib.compressobj(wbits=31)
    damaged = deflate.compress(FIRST) + deflate.flush(zlib.Z_SYNC_FLUSH) + b"\x06" + member[middle:]
    text, problems = unpack(damaged + gzip.compress(SECOND), chunk)
    assert text == FIRST + SECOND
    assert problems.count == 1
    place = len(deflate.compress(b"")) + len(damaged) - len(member[middle:]) - 1
    (reason,) = reasons(problems)
    assert "damaged: invalid block type" in reason
    near = int(reason.split("near byte ")[1].split()[0])
    assert place - chunk <= near <= place


def test_a_wrong_checksum_keeps_the_text_and_is_said():
    member = bytearray(gzip.compress(FIRST))
    member[-8] ^= 1
    text, problems = unpack(bytes(member) + gzip.compress(SECOND))
    assert text == FIRST + SECOND
    assert len(reasons(problems)) == 1
    assert "damaged: incorrect data check" in reasons(problems)[0]


def test_a_line_begun_before_the_damage_does_not_run_into_the_next():
    deflate = zlib.compressobj(wbits=31)
    damaged = deflate.compress(b"whole\nhal") + deflate.flush(zlib.Z_SYNC_FLUSH) + b"\x06"
    assert unpack(damaged + gzip.compress(SECOND))[0] == b"whole\nhal\n" + SECOND


def test_a_cut_member_before_another_costs_its_rest():
    deflate = zlib.compressobj(wbits=31)
    cut = deflate.compress(FIRST) + deflate.flush(zlib.Z_SYNC_FLUSH)
    text, problems = unpack(cut + gzip.compress(SECOND), 1 << 20)
    assert text.startswith(FIRST)
    assert text.endswith(SECOND)
    assert problems.count == 1


def test_bytes_behind_the_last_member_are_said():
    text, problems = unpack(gzip.compress(FIRST) + b"something else")
    assert text == FIRST
    (reason,) = reasons(problems)
    place = len(gzip.compress(FIRST))
    assert reason == f"gzip stream near byte {place} followed by bytes that are no gzip member"


@pytest.mark.parametrize("rest", [b"\x1f", b"\x1f\x8b"])
def test_a_header_cut_short_is_said(rest: bytes):
    text, problems = unpack(gzip.compress(FIRST) + rest)
    assert text == FIRST
    assert reasons(problems) == [f"gzip stream near byte {len(gzip.compress(FIRST))} cut"]


def test_a_cut_stream_is_said():
    text, problems = unpack(gzip.compress(FIRST)[:-100])
    assert FIRST.startswith(text)
    assert "cut: its last bytes gave no text" in reasons(problems)[0]


def test_a_small_file_that_unpacks_to_a_big_one_comes_in_pieces():
    assert unpack(gzip.compress(bytes(5_000_000)), 1 << 20)[0] == bytes(5_000_000)
    assert unpack(zstd.compress(bytes(5_000_000)), 1 << 20)[0] == bytes(5_000_000)


def test_damage_after_much_text_gives_the_text_in_pieces():
    deflate = zlib.compressobj(wbits=31)
    damaged = deflate.compress(bytes(1_000_000)) + deflate.flush(zlib.Z_SYNC_FLUSH) + b"\x06"
    assert unpack(damaged, 1 << 20)[0] == bytes(1_000_000) + b"\n"


def test_damaged_zstd_keeps_what_came_before():
    text, problems = unpack(zstd.compress(FIRST) + b"\x28\xb5\x2f\xfd\xff\xff\xff\xff" + FIRST)
    assert text == FIRST
    assert problems.count == 1
    assert reasons(problems)[0].startswith("zstd data damaged (")


def test_cut_zstd_may_have_lost_something():
    compressor = zstd.ZstdCompressor()
    data = compressor.compress(FIRST) + compressor.flush(compressor.FLUSH_BLOCK)
    text, problems = unpack(data)
    assert text == FIRST
    assert reasons(problems) == ["the zstd stream has no end: what its last block had is lost"]


def test_the_kind_is_told_by_the_first_bytes():
    assert isinstance(unpacker_for(b"\x1f\x8b\x08\x00", Problems()), Gzip)
    assert isinstance(unpacker_for(b"\x28\xb5\x2f\xfd", Problems()), Zstd)
    assert isinstance(unpacker_for(b'{"ti', Problems()), Plain)


@given(st.integers(0, 2**32), st.sampled_from(["gzip", "zstd"]))
def test_any_damage_is_text_or_a_problem(seed: int, kind: str):
    rng = random.Random(seed)  # noqa: S311 - which byte, not a secret
    noise = os.urandom(30)
    whole = FIRST[:500] + noise + SECOND[:500]
    data = bytearray(gzip.compress(whole) if kind == "gzip" else zstd.compress(whole))
    for _ in range(rng.randint(1, 4)):
        data[rng.randrange(4, len(data))] = rng.randrange(256)
    text, problems = unpack(bytes(data), 64)
    assert text == whole or problems.count or problems.notes or kind == "zstd"
