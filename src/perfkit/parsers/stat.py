"""/proc/stat: time of each CPU by state, interrupts, context switches, processes.

Lines: Documentation/filesystems/proc.rst, section 1.7.  A cpu line has 4 numbers in 2.4, 7 since
2.6.0, 8 since 2.6.11 (steal), 9 since 2.6.24 (guest), 10 since 2.6.33 (guest_nice); CPUs that are
offline have no line.  `intr` is followed by a count for every interrupt, the bulk of the text, of
which only the first number, the sum, is read.  Unknown lines and further numbers are passed over.

    cpu  4440 0 1568 91519 353 0 48 9 0 0
"""

import msgspec

from perfkit.errors import ParseError
from perfkit.model import CpuTicks, SoftIrqs, Stat
from perfkit.parsers._text import IN_DOUBT, Buffer, as_bytes, counter

MIN_TICKS = 4
"""Numbers on a cpu line: user, nice, system, idle."""

FIELDS = {
    b"intr": "interrupts",
    b"ctxt": "context_switches",
    b"btime": "boot_time_seconds",
    b"processes": "processes",
    b"procs_running": "procs_running",
    b"procs_blocked": "procs_blocked",
}
"""The field of each line that begins with the one number we want."""

_KNOWN_BYTES_CPU = b"0123456789 \ncpu"
_KNOWN_BYTES_TAIL = b"abcdefghijklmnopqrstuvwxyz_0123456789 \n"
_COMMAS = bytes.maketrans(b" \n", b",!")
_STAT = msgspec.json.Decoder(Stat)


def parse(data: Buffer) -> Stat:
    """Return the counters, each CPU's by its number.

    Raises:
        ParseError: there is no line `cpu`, one is short, or a counter is not a number.
    """
    text = as_bytes(data)
    try:
        return _parse_fast(text)
    except IN_DOUBT:
        return parse_reference(text)


def _parse_fast(text: bytes) -> Stat:
    """Make one JSON object of the file as every kernel since 2.6.31 writes it.

    That is the cpu lines, `intr`, the lines of one number, and `softirq` as the last.
    """
    intr = text.index(b"\nintr ")
    end = text.index(b"\n", intr + 1)
    head, interrupts, tail = text[:intr], text[intr + 6 : end], text[end + 1 : -1]
    interrupts = interrupts.partition(b" ")[0]
    if (
        head.translate(None, _KNOWN_BYTES_CPU)
        or tail.translate(None, _KNOWN_BYTES_TAIL)
        or b"cpu" in tail
        or not head.startswith(b"cpu  ")
        or not interrupts.isdigit()
        or not text.endswith(b"\n")
    ):
        raise ValueError
    total, *cpus = head[5:].split(b"\ncpu")
    single, softirq = tail.split(b"\nsoftirq ")
    return _STAT.decode(
        b'{"cpu":[%b],"cpus":{"%b]},"intr":%b,"%b,"softirq":[%b]}'
        % (
            total.translate(_COMMAS),
            # `0 980 0 ...`, cut from `cpu0 980 0 ...`, becomes `0":[980,0, ...`.
            b'],"'.join([cpu.replace(b" ", b'":[', 1) for cpu in cpus]).translate(_COMMAS),
            interrupts,
            single.replace(b" ", b'":').replace(b"\n", b',"'),
            softirq.translate(_COMMAS),
        )
    )


def parse_reference(text: bytes) -> Stat:
    """Return the same as `parse`, slower: the form to read."""
    total: CpuTicks | None = None
    cpus: dict[int, CpuTicks] = {}
    values: dict[str, int] = {}
    softirqs: SoftIrqs | None = None
    for number, line in enumerate(text.split(b"\n"), start=1):
        label, _, rest = line.partition(b" ")
        try:
            if label == b"cpu":
                total = _ticks(rest)
            elif label.startswith(b"cpu") and label[3:].isdigit():
                cpus[counter(label[3:])] = _ticks(rest)
            elif label in FIELDS:
                values[FIELDS[label]] = _numbers(rest, at_least=1, at_most=1)[0]
            elif label == b"softirq":
                fields = SoftIrqs.__struct_fields__
                counts = _numbers(rest, at_least=1, at_most=len(fields))
                softirqs = SoftIrqs(**dict(zip(fields, counts, strict=False)))
        except ValueError as error:
            raise ParseError("stat", number, str(error), line) from error
    if total is None:
        raise ParseError("stat", 0, "expected a line `cpu`, found none")
    return Stat(cpu=total, cpus=cpus, softirqs=softirqs, **values)


def _ticks(rest: bytes) -> CpuTicks:
    fields = CpuTicks.__struct_fields__
    ticks = _numbers(rest, at_least=MIN_TICKS, at_most=len(fields))
    return CpuTicks(**dict(zip(fields, ticks, strict=False)))


def _numbers(rest: bytes, *, at_least: int, at_most: int) -> list[int]:
    words = rest.split(None, at_most)[:at_most]
    if len(words) < at_least:
        raise ValueError(f"expected {at_least} numbers or more, found {len(words)}")
    return [counter(word) for word in words]
