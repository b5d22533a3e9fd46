"""What a capture could not give: counted, and the first few kept in full."""

from typing import NamedTuple

KEPT = 20
"""Problems kept with their text; the rest is only counted, so that memory stays bounded."""


class Problem(NamedTuple):
    """One place that could not be read."""

    line: int
    """Its line, from 1; 0 when no line can be named."""

    reason: str
    """What was expected and what was found."""

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"line {self.line}: {self.reason}" if self.line else self.reason


class Problems:
    """The problems of one capture so far."""

    def __init__(self) -> None:
        self.count = 0
        """All of them: each is a line skipped or a stretch of bytes lost."""
        self.first: list[Problem] = []
        """The first KEPT."""
        self.notes: list[str] = []
        """What is worth saying although nothing was lost."""

    def add(self, line: int, reason: str) -> None:
        """Count one problem."""
        self.count += 1
        if len(self.first) < KEPT:
            self.first.append(Problem(line, reason))

    def note(self, text: str) -> None:
        """Keep something worth saying that is no loss."""
        self.notes.append(text)
