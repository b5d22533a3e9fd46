"""Every output column of perfkit, declared once: name, unit, source, meaning and value.

Names are those of sar and iostat (sysstat), and of the original's CSV where that has the column.
`docs/csv.md`, the live view and every report read them from here; `perfkit.derive` fills them.
"""

from perfkit.columns._column import Column, Table, Value
from perfkit.columns.cpu import CPU, SYSTEM
from perfkit.columns.disk import DISK, FS
from perfkit.columns.memory import MEM
from perfkit.columns.net import NET

TABLES = (CPU, MEM, NET, DISK, FS, SYSTEM)
"""All tables; the first five in the order of the original's CSV files."""

__all__ = [
    "CPU",
    "DISK",
    "FS",
    "MEM",
    "NET",
    "SYSTEM",
    "TABLES",
    "Column",
    "Table",
    "Value",
]
