from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.errors import ParseError
from perfkit.model import CpuTicks, SoftIrqs, Stat
from perfkit.parsers import stat

PROC = Path(__file__).parents[2] / "fixtures" / "proc"
HOSTS = sorted(PROC.glob("*/*/stat"))
COUNTERS = st.integers(0, 2**64 - 1)


def line(label: bytes, *counters: int) -> bytes:
    return label + b"".join(b" %d" % n for n in counters) + b"\n"


REST = (
    line(b"intr", 51, 0, 7, 0, 44)
    + line(b"ctxt", 52)
    + line(b"btime", 53)
    + line(b"processes", 54)
    + line(b"procs_running", 55)
    + line(b"procs_blocked", 56)
    + line(b"softirq", 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71)
)


def test_each_number_lands_in_its_field():
    text = line(b"cpu ", *range(11, 21)) + line(b"cpu0", *range(31, 41)) + REST
    want = Stat(
        cpu=CpuTicks(
            user_ticks=11,
            nice_ticks=12,
            system_ticks=13,
            idle_ticks=14,
            iowait_ticks=15,
            irq_ticks=16,
            softirq_ticks=17,
            steal_ticks=18,
            guest_ticks=19,
            guest_nice_ticks=20,
        ),
        cpus={
            0: CpuTicks(
                user_ticks=31,
                nice_ticks=32,
                system_ticks=33,
                idle_ticks=34,
                iowait_ticks=35,
                irq_ticks=36,
                softirq_ticks=37,
                steal_ticks=38,
                guest_ticks=39,
                guest_nice_ticks=40,
            )
        },
        interrupts=51,
        context_switches=52,
        boot_time_seconds=53,
        processes=54,
        procs_running=55,
        procs_blocked=56,
        softirqs=SoftIrqs(
            total=61,
            hi=62,
            timer=63,
            net_tx=64,
            net_rx=65,
            block=66,
            irq_poll=67,
            tasklet=68,
            sched=69,
            hrtimer=70,
            rcu=71,
        ),
    )
    assert stat.parse(text) == want


@pytest.mark.parametrize(
    ("numbers", "last"),
    [
        pytest.param(4, "idle_ticks", id="linux-2.4"),
        pytest.param(7, "softirq_ticks", id="linux-2.6.0"),
        pytest.param(8, "steal_ticks", id="linux-2.6.11"),
        pytest.param(9, "guest_ticks", id="linux-2.6.24"),
        pytest.param(10, "guest_nice_ticks", id="linux-2.6.33"),
        pytest.param(12, "guest_nice_ticks", id="newer"),
    ],
)
def test_columns_by_kernel(numbers: int, last: str):
    ticks = range(1, numbers + 1)
    parsed = stat.parse(line(b"cpu ", *ticks) + line(b"cpu0", *ticks) + REST)
    fields = CpuTicks.__struct_fields__
    known = fields[: fields.index(last) + 1]
    for cpu in (parsed.cpu, parsed.cpus[0]):
        assert [getattr(cpu, field) for field in known] == list(ticks)[: len(known)]
        assert {getattr(cpu, field) for field in fields[len(known) :]} <= {None}


def test_no_softirq_line_before_linux_2_6_31():
    text = (PROC / "linux-2.6.18-x86_64" / "0" / "stat").read_bytes()
    parsed = stat.parse(text)
    assert parsed.softirqs is None
    assert (parsed.interrupts, parsed.procs_blocked) == (451208831, 1)
    assert parsed.cpus[1].steal_ticks == 2756


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "stat: expected a line `cpu`, found none"),
        (line(b"cpu0", 1, 2, 3, 4), "stat: expected a line `cpu`, found none"),
        (
            line(b"cpu ", 1, 2, 3, 4) + line(b"cpu0", 1, 2, 3),
            "stat:2: expected 4 numbers or more, found 3: b'cpu0 1 2 3'",
        ),
        (
            b"cpu  1 2 3 4 -5\n",
            "stat:1: expected a number from 0 to 2^64-1, found b'-5': b'cpu  1 2 3 4 -5'",
        ),
        (
            line(b"cpu ", 1, 2, 3, 4) + line(b"cpu007", 1, 2, 3, 4),
            "stat:2: expected a number from 0 to 2^64-1, found b'007': b'cpu007 1 2 3 4'",
        ),
        (
            line(b"cpu ", 1, 2, 3, 4) + b"ctxt\n",
            "stat:2: expected 1 numbers or more, found 0: b'ctxt'",
        ),
    ],
)
def test_says_where_and_why(text: bytes, message: str):
    with pytest.raises(ParseError) as caught:
        stat.parse(text)
    assert str(caught.value) == message


