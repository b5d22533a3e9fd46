"""Machines that send, remember what was acknowledged, and hold the server to it afterwards."""

import gzip
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import UUID

from perfkit.store.control import ControlPlane
from perfkit.store.intake import Intake, Limits

SERVED = Path(__file__).with_name("served.py")
PATIENCE_SECONDS = 20
NOT_THERE = (OSError, http.client.HTTPException)


class NoRoomError(Exception):
    """The server's disk is full: 507."""


class Machine:
    """A host that sends batches of a run, the next one only once the last was acknowledged.

    Its batches are of any length; now and then it sends one again that was acknowledged, or the
    same one on two connections at once.  Where the disk is full it tries again until there is room.
    """

    def __init__(self, name, ingest_key, read_key, *, is_numbered, noise_bytes=0):
        self.name = name
        self.ingest_key = ingest_key
        self.read_key = read_key
        self.run = UUID(int=random.Random(name).getrandbits(128))  # noqa: S311 - the same each time
        self.is_numbered = is_numbered
        self.noise_bytes = noise_bytes
        """Bytes of each line that do not compress."""
        self.refusals = 0
        self.random = random.Random(name)  # noqa: S311 - the same each time
        self.acknowledged = 0
        self.batches = []
        self.problems = []

    def line(self, number):
        """Return the line at a position: six make a sample of ten seconds."""
        text = f"{self.name} {number} " + "x" * (number * 7919 % 400)
        if self.noise_bytes:
            text += random.Random(number).randbytes(self.noise_bytes).hex()  # noqa: S311 - noise
        second = 1_700_000_000 + number // 6 * 10
        return b'{"timestamp":%d,"subsystem":"/proc/x%d","measurement":"%b"}\n' % (
            second,
            number % 6,
            text.encode(),
        )

    def lines(self, first, end):
        return [self.line(number) for number in range(first, end)]

    def send(self, port, ended):
        """Send until the server is gone."""
        try:
            with connected(port) as connection:
                while not ended.is_set():
                    try:
                        self.send_one(connection)
                    except NoRoomError:
                        self.refusals += 1
                        ended.wait(0.05)
                        continue
                    if self.batches and self.random.random() < 0.2:
                        again = self.random.choice(self.batches)
                        answer = self.post(connection, *again)
                        self.expect(answer, duplicates=again[1] - again[0])
        except NOT_THERE:
            pass
        except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
            self.problems.append(repr(error))

    def send_one(self, connection):
        first = self.acknowledged
        # What was not acknowledged is sent again as it was, without positions; else cut anew.
        length = 1 + self.random.randrange(40) if self.is_numbered else 1 + first % 40
        answer = self.post(connection, first, first + length)
        if answer["lines"] + answer["duplicates"] != length or answer["error"] is not None:
            self.problems.append(f"{length} lines sent, answered {answer}")
        self.acknowledged = first + length
        self.batches.append((first, first + length))

    def post(self, connection, first, end):
        lines = self.lines(first, end)
        headers = {"Authorization": f"Bearer {self.ingest_key}", "Content-Encoding": "gzip"}
        if self.is_numbered:
            path = f"/v1/upload?machine_id={self.name}"
            headers |= {"Perfkit-Run": str(self.run), "Perfkit-Position": str(first)}
            body = b"".join(lines)
        else:
            path = "/v1/trickle"
            measurements = [json.loads(line) for line in lines]
            body = json.dumps({"identifier": self.name, "measurements": measurements}).encode()
        connection.request("POST", path, gzip.compress(body, 1), headers)
        response = connection.getresponse()
        text = response.read()
        if response.status == 507:
            raise NoRoomError
        if response.status != 200:
            self.problems.append(f"status {response.status}: {text!r}")
        return json.loads(text)

    def expect(self, answer, *, duplicates):
        if (answer["lines"], answer["duplicates"]) != (0, duplicates):
            self.problems.append(f"{duplicates} lines sent again, answered {answer}")

    def id(self, port):
        """Return the server's name for the machine, None where it knows none."""
        machines = json.loads(self.get(port, "/api/v1/machines"))["items"]
        ids = [machine["id"] for machine in machines if machine["identifier"] == self.name]
        return ids[0] if len(ids) == 1 else None

    def check(self, port):
        """Compare the server's export with what was acknowledged."""
        assert not self.problems
        acknowledged = self.acknowledged
        id_ = self.id(port)
        if id_ is None and not acknowledged:
            return
        assert id_ is not None
        export = self.get(port, f"/api/v1/machines/{id_}/export?format=capture")
        had = export.splitlines(keepends=True)
        # All that was acknowledged, perhaps one batch more, each line once and in its order.
        assert acknowledged <= len(had) <= self.acknowledged + 40
        assert had == self.lines(0, len(had))

    def get(self, port, path):
        status, text = self.asked(port, path)
        assert status == 200, text
        return text

    def asked(self, port, path):
        """Return status and body of an answer."""
        with connected(port) as connection:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.read_key}"})
            response = connection.getresponse()
            return response.status, response.read()


