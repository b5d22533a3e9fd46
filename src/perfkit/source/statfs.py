"""`statfs[*]`: size and free space of the file systems on block devices.

    {"mount_point":"/","block_size":4096,"blocks_total":1000,"blocks_free":700,"blocks_available":650}

A file system whose device is gone can block its caller for ever, and no signal ends that.  A thread
for the asking would cost as much as reading all files; so the recording thread asks, and sets an
alarm for some time after the next tick.  Only if it hangs does the alarm go off, and another thread
takes its place (`take_over`).  The one that was left behind finds out when it comes back, if it
does: `Left` ends it.

A path outlives what was mounted there: then it is the file system below that answers.  So an answer
counts only while it comes from the file system that answered first (`f_fsid`, man 2 statfs).
"""

import os
from _thread import get_ident

from perfkit.record import escaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[[bytes], os.statvfs_result]


class Left(BaseException):
    """Another thread took over while this one waited for a mount."""


_LINE = (
    b'{"mount_point":"%b","block_size":%d,"blocks_total":%d,"blocks_free":%d,'
    b'"blocks_available":%d}\n'
)
"""Its keys in the order of the original."""

_ANY = -1
"""Instead of a file system's id: whichever answers is meant."""


class _Mount:
    """A mount that is asked.

    Args:
        point: Where it is.
        path: What is asked.
    """

    __slots__ = ("fsid", "name", "path", "point")

    def __init__(self, point: bytes, path: bytes) -> None:
        self.point = point
        self.path = path
        self.name = escaped(point)
        """The point as it stands between quotes."""
        self.fsid: int | None = None
        """Of the file system that is meant; None before it answered."""


class FileSystems:
    """Asks the mounts of a host; one that does not answer is asked no more until it does.

    Args:
        root: What stands before every mount point; empty for this host.
        warn: Takes one line about a mount that does not answer.
        ask: statvfs, or what stands for it.
    """

    __slots__ = (
        "_ask",
        "_asked",
        "_hung",
        "_lines",
        "_mounts",
        "_owner",
        "_refused",
        "_root",
        "_warn",
        "is_doubtful",
    )

    def __init__(
        self, root: str, warn: "Callable[[str], None]", *, ask: "Ask" = os.statvfs
    ) -> None:
        self._root = os.fsencode(root)
        self._warn = warn
        self._ask = ask
        self._owner = 0
        self._asked: bytes | None = None
        self._mounts: list[_Mount] = []
        self.is_doubtful = False
        """Whether a mount answered otherwise than before: the mount table may have changed."""
        self._lines: list[bytes] = []
        self._hung: set[bytes] = set()
        self._refused: set[bytes] = set()

    def watch(self, points: list[bytes]) -> None:
        """Ask these mount points from now on."""
        self._mounts = [_Mount(point, self._root + point) for point in points]

    def read(self) -> bytes:
        """Return a line for each mount that answers.

        Raises:
            Left: the caller waited too long and is no longer the one who records.
        """
        self._lines = lines = []
        self._owner = owner = self._owner or get_ident()
        hung = self._hung
        for mount in self._mounts:
            point = mount.point
            if hung and point in hung:
                continue
            self._asked = point
            space = None
            try:
                space = self._ask(mount.path)
            except OSError as error:
                self._refuse(mount, error)
            if self._owner != owner:
                hung.discard(point)
                self._warn(f"statfs of {_shown(point)} came back: it is asked again")
                raise Left
            if space is None or (space.f_fsid != mount.fsid and not self._is_meant(mount, space)):
                continue
            lines.append(
                _LINE % (mount.name, space.f_frsize, space.f_blocks, space.f_bfree, space.f_bavail)
            )
        self._asked = None
        return b"".join(lines)

    def take_over(self) -> bytes | None:
        """Let the calling thread record from now on, if the one that does is stuck.

        Returns:
            The lines of the mounts that answered before; None if nobody is stuck.
        """
        point, self._asked = self._asked, None
        if point is None:
            return None
        self._owner = get_ident()
        self._hung.add(point)
        self._warn(f"statfs of {_shown(point)} hangs: left out until it comes back")
        return b"".join(self._lines)

    def _is_meant(self, mount: _Mount, space: os.statvfs_result) -> bool:
        """Return whether an answer counts though its file system is not the known one."""
        if mount.fsid is None:
            mount.fsid = space.f_fsid
        elif mount.fsid != _ANY:
            self.is_doubtful = True
            mount.fsid = _ANY  # if the table knows of no change, its id is one that changes
            return False
        return True

    def _refuse(self, mount: _Mount, error: OSError) -> None:
        if mount.fsid is not None:  # perhaps it was unmounted, which is no failure
            self.is_doubtful = True
            mount.fsid = None
        elif mount.point not in self._refused:
            self._refused.add(mount.point)
            reason = (error.strerror or str(error)).lower()
            where = _shown(mount.point)
            self._warn(f"statfs of {where}: {reason}: left out where it fails (said once)")


def _shown(point: bytes) -> str:
    return point.decode("utf-8", "backslashreplace")
