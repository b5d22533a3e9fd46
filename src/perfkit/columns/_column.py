"""What a column and a table of columns are."""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perfkit.derive import Interval

Value = float | int | str | None
"""What a column shows; None is *absent*, never 0."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One output column, declared here and nowhere else."""

    name: str
    """As sar, iostat or the original's CSV write it."""

    field: str | None
    """Attribute of the table's row that holds the value; None where perfkit has none yet."""

    unit: str
    """Of the value; `1/s` is events a second, the empty text a plain number or name."""

    source: str
    """Kernel file and the field in it."""

    meaning: str
    """Meaning and formula in a sentence; Δ is the change from one sample to the next."""

    in_csv: bool = False
    """Whether the original's CSV has it."""

    def value(self, row: msgspec.Struct) -> Value:
        """Return this column's value in a row of its table."""
        if self.field is None:
            return None
        value: Value = getattr(row, self.field)
        return value


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Columns that share a row: one CPU, one interface, one device, or the host."""

    name: str
    """Short name: cpu, mem, net, disk, fs or system."""

    title: str
    """Heading for a person."""

    rows_field: str
    """Attribute of `Interval` that holds this table's rows."""

    key: str | None
    """Name of the column that tells rows of one time apart; None where there is one row."""

    key_meaning: str = ""
    """What the key is, in a sentence."""

    csv_file: str | None
    """Path in the original's CSV tree; None where the original has no such file."""

    source: str
    """The kernel file, as a capture's `subsystem` names it."""

    columns: tuple[Column, ...]
    """In the order of the CSV, then what only perfkit has."""

    @property
    def csv_columns(self) -> tuple[Column, ...]:
        """Return the columns of the original's CSV, in its order."""
        return tuple(column for column in self.columns if column.in_csv)

    @property
    def csv_heading(self) -> str:
        """Return the first line of the original's CSV file, without line end."""
        names = [column.name for column in self.csv_columns]
        return ",".join(["#timestamp", *([self.key] if self.key else []), *names])

    def column(self, name: str) -> Column:
        """Return the column of that name.

        Raises:
            KeyError: this table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def rows(self, interval: "Interval") -> "Iterator[tuple[str, msgspec.Struct]]":
        """Yield key and row of everything this table knows of an interval.

        The key is the empty text where the table has one row for the host.
        """
        found: dict[str | int, msgspec.Struct] | msgspec.Struct | None
        found = getattr(interval, self.rows_field)
        if isinstance(found, dict):
            for key, row in found.items():
                yield str(key), row
        elif found is not None:
            yield "", found
