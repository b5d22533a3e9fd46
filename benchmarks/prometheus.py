"""Debian's Prometheus as a peer: values by remote write, what they cost, the room they take.

It is favoured: bodies are made before its clock runs and hold two samples a series, snappy is
told to copy (no decompression), the server is alone, nothing is scraped, labels are few and short,
and its room is counted once it has compacted all it can.
"""

import http.client
import json
import socket
import struct
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import host
from fleet import PERIOD, START, VALUES, Numbers

PACKAGE = "prometheus"
_READY_SECONDS = 30
_CALM_SECONDS = 5
"""Without a block that comes or goes, then compaction is at rest."""

_REST_SECONDS = 120


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _labels(machine: int, value: int) -> bytes:
    pairs = {"__name__": f"perfkit_value_{value}", "instance": f"machine-{machine}", "job": "fleet"}
    return b"".join(
        _field(1, _field(1, name.encode()) + _field(2, text.encode()))
        for name, text in pairs.items()
    )


class Bodies:
    """Makes remote write requests, as protobuf and snappy put them."""

    def __init__(self, machines: int) -> None:
        self._labels = [[_labels(m, value) for value in range(VALUES)] for m in range(machines)]

    def body(self, fleet: list[Numbers], ticks: range) -> bytes:
        """Return the request that holds some ticks of all machines."""
        times = [_varint((START + PERIOD * tick) * 1000) for tick in ticks]
        series = []
        for machine, rows in enumerate(fleet):
            values = rows[ticks.start : ticks.stop].astype("<f8")
            for value in range(VALUES):
                samples = b"".join(
                    _field(2, b"\x09" + struct.pack("<d", number) + b"\x10" + at)
                    for number, at in zip(values[:, value].tolist(), times, strict=True)
                )
                series.append(_field(1, self._labels[machine][value] + samples))
        message = b"".join(series)
        return _varint(len(message)) + b"\xfc" + struct.pack("<I", len(message) - 1) + message


class Prometheus:
    """A server of its own in a folder; ends with the block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        config = folder / "prometheus.yml"
        config.write_text("global: {scrape_interval: 1h}\n", encoding="utf-8")
        words = [
            host.peer("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--web.enable-remote-write-receiver",
            "--web.enable-admin-api",
            "--log.level=error",
        ]
        self._child = subprocess.Popen(
            words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self) -> Self:
        """Wait until it answers."""
        end = time.monotonic() + _READY_SECONDS
        while time.monotonic() < end:
            try:
                if self._ask("GET", "/-/ready")[0] == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.1)
        self.__exit__(None, None, None)
        raise host.ChildFailedError("prometheus did not become ready")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        host.end(self._child)

    def cpu_seconds(self) -> float:
        """Return the time that it has been on a CPU."""
        return host.tree_cpu_ns(self._child.pid) / host.NS_PER_SECOND

    def write(self, bodies: list[bytes]) -> float:
        """Send requests one after the other; return the CPU seconds that they cost the server."""
        before = self.cpu_seconds()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        for body in bodies:
            connection.request("POST", "/api/v1/write", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status // 100 != 2:
                raise host.ChildFailedError(f"prometheus: {answer.status}: {text[:200]!r}")
        connection.close()
        return self.cpu_seconds() - before

    def settled_bytes(self) -> int:
        """Return the room that everything written takes in finished blocks, compaction at rest."""
        end = time.monotonic() + _REST_SECONDS
        before: set[str] = set()
        while (blocks := self._blocks()) != before and time.monotonic() < end:
            before = blocks
            time.sleep(_CALM_SECONDS)
        return self._snapshot_bytes()

    def _blocks(self) -> set[str]:
        return {path.name for path in (self._folder / "data").iterdir()}

    def _snapshot_bytes(self) -> int:
        status, text = self._ask("POST", "/api/v1/admin/tsdb/snapshot")
        if status != 200:
            raise host.ChildFailedError(f"prometheus: snapshot: {text[:200]!r}")
        folder = self._folder / "data" / "snapshots" / json.loads(text)["data"]["name"]
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def _ask(self, method: str, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        connection.request(method, path)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found
