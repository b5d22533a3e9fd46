"""`statfs[*]`: size and free space of the file systems on block devices.

    {"mount_point":"/","block_size":4096,"blocks_total":1000,"blocks_free":700,"blocks_available":650}

A file system whose device is gone can block its caller for ever, and no signal ends that.  A thread
for the asking would cost as much as reading all files; so the recording thread asks, and sets an
alarm for some time after the next tick.  Only if it hangs does the alarm go off, and another thread
takes its place (`take_over`).  The one that was left behind finds out when it comes back, if it
does: `Left` ends it.

A path need not lead to the mount that the table has there: another one may hide it, or the table be
that of other processes.  So the device behind the path is compared before its figures are taken.
"""

import os
from _thread import get_ident

from perfkit.record import escaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Ask = Callable[[bytes], os.statvfs_result]


class Left(BaseException):
    """Another thread took over while this one waited for a mount."""


_LINE = (
    b'{"mount_point":"%b","block_size":%d,"blocks_total":%d,"blocks_free":%d,'
    b'"blocks_available":%d}\n'
)
"""Its keys in the order of the original."""


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
        "_unseen",
        "_warn",
    )

    def __init__(
        self, root: str, warn: "Callable[[str], None]", *, ask: "Ask" = os.statvfs
    ) -> None:
        self._root = os.fsencode(root)
        self._warn = warn
        self._ask = ask
        self._owner = 0
        self._asked: bytes | None = None
        self._mounts: list[tuple[bytes, bytes, bytes]] = []
        """Of each: mount point, the path that is asked, the point as it stands between quotes."""
        self._unseen: dict[bytes, int] = {}
        """Device by the point of each mount whose path nobody has looked at yet."""
        self._lines: list[bytes] = []
        self._hung: set[bytes] = set()
        self._refused: set[bytes] = set()

    def watch(self, points: "Mapping[bytes, int | None]") -> None:
        """Ask these mount points from now on.

        Args:
            points: Of each the number of its device (`st_dev`); None where a path does not tell it.
        """
        self._mounts = [(point, self._root + point, escaped(point)) for point in points]
        self._unseen = {point: device for point, device in points.items() if device is not None}

    def read(self) -> bytes:
        """Return a line for each mount that answers.

        Raises:
            Left: the caller waited too long and is no longer the one who records.
        """
        self._lines = lines = []
        self._owner = owner = self._owner or get_ident()
        hung = self._hung
        for point, path, name in self._mounts:
            if hung and point in hung:
                continue
            self._asked = point
            space = None
            try:
                if not self._unseen or self._is_there(point, path):
                    space = self._ask(path)
            except OSError as error:
                self._refuse(point, error)
            if self._owner != owner:
                hung.discard(point)
                self._warn(f"statfs of {_shown(point)} came back: it is asked again")
                raise Left
            if space is not None:
                lines.append(
                    _LINE % (name, space.f_frsize, space.f_blocks, space.f_bfree, space.f_bavail)
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

    def _is_there(self, point: bytes, path: bytes) -> bool:
        """Return whether the path leads to the mount; one that is hidden is asked no more.

        The kernel tells of every change of the table: so it is looked at once.
        """
        device = self._unseen.get(point)
        if device is not None and os.stat(path).st_dev != device:
            self._mounts = [mount for mount in self._mounts if mount[0] != point]
            return False
        self._unseen.pop(point, None)
        return True

    def _refuse(self, point: bytes, error: OSError) -> None:
        if point not in self._refused:
            self._refused.add(point)
            reason = (error.strerror or str(error)).lower()
            self._warn(f"statfs of {_shown(point)}: {reason}: left out where it fails (said once)")


def _shown(point: bytes) -> str:
    return point.decode("utf-8", "backslashreplace")
