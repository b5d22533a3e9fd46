"""Whether the server has a capture's lines: yes, or no and where."""

import io
from types import SimpleNamespace

import pytest
from calling import RUN, host, numbered, plain, written


def test_what_is_missing_more_and_different_is_told(ctl, tmp_path):
    lines = numbered(30)
    stored = [*lines[:10], b"%b" % lines[10].replace(b"\\n", b"\\t"), *lines[11:20]]
    ctl.good("upload", written(tmp_path / "stored.json", stored))
    mine = written(tmp_path / "mine.json", [*lines[:15], host(25), *lines[26:30]])
    done = ctl("verify", mine, "--json")
    assert done.code == 1
    found = done.json
    (run,) = found["runs"]
    assert (found["same"], run["same"], run["lines"], run["run"]) == (False, False, 20, RUN)
    assert (run["missing"], run["more"], run["different"]) == ([[25, 29]], [[15, 19]], 1)
    assert (run["first"][0]["position"], run["first"][0]["line"]) == (10, 11)
    assert ctl("verify", mine, "--part", "--json").json["runs"][0]["more"] == []
    table = ctl("verify", mine).out
    assert f"run {RUN}: missing: positions 25 to 29" in table
    assert f"run {RUN}: more: positions 15 to 19" in table
    assert f"run {RUN}: position 10, line 11 differs:" in table


def test_a_part_is_no_whole_unless_it_is_said_to_be_one(ctl, tmp_path):
    lines = numbered(30)
    whole = written(tmp_path / "whole.json", lines)
    part = written(tmp_path / "part.json", lines[:20])
    rest = written(tmp_path / "rest.json", [host(20), *lines[20:]])
    ctl.good("upload", whole)
    assert ctl("verify", part).code == 1
    ctl.good("verify", part, "--part")
    ctl.good("verify", whole)
    # Files of one run stand for it together; here one line is another than the server's.
    assert ctl("verify", part, rest, "--json").json["runs"][0]["different"] == 10


def test_files_of_one_run_are_verified_together_in_any_order(ctl, tmp_path):
    first = [host(0), *plain(19)]
    second = [host(20), *plain(9)]
    one = written(tmp_path / "a.json.1", first)
    two = written(tmp_path / "a.json", second)
    ctl.good("upload", two, one)
    ctl.good("verify", one, two)
    ctl.good("verify", two, one)
    assert ctl("verify", one).code == 1


def test_a_machine_that_is_not_there_misses_all(ctl, tmp_path):
    file = written(tmp_path / "a.json", numbered(60, "nobody"))
    done = ctl("verify", file, "--json")
    assert (done.code, done.json["runs"][0]["missing"]) == (1, [[0, 59]])


def test_standard_input_is_verified_too(ctl, monkeypatch):
    text = b"".join(numbered(40, "piped"))
    for verb in ("upload", "verify"):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text)))
        ctl.good(verb, "-")
    assert ctl("verify", "-", "-").code == 2


def test_a_key_that_may_not_read_is_refused(ctl, server, tmp_path, monkeypatch):
    file = written(tmp_path / "a.json", numbered(10))
    monkeypatch.setenv("PERFKIT_KEY", server.keys["ingest_key"])
    ctl.good("upload", file)
    (one,) = ctl.good("upload", file, "--json").json["files"]
    assert (one["sent"], one["known"]) == (0, 10)
    assert ctl("verify", file).code == 6


@pytest.mark.parametrize("text", [b"", b"\n\n", b"no capture\n"])
def test_a_file_without_a_line_is_unreadable(ctl, tmp_path, text):
    file = written(tmp_path / "a.json", [text])
    code = 4 if not text.strip() else 3
    assert ctl("upload", file, "--machine", "x").code == code
    assert ctl("verify", tmp_path / "absent.json").code == 4
    assert ctl.good("machines", "--json").json["items"] == []
