"""Which mounts are on a block device: tables written after the kernel's document."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.source.mounts import MountTable, block_mounts, unescape

HOST = rb"""22 27 0:21 / /proc rw,relatime shared:1 - proc proc rw
24 27 0:6 / /dev rw,relatime - devtmpfs devtmpfs rw,size=1k
27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw,discard
28 27 8:16 / /boot rw shared:2 - ext4 /dev/sda16 rw
29 28 8:15 / /boot/efi rw - vfat /dev/sda15 rw,fmask=0077
30 27 0:30 / /run rw - tmpfs tmpfs rw
31 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro
32 27 11:0 / /media/cd ro - iso9660 /dev/sr0 ro
33 27 0:40 / /mnt/nfs rw - nfs4 server:/export rw
34 27 0:41 / /run/user/1000/doc rw - fuse.portal portal rw
35 27 0:42 /@home /home rw - btrfs /dev/sdb1 rw,subvol=/@home
36 27 8:1 /srv /var/lib/bound rw - ext4 /dev/root rw
37 27 8:33 / /mnt/my\040disk rw - xfs /dev/sdc1 rw
38 27 0:43 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw,lowerdir=a
"""


def points(table: bytes) -> list[bytes]:
    return [mount.point for mount in block_mounts(table)]


def test_local_disks_in_the_order_of_the_table():
    assert points(HOST) == [b"/", b"/boot", b"/boot/efi", b"/home", b"/mnt/my disk"]


def test_says_what_is_mounted():
    mount = block_mounts(HOST)[2]
    assert (mount.point, mount.device, mount.kind) == (b"/boot/efi", b"/dev/sda15", b"vfat")


def test_a_bind_mount_stands_behind_the_root_of_its_device():
    table = b"1 0 8:1 /etc /b rw - ext4 /dev/sda1 rw\n2 0 8:1 / /a rw - ext4 /dev/sda1 rw\n"
    assert points(table) == [b"/a"]


def test_in_a_container_the_first_bind_mount_stands_for_the_device():
    table = (
        b"1 0 0:50 / / rw - overlay overlay rw\n"
        b"2 1 8:1 /docker/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda1 rw\n"
        b"3 1 8:1 /docker/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n"
    )
    assert points(table) == [b"/etc/resolv.conf"]


def test_a_hidden_mount_is_not_asked():
    table = b"1 0 8:1 / /a rw - ext4 /dev/sda1 rw\n2 1 0:9 / /a rw - tmpfs none rw\n"
    assert points(table) == []
    assert points(table + b"3 2 8:2 / /a rw - xfs /dev/sda2 rw\n") == [b"/a"]


@pytest.mark.parametrize(
    ("name", "want"),
    [
        (rb"/mnt/my\040disk", b"/mnt/my disk"),
        (rb"/a\011b\012c\134d", b"/a\tb\nc\\d"),
        (rb"/\134040", rb"/\040"),
        (rb"/plain", b"/plain"),
        (rb"/odd\04", rb"/odd\04"),
        (rb"/odd\999", rb"/odd\999"),
        ("/gr\u00fcn".encode(), "/gr\u00fcn".encode()),
        (b"/bad\xff", b"/bad\xff"),
    ],
)
def test_octal_escapes(name: bytes, want: bytes):
    assert unescape(name) == want


@given(st.binary(max_size=300))
@example(b"1 2 3 4 5 6 - - - -\n")
@example(HOST)
def test_any_table_gives_mounts(table: bytes):
    for mount in block_mounts(table):
        assert isinstance(mount.point, bytes)


def test_a_recorded_table_is_read_at_every_call(tmp_path: Path):
    path = tmp_path / "mountinfo"
    path.write_bytes(HOST)
    table = MountTable(str(path))
    assert table.refresh()
    assert len(table.mounts) == 5
    assert not table.refresh()
    path.write_bytes(HOST.splitlines(keepends=True)[2])
    assert table.refresh()
    assert [mount.point for mount in table.mounts] == [b"/"]


def test_an_absent_table_is_an_error_until_it_comes(tmp_path: Path):
    path = tmp_path / "mountinfo"
    table = MountTable(str(path))
    with pytest.raises(FileNotFoundError):
        table.refresh()
    path.write_bytes(HOST)
    assert table.refresh()


def test_this_host_is_read_again_only_when_the_kernel_says_so():
    table = MountTable("/proc/self/mountinfo")
    assert table.refresh()
    assert not table.refresh()


def test_a_mount_of_this_host_is_noticed(tmp_path: Path):
    """In a mount namespace of its own, where this user may have one."""
    code = (
        "import subprocess, sys\n"
        "from perfkit.source.mounts import MountTable\n"
        "table = MountTable('/proc/self/mountinfo')\n"
        "found = [table.refresh(), table.refresh()]\n"
        "subprocess.run(['mount', '-t', 'tmpfs', 'none', sys.argv[1]], check=True)\n"
        "before = table._table\n"
        "found += [table.refresh(), before != table._table, table.refresh()]\n"
        "print(found)\n"
    )
    if not shutil.which("unshare"):
        pytest.skip("no unshare on this machine")
    words = ["unshare", "--mount", "--map-root-user", sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no mount namespace here: {done.stderr.strip()[-60:]}")
    assert done.stdout == "[True, False, True, True, False]\n"
