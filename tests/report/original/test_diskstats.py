"""proc/diskstats: rates of each device that both samples have, and no rate made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import Driver

from perfkit.errors import ParseError
from perfkit.goformat import float_text
from perfkit.report.original.diskstats import DiskStats
from perfkit.report.original.table import APPEARED, VANISHED, WENT_BACK


def line(name: str, *counters: int, numbers: str = "   8       0") -> bytes:
    return f"{numbers} {name} {' '.join(map(str, counters))}\n".encode()


def driver(*, wakes: bool = False) -> Driver:
    return Driver(lambda rows, report: DiskStats(rows, report, wakes=wakes))


ONES = (1,) * 17
#        reads    sectors    writes   sectors    in flight ...     discards    sectors
LATER = (11, 9, 101, 9, 21, 9, 201, 9, 9, 9, 9, 31, 9, 301, 9, 9, 9)


def test_each_rate_stands_in_its_column():
    table = driver()
    assert table.add(100, line("sda", *ONES)) == []
    # over 10 s: 10 reads of 100 sectors, 20 writes of 200, 30 discards of 300
    assert table.add(110, line("sda", *LATER)) == ["110,sda,6,1,2,3,10,20,30"]
    assert table.reports == []


@pytest.mark.parametrize("count", [11, 15, 17, 20], ids=["4.17", "4.18", "5.5", "later"])
def test_counters_by_kernel(count: int):
    table = driver()
    table.add(0, line("sda", *(*ONES, 1, 1, 1)[:count]))
    want = "6,1,2,3,10,20,30" if count > 11 else "3,1,2,0,10,20,0"
    assert table.add(10, line("sda", *(*LATER, 9, 9, 9)[:count])) == ["10,sda," + want]


def test_partitions_of_a_kernel_before_2_6_25_are_passed_over():
    # Seven columns with another meaning: SPEC of the kernel, iostats.rst.
    old = b"   8       1 sda1 1 2 3 4\n"
    table = driver()
    assert table.add(0, line("sda", *ONES[:11]) + old) == []
    assert table.add(10, line("sda", *LATER[:11]) + old) == ["10,sda,3,1,2,0,10,20,0"]


def test_a_device_that_did_nothing_since_boot_has_no_row():
    table = driver()
    nothing = (0,) * 17
    table.add(0, line("loop0", *nothing) + line("sda", *ONES))
    assert table.add(5, line("loop0", *nothing) + line("sda", *ONES)) == ["5,sda,0,0,0,0,0,0,0"]


@pytest.mark.parametrize("wakes", [False, True])
def test_the_first_request_of_a_device(wakes: bool):  # noqa: FBT001 - a parameter
    table = driver(wakes=wakes)
    table.add(0, line("loop0", *(0,) * 17))
    first = table.add(1, line("loop0", 4, 0, 32, *(0,) * 14))
    assert first == (["1,loop0,4,4,0,0,32,0,0"] if wakes else [])
    assert table.add(2, line("loop0", 5, 0, 40, *(0,) * 14)) == ["2,loop0,1,1,0,0,8,0,0"]


def test_a_counter_that_fell_is_no_row_and_the_next_starts_from_it():
    table = driver()
    table.add(0, line("sda", *LATER) + line("sdb", *ONES))
    assert table.add(10, line("sda", *ONES) + line("sdb", *LATER)) == ["10,sdb,6,1,2,3,10,20,30"]
    assert table.reports == [(WENT_BACK, "sda")]
    assert table.add(20, line("sda", *LATER) + line("sdb", *LATER)) == [
        "20,sda,6,1,2,3,10,20,30",
        "20,sdb,0,0,0,0,0,0,0",
    ]


def test_devices_are_matched_by_name():
    table = driver()
    table.add(0, line("sda", *ONES) + line("sdb", *ONES))
    # sda gone, sdc new and in its place, sdb under another number
    found = table.add(10, line("sdc", *ONES) + line("sdb", *LATER, numbers=" 259       7"))
    assert found == ["10,sdb,6,1,2,3,10,20,30"]
    assert table.reports == [(APPEARED, "sdc"), (VANISHED, "sda")]
    assert table.add(20, line("sdc", *LATER) + line("sdb", *LATER)) == [
        "20,sdc,6,1,2,3,10,20,30",
        "20,sdb,0,0,0,0,0,0,0",
    ]


def test_a_device_that_comes_back_starts_anew():
    table = driver()
    table.add(0, line("sda", *ONES))
    assert table.add(1, b"") == []
    assert table.add(2, line("sda", *LATER)) == []
    assert table.reports == [(VANISHED, "sda"), (APPEARED, "sda")]


def test_after_forgetting_there_is_nothing_to_compare_with():
    table = driver()
    table.add(0, line("sda", *ONES))
    table.table.forget()
    assert table.add(10, line("sda", *LATER)) == []
    assert table.reports == []


def test_very_high_and_very_low_rates_print_as_in_go():
    table = driver()
    table.add(0, line("sda", *ONES))
    assert table.add(1, line("sda", 2, 1, 1 + 2641104, *ONES[3:])) == [
        "1,sda,1,1,0,0,2.641104e+06,0,0"
    ]
    assert table.add(20_001, line("sda", 3, 1, 1 + 2641104, *ONES[3:])) == [
        # 1 / 2e6 * 100, in this order
        "20001,sda,4.9999999999999996e-05,4.9999999999999996e-05,0,0,0,0,0"
    ]


def test_odd_names_stay_readable():
    names = ["cciss!c0d0", "a,b", "sd.0", 'q"', "\u00e9", "back\\slash", "less<than"]
    table = driver()
    table.add(0, b"".join(line(name, *ONES) for name in names))
    found = table.add(1, b"".join(line(name, *ONES) for name in names))
    shown = ["cciss!c0d0", '"a,b"', "sd.0", '"q"""', "\u00e9", "back\\slash", "less<than"]
    assert found == [f"1,{name},0,0,0,0,0,0,0" for name in shown]


