r"""Samples out of the lines of a capture.

The JSON of a line is not decoded where it has the shape that captures have:

    {"timestamp":1700000005,"subsystem":"/proc/stat","measurement":"cpu  10 0 5 900 ...\n"}

It is cut at fixed places, and what stands between the last two quotes goes on as it is.  A line of
any other shape is decoded and brought into this one.  A sample is a run of lines of one time.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from perfkit.capture.lines import record_of
from perfkit.capture.problems import Problems
from perfkit.capture.read import Capture
from perfkit.errors import ParseError
from perfkit.record import Record, escaped
from perfkit.report.original import (
    containers,
    diskstats,
    meminfo,
    net_dev,
    stat,
    statfs,
    system_info,
)
from perfkit.units import NS_PER_SECOND

STAT, MEMINFO, NET_DEV, DISKSTATS, STATFS, CPUINFO = range(6)
SOURCES = (
    stat.SUBSYSTEM,
    meminfo.SUBSYSTEM,
    net_dev.SUBSYSTEM,
    diskstats.SUBSYSTEM,
    statfs.SUBSYSTEM,
)
"""What a sample is made of, in the order of a sample's bodies."""

HOST = "perfkit/host"

Bodies = list[bytes | None]
"""The JSON-escaped text of each source, None where a sample lacks it."""

_KINDS = {source: kind for kind, source in enumerate((*SOURCES, system_info.SUBSYSTEM))}
_KINDS_BY_HEAD = {b',"subsystem":"%b' % name.encode(): kind for name, kind in _KINDS.items()}
_START = b'{"timestamp":'
_MIDDLE = b'","measurement":"'
_NS = b'","ns":'
_STAMP = len(_START)
_STAMP_END = _STAMP + 10  # from 2001 to 2286 a timestamp has ten digits
_NS_DIGITS = 15
_NONE: Bodies = [None] * len(SOURCES)


class Taker(Protocol):
    """Who takes the samples, and the rest of a capture."""

    def sample(self, timestamp: int, ns: int, bodies: Bodies, lines: list[int]) -> None:
        """Take one sample: its time, its texts and the line of each."""
        ...

    def repeated(self, source: int, line: int) -> None:
        """Take note of a source that came again in its sample."""
        ...

    def cpuinfo(self, body: bytes, line: int) -> None:
        """Take the text of /proc/cpuinfo."""
        ...

    def container(self, record: Record, body: bytes, line: int) -> None:
        """Take the record of a container."""
        ...

    def run(self, boot_id: str | None, *, is_fractional: bool) -> None:
        """Take note that another run, or another boot, begins."""
        ...


class _Host(msgspec.Struct):
    """What counts here of a `perfkit/host` record."""

    boot_id: str | None = None
    period_ns: int | None = None


class Cutter:
    """Cuts a capture into samples.

    Args:
        taker: Takes them.
        problems: Takes lines that are none.
    """

    def __init__(self, taker: Taker, problems: Problems) -> None:
        self.has_records = False
        """Whether any line was a record."""
        self._taker = taker
        self._problems = problems
        self._start = b""
        """How the lines of the sample at hand start: up to the timestamp."""
        self._ns = 0
        self._bodies: Bodies = _NONE.copy()
        self._lines = [0] * len(SOURCES)
        self._run: tuple[str | None, bool] = (None, False)

    def read(  # noqa: C901 - one loop without a call a line
        self, capture: Capture, watch: Callable[[Capture], None] | None = None
    ) -> None:
        """Read the capture to its end, and tell `watch` after each piece."""
        bodies, sample_lines = self._bodies, self._lines
        for first, lines in capture.batches():
            for number, line in enumerate(lines, first):
                head, _, body = line.partition(_MIDDLE)
                kind = _KINDS_BY_HEAD.get(head[_STAMP_END:])
                if kind is None:
                    self._decode(line, number)
                    continue
                if body[-2:] == b'"}':
                    body, ns = body[:-2], 0
                else:
                    body, ns = _without_ns(body)
                if b'"' in body and (kind != STATFS or body.count(b'"') != body.count(b'\\"')):
                    self._decode(line, number)
                elif kind == CPUINFO:
                    self._taker.cpuinfo(body, number)
                elif head[:_STAMP_END] == self._start and (ns == self._ns or not self._run[1]):
                    if bodies[kind] is not None:
                        self._taker.repeated(kind, number)
                    bodies[kind] = body
                    sample_lines[kind] = number
                elif (
                    head.startswith(_START)
                    and head[_STAMP:_STAMP_END].isdigit()
                    and head[_STAMP] != 0x30
                ):
                    self._finish()
                    self._start = head[:_STAMP_END]
                    self._ns = ns
                    bodies[kind] = body
                    sample_lines[kind] = number
                else:
                    self._decode(line, number)
            if watch is not None:
                watch(capture)
        self._finish()

    def _finish(self) -> None:
        """Hand over the sample at hand."""
        if self._start:
            self.has_records = True
            timestamp = int(self._start[_STAMP:])
            self._taker.sample(timestamp, self._ns, self._bodies, self._lines)
            self._bodies[:] = _NONE
            self._start = b""

    def _decode(self, line: bytes, number: int) -> None:
        """Take a line of a shape that is not the usual one, or of another subsystem."""
        if not line or line.isspace():
            return
        try:
            record = record_of(line)
        except ParseError as error:
            self._problems.add(number, error.reason)
        else:
            self.has_records = True
            self._take(record, number)

    def _take(self, record: Record, number: int) -> None:
        kind = _KINDS.get(record.subsystem)
        if kind is None:
            if record.subsystem == HOST:
                self._host(record, number)
            elif record.subsystem.startswith(containers.PREFIX):
                self._taker.container(record, escaped(record.measurement), number)
        elif kind == CPUINFO:
            self._taker.cpuinfo(escaped(record.measurement), number)
        else:
            start = b"%b%d" % (_START, record.timestamp)
            ns = record.ns or 0
            if start != self._start or (ns != self._ns and self._run[1]):
                self._finish()
                self._start = start
                self._ns = ns
            if self._bodies[kind] is not None:
                self._taker.repeated(kind, number)
            self._bodies[kind] = escaped(record.measurement)
            self._lines[kind] = number

    def _host(self, record: Record, number: int) -> None:
        try:
            host = msgspec.json.decode(record.measurement, type=_Host)
        except (ValueError, RecursionError) as error:
            self._problems.add(number, f"{HOST}: expected an object: {error}")
            return
        is_fractional = host.period_ns is not None and host.period_ns % NS_PER_SECOND != 0
        if self._run != (host.boot_id, is_fractional):
            # Told again within a run, it may stand in the middle of a sample.
            self._finish()
            self._run = (host.boot_id, is_fractional)
            self._taker.run(host.boot_id, is_fractional=is_fractional)


def _without_ns(body: bytes) -> tuple[bytes, int]:
    """Return what comes before the key `ns` at the end of a line, and its value.

    Where the line does not end so the text has a quote in it, which no usual one has.
    """
    text, _, rest = body.rpartition(_NS)
    digits = rest[:-1]
    if digits.isdigit() and len(digits) <= _NS_DIGITS and rest.endswith(b"}"):
        return text, int(digits)
    return b'"', 0
