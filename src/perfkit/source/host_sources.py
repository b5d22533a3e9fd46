"""All sources of one host, in the order of the original: what one tick records."""

import os

from perfkit.errors import InputError
from perfkit.record import marked
from perfkit.source.host import Fact, facts, text_at
from perfkit.source.kernel_file import KernelFile
from perfkit.source.mounts import MountTable
from perfkit.source.statfs import FileSystems
from perfkit.units import NS_PER_SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from perfkit.source.statfs import Ask

CPUINFO = "/proc/cpuinfo"
STATFS = "statfs[*]"
STATFS_NAME = marked(STATFS)
EACH_TICK = ("/proc/stat", "/proc/meminfo", "/proc/net/dev", "/proc/diskstats")
IN_ONE_RECORD = ("/proc/stat", "/proc/meminfo")
"""Made by `single_open` (fs/proc/stat.c, fs/proc/meminfo.c)."""

MINUTE = 60 * NS_PER_SECOND

NEW_MOUNTS = 1
NEW_CPUS = 2


class HostSources:
    """Reads a host's sources tick by tick.

    Args:
        root: Folder that stands for `/`: a host's tree mounted elsewhere, or a recorded one.
        warn: Takes one line about a source that fails.
        is_cpuinfo_repeated: Whether /proc/cpuinfo is read at every tick.
        ask: statvfs, or what stands for it.

    Raises:
        InputError: nothing can be read below `root`.
    """

    def __init__(
        self,
        root: str,
        warn: "Callable[[str], None]",
        *,
        is_cpuinfo_repeated: bool = False,
        ask: "Ask" = os.statvfs,
    ) -> None:
        self.root = root.rstrip("/")
        self._warn = warn
        self.failures: dict[str, int] = {}
        """How often each source could not be read."""
        self._files = [
            KernelFile(self.root + name, name, is_one_record=name in IN_ONE_RECORD)
            for name in EACH_TICK
        ]
        self._with_cpuinfo = [KernelFile(self.root + CPUINFO, CPUINFO), *self._files]
        self._is_cpuinfo_repeated = is_cpuinfo_repeated
        self._statfs_text: KernelFile | None = None
        if self.root and os.path.exists(f"{self.root}/statfs"):
            self._statfs_text = KernelFile(f"{self.root}/statfs", STATFS)
        self._mounts = MountTable(self._mount_table())
        self._file_systems = FileSystems(self.root, warn, ask=ask)
        self._cpus: str | None = None
        self._looked = -MINUTE
        if not any(os.path.exists(self.root + name) for name in EACH_TICK):
            names = ", ".join(EACH_TICK)
            raise InputError(f"{root}: expected one of {names} below it, found none")

    def look(self, at: int) -> int:
        """Return what is new since the last tick: NEW_MOUNTS, NEW_CPUS, both or 0.

        Args:
            at: Time of the tick in nanoseconds since 1970; CPUs are looked at once a minute.
        """
        news = 0
        poll = self._mounts.poll
        if (poll is None or poll(0)) and self._refresh_mounts():
            news = NEW_MOUNTS
        if not 0 <= at - self._looked < MINUTE:
            self._looked = at
            before, self._cpus = self._cpus, text_at(f"{self.root}/sys/devices/system/cpu/online")
            if before != self._cpus:
                news |= NEW_CPUS
        return news

    def read(self, parts: list[bytes], *, has_cpuinfo: bool) -> None:
        """Add subsystem, `marked`, and text of each source to `parts`: one tick.

        A source that cannot be read is left out of this tick, and counted.

        Raises:
            Left: a mount hung for so long that another thread has taken over.
        """
        files = self._with_cpuinfo if has_cpuinfo or self._is_cpuinfo_repeated else self._files
        for file in files:
            try:
                parts += file.name, file.read()
            except OSError as error:
                self._count(file, error)
        if self._statfs_text is None:
            text = self._file_systems.read()
        else:
            text = self._recorded_statfs(self._statfs_text)
        if text:
            parts += STATFS_NAME, text

    def take_over(self) -> bytes | None:
        """Record from now on in the calling thread: see `FileSystems.take_over`."""
        return self._file_systems.take_over()

    def facts(self) -> dict[str, Fact]:
        """Return what the host is, for `perfkit/host`."""
        return facts(self.root, self._mounts.mounts)

    def _count(self, file: KernelFile, error: OSError) -> None:
        count = self.failures.get(file.subsystem, 0) + 1
        self.failures[file.subsystem] = count
        if count == 1:
            reason = (error.strerror or str(error)).lower()
            self._warn(f"{file.path}: {reason}: left out where it fails (said once)")

    def _mount_table(self) -> str:
        """Return the path of a table that shows the host's mounts, not those of a container."""
        first = f"{self.root}/proc/1/mountinfo"
        if self.root and os.path.exists(first):
            return first
        return f"{self.root}/proc/self/mountinfo"

    def _recorded_statfs(self, file: KernelFile) -> bytes:
        try:
            return file.read()
        except OSError as error:
            self._count(file, error)
            return b""

    def _refresh_mounts(self) -> bool:
        if self._statfs_text is not None:
            return False
        try:
            is_changed = self._mounts.refresh()
        except OSError as error:
            self._count(self._mounts.file, error)
            return False
        if is_changed:
            self._file_systems.watch({each.point: each.number for each in self._mounts.mounts})
        return is_changed
