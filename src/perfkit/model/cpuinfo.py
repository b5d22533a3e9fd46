"""The struct of a block of /proc/cpuinfo."""

import msgspec


class Cpu(msgspec.Struct, frozen=True, kw_only=True):
    """One logical CPU as /proc/cpuinfo describes it.

    Source: /proc/cpuinfo, written by arch/*/kernel of each architecture, whose keys differ: what
    a field cannot hold is None, and `own` and `shared` have every key as the kernel wrote it.
    """

    number: int
    """The CPU's number: `processor`, on s390 `processor N:` or `cpu number`."""

    vendor_id: str | None = None
    """Vendor: x86 `GenuineIntel`, `AuthenticAMD`; s390 `IBM/S390`."""

    model_name: str | None = None
    """Name for people: x86 and 32-bit ARM `model name`, POWER `cpu`, old ARM `Processor`."""

    physical_id: int | None = None
    """Number of the socket: x86, s390 with topology."""

    core_id: int | None = None
    """Number of the core within its socket: x86, s390."""

    siblings: int | None = None
    """Logical CPUs in this socket: x86, s390."""

    cpu_cores: int | None = None
    """Cores in this socket: x86, s390."""

    mhz: float | None = None
    """Clock in MHz at the time of reading, a gauge: x86 `cpu MHz`, s390 `cpu MHz dynamic`, POWER
    `clock`."""

    cache_size: str | None = None
    """Size of the last-level cache with its unit, as x86 writes it: `36608 KB`."""

    bogomips: float | None = None
    """Loops a second of the kernel's delay, in millions: no measure of speed.  x86 `bogomips`,
    ARM `BogoMIPS`, s390 `bogomips per cpu`."""

    flags: tuple[str, ...] = ()
    """Features of the instruction set: x86 `flags`, ARM `Features`, s390 `features`."""

    own: dict[str, str]
    """Every `key: value` of this CPU's block, as the kernel wrote it."""

    shared: dict[str, str]
    """Every `key: value` that the file gives for all CPUs (ARM `Hardware`, POWER `timebase`, the
    head of s390): one dict for all of them.  The fields above look here where `own` has no key."""
