r"""Samples out of the lines of a capture.

The JSON of a line is not decoded where it has the shape that captures have:

    {"timestamp":1700000005,"subsystem":"/proc/stat","measurement":"cpu  10 0 5 900 ...\n"}

It is cut at fixed places, and what stands between the last two quotes goes on as it is.  A line of
any other shape is decoded and brought into this one.  A sample is a run of lines of one time.
"""

from bisect import bisect
from collections.abc import Callable, Sequence
from itertools import compress
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

Column = list[bytes | None]
"""The text of one source in each of some samples."""

_KINDS = {source: kind for kind, source in enumerate((*SOURCES, system_info.SUBSYSTEM))}
_KINDS_BY_HEAD = {b',"subsystem":"%b' % name.encode(): kind for name, kind in _KINDS.items()}
_START = b'{"timestamp":'
_MIDDLE = b'","measurement":"'
_NS = b'","ns":'
_STAMP = len(_START)
_STAMP_END = _STAMP + 10  # from 2001 to 2286 a timestamp has ten digits
_BACKSLASH = 0x5C
_NS_DIGITS = 15
_SHAPES = {
    kind: (head + _MIDDLE, _STAMP_END + len(head) + len(_MIDDLE))
    for head, kind in _KINDS_BY_HEAD.items()
}
_MAX_REACH = 64
_REACH_SHRINKS = 8
_TEN_DIGITS = 1_000_000_000

_IN_ORDER = list(range(len(SOURCES)))
_NONE: Bodies = [None] * len(SOURCES)


