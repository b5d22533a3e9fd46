"""Which positions of a run are had: whole numbers as sorted stretches that do not touch.

A run that came in order is one stretch whatever its length, so the common step, one more stretch
at the end, costs the same for every run.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable


class Intervals:
    """A set of whole numbers, kept as stretches [start, end).

    Args:
        stretches: What is in it at first; in any order, overlapping or not.
    """

    __slots__ = ("_ends", "_starts")

    def __init__(self, stretches: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in stretches:
            self.add(start, end)

    def add(self, start: int, end: int) -> None:
        """Put in the numbers from `start` up to, not including, `end`."""
        starts, ends = self._starts, self._ends
        if start >= end:
            return
        if not ends or start > ends[-1]:
            starts.append(start)
            ends.append(end)
        elif start == ends[-1]:
            ends[-1] = end
        else:
            low = bisect_left(ends, start)  # the first stretch that ends at `start` or after it
            high = bisect_right(starts, end)  # the first one that starts after `end`
            if low < high:
                start, end = min(start, starts[low]), max(end, ends[high - 1])
            starts[low:high] = [start]
            ends[low:high] = [end]

    def remove(self, start: int, end: int) -> None:
        """Take out the numbers from `start` up to, not including, `end`."""
        starts, ends = self._starts, self._ends
        low, high = bisect_right(ends, start), bisect_left(starts, end)
        if start >= end or low >= high:
            return
        kept = [(starts[low], start), (end, ends[high - 1])]
        kept = [(first, last) for first, last in kept if first < last]
        starts[low:high] = [first for first, _ in kept]
        ends[low:high] = [last for _, last in kept]

    def common(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the stretches of [start, end) that are in the set."""
        low, high = bisect_right(self._ends, start), bisect_left(self._starts, end)
        return [
            (max(start, self._starts[i]), min(end, self._ends[i]))
            for i in range(low, high)
            if start < end
        ]

    def missing(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the stretches of [start, end) that are not in the set."""
        if start >= end:
            return []
        if not self._ends or start >= self._ends[-1]:
            return [(start, end)]
        gaps: list[tuple[int, int]] = []
        for first, last in self.common(start, end):
            if start < first:
                gaps.append((start, first))
            start = last
        if start < end:
            gaps.append((start, end))
        return gaps

    def copy(self) -> "Intervals":
        """Return an equal set that changes on its own."""
        other = Intervals()
        other._starts, other._ends = self._starts.copy(), self._ends.copy()
        return other

    @property
    def end(self) -> int:
        """The number after the highest one; 0 where the set is empty."""
        return self._ends[-1] if self._ends else 0

    def count(self) -> int:
        """Return how many numbers are in the set."""
        return sum(self._ends) - sum(self._starts)

    def stretches(self) -> list[tuple[int, int]]:
        """Return the stretches [start, end), in order."""
        return list(zip(self._starts, self._ends, strict=True))

    def closed(self) -> list[tuple[int, int]]:
        """Return the stretches as first and last number, as the API tells them."""
        return [(start, end - 1) for start, end in self.stretches()]

    def __contains__(self, number: int) -> bool:
        """Return whether the number is in the set."""
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number < self._ends[at]

    def __bool__(self) -> bool:
        """Return whether any number is in the set."""
        return bool(self._ends)

    def __eq__(self, other: object) -> bool:
        """Return whether both hold the same numbers."""
        return isinstance(other, Intervals) and self.stretches() == other.stretches()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        """Return the call that makes an equal set."""
        return f"Intervals({self.stretches()!r})"
