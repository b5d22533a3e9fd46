"""proc/meminfo: what of memory is free, used, promised; gauges, in kB of 1,024 bytes.

    #timestamp,kbmemfree,kbavail,kbmemused,%memused,kbbuffers,kbcached,kbcommit,%commit,kbactive,kbinact,kbdirty

kbmemused is MemTotal - min(MemTotal, MemFree + Buffers + Cached + Slab), `%memused` that over
MemTotal; `%commit` is Committed_AS over MemTotal + SwapTotal.  A line that is missing counts as 0.
"""

import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import msgspec

from perfkit.parsers import meminfo
from perfkit.report.original.rows import Cell, Row, Rows, number
from perfkit.report.original.table import Column, Times, unescaped

HEADING = (
    "#timestamp,kbmemfree,kbavail,kbmemused,%memused,kbbuffers,kbcached,kbcommit,%commit,"
    "kbactive,kbinact,kbdirty"
)
SUBSYSTEM = "/proc/meminfo"

LABELS = (
    b"MemTotal:",
    b"MemFree:",
    b"MemAvailable:",
    b"Buffers:",
    b"Cached:",
    b"Active:",
    b"Inactive:",
    b"SwapTotal:",
    b"Dirty:",
    b"Slab:",
    b"Committed_AS:",
)
"""The lines that are used, in the order that every kernel writes them."""

_NEEDED = LABELS[:2]
"""Without them it is no such file."""

_UNIT_BYTES = len(b" kB")
_NUMBERS_AND_PADDING = b"0123456789, "

_decode = msgspec.json.Decoder(list[Annotated[int, msgspec.Meta(le=2**63 - 1)]]).decode


class Layout:
    """Where the numbers stand in one shape of the file.

    The lines that are used do not change their places while no number outgrows its field; labels
    and units are checked all the same at each use.

    Args:
        body: Text of the shape, JSON-escaped.

    Raises:
        ValueError: it is no such file.
    """

    def __init__(self, body: bytes) -> None:
        form = ""
        skip = 0
        labels = []
        for line in body.split(b"\\n"):
            label = line[: line.find(b":") + 1]
            if label in LABELS and label not in labels:
                form += f"{skip}x{len(label)}s{len(line) - len(label)}s"
                labels.append(label)
                skip = 2
            else:
                skip += len(line) + 2
        if not {*_NEEDED} <= {*labels}:
            raise ValueError
        self._size = len(body)
        self._labels = tuple(labels)
        self._struct = struct.Struct(form)
        self._missing = [b"\\n" + label for label in LABELS if label not in labels]
        self._places = None if self._labels == LABELS else [LABELS.index(name) for name in labels]

    def numbers(self, bodies: Sequence[bytes]) -> list[list[int]]:
        """Return the numbers of each text, in the order of LABELS.

        Raises:
            ValueError: a text has another shape.
        """
        fields: list[bytes] = []
        labels, unpack, size = self._labels, self._struct.unpack_from, self._struct.size
        for body in bodies:
            # Where a line is missing the text would be longer with it.
            if len(body) < size or (self._places and len(body) != self._size):
                raise ValueError
            found = unpack(body)
            if found[::2] != labels or any(line in body for line in self._missing):
                raise ValueError
            fields += found[1::2]
        with_units = b",".join((*fields, b""))
        text = with_units.replace(b" kB,", b",")
        # A number that grew pushes its unit out of its field, and may be cut itself.
        if len(with_units) - len(text) != _UNIT_BYTES * len(fields):
            raise ValueError
        if text.translate(None, _NUMBERS_AND_PADDING):
            raise ValueError
        flat = _decode(b"[%b]" % text[:-1])
        width = len(labels)
        if len(flat) != width * len(bodies):
            raise ValueError  # a comma inside a number
        samples = [flat[at : at + width] for at in range(0, len(flat), width)]
        if self._places is None:
            return samples
        return [_placed(numbers, self._places) for numbers in samples]


def _placed(numbers: list[int], places: list[int]) -> list[int]:
    """Return the numbers in their places among LABELS, 0 for those that are missing."""
    every = [0] * len(LABELS)
    for place, value in zip(places, numbers, strict=True):
        every[place] = value
    return every


class MemInfo:
    """The rows of proc/meminfo.

    Args:
        rows: Where they go.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._layout: Layout | None = None
        self._numbers: list[list[int]] = []
        """The numbers of each sample in the block."""

    def forget(self) -> None:
        """Do nothing: a row is of one sample alone."""

    def read(self, bodies: Sequence[bytes]) -> None:
        """Read the text of a block of samples (see `table.Table`)."""
        if self._layout is not None:
            with suppress(ValueError):
                self._numbers = self._layout.numbers(bodies)
                return
        self._layout = Layout(bodies[0])
        self._numbers = self._layout.numbers(bodies)

    def read_slowly(self, body: bytes) -> None:
        """Read the text of one sample, of any documented shape (see `table.Table`)."""
        found = meminfo.parse(unescaped("meminfo", body))
        numbers = (
            found.mem_total_kb,
            found.mem_free_kb,
            found.mem_available_kb,
            found.buffers_kb,
            found.cached_kb,
            found.active_kb,
            found.inactive_kb,
            found.swap_total_kb,
            found.dirty_kb,
            found.slab_kb,
            found.committed_as_kb,
        )
        self._numbers = [[value or 0 for value in numbers]]

    def add(self, times: Times) -> dict[str, Column]:
        """Gather the rows of what was read, and return them (see `table.Table`)."""
        rows = [
            _row(stamp, *numbers)
            for stamp, numbers in zip(times.stamps, self._numbers, strict=True)
        ]
        self.rows.pending += rows
        return {"": rows}


def _row(  # noqa: PLR0913, PLR0917 - a number for each of LABELS
    stamp: Cell,
    total: int,
    free: int,
    available: int,
    buffers: int,
    cached: int,
    active: int,
    inactive: int,
    swap: int,
    dirty: int,
    slab: int,
    commit: int,
) -> Row:
    unused = free + buffers + cached + slab
    used = total - unused if unused < total else 0
    used_percent = used / total * 100 if total else 0
    promised = total + swap
    commit_percent = commit / promised * 100 if promised else 0
    return (
        stamp,
        free,
        available,
        used,
        used_percent if 1e-4 <= used_percent < 1e6 else number(used_percent),
        buffers,
        cached,
        commit,
        commit_percent if 1e-4 <= commit_percent < 1e6 else number(commit_percent),
        active,
        inactive,
        dirty,
    )