@pytest.mark.parametrize("bad", ["-1", "+5", "1e5", "1.5", "007", "9" * 400, str(2**64), "x"])
def test_what_is_no_counter_is_an_error_and_costs_its_sample_alone(bad: str):
    table = driver()
    table.add(0, line("sda", *ONES))
    with pytest.raises(ParseError, match=r"^diskstats:1: "):
        table.add(5, f"   8       0 sda {bad} {' 1' * 16}\n".encode())
    with pytest.raises(ParseError, match=r"expected 14 columns or more, found 5"):
        table.add(5, line("sda", 1, 1))
    assert table.add(10, line("sda", *LATER)) == ["10,sda,6,1,2,3,10,20,30"]


def test_a_gauge_below_zero_is_read():
    # in_flight: races in the kernel have shown it negative.
    table = driver()
    table.add(0, line("sda", *ONES))
    assert table.add(10, line("sda", *LATER[:8], -1, *LATER[9:])) == ["10,sda,6,1,2,3,10,20,30"]


SAMPLES = st.lists(
    st.dictionaries(
        st.sampled_from(["sda", "sdb", "loop0", "dm-0"]),
        st.lists(st.integers(0, 9), min_size=17, max_size=17),
        max_size=4,
    ),
    min_size=1,
    max_size=8,
)


@given(SAMPLES, st.booleans())
def test_any_samples_give_the_rule_step_by_step(samples: list[dict[str, list[int]]], wakes: bool):  # noqa: FBT001
    table, slow = driver(wakes=wakes), driver(wakes=wakes)
    before: dict[str, list[int]] | None = None
    for second, devices in enumerate(samples):
        text = b"".join(line(name, *counters) for name, counters in devices.items())
        found = table.add(second, text)
        assert found == slow.add_slowly(second, text)
        want = []
        for name, new in devices.items():
            old = (before or {}).get(name)
            if old is None or any(new[i] < old[i] for i in (0, 2, 4, 6, 11, 13)):
                continue
            if not any((new if wakes else old)[i] for i in (0, 4, 11)):
                continue
            deltas = [new[i] - old[i] for i in (0, 4, 11, 2, 6, 13)]
            rates = [delta / 100.0 * 100 for delta in (sum(deltas[:3]), *deltas)]
            want.append(f"{second},{name}," + ",".join(float_text(rate) for rate in rates))
        assert found == want
        before = devices
    assert table.reports == slow.reports


@given(st.data())
def test_a_block_gives_the_rows_of_its_samples(data: st.DataObject):
    wakes = data.draw(st.booleans())
    counters = st.lists(st.integers(0, 5), min_size=17, max_size=17)
    samples = data.draw(st.lists(st.tuples(counters, counters), min_size=1, max_size=8))
    texts = [line("sda", *one) + line("loop0", *other) for one, other in samples]
    seconds = [2 * n for n in range(len(texts))]
    singly, together = driver(wakes=wakes), driver(wakes=wakes)
    want = [
        row for second, text in zip(seconds, texts, strict=True) for row in singly.add(second, text)
    ]
    assert together.add_block(seconds, texts) == want
    assert sorted(together.reports) == sorted(singly.reports)


def test_a_block_of_changing_devices_is_refused_whole():
    table = driver()
    table.add(0, line("sda", *ONES))
    with pytest.raises(ValueError, match=r"shorter|longer"):
        table.add_block([5, 10], [line("sda", *ONES), line("sda", *ONES) + line("sdb", *ONES)])
    with pytest.raises(ValueError, match="devices changed"):
        table.add_block([5, 10], [line("sda", *ONES), line("sdb", *ONES)])
    assert table.add(10, line("sda", *LATER)) == ["10,sda,6,1,2,3,10,20,30"]
