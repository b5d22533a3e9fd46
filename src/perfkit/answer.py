"""What a server answers: status, headers, body; the receipt of an upload, the reason of a refusal.

Agent side: standard library only.
"""

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


class Answer:
    """What a server said.

    Args:
        status: HTTP status.
        headers: By lower-case name; of several of one name the last.
        body: All of it.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Receipt:
    """What became of an upload; the four counts add up to the lines sent.

    Args:
        receipt: SHA-256, in hex, of its canonical lines without those rejected.
        machine: The machine's id; "" where nothing made it known.
        lines: Newly stored.
        samples: Of all its lines.
        duplicates: Lines that were there.
        conflicts: Lines at a position that has another line.
        rejected: Number, from 1, and reason of each line that is none.
    """

    __slots__ = ("conflicts", "duplicates", "lines", "machine", "receipt", "rejected", "samples")

    def __init__(
        self,
        receipt: str,
        *,
        machine: str = "",
        lines: int = 0,
        samples: int = 0,
        duplicates: int = 0,
        conflicts: int = 0,
        rejected: list[tuple[int, str]] | None = None,
    ) -> None:
        self.receipt = receipt
        self.machine = machine
        self.lines = lines
        self.samples = samples
        self.duplicates = duplicates
        self.conflicts = conflicts
        self.rejected = rejected or []


def seconds_of(text: str | None) -> float | None:
    """Return the seconds of a Retry-After; None for a date, which needs a clock that agrees."""
    word = (text or "").strip()
    return float(word) if word.isascii() and word.isdigit() and len(word) < 10 else None


def reason_of(answer: Answer) -> str:
    """Return why a server refuses: `detail` of problem+json, `error` of the original's."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    text = found.get("detail") or found.get("error") or found.get("title")
    return " ".join(text.split())[:500] if isinstance(text, str) else ""


def receipt_of(found: "Json") -> Receipt:
    """Return the receipt that an answer holds.

    Raises:
        KeyError, TypeError: it holds none.
    """
    answer = _object(found)
    rejected = answer["rejected"]
    return Receipt(
        str(answer["receipt"]),
        machine=str(answer["machine"] or ""),
        lines=_whole(answer["lines"]),
        samples=_whole(answer["samples"]),
        duplicates=_whole(answer["duplicates"]),
        conflicts=_whole(answer["conflicts"]),
        rejected=[_rejected(line) for line in rejected] if isinstance(rejected, list) else [],
    )


def _object(found: "Json") -> "dict[str, Json]":
    if not isinstance(found, dict):
        raise TypeError
    return found


def _whole(number: "Json") -> int:
    if not isinstance(number, int):
        raise TypeError
    return number


def _rejected(found: "Json") -> tuple[int, str]:
    line = _object(found)
    return _whole(line["line"]), str(line["reason"])
