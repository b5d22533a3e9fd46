"""Positions of a run as stretches, first and last included: joined, and taken from each other."""

from bisect import bisect_right

Interval = tuple[int, int]


def joined(intervals: list[Interval]) -> list[Interval]:
    """Return them in order, those that touch or overlap as one."""
    found: list[Interval] = []
    for first, last in sorted(intervals):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def without(wanted: Interval, held: list[Interval]) -> list[Interval]:
    """Return what of one stretch is in none of the others, which are joined."""
    first, last = wanted
    found: list[Interval] = []
    start = max(0, bisect_right(held, (first, 2**63)) - 1)
    for begin, end in held[start:]:
        if begin > last:
            break
        if end < first:
            continue
        if first < begin:
            found.append((first, begin - 1))
        first = end + 1
    if first <= last:
        found.append((first, last))
    return found


def difference(some: list[Interval], others: list[Interval]) -> list[Interval]:
    """Return what is in some and in none of the others; both are joined."""
    return [part for interval in some for part in without(interval, others)]


def count(intervals: list[Interval]) -> int:
    """Return how many positions they are."""
    return sum(last - first + 1 for first, last in intervals)
