"""proc/net/dev: rates of each interface that both samples have, in the kernel's order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import Driver

from perfkit.errors import ParseError
from perfkit.goformat import float_text
from perfkit.report.original.net_dev import NetDev
from perfkit.report.original.table import APPEARED, VANISHED, WENT_BACK

# net/core/net-procfs.c, dev_seq_show
HEADING = (
    b"Inter-|   Receive                                                |  Transmit\n"
    b" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
    b"drop fifo colls carrier compressed\n"
)
FORM = "%6s: %7d %7d %4d %4d %4d %5d %10d %9d %8d %7d %4d %4d %4d %5d %7d %10d\n"


def net_dev(interfaces: dict[str, tuple[int, ...]]) -> bytes:
    return HEADING + b"".join((FORM % (name, *n)).encode() for name, n in interfaces.items())


def driver() -> Driver:
    return Driver(NetDev)


ONES = (1,) * 16
#        bytes packets  err drop fifo frame comp mcast bytes  packets         comp
LATER = (20481, 11, 9, 9, 9, 9, 21, 31, 40961, 41, 9, 9, 9, 9, 9, 51)
ROW = "1,4,2,4,2,5,3,0"  # over 10 s; 20480 bytes are 2 kB a second


def test_each_rate_stands_in_its_column():
    table = driver()
    assert table.add(100, net_dev({"lo": ONES, "eth0": ONES})) == []
    assert table.add(110, net_dev({"lo": ONES, "eth0": LATER})) == [
        "110,lo,0,0,0,0,0,0,0,0",
        "110,eth0," + ROW,
    ]
    assert table.reports == []


def test_a_wide_number_may_touch_the_colon():
    table = driver()
    table.add(0, HEADING + b"  eth0:1234567890" + b" 1" * 15 + b"\n")
    assert table.add(1, HEADING + b"  eth0:1234568914" + b" 1" * 15 + b"\n") == [
        "1,eth0,0,0,1,0,0,0,0,0"
    ]


def test_interfaces_come_go_and_fall_back():
    table = driver()
    table.add(0, net_dev({"lo": ONES, "veth1": ONES, "eth0": LATER}))
    found = table.add(10, net_dev({"lo": LATER, "veth2": ONES, "eth0": ONES}))
    assert found == ["10,lo," + ROW]
    assert table.reports == [(APPEARED, "veth2"), (VANISHED, "veth1"), (WENT_BACK, "eth0")]


def test_a_byte_in_a_minute_prints_as_in_go():
    table = driver()
    table.add(0, net_dev({"lo": ONES}))
    # 1 / 6000 * 100 / 1024
    assert table.add(60, net_dev({"lo": (2, *ONES[1:])})) == [
        "60,lo,0,0,1.6276041666666666e-05,0,0,0,0,0"
    ]
    assert table.add(
        61, net_dev({"lo": (2, 1, 1, 1, 1, 1, 1, 1, 1 + 2**30 * 1000, *ONES[9:])})
    ) == ["61,lo,0,0,0,1.048576e+09,0,0,0,0"]


def test_odd_names_stay_readable():
    names = ["eth0:1", "eth0.100", "v@if2", "a,b", 'q"', "\u00e9", "t\\n", "br-0"]
    interfaces = dict.fromkeys(names, ONES)
    table = driver()
    table.add(0, net_dev(interfaces))
    shown = ["eth0:1", "eth0.100", "v@if2", '"a,b"', '"q"""', "\u00e9", "t\\n", "br-0"]
    assert table.add(1, net_dev(interfaces)) == [f"1,{name},0,0,0,0,0,0,0,0" for name in shown]


@pytest.mark.parametrize(
    "bad", [b"-1", b"+5", b"1e5", b"1.5", b"007", b"9" * 400, b"x", b'""', b""]
)
def test_what_is_no_counter_is_an_error_and_costs_its_sample_alone(bad: bytes):
    table = driver()
    table.add(0, net_dev({"lo": ONES}))
    with pytest.raises(ParseError, match=r"^net/dev:3: "):
        table.add(5, HEADING + b"    lo: " + bad + b" 1" * 15 + b"\n")
    assert table.add(10, net_dev({"lo": LATER})) == ["10,lo," + ROW]


def test_a_line_lends_none_of_its_numbers_to_the_next():
    table = driver()
    table.add(0, net_dev({"lo": ONES, "eth0": ONES}))
    with pytest.raises(ParseError, match=r"^net/dev:3: expected 16 counters or more, found 15"):
        table.add(5, HEADING + b"    lo:" + b" 2" * 15 + b"\n  eth0:" + b" 2" * 17 + b"\n")


def test_no_interface_is_no_row():
    table = driver()
    assert table.add(0, HEADING) == []
    assert table.add(1, HEADING) == []
    assert table.add(2, net_dev({"lo": ONES})) == []
    assert table.reports == [(APPEARED, "lo")]


SAMPLES = st.lists(
    st.dictionaries(
        st.sampled_from(["lo", "eth0", "veth1a2b3c4", "br-0"]),
        st.lists(st.integers(0, 3000), min_size=16, max_size=16).map(tuple),
        max_size=4,
    ),
    min_size=1,
    max_size=8,
)


@given(SAMPLES)
def test_any_samples_give_the_rule_step_by_step(samples: list[dict[str, tuple[int, ...]]]):
    table, slow = driver(), driver()
    before: dict[str, tuple[int, ...]] | None = None
    for second, interfaces in enumerate(samples):
        text = net_dev(interfaces)
        found = table.add(second, text)
        assert found == slow.add_slowly(second, text)
        want = []
        for name, new in interfaces.items():
            old = (before or {}).get(name)
            if old is None or any(new[i] < old[i] for i in (0, 1, 6, 7, 8, 9, 15)):
                continue
            rates = [(new[i] - old[i]) / 100.0 * 100 for i in (1, 9, 0, 8, 6, 15, 7)]
            rates[2] /= 1024
            rates[3] /= 1024
            want.append(f"{second},{name}," + ",".join(map(float_text, [*rates, 0])))
        assert found == want
        before = interfaces
    assert table.reports == slow.reports


@given(st.data())
def test_a_block_gives_the_rows_of_its_samples(data: st.DataObject):
    counters = st.lists(st.integers(0, 3), min_size=16, max_size=16).map(tuple)
    samples = data.draw(st.lists(st.tuples(counters, counters), min_size=1, max_size=8))
    texts = [net_dev({"lo": one, "eth0": other}) for one, other in samples]
    seconds = [2 * n for n in range(len(texts))]
    singly, together = driver(), driver()
    want = [
        row for second, text in zip(seconds, texts, strict=True) for row in singly.add(second, text)
    ]
    assert together.add_block(seconds, texts) == want
    assert sorted(together.reports) == sorted(singly.reports)
