"""Drives a table with kernel text as a capture holds it, and reads what it wrote."""

import io
from collections.abc import Callable

from perfkit.record import escaped
from perfkit.report.original.rows import Rows, text_of
from perfkit.report.original.table import Report, Table


class Driver:
    """A table under test: texts in, lines of CSV and reports out."""

    def __init__(self, make: Callable[[Rows, Report], Table]) -> None:
        self.reports: list[tuple[str, str]] = []
        self.table = make(
            Rows(io.BytesIO, "#heading"), lambda reason, name: self.reports.append((reason, name))
        )

    def add(self, second: int, text: bytes) -> list[str]:
        """Give the table one sample and return the rows that it made."""
        pending = self.table.rows.pending
        pending.clear()
        self.table.add(second, second * 10**9, escaped(text))
        return text_of(pending).decode().split("\n")[:-1] if pending else []
