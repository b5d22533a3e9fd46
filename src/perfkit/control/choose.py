"""Columns and devices that a person names, of those that a source has."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from perfkit import columns as known
from perfkit.errors import NotEnoughData, UsageError, shown

if TYPE_CHECKING:
    from perfkit.answer import Json

_TABLES = {
    "cpu": known.CPU,
    "cpus": known.CPU,
    "memory": known.MEM,
    "net": known.NET,
    "disk": known.DISK,
    "fs": known.FS,
    "system": known.SYSTEM,
}
"""By source: a column may be asked for where it has no values, and so is in no answer."""

_LISTED = 40


def chosen(
    rows: "list[Json]",
    source: str,
    *,
    columns: list[str] | None,
    devices: list[str] | None,
    of: str,
) -> "list[Json]":
    """Return the rows of some columns and devices; of all where none is named.

    Args:
        rows: Series or statistics, each of a column of a device.
        source: Of which they are.
        columns: Names; None or none: all.
        devices: Names; None or none: all.
        of: What a person calls all that, as `cpu of web1`.

    Raises:
        UsageError: there is no such column or device.
        NotEnoughData: there are no values.
    """
    whole = [row for row in rows if isinstance(row, dict)]
    table = _TABLES.get(source)
    names = [column.name for column in table.columns] if table else []
    _expect("column", columns, [*names, *(str(row.get("name")) for row in whole)])
    if not any(map(_has_values, whole)):
        raise NotEnoughData(f"{of}: there are no values in that range")
    _expect("device", devices, [str(row.get("device")) for row in whole])
    found: list[Json] = [
        row
        for row in whole
        if (not columns or row.get("name") in columns)
        and (not devices or row.get("device") in devices)
    ]
    if not any(isinstance(row, dict) and _has_values(row) for row in found):
        named = ", ".join(map(shown, [*(columns or []), *(devices or [])]))
        raise NotEnoughData(f"{of}: there are no values of {named} in that range")
    return found


def _has_values(row: "dict[str, Json]") -> bool:
    mean = row.get("mean")
    return any(value is not None for value in mean) if isinstance(mean, list) else True


def _expect(kind: str, wanted: list[str] | None, names: Iterable[str]) -> None:
    there = [name for name in dict.fromkeys(names) if name]
    for name in wanted or ():
        if name not in there:
            told = ", ".join(there[:_LISTED]) or "none"
            more = f", {len(there) - _LISTED} more" if len(there) > _LISTED else ""
            raise UsageError(f"{kind} {shown(name)}: no such one: there are: {told}{more}")
