"""Drives a table with kernel text as a capture holds it, and reads what it wrote."""

import io
from collections.abc import Callable, Sequence

from perfkit.record import escaped
from perfkit.report.original.rows import Rows, text_of
from perfkit.report.original.table import IN_DOUBT, Report, Table, Times


class Driver:
    """A table under test: texts in, lines of CSV and reports out."""

    def __init__(self, make: Callable[[Rows, Report], Table]) -> None:
        self.reports: list[tuple[str, str]] = []
        self.table = make(
            Rows(io.BytesIO, "#heading"),
            lambda _, reason, name: self.reports.append((reason, name)),
        )

    def add(self, second: float, text: bytes) -> list[str]:
        """Give the table one sample and return the rows that it made."""
        body = escaped(text)
        try:
            self.table.read([body])
        except IN_DOUBT:
            self.table.read_slowly(body)
        return self._rows([second])

    def add_slowly(self, second: float, text: bytes) -> list[str]:
        """Do the same by way of the parsers."""
        self.table.read_slowly(escaped(text))
        return self._rows([second])

    def add_block(self, seconds: Sequence[float], texts: Sequence[bytes]) -> list[str]:
        """Give the table samples of one shape at once and return the rows that it made."""
        self.table.read([escaped(text) for text in texts])
        return self._rows(seconds)

    def _rows(self, seconds: Sequence[float]) -> list[str]:
        self.table.add(Times(list(seconds), [int(second * 10**9) for second in seconds]))
        pending = self.table.rows.pending
        text = text_of(pending).decode() if pending else ""
        pending.clear()
        return text.split("\n")[:-1]
