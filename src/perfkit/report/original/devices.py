"""What proc/net/dev and proc/diskstats share: lines of devices, which come and go.

A device is known by the start of its line; its numbers are read only when its line changed.
Devices of two samples are matched by name: one that is new has nothing to be compared with.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from perfkit.report.original.rows import name_text
from perfkit.report.original.table import APPEARED, VANISHED, Report

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
        self.name = name
        text = name_text(name)
        self.cell = msgspec.Raw(text)
        self.idle = msgspec.Raw(text + b",0" * columns)
        """Name and rates of a device that did nothing."""
        self.prefix = prefix
        self.start = len(prefix)
        self.line = b""
        """Its line in the last sample."""
        self.counters = counters
        """Its counters there; None where there was no such sample."""


class Devices:
    """The devices of the last sample, in the file's order.

    Args:
        columns: How many rates a row has.
        report: Takes what comes and goes.
    """

    def __init__(self, columns: int, report: Report) -> None:
        self.known: list[Device] = []
        self._columns = columns
        self._report = report
        self._is_new = True

    def forget(self) -> None:
        """Start over: the next sample has nothing to be compared with."""
        self.known = []
        self._is_new = True

    def of_lines(
        self, lines: Sequence[bytes], identify: Callable[[bytes], NameAndPrefix]
    ) -> tuple[list[Device], list[bytes]]:
        """Return the device of each line, and the counters' text of each line that changed.

        Raises:
            ValueError: a line is of another shape.
        """
        if len(lines) == len(self.known):
            texts = _changed(self.known, lines)
            if texts is not None:
                return self.known, texts
        devices = self._of_names([identify(line) for line in lines])
        return devices, _changed(devices, lines) or []

    def of_names(self, names: Iterable[str]) -> tuple[list[Device], list[bytes]]:
        """Return the device of each name, and for its line something that none has."""
        devices = self._of_names([(name, _NO_PREFIX) for name in names])
        return devices, [_SLOWLY_READ] * len(devices)

    def keep(self, devices: list[Device]) -> None:
        """Take the devices of a sample that was read, and report what came and what went."""
        if devices is self.known:
            return
        if not self._is_new:
            before = {device.name for device in self.known}
            now = {device.name for device in devices}
            for device in devices:
                if device.name not in before:
                    self._report(APPEARED, device.name)
            for device in self.known:
                if device.name not in now:
                    self._report(VANISHED, device.name)
        self._is_new = False
        self.known = devices

    def _of_names(self, found: list[NameAndPrefix]) -> list[Device]:
        known = {device.name: device for device in self.known}
        devices = []
        for name, prefix in found:
            before = known.get(name)
            if before is None:
                devices.append(Device(name, prefix, self._columns))
            elif before.prefix == prefix != _NO_PREFIX:
                devices.append(before)
            else:
                devices.append(Device(name, prefix, self._columns, before.counters))
        if len({name for name, _ in found}) != len(found):
            raise ValueError("one name twice")
        return devices


def _changed(devices: Sequence[Device], lines: Sequence[bytes]) -> list[bytes] | None:
    """Return the counters' text of each line that changed, or None if one is another device's."""
    texts = []
    for device, line in zip(devices, lines, strict=True):
        if line != device.line:
            if not line.startswith(device.prefix):
                return None
            texts.append(line[device.start :])
    return texts
