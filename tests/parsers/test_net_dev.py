from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.errors import ParseError
from perfkit.model import NetDev
from perfkit.parsers import net_dev

HOSTS = sorted(Path(__file__).parents[2].glob("fixtures/proc/*/*/net/dev"))
COUNTERS = st.integers(0, 2**64 - 1)
HEADING = (
    b"Inter-|   Receive                                                |  Transmit\n"
    b" face |bytes    packets errs drop fifo frame compressed multicast|"
    b"bytes    packets errs drop fifo colls carrier compressed\n"
)


def line(*counters: int, name: bytes = b"eth0") -> bytes:
    return b"%6b:" % name + b"".join(b" %7d" % n for n in counters) + b"\n"


def test_each_counter_lands_in_its_field():
    want = NetDev(
        rx_bytes=11,
        rx_packets=12,
        rx_errors=13,
        rx_dropped=14,
        rx_fifo_errors=15,
        rx_frame_errors=16,
        rx_compressed=17,
        rx_multicast=18,
        tx_bytes=19,
        tx_packets=20,
        tx_errors=21,
        tx_dropped=22,
        tx_fifo_errors=23,
        tx_collisions=24,
        tx_carrier_errors=25,
        tx_compressed=26,
    )
    assert net_dev.parse(HEADING + line(*range(11, 27))) == {"eth0": want}


@pytest.mark.parametrize(
    "columns", [pytest.param(16, id="linux-2.2-on"), pytest.param(18, id="newer")]
)
def test_columns_by_kernel(columns: int):
    net = net_dev.parse(HEADING + line(*range(1, columns + 1)) + line(*range(16), name=b"lo"))
    assert (net["eth0"].tx_compressed, net["lo"].tx_compressed) == (16, 15)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEADING + line(*range(16)) + b"  eth1 1 2\n",
            "net/dev:4: expected a name and a colon, found none: b'  eth1 1 2'",
        ),
        (
            HEADING + b"  eth0: 1 2 3\n",
            "net/dev:3: expected 16 counters or more, found 3: b'  eth0: 1 2 3'",
        ),
        (
            HEADING + b"lo:+1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
            (
                "net/dev:3: expected a number from 0 to 2^64-1, found b'+1': "
                "b'lo:+1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16'"
            ),
        ),
    ],
)
def test_says_where_and_why(text: bytes, message: str):
    with pytest.raises(ParseError) as caught:
        net_dev.parse(text)
    assert str(caught.value) == message


@given(st.lists(COUNTERS, min_size=16, max_size=16))
def test_any_counters_read_back(counters: list[int]):
    net = net_dev.parse(HEADING + line(*counters))["eth0"]
    assert [getattr(net, field) for field in NetDev.__struct_fields__] == counters


@given(st.binary(max_size=200))
@example(HEADING + b"  eth0:" + b" 1_0" * 16)
@example(HEADING + b"eth0:0: -0b0:" + b" 1" * 16 + b"\n")
def test_any_bytes_parse_or_raise_parse_error(data: bytes):
    with suppress(ParseError):
        net_dev.parse(data)


@pytest.mark.parametrize("path", HOSTS, ids=lambda path: "-".join(path.parts[-4:-2]))
def test_reads_every_recorded_host(path: Path):
    assert net_dev.parse(path.read_bytes())


def test_hosts_were_recorded():
    assert HOSTS


def test_digits_may_touch_the_colon():
    text = HEADING + b"  eth0:123456789" + b" 1" * 15 + b"\n"
    assert net_dev.parse(text)["eth0"].rx_bytes == 123456789


def test_numbers_begin_after_the_last_colon():
    text = HEADING + b"eth0:1:3944219617" + b" 1" * 15 + b"\n"
    assert net_dev.parse(text)["eth0:1"].rx_bytes == 3944219617


def test_names_are_kept_whatever_they_hold():
    text = (HOSTS[0].parents[3] / "odd-names" / "0" / "net" / "dev").read_bytes()
    net = net_dev.parse(text)
    assert list(net) == [
        *("eth0:1", "br@lan", "eth0.100", 'a"b', "c\\d", "e,f", "[g]", "null", "-0", "0"),
        *("\ufffd\ufffd", "café", "\ufffd\ufffdx"),
    ]
    assert (net["eth0:1"].rx_bytes, net["eth0:1"].rx_packets) == (2**63 - 1, 2**63)
    assert net["eth0:1"].tx_bytes == 2**64 - 1


def test_words_of_json_are_names_like_others():
    for name in (b"null", b"true", b"1", b"[", b"-0", b"1e5"):
        text = HEADING + line(*range(16), name=name)
        assert list(net_dev.parse(text)) == [name.decode()]


def test_interfaces_keep_the_order_of_the_file():
    text = HEADING + line(*range(16)) + line(*range(16), name=b"a") + line(*range(16), name=b"lo")
    assert list(net_dev.parse(text)) == ["eth0", "a", "lo"]


def test_a_host_without_interfaces_has_none():
    assert net_dev.parse(HEADING) == {}
    assert net_dev.parse(b"") == {}
