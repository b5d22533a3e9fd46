"""The client against a real socket: one that says what a test wrote, and a real server."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perfkit.client import Server
from perfkit.errors import NetworkError, RefusedError, UsageError

sys.path.insert(0, str(Path(__file__).parent / "server"))

from one_server import served

LINE = b'{"timestamp":1700000005,"subsystem":"/proc/stat","measurement":"cpu  1 2 3 4\\n"}\n'
RUN = "6f1c0000-0000-4000-8000-000000000001"


class Scripted:
    """A server of one thread: each connection has a list of answers, None closes it."""

    def __init__(self, *connections: list[bytes | None]) -> None:
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self._script = connections
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for answers in self._script:
            peer, _ = self._socket.accept()
            with peer, peer.makefile("rb") as file:
                for answer in answers:
                    if answer is None or not self._take(file):
                        break
                    peer.sendall(answer)

    def _take(self, file) -> bool:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = file.readline()
            if not line:
                return False
            head += line
        self.heads.append(head.decode())
        length = [line for line in head.lower().split(b"\r\n") if b"content-length:" in line]
        self.bodies.append(file.read(int(length[0].split(b":")[1])) if length else b"")
        return True

    def end(self) -> None:
        self._thread.join(20)
        self._socket.close()


@contextmanager
def scripted(*connections: list[bytes | None]) -> Iterator[Scripted]:
    server = Scripted(*connections)
    try:
        yield server
    finally:
        server.end()


def address_of(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def refusal(status: str, body: bytes = b"", *headers: str, kind: type[Exception]) -> Exception:
    with scripted([reply(status, body, *headers)]) as one:
        client = Server(one.url, "secret-key")
        with pytest.raises(kind) as caught:
            client.get("/v1/x")
        client.close()
    assert "secret-key" not in str(caught.value)
    assert one.url in str(caught.value)
    return caught.value


def test_a_request_says_who_asks_and_for_what():
    with scripted([reply("200 OK", b'{"a":[1]}')]) as one:
        client = Server(one.url + "/base/", "secret-key")
        assert client.get("/v1/x", limit=2, after=None, name="a b&c") == {"a": [1]}
        client.close()
    first, *rest = one.heads[0].split("\r\n")
    assert first == "GET /base/v1/x?limit=2&name=a+b%26c HTTP/1.1"
    assert "Authorization: Bearer secret-key" in rest
    assert any(line.startswith("User-Agent: perfkit/") for line in rest)


def test_one_connection_carries_many_requests():
    with scripted([reply("200 OK", b"1"), reply("200 OK", b"2")]) as one:
        client = Server(one.url)
        assert [client.get("/a"), client.get("/b")] == [1, 2]
        client.close()


def test_a_connection_that_the_server_closed_is_opened_anew():
    closing = reply("200 OK", b"1")
    with scripted([closing], [reply("200 OK", b"2")]) as one:
        client = Server(one.url)
        assert client.get("/a") == 1
        assert client.get("/b") == 2
        client.close()


def test_only_what_can_be_done_twice_is_asked_twice():
    class AfterSending(Server):
        def _is_stale(self) -> bool:
            return False  # the server closes only once it has the request

    with scripted([reply("200 OK", b"1"), b""], [reply("200 OK", b"2")]) as one:
        client = AfterSending(one.url)
        client.get("/a")
        assert client.get("/b") == 2
        client.close()
    with scripted([reply("200 OK", b"1"), b""]) as one:
        client = AfterSending(one.url)
        client.get("/a")
        with pytest.raises(NetworkError, match="closed the connection without an answer"):
            client.request("POST", "/api/v1/keys", body=b"{}")


def test_a_body_may_come_in_pieces():
    class Two:
        length = 5

        def __iter__(self):
            return iter([b"ab", b"cde"])

    with scripted([reply("200 OK")]) as one:
        client = Server(one.url)
        assert client.request("POST", "/v1/upload", body=Two()).status == 200
        client.close()
    assert one.bodies == [b"abcde"]


@pytest.mark.parametrize(("status", "kind"), [("401 U", RefusedError), ("403 F", RefusedError)])
def test_a_key_that_may_not_is_refused(status: str, kind: type[Exception]):
    error = refusal(status, b'{"error":"key revoked"}', kind=kind)
    assert error.exit_code == 6
    assert error.status == int(status[:3])
    assert str(error).endswith(f": key revoked ({status[:3]})")


def test_a_busy_server_says_when_to_come_again():
    body = json.dumps({"detail": "too many\nuploads", "title": "Service Unavailable"}).encode()
    error = refusal("503 S", body, "Retry-After: 7", kind=NetworkError)
    assert error.exit_code == 5
    assert (error.status, error.retry_after) == (503, 7.0)
    assert str(error).endswith(": too many uploads (503)")


@pytest.mark.parametrize("text", ["", "soon", "-1", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 40])
def test_a_retry_after_that_is_no_number_is_none(text: str):
    error = refusal("429 T", b"<html>", f"Retry-After: {text}", kind=NetworkError)
    assert error.retry_after is None
    assert str(error).endswith(": Too Many Requests (429)")


def test_a_redirect_is_refused_and_the_key_stays():
    error = refusal("302 Found", b"", "Location: http://elsewhere/", kind=NetworkError)
    assert error.status == 302
    assert "leads to 'http://elsewhere/' (302)" in str(error)


def test_what_answers_something_else_is_no_server():
    for body in (b"<html>", b"[" * 100_000):
        error = refusal("200 OK", body, kind=NetworkError)
        assert "expected JSON, found" in str(error)


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"receipt":"x","machine":null,"lines":"1","rejected":[]}']
)
def test_a_receipt_that_is_none_is_an_error(body: bytes):
    with scripted([reply("200 OK", body)]) as one:
        client = Server(one.url)
        with pytest.raises(NetworkError, match="expected a receipt, found"):
            client.upload(LINE)
        client.close()


def test_a_cut_answer_is_an_error():
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
    with scripted([cut, None], [cut, None]) as one:
        client = Server(one.url)
        with pytest.raises(NetworkError, match="stopped in the middle"):
            client.get("/a")
        with pytest.raises(NetworkError, match="stopped in the middle"):
            b"".join(client.stream("/a"))


def test_what_is_no_http_is_an_error():
    with scripted([b"hello\r\n", None]) as one, pytest.raises(NetworkError, match="BadStatusLine"):
        Server(one.url).get("/a")


def test_an_answer_comes_as_a_stream():
    content = b"x" * 200_000
    with scripted([reply("200 OK", content), reply("404 N", b'{"detail":"no such run"}')]) as one:
        client = Server(one.url)
        pieces = list(client.stream("/a"))
        assert b"".join(pieces) == content
        assert len(pieces) > 1
        with pytest.raises(NetworkError, match=r"no such run \(404\)"):
            list(client.stream("/b"))


def test_a_refusal_in_the_middle_of_a_body_is_read():
    """The server answers and closes while most of the body is still on its way."""
    server = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        peer, _ = server.accept()
        peer.recv(100)
        peer.sendall(reply("413 P", b'{"error":"too big"}', "Connection: close"))
        peer.close()  # with bytes unread: the connection is reset

    thread = threading.Thread(target=refuse)
    thread.start()
    try:
        with pytest.raises(NetworkError) as caught:
            Server(address_of(server)).upload(b"x" * 20_000_000)
    finally:
        thread.join(20)
        server.close()
    assert caught.value.status == 413


def test_a_refusal_is_read_where_the_body_is_not_taken():
    """The server answers, and reads no more."""
    server = socket.create_server(("127.0.0.1", 0))
    peers: list[socket.socket] = []

    def refuse() -> None:
        peers.append(server.accept()[0])
        peers[0].recv(100)
        peers[0].sendall(reply("413 P", b'{"error":"too big"}', "Connection: close"))

    thread = threading.Thread(target=refuse)
    thread.start()
    try:
        with pytest.raises(NetworkError) as caught:
            Server(address_of(server), timeout=0.5).upload(b"x" * 20_000_000)
    finally:
        thread.join(20)
        peers[0].close()
        server.close()
    assert caught.value.status == 413


def test_nobody_there_is_said():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NetworkError) as caught:
        Server(f"http://127.0.0.1:{port}").get("/a")
    assert str(caught.value) == (
        f"server at http://127.0.0.1:{port} does not answer: connection refused"
    )
    assert caught.value.status is None


def test_silence_is_said_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        client = Server(address_of(mute), timeout=0.05)
        with pytest.raises(NetworkError, match="does not answer: timed out"):
            client.get("/a")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:8080", "expected http://HOST:PORT"),
        ("http://", "expected http://HOST:PORT"),
        ("ftp://a", "expected http://HOST:PORT"),
        ("http://a b", "expected http://HOST:PORT"),
        ("http://a:99999", "Port out of range"),
        ("http://a?b=1", "without ? and #"),
        ("http://me:hunter2@a", "expected no name or password"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, said: str):
    with pytest.raises(UsageError) as caught:
        Server(url)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_address_of_version_6_keeps_its_brackets():
    assert Server("http://[::1]:80/a/").url == "http://[::1]:80/a"


@pytest.mark.parametrize("key", ["", "two\nlines", "two words", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_told(key: str):
    with pytest.raises(UsageError) as caught:
        Server("http://a", key)
    assert not key or key not in str(caught.value)


def test_certificates_that_cannot_be_read_are_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"ca_file: .*/none: no certificates can be read"):
        Server("https://a", ca_file=str(tmp_path / "none"))
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(UsageError, match="ca_file"):
        Server("https://a", ca_file=str(tmp_path / "empty"))


def test_a_real_server_takes_and_gives(tmp_path: Path):
    with served(tmp_path / "data") as one:
        client = Server(one.url, one.keys["ingest_key"])
        receipt = client.upload(LINE, machine="web1", run=RUN, position=4, kind="stream")
        assert (receipt.lines, receipt.samples, receipt.duplicates) == (1, 1, 0)
        again = client.upload(LINE + b"x\n", machine="web1", run=RUN, position=4)
        assert (again.receipt, again.duplicates) == (receipt.receipt, 1)
        assert [number for number, _ in again.rejected] == [2]
        with pytest.raises(NetworkError, match=r"\(422\)"):
            client.upload(b"x\n", machine="web1", run=RUN, position=9)
        client.close()
        stranger = Server(one.url, "wrong-key")
        with pytest.raises(RefusedError, match=r"\(401\)"):
            stranger.upload(LINE, machine="web1")
        stranger.close()
        reader = Server(one.url, one.keys["read_key"])
        machines = reader.get("/api/v1/machines")
        assert [item["id"] for item in machines["items"]] == [receipt.machine]
        stream = reader.stream(f"/api/v1/machines/{receipt.machine}/export", format="capture")
        assert b"".join(stream) == LINE
        reader.close()
