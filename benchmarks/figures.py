"""What a measurement says: a ratio or an amount, its spread, its bar, and whether it is reached.

A machine's speed moves by a factor of 2 to 4 between hours, so nothing is compared across runs:
each window or round measures both sides, and the figure is the median of the paired ratios.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """What a figure has to be, and on which side of it."""

    value: float
    side: Literal["<=", ">="]

    def is_reached(self, figure: float) -> bool:
        """Tell whether `figure` is on the right side, the bar itself included."""
        return figure <= self.value if self.side == "<=" else figure >= self.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One line of the table."""

    section: str
    subject: str
    against: str
    """The peer, or what the amount is of."""

    value: float | None
    """None when it could not be measured; `note` says why."""

    unit: str
    """`x` for a ratio, else the unit of the amount."""

    low: float | None = None
    high: float | None = None
    """Smallest and largest of the paired ratios."""

    bar: Bar | None = None
    """None for what is only reported."""

    note: str = ""

    is_failure: bool = False
    """Not measured because perfkit, not a peer, failed: a miss, whatever the bar."""

    @property
    def is_reached(self) -> bool | None:
        """Whether the bar is reached; None without a bar or without a measurement."""
        if self.is_failure:
            return False
        if self.bar is None or self.value is None:
            return None
        return self.bar.is_reached(self.value)


def at_most(value: float) -> Bar:
    """Return a bar that a figure must not pass."""
    return Bar(value=value, side="<=")


def at_least(value: float) -> Bar:
    """Return a bar that a figure must reach."""
    return Bar(value=value, side=">=")


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return ours / theirs, round by round.

    Raises:
        ValueError: the rounds do not pair, or one of theirs cost nothing.
    """
    pairs = list(zip(ours, theirs, strict=True))
    if not pairs:
        raise ValueError("expected one round or more, found none")
    if any(their <= 0 for _, their in pairs):
        raise ValueError("expected a cost above 0 in each of the peer's rounds: make them longer")
    return [our / their for our, their in pairs]


def windows(counters: Sequence[float], width: int) -> list[float]:
    """Return what a counter grew by in each successive window of `width` readings.

    The last window is left out when it is not whole: it would not pair with another's.
    """
    return [
        counters[start + width] - counters[start]
        for start in range(0, len(counters) - width, width)
    ]


def compared(
    section: str,
    subject: str,
    against: str,
    paired: Sequence[float],
    *,
    bar: Bar | None = None,
    note: str = "",
) -> Figure:
    """Return the figure of paired ratios: their median, smallest and largest."""
    return Figure(
        section=section,
        subject=subject,
        against=against,
        value=median(paired),
        unit="x",
        low=min(paired),
        high=max(paired),
        bar=bar,
        note=note,
    )


def unmeasured(
    section: str,
    subject: str,
    against: str,
    bar: Bar | None,
    why: str,
    *,
    is_failure: bool = False,
) -> Figure:
    """Return a figure that could not be taken, and why."""
    return Figure(
        section=section,
        subject=subject,
        against=against,
        value=None,
        unit="x",
        bar=bar,
        note=why,
        is_failure=is_failure,
    )
