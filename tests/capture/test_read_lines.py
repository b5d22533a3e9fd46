"""Lines come out as they went in, whatever the pieces, and each is a record or a typed error."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.capture.lines import LineCutter, record_of
from perfkit.capture.problems import Problem, Problems
from perfkit.errors import ParseError
from perfkit.record import Record, canonical_line


@given(st.lists(st.binary(max_size=12)))
def test_pieces_do_not_matter(pieces: list[bytes]):
    cutter = LineCutter(Problems())
    lines = [line for piece in pieces for line in cutter.feed(piece)]
    rest = cutter.rest()
    text = b"".join(pieces)
    assert [*lines, rest] == text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert cutter.cut == len(lines) + (not text.endswith(b"\n") and text != b"")


def test_a_long_line_leaves_an_empty_one_in_its_place():
    problems = Problems()
    cutter = LineCutter(problems, limit=10)
    text = b"one\n" + b"x" * 25 + b"\ntwo\n" + b"y" * 11 + b"\n" + b"z" * 10 + b"\nrest"
    for size in (1, 4, 100):
        problems.first.clear()
        cutter = LineCutter(problems, limit=10)
        lines = []
        for start in range(0, len(text), size):
            lines += cutter.feed(text[start : start + size])
        assert lines == [b"one", b"", b"two", b"", b"z" * 10]
        assert cutter.rest() == b"rest"
        assert problems.first == [
            Problem(2, "expected 10 bytes at most, found 25"),
            Problem(4, "expected 10 bytes at most, found 11"),
        ]


def test_a_long_last_line_is_reported():
    problems = Problems()
    cutter = LineCutter(problems, limit=10)
    cutter.feed(b"x" * 11)
    assert cutter.rest() == b""
    assert problems.first == [Problem(1, "expected 10 bytes at most, found 11")]


@pytest.mark.parametrize(
    "line",
    [
        b'{"measurement":"m","subsystem":"s","timestamp":5}',
        b'{"timestamp":5,"subsystem":"s","measurement":"m","extra":{"a":[1]}}',
        b' { "timestamp" : 5 , "subsystem" : "s" , "measurement" : "m" } \r',
        b'{"timestamp":1,"timestamp":5,"subsystem":"s","measurement":"m"}',
        b'{"timestamp":5,"subsystem":"\\u0073","measurement":"\\u006d"}',
        b'{"timestamp":5,"subsystem":"s","measurement":"m","ns":null}',
    ],
)
def test_other_shapes_of_the_same_record(line: bytes):
    assert record_of(line) == Record(5, "s", b"m")


LINE = b'{"timestamp":%b,"subsystem":"s","measurement":"m"}'


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(LINE % b"-1", id="negative"),
        pytest.param(LINE % b"1.5", id="float"),
        pytest.param(LINE % b'"5"', id="text"),
        pytest.param(LINE % b"253402300800", id="year-10000"),
        pytest.param(LINE % (b"9" * 400), id="400-digits"),
        pytest.param(LINE % b"007", id="leading-zeros"),
        pytest.param(LINE % b"+5", id="plus"),
        pytest.param(b'{"timestamp":5,"subsystem":"s"}', id="no-measurement"),
        pytest.param(b'{"timestamp":5,"subsystem":7,"measurement":"m"}', id="wrong-type"),
        pytest.param(b'{"timestamp":5,"subsystem":"s","measurement":"\\ud800"}', id="surrogate"),
        pytest.param(b'{"timestamp":5,"subsystem":"s","measurement":"\xff"}', id="not-utf-8"),
        pytest.param(b'{"timestamp":5,"subsystem":"s","measurement":"\0"}', id="raw-nul"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(LINE[:-1] % b"5" + b',"x":' + b"[" * 100_000, id="deep-in-a-key"),
        pytest.param(b'["timestamp"]', id="array"),
        pytest.param(b"\0" * 50, id="nul"),
        pytest.param(b"", id="empty"),
    ],
)
def test_what_is_no_record_is_a_typed_error(line: bytes):
    with pytest.raises(ParseError):
        record_of(line)


@given(st.binary(max_size=200))
@example(b"{")
def test_any_bytes_are_a_record_or_a_parse_error(line: bytes):
    with suppress(ParseError):
        record_of(line)


@given(
    st.integers(0, 2**37),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.none() | st.integers(0, 2**40),
)
def test_a_canonical_line_reads_back(stamp: int, subsystem: str, text: str, ns: int | None):
    record = Record(stamp, subsystem, text.encode(), ns)
    assert record_of(canonical_line(record).removesuffix(b"\n")) == record
