"""What proc/net/dev and proc/diskstats share: lines of devices, which come and go.

A device is known by the start of its line; its numbers are read only where its line changed.
Devices of two samples are matched by name: one that is new has nothing to be compared with.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from perfkit.report.original.rows import name_text
from perfkit.report.original.table import APPEARED, VANISHED, Column, Report, Times

NameAndPrefix = tuple[str, bytes]
"""A device's name, and its line up to the counters."""

_SLOWLY_READ = b"?"
"""Stands for a line that the parsers read."""

_NO_PREFIX = b"\n"
"""Stands for the prefix of such a line: none starts so."""


class Device:
    """A device, and what its last sample said.

    Args:
        name: Its name.
        prefix: Its line up to the counters.
        columns: How many rates its rows have.
        counters: What it said before.
    """

    __slots__ = ("cell", "counters", "idle", "line", "name", "prefix", "start")

    def __init__(
        self, name: str, prefix: bytes, columns: int, counters: tuple[float, ...] | None = None
    ) -> None:
        text = name_text(name)
        self.name = name
        self.cell = msgspec.Raw(text)
        self.idle = msgspec.Raw(text + b",0" * columns)
        """Name and rates of a device that did nothing."""
        self.prefix = prefix
        self.start = len(prefix)
        self.line = b""
        """Its line in the last sample."""
        self.counters = counters
        """Its counters there; None where there was no such sample."""

    def idle_rows(self, times: Times) -> Column:
        """Return the rows of a device that did nothing through a block."""
        idle = self.idle
        return [(stamp, idle) for stamp in times.stamps]


class Part(NamedTuple):
    """A device in a block of samples."""

    device: Device
    lines: Sequence[bytes]
    """Its line in each sample."""
    changes: list[bytes]
    """The counters' text of each line that is not as it was in the sample before."""


class Devices:
    """The devices of the last sample, in the file's order.

    Args:
        columns: How many rates a row has.
        report: Takes what comes and goes.
    """

    def __init__(self, columns: int, report: Report) -> None:
        self.parts: list[Part] = []
        """The block that was read."""
        self._known: list[Device] = []
        self._columns = columns
        self._report = report
        self._is_new = True

    def forget(self) -> None:
        """Start over: the next sample has nothing to be compared with."""
        self._known = []
        self._is_new = True

    def read(
        self, samples: list[list[bytes]], identify: Callable[[bytes], NameAndPrefix]
    ) -> list[bytes]:
        """Read the lines of a block, and return the counters' texts of all that changed.

        Raises:
            ValueError: the samples have not the same devices, or lines of another shape.
        """
        lines = list(zip(*samples, strict=True))
        parts = None
        if len(lines) == len(self._known):
            parts = _parts(self._known, lines)
        if parts is None:
            parts = _parts(self._of_names([identify(line) for line in samples[0]]), lines)
        if parts is None:
            raise ValueError("devices changed within the block")
        self.parts = parts
        return [text for part in parts for text in part.changes]

    def read_names(self, names: Iterable[str]) -> None:
        """Take a sample whose counters are read elsewhere, all of them as changed."""
        devices = self._of_names([(name, _NO_PREFIX) for name in names])
        self.parts = [Part(device, [_SLOWLY_READ], [b""]) for device in devices]

    def keep(self) -> None:
        """Take the devices of the block as known, and report what came and what went."""
        devices = [part.device for part in self.parts]
        if not self._is_new and devices != self._known:
            before = {device.name for device in self._known}
            now = {device.name for device in devices}
            for device in devices:
                if device.name not in before:
                    self._report(0, APPEARED, device.name)
            for device in self._known:
                if device.name not in now:
                    self._report(0, VANISHED, device.name)
        self._is_new = False
        self._known = devices

    def _of_names(self, found: list[NameAndPrefix]) -> list[Device]:
        if len({name for name, _ in found}) != len(found):
            raise ValueError("one name twice")
        known = {device.name: device for device in self._known}
        devices = []
        for name, prefix in found:
            before = known.get(name)
            if before is None:
                devices.append(Device(name, prefix, self._columns))
            elif before.prefix == prefix != _NO_PREFIX:
                devices.append(before)
            else:
                devices.append(Device(name, prefix, self._columns, before.counters))
        return devices


def _parts(devices: Sequence[Device], lines: Sequence[Sequence[bytes]]) -> list[Part] | None:
    """Return each device with its lines, or None if a line is another device's."""
    parts = []
    for device, column in zip(devices, lines, strict=True):
        before = device.line
        changes: list[bytes] = []
        if column.count(before) != len(column):
            prefix, start = device.prefix, device.start
            for line in column:
                if line != before:
                    if not line.startswith(prefix):
                        return None
                    changes.append(line[start:])
                    before = line
        parts.append(Part(device, column, changes))
    return parts
