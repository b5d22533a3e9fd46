"""Which disks and interfaces count."""

import msgspec
import pytest

from perfkit.derive import CpuShares, DiskRates, NetRates
from perfkit.live.devices import (
    busy,
    disk_load,
    link_load,
    links,
    whole_disks,
    worth_showing,
)

IDLE = ["loop0", "ram1", "sr0", "zram0"]
PARTITIONS = ["sda1", "sda16", "nvme0n1p2", "mmcblk0p1"]
STACKED = ["dm-0", "md127"]
DISKS = ["sda", "nvme0n1", "mmcblk0", "vdb", "xvda1"]  # xvda1 without an xvda
NAMES = [*IDLE, *DISKS, *PARTITIONS, *STACKED]


def rates(tps: float) -> DiskRates:
    zero = dict.fromkeys(DiskRates.__struct_fields__, 0.0)
    return DiskRates(**{**zero, "transfers_per_second": tps, "util_percent": None})


def test_partitions_and_idle_loops_are_not_shown():
    found = worth_showing({name: rates(0) for name in NAMES})
    assert found == [*DISKS, *STACKED]


def test_a_loop_in_use_is_shown():
    assert worth_showing({"loop0": rates(1), "loop1": rates(0)}) == ["loop0"]


def test_sums_count_each_request_once():
    found = whole_disks({name: rates(1) for name in NAMES})
    assert found == DISKS


def test_links_leave_the_host():
    names = "lo docker0 br-490d867fe46d vethab12 cni-podman0 virbr0 tun0 eth0 enp0s5 bond0 lo1"
    assert links(names.split()) == ["eth0", "enp0s5", "bond0", "lo1"]


def test_busy_is_what_nobody_else_can_have():
    shares = CpuShares(
        usr_percent=1,
        nice_percent=2,
        system_percent=4,
        irq_percent=8,
        soft_percent=16,
        steal_percent=32,
        iowait_percent=90,
        idle_percent=None,
        guest_percent=90,
        gnice_percent=90,
    )
    assert busy(shares) == 63
    old = msgspec.structs.replace(shares, irq_percent=None, soft_percent=None, steal_percent=None)
    assert busy(old) == 7


@pytest.mark.parametrize(("use", "load"), [(None, (0, 5)), (30.0, (30, 5))])
def test_disks_are_ordered_by_use(use: float | None, load: tuple[float, float]):
    assert disk_load(msgspec.structs.replace(rates(5), util_percent=use)) == load


def test_interfaces_are_ordered_by_bytes():
    zero = NetRates(**dict.fromkeys(NetRates.__struct_fields__, 0.0))
    assert link_load(msgspec.structs.replace(zero, rx_kb_per_second=3, tx_kb_per_second=4)) == 7
