"""A machine that is named twice, and a client that leaves before it has sent all."""

import socket
import time


def test_a_machine_that_is_named_twice_has_to_be_the_same(shared):
    def form(query: str, field: str):
        body = (
            b'--x\r\nContent-Disposition: form-data; name="machine_id"\r\n\r\n'
            + field.encode()
            + b'\r\n--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
            + b'{"timestamp":1700000000,"subsystem":"/s","measurement":"twice"}\n'
            + b"\r\n--x--\r\n"
        )
        return shared.upload(body, query, Content_Type="multipart/form-data; boundary=x")

    assert form("?machine_id=twice", "twice").status == 200
    refused = form("?machine_id=one", "other")
    assert refused.status == 400
    assert "the query says 'one', the form 'other'" in refused.body.decode()
    assert shared.upload(b"{}", "?machine_id=a&machine_id=b").status == 400


def test_a_client_that_leaves_is_counted_and_logs_nothing(shared, caplog):
    host, port = shared.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /v1/upload?machine_id=gone HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n"
            b"Authorization: Bearer " + shared.keys["ingest_key"].encode() + b"\r\n\r\nabc"
        )
    give_up = time.monotonic() + 20
    while 'status="499"' not in shared.ask("GET", "/metrics").body.decode():
        assert time.monotonic() < give_up
        time.sleep(0.02)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
