"""portal.csv: rows of other files combined, the main devices chosen."""

import io

import msgspec
import pytest

from perfkit.errors import UsageError
from perfkit.report.original.portal import Portal
from perfkit.report.original.rows import Row, Rows, text_of
from perfkit.report.original.table import Column

STAT: dict[str, Column] = {"-1": [(5, -1, 1.5, 2.0, 3.0, 4.0, 5.0, 84.5)], "0": [(5, 0, *[0] * 6)]}
#            stamp free avail used %used buffers cached commit ...
MEMINFO: dict[str, Column] = {"": [(5, 10, 11, 20, 50.0, 3, 7, 8, 9.0, 1, 2, 3)]}
IDLE = (5, msgspec.Raw(b"x,0,0,0,0,0,0,0"))


def disk(read: float, written: float) -> Row:
    return (5, msgspec.Raw(b"x"), 0, 0, 0, 0, read, written, 0)


def interface(received: float, sent: float) -> Row:
    return (5, msgspec.Raw(b"x"), 0, 0, received, sent, 0, 0, 0, 0)


def rows(
    disks: dict[str, Column],
    interfaces: dict[str, Column],
    *,
    stat: dict[str, Column] = STAT,
    meminfo: dict[str, Column] = MEMINFO,
    disk: str | None = None,
    interface: str | None = None,
) -> list[str]:
    portal = Portal(Rows(io.BytesIO, "#"), disk, interface)
    portal.add(stat, meminfo, interfaces, disks)
    pending = portal.rows.pending
    return text_of(pending).decode().splitlines() if pending else []


CPU_AND_MEMORY = "5,1.5,3,84.5,4,5,40,20,10,7"


def test_each_value_stands_in_its_column():
    found = rows({"sda": [disk(1.5, 2.999)]}, {"eth0": [interface(0.5, 2.0001)]})
    # 1.5 sectors are 768 bytes, 2.999 are 1535.488, cut; 0.5 kB are 512, 2.0001 are 2048.1024
    assert found == [CPU_AND_MEMORY + ",768,1535,512,2048"]


def test_numbers_in_gos_form_are_read():
    found = rows({"sda": [disk(msgspec.Raw(b"2.641104e+06"), msgspec.Raw(b"5e-05"))]}, {})
    assert found == [CPU_AND_MEMORY + f",{2641104 * 512},0,0,0"]


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["loop0", "sda", "sdb"], "sda"),
        (["sdb", "sda"], "sda"),
        (["loop0", "nvme0n1", "nvme1n1"], "nvme0n1"),
        (["loop0", "dm-0", "xvda", "xvdb"], "xvda"),
        (["zram0", "sr0"], "zram0"),
        (["sr0", "mmcblk0"], "mmcblk0"),
    ],
)
def test_the_main_disk(names: list[str], best: str):
    columns: dict[str, Column] = {name: [disk(name == best, 0)] for name in names}
    assert rows(columns, {}) == [CPU_AND_MEMORY + ",512,0,0,0"]


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["lo", "eth0", "eth1"], "eth0"),
        (["lo", "docker0", "br-490d867fe46d", "veth9c000f5", "cni-podman0", "enp0s5"], "enp0s5"),
        (["lo", "virbr0", "tun0", "wlan0"], "wlan0"),
        (["lo", "docker0", "veth1"], "docker0"),
    ],
)
def test_the_main_interface(names: list[str], best: str):
    columns: dict[str, Column] = {name: [interface(name == best, 0)] for name in names}
    assert rows({}, columns) == [CPU_AND_MEMORY + ",0,0,1024,0"]


def test_lo_is_never_chosen_unless_named():
    assert rows({}, {"lo": [interface(1, 1)]}) == [CPU_AND_MEMORY + ",0,0,0,0"]
    assert rows({}, {"lo": [interface(1, 1)]}, interface="lo") == [
        CPU_AND_MEMORY + ",0,0,1024,1024"
    ]


def test_a_named_device_that_never_comes_is_refused_with_those_that_did():
    portal = Portal(Rows(io.BytesIO, "#"), "sdz", "eth0")
    portal.add(STAT, MEMINFO, {"eth0": [interface(1, 1)]}, {"sda": [disk(1, 1)]})
    with pytest.raises(UsageError) as raised:
        portal.check()
    assert str(raised.value) == "--disk 'sdz': not in the capture, which has 'sda'"
    without = Portal(Rows(io.BytesIO, "#"), None, "eth0")
    without.add(STAT, MEMINFO, {}, {})
    with pytest.raises(UsageError, match="--interface 'eth0': not in the capture, which has none"):
        without.check()


def test_a_named_device_that_did_nothing_is_there():
    portal = Portal(Rows(io.BytesIO, "#"), "sdb")
    portal.add(STAT, MEMINFO, {}, {"sda": [disk(1, 1)], "sdb": [None]})
    portal.check()
    assert text_of(portal.rows.pending).decode() == CPU_AND_MEMORY + ",,,0,0\n"


def test_the_first_row_decides_wherever_a_block_ends():
    columns: dict[str, Column] = {
        "sdb": [None, disk(2, 2), disk(2, 2)],
        "sda": [None, None, disk(1, 1)],
    }
    stat: dict[str, Column] = {"-1": [STAT["-1"][0]] * 3}
    meminfo: dict[str, Column] = {"": [MEMINFO[""][0]] * 3}
    portal = Portal(Rows(io.BytesIO, "#"))
    for place in range(3):
        portal.add(
            STAT, MEMINFO, {}, {name: rows[place : place + 1] for name, rows in columns.items()}
        )
    found = text_of(portal.rows.pending).decode().splitlines()
    assert found == rows(columns, {}, stat=stat, meminfo=meminfo)
    assert [row.split(",")[-4:-2] for row in found] == [
        ["", ""],
        ["1024", "1024"],
        ["1024", "1024"],
    ]


def test_no_other_device_is_shown_while_the_chosen_one_has_no_row():
    twice_stat: dict[str, Column] = {"-1": [STAT["-1"][0]] * 3}
    twice_meminfo: dict[str, Column] = {"": [MEMINFO[""][0]] * 3}
    found = rows(
        {"sdb": [None, disk(2, 2), disk(2, 2)], "sda": [disk(1, 1), None, None]},
        {"eth0": [IDLE, None, interface(1, 1)]},
        stat=twice_stat,
        meminfo=twice_meminfo,
    )
    assert [row.split(",")[-4:] for row in found] == [
        ["512", "512", "0", "0"],
        ["", "", "", ""],
        ["", "", "1024", "1024"],
    ]


@pytest.mark.parametrize(
    ("stat", "meminfo"),
    [({}, MEMINFO), (STAT, {}), ({"-1": [None]}, MEMINFO), ({"0": STAT["0"]}, MEMINFO)],
)
def test_without_cpu_or_memory_there_is_no_row(stat: dict[str, Column], meminfo: dict[str, Column]):
    assert rows({}, {}, stat=stat, meminfo=meminfo) == []