def fleet(folder, *, noise_bytes=0, kind=Machine):
    """Return three machines of two tenants, whose keys are in the folder."""
    control = ControlPlane(folder / "control.sqlite")
    machines = []
    for tenant_name, names in [("one", ["a1", "a2"]), ("two", ["b1"])]:
        tenant = control.create_tenant(tenant_name)
        _, ingest = control.create_key(tenant.id, "ingest", may_create=True)
        _, read = control.create_key(tenant.id, "read")
        machines += [
            kind(name, ingest, read, is_numbered=name != "a2", noise_bytes=noise_bytes)
            for name in names
        ]
    control.close()
    return machines


def connected(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    return closing(connection)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Nursery:
    """Forks servers; `server` gives one that answers."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, str(SERVED)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # A process that is killed can tell no coverage.
            env={name: text for name, text in os.environ.items() if "COVERAGE" not in name},
        )

    @contextmanager
    def server(self, folder, port, fault="", min_free=1):
        self.process.stdin.write(f"{folder}\t{port}\t{min_free}\t{fault}\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        try:
            yield pid
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            assert self.process.stdout.readline() == "ended\n"

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def wait_for(port):
    """Wait until the server answers; return the seconds that took."""
    start = time.monotonic()
    while True:
        try:
            with connected(port) as connection:
                connection.request("GET", "/v1/ping")
                assert connection.getresponse().read() == b"pong"
        except NOT_THERE:
            if time.monotonic() - start > PATIENCE_SECONDS:
                raise
            time.sleep(0.005)
        else:
            return time.monotonic() - start


def until(condition):
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def load(machines, port):
    """Let all machines send while the block runs."""
    ended = threading.Event()
    threads = [threading.Thread(target=each.send, args=(port, ended)) for each in machines]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        ended.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()


def check_log(folder, machines):
    """Compare the log itself, frame by frame, with what was acknowledged."""
    control = ControlPlane(folder / "control.sqlite")
    intake = Intake(folder, limits=Limits(min_free=0))
    try:
        for tenant in control.tenants():
            had = {}
            for frame in intake.frames(tenant.id):
                lines = frame.lines.splitlines(keepends=True)
                assert len(lines) == frame.count
                for position, line in enumerate(lines, start=frame.first):
                    assert had.setdefault((frame.machine, frame.run, position), line) is line
            for machine in machines:
                known = control.known_machine(tenant.id, machine.name)
                if known is None:
                    continue
                of_machine = sorted(line for key, line in had.items() if key[0] == known.id)
                assert len(of_machine) >= machine.acknowledged
                assert of_machine == sorted(machine.lines(0, len(of_machine)))
    finally:
        intake.close()
        control.close()


def alive(pid):
    """Return whether a process still runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
