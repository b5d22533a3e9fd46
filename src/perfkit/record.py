r"""The record, and the canonical line it is written as: what files, spool and uploads carry.

    {"timestamp":1700000005,"subsystem":"/proc/stat","measurement":"cpu  10 0 5 900 ...\n"}

NDJSON with three keys, then `ns` where the tick's own second is not its time.  Strings are escaped
as Go's encoder does, which wrote the captures of the original: `\"` `\\` `\n` `\r` `\t`; other
controls, `<` `>` `&`, U+2028 and U+2029 as lower-case `\uXXXX`; each byte that is not UTF-8 as
`\ufffd`, the only alteration; all else as it is.

The recorder loads this module and escapes with it at every tick: no json, no re.
"""

_LINE = b'{"timestamp":%d,"subsystem":"%b","measurement":"%b"}\n'
_LINE_WITH_NS = b'{"timestamp":%d,"subsystem":"%b","measurement":"%b","ns":%d}\n'

_MEASUREMENT = b'","measurement":"'

# What stands before a subsystem and before its measurement until both are escaped.
_SUBSYSTEM_MARK = b"\2"
_MEASUREMENT_MARK = b"\1"
_MARKS = _SUBSYSTEM_MARK + _MEASUREMENT_MARK

_SIMPLE = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Kernel text is nearly always of these, and then five replaces, each a memchr, do.
_PLAIN = bytes({*range(0x20, 0x7F), *b"\n\r\t"} - {*b"<>&"})

_RARE = str.maketrans(
    {
        **{chr(code): f"\\u{code:04x}" for code in [*range(0x20), *b"<>&", 0x2028, 0x2029]},
        **_SIMPLE,
        # How `surrogateescape` hands over a byte that is not UTF-8, one by one as Go takes them.
        **{chr(0xDC00 + byte): "\\ufffd" for byte in range(0x80, 0x100)},
    }
)


class Record:
    """The text of one source as it was read at one tick.

    Args:
        timestamp: The scheduled tick in whole seconds since 1970, UTC.
        subsystem: Which source: a kernel file's path, `statfs[*]`, `perfkit/host` ...
        measurement: The source's raw text.
        ns: The real time of the tick as nanoseconds after `timestamp`; None when the tick was
            where its second says.
    """

    __slots__ = ("measurement", "ns", "subsystem", "timestamp")

    def __init__(
        self, timestamp: int, subsystem: str, measurement: bytes, ns: int | None = None
    ) -> None:
        self.timestamp = timestamp
        self.subsystem = subsystem
        self.measurement = measurement
        self.ns = ns

    def __eq__(self, other: object) -> bool:
        """Return whether all four parts are equal."""
        return isinstance(other, Record) and self._parts() == other._parts()

    def __hash__(self) -> int:
        """Return a hash of the four parts."""
        return hash(self._parts())

    def __repr__(self) -> str:
        """Return the call that makes an equal record."""
        return "Record({!r}, {!r}, {!r}, {!r})".format(*self._parts())

    def _parts(self) -> tuple[int, str, bytes, int | None]:
        return self.timestamp, self.subsystem, self.measurement, self.ns


def escaped(text: bytes) -> bytes:
    """Return `text` as it stands between the quotes of a canonical JSON string."""
    if text.translate(None, _PLAIN):
        return text.decode("utf-8", "surrogateescape").translate(_RARE).encode()
    return _plain_escaped(text)


def canonical_line(record: Record) -> bytes:
    """Return the record as its one canonical line, newline included."""
    parts = (
        record.timestamp,
        escaped(record.subsystem.encode("utf-8", "surrogateescape")),
        escaped(record.measurement),
    )
    if record.ns is None:
        return _LINE % parts
    return _LINE_WITH_NS % (*parts, record.ns)


def marked(subsystem: str) -> bytes:
    """Return the name of a source as it stands before its measurement in a tick's parts."""
    name = subsystem.encode("utf-8", "surrogateescape")
    return _SUBSYSTEM_MARK + name + _MEASUREMENT_MARK


def unmarked(name: bytes) -> str:
    """Return the subsystem that was `marked`."""
    return name[1:-1].decode("utf-8", "surrogateescape")


def tick_lines(timestamp: int, ns: int | None, parts: list[bytes]) -> bytes:
    """Return the lines of one tick: as `canonical_line` makes them, in fewer steps.

    At every tick a recorder finds its code and data gone from the CPU's caches, so what counts is
    how many different steps it takes: all texts are escaped as one, and marks become what stands
    between them.

    Args:
        timestamp: Of the tick, as in `Record`.
        ns: Likewise.
        parts: A `marked` subsystem and its measurement, the next one and its measurement, ...
    """
    whole = b"".join(parts)
    if whole.translate(None, _PLAIN) != _MARKS * (len(parts) // 2):
        records = zip(parts[::2], parts[1::2], strict=True)
        return b"".join(
            [canonical_line(Record(timestamp, unmarked(name), text, ns)) for name, text in records]
        )
    start = b'{"timestamp":%d,"subsystem":"' % timestamp
    end = b'"}\n' if ns is None else b'","ns":%d}\n' % ns
    lines = (
        _plain_escaped(whole)
        .replace(_MEASUREMENT_MARK, _MEASUREMENT)
        .replace(_SUBSYSTEM_MARK, end + start)
    )
    return lines[len(end) :] + end if lines else b""


def run_of_capture(identifier: str, first_line: bytes) -> str:
    """Return the run of a capture that names none: the same for the same file, also when it grew.

    UUIDv5 of its first canonical line, newline included, in the machine's namespace, which is
    UUIDv5 of its identifier among DNS names.  A line's position is then its number in the file,
    from 0; blank lines are none.
    """
    return _named(identifier, first_line)


def run_of_day(identifier: str, timestamp: int) -> str:
    """Return the run of what a machine trickles without one: that of the UTC day."""
    return _named(identifier, b"day %d" % (timestamp // 86400))


def _named(identifier: str, name: bytes) -> str:
    # Only an upload needs them: the recorder never loads these.
    import hashlib  # noqa: PLC0415
    import uuid  # noqa: PLC0415

    machine = uuid.uuid5(uuid.NAMESPACE_DNS, identifier)
    # RFC 9562, 5.5; uuid5 itself takes no bytes before Python 3.12.
    digest = hashlib.sha1(machine.bytes + name, usedforsecurity=False).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


def _plain_escaped(text: bytes) -> bytes:
    return (
        text.replace(b"\\", b"\\\\")
        .replace(b'"', b'\\"')
        .replace(b"\n", b"\\n")
        .replace(b"\t", b"\\t")
        .replace(b"\r", b"\\r")
    )
