"""Whether time grows linearly: each parser on 1 MB of one line, and on 2 MB of one line.

Only reported: the tests hold the bound (double the input, at most 2.5 times the time).
"""

import ctypes
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import host
from figures import Figure, compared
from perfkit.errors import ParseError
from perfkit.parsers import cpuinfo, diskstats, meminfo, net_dev, stat, statfs

SECTION = "linear"
BYTES = 1_000_000
ROUNDS = 5
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
PARSERS: dict[str, Callable[[bytes], object]] = {
    "stat": stat.parse,
    "meminfo": meminfo.parse,
    "net_dev": net_dev.parse,
    "diskstats": diskstats.parse,
    "cpuinfo": cpuinfo.parse,
    "statfs": statfs.parse,
}
STARTS = {
    "stat": b"intr ",
    "meminfo": b"MemTotal: ",
    "net_dev": b"Inter-|\n face |\neth0: ",
    "diskstats": b"8 0 sda ",
    "cpuinfo": b"flags\t\t: ",
    "statfs": b'{"mount_point":"',
}
FILLS = {"numbers": b"1 ", "digits": b"7", "blanks": b" ", "colons": b":", "backslashes": b"\\"}


def keep_memory() -> None:
    """Let the C library keep what is freed.

    It gives big blocks back to the kernel, from a size on that moves, and page faults at each call
    for one size and not for the other would look like growth of the parser's own.
    """
    with suppress(AttributeError):  # a C library other than glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 1 << 30)
        mallopt(M_TRIM_THRESHOLD, 1 << 30)


def line(start: bytes, fill: bytes, size: int) -> bytes:
    """Return one line of about `size` bytes."""
    return start + fill * (size // len(fill)) + b"\n"


def cost(parse: Callable[[bytes], object], text: bytes) -> float:
    """Return the CPU seconds of one call; a refusal counts as an answer."""
    began = process_time()
    with suppress(ParseError):
        parse(text)
    return max(process_time() - began, 1e-5)  # a refusal may take no time at all


def parser_figure(name: str) -> Figure:
    """Return the steepest growth over all fills."""
    parse, worst, worst_fill = PARSERS[name], 0.0, ""
    for fill_name, fill in FILLS.items():
        short = line(STARTS[name], fill, BYTES)
        double = line(STARTS[name], fill, 2 * BYTES)
        single = min(cost(parse, short) for _ in range(ROUNDS))
        doubled = min(cost(parse, double) for _ in range(ROUNDS))
        # below a millisecond the clock's own steps would look like growth
        if doubled > 1e-3 and doubled / single > worst:
            worst, worst_fill = doubled / single, fill_name
    if not worst_fill:
        return Figure(
            section=SECTION,
            subject=name,
            against="half the input",
            value=0.0,
            unit="x",
            note="below 1 ms for 2 MB",
        )
    return compared(SECTION, name, "half the input", [worst], note=f"steepest with {worst_fill}")


def converter_figure(folder: Path) -> Figure:
    """Return the growth of `perfkit process` over a record of one line, start-up taken off."""
    costs: dict[int, list[float]] = {0: [], BYTES * 4: [], BYTES * 8: []}
    for _ in range(ROUNDS):
        for size, found in costs.items():
            capture = folder / "one.json"
            text = line(b"intr ", b"1 ", size).decode()
            record = {"timestamp": 1, "subsystem": "/proc/stat", "measurement": text}
            later = record | {"timestamp": 2}
            lines = [json.dumps(each, separators=(",", ":")) for each in (record, later)]
            capture.write_text("\n".join(lines) + "\n", "ascii")
            words = host.perfkit("process", str(capture), "--output-dir", "out", "--force")
            found.append(host.run(words, cwd=folder, is_strict=False).cpu_seconds)
    nothing, short, double = (median(found) for found in costs.values())
    paired = [max(double - nothing, 1e-4) / max(short - nothing, 1e-4)]
    return compared(
        SECTION,
        "process, 4 and 8 MB a line",
        "half the input",
        paired,
        note=f"{double - nothing:.3f} against {short - nothing:.3f} s, start-up taken off",
    )


def measure() -> list[Figure]:
    """Return the growth of every parser and of the converter."""
    keep_memory()
    with TemporaryDirectory(prefix="perfkit-bench-") as name:
        return [*(parser_figure(each) for each in PARSERS), converter_figure(Path(name))]
