r"""Many lines of one shape at once: the numbers of a batch become columns without a parse a line.

Lines that differ in nothing but their numbers say the same in the same places.  What stands where
is not written down here: for each shape a line whose n-th number is replaced by a mark of its own
is parsed once, by the parsers themselves, and where a mark turns up, there the n-th number belongs.

    shape of `{"timestamp":17,...,"measurement":" eth0: 81  22 ..."}`:
             `{"timestamp":0,...,"measurement":" eth0: 0 0 ..."}`

A line that is unusual in any way (a number with leading zeros, or beyond 63 bits, a minus, a text
that does not parse) is left to the parsers.  A test holds both ways equal over any text.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from perfkit.capture.lines import MAX_TIMESTAMP
from perfkit.store.lines import NO_NS

Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

_HEAD = re.compile(rb'\{"timestamp":[0-9]{10},"subsystem":"')
_NAME = slice(37, 47)
"""Where the subsystem begins, in a line whose timestamp has ten digits: from 2001 to 2286."""

_NAMES = frozenset({b"/proc/stat", b"/proc/memi", b"/proc/net/", b"/proc/disk", b'statfs[*]"'})

_MOST_LINE_BYTES = 256 * 1024
_CHUNK_BYTES = 256 * 1024
"""Text that is worked on at a time: it stays in the CPU's cache."""

_FEWEST = 4
"""Lines of a shape that are worth a shape of their own."""

_MOST_SHAPES = 2000
"""Known at a time; the rest of a fleet that is so varied is parsed line by line."""

_MOST_NAMES = 1000

_MARK = 1_000_000_000
"""The first mark: above any number of a CPU, and below 2^31 with the marks after it."""

_NUMBER = re.compile(rb"(?<![0-9A-Za-z_.\x80-\xff-])[0-9]+")
"""Digits that are no part of a name, as those of `eth0`, `dm-1` and `cpu7` are."""

_DIGITS = re.compile(rb"[0-9]+")
_IS_NAME = np.array([bool(re.match(rb"[A-Za-z_.\x80-\xff-]", bytes([n]))) for n in range(256)])

_INTR = b"\\nintr "
_AFTER_INTR = b"\\nctxt "

_HERE = b"\xff"
"""Stands in a shape for a number: no byte of UTF-8."""

_SPACE = np.uint8(0x20)

_POWERS = np.array([10**power for power in range(1, 20)], dtype=np.uint64)
_TOO_LARGE = np.uint64(2**63)
_MAX_NS = 2**53


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What one line gives in one table."""

    part: str
    """Which table, or part of one."""

    devices: tuple[str, ...] | None
    """Name of each row's device; None where rows have none or it is a number of its own."""

    numbers: tuple[int, ...] | None
    """Each row's number of its CPU; None where it has none."""

    values: tuple[tuple[int | None, ...], ...]
    """The values of each row."""


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """What one line gives."""

    timestamp: int
    ns: int
    rows: tuple[Rows, ...]


Parse = Callable[[bytes], Parsed | None]
"""The ordinary way for one line; None where anything is wrong with it."""

Take = Callable[[str, Integers, Words, Flags | None], None]
"""Takes keys (machine, run, timestamp, ns and, where there is one, device) and values of rows."""

Device = Callable[[str, str], int | None]


class _Table(msgspec.Struct, frozen=True, kw_only=True):
    """Where the numbers of one table's rows stand in a line."""

    part: str
    rows: int
    columns: int
    places: npt.NDArray[np.intp]
    """Of each value, row by row; 0 for one that is absent."""

    absent: Flags | None
    """A row of flags for each row, or None where nothing is absent."""

    numbers: Integers | None
    """Each row's number of its CPU."""

    is_named: bool


class _Shape(msgspec.Struct, kw_only=True):
    """Where everything stands in lines of one shape."""

    length: int
    """Numbers in a line."""

    ns: int | None
    """Place of `ns`."""

    tables: tuple[_Table, ...]
    named: npt.NDArray[np.intp]
    """Places of the numbers that are part of a device's name."""

    names: dict[bytes, tuple[tuple[str, ...], ...]]
    """The devices of each named table, by the numbers in their names."""


