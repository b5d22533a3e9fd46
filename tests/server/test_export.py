"""An export whose conversion fails is an error with its reason, never a file that looks whole."""

import sys

import pytest

LINE = b'{"timestamp":%d,"subsystem":"/s","measurement":"%s"}\n'


@pytest.fixture
def converter(tmp_path, monkeypatch):
    """Give a function: let this shell script convert, in place of `perfkit process`."""

    def convert(script):
        path = tmp_path / "converter"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(path))

    return convert


@pytest.mark.parametrize("lines", [1, 3_000])
def test_a_conversion_that_fails_is_a_503_with_what_it_said(server, converter, lines):
    body = b"".join(LINE % (1_700_000_000 + n, b"x" * 1_000) for n in range(lines))
    assert server.upload(body).status == 200
    converter("echo 'it broke' >&2; exit 9")  # it reads nothing: its input is a broken pipe
    answer = server.get("/api/v1/machines/1/export?format=csv")
    assert answer.status == 503
    assert answer.json["detail"] == "perfkit process ended with 9: it broke"
    assert server.get("/api/v1/machines/1/export").body == body


def test_a_range_that_holds_nothing_has_no_tree(server):
    server.upload(LINE % (1_700_000_000, b"x"))
    answer = server.get("/api/v1/machines/1/export?format=csv&start=1800000000")
    assert (answer.status, "no such lines" in answer.json["detail"]) == (404, True)
