"""Bodies made to hurt, sent to a real process: a reason for each, nothing stored, little memory."""

import gzip
import http.client
import json
import socket
import subprocess
import sys
import time
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from backports import zstd
from one_server import served

from perfkit.server.limits import Limits

MIB = 1024 * 1024
LINE = b'{"timestamp":1700000000,"subsystem":"/s","measurement":"x"}\n'


class Process:
    """`perfkit serve` as it is installed."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.child = subprocess.Popen(
            [
                *(sys.executable, "-m", "perfkit", "serve", "--listen", "127.0.0.1:0"),
                *("--data-dir", str(folder), "--min-free", "0"),
            ],
            stderr=subprocess.PIPE,
            env=environment,
        )
        said = b""
        while b"serving on http://" not in said:
            said = self.child.stderr.readline()
            assert said, "it ended"
        self.port = int(said.split(b"http://127.0.0.1:")[1].split(b",")[0])
        self.keys = json.loads((folder / "first-run.json").read_bytes())
        self.base = self.peak()

    def peak(self) -> int:
        """Return the most memory it has had."""
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        raise AssertionError

    def ask(self, method, path, body=None, key="ingest_key", **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Authorization"] = f"Bearer {self.keys[key]}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def upload(self, body, **headers):
        return self.ask("POST", "/v1/upload?machine_id=hostile", body, **headers)


@pytest.fixture(scope="module")
def process(tmp_path_factory, unmeasured):
    one = Process(tmp_path_factory.mktemp("hostile") / "data", unmeasured)
    try:
        yield one
    finally:
        one.child.terminate()
        assert one.child.wait(30) == 0
        one.child.stderr.close()


def zeros(packer, mebibytes):
    """Return so many MiB of zeros, packed."""
    piece = bytes(MIB)
    return b"".join([*(packer.compress(piece) for _ in range(mebibytes)), packer.flush()])


def long_window():
    """Return a zstd frame that asks its reader for 128 MiB."""
    options = {zstd.CompressionParameter.window_log: 27}
    packer = zstd.ZstdCompressor(options=options)
    return packer.compress(LINE) + packer.flush()


def devices(count):
    """Return a line of /proc/diskstats with so many devices."""
    text = "".join(f"8 {n} sd{n} 1 2 3 4 5 6 7 8 9 10 11\n" for n in range(count))
    content = {"timestamp": 1700000000, "subsystem": "/proc/diskstats", "measurement": text}
    return json.dumps(content).encode()


HOSTILE = {
    "60,000 empty members": lambda: gzip.compress(b"", mtime=0) * 60_000,
    "60,000 empty frames": lambda: zstd.compress(b"") * 60_000,
    "gzip of 512 MiB of zeros and one more": lambda: zeros(zlib.compressobj(9, wbits=31), 513),
    "zstd of 2 GiB of zeros": lambda: zeros(zstd.ZstdCompressor(), 2048),
    "a bomb in a bomb": lambda: gzip.compress(zeros(zlib.compressobj(9, wbits=31), 513)),
    "a window of 128 MiB": long_window,
    "a line without end": lambda: b"x" * (40 * MIB),
    "an array of one long text": lambda: b'["' + b"x" * (40 * MIB),
    "an array 10^5 deep": lambda: b"[" * 100_000,
    "an object 10^5 deep": lambda: b'{"a":' * 100_000,
    "a line 10^5 deep": lambda: LINE[:-2] + b',"z":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "brackets for ever": lambda: b"[{" * (8 * MIB),
    "20,000 lines that are none": lambda: b"{}\n" * 20_000,
    "a number of 10^6 digits": lambda: b'[{"timestamp":' + b"1" * 1_000_000 + b"}]",
    "noise": lambda: bytes(range(256)) * 4096,
    "dates": lambda: LINE.replace(b"1700000000", b'"2023-11-14T22:13:20Z"'),
    "NaN": lambda: LINE.replace(b"1700000000", b"NaN"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_refused_with_a_reason(process, name):
    status, answer = process.upload(HOSTILE[name]())
    assert 400 <= status < 500, answer
    assert json.loads(answer)["error"]


def test_a_batch_cut_at_each_byte_is_refused(process):
    noise = "".join(f"{n * 2654435761 % 2**32:08x}" for n in range(900))
    content = {"timestamp": 1700000000, "subsystem": "/s", "measurement": noise}
    whole = gzip.compress(json.dumps(content).encode())
    assert len(whole) > 4000
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=20)
    head = {"Authorization": f"Bearer {process.keys['ingest_key']}"}
    for end in range(len(whole)):
        connection.request("POST", "/v1/upload?machine_id=hostile", whole[:end], head)
        answer = connection.getresponse()
        assert json.loads(answer.read())["error"]
        assert answer.status in (400, 422), end
    connection.close()


def test_nothing_of_them_was_stored_and_memory_stayed_within_bounds(process):
    """After the tests above: less than the biggest body takes as it is sent."""
    assert process.peak() - process.base <= Limits().body_bytes
    status, answer = process.ask("GET", "/api/v1/machines", key="read_key")
    assert (status, json.loads(answer)["items"]) == (200, [])
    status, answer = process.upload(LINE)
    assert (status, json.loads(answer)["lines"]) == (200, 1)


def test_a_hundred_thousand_devices_are_stored_as_they_are(process):
    """The door never judges a measurement; only a line's length is bounded."""
    status, answer = process.upload(devices(100_000))
    assert (status, json.loads(answer)["lines"]) == (200, 1)
    status, answer = process.upload(devices(150_000))
    assert status == 422
    assert "4194304 bytes" in json.loads(answer)["error"]


def test_an_upload_bigger_than_memory_is_given_back_as_it_was(tmp_path):
    lines = [
        b'{"timestamp":%d,"subsystem":"/s","measurement":"%b"}\n' % (1_700_000_000 + n, b"y" * 3000)
        for n in range(3000)
    ]
    whole = b"".join(lines)
    with served(tmp_path / "data") as server:
        answer = server.upload(whole)
        assert answer.json["lines"] == 3000
        assert answer.json["samples"] == 3000
        assert server.get("/api/v1/machines/1/export").body == whole
        again = server.upload(gzip.compress(whole, 1))
        assert (again.json["lines"], again.json["duplicates"]) == (0, 3000)
        assert again.json["receipt"] == answer.json["receipt"]
        # Cut at its end: the part that is good is not stored either.
        cut = gzip.compress(whole.replace(b"yyy", b"zzz"), 1)[:-5]
        assert server.upload(cut, "?machine_id=cut").status == 400
        assert len(server.get("/api/v1/machines").json["items"]) == 1
        assert list((tmp_path / "data" / "tmp").iterdir()) == []


def test_a_reader_that_takes_nothing_is_cut_off(tmp_path):
    text = b"z" * 100_000
    lines = b"".join(
        b'{"timestamp":%d,"subsystem":"/s","measurement":"%b"}\n' % (1_700_000_000 + n, text)
        for n in range(200)
    )
    with served(tmp_path / "data", send_seconds=0.5, exports=1) as server:
        server.upload(lines)
        host, port = urlsplit(server.url).netloc.split(":")
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect((host, int(port)))
            key = server.keys["read_key"]
            slow.sendall(
                f"GET /api/v1/machines/1/export HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {key}\r\n\r\n".encode()
            )
            assert slow.recv(12) == b"HTTP/1.1 200"
            assert server.get("/api/v1/machines/1/export").status == 503, "the one place is taken"
            end = time.monotonic() + 10
            while server.get("/api/v1/machines/1/export").status == 503:
                assert time.monotonic() < end, "it still waits for its reader"
