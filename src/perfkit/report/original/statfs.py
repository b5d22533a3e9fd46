"""statfs_ALL: the size of each mounted file system, and how much of it is used; gauges.

    #timestamp,mount,blocksize,blockstotal,blocksavail,use

`use` is (total - available) / total in whole percent, a half rounded up, 0 for a total of 0: blocks
reserved for root count as used, unlike in df's column.
"""

import msgspec

from perfkit.model import FileSystem
from perfkit.parsers import statfs
from perfkit.report.original.rows import Cell, Rows, name_text
from perfkit.report.original.table import IN_DOUBT, unescaped

HEADING = "#timestamp,mount,blocksize,blockstotal,blocksavail,use"
SUBSYSTEM = "statfs[*]"

_decode = msgspec.json.Decoder(FileSystem).decode


class StatFs:
    """The rows of statfs_ALL.

    Args:
        rows: Where they go.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._lines: list[bytes] = []
        self._cells: list[msgspec.Raw] = []

    def forget(self) -> None:
        """Do nothing: a row is of one sample alone."""

    def add(self, stamp: Cell, at: int, body: bytes) -> None:
        """Take the text of one sample, and gather its rows (see `table.Table`)."""
        del at
        lines = body.split(b"\\n")
        if lines != self._lines:
            try:
                cells = self._read(lines)
            except IN_DOUBT:
                cells = [_cell(each) for each in statfs.parse(unescaped("statfs", body))]
                lines = []
            self._lines = lines
            self._cells = cells
        self.rows.pending += [(stamp, cell) for cell in self._cells]

    def _read(self, lines: list[bytes]) -> list[msgspec.Raw]:
        """Return the cells of all lines, those that did not change as they were."""
        before = dict(zip(self._lines, self._cells, strict=False))
        cells = []
        for line in lines:
            cell = before.get(line)
            if cell is None:
                if not line:
                    continue
                text = line.replace(b'\\"', b'"')
                cell = _cell(_decode(unescaped("statfs", line) if b"\\" in text else text))
            cells.append(cell)
        return cells


def _cell(fs: FileSystem) -> msgspec.Raw:
    total = fs.blocks_total
    used = total - fs.blocks_available
    # In whole numbers, so that a half is a half: (200 u + t) // 2 t is floor(100 u / t + 1/2).
    use = (200 * used + total) // (2 * total) if total else 0
    numbers = (fs.block_size, total, fs.blocks_available, use)
    return msgspec.Raw(b"%b,%d,%d,%d,%d" % (name_text(fs.mount_point), *numbers))
