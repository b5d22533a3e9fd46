from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.errors import ParseError
from perfkit.model import Cpu
from perfkit.parsers import cpuinfo

PROC = Path(__file__).parents[2] / "fixtures" / "proc"
HOSTS = sorted(PROC.glob("*/*/cpuinfo"))


def line(key: str, value: object) -> bytes:
    return f"{key:<15} : {value}\n".encode()


def host(name: str) -> list[Cpu]:
    return cpuinfo.parse((PROC / name / "0" / "cpuinfo").read_bytes())


def test_each_key_lands_in_its_field():
    own = {
        "processor": "3",
        "vendor_id": "GenuineIntel",
        "model name": "Some CPU @ 2.60GHz",
        "physical id": "11",
        "core id": "12",
        "siblings": "13",
        "cpu cores": "14",
        "cpu MHz": "2593.905",
        "cache size": "36608 KB",
        "bogomips": "5187.81",
        "flags": "fpu vme",
        "power management": "",
    }
    want = Cpu(
        number=3,
        vendor_id="GenuineIntel",
        model_name="Some CPU @ 2.60GHz",
        physical_id=11,
        core_id=12,
        siblings=13,
        cpu_cores=14,
        mhz=2593.905,
        cache_size="36608 KB",
        bogomips=5187.81,
        flags=("fpu", "vme"),
        own=own,
        shared={},
    )
    assert cpuinfo.parse(b"".join(line(*pair) for pair in own.items()) + b"\n") == [want]


def test_x86_has_a_block_for_each_cpu():
    first, second = host("linux-6.8-x86_64-epyc")
    assert (first.number, second.number) == (0, 1)
    assert (first.mhz, second.mhz) == (2445.426, 3164.062)
    assert first.vendor_id == "AuthenticAMD"
    assert second.own["TLB size"] == "2560 4K pages"
    assert second.own["power management"] == "ts ttp tm hwpstate eff_freq_ro"


def test_arm64_names_no_model():
    cpus = host("linux-6.1-aarch64")
    assert [cpu.number for cpu in cpus] == [0, 1, 2, 3]
    assert {(cpu.model_name, cpu.vendor_id, cpu.mhz, cpu.siblings) for cpu in cpus} == {
        (None, None, None, None)
    }
    assert (cpus[3].bogomips, cpus[3].flags[0], cpus[3].own["CPU part"]) == (50.0, "fp", "0xd0c")


def test_arm_of_linux_3_18_says_its_hardware_once():
    cpus = host("linux-3.18-armv7l")
    assert len(cpus) == 4
    assert cpus[2].model_name == "ARMv7 Processor rev 4 (v7l)"
    assert all(cpu.shared["Hardware"] == "BCM2835" for cpu in cpus)


def test_arm_of_linux_3_4_says_its_features_once():
    cpus = host("linux-3.4-armv7l")
    assert [(cpu.number, cpu.bogomips) for cpu in cpus] == [(0, 1581.05), (1, 1594.16)]
    assert {cpu.model_name for cpu in cpus} == {"ARMv7 Processor rev 10 (v7l)"}
    assert {cpu.flags[:2] for cpu in cpus} == {("swp", "half")}


def test_arm_of_linux_2_6_32_numbers_no_cpu():
    (cpu,) = host("linux-2.6.32-armv5tel")
    assert (cpu.number, cpu.model_name) == (0, "Feroceon 88FR131 rev 1 (v5l)")
    assert cpu.shared["Hardware"] == "Marvell SheevaPlug Reference Board"


def test_power_numbers_cpus_with_holes():
    cpus = host("linux-5.10-ppc64le")
    assert [cpu.number for cpu in cpus] == [0, 8]
    assert (cpus[1].mhz, cpus[1].model_name) == (2900.0, "POWER9 (architected), altivec supported")
    assert cpus[0].shared["platform"] == "pSeries"


def test_s390_has_a_head_a_line_and_a_block_for_each_cpu():
    cpus = host("linux-5.15-s390x")
    assert [(cpu.number, cpu.vendor_id, cpu.mhz) for cpu in cpus] == [
        (0, "IBM/S390", 5200.0),
        (1, "IBM/S390", 5200.0),
    ]
    assert (cpus[1].bogomips, cpus[1].flags[-1], cpus[1].physical_id) == (3241.0, "sie", 1)
    assert cpus[1].own["machine"] == "8561"
    assert cpus[0].shared["cache0"].startswith("level=1 type=Data")


def test_s390_of_linux_2_6_32_has_a_line_for_each_cpu():
    cpus = host("linux-2.6.32-s390x")
    assert [cpu.own["identification"] for cpu in cpus] == ["0A1B28", "1A1B28"]
    assert (cpus[0].mhz, cpus[0].bogomips) == (None, 14367.0)


def test_a_head_does_not_leak_into_the_lines_after_s390_cpus():
    text = b"processor 0: version = FF\nvendor_id : IBM/S390\n"
    assert cpuinfo.parse(text)[0].shared == {"vendor_id": "IBM/S390"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "cpuinfo: expected a line `processor`, found none"),
        (b"cpus detected : 4\n", "cpuinfo: expected a line `processor`, found none"),
        (
            line("processor", 0) + b"\nprocessor: one\n",
            "cpuinfo:3: expected a number from 0 to 2^64-1, found b'one': 'processor: one'",
        ),
    ],
)
def test_says_where_and_why(text: bytes, message: str):
    with pytest.raises(ParseError) as caught:
        cpuinfo.parse(text)
    assert str(caught.value) == message


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_any_numbers_read_back(number: int, core: int):
    (cpu,) = cpuinfo.parse(line("processor", number) + line("core id", core))
    assert (cpu.number, cpu.core_id) == (number, core)


@given(st.binary(max_size=200))
@example(b"processor : 1_0")
@example(b"processor 0: =,=")
def test_any_bytes_parse_or_raise_parse_error(data: bytes):
    with suppress(ParseError):
        cpuinfo.parse(data)


@pytest.mark.parametrize("path", HOSTS, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_reads_every_recorded_host(path: Path):
    assert cpuinfo.parse(path.read_bytes())


def test_hosts_were_recorded():
    assert HOSTS


@pytest.mark.parametrize("value", ["unknown", "-1", "1e5", "nan", "1_0", "9" * 400, ""])
def test_a_value_that_is_no_number_is_none_and_stays_as_text(value: str):
    text = line("processor", 0) + line("cpu MHz", value) + line("siblings", value)
    (cpu,) = cpuinfo.parse(text)
    assert (cpu.mhz, cpu.siblings) == (None, None)
    assert cpu.own["cpu MHz"] == value


def test_a_line_without_a_colon_is_passed_over():
    (cpu,) = cpuinfo.parse(line("processor", 0) + b"a note\n" + line("core id", 7))
    assert cpu.core_id == 7
