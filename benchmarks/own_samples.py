"""Samples of this host, for benchmarks that send them: each can be had as of any second."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import host

_TIME = re.compile(rb'^\{"timestamp":\d+')
_NS = re.compile(rb',"ns":\d+\}\n$')


@dataclass(frozen=True, slots=True)
class Sample:
    """The lines of one sample, without their time."""

    rests: tuple[bytes, ...]

    def at(self, timestamp: int) -> list[bytes]:
        """Return its lines as of a second."""
        start = b'{"timestamp":%d' % timestamp
        return [start + rest for rest in self.rests]


def recorded(folder: Path, count: int = 100) -> list[Sample]:
    """Return samples recorded 10 ms apart: cpuinfo and perfkit's own lines left out.

    Raises:
        ChildFailedError: they could not be recorded.
    """
    capture = folder / "own.json"
    duration = f"{10 * count + 100}ms"
    host.run(
        host.perfkit(
            *("collect", "--mode", "local", "--frequency", "10ms", "--duration", duration),
            *("--collection", str(capture)),
        ),
        cwd=folder,
    )
    found: dict[tuple[int, int], list[bytes]] = {}
    for line in capture.read_bytes().splitlines(keepends=True):
        content = json.loads(line)
        name = content["subsystem"]
        if name != "/proc/cpuinfo" and not name.startswith("perfkit/"):
            rest = _NS.sub(b"}\n", _TIME.sub(b"", line))
            found.setdefault((content["timestamp"], content.get("ns", 0)), []).append(rest)
    samples = [Sample(tuple(rests)) for rests in found.values()][:count]
    if len(samples) < count:
        raise host.ChildFailedError(f"expected {count} samples, found {len(samples)}")
    return samples
