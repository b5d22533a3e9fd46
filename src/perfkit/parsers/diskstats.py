"""/proc/diskstats: I/O counters of block devices, one line a device.

Columns: Documentation/admin-guide/iostats.rst.  14 of them until Linux 4.17, 18 since 4.18
(discards), 20 since 5.5 (flushes); more may come, and are ignored.  Until 2.6.24 a partition had
7, of another meaning: such a line is passed over.

    8       0 sda 1042 12 81920 311 577 410 40960 920 0 700 1231
"""

import msgspec

from perfkit.errors import ParseError
from perfkit.model import DiskStats
from perfkit.parsers._text import IN_DOUBT, NUMBERS, Buffer, as_bytes, counter, gauge, name

MIN_COLUMNS = 14
MAX_COLUMNS = 20
OLD_PARTITION_COLUMNS = 7
IN_FLIGHT = DiskStats.__struct_fields__.index("in_flight")

_DISKS = msgspec.json.Decoder(list[DiskStats])


def parse(data: Buffer) -> dict[str, DiskStats]:
    """Return the counters of each device by its name, in the file's order.

    Raises:
        ParseError: a line is short, or a counter is not a number.
    """
    text = as_bytes(data)
    try:
        return _parse_fast(text)
    except IN_DOUBT:
        return parse_reference(text)


def _parse_fast(text: bytes) -> dict[str, DiskStats]:
    lines = text.split(b"\n")
    if len(lines) * MIN_COLUMNS > len(text):  # lists for a million empty lines would be a burden
        raise ValueError
    if not lines[-1]:
        lines.pop()
    columns = [line.split(None, 3) for line in lines]
    numbers = b"\n".join([column[3] for column in columns]).translate(NUMBERS)
    names = b"\n".join([column[2] for column in columns]).decode().split("\n")
    disks = _DISKS.decode(b"[[" + numbers.replace(b"\n", b"],[") + b"]]")
    return dict(zip(names, disks, strict=True))


def parse_reference(text: bytes) -> dict[str, DiskStats]:
    """Return the same as `parse`, slower: the form to read."""
    disks: dict[str, DiskStats] = {}
    for number, line in enumerate(text.split(b"\n"), start=1):
        columns = line.split(None, MAX_COLUMNS)
        if not columns or len(columns) == OLD_PARTITION_COLUMNS:
            continue
        if len(columns) < MIN_COLUMNS:
            reason = f"expected {MIN_COLUMNS} columns or more, found {len(columns)}"
            raise ParseError("diskstats", number, reason, line)
        try:
            values = [
                gauge(column) if index == IN_FLIGHT else counter(column)
                for index, column in enumerate(columns[3:MAX_COLUMNS])
            ]
        except ValueError as error:
            raise ParseError("diskstats", number, str(error), line) from error
        # The struct has its fields in the order of the columns; those missing stay None.
        fields = zip(DiskStats.__struct_fields__, values, strict=False)
        disks[name(columns[2])] = DiskStats(**dict(fields))
    return disks
