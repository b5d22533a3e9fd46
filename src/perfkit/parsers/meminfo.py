"""/proc/meminfo: use of memory, one line a gauge.

Lines: Documentation/filesystems/proc.rst, fs/proc/meminfo.c.  Which of them there are depends on
version, architecture and configuration; MemTotal and MemFree always are.  The unit is kB of 1024
bytes; the counts of huge pages have none.  Unknown lines are passed over.

    MemTotal:       24684084 kB
    HugePages_Total:       0
"""

import msgspec

from perfkit.errors import ParseError
from perfkit.model import MemInfo
from perfkit.parsers._text import IN_DOUBT, Buffer, as_bytes, gauge

FIELDS = dict(
    zip(
        [key.encode() for key in MemInfo.__struct_encode_fields__],
        MemInfo.__struct_fields__,
        strict=True,
    )
)
"""The field of each label."""

_KNOWN_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_(): \n"
_MEMINFO = msgspec.json.Decoder(MemInfo)


def parse(data: Buffer) -> MemInfo:
    """Return the gauges.

    Raises:
        ParseError: a line has no colon, a known one no number, or MemTotal or MemFree is missing.
    """
    text = as_bytes(data)
    try:
        return _parse_fast(text)
    except IN_DOUBT:
        return parse_reference(text)


def _parse_fast(text: bytes) -> MemInfo:
    """Make a JSON object of the lines: `{"MemTotal":  24684084,  "MemFree": ... ,"":0}`."""
    if text.translate(None, _KNOWN_BYTES) or not text.endswith(b"\n"):
        raise ValueError
    # Replacing by the same length is done in place: twice as fast.
    members = text.replace(b"kB\n", b', "').replace(b"\n", b',"').replace(b":", b'":')
    return _MEMINFO.decode(b'{"' + members + b'":0}')


def parse_reference(text: bytes) -> MemInfo:
    """Return the same as `parse`, slower: the form to read."""
    values: dict[str, int] = {}
    for number, line in enumerate(text.split(b"\n"), start=1):
        label, colon, rest = line.partition(b":")
        if not colon:
            if not line.strip():
                continue
            raise ParseError("meminfo", number, "expected a label and a colon, found none", line)
        if label not in FIELDS:
            continue
        try:
            values[FIELDS[label]] = gauge(rest.strip().removesuffix(b"kB").rstrip())
        except ValueError as error:
            raise ParseError("meminfo", number, str(error), line) from error
    if "mem_total_kb" not in values or "mem_free_kb" not in values:
        raise ParseError("meminfo", 0, "expected lines MemTotal and MemFree, found not both")
    return MemInfo(**values)
