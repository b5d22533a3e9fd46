"""Every limit at its value and one past it; bodies made to hurt are refused with a reason."""

import gzip
import json
import socket
import zlib
from urllib.parse import urlsplit

import pytest
from backports import zstd
from one_server import served

from perfkit.server.limits import Limits, table


def line(size=None, subsystem="/s", second=0):
    head = f'{{"timestamp":{1_700_000_000 + second},"subsystem":"{subsystem}","measurement":"'
    room = 10 if size is None else size - len(head.encode()) - 2
    return (head + "x" * room + '"}').encode()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with served(
        tmp_path_factory.mktemp("small") / "data",
        body_bytes=4000,
        body_bytes_in_memory=1500,
        text_bytes=20_000,
        text_bytes_in_memory=3000,
        ratio_from_bytes=10_000,
        text_ratio=10,
        members=3,
        lines=20,
        rejected=4,
        parts=2,
        line_bytes=2500,
        json_depth=5,
        name_bytes=10,
        trickle_bytes=2000,
        identifier_characters=8,
        connections=40,
        header_seconds=0.3,
        body_grace_seconds=0.3,
        body_rate=100_000,
    ) as server:
        yield server


def status(server, body, query="?machine_id=m", **headers):
    answer = server.upload(body, query, **headers)
    if answer.status >= 400:
        assert answer.json["error"], "a refusal has a reason"
    return answer.status


def rejected(server, body, **headers):
    answer = server.upload(body, "?machine_id=m", **headers)
    return [one["reason"] for one in answer.json["rejected"]]


def test_bytes_of_a_body(small):
    padded = line() + b"\n"
    assert status(small, padded + b" " * (4000 - len(padded))) == 200
    assert status(small, padded + b" " * (4001 - len(padded))) == 413


def test_a_chunked_body_is_measured_as_it_comes(small):
    def pieces(count):
        yield line() + b"\n"
        for _ in range(count):
            yield b" " * 1000

    assert status(small, pieces(3)) == 200
    assert status(small, pieces(4)) == 413


def test_bytes_of_text_and_its_ratio(small):
    def packed(size):
        # Noise packs to about half, so that the ratio is not what counts.
        return gzip.compress(line() + b"\n" + b" " * (size - len(line()) - 1), 1)

    assert status(small, packed(10_000)) == 200
    assert status(small, packed(10_001)) == 413, "more than ten bytes of text a byte"
    bomb = gzip.compress(b" " * 10_000_000)
    assert status(small, zlib.compress(bomb)) in (400, 413, 422)
    assert status(small, bomb[:3000]) in (400, 413)
    assert status(small, zstd.compress(b" " * 10_000_000), Content_Encoding="zstd") == 413


def test_members_of_a_body(small):
    one = gzip.compress(line() + b"\n")
    empty = gzip.compress(b"")
    assert status(small, one + empty * 2) == 200
    assert status(small, one + empty * 3) == 400
    assert status(small, empty * 150) == 400
    frame = zstd.compress(line() + b"\n")
    assert status(small, frame + zstd.compress(b"") * 2) == 200
    assert status(small, frame + zstd.compress(b"") * 3) == 400


def test_lines_of_a_body(small):
    lines = [line(second=number) for number in range(21)]
    assert status(small, b"\n".join(lines[:20])) == 200
    assert status(small, b"\n".join(lines)) == 413
    assert status(small, b"[" + b",".join(lines[:20]) + b"]") == 200
    assert status(small, b"[" + b",".join(lines) + b"]") == 413


def test_rejected_lines_of_a_body(small):
    assert status(small, line() + b"\n" + b"{}\n" * 4) == 200
    assert status(small, line() + b"\n" + b"{}\n" * 5) == 400


def test_bytes_of_a_line(small):
    assert rejected(small, line(2500)) == []
    assert rejected(small, line(2501) + b"\n" + line()) == [
        "expected 2500 bytes at most, found 2501"
    ]


