"""proc/meminfo: what of memory is free, used, promised; gauges, in kB of 1,024 bytes.

    #timestamp,kbmemfree,kbavail,kbmemused,%memused,kbbuffers,kbcached,kbcommit,%commit,kbactive,kbinact,kbdirty

kbmemused is MemTotal - min(MemTotal, MemFree + Buffers + Cached + Slab), `%memused` that over
MemTotal; `%commit` is Committed_AS over MemTotal + SwapTotal.  A line that is missing counts as 0.
"""

import struct
from typing import Annotated

import msgspec

from perfkit.parsers import meminfo
from perfkit.report.original.rows import Cell, Rows, number
from perfkit.report.original.table import NUMBER_BYTES, unescaped

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

_UNIT_BYTES = len(b" kB")
_NUMBERS_AND_PADDING = NUMBER_BYTES + b" "

_decode = msgspec.json.Decoder(list[Annotated[int, msgspec.Meta(le=2**63 - 1)]]).decode


class Layout:
    """Where the numbers stand in one shape of the file.

    The lines that are used do not change their places while no number outgrows its field; labels
    and units are checked all the same at each use.

    Args:
        body: Text of the shape, JSON-escaped.
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
        self._size = len(body)
        """Where a line is missing: with it the text would be longer."""
        self._labels = tuple(labels)
        self._struct = struct.Struct(form)
        self._places = None if self._labels == LABELS else [LABELS.index(name) for name in labels]

    def numbers(self, body: bytes) -> list[int] | None:
        """Return the numbers in the order of LABELS, or None where `body` has another shape."""
        if len(body) < self._struct.size or (self._places and len(body) != self._size):
            return None
        found = self._struct.unpack_from(body)
        if found[::2] != self._labels:
            return None
        with_units = b",".join((*found[1::2], b""))
        text = with_units.replace(b" kB,", b",")
        # A number that grew pushes its unit out of its field, and may be cut itself.
        if len(with_units) - len(text) != _UNIT_BYTES * len(self._labels) or text.translate(
            None, _NUMBERS_AND_PADDING
        ):
            return None
        try:
            numbers = _decode(b"[%b]" % text[:-1])
        except msgspec.DecodeError:
            return None
        if self._places is None:
            return numbers
        every = [0] * len(LABELS)
        for place, value in zip(self._places, numbers, strict=True):
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

    def forget(self) -> None:
        """Do nothing: a row is of one sample alone."""

    def add(self, stamp: Cell, at: int, body: bytes) -> None:
        """Take the text of one sample, and gather its row (see `table.Table`)."""
        del at
        numbers = self._layout.numbers(body) if self._layout else None
        if numbers is None:
            self._layout = Layout(body)
            numbers = self._layout.numbers(body)
        if numbers is None:
            numbers = _read_slowly(body)
        total, free, available, buffers, cached, active, inactive, swap, dirty, slab, commit = (
            numbers
        )
        unused = free + buffers + cached + slab
        used = total - unused if unused < total else 0
        used_percent = used / total * 100 if total else 0
        promised = total + swap
        commit_percent = commit / promised * 100 if promised else 0
        self.rows.pending.append(
            (
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
        )


def _read_slowly(body: bytes) -> list[int]:
    """Return the numbers in the order of LABELS from text of any documented shape."""
    found = meminfo.parse(unescaped("meminfo", body))
    return [
        value or 0
        for value in (
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
    ]
