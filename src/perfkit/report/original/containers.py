"""containers.csv: use of each container, from `container/<runtime>/<id>`; lines end in CR LF.

    timestamp,container_id,container_name,runtime,cpu_percent,cpu_user_percent,cpu_system_percent,
    memory_current_bytes,memory_max_bytes,memory_percent,io_read_bytes,io_write_bytes,io_read_ops,
    io_write_ops,pids_current

Container by container in the order of their first appearance, each in the order of the capture.
CPU shares have two decimals, 100 is one core, 800 the most that is printed; the first row of a
container has none, nor has one whose counters went backwards.  memory_percent is of the limit, 0
without one.  The io columns are the counters themselves, since the container started.

The rows of one container stand together, so those of all wait: in memory up to HELD_BYTES, then in
a file that is read again at the end.
"""

from array import array
from collections.abc import Callable, Mapping
from typing import BinaryIO

import msgspec

from perfkit.errors import ParseError, shown
from perfkit.report.original.rows import quoted
from perfkit.report.original.table import NO_TIME, WENT_BACK, Report, unescaped
from perfkit.units import NS_PER_SECOND

HEADING = (
    "timestamp,container_id,container_name,runtime,cpu_percent,cpu_user_percent,cpu_system_percent,"
    "memory_current_bytes,memory_max_bytes,memory_percent,io_read_bytes,io_write_bytes,"
    "io_read_ops,io_write_ops,pids_current"
)
NAME = "containers.csv"
PREFIX = "container/"

HELD_BYTES = 1024 * 1024
"""Text of rows in memory, all containers together."""

MAX_CONTAINERS = 10_000
"""Containers of one capture; the records of further ones are skipped."""

_MAX_PERCENT = 800.0
_SHORT_ID = 12


class _Record(msgspec.Struct):
    """What a line of a container says; what it lacks is 0."""

    container_id: str = ""
    container_name: str = ""
    runtime: str = ""
    cpu_usage_usec: int = 0
    cpu_user_usec: int = 0
    cpu_system_usec: int = 0
    memory_current: int = 0
    memory_max: int | str | None = 0
    io_read_bytes: int = 0
    io_write_bytes: int = 0
    io_read_ops: int = 0
    io_write_ops: int = 0
    pids_current: int = 0


_COUNTS = _Record.__struct_fields__[3:]
_LARGEST = 2**64 - 1

_decode = msgspec.json.Decoder(_Record).decode


class _Container:
    """One container: who it is, its last record, its rows that are not in the file yet."""

    __slots__ = ("before", "cells", "held", "name", "places", "waiting")

    def __init__(self, identity: str, name: str, runtime: str) -> None:
        self.name = name
        self.cells = b",".join((quoted(identity), quoted(name), quoted(runtime)))
        self.before: tuple[int, _Record] | None = None
        self.waiting: tuple[bytes, int, _Record] | None = None
        self.held: list[bytes] = []
        self.places = array("q")
        """Start and length of each stretch of its rows in the file."""


class Containers:
    """The rows of containers.csv.

    Args:
        spill: A file to keep rows in until the end.
        report: Takes what gives no share of CPU.
        names: Name of a container by its full id.
    """

    def __init__(self, spill: BinaryIO, report: Report, names: Mapping[str, str]) -> None:
        self.count = 0
        self._spill = spill
        self._report = report
        self._names = names
        self._containers: dict[str, _Container] = {}
        self._held = 0

    def add(self, stamp: bytes, at: int, subsystem: str, body: bytes) -> None:
        """Take one record.

        Args:
            stamp: Its time as the first column shows it.
            at: Its time in nanoseconds.
            subsystem: `container/<runtime>/<id>`.
            body: The JSON text, JSON-escaped itself.

        Raises:
            ParseError: the text is no such object, or there are too many containers.
        """
        try:
            record = _decode(unescaped("container", body))
        except ValueError as error:
            reason = f"expected an object of one container: {error}"
            raise ParseError("container", 0, reason, body) from None
        except RecursionError:
            raise ParseError("container", 0, "JSON nested too deep", body) from None
        for name in _COUNTS:
            value = getattr(record, name)
            if isinstance(value, int) and not 0 <= value <= _LARGEST:
                reason = f"{name}: expected 0 to 2^64 - 1, found {shown(value)}"
                raise ParseError("container", 0, reason, subsystem)
        container = self._containers.get(subsystem)
        if container is None:
            if len(self._containers) >= MAX_CONTAINERS:
                reason = f"expected {MAX_CONTAINERS} containers at most, found another"
                raise ParseError("container", 0, reason, subsystem)
            container = _Container(*self._identity(subsystem, record))
            self._containers[subsystem] = container
        if container.waiting is not None and container.waiting[0] != stamp:
            self._append(container)
        container.waiting = (stamp, at, record)

    def finish(self, write: Callable[[bytes], object]) -> None:
        """Write the whole file, container by container."""
        write(HEADING.encode() + b"\r\n")
        for container in self._containers.values():
            if container.waiting is not None:
                self._append(container)
            for at in range(0, len(container.places), 2):
                self._spill.seek(container.places[at])
                write(self._spill.read(container.places[at + 1]))
            write(b"".join(container.held))

    def _identity(self, subsystem: str, record: _Record) -> tuple[str, str, str]:
        """Return id, name and runtime."""
        _, _, rest = subsystem.partition("/")
        runtime, _, short = rest.partition("/")
        identity = record.container_id or short
        name = self._names.get(identity) or record.container_name or identity[:_SHORT_ID]
        return identity, name, record.runtime or runtime

    def _append(self, container: _Container) -> None:
        """Make the row of the record that was waiting: no other of its time came."""
        assert container.waiting is not None  # noqa: S101 - who calls has looked
        stamp, at, now = container.waiting
        limit = now.memory_max if isinstance(now.memory_max, int) else 0
        row = b"%b,%b,%b,%d,%d,%.2f,%d,%d,%d,%d,%d\r\n" % (
            stamp,
            container.cells,
            self._shares(container, at, now),
            now.memory_current,
            limit,
            now.memory_current / limit * 100 if limit else 0,
            now.io_read_bytes,
            now.io_write_bytes,
            now.io_read_ops,
            now.io_write_ops,
            now.pids_current,
        )
        container.before = (at, now)
        container.waiting = None
        container.held.append(row)
        self.count += 1
        self._held += len(row)
        if self._held > HELD_BYTES:
            self._spill_all()

    def _shares(self, container: _Container, at: int, now: _Record) -> bytes:
        """Return the three shares of CPU, blank where there is nothing to compare with."""
        if container.before is None:
            return b",,"
        earlier, before = container.before
        used = [
            now.cpu_usage_usec - before.cpu_usage_usec,
            now.cpu_user_usec - before.cpu_user_usec,
            now.cpu_system_usec - before.cpu_system_usec,
        ]
        seconds = (at - earlier) / NS_PER_SECOND
        if min(used) < 0 or seconds <= 0:
            reason = WENT_BACK if seconds > 0 else NO_TIME
            self._report(0, reason, container.name)
            return b",,"
        shares = [min(_MAX_PERCENT, usec / 1e6 / seconds * 100) for usec in used]
        return b"%.2f,%.2f,%.2f" % tuple(shares)

    def _spill_all(self) -> None:
        """Move the rows held in memory to the file."""
        place = self._spill.seek(0, 2)
        for container in self._containers.values():
            if container.held:
                text = b"".join(container.held)
                container.places += array("q", [place, len(text)])
                place += self._spill.write(text)
                container.held = []
        self._held = 0
