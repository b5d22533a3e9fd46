r"""Whether the host booted between two samples, or its clock was set: then nothing has a rate.

The kernel works `btime` in /proc/stat out from the clock, so it moves when the clock is set.  A
boot in between lies after the sample before, whatever the clock did.
"""

from collections.abc import Sequence

from perfkit.report.original.table import CLOCK_STEPPED, REBOOTED
from perfkit.units import NS_PER_SECOND

_LABEL = b"\\nbtime "
_DIGITS = 10

_ROUNDING = 1
"""Seconds that btime moves by itself."""

_SLEW = 0.01
"""Share of an interval that may be due to a clock that is being slewed."""


class BootTime:
    """The boot time of the last sample that told one."""

    def __init__(self) -> None:
        self._text = b""
        self._seconds: int | None = None

    def is_same(self, stats: Sequence[bytes | None]) -> bool:
        """Tell whether all these texts have the boot time of the last sample."""
        size, text = len(_LABEL), self._text
        places = [stat.rfind(_LABEL) if stat else -1 for stat in stats]
        return all(
            stat is not None and stat[place + size : place + size + _DIGITS] == text
            for stat, place in zip(stats, places, strict=True)
        )

    def moved(self, stat: bytes, before: int, now: int) -> str | None:
        """Return why there are no rates, or None.

        Args:
            stat: The text of /proc/stat, JSON-escaped.
            before: Time of the sample before, nanoseconds since 1970.
            now: Time of this one.
        """
        place = stat.rfind(_LABEL)
        text = stat[place + len(_LABEL) : place + len(_LABEL) + _DIGITS]
        if text == self._text or place < 0 or not text.isdigit():
            return None
        last = self._seconds
        self._text = text
        self._seconds = seconds = int(text)
        if last is None:
            return None
        if seconds * NS_PER_SECOND > before:
            return REBOOTED
        if abs(seconds - last) > max(_ROUNDING, (now - before) / NS_PER_SECOND * _SLEW):
            return CLOCK_STEPPED
        return None
