"""What holds for every parser: any bytes, any buffer, the fast form as the reference form."""

import os
import re
import time
from collections.abc import Callable
from math import inf
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.errors import ParseError
from perfkit.parsers import cpuinfo, diskstats, meminfo, net_dev, stat, statfs
from perfkit.parsers._text import name

HOSTS = Path(__file__).parents[2] / "fixtures" / "proc"
REFERENCED = {
    "stat": stat,
    "meminfo": meminfo,
    "net/dev": net_dev,
    "diskstats": diskstats,
    "statfs": statfs,
}
PARSERS = {**REFERENCED, "cpuinfo": cpuinfo}

REAL = {
    "stat": b"cpu  11 12 13 14 15 16 17 18 19 20\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu3 1 2 3 4\n"
    b"intr 30 0 1\nctxt 31\nbtime 32\nprocesses 33\nprocs_running 34\nprocs_blocked 35\n"
    b"softirq 36 0 1 2 3 4 5 6 7 8 9\n",
    "meminfo": b"MemTotal:       516 kB\nMemFree:         11 kB\nActive(anon):     1 kB\n"
    b"HugePages_Total:     2\nNew:                 3 kB\n",
    "net/dev": net_dev.HEADING + b"    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15    16\n"
    b"eth0-1:21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36\n",
    "diskstats": b"   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n"
    b" 253       0 dm-0 1 2 3 4 5 6 7 8 9 10 11\n",
    "statfs": b'{"mount_point":"/","block_size":1,"blocks_total":2,"blocks_free":3,'
    b'"blocks_available":4,"inodes_free":5,"new":[6]}\n',
    "cpuinfo": b"processor\t: 0\nflags\t\t: fpu vme\ncpu MHz\t\t: 2600.5\n\n"
    b"processor 1: machine = 1\n",
}

# What the kernel never writes where a number is due.
NO_NUMBERS = {
    "minus-one": b"-1",
    "400-digits": b"9" * 400,
    "5000-digits": b"1" * 5000,
    "2^64": b"18446744073709551616",
    "exponent": b"1e5",
    "point": b"1.0",
    "plus": b"+5",
    "leading-zeros": b"007",
    "underscore": b"1_0",
    "minus-nothing": b"-0",
    "nul": b"\0",
    "not-utf-8": b"\xff\xe2\x82",
    "arabic-digit": "٣".encode(),
    "null": b"null",
    "true": b"true",
    "nested": b"[" * 100_000,
    "nested-closed": b"[" * 100_000 + b"]" * 100_000,
    "objects": b'{"":' * 100_000,
}

FRAGMENTS = [
    *(b" ", b"  ", b"\n", b"\t", b"\r", b"\x0b", b":", b": ", b",", b'"', b"\\", b"\\u0041"),
    *(b"[", b"]", b"{", b"}", b"-", b" -0", b"0", b"00", b"_", b".", b"|", b"=", b" kB", b"kB\n"),
    *(b"\ncpu", b"cpu7 ", b"cpu07 1 2 3 4", b"\ncpus 5", b"\nsoftirq 5", b"\ncpu3 7"),
    *(b"\nintr 5", b"\nctxt 9", b"\nMemFree: 7", b"MemTotal:", b":0 b", b"\n 8 0 sda1 1 2 3 4"),
    *(b"\nsoftirq 1 \n2", b"\n kB\n", b"intr", b"ctxt", b"softirq"),
    *(b"processor\t: 7\n", b"\n\n", b"cpu number: 1\n", b"18446744073709551615"),
    *(value for value in NO_NUMBERS.values() if len(value) < 30),
]


@st.composite
def torn(draw: st.DrawFn, text: bytes) -> bytes:
    """Draw a real text with some places overwritten, as no kernel would leave it."""
    for _ in range(draw(st.integers(0, 4))):
        seams = [seam.start() for seam in re.finditer(rb"[ \n:]", text)] or [0]
        start = draw(st.sampled_from(seams) | st.integers(0, len(text)))
        end = start + draw(st.sampled_from([0, 0, 1, 2, 9]))
        piece = draw(st.sampled_from(FRAGMENTS) | st.binary(max_size=4))
        text = text[:start] + piece + text[end:]
    return text


def outcome(parse: Callable[[bytes], object], data: bytes) -> object:
    """Return what the parser returns, names in their order, or the message of its error."""
    try:
        parsed = parse(data)
    except ParseError as error:
        return str(error)
    return list(parsed.items()) if isinstance(parsed, dict) else parsed


@pytest.mark.parametrize("source", REFERENCED)
@given(data=st.data())
def test_fast_form_is_the_reference_form_over_torn_texts(source: str, data: st.DataObject):
    text = data.draw(torn(REAL[source]))
    module = REFERENCED[source]
    assert outcome(module.parse, text) == outcome(module.parse_reference, text)


@pytest.mark.parametrize("module", REFERENCED.values(), ids=REFERENCED)
@given(text=st.binary(max_size=200))
def test_fast_form_is_the_reference_form_over_any_bytes(module: ModuleType, text: bytes):
    assert outcome(module.parse, text) == outcome(module.parse_reference, text)


