r"""/proc/self/mountinfo: which mounts lie on a block device of this host.

Fields (Documentation/filesystems/proc.rst, 3.5): mount id, parent id, major:minor, root inside the
file system, mount point, options, optional fields, `-`, type, source, its options; blanks in names
are octal escapes.

    36 35 8:1 /srv /mnt/my\040disk rw,noatime shared:1 - ext4 /dev/sda1 rw

The kernel flags the open file when the table changed, so that it is read again only then.  (A table
in a recorded tree is a plain file: it is read at every tick.)
"""

import os
import select

from perfkit.source.kernel_file import KernelFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_IMAGES = (b"squashfs", b"iso9660", b"udf", b"erofs", b"cramfs")
"""Read-only images (snaps, discs): full by design, and never in a capture of the original."""


class Mount:
    """One mount that `statfs[*]` reports.

    Args:
        point: Where it is mounted, as bytes of the kernel with escapes resolved.
        device: What is mounted.
        kind: Type of file system.
        number: Of the device, as `st_dev` has it for whatever lies on it; None where that has
            another one, as on btrfs.
    """

    __slots__ = ("device", "kind", "number", "point")

    def __init__(self, point: bytes, device: bytes, kind: bytes, number: int | None) -> None:
        self.point = point
        self.device = device
        self.kind = kind
        self.number = number


def unescape(name: bytes) -> bytes:
    """Return a name of the mount table with its octal escapes resolved."""
    head, *parts = name.split(b"\\")
    for part in parts:
        digits = part[:3]
        if len(digits) == 3 and digits.isdigit() and not digits.strip(b"01234567"):
            head += bytes([int(digits, 8) & 0xFF]) + part[3:]
        else:
            head += b"\\" + part
    return head


def block_mounts(table: bytes) -> list[Mount]:
    """Return the mounts that lie on a block device, in the table's order, each device once.

    Of several mounts of one device (bind mounts) the first that shows its root stands for it; a
    mount that another one hides is not asked for.
    """
    by_point: dict[bytes, list[bytes]] = {}
    for line in table.splitlines():
        fields = line.split(b" ")
        if len(fields) > 9 and b"-" in fields[6:-3]:
            by_point.pop(fields[4], None)
            by_point[fields[4]] = fields
    chosen: dict[bytes, list[bytes]] = {}
    for fields in by_point.values():
        device = fields[2]
        if _is_on_block_device(fields) and (
            device not in chosen or (fields[3] == b"/" != chosen[device][3])
        ):
            chosen.pop(device, None)
            chosen[device] = fields
    wanted = [fields for fields in by_point.values() if chosen.get(fields[2]) is fields]
    return [Mount(unescape(f[4]), unescape(f[-2]), f[-3], _number(f[2])) for f in wanted]


def _number(device: bytes) -> int | None:
    major, _, minor = device.partition(b":")
    if major == b"0" or not (major.isdigit() and minor.isdigit()):
        return None
    return os.makedev(int(major), int(minor))


def _is_on_block_device(fields: list[bytes]) -> bool:
    """Return whether the line's file system is local: btrfs has no major number, but a device."""
    kind, source = fields[-3], fields[-2]
    if kind in _IMAGES or kind.startswith(b"fuse."):
        return False
    return not fields[2].startswith(b"0:") or source.startswith(b"/dev/")


class MountTable:
    """The mount table of a host, read again when the kernel says that it changed.

    Args:
        path: mountinfo of a process that sees the host's mounts.
    """

    __slots__ = ("_table", "file", "mounts", "poll")

    def __init__(self, path: str) -> None:
        self.file = KernelFile(path, "mounts")
        self.poll: Callable[[int], object] | None = None
        """Returns something, called with 0, when the table changed; None where nobody tells."""
        self.mounts: list[Mount] = []
        self._table: bytes | None = None

    def refresh(self) -> bool:
        """Read the table and bring `mounts` up to date; return whether it changed.

        Raises:
            OSError: the table cannot be read.
        """
        table = self.file.read()
        if self.poll is None and self.file.is_of_kernel():
            poll = select.poll()
            poll.register(self.file.number, select.POLLPRI)
            self.poll = poll.poll
        if table == self._table:
            return False
        self._table = table
        self.mounts = block_mounts(table)
        return True
