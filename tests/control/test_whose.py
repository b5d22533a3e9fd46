"""`--machine` takes an identifier: what a machine is called, not its number."""

import json

import pytest
from calling import export_of, machine_of, numbered, plain, written


@pytest.fixture
def capture(tmp_path):
    return written(tmp_path / "a.json", plain())


@pytest.mark.parametrize("verb", ["upload", "verify"])
@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "é", "x" * 101, "a\n"])
def test_what_cannot_be_an_identifier(ctl, capture, verb, name):
    done = ctl(verb, capture, "--machine", name)
    assert (done.code, done.out) == (2, "")
    assert "--machine: expected a machine's identifier" in done.err


@pytest.mark.parametrize("key", ["ingest_key", None])
def test_a_number_makes_no_machine(ctl, server, capture, monkeypatch, key):
    if key is not None:
        monkeypatch.setenv("PERFKIT_KEY", server.keys[key])
        monkeypatch.delenv("PERFKIT_KEY_FILE")
    ctl.good("upload", capture, "--machine", "web1")
    done = ctl("upload", capture, "--machine", "1")
    assert (done.code, done.out) == (2, "")
    assert "it takes a machine's identifier: machine 1 is 'web1'" in done.err
    assert len(server.get("/api/v1/machines").json["items"]) == 1
    # No machine has that number; then a machine is called so.
    ctl.good("upload", capture, "--machine", "2023")
    ctl.good("upload", capture, "--machine", "2023")
    assert len(export_of(server, "2023")) == 60


def test_a_machine_that_is_called_like_the_number_of_another_is_meant(ctl, server, tmp_path):
    assert server.upload(b"".join(plain()), "?machine_id=web1").status == 200
    assert server.upload(b"".join(plain()), "?machine_id=1").status == 200
    file = written(tmp_path / "b.json", plain(80))
    ctl.good("upload", file, "--machine", "1")
    ctl.good("verify", file, "--machine", "1")
    assert [len(export_of(server, name)) for name in ("web1", "1")] == [60, 80]


def test_verify_tells_that_there_is_no_such_machine(ctl, capture, tmp_path):
    ctl.good("upload", capture, "--machine", "web1")
    for name, told in (("nosuch", "no such machine"), ("1", "machine 1 is 'web1'")):
        done = ctl("verify", capture, "--machine", name)
        assert (done.code, done.out) == (2, "")
        assert told in done.err
    # A capture that says whose it is differs from what the server has: nothing.
    assert ctl("verify", written(tmp_path / "b.json", numbered(5, "other"))).code == 1


def test_a_key_bound_to_a_machine_sends_where_the_machine_is_named(ctl, server, capture, tmp_path):
    ctl.good("upload", capture, "--machine", "web1")
    file = tmp_path / "bound"
    words = ("--tenant", "default", "--scope", "ingest", "--machine", machine_of(server, "web1"))
    ctl.good("keys", "create", *words, "--save", file)
    more = written(tmp_path / "b.json", plain(90))
    done = ctl("upload", more, "--key-file", file)
    assert done.code == 2
    assert "names no machine: say whose it is by --machine ID" in done.err
    done = ctl.good("upload", more, "--machine", "web1", "--key-file", file, "--json")
    assert json.loads(done.out)["files"][0]["stored"] == 30