def test_brackets_of_a_line(small):
    def deep(depth):
        return line()[:-1] + b',"more":' + b"[" * depth + b"]" * depth + b"}"

    assert rejected(small, deep(4)) == []
    assert rejected(small, line() + b"\n" + deep(5)) == ["expected 5 brackets open at once at most"]
    assert status(small, b"[" * 3900) in (400, 422)
    assert status(small, b'{"a":' * 700) in (400, 422)


def test_bytes_of_a_subsystem(small):
    assert rejected(small, line(subsystem="é" * 5)) == []
    assert len(rejected(small, line() + b"\n" + line(subsystem="é" * 5 + "x"))) == 1
    assert len(rejected(small, line() + b"\n" + line(subsystem=""))) == 1


def test_time_of_a_line(small):
    def at(second):
        return b'{"timestamp":%d,"subsystem":"/s","measurement":""}\n' % second

    assert rejected(small, at(315_532_800)) == []
    assert len(rejected(small, line() + b"\n" + at(315_532_799))) == 1
    assert len(rejected(small, line() + b"\n" + at(4_000_000_000))) == 1
    assert len(rejected(small, line() + b"\n" + at(10**30))) == 1


def test_characters_of_an_identifier(small):
    assert status(small, line(), "?machine_id=12345678") == 200
    assert status(small, line(), "?machine_id=123456789") == 400


def form(parts):
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % pair for pair in parts
    )
    return body + b"--x--\r\n"


FORM = {"Content_Type": "multipart/form-data; boundary=x"}


def test_parts_of_a_form(small):
    parts = [(b"machine_id", b"m"), (b"file", line())]
    assert status(small, form(parts), "", **FORM) == 200
    assert status(small, form([*parts, (b"more", b"")]), "", **FORM) == 400
    assert status(small, gzip.compress(form(parts)), "", Content_Encoding="gzip", **FORM) == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"--x--\r\n", b"no form", form([(b"machine_id", b"m")]), form([(b"file", line())])[:-20]],
)
def test_a_form_that_is_none_is_refused(small, body):
    assert status(small, body, "", **FORM) in (400, 422)


def test_a_form_needs_its_boundary(small):
    assert status(small, form([]), "", Content_Type="multipart/form-data") == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n",
        b"null",
        b"{}",
        b"[]",
        b"[1,2]",
        b"[{]",
        b"[,]",
        b"[" + line() + b",",
        b"[" + line() + b"] x",
        b'["\\',
        b'{"timestamp":NaN,"subsystem":"/s","measurement":""}',
        b'{"timestamp":1e9,"subsystem":"/s","measurement":""}',
        b'{"timestamp":"2023-01-01","subsystem":"/s","measurement":""}',
        b'{"timestamp":1700000000,"subsystem":7,"measurement":""}',
        b'{"timestamp":1700000000,"subsystem":"/s"}',
        b'{"timestamp":1700000000,"subsystem":"/s","measurement":"\xff"}',
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00junkjunkjunk",
        b"\x28\xb5\x2f\xfd",
        b"\x28\xb5\x2f\xfdjunkjunk",
        b"\x00" * 100,
    ],
)
def test_nothing_to_store_is_refused_with_a_reason(small, body):
    assert status(small, body) in (400, 422)


def test_a_body_cut_at_each_byte_is_refused_or_stored_in_part(small):
    whole = gzip.compress(line() + b"\n" + line(second=1) + b"\n")
    for end in range(len(whole)):
        assert status(small, whole[:end]) in (400, 422)
    array = b"[" + line() + b"]"
    for end in range(len(array)):
        assert status(small, array[:end]) in (400, 422)


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "nonsense"])
def test_other_encodings_are_refused(small, encoding):
    assert status(small, line(), Content_Encoding=encoding) == 415


def test_a_packing_that_is_not_what_it_says_is_refused(small):
    assert status(small, line(), Content_Encoding="gzip") == 400
    assert status(small, line(), Content_Encoding="zstd") == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Perfkit_Run": "none"},
        {"Perfkit_Run": "00000000-0000-0000-0000-000000000001", "Perfkit_Position": "-1"},
        {"Perfkit_Run": "00000000-0000-0000-0000-000000000001", "Perfkit_Position": "x"},
        {"Perfkit_Position": "1"},
        {"Perfkit_Kind": "neither"},
    ],
)
def test_headers_that_make_no_sense_are_refused(small, headers):
    assert status(small, line(), **headers) == 400


