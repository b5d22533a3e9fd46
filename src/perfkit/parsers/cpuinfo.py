"""/proc/cpuinfo: what each logical CPU is, as lines of `key : value`.

Written by arch/*/kernel, so that every architecture has its own keys and its own layout:

* x86, arm64, RISC-V: a block for each CPU that begins with `processor`, then an empty line.
* 32-bit ARM: the same, with features and `Hardware` once, in a block of their own; until Linux 3.8
  a head with `Processor`, which is a model's name, and on a single CPU no number at all.
* POWER: the blocks, then one for the whole machine (`timebase`, `platform`).
* s390: a head for all CPUs, a line `processor 0: version = FF, ...` for each, then since 4.1 a
  block for each that begins with `cpu number`.

What stands outside of a CPU's block holds for all of them.

    model name : Intel(R) Xeon(R) Platinum 8272CL CPU @ 2.60GHz
"""

import re

from perfkit.errors import ParseError
from perfkit.model import Cpu
from perfkit.parsers._text import Buffer, as_bytes, counter, name

_NUMBER_KEYS = ("processor", "cpu number")
_S390_LINE = re.compile(r"processor ([0-9]+)")
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")

_Block = dict[str, str]


def parse(data: Buffer) -> list[Cpu]:
    """Return the CPUs in the file's order.

    A field whose text is not what it should be is None: the text stays in `Cpu.own`.

    Raises:
        ParseError: a CPU's number is none, or no CPU is described.
    """
    blocks, shared = _blocks(name(as_bytes(data)))
    if not blocks and "Processor" in shared:
        blocks[0] = {}
    if not blocks:
        raise ParseError("cpuinfo", 0, "expected a line `processor`, found none")
    known_flags: dict[str, tuple[str, ...]] = {}
    return [_cpu(number, own, shared, known_flags) for number, own in blocks.items()]


def _blocks(text: str) -> tuple[dict[int, _Block], _Block]:
    """Return the lines of each CPU by its number, and those that hold for all."""
    blocks: dict[int, _Block] = {}
    shared: _Block = {}
    block = shared
    for number, line in enumerate(text.split("\n"), start=1):
        key, colon, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if not colon:
            if not key:
                block = shared
        elif s390 := _S390_LINE.fullmatch(key):
            own = blocks.setdefault(_number(s390[1], number, line), {})
            assignments = (part.partition("=") for part in value.split(","))
            own.update({key.strip(): value.strip() for key, _, value in assignments})
        else:
            if key in _NUMBER_KEYS:
                block = blocks.setdefault(_number(value, number, line), {})
            block[key] = value
    return blocks, shared


def _number(text: str, number: int, line: str) -> int:
    try:
        return counter(text.encode())
    except ValueError as error:
        raise ParseError("cpuinfo", number, str(error), line) from error


def _cpu(number: int, own: _Block, shared: _Block, known_flags: dict[str, tuple[str, ...]]) -> Cpu:
    """Return the struct; time and room must not grow with CPUs times what they share."""

    def text(*keys: str) -> str | None:
        found = (block[key] for block in (own, shared) for key in keys if key in block)
        return next(found, None)

    flags = text("flags", "Features", "features") or ""
    if flags not in known_flags:
        known_flags[flags] = tuple(flags.split())
    return Cpu(
        number=number,
        vendor_id=text("vendor_id"),
        model_name=text("model name", "cpu", "Processor"),
        physical_id=_whole(text("physical id")),
        core_id=_whole(text("core id")),
        siblings=_whole(text("siblings")),
        cpu_cores=_whole(text("cpu cores")),
        mhz=_decimal(text("cpu MHz", "cpu MHz dynamic", "clock")),
        cache_size=text("cache size"),
        bogomips=_decimal(text("bogomips", "BogoMIPS", "bogomips per cpu")),
        flags=known_flags[flags],
        own=own,
        shared=shared,
    )


def _whole(text: str | None) -> int | None:
    try:
        return None if text is None else counter(text.encode())
    except ValueError:
        return None


def _decimal(text: str | None) -> float | None:
    matched = None if text is None else _DECIMAL.fullmatch(text.removesuffix("MHz"))
    return float(matched[0]) if matched else None
