"""What a collector costs that sends: memory with TLS, bytes on the wire and in the spool, CPU.

A bare interpreter that has loaded ssl and http.client, with the system's certificates, stands
beside its memory.  It is measured after a backlog was sent, too: that has the biggest bodies.  CPU
is that of a recorder that writes a compressed capture, both at 20 samples a second, on one core;
batches are of 10.  The backlog is as real as it gets: samples of this host in a spool of an earlier
run, sent to a `perfkit serve` that checks, stores and syncs them, one sample a second being real
time.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import host
from figures import MIB, Figure, at_least, at_most
from own_samples import recorded
from perfkit.agent.spool import Spool

SECTION = "trickle"
RSS_BAR_MIB = 24.0
WIRE_BAR = 350.0
BACKLOG = 21_600
REAL_TIME_BAR = 50.0
SECONDS = 8.0
FREQUENCY = "50ms"
SAMPLES = 10

LOADED = (
    "import ssl, http.client, hashlib, json, zlib; ssl.create_default_context();"
    "print(flush=True); open(0, 'rb').read()"
)


def certificates(folder: Path) -> Path:
    """Make a certificate of 127.0.0.1 that is its own authority."""
    words = [host.peer("openssl"), "req", "-x509", "-newkey", "ec", "-nodes"]
    words += ["-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", "tls.key", "-out", "tls.pem"]
    words += ["-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"]
    words += ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]  # Python 3.13 asks
    host.run(words, cwd=folder)
    return folder / "tls.pem"


def loaded_interpreter(folder: Path) -> host.Memory:
    """Return the memory of an interpreter that has loaded what TLS takes and nothing else."""
    words = [sys.executable, "-S", "-E", "-I", "-c", LOADED]
    with subprocess.Popen(
        words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=host.environment()
    ) as child:
        first_line(child)
        memory = host.memory(child.pid)
        child.communicate()
    return memory


def first_line(child: subprocess.Popen[bytes]) -> bytes:
    """Wait for what a child prints first."""
    if child.stdout is None:
        raise host.ChildFailedError("no pipe")
    return child.stdout.readline()


@contextmanager
def started(words: list[str], folder: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Give a running child; its messages go to a file."""
    with (folder / f"{name}.messages").open("wb") as messages:
        child = subprocess.Popen(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            env=host.environment(),
        )
    try:
        yield child
    finally:
        host.end(child)


def fill(spool: Path, folder: Path, count: int) -> None:
    """Leave a backlog as an earlier run does: this host's samples, one a second, batches of 6."""
    samples = recorded(folder)
    run = "6f1c0000-0000-4000-8000-00000000bac1"
    dropped: list[object] = []
    made = Spool(
        str(spool), 256 * MIB, run, "bench", dropped=lambda *w: dropped.append(w), warn=print
    )
    start, position = int(time.time()) - count - 60, 0
    for number in range(count):
        lines = samples[number % len(samples)].at(start + number)
        made.append(b"".join(lines), position=position, lines=len(lines), at=start + number)
        position += len(lines)
        if number % 6 == 5:
            made.seal()
    made.close()


def collector(url: str, spool: Path, *words: str) -> list[str]:
    """Return the command line of a collector that sends."""
    sending = ("--server", url, "--api-key-file", "key", "--spool-dir", str(spool))
    return host.perfkit(
        *("collect", "--frequency", FREQUENCY, "--duration", "600s", "--identifier", "bench"),
        *sending,
        *words,
    )


