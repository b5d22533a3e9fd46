"""statfs_ALL: the size of each mounted file system, and how much of it is used; gauges.

    #timestamp,mount,blocksize,blockstotal,blocksavail,use

`use` is (total - available) / total in whole percent, a half rounded up, 0 for a total of 0: blocks
reserved for root count as used, unlike in df's column.
"""

from collections.abc import Sequence

import msgspec

from perfkit.model import FileSystem
from perfkit.parsers import statfs
from perfkit.report.original.rows import Rows, name_text
from perfkit.report.original.table import Column, Times, unescaped

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
        self._cells: list[list[msgspec.Raw]] = []
        """The file systems of each sample in the block."""
        self._known: dict[bytes, msgspec.Raw] = {}
        """The cell of each line of the last sample."""

    def forget(self) -> None:
        """Do nothing: a row is of one sample alone."""

    def read(self, bodies: Sequence[bytes]) -> None:
        """Read the text of a block of samples (see `table.Table`)."""
        self._cells = []
        known = self._known
        for body in bodies:
            lines = body.removesuffix(b"\\n").split(b"\\n")
            cells = [known.get(line) or _read(line) for line in lines]
            self._cells.append(cells)
            known = dict(zip(lines, cells, strict=True))
        self._known = known

    def read_slowly(self, body: bytes) -> None:
        """Read the text of one sample, of any documented shape (see `table.Table`)."""
        self._cells = [[_cell(each) for each in statfs.parse(unescaped("statfs", body))]]

    def add(self, times: Times) -> dict[str, Column]:
        """Gather the rows of what was read; nobody asks for those of one file system."""
        self.rows.pending += [
            (stamp, cell)
            for stamp, cells in zip(times.stamps, self._cells, strict=True)
            for cell in cells
        ]
        return {}


def _read(line: bytes) -> msgspec.Raw:
    text = line.replace(b'\\"', b'"')
    return _cell(_decode(unescaped("statfs", line) if b"\\" in text else text))


def _cell(fs: FileSystem) -> msgspec.Raw:
    total = fs.blocks_total
    used = total - fs.blocks_available
    # In whole numbers, so that a half is a half: (200 u + t) // 2 t is floor(100 u / t + 1/2).
    use = (200 * used + total) // (2 * total) if total else 0
    numbers = (fs.block_size, total, fs.blocks_available, use)
    return msgspec.Raw(b"%b,%d,%d,%d,%d" % (name_text(fs.mount_point), *numbers))
