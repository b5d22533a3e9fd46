"""Makes a short capture long: the recorded samples again and again, with counters that go on.

In each pass the time and every counter of /proc/stat, /proc/net/dev and /proc/diskstats stand
higher by what the whole recording added, so that every interval has the work of a real one;
gauges, memory and file systems among them, repeat.  Lines that came once (the run's own, cpuinfo)
stay at the beginning.  Done on the text of the lines: nothing of perfkit's is used.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

NUMBER = re.compile(rb"\d+")
TIMESTAMP = re.compile(rb'{"timestamp":(\d+)')
SUBSYSTEM = re.compile(rb'"subsystem":"([^"]*)"')
COUNTING = frozenset({b"/proc/stat", b"/proc/net/dev", b"/proc/diskstats"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """One sample as a template of its numbers that grow."""

    template: bytes
    numbers: tuple[int, ...]


def subsystem(line: bytes) -> bytes:
    """Return what a line is about.

    Raises:
        ValueError: the line is none of a capture.
    """
    found = SUBSYSTEM.search(line)
    if not found:
        raise ValueError(f"expected a line of a capture, found {line[:40]!r}")
    return found[1]


def timestamp(line: bytes) -> int:
    """Return the time of a line, in Unix seconds."""
    found = TIMESTAMP.match(line)
    if not found:
        raise ValueError(f"expected a line of a capture, found {line[:40]!r}")
    return int(found[1])


def split(lines: list[bytes]) -> tuple[list[bytes], list[list[bytes]]]:
    """Return the lines that came once, and the recurring lines of each tick.

    The last tick is left out: it may not be whole.
    """
    ticks = [list(tick) for _, tick in groupby(lines, timestamp)][:-1]
    seen = Counter(subsystem(line) for tick in ticks for line in tick)
    recurring = {name for name, times in seen.items() if times == len(ticks)}
    once = [line for line in lines if subsystem(line) not in recurring]
    return once, [[line for line in tick if subsystem(line) in recurring] for tick in ticks]


def growth(numbers: list[int]) -> int:
    """Return what a number gains in one pass: its growth plus one mean step; 0 for a gauge."""
    if numbers[-1] <= numbers[0] or numbers != sorted(numbers):
        return 0
    return (numbers[-1] - numbers[0]) * len(numbers) // (len(numbers) - 1)


def templates(ticks: list[list[bytes]]) -> tuple[list[Tick], tuple[int, ...]]:
    """Return each tick as a template, and what each of its numbers gains in one pass.

    Raises:
        ValueError: the ticks have not the same numbers: a device came or went.
    """
    texts = [b"".join(tick) for tick in ticks]
    counting = [subsystem(line) in COUNTING for line in ticks[0]]
    series: list[list[int]] = []
    for place, counts in enumerate(counting):
        found = [NUMBER.findall(tick[place]) for tick in ticks]
        if len({len(numbers) for numbers in found}) != 1:
            raise ValueError("expected the same devices in each sample: the host changed meanwhile")
        columns = [[int(text) for text in column] for column in zip(*found, strict=True)]
        # the first number of a line is its time, which goes on in every line
        series += [column if counts or n == 0 else [0, 0] for n, column in enumerate(columns)]
    gains = [growth(column) for column in series]
    made = []
    for text in texts:
        numbers = NUMBER.findall(text)
        kept = iter(gains)
        template = NUMBER.sub(
            lambda found, kept=kept: b"%d" if next(kept) else found[0],  # type: ignore[misc]
            text.replace(b"%", b"%%"),
        )
        growing = tuple(int(n) for n, gain in zip(numbers, gains, strict=True) if gain)
        made.append(Tick(template=template, numbers=growing))
    return made, tuple(gain for gain in gains if gain)


def lengthened(recording: bytes, count: int) -> Iterator[bytes]:
    """Yield a capture of `count` samples, a sample at a time, made of a recording."""
    once, ticks = split(recording.splitlines(keepends=True))
    made, gains = templates(ticks)
    yield b"".join(once)
    for n in range(count):
        turn, index = divmod(n, len(made))
        tick = made[index]
        yield tick.template % tuple(
            [number + turn * gain for number, gain in zip(tick.numbers, gains, strict=True)]
        )


def lengthen(source: Path, target: Path, count: int) -> None:
    """Write a capture of `count` samples, made of a recording."""
    with target.open("wb") as file:
        file.writelines(lengthened(source.read_bytes(), count))
