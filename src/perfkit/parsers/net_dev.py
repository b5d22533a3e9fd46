"""/proc/net/dev: packet counters of network interfaces, two heading lines, then one line each.

Columns: net/core/net-procfs.c and proc_net(5), the same 16 since Linux 2.2; more may come, and
are ignored.  A wide first number touches the colon.  The name may hold a colon itself (`eth0:1`,
an alias): the numbers begin after the last one.

      eth0:123456789     800    0    0    0     0          0         0  4096   40 0 0 0 0 0 0
"""

import msgspec

from perfkit.errors import ParseError
from perfkit.model import NetDev
from perfkit.model.number import Counter
from perfkit.parsers._text import IN_DOUBT, Buffer, as_bytes, counter, name

COLUMNS = 16

HEADING = (
    b"Inter-|   Receive                                                |  Transmit\n"
    b" face |bytes    packets errs drop fifo frame compressed multicast"
    b"|bytes    packets errs drop fifo colls carrier compressed\n"
)
"""The two lines as every kernel since 2.2 writes them: what the fast form begins with."""

_WORDS: msgspec.json.Decoder[str | int] = msgspec.json.Decoder(str | Counter)


class _Rows(msgspec.Struct, array_like=True, gc=False):
    """All rows: msgspec keeps what it knows of a struct, but not of `list[NetDev]`."""

    devices: list[NetDev]


def parse(data: Buffer) -> dict[str, NetDev]:
    """Return the counters of each interface by its name, in the file's order.

    Raises:
        ParseError: a line has no colon, is short, or a counter is not a number.
    """
    text = as_bytes(data)
    try:
        return _parse_fast(text)
    except IN_DOUBT:
        return parse_reference(text)


def _parse_fast(text: bytes) -> dict[str, NetDev]:
    """Read all words of the file at once, names as JSON strings, and cut them into rows."""
    if not text.startswith(HEADING) or not text.endswith(b"\n"):
        raise ValueError
    body = text[len(HEADING) - 1 : -1]
    if b'"' in body or b"\\" in body or body.count(b":") != body.count(b"\n"):
        raise ValueError  # also on two names in a line, which a stream of words would not mind
    # msgspec takes any white space between the values of a stream, runs of it too.
    words = _WORDS.decode_lines(body.replace(b":", b'" ').replace(b"\n", b'\n"'))
    names: list[str] = words[:: COLUMNS + 1]  # type: ignore[assignment] # join() refuses others
    together = "\n".join(names)
    if together.count("-") != body.count(b"-"):  # a minus outside of a name: -0 would pass
        raise ValueError
    rows = [words[at : at + COLUMNS] for at in range(1, len(words), COLUMNS + 1)]
    devices = msgspec.convert([rows], _Rows).devices
    return dict(zip([padded.lstrip(" ") for padded in names], devices, strict=True))


def parse_reference(text: bytes) -> dict[str, NetDev]:
    """Return the same as `parse`, slower: the form to read."""
    devices: dict[str, NetDev] = {}
    for number, line in enumerate(text.split(b"\n"), start=1):
        padded, colon, numbers = line.rpartition(b":")
        if not colon:
            if not line.strip() or line.startswith((b"Inter-|", b" face |")):
                continue
            raise ParseError("net/dev", number, "expected a name and a colon, found none", line)
        columns = numbers.split(None, COLUMNS)
        if len(columns) < COLUMNS:
            reason = f"expected {COLUMNS} counters or more, found {len(columns)}"
            raise ParseError("net/dev", number, reason, line)
        try:
            values = [counter(column) for column in columns[:COLUMNS]]
        except ValueError as error:
            raise ParseError("net/dev", number, str(error), line) from error
        # The struct has its fields in the order of the columns.
        fields = zip(NetDev.__struct_fields__, values, strict=True)
        devices[name(padded.lstrip(b" "))] = NetDev(**dict(fields))
    return devices