def steady(folder: Path) -> list[Figure]:
    """Return memory, bytes and CPU of a collector whose server answers."""
    certificate = certificates(folder)
    bare = loaded_interpreter(folder)
    (folder / "key").write_text("k-1\n")
    server_words = [sys.executable, str(Path(__file__).with_name("tls_server.py"))]
    server_words += [str(certificate), str(folder / "tls.key")]
    local_words = host.perfkit(
        *("collect", "--frequency", FREQUENCY, "--duration", "600s", "--mode", "local"),
        *("--collection", "local.json.gz"),
    )
    fill(folder / "spool", folder, 2_000)
    with started(server_words, folder, "server") as server:
        url = f"https://127.0.0.1:{int(first_line(server))}"
        words = collector(url, folder / "spool", "--flush", str(SAMPLES), "--ca-file", "tls.pem")
        with (
            started(words, folder, "trickle") as ours,
            started(local_words, folder, "local") as local,
        ):
            core = min(os.sched_getaffinity(0))
            for child in (ours, local):
                host.pin(child.pid, core)
            time.sleep(3)
            before = [host.tree_cpu_ns(child.pid) for child in (ours, local)]
            time.sleep(SECONDS)
            after = [host.tree_cpu_ns(child.pid) for child in (ours, local)]
            memory, peak = host.memory(ours.pid), host.peak_rss(ours.pid)
            if ours.poll() is not None:
                said = (folder / "trickle.messages").read_bytes()
                raise host.ChildFailedError(host.failure(words, ours.returncode, said))
        host.end(server)
        sent = [tuple(map(int, line.split())) for line in server.stdout or ()]
    wire = [size / count for count, size in sent if count == SAMPLES]
    if not wire:
        raise host.ChildFailedError("no batch arrived")
    costs = [
        (end - start) / (SECONDS * 20) / 1000 for start, end in zip(before, after, strict=True)
    ]
    is_3_11 = sys.version_info[:2] == (3, 11)
    return [
        Figure(
            section=SECTION,
            subject="RSS with TLS",
            against="a fixed size" if is_3_11 else "bare ssl + http.client, and 4 MiB",
            value=memory.rss / MIB,
            unit="MiB",
            bar=at_most(RSS_BAR_MIB if is_3_11 else bare.rss / MIB + 4),
            note=f"own (USS) {memory.uss / MIB:.1f}; after a backlog of 2,000 samples, peak "
            f"{peak / MIB:.1f}; bare with ssl and http.client {bare.rss / MIB:.1f}",
        ),
        Figure(
            section=SECTION,
            subject=f"bytes a sample sent, batches of {SAMPLES}",
            against="bytes of bodies",
            value=sum(wire) / len(wire),
            unit="B",
            bar=at_most(WIRE_BAR),
            note=f"{len(wire)} batches",
        ),
        Figure(
            section=SECTION,
            subject="CPU of a sample that is sent",
            against="perfkit collect to .gz",
            value=costs[0] / costs[1],
            unit="x",
            note=f"{costs[0]:.0f} against {costs[1]:.0f} us",
        ),
    ]


def draining(folder: Path) -> list[Figure]:
    """Return how fast a backlog is sent to a real server, and what it takes in the spool."""
    spool = folder / "backlog"
    fill(spool, folder, BACKLOG)
    size = sum(path.stat().st_size for path in spool.iterdir())
    words = host.perfkit("serve", "--listen", "127.0.0.1:0", "--data-dir", "data")
    with started(words, folder, "serve") as server:
        url = ""
        while not url:
            if server.poll() is not None:
                raise host.ChildFailedError("perfkit serve ended before it served")
            time.sleep(0.05)
            said = (folder / "serve.messages").read_text()
            found = re.search(r"serving on (http://[0-9.:]+)", said)
            url = found[1] if found else ""
        keys = json.loads((folder / "data/first-run.json").read_bytes())
        (folder / "key").write_text(keys["ingest_key"])
        began = time.monotonic()
        with started(collector(url, spool), folder, "draining"):
            messages = folder / "draining.messages"
            while b"what was waiting in the spool is delivered" not in messages.read_bytes():
                if time.monotonic() - began > 300:
                    raise host.ChildFailedError("300 s, and the backlog is not delivered")
                time.sleep(0.05)
            seconds = time.monotonic() - began
    return [
        Figure(
            section=SECTION,
            subject=f"a backlog of {BACKLOG:,} samples, start included",
            against="real time, 1 sample a second",
            value=BACKLOG / seconds,
            unit="x",
            bar=at_least(REAL_TIME_BAR),
            note=f"{seconds:.1f} s, while 20 samples a second are taken and sent",
        ),
        Figure(
            section=SECTION,
            subject="spool",
            against="bytes a sample",
            value=size / BACKLOG,
            unit="B",
        ),
    ]


def measure() -> list[Figure]:
    """Return all figures."""
    with TemporaryDirectory(prefix="perfkit-bench-") as name:
        folder = Path(name)
        return [*steady(folder), *draining(folder)]
