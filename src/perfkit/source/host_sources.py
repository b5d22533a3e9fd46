"""All sources of one host, in the order of the original: what one tick records."""

import os

from perfkit.errors import InputError
from perfkit.record import Record
from perfkit.source.host import Fact, facts, text_at
from perfkit.source.kernel_file import KernelFile
from perfkit.source.mounts import MountTable
from perfkit.source.statfs import DEADLINE, FileSystems
from perfkit.units import NS_PER_SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from perfkit.source.statfs import Ask, SetAlarm

CPUINFO = "/proc/cpuinfo"
EACH_TICK = ("/proc/stat", "/proc/meminfo", "/proc/net/dev", "/proc/diskstats")
MINUTE = 60 * NS_PER_SECOND


class HostSources:
    """Reads a host's sources tick by tick.

    Args:
        root: Folder that stands for `/`: a host's tree mounted elsewhere, or a recorded one.
        warn: Takes one line about a source that fails.
        set_alarm: Takes the seconds until `take_over` has to be called; 0 for not at all.
        is_cpuinfo_repeated: Whether /proc/cpuinfo is read at every tick.
        deadline: Seconds that the statfs of one mount may take.
        ask: statvfs, or what stands for it.

    Raises:
        InputError: nothing can be read below `root`.
    """

    def __init__(
        self,
        root: str,
        warn: "Callable[[str], None]",
        *,
        set_alarm: "SetAlarm",
        is_cpuinfo_repeated: bool = False,
        deadline: float = DEADLINE,
        ask: "Ask" = os.statvfs,
    ) -> None:
        self.root = root.rstrip("/")
        self._warn = warn
        self.failures: dict[str, int] = {}
        """How often each source could not be read."""
        self._cpuinfo = KernelFile(self.root + CPUINFO, CPUINFO)
        self._is_cpuinfo_repeated = is_cpuinfo_repeated
        self._files = [KernelFile(self.root + name, name) for name in EACH_TICK]
        self._statfs_text: KernelFile | None = None
        if self.root and os.path.exists(f"{self.root}/statfs"):
            self._statfs_text = KernelFile(f"{self.root}/statfs", "statfs[*]")
        self._mounts = MountTable(self._mount_table())
        self._points: list[bytes] = []
        self._file_systems = FileSystems(
            self.root, warn, set_alarm=set_alarm, deadline=deadline, ask=ask
        )
        self._cpus: str | None = None
        self._looked: int | None = None
        if not any(os.path.exists(self.root + name) for name in EACH_TICK):
            names = ", ".join(EACH_TICK)
            raise InputError(f"{root}: expected one of {names} below it, found none")

    def has_new_mounts(self) -> bool:
        """Return whether the mounts are others than at the last call."""
        if self._statfs_text is not None:
            return False
        try:
            is_changed = self._mounts.refresh()
        except OSError as error:
            self._count(self._mounts.file, error)
            return False
        if is_changed:
            self._points = [mount.point for mount in self._mounts.mounts]
        return is_changed

    def has_new_cpus(self, at: int) -> bool:
        """Return whether other CPUs are online than at the last look, once a minute.

        Args:
            at: Time of the tick in nanoseconds since 1970.
        """
        if self._looked is not None and 0 <= at - self._looked < MINUTE:
            return False
        self._looked = at
        before, self._cpus = self._cpus, text_at(f"{self.root}/sys/devices/system/cpu/online")
        return before != self._cpus

    def read(self, timestamp: int, ns: int | None, *, has_cpuinfo: bool) -> list[Record]:
        """Return the kernel files' records of one tick.

        A file that cannot be read is left out of this tick, and counted.
        """
        files = self._files
        if has_cpuinfo or self._is_cpuinfo_repeated:
            files = [self._cpuinfo, *files]
        records = []
        for file in files:
            try:
                text = file.read()
            except OSError as error:
                self._count(file, error)
            else:
                records.append(Record(timestamp, file.subsystem, text, ns))
        return records

    def read_statfs(self) -> bytes | None:
        """Return the text of `statfs[*]`, None where there is none.

        Raises:
            Left: the calling thread is no longer the one who records.
        """
        if self._statfs_text is None:
            return self._file_systems.read(self._points) or None
        try:
            return self._statfs_text.read()
        except OSError as error:
            self._count(self._statfs_text, error)
            return None

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