def trickle(server, content):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return server.ask("POST", "/v1/trickle", body, key="ingest_key")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 1900,
        {"identifier": "m"},
        {"identifier": 7, "measurements": []},
        {"identifier": "m", "measurements": {}},
        {"identifier": "m", "measurements": [7]},
        {"identifier": "m", "measurements": []},
        {"identifier": "a b", "measurements": [json.loads(line())]},
        {"identifier": "m", "measurements": [{}] * 5},
    ],
)
def test_a_trickle_that_is_none_is_refused(small, content):
    answer = trickle(small, content)
    assert answer.status in (400, 422)
    assert answer.json["error"]


def test_bytes_of_a_trickle(small):
    content = {"identifier": "m", "measurements": [json.loads(line())]}
    room = 2000 - len(json.dumps(content)) - len(',"x":""') - 2
    assert trickle(small, content | {"x": "y" * room}).status == 200
    assert trickle(small, content | {"x": "y" * (room + 20)}).status == 413


def raw(server, data):
    """Send bytes as they are and read to the end."""
    host, port = urlsplit(server.url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(data)
        found = b""
        try:
            while more := connection.recv(65536):
                found += more
        except ConnectionResetError:
            return found + b"RESET"
        return found


def test_a_header_that_does_not_end_is_cut_off(small):
    assert raw(small, b"GET /v1/ping HTTP/1.1\r\nHost: x\r\nX: ") in (b"", b"RESET")


def test_a_body_that_does_not_come_is_408(small):
    key = small.keys["ingest_key"]
    head = (
        f"POST /v1/upload?machine_id=m HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        "Content-Length: 1000\r\nConnection: close\r\n\r\n{"
    ).encode()
    assert raw(small, head).startswith(b"HTTP/1.1 408 ")


def test_what_is_no_http_is_400(small):
    assert b" 400 " in raw(small, b"\x16\x03\x01 hello\r\n\r\n")[:14]
    answer = raw(small, b"GET / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n")
    assert b" 400 " in answer[:14]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"].startswith("expected HTTP: ")


def test_connections_past_the_limit_are_told(tmp_path):
    with served(tmp_path / "data", connections=2) as server:
        address = urlsplit(server.url).netloc.split(":")
        held = [socket.create_connection((address[0], int(address[1]))) for _ in range(2)]
        try:
            for one in held:
                one.sendall(b"GET /v1/ping HTTP/1.1\r\nHost: x\r\n\r\n")
                assert one.recv(100).startswith(b"HTTP/1.1 200")
            assert b"503" in raw(server, b"")[:20]
        finally:
            for one in held:
                one.close()


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({"uploads": 0}, 503),
        ({"min_free_bytes": 2**62}, 507),
    ],
)
def test_where_there_is_no_room_the_client_is_told_when_to_come_again(tmp_path, limits, status):
    with served(tmp_path / "data", **limits) as server:
        answer = server.upload(line())
        assert answer.status == status
        assert int(answer.headers["Retry-After"]) > 0
        ready = server.ask("GET", "/readyz").status
        assert ready == (503 if status == 507 else 200)


def test_requests_and_queries_of_a_key(tmp_path):
    with served(tmp_path / "data", requests_per_minute=3, queries=0) as server:
        assert server.get("/api/v1/machines").status == 503
        for left in ("2", "1", "0"):
            answer = server.get("/api/v1/tenants", key="admin_key")
            assert (answer.status, answer.headers["RateLimit-Remaining"]) == (200, left)
        answer = server.get("/api/v1/tenants", key="admin_key")
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert server.get("/api/v1/machines").status == 503, "another key has its own"


def test_each_limit_says_its_unit_and_what_happens():
    rows = table()
    assert [row[0] for row in rows] == list(Limits.__struct_fields__)
    assert all(unit and effect for _, _, unit, effect in rows)