@pytest.mark.parametrize("source", ["stat", "meminfo", "net/dev", "diskstats"])
def test_fast_form_reads_what_kernels_write(source: str):
    # Otherwise it would always give up, and the comparisons above would show nothing.
    text = REAL[source]
    module = REFERENCED[source]
    assert module._parse_fast(text) == module.parse_reference(text)  # noqa: SLF001


@pytest.mark.parametrize("source", PARSERS)
@given(data=st.data())
def test_torn_text_parses_or_raises_parse_error(source: str, data: st.DataObject):
    outcome(PARSERS[source].parse, data.draw(torn(REAL[source])))


@pytest.mark.parametrize("value", NO_NUMBERS.values(), ids=NO_NUMBERS)
@pytest.mark.parametrize("source", PARSERS)
def test_no_number_is_refused_or_passed_over_by_both_forms(source: str, value: bytes):
    module = PARSERS[source]
    for place in re.finditer(rb"[0-9]+", REAL[source]):
        text = REAL[source][: place.start()] + value + REAL[source][place.end() :]
        got = outcome(module.parse, text)
        if source in REFERENCED:
            assert got == outcome(module.parse_reference, text)


@pytest.mark.parametrize("source", PARSERS)
@pytest.mark.parametrize("value", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_text_of_nothing_but_a_wrong_number_parses_or_raises_parse_error(source: str, value: bytes):
    outcome(PARSERS[source].parse, value)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("source", PARSERS)
def test_takes_any_buffer(source: str, kind: Callable[[bytes], bytes]):
    parse = PARSERS[source].parse
    assert parse(kind(REAL[source])) == parse(REAL[source])


@pytest.mark.parametrize("source", REFERENCED)
def test_both_forms_agree_on_every_recorded_host(source: str):
    paths = sorted(HOSTS.glob(f"*/*/{source}"))
    assert paths
    for path in paths:
        text, module = path.read_bytes(), REFERENCED[source]
        assert outcome(module.parse, text) == outcome(module.parse_reference, text), path


# One line, or one word, of a megabyte: what a parser may be slow with.
LONG = {
    "digits": b"9",
    "spaces": b" ",
    "words": b"1 ",
    "colons": b":",
    "newlines": b"\n",
    "brackets": b"[",
    "quotes": b'"',
    "not-utf-8": b"\xff",
    "minus": b"-",
    "assignments": b"a=1,",
}


def growth(parse: Callable[[bytes], object], once: bytes, twice: bytes) -> float:
    """Return how many times longer the second takes, each at its best of seven in turn.

    A few milliseconds for megabytes are page faults and grain, not growth: the least is 4.
    """
    best = {once: inf, twice: inf}
    for _ in range(7):
        for text in (once, twice):
            started = time.process_time()
            outcome(parse, text)
            best[text] = min(best[text], time.process_time() - started)
    return best[twice] / max(best[once], 0.004)


@pytest.mark.proof
@pytest.mark.skipif(not os.environ.get("PERFKIT_PROOF"), reason="a measurement: PERFKIT_PROOF=1")
@pytest.mark.parametrize("unit", LONG.values(), ids=LONG)
@pytest.mark.parametrize("source", PARSERS)
def test_twice_the_line_costs_at_most_two_and_a_half_times_the_time(source: str, unit: bytes):
    for prefix in (b"", REAL[source], REAL[source][:-1]):
        once = prefix + unit * (2**20 // len(unit)) + b"\n"
        twice = prefix + unit * (2**21 // len(unit)) + b"\n"
        assert growth(PARSERS[source].parse, once, twice) <= 2.5


@pytest.mark.proof
@pytest.mark.skipif(not os.environ.get("PERFKIT_PROOF"), reason="a measurement: PERFKIT_PROOF=1")
def test_many_cpus_that_share_much_cost_linear_time():
    def text(size: int) -> bytes:
        head = b"".join(b"k%d: v\n" % n for n in range(size)) + b"features: " + b"sse " * size
        return head + b"\n" + b"".join(b"processor %d: a = 1\n" % n for n in range(size))

    assert growth(cpuinfo.parse, text(10_000), text(20_000)) <= 2.5


@given(st.text(st.characters(codec="utf-8"), max_size=20).map(str.encode) | st.binary(max_size=20))
@example(b"\xe2\x82")
@example(b"\xed\xa0\x80")
@example(b"a\xf4\x90\x80\x80b")
def test_each_byte_that_is_not_utf_8_becomes_one_mark(field: bytes):
    # As Go's encoder does: decode byte by byte whatever is no character, one mark for each.
    want, rest = "", field
    while rest:
        for length in range(1, 5):
            try:
                want += rest[:length].decode()
            except UnicodeDecodeError:
                continue
            rest = rest[length:]
            break
        else:
            want, rest = want + "\ufffd", rest[1:]
    assert name(field) == want
