"""A connection that breaks after any byte of a request or of its reply: sent again, stored once."""

import gzip
import json
import os
import socket
import struct

import pytest
from killing import PATIENCE_SECONDS, Nursery, fleet, free_port, wait_for

STEP = 1 if os.environ.get("PERFKIT_PROOF") else 7
"""Every so many bytes the exchange is cut."""

LINES = 3


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder, port, nursery = tmp_path_factory.mktemp("served"), free_port(), Nursery()
    machines = fleet(folder)
    with nursery.server(folder, port):
        wait_for(port)
        yield port, machines
    nursery.close()


def request_of(machine, first):
    """Return the bytes of one upload as a client writes them."""
    body = gzip.compress(b"".join(machine.lines(first, first + LINES)), 1, mtime=0)
    head = (
        f"POST /v1/upload?machine_id={machine.name} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {machine.ingest_key}\r\nContent-Encoding: gzip\r\n"
        f"Perfkit-Run: {machine.run}\r\nPerfkit-Position: {first}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def exchange(port, request, *, reply_bytes=None):
    """Send bytes, read so many of the reply or all, and break the connection as a reset."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(request)
        reply = b""
        while reply_bytes is None or len(reply) < reply_bytes:
            want = 65536 if reply_bytes is None else reply_bytes - len(reply)
            piece = connection.recv(want)
            if not piece:
                break
            reply += piece
        if reply_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return reply


def answer_of(reply):
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), reply
    return json.loads(body)


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_a_request_cut_after_each_byte(served):
    port, (machine, *_) = served
    first = machine.acknowledged
    request = request_of(machine, first)
    for count in range(0, len(request), STEP):
        exchange(port, request[:count], reply_bytes=0)
    answer = answer_of(exchange(port, request))
    # Nothing of what was cut was stored: a body that is not whole is none.
    assert (answer["lines"], answer["duplicates"], answer["conflicts"]) == (LINES, 0, 0)
    machine.acknowledged += LINES
    machine.check(port)


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_a_reply_cut_after_each_byte(served):
    port, (machine, *_) = served
    whole = len(exchange(port, request_of(machine, machine.acknowledged)))
    machine.acknowledged += LINES
    for count in range(0, whole, STEP):
        request = request_of(machine, machine.acknowledged)
        exchange(port, request, reply_bytes=count)
        answer = answer_of(exchange(port, request))
        assert answer["lines"] + answer["duplicates"] == LINES
        assert answer["conflicts"] == 0
        machine.acknowledged += LINES
    machine.check(port)
