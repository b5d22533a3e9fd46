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

_decode = msgspec.json.Decoder(list[FileSystem]).decode

_KNOWN_NAMES = 1000
"""Mount points whose text is remembered."""


class StatFs:
    """The rows of statfs_ALL.

    Args:
        rows: Where they go.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._cells: list[list[msgspec.Raw]] = []
        """The file systems of each sample in the block."""
        self._names: dict[str, bytes] = {}

    def forget(self) -> None:
        """Do nothing: a row is of one sample alone."""

    def read(self, bodies: Sequence[bytes]) -> None:
        """Read the text of a block of samples (see `table.Table`)."""
        samples = [body.removesuffix(b"\\n").split(b"\\n") for body in bodies]
        lines = list(dict.fromkeys([line for sample in samples for line in sample]))
        text = b",".join(lines).replace(b'\\"', b'"')
        if b"\\" in text:
            raise ValueError
        found = _decode(b"[%b]" % text)
        cells = {line: self._cell(fs) for line, fs in zip(lines, found, strict=True)}
        self._cells = [[cells[line] for line in sample] for sample in samples]

    def read_slowly(self, body: bytes) -> None:
        """Read the text of one sample, of any documented shape (see `table.Table`)."""
        self._cells = [[self._cell(each) for each in statfs.parse(unescaped("statfs", body))]]

    def add(self, times: Times) -> dict[str, Column]:
        """Gather the rows of what was read; nobody asks for those of one file system."""
        self.rows.pending += [
            (stamp, cell)
            for stamp, cells in zip(times.stamps, self._cells, strict=True)
            for cell in cells
        ]
        return {}

    def _cell(self, fs: FileSystem) -> msgspec.Raw:
        total = fs.blocks_total
        available = fs.blocks_available
        # In whole numbers, so that a half is a half: (200 u + t) // 2 t is floor(100 u / t + 1/2).
        use = (200 * (total - available) + total) // (2 * total) if total else 0
        name = self._names.get(fs.mount_point)
        if name is None:
            if len(self._names) >= _KNOWN_NAMES:
                self._names.clear()
            name = self._names[fs.mount_point] = name_text(fs.mount_point)
        return msgspec.Raw(b"%b,%d,%d,%d,%d" % (name, fs.block_size, total, available, use))
