"""The facts of a host, from a tree written for the test."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.source.host import facts, identifier, json_text, text_at
from perfkit.source.mounts import Mount

FACTS = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def tree(root: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


@given(FACTS)
def test_any_facts_read_back_as_json(fact: object):
    assert json.loads(json_text(fact)) == fact


def test_facts_of_a_host(tmp_path: Path):
    root = tree(
        tmp_path,
        {
            "proc/sys/kernel/hostname": "web1\n",
            "proc/sys/kernel/osrelease": "6.8.0\n",
            "proc/sys/kernel/random/boot_id": "b\n",
            "proc/sys/kernel/arch": "aarch64\n",
            "etc/os-release": 'NAME="D"\nPRETTY_NAME="Debian 12"\n',
            "sys/devices/system/cpu/online": "0-3\n",
            "sys/class/net/eth0/speed": "10000\n",
            "sys/class/net/eth1/speed": "-1\n",
            "sys/class/net/lo/mtu": "65536\n",
            "proc/cpuinfo": "flags\t: fpu vme\n",
        },
    )
    assert facts(root, [Mount(b"/", b"/dev/sda1", b"ext4", None)]) == {
        "hostname": "web1",
        "kernel": "6.8.0",
        "boot_id": "b",
        "architecture": "aarch64",
        "distribution": "Debian 12",
        "virtualisation": "none",
        "cpus_online": "0-3",
        "link_mbit": {"eth0": 10000},
        "mounts": [{"mount_point": "/", "device": "/dev/sda1", "type": "ext4"}],
    }


def test_this_host_has_a_kernel_and_a_boot():
    found = facts("", [])
    assert found["kernel"] == os.uname().release
    assert found["hostname"] == os.uname().nodename
    assert found["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert found["architecture"] == os.uname().machine


@pytest.mark.parametrize(
    ("files", "want"),
    [
        pytest.param({"run/systemd/container": "lxc\n"}, "lxc", id="said by systemd"),
        pytest.param({".dockerenv": ""}, "docker", id="docker"),
        pytest.param({"run/.containerenv": ""}, "podman", id="podman"),
        pytest.param(
            {
                "proc/cpuinfo": "flags : fpu hypervisor\n",
                "sys/class/dmi/id/sys_vendor": "QEMU\n",
                "sys/class/dmi/id/product_name": "Standard PC\n",
            },
            "vm: QEMU Standard PC",
            id="by DMI",
        ),
        pytest.param({"proc/cpuinfo": "flags : fpu hypervisor\n"}, "vm", id="by a CPU flag"),
        pytest.param({"sys/hypervisor/type": "xen\n"}, "vm: xen", id="by the hypervisor"),
        pytest.param({"proc/cpuinfo": "flags : fpu\n"}, "none", id="none"),
        pytest.param({}, None, id="unknown"),
    ],
)
def test_virtualisation(tmp_path: Path, files: dict[str, str], want: str | None):
    assert facts(tree(tmp_path, files), [])["virtualisation"] == want


def test_os_release_in_its_second_place(tmp_path: Path):
    root = tree(tmp_path, {"usr/lib/os-release": "PRETTY_NAME=Plain\n"})
    assert facts(root, [])["distribution"] == "Plain"


@pytest.mark.parametrize(
    ("files", "want"),
    [
        ({"etc/machine-id": "abc\n", "proc/sys/kernel/hostname": "web1\n"}, "abc"),
        ({"var/lib/dbus/machine-id": "def\n"}, "def"),
        ({"etc/machine-id": "\n", "proc/sys/kernel/hostname": "web1\n"}, "web1"),
        ({}, None),
    ],
)
def test_identifier(tmp_path: Path, files: dict[str, str], want: str | None):
    assert identifier(tree(tmp_path, files)) == want


def test_a_text_that_cannot_be_read_is_none(tmp_path: Path):
    assert text_at(str(tmp_path)) is None
    assert text_at(str(tmp_path / "absent")) is None
    (tmp_path / "bad").write_bytes(b"a\xffb\n")
    assert text_at(str(tmp_path / "bad")) == "a\udcffb"
