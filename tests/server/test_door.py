"""The door: what is canonical passes, what is not becomes so, anything else is told why."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.record import Record, canonical_line
from perfkit.server.door import Door, Rejected
from perfkit.server.limits import Limits

NOW = 1_700_000_000
DOOR = Door(Limits(), NOW)

TIMES = st.integers(315_532_800, NOW + 86_400)
NAMES = st.text(min_size=1, max_size=40).filter(lambda name: "\ufffd" not in name)
TEXTS = st.one_of(
    st.text(max_size=100),
    st.text(alphabet='cpu0 19\n\t"\\<&>\r\x00\x07\x08\x0c\x7f\u2028é\ufffd', max_size=100),
)
NS = st.none() | st.integers(0, 2**53)


def test_a_canonical_line_passes_unchanged():
    line = b'{"timestamp":1700000000,"subsystem":"/proc/stat","measurement":"cpu  1\\n","ns":5}'
    assert DOOR.canonical(line) == line + b"\n"


@given(
    records=st.lists(
        st.builds(
            Record,
            TIMES,
            NAMES,
            st.binary(max_size=80) | TEXTS.map(str.encode),
            NS,
        ),
        min_size=1,
        max_size=6,
    )
)
@example(records=[Record(NOW, "/s", b"\xff and \xef\xbf\xbd")])
def test_what_a_recorder_writes_passes_unchanged_alone_and_together(records):
    lines = [canonical_line(record) for record in records]
    assert [DOOR.canonical(line.rstrip(b"\n")) for line in lines] == lines
    block = DOOR.block(b"".join(lines))
    assert block.lines == lines
    assert block.text == b"".join(lines)
    assert block.rejected == {}
    assert block.names == {record.subsystem for record in records}


@given(
    time=TIMES,
    name=NAMES,
    text=TEXTS.map(lambda text: text.replace("\ufffd", "")),
    ns=NS,
    is_ascii=st.booleans(),
    indent=st.none() | st.integers(0, 3),
    is_turned=st.booleans(),
    more=st.dictionaries(st.sampled_from(["a", "b"]), st.none() | st.lists(st.integers())),
)
def test_any_spelling_becomes_the_canonical_one(
    *, time, name, text, ns, is_ascii, indent, is_turned, more
):
    content = {"timestamp": time, "subsystem": name, "measurement": text}
    content |= {} if ns is None else {"ns": ns}
    content |= more
    if is_turned:
        content = dict(reversed(content.items()))
    spelled = json.dumps(content, ensure_ascii=is_ascii, indent=indent).encode()
    want = canonical_line(Record(time, name, text.encode(), ns))
    assert DOOR.canonical(spelled) == want
    assert DOOR.lines([spelled]).lines == [want]


@pytest.mark.parametrize(
    ("spelled", "kept"),
    [
        pytest.param(rb"\ufffd", rb"\ufffd", id="a byte that was not UTF-8"),
        pytest.param(rb"\uFFFD", rb"\ufffd", id="the same in capitals"),
        pytest.param(b"\xef\xbf\xbd", b"\xef\xbf\xbd", id="the character itself"),
        pytest.param(rb"\\ufffd", rb"\\ufffd", id="a backslash and letters"),
        pytest.param(rb"\\\ufffd", rb"\\\ufffd", id="a backslash, then such a byte"),
        pytest.param(rb"\u00e9\/\b", b"\xc3\xa9/\\u0008", id="escapes that nobody needs"),
        pytest.param(rb"\ud83d\ude00", b"\xf0\x9f\x98\x80", id="a pair of surrogates"),
    ],
)
def test_escapes(spelled, kept):
    line = b'{"timestamp": 1700000000,"subsystem":"/s","measurement":"%b"}'
    want = b'{"timestamp":1700000000,"subsystem":"/s","measurement":"%b"}\n'
    assert DOOR.canonical(line % spelled) == want % kept


@given(st.binary(max_size=200))
@example(b'{"timestamp":1700000000,"subsystem":"/s","measurement":"\\ud800"}')
@example(b'{"timestamp":1700000000,"subsystem":"/s","measurement":"","x":' + b"[" * 100_000)
@example(b"[" * 100_000)
@example(b'{"timestamp":1' + b"0" * 5000 + b"}")
def test_any_bytes_are_rejected_with_a_reason_or_become_canonical_for_good(data):
    block = DOOR.lines([data])
    if block.rejected:
        assert block.rejected[0]
        with pytest.raises(Rejected):
            DOOR.canonical(data)
    else:
        assert DOOR.canonical(block.lines[0].rstrip(b"\n")) == block.lines[0]


@given(
    st.lists(
        st.sampled_from(
            [b"{}", b"x", b"", b"  ", b'{"timestamp":1700000000,"subsystem":"s","measurement":""}']
        )
    )
)
def test_a_block_is_its_lines_one_by_one(lines):
    block = DOOR.block(b"\n".join(lines))
    one_by_one = DOOR.lines([line for line in lines if line.strip()])
    assert block.lines == one_by_one.lines
    assert block.rejected == one_by_one.rejected


@pytest.mark.parametrize(
    ("timestamp", "is_taken"),
    [
        (315_532_799, False),
        (315_532_800, True),
        (NOW + 86_399, True),
        (NOW + 86_400, True),
        (NOW + 86_401, False),
    ],
)
def test_the_clock_of_a_line(timestamp, is_taken):
    line = canonical_line(Record(timestamp, "/s", b""))
    block = DOOR.block(line)
    assert (block.rejected == {}) is is_taken
    if not is_taken:
        assert f"found {timestamp}" in block.rejected[0]


@pytest.mark.parametrize("size", [99, 100, 101])
def test_bytes_of_a_line_and_of_a_name(size):
    door = Door(Limits(line_bytes=100, name_bytes=20), NOW)
    head = b'{"timestamp":1700000000,"subsystem":"%b","measurement":"'
    line = head % b"/s" + b"x" * (size - len(head % b"/s") - 2) + b'"}'
    assert len(line) == size
    assert (door.block(line).rejected == {}) is (size <= 100)
    named = head % (b"n" * (size - 80)) + b'"}'
    assert (Door(Limits(name_bytes=20), NOW).block(named).rejected == {}) is (size - 80 <= 20)


@pytest.mark.parametrize("depth", [31, 32, 33])
def test_brackets_open_at_once(depth):
    line = b'{"timestamp":1700000000,"subsystem":"/s","measurement":"[[{","more":%b}'
    nested = line % (b"[" * (depth - 1) + b"]" * (depth - 1))
    assert (DOOR.block(nested).rejected == {}) is (depth <= 32)


def test_brackets_in_a_text_are_text():
    mounts = b"".join(b'{\\"mount_point\\":\\"/%d\\"}\\n' % number for number in range(100))
    line = b'{"timestamp":1700000000,"subsystem":"statfs[*]","measurement":"%b"}' % mounts
    assert DOOR.canonical(line) == line + b"\n"