@given(st.lists(COUNTERS, min_size=4, max_size=10), st.lists(COUNTERS, min_size=2, max_size=2))
def test_any_counters_read_back(ticks: list[int], single: list[int]):
    text = line(b"cpu ", *ticks) + line(b"cpu5", *ticks) + REST.replace(b"52", b"%d" % single[0])
    parsed = stat.parse(text.replace(b"intr 51", b"intr %d" % single[1]))
    for cpu in (parsed.cpu, parsed.cpus[5]):
        values = [getattr(cpu, field) for field in CpuTicks.__struct_fields__]
        assert values == ticks + [None] * (10 - len(ticks))
    assert [parsed.context_switches, parsed.interrupts] == single


@given(st.binary(max_size=200))
@example(line(b"cpu ", 1, 2, 3, 4) + line(b"cpu0", 1, 2, 3, 4) + b"intr 1_0\n")
@example(line(b"cpu ", *range(10)) + b"cpu0 1 2 3 4\n5 6\n" + REST)
@example(line(b"cpu ", *range(10)) + b"cpu0 1 2 3 4 \n5 6\n" + REST)
def test_any_bytes_parse_or_raise_parse_error(data: bytes):
    with suppress(ParseError):
        stat.parse(data)


@pytest.mark.parametrize("path", HOSTS, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_reads_every_recorded_host(path: Path):
    parsed = stat.parse(path.read_bytes())
    # The total is at least the sum of the CPUs that are online.
    assert parsed.cpu.user_ticks >= sum(cpu.user_ticks for cpu in parsed.cpus.values()) * 0.99


def test_hosts_were_recorded():
    assert HOSTS


def test_numbers_of_cpus_may_have_holes():
    cpus = [list(stat.parse((PROC / "cpu-hotplug" / n / "stat").read_bytes()).cpus) for n in "012"]
    assert cpus == [[0, 1, 2, 3, 4, 5], [0, 2, 3, 5], [0, 2, 3, 4, 5]]


def test_a_sum_of_interrupts_without_a_list_is_read_whole():
    text = line(b"cpu ", *range(10)) + line(b"cpu0", *range(10)) + REST
    assert stat.parse(text.replace(b"intr 51 0 7 0 44", b"intr 51")).interrupts == 51


def test_a_cpu_line_after_the_others_is_a_cpu_line():
    text = line(b"cpu ", *range(10)) + line(b"cpu0", *range(10)) + line(b"intr", 1)
    late = line(b"ctxt", 1) + line(b"cpu1", *range(10)) + line(b"softirq", 1)
    assert list(stat.parse(text + late).cpus) == [0, 1]


def test_unknown_lines_are_passed_over():
    text = line(b"cpu ", *range(10)) + line(b"cpu0", *range(10))
    for unknown in (b"page 1 2\n", b"cpus 7\n", b"cpu_new x\n", b"\n", b"cpus {}\n"):
        assert stat.parse(text + unknown + REST) == stat.parse(text + REST)
        assert stat.parse(text + REST + unknown) == stat.parse(text + REST)


def test_a_softirq_line_of_a_newer_kernel_has_more_kinds():
    text = line(b"cpu ", *range(10)) + line(b"cpu0", *range(10)) + REST
    assert stat.parse(text.replace(b" 71\n", b" 71 72\n")) == stat.parse(text)


def test_counters_near_the_end_of_their_range():
    ticks = [2**63 - 1, 2**63, 2**64 - 1, 0]
    assert stat.parse(line(b"cpu ", *ticks)).cpu == CpuTicks(
        user_ticks=2**63 - 1,
        nice_ticks=2**63,
        system_ticks=2**64 - 1,
        idle_ticks=0,
    )