class Bulk:
    """Knows shapes of lines.

    Args:
        parse: The ordinary way for one line.
    """

    def __init__(self, parse: Parse) -> None:
        self._parse = parse
        self._shapes: dict[bytes, _Shape | None] = {}

    def is_taken(self, line: bytes) -> bool:
        """Return whether a line may be of a known shape, at a glance."""
        return (
            line[_NAME] in _NAMES
            and len(line) <= _MOST_LINE_BYTES
            and _HEAD.match(line) is not None
            # Of several spaces one is as good, but in a mount point's name.
            and (line[_NAME] != b'statfs[*]"' or b"  " not in line)
        )

    def take(
        self, lines: Sequence[bytes], owners: Integers, *, take: Take, device: Device
    ) -> list[int]:
        """Make rows of the lines, and return the numbers of those left to the ordinary way.

        Args:
            lines: Without their newlines; `is_taken` holds for each.
            owners: Machine and run of each.
            take: Takes the rows.
            device: Gives the number of a device's name; None where there is no room.
        """
        left: list[int] = []
        start = size = 0
        for number, line in enumerate(lines):
            size += len(line)
            if size >= _CHUNK_BYTES or number == len(lines) - 1:
                chunk = _Chunk(lines[start : number + 1], owners[start : number + 1])
                left += [start + each for each in self._take(chunk, take, device)]
                start, size = number + 1, 0
        return left

    def _take(self, chunk: "_Chunk", take: Take, device: Device) -> list[int]:
        left = chunk.unusual
        groups: dict[bytes, list[int]] = defaultdict(list)
        for number, key in enumerate(chunk.keys):
            if number not in left:
                groups[key].append(number)
        answer = sorted(left)
        for key, numbers in groups.items():
            shape = self._shape(key, chunk.lines[numbers[0]], len(numbers))
            if shape is None:
                answer += numbers
            else:
                answer += self._rows(shape, chunk, np.array(numbers), take, device)
        return answer

    def _shape(self, key: bytes, line: bytes, count: int) -> _Shape | None:
        if key in self._shapes:
            return self._shapes[key]
        if count < _FEWEST:
            return None
        if len(self._shapes) >= _MOST_SHAPES:
            self._shapes.clear()
        shape = self._shapes[key] = self._learned(line)
        return shape

    def _learned(self, line: bytes) -> _Shape | None:
        """Return where the numbers of such a line belong; None where that cannot be told."""
        marks = iter(range(_MARK, 2 * _MARK))
        marked = _NUMBER.sub(lambda _: b"%d" % next(marks), _without_interrupts(line))
        length = next(marks) - _MARK
        found = self._parse(marked)
        if found is None or found.timestamp != _MARK:
            return None
        tables = []
        names: list[int] = []
        for rows in found.rows:
            flat = [value for row in rows.values for value in row]
            if any(value is not None and not _MARK <= value < _MARK + length for value in flat):
                return None
            absent = np.array([[value is None for value in row] for row in rows.values], np.bool_)
            tables.append(
                _Table(
                    part=rows.part,
                    rows=len(rows.values),
                    columns=len(rows.values[0]),
                    places=np.array([0 if value is None else value - _MARK for value in flat]),
                    absent=absent if absent.any() else None,
                    numbers=None if rows.numbers is None else np.array(rows.numbers),
                    is_named=rows.devices is not None,
                )
            )
            for name in rows.devices or ():
                names += [
                    int(mark) - _MARK
                    for mark in _DIGITS.findall(name.encode())
                    if len(mark) == len(str(_MARK))
                ]
        if not all(0 <= name < length for name in names):
            return None  # digits of an escape, which is another one now
        return _Shape(
            length=length,
            ns=None if found.ns == NO_NS else found.ns - _MARK,
            tables=tuple(tables),
            named=np.array(names, dtype=np.intp),
            names={},
        )

    def _rows(
        self, shape: _Shape, chunk: "_Chunk", numbers: Integers, take: Take, device: Device
    ) -> list[int]:
        """Hand over the rows of lines of one shape, and return the lines that are left."""
        starts = chunk.starts[numbers]
        times = chunk.flat[starts].astype(np.int64)
        ns = np.full(len(numbers), NO_NS, np.int64)
        if shape.ns is not None:
            ns = chunk.flat[starts + shape.ns].astype(np.int64)
        is_good = (times <= MAX_TIMESTAMP) & (ns <= _MAX_NS)
        left: list[int] = numbers[~is_good].tolist()
        for places in self._by_names(shape, chunk, starts, np.flatnonzero(is_good)):
            names = self._names(shape, chunk, int(numbers[places[0]]), starts[places[0]])
            devices = None if names is None else _numbered(shape, names, device)
            if devices is None:
                left += numbers[places].tolist()
                continue
            at = starts[places]
            keys = np.column_stack([chunk.owners[numbers[places]], times[places], ns[places]])
            for table, of_rows in zip(shape.tables, devices, strict=True):
                values = chunk.flat[at[:, None] + table.places].reshape(-1, table.columns)
                all_keys = np.repeat(keys, table.rows, axis=0)
                if of_rows is not None:
                    all_keys = np.column_stack([all_keys, np.tile(of_rows, len(places))])
                absent = None if table.absent is None else np.tile(table.absent, (len(places), 1))
                take(table.part, all_keys, values, absent)
        return left

    def _by_names(
        self, shape: _Shape, chunk: "_Chunk", starts: Integers, places: Integers
    ) -> list[Integers]:
        """Return the places of lines that name the same devices, together."""
        if not len(places):
            return []
        if not len(shape.named):
            return [places]
        named = chunk.flat[starts[places][:, None] + shape.named]
        if (named == named[0]).all():
            return [places]
        _, inverse = np.unique(named, axis=0, return_inverse=True)
        order = np.argsort(inverse.ravel(), kind="stable")
        borders = np.flatnonzero(np.diff(inverse.ravel()[order])) + 1
        return np.split(places[order], borders)

    def _names(
        self, shape: _Shape, chunk: "_Chunk", number: int, start: np.int64
    ) -> tuple[tuple[str, ...], ...] | None:
        key = chunk.flat[start + shape.named].tobytes()
        names = shape.names.get(key)
        if names is None:
            found = self._parse(chunk.lines[number])
            if found is None:
                return None
            names = tuple(rows.devices or () for rows in found.rows)
            if len(shape.names) >= _MOST_NAMES:
                shape.names.clear()
            shape.names[key] = names
        if [len(each) for each in names] != [
            table.rows if table.is_named else 0 for table in shape.tables
        ]:
            return None  # two devices of one name: the later one counts
        return names


