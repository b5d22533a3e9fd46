"""What is counted of the server itself, and `/metrics` as OpenMetrics 1.0 text.

No tenant and no machine is named: whoever may look at the process may look at this.
"""

import resource
import time
from collections.abc import Iterable

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_BUCKETS = (0.005, 0.025, 0.1, 0.25, 1.0, 5.0)
"""Seconds."""

Sample = tuple[str, str, str, float]
"""Name, kind, help, value."""


class Counters:
    """Counts since the start."""

    def __init__(self) -> None:
        self.started = time.time()
        self._requests: dict[tuple[str, int], int] = {}
        self._times: dict[str, list[float]] = {}
        self._lines = {"stored": 0, "duplicate": 0, "conflict": 0, "rejected": 0}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is its pattern, never the path itself."""
        key = route, status
        self._requests[key] = self._requests.get(key, 0) + 1
        times = self._times.setdefault(route, [0.0] * (len(_BUCKETS) + 2))
        times[0] += seconds
        for place, most in enumerate((*_BUCKETS, float("inf")), start=1):
            if seconds <= most:
                times[place] += 1
                break

    def took(self, stored: int, duplicates: int, conflicts: int, rejected: int) -> None:
        """Count the lines of a body."""
        lines = self._lines
        lines["stored"] += stored
        lines["duplicate"] += duplicates
        lines["conflict"] += conflicts
        lines["rejected"] += rejected

    def text(self, gauges: Iterable[Sample]) -> str:
        """Return everything, with these samples too."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        lines = ["# TYPE perfkit_requests counter", "# HELP perfkit_requests Requests answered."]
        for (route, status), count in sorted(self._requests.items()):
            lines.append(f'perfkit_requests_total{{route="{route}",status="{status}"}} {count}')
        lines += [
            "# TYPE perfkit_request_seconds histogram",
            "# UNIT perfkit_request_seconds seconds",
            "# HELP perfkit_request_seconds Time from a request's headers to its answer.",
        ]
        for route, (total, *counts) in sorted(self._times.items()):
            so_far = 0.0
            for bound, number in zip((*_BUCKETS, "+Inf"), counts, strict=True):
                so_far += number
                label = f'{{route="{route}",le="{bound}"}}'
                lines.append(f"perfkit_request_seconds_bucket{label} {so_far:g}")
            lines.append(f'perfkit_request_seconds_count{{route="{route}"}} {so_far:g}')
            lines.append(f'perfkit_request_seconds_sum{{route="{route}"}} {total:.6f}')
        lines += ["# TYPE perfkit_lines counter", "# HELP perfkit_lines Lines of bodies, by end."]
        lines += [
            f'perfkit_lines_total{{end="{end}"}} {count}' for end, count in self._lines.items()
        ]
        for name, kind, text, value in (
            *gauges,
            ("perfkit_start_time_seconds", "gauge", "Unix time of the start.", self.started),
            (
                "perfkit_cpu_seconds",
                "counter",
                "CPU time of the process, user and system.",
                usage.ru_utime + usage.ru_stime,
            ),
            ("perfkit_resident_bytes", "gauge", "Memory in RAM.", _resident_bytes()),
        ):
            suffix = "_total" if kind == "counter" else ""
            lines += [f"# TYPE {name} {kind}", f"# HELP {name} {text}"]
            lines.append(f"{name}{suffix} {value:.15g}")
        return "\n".join([*lines, "# EOF", ""])


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - a file of the kernel's
        return int(file.read().split()[1]) * resource.getpagesize()
