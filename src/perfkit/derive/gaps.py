"""Why there is no rate, and which devices two samples have in common."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TypeVar

import msgspec

Key = TypeVar("Key", int, str)
Counters = TypeVar("Counters")


class Reason(StrEnum):
    """Why an interval has no rate for something; the value is what a person reads."""

    NO_TIME = "no time passed between the samples"
    """Same or earlier time: a repeated, reordered or set-back sample."""

    REBOOTED = "the host booted in between"
    """Counters began anew: the kernel says that it booted after the first sample."""

    CLOCK_STEPPED = "the clock was set in between"
    """The elapsed time is not known: the kernel's boot time moved with the clock."""

    NOT_RECORDED = "only one of the samples has it"
    """The whole source is absent from one of the samples, or could not be parsed."""

    APPEARED = "new since the sample before"
    """A device, interface or CPU without counters to start from."""

    VANISHED = "gone since the sample before"
    """A device, interface or CPU without counters to end with."""

    WENT_BACK = "a counter went backwards"
    """Reset, wrapped, or another device under the same name: the change is not known."""

    NO_TICKS = "the kernel counted no time"
    """No share of nothing: samples closer than a tick, or a kernel that does not count."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an interval has no rate for, and why."""

    table: str
    """Short name of the table, as in `perfkit.columns`; empty: no table has rates."""

    device: str
    """Key of the row; empty where there is one row for the host, or all rows are meant."""

    reason: Reason

    counters: tuple[str, ...] = ()
    """The model's fields that went backwards; empty where that is not the reason."""

    is_partial: bool = False
    """Whether there is a row, only without what those counters would have given."""

    def __str__(self) -> str:
        """Return it for a person: where, why, and which counters."""
        where = " ".join(part for part in (self.table, self.device) if part) or "all"
        which = f" ({', '.join(self.counters)})" if self.counters else ""
        return f"{where}: {self.reason.value}{which}"


def in_both(
    table: str,
    before: Mapping[Key, Counters] | None,
    after: Mapping[Key, Counters] | None,
    gaps: list[Gap],
) -> Iterator[tuple[Key, Counters, Counters]]:
    """Yield key and counters of what both samples have, and add a gap for each that one has."""
    if before is None or after is None:
        if before is not after:
            gaps.append(Gap(table=table, device="", reason=Reason.NOT_RECORDED))
        return
    for key, new in after.items():
        old = before.get(key)
        if old is None:
            gaps.append(Gap(table=table, device=str(key), reason=Reason.APPEARED))
        else:
            yield key, old, new
    gaps.extend(
        Gap(table=table, device=str(key), reason=Reason.VANISHED)
        for key in before
        if key not in after
    )


def change(before: int | None, after: int | None) -> int | None:
    """Return what a counter gained, or None if it is absent or went backwards."""
    if before is None or after is None or after < before:
        return None
    return after - before


def went_back(
    before: msgspec.Struct, after: msgspec.Struct, fields: tuple[str, ...]
) -> tuple[str, ...]:
    """Return those of the fields that are smaller now than they were."""
    fallen = []
    for field in fields:
        old: int | None = getattr(before, field)
        new: int | None = getattr(after, field)
        if old is not None and new is not None and new < old:
            fallen.append(field)
    return tuple(fallen)


def rate(gained: int | None, seconds: float) -> float | None:
    """Return events a second, or None if it is not known how many there were."""
    return None if gained is None else gained / seconds


def ratio(part: float | None, whole: float | None) -> float | None:
    """Return part / whole, or None if either is absent or the whole is nothing."""
    return None if part is None or not whole else part / whole