class Taker(Protocol):
    """Who takes the samples, and the rest of a capture."""

    def sample(self, timestamp: int, ns: int, bodies: Bodies, lines: Sequence[int]) -> None:
        """Take one sample: its time, its texts and the line of each."""
        ...

    def samples(
        self, timestamps: list[int], columns: list[Column], lines: list[Sequence[int]]
    ) -> None:
        """Take some samples that have the same sources and no `ns`: the texts of each source."""
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
        self._lines: Sequence[int] = [0] * len(SOURCES)
        self._shape: list[tuple[bytes, int]] = []
        """Of each line of a sample what follows its timestamp, and where its text begins."""
        self._kinds: list[int] = []
        """The source of each line."""
        self._is_learning = False
        """Whether the shape is being learned from the sample at hand."""
        self._reach = 1
        """Samples to be taken at once: less where lines of another shape have come."""
        self._run: tuple[str | None, bool] = (None, False)

    def read(self, capture: Capture, watch: Callable[[Capture], None] | None = None) -> None:
        """Read the capture to its end, and tell `watch` after each piece."""
        for first, lines in capture.batches():
            at = 0
            # Empty lines are passed over many at once: a file may have nothing else.
            texts = None if all(lines) else [*compress(range(len(lines)), lines), len(lines)]
            while at < len(lines):
                if texts is not None and not lines[at]:
                    at = texts[bisect(texts, at)]
                    continue
                taken = self._take_samples(lines, at, first)
                if not taken:
                    taken = 1
                    self._take_line(lines[at], first + at)
                at += taken
            if watch is not None:
                watch(capture)
        self._finish()

    def _take_samples(self, lines: list[bytes], at: int, first: int) -> int:
        """Take samples whose lines are like those of the one before, and return their number.

        The number of lines, that is.  It is 0 where they are not, or where the sample at hand goes
        on.  The last one taken is at hand then: it may go on as well.
        """
        width = len(self._shape)
        if not width or lines[at].startswith(self._start or b"\n"):
            return 0
        if CPUINFO in self._kinds and len(set(self._kinds)) == 1:
            return 0  # That is no sample.
        count = min((len(lines) - at) // width, self._reach)
        while count:
            read = self._samples_like_before(lines[at : at + count * width], count)
            if read is not None:
                break
            count //= _REACH_SHRINKS
            self._reach = max(1, count)
        else:
            return 0
        self._reach = min(_MAX_REACH, 2 * self._reach)
        self._finish()
        timestamps, texts = read
        numbers = range(first + at, first + at + count * width, width)
        columns, places = self._placed(texts, numbers)
        # The last sample may go on in the lines that follow: it is at hand.
        self._start = lines[at + (count - 1) * width][:_STAMP_END]
        self._ns = 0
        self._bodies = [column.pop() for column in columns]
        self._lines = places.pop()
        self._is_learning = False
        timestamps.pop()
        if timestamps:
            self.has_records = True
            self._taker.samples(timestamps, columns, places)
        return count * width

    def _samples_like_before(
        self, lines: list[bytes], count: int
    ) -> tuple[list[int], list[Column]] | None:
        """Return the times of `count` samples and the texts of each source, or None."""
        width = len(self._shape)
        stamps = [line[:_STAMP_END] for line in lines[::width]]
        columns: list[Column] = []
        for place, (middle, start) in enumerate(self._shape):
            column = lines[place::width]
            bodies = [
                line[start:-2]
                for line in column
                if line.startswith(middle, _STAMP_END)
                and line.endswith(b'"}')
                and line[-3] != _BACKSLASH
            ]
            if len(bodies) != count or (place and [line[:_STAMP_END] for line in column] != stamps):
                return None
            if any(b'"' in body for body in bodies) and not _has_quotes_escaped(b"".join(bodies)):
                return None
            columns += [bodies]  # type: ignore[list-item] # none of them is None
        digits = [stamp[_STAMP:] for stamp in stamps]
        if not b"".join(digits).isdigit() or not all(stamp.startswith(_START) for stamp in stamps):
            return None
        timestamps = [int(each) for each in digits]
        if min(timestamps) < _TEN_DIGITS or len(set(stamps)) != count:
            return None
        return timestamps, columns

    def _placed(
        self, texts: list[Column], numbers: range
    ) -> tuple[list[Column], list[Sequence[int]]]:
        """Return the texts in the order of SOURCES, and the lines of each sample."""
        width = len(texts)
        if self._kinds == _IN_ORDER:
            return texts, [range(number, number + width) for number in numbers]
        columns: list[Column] = [[None] * len(numbers) for _ in SOURCES]
        offsets = [0] * len(SOURCES)
        for offset, (kind, column) in enumerate(zip(self._kinds, texts, strict=True)):
            if kind == CPUINFO:
                for number, body in zip(numbers, column, strict=True):
                    self._taker.cpuinfo(body or b"", number + offset)
            else:
                columns[kind] = column
                offsets[kind] = offset
        return columns, [[number + offset for offset in offsets] for number in numbers]

    def _take_line(self, line: bytes, number: int) -> None:
        """Take one line."""
        head, _, body = line.partition(_MIDDLE)
        kind = _KINDS_BY_HEAD.get(head[_STAMP_END:])
        start = head[:_STAMP_END]
        if kind is None or not _is_start(start):
            self._decode(line, number)
            return
        if body.endswith(b'"}'):
            body, ns = body[:-2], 0
        else:
            body, ns = _without_ns(body)
        if (b'"' in body and not _has_quotes_escaped(body)) or body.endswith(b"\\"):
            # Behind a backslash the last quote is part of the text perhaps, which has no end then.
            self._decode(line, number)
            return
        self._add(kind, start, ns, body, number)

    def _add(self, kind: int, start: bytes, ns: int, body: bytes, number: int) -> None:
        """Take the text of a source."""
        if start != self._start or (ns != self._ns and self._run[1]):
            self._finish()
            self._start = start
            self._ns = ns
            self._bodies = _NONE.copy()
            self._lines = [0] * len(SOURCES)
            self._shape = []
            self._kinds = []
            self._is_learning = True
        if self._is_learning:
            self._shape.append(_SHAPES[kind])
            self._kinds.append(kind)
        else:
            # More lines than in the sample before: the next one is learned anew.
            self._shape = []
        if kind == CPUINFO:
            self._taker.cpuinfo(body, number)
            return
        if self._bodies[kind] is not None:
            self._taker.repeated(kind, number)
            self._is_learning = False
            self._shape = []
        self._bodies[kind] = body
        self._lines = [*self._lines[:kind], number, *self._lines[kind + 1 :]]

    def _finish(self) -> None:
        """Hand over the sample at hand."""
        if self._start:
            self.has_records = True
            bodies = self._bodies
            if bodies != _NONE:
                self._taker.sample(int(self._start[_STAMP:]), self._ns, bodies, self._lines)
            self._start = b""

    def _decode(self, line: bytes, number: int) -> None:
        """Take a line of a shape that is not the usual one, or of another subsystem."""
        if not line or line.isspace():
            return
        try:
            record = record_of(line)
        except ParseError as error:
            self._problems.add(number, error.reason)
            return
        self.has_records = True
        kind = _KINDS.get(record.subsystem)
        if kind is not None:
            start = b"%b%d" % (_START, record.timestamp)
            self._add(kind, start, record.ns or 0, escaped(record.measurement), number)
        elif record.subsystem == HOST:
            self._host(record, number)
        elif record.subsystem.startswith(containers.PREFIX):
            self._taker.container(record, escaped(record.measurement), number)

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


def _is_start(start: bytes) -> bool:
    """Tell whether a line starts with the key and ten digits of a timestamp."""
    return start.startswith(_START) and start[_STAMP:].isdigit() and start[_STAMP] != 0x30


def _has_quotes_escaped(body: bytes) -> bool:
    return body.count(b'"') == body.count(b'\\"')


def _without_ns(body: bytes) -> tuple[bytes, int]:
    """Return what comes before the key `ns` at the end of a line, and its value.

    Where the line does not end so the text has a quote in it, which no usual one has.
    """
    text, _, rest = body.rpartition(_NS)
    digits = rest[:-1]
    if digits.isdigit() and len(digits) <= _NS_DIGITS and rest.endswith(b"}"):
        return text, int(digits)
    return b'"', 0
