"""What the live view knows at one moment: all that its picture is made of."""

from collections import deque
from dataclasses import dataclass, field

from perfkit.derive import Interval

HISTORY = 240
"""Intervals whose CPU use is kept for the small graph: the widest terminal has no more columns."""


@dataclass(frozen=True, slots=True)
class Host:
    """Who is measured: from the recording's `perfkit/host` line, else from this kernel."""

    name: str
    kernel: str


@dataclass(slots=True)
class View:
    """The state of a view; only `watch` changes it."""

    host: Host
    period_seconds: float
    capture: str
    capture_bytes: int = 0
    running_seconds: float = 0.0
    samples: int = 0
    interval: Interval | None = None
    message: str = ""
    """Last line that the recorder wrote for people, or why figures are missing."""

    history: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY))
    """CPU use of the last intervals in percent, oldest first."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters a picture is made of."""

    full: str
    empty: str
    graph: str
    dot: str
    cut: str


UNICODE = Glyphs(full="█", empty="░", graph="▁▂▃▄▅▆▇█", dot=" · ", cut="…")
ASCII = Glyphs(full="#", empty=".", graph="_.-=*#", dot=" | ", cut="~")
"""For terminals whose encoding has none of the others."""
