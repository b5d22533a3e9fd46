r"""Whether the host booted between two samples, or its clock was set: then nothing has a rate.

The kernel works `btime` in /proc/stat out from the clock, so it moves when the clock is set.  A
boot in between lies after the sample before, whatever the clock did.
"""

from perfkit.report.original.table import CLOCK_STEPPED, REBOOTED

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

    def moved(self, stat: bytes, before: float, now: float) -> str | None:
        """Return why there are no rates, or None.

        Args:
            stat: The text of /proc/stat, JSON-escaped.
            before: Time of the sample before, in seconds since 1970.
            now: Time of this one.
        """
        place = stat.rfind(_LABEL) + len(_LABEL)
        text = stat[place : place + _DIGITS]
        if text == self._text:
            return None
        if place < len(_LABEL) or not text.isdigit():
            return None
        last = self._seconds
        self._text = text
        self._seconds = seconds = int(text)
        if last is None:
            return None
        if seconds > before:
            return REBOOTED
        if abs(seconds - last) > max(_ROUNDING, (now - before) * _SLEW):
            return CLOCK_STEPPED
        return None
