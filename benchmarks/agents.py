"""The agents that `collector.py` measures: how each is started, and its counters while it runs."""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import host
from figures import windows

FILES = ("/proc/cpuinfo", "/proc/stat", "/proc/meminfo", "/proc/net/dev", "/proc/diskstats")
COLLECTORS = ("cpu", "meminfo", "netdev", "diskstats", "filesystem")
PROMETHEUS = {
    "User-Agent": "Prometheus/2.42.0",
    "Accept": (
        "application/openmetrics-text;version=1.0.0;q=0.5,"
        "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    ),
    "Accept-Encoding": "gzip",
    "X-Prometheus-Scrape-Timeout-Seconds": "1",
}
WINDOW_TICKS = 5
FOREVER = "600"
"""Ticks or seconds: longer than any measurement, so that a forgotten agent ends by itself."""


@dataclass(kw_only=True, slots=True)
class Agent:
    """One running program, and its counters at each reading."""

    name: str
    child: subprocess.Popen[bytes]
    messages: Path
    output: Path | None = None
    cpu_ns: list[float] = field(default_factory=list)
    output_bytes: list[float] = field(default_factory=list)

    def read(self) -> None:
        """Take one reading."""
        self.cpu_ns.append(host.tree_cpu_ns(self.child.pid))
        self.output_bytes.append(self.output.stat().st_size if self.output else 0)

    def check(self) -> None:
        """Make sure that it still runs.

        Raises:
            ChildFailedError: it ended; the text holds its last message.
        """
        if (code := self.child.poll()) is not None:
            raise host.ChildFailedError(
                host.failure([self.name], code, self.messages.read_bytes()),
            )

    def per_window(self) -> list[float]:
        """Return the nanoseconds on a CPU in each window."""
        return windows(self.cpu_ns, WINDOW_TICKS)

    def microseconds(self) -> float:
        """Return the CPU time of one tick, the median of the windows."""
        return median(self.per_window()) / WINDOW_TICKS / 1000

    def bytes_a_tick(self) -> float:
        """Return what its output grew by in one tick."""
        return (self.output_bytes[-1] - self.output_bytes[0]) / (len(self.output_bytes) - 1)


def start(
    name: str, words: Sequence[str], folder: Path, *, core: int, output: Path | None = None
) -> Agent:
    """Start a program on one core; its messages go to a file."""
    messages = folder / f"{name}.messages"
    with messages.open("wb") as file:
        child = subprocess.Popen(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            env=host.environment(),
        )
    host.pin(child.pid, core)
    return Agent(name=name, child=child, messages=messages, output=output)


def build_floor(folder: Path) -> Path:
    """Compile the C program and return its path."""
    program = folder / "floor"
    source = Path(__file__).with_name("floor.c")
    host.run([host.peer("cc"), "-O2", "-o", str(program), str(source)], cwd=folder)
    return program


def start_floor(program: Path, folder: Path, *, core: int, mounts: Sequence[str]) -> Agent:
    """Start the C program: the same files, mounts and schedule as perfkit."""
    asked = [word for mount in mounts for word in ("-m", mount)]
    words = [str(program), "-p", "1", "-n", FOREVER, *asked, *FILES]
    return start("floor", words, folder, core=core)


def start_perfkit(
    folder: Path, *, core: int, suffix: str, cpuinfo: str, name: str = "host"
) -> Agent:
    """Start the recorder at a period of one second, which lies on whole seconds."""
    capture = folder / f"{name}.json{suffix}"
    words = host.perfkit(
        "collect",
        *("--mode", "local", "--frequency", "1s", "--duration", f"{FOREVER}s"),
        *("--collection", str(capture), "--cpuinfo", cpuinfo),
    )
    return start(name, words, folder, core=core, output=capture)


def start_sadc(folder: Path, *, core: int) -> Agent:
    """Start sadc on a whole second, from which it counts its own."""
    program = host.peer("sadc")
    output = folder / "sadc.sa"
    words = [program, "-S", "XDISK", "1", FOREVER, str(output)]
    sleep_until(int(time.time()) + 1)
    return start("sadc", words, folder, core=core, output=output)


class Exporter:
    """A node_exporter with five collectors, asked as Prometheus asks: its own headers, gzip.

    The connection stays open.  The client's CPU time is this process's, which nobody counts.
    (Uncompressed, and with `--web.disable-exporter-metrics`, a scrape costs about 0.7 of that.)
    """

    def __init__(self, folder: Path, *, core: int) -> None:
        port = free_port()
        self.agent = start(
            "node_exporter",
            [
                host.peer("node_exporter"),
                "--collector.disable-defaults",
                *(f"--collector.{name}" for name in COLLECTORS),
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=error",
            ],
            folder,
            core=core,
        )
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)

    def wait(self) -> None:
        """Return when it answers.

        Raises:
            ChildFailedError: it ended, or did not answer within 10 s.
        """
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            self.agent.check()
            with suppress(OSError, http.client.HTTPException):
                self.scrape()
                return
            self.connection.close()
            time.sleep(0.05)
        raise host.ChildFailedError("node_exporter did not answer within 10 s")

    def scrape(self) -> None:
        """Ask for all metrics once."""
        self.connection.request("GET", "/metrics", headers=PROMETHEUS)
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise host.ChildFailedError(f"node_exporter answered {answer.status}")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def sleep_until(moment: float) -> None:
    """Sleep until a moment of the wall clock, in Unix seconds."""
    time.sleep(max(0.0, moment - time.time()))


def asked_mounts(folder: Path) -> list[str]:
    """Return the mounts that perfkit asks on this host, out of a first sample."""
    capture = folder / "first.json"
    words = host.perfkit("collect", "--once", "--mode", "local", "--collection", str(capture))
    host.run(words, cwd=folder)
    found: list[str] = []
    for line in capture.read_text("utf-8").splitlines():
        record = json.loads(line)
        if record["subsystem"] == "statfs[*]":
            found += [json.loads(row)["mount_point"] for row in record["measurement"].splitlines()]
    return found


def bare_interpreter(folder: Path) -> host.Memory:
    """Return the memory of this interpreter with nothing loaded, while it waits for input."""
    words = [sys.executable, "-S", "-E", "-I", "-c", "print(flush=True); open(0, 'rb').read()"]
    with subprocess.Popen(
        words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=host.environment()
    ) as child:
        assert child.stdout  # noqa: S101 - it is a pipe
        child.stdout.readline()
        memory = host.memory(child.pid)
        child.communicate()
    return memory
