"""Moments as a query names them."""

import math
import re
from datetime import UTC, date, datetime, timedelta

from perfkit.errors import shown
from perfkit.server.refusal import bad_request

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d.*", re.ASCII)
"""Narrower than `fromisoformat`, for which 1711111111111 is a time on 11 November 1711."""

_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,9})?")
_EXPECTED = "expected a date, RFC 3339 or Unix seconds"


def moment(text: str | None, name: str) -> float | None:
    """Return the Unix time that a query's `start` or `end` names.

    Args:
        text: A date, RFC 3339 or Unix seconds.
        name: `start` or `end`; a date as the end includes its day.

    Raises:
        Refusal: it is none of these.
    """
    if text is None:
        return None
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        if _DATE.fullmatch(text):
            day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return (day + timedelta(days=name == "end")).timestamp()
        if _TIME.fullmatch(text):
            # A plus that was not escaped in a URL arrives as a blank.
            at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text.upper() else text)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass  # 30 February; the day after 9999-12-31
    raise bad_request(f"{name}: {_EXPECTED}, found {shown(text)}")


def whole(at: float | None) -> int | None:
    """Return the first whole second at or after a moment: timestamps of lines are whole."""
    return None if at is None else math.ceil(at)