def _numbered(
    shape: _Shape, names: tuple[tuple[str, ...], ...], device: Device
) -> list[Integers | None] | None:
    """Return the devices' numbers for each table; None where there is no room for one."""
    found: list[Integers | None] = []
    for table, of_table in zip(shape.tables, names, strict=True):
        if not table.is_named:
            found.append(table.numbers)
            continue
        numbers = [device(table.part, name) for name in of_table]
        if None in numbers:
            return None
        found.append(np.array(numbers, dtype=np.int64))
    return found


class _Chunk:
    """Some lines, their shapes and all their numbers."""

    def __init__(self, lines: Sequence[bytes], owners: Integers) -> None:
        self.lines = lines
        self.owners = owners
        text = b"\n".join(map(_without_interrupts, lines)) + b"\n"
        chars = np.frombuffer(text, np.uint8)
        is_digit = _numbers_in(chars)
        is_space = chars == _SPACE
        is_kept = np.ones(len(chars), np.bool_)
        np.logical_not(
            (is_digit[1:] & is_digit[:-1]) | (is_space[1:] & is_space[:-1]), out=is_kept[1:]
        )
        # Masks of bits: several times as fast as choosing byte by byte.
        mask = np.negative(is_digit.view(np.uint8))
        self.keys = (chars | mask)[is_kept].tobytes().split(b"\n")[:-1]
        counts = np.array([key.count(_HERE) for key in self.keys])
        numbers = (((chars ^ _SPACE) & mask) ^ _SPACE).tobytes()
        self.flat: Words = np.fromstring(numbers, dtype=np.uint64, sep=" ")
        self.starts: Integers = np.cumsum(counts) - counts
        self.unusual: set[int] = set()
        """Lines with a number that is too large, or has leading zeros."""
        lengths = np.searchsorted(_POWERS, self.flat, side="right") + 1
        if int(lengths.sum()) != np.count_nonzero(is_digit):
            ends = np.flatnonzero(chars == 0x0A) + 1
            begins = np.concatenate([[0], ends[:-1]])
            written = np.add.reduceat(is_digit, begins, dtype=np.int64)
            plain = np.add.reduceat(lengths, self.starts)
            self.unusual.update(np.flatnonzero(written != plain).tolist())
        if self.flat.max() >= _TOO_LARGE:
            is_large = np.add.reduceat(self.flat >= _TOO_LARGE, self.starts, dtype=np.int64) > 0
            self.unusual.update(np.flatnonzero(is_large).tolist())


def _numbers_in(chars: npt.NDArray[np.uint8]) -> Flags:
    """Return which characters are digits, but for those in names."""
    is_digit = (chars - np.uint8(0x30)) < np.uint8(10)  # what is below wraps
    borders = np.flatnonzero(is_digit[1:] != is_digit[:-1]) + 1
    begins, ends = borders[::2], borders[1::2]  # a line begins with a brace and ends with one
    is_name = _IS_NAME[chars[begins - 1]]
    begins, lengths = begins[is_name], (ends - begins)[is_name]
    before = np.cumsum(lengths) - lengths
    is_digit[np.repeat(begins - before, lengths) + np.arange(lengths.sum())] = False
    return is_digit


def _without_interrupts(line: bytes) -> bytes:
    """Return a line without the counts of single interrupts, half of /proc/stat: nobody asks."""
    start = line.find(_INTR)
    if start < 0 or line[start - 1 : start] == b"\\":
        return line
    end = line.find(_AFTER_INTR, start)
    first = line.find(b" ", start + len(_INTR))
    return line[:first] + line[end:] if 0 < first < end else line
