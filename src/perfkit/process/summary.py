"""What a conversion did, for a person and for a program."""

import time
from typing import TypedDict

from perfkit.capture.problems import Problems
from perfkit.units import NS_PER_SECOND

SHOWN = 3
"""Names and line numbers shown of each reason."""

_NS_PER_MS = 1_000_000
_HALF_MS = 500_000
_MS_PER_SECOND = 1000

_DISTINCT_PERIODS = 1000
"""Different intervals that are counted: beyond that none is usual."""


class Gap:
    """One reason why rows are missing in one file.

    Args:
        file: Its name; empty: no file has rates.
        reason: Why.
    """

    def __init__(self, file: str, reason: str) -> None:
        self.file = file
        self.reason = reason
        self.count = 0
        self.lines: list[int] = []
        self.names: list[str] = []

    def add(self, line: int, name: str) -> None:
        """Count one row, or one interval, that is missing."""
        self.count += 1
        # One more than is shown tells that there are more.
        if line and len(self.lines) <= SHOWN and line not in self.lines:
            self.lines.append(line)
        if name and len(self.names) <= SHOWN and name not in self.names:
            self.names.append(name)

    def __str__(self) -> str:
        """Return it as a person reads it."""
        shown = [name if name.isprintable() else repr(name) for name in self.names]
        names = f" ({_listed(shown)})" if shown else ""
        times = "once" if self.count == 1 else f"{self.count} times"
        lines = _listed([str(line) for line in self.lines])
        places = f", line{'s' * (len(self.lines) > 1)} {lines}" if lines else ""
        where = f"{self.file}: " if self.file else "all rates: "
        return f"{where}{self.reason}{names}, {times}{places}"


class GapDict(TypedDict):
    """A Gap for a program."""

    file: str
    reason: str
    count: int
    names: list[str]
    lines: list[int]


class ProblemDict(TypedDict):
    """A problem of the capture for a program; line 0: no line can be named."""

    line: int
    reason: str


class SkippedDict(TypedDict):
    """What could not be read."""

    count: int
    first: list[ProblemDict]


class SummaryDict(TypedDict):
    """A Summary for a program."""

    capture: str
    samples: int
    first_timestamp: int | None
    last_timestamp: int | None
    period_seconds: float | None
    rows: dict[str, int]
    gaps: list[GapDict]
    skipped: SkippedDict
    notes: list[str]


class Summary:
    """What a conversion did.

    Args:
        capture: Name of the capture.
        problems: What could not be read of it.
    """

    def __init__(self, capture: str, problems: Problems) -> None:
        self.capture = capture
        self.problems = problems
        self.samples = 0
        self.first: int | None = None
        """Time of the first sample, nanoseconds since 1970."""
        self.last: int | None = None
        """Time of the last sample."""
        self.rows: dict[str, int] = {}
        """Rows of each file, by its name."""
        self.gaps: dict[tuple[str, str], Gap] = {}
        self._intervals: dict[int, int] = {}
        """How often each interval came, in milliseconds."""

    def gap(self, file: str, reason: str, line: int, name: str = "") -> None:
        """Count something that has no row."""
        found = self.gaps.get((file, reason))
        if found is None:
            found = self.gaps[file, reason] = Gap(file, reason)
        found.add(line, name)

    def sample(self, at: int) -> None:
        """Count a sample.

        Args:
            at: Its time, nanoseconds since 1970.
        """
        if self.last is None:
            self.first = self.last = at
            self.samples += 1
        else:
            self.more_samples([at])

    def more_samples(self, times: list[int]) -> None:
        """Count samples that are not the first; `times` as for `sample`."""
        self.samples += len(times)
        before = self.last or 0
        intervals = self._intervals
        for at in times:
            ms = (at - before + _HALF_MS) // _NS_PER_MS
            before = at
            if ms in intervals:
                intervals[ms] += 1
            elif len(intervals) < _DISTINCT_PERIODS:
                intervals[ms] = 1
        self.last = before

    @property
    def period_seconds(self) -> float | None:
        """The usual time between two samples."""
        intervals = self._intervals
        return max(intervals, key=intervals.__getitem__) / _MS_PER_SECOND if intervals else None

    def as_dict(self) -> SummaryDict:
        """Return it for a program."""
        return {
            "capture": self.capture,
            "samples": self.samples,
            "first_timestamp": None if self.first is None else self.first // NS_PER_SECOND,
            "last_timestamp": None if self.last is None else self.last // NS_PER_SECOND,
            "period_seconds": self.period_seconds,
            "rows": self.rows,
            "gaps": [
                {
                    "file": gap.file,
                    "reason": gap.reason,
                    "count": gap.count,
                    "names": gap.names,
                    "lines": gap.lines,
                }
                for gap in self.gaps.values()
            ],
            "skipped": {
                "count": self.problems.count,
                "first": [
                    {"line": problem.line, "reason": problem.reason}
                    for problem in self.problems.first
                ],
            },
            "notes": self.problems.notes,
        }

    def as_text(self) -> str:
        """Return it for a person."""
        lines = [f"{self.capture}: {self._extent()}"]
        width = max((len(name) for name in self.rows), default=0)
        lines += [f"  {name:<{width}}  {rows_text(count)}" for name, count in self.rows.items()]
        lines += [f"  no row: {gap}" for gap in self.gaps.values()]
        lines += [f"  note: {note}" for note in self.problems.notes]
        first = self.problems.first
        lines += [f"  skipped: {problem}" for problem in first]
        if self.problems.count > len(first):
            lines.append(f"  skipped: {self.problems.count - len(first)} more like these")
        return "\n".join(lines) + "\n"

    def _extent(self) -> str:
        if self.first is None or self.last is None:
            return "no sample of a host"
        period = self.period_seconds
        every = f", one every {period:g} s" if period else ""
        samples = "1 sample" if self.samples == 1 else f"{self.samples} samples"
        return f"{samples} from {_utc(self.first)} to {_utc(self.last)}{every}"


def rows_text(count: int) -> str:
    """Return a number of rows as a person reads it."""
    return "1 row" if count == 1 else f"{count} rows"


def _listed(items: list[str]) -> str:
    more = ", …" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more


def _utc(ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(ns // NS_PER_SECOND))
