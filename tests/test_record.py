"""The canonical line: against a slow, independent reading of the rule, and against json."""

import json
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.record import (
    Record,
    canonical_line,
    escaped,
    marked,
    run_of_capture,
    run_of_day,
    tick_lines,
    unmarked,
)

KERNEL_TEXT = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text(alphabet='cpu0 19\n\t"\\<&>\r\x07\x7f\u2028é', max_size=100).map(str.encode),
)


def length_of_sequence(data: bytes) -> int:
    """Return how many bytes of valid UTF-8 character `data` begins with, 0 when none."""
    for length in range(1, 5):
        try:
            data[:length].decode()
        except UnicodeDecodeError:
            continue
        return min(length, len(data))
    return 0


def escaped_slowly(data: bytes) -> bytes:
    """Escape one character or bad byte at a time, as Go's encoding/json walks a string."""
    out = b""
    while data:
        length = length_of_sequence(data)
        if length == 0:
            out, data = out + b"\\ufffd", data[1:]
            continue
        char, data = data[:length].decode(), data[length:]
        if char in '"\\':
            out += b"\\" + char.encode()
        elif char in "\n\r\t":
            out += {"\n": b"\\n", "\r": b"\\r", "\t": b"\\t"}[char]
        elif ord(char) < 0x20 or char in "<>&\u2028\u2029":
            out += b"\\u%04x" % ord(char)
        else:
            out += char.encode()
    return out


def test_writes_what_the_original_writes():
    record = Record(1700000005, "/proc/stat", b"cpu  10 0\nbtime 5\n")
    assert canonical_line(record) == (
        b'{"timestamp":1700000005,"subsystem":"/proc/stat",'
        b'"measurement":"cpu  10 0\\nbtime 5\\n"}\n'
    )


def test_ns_follows_the_three_keys():
    line = canonical_line(Record(7, "statfs[*]", b"", ns=250_000_000))
    assert line == b'{"timestamp":7,"subsystem":"statfs[*]","measurement":"","ns":250000000}\n'


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param(b'"\\', rb"\"\\", id="quote and backslash"),
        pytest.param(b"\n\r\t", rb"\n\r\t", id="short forms"),
        pytest.param(b"\x00\x08\x0c\x1f", rb"\u0000\u0008\u000c\u001f", id="other controls"),
        pytest.param(b"<&>", rb"\u003c\u0026\u003e", id="what Go escapes for HTML"),
        pytest.param("\u2028\u2029".encode(), rb"\u2028\u2029", id="line separators"),
        pytest.param(b"\x7f\xc3\xa9", b"\x7f\xc3\xa9", id="raw"),
        pytest.param(b"a\xff\xe2\x82b", rb"a\ufffd\ufffd\ufffdb", id="bad bytes one by one"),
        pytest.param("\ufffd".encode(), "\ufffd".encode(), id="a real U+FFFD stays"),
        pytest.param(b"\xed\xa0\x80", rb"\ufffd\ufffd\ufffd", id="an encoded surrogate"),
    ],
)
def test_escapes_as_go_does(text: bytes, want: bytes):
    assert escaped(text) == want


@given(KERNEL_TEXT)
@example(bytes(range(256)))
def test_equals_the_slow_reading_of_the_rule(text: bytes):
    assert escaped(text) == escaped_slowly(text)


@given(KERNEL_TEXT, st.integers(0, 2**40), st.none() | st.integers(0, 2**60))
def test_any_text_reads_back_by_json(text: bytes, timestamp: int, ns: int | None):
    line = canonical_line(Record(timestamp, "/proc/stat", text, ns))
    assert line.count(b"\n") == 1
    back = json.loads(line)
    want = {
        "timestamp": timestamp,
        "subsystem": "/proc/stat",
        "measurement": "".join(
            "\ufffd" if 0xDC80 <= ord(char) <= 0xDCFF else char
            for char in text.decode("utf-8", "surrogateescape")
        ),
    }
    if ns is not None:
        want["ns"] = ns
    assert back == want
    assert list(back) == list(want)


@given(st.text(max_size=40))
def test_any_subsystem_reads_back(name: str):
    if any(0xD800 <= ord(char) < 0xE000 for char in name):
        return
    assert json.loads(canonical_line(Record(1, name, b"x")))["subsystem"] == name


@given(
    st.integers(0, 2**40),
    st.none() | st.integers(0),
    st.lists(st.tuples(st.text(), KERNEL_TEXT)),
)
@example(1, None, [("a", b"\0"), ("b", b"")])
@example(1, None, [("a", b"\1"), ("b", b"")])
@example(1, None, [("a", b"\2x\1"), ("b", b"")])
@example(1, None, [("\2a\1", b"\1\2")])
@example(1, 5, [("a", b"x\n"), ("b", b'"\t')])
@example(1, None, [])
def test_lines_of_a_tick_equal_lines_one_by_one(
    timestamp: int, ns: int | None, texts: list[tuple[str, bytes]]
):
    named = [(name.encode("utf-8", "replace").decode(), text) for name, text in texts]
    parts = [part for name, text in named for part in (marked(name), text)]
    records = [Record(timestamp, name, text, ns) for name, text in named]
    assert [unmarked(name) for name in parts[::2]] == [name for name, _ in named]
    assert tick_lines(timestamp, ns, parts) == b"".join(map(canonical_line, records))


def test_records_compare_by_their_parts():
    record = Record(1, "/proc/stat", b"x", 5)
    assert record == Record(1, "/proc/stat", b"x", 5)
    assert record != Record(1, "/proc/stat", b"x")
    assert record != "x"
    assert len({record, Record(1, "/proc/stat", b"x", 5)}) == 1
    assert repr(record) == "Record(1, '/proc/stat', b'x', 5)"


def test_run_of_a_capture_is_uuid5_of_its_first_line():
    machine = uuid.uuid5(uuid.NAMESPACE_DNS, "web1")
    line = '{"timestamp":1,"subsystem":"/proc/stat","measurement":"é"}\n'
    assert run_of_capture("web1", line.encode()) == str(uuid.uuid5(machine, line))


def test_run_of_a_day_changes_at_midnight_utc():
    # 1700006400 is 2023-11-15T00:00:00Z, day 19676 since 1970.
    day = run_of_day("web1", 1700006400)
    assert run_of_day("web1", 1700006400 + 86399) == day
    assert run_of_day("web1", 1700006399) != day
    assert run_of_day("web2", 1700006400) != day
