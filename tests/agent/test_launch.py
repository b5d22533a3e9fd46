"""From flags to what the recorder is told; nothing is started here but where a test says so."""

import os
from pathlib import Path

import pytest

from perfkit.agent import launch
from perfkit.agent.launch import options_of, parse, start, watched
from perfkit.agent.trickle import key_of
from perfkit.errors import PerfkitError, UsageError
from perfkit.settings.resolve import resolve

SECOND = 1_000_000_000


def options(flags: dict[str, str] | None = None, variables: dict[str, str] | None = None):
    environment = {"XDG_STATE_HOME": "/state", **(variables or {})}
    found = resolve("collect", flags or {}, environment, etc="/no/such/folder")
    return options_of(found, environment), found


def refused(flags: dict[str, str] | None = None, variables: dict[str, str] | None = None) -> str:
    with pytest.raises(UsageError) as raised:
        options(flags, variables)
    return str(raised.value)


def test_flags_become_texts_by_name():
    words = ["--frequency=5s", "--once", "--max-bytes", "1M", "--frequency", "6s"]
    assert parse(words) == {"frequency": "6s", "once": "true", "max_bytes": "1M"}
    assert parse([]) == {}


@pytest.mark.parametrize(
    "words",
    [["--help"], ["-h"], ["--nope"], ["--freq", "5s"], ["file"], ["--frequency"], ["--once=1"]],
)
def test_what_argparse_does_not_take_is_left_to_typer(words: list[str]):
    assert parse(words) is None
    assert launch.main(words) is None


def test_a_key_is_no_flag():
    assert parse(["--api-key", "x"]) is None


def test_the_live_view_is_left_to_typer():
    assert launch.main(["--watch"]) is None


def test_defaults_are_safe():
    told, _ = options()
    assert told == {
        "collection": "/state/perfkit/capture.json.gz",
        "server": None,
        "identifier": told["identifier"],
        "period": 10 * SECOND,
        "ticks": 8641,  # 24 h / 10 s + 1: both ends
        "is_once": False,
        "is_original": False,
        "is_cpuinfo_repeated": False,
        "root": "/",
        "loglevel": 2,
        "fsync": 60 * SECOND,
        "min_free": 16 * 1024**2,
        "max_bytes": None,
        "max_age": None,
        "keep": None,
    }
    machine_id = Path("/etc/machine-id")
    name = machine_id.read_text().strip() if machine_id.exists() else ""
    assert told["identifier"] == (name or os.uname().nodename)


@pytest.mark.parametrize(
    ("flags", "ticks"),
    [
        ({"frequency": "5s", "duration": "630s"}, 127),
        ({"frequency": "10s", "duration": "5s"}, 1),
        ({"duration": "0"}, None),
        ({"duration": "infinity"}, None),
        ({"once": "true"}, 1),
    ],
)
def test_number_of_samples(flags: dict[str, str], ticks: int | None):
    assert options(flags)[0]["ticks"] == ticks


def test_every_setting_reaches_the_recorder():
    told, found = options(
        {
            "collection": "c.json",
            "identifier": "web1",
            "original": "true",
            "cpuinfo": "every",
            "root": "/host",
            "loglevel": "ERROR",
            "fsync": "tick",
            "min_free": "0",
            "max_bytes": "1M",
            "max_age": "1d",
            "keep": "0",
        }
    )
    assert told["collection"] == "c.json"
    assert told["identifier"] == "web1"
    assert told["is_original"]
    assert told["is_cpuinfo_repeated"]
    assert told["root"] == "/host"
    assert (told["loglevel"], told["fsync"], told["min_free"], told["keep"]) == (4, 0, 0, 0)
    assert (told["max_bytes"], told["max_age"]) == (1024**2, 86400 * SECOND)
    assert "collection = c.json (flag --collection)" in found.lines()


def test_a_dash_is_standard_output():
    assert options({"collection": "-"})[0]["collection"] == "/dev/stdout"
    assert refused({"collection": "-", "watch": "true"}) == (
        "collection (flag --collection): the view reads what is recorded: name a file"
    )


def test_an_identifier_has_a_length():
    assert options({"identifier": "x" * 100})[0]["identifier"] == "x" * 100
    assert refused({"identifier": "x" * 101}).startswith(
        "identifier (flag --identifier): expected 100 characters at most, "
        "of A-Z a-z 0-9 . _ : -, found 101: "
    )


@pytest.mark.parametrize("odd", ["web 1", "a\nb", "web/1", "wéb"])
def test_an_identifier_is_one_that_a_server_takes(odd: str):
    assert options({"identifier": "Web_1.example:eu-2"})[0]["identifier"] == "Web_1.example:eu-2"
    assert "of A-Z a-z 0-9 . _ : -" in refused({"identifier": odd})


def test_blanks_are_no_value():
    want = "identifier (flag --identifier): expected a value, found none"
    assert refused({"identifier": " "}) == want


KEY = {"PCC_APIKEY": "k-1"}


def test_trickle_is_what_a_server_makes_it():
    told, found = options({}, {**KEY, "PCC_MODE": "trickle"})
    assert told["server"] == {
        "url": "http://localhost:8080",
        "key": "k-1",
        "key_file": "",
        "ca_file": None,
        "spool": "/state/perfkit/spool",
        "spool_max": 256 * 1024**2,
        "samples": 6,
        "age": 60 * SECOND,
    }
    assert told["collection"] == "", "no capture beside it but where one is named"
    assert "flush = 6 samples or 60s (default)" in found.lines()
    told, found = options({"server": "h:80", "collection": "c.json"}, KEY)
    assert told["server"]["url"] == "http://h:80"
    assert told["collection"] == "c.json"
    assert "mode = trickle (a server is named)" in found.lines()
    assert not any("k-1" in line for line in found.lines())


@pytest.mark.parametrize(
    ("text", "samples", "age"), [("1", 1, 60), ("360", 360, 60), ("30s", 360, 30), ("2m", 360, 120)]
)
def test_a_batch_has_so_many_samples_or_takes_so_long(text: str, samples: int, age: int):
    server = options({"server": "h", "flush": text}, KEY)[0]["server"]
    assert (server["samples"], server["age"]) == (samples, age * SECOND)


@pytest.mark.parametrize("text", ["0", "361", "-1", "1.5", "soon", "0s"])
def test_a_batch_that_is_none_is_refused(text: str):
    said = refused({"server": "h", "flush": text}, KEY)
    assert said.startswith("flush (flag --flush): expected")


def test_a_spool_has_a_least_size():
    assert options({"server": "h", "spool_max": "64K"}, KEY)[0]["server"]["spool_max"] == 65536
    assert refused({"server": "h", "spool_max": "63K"}, KEY) == (
        "spool_max (flag --spool-max): expected 64K or more, found '63K'"
    )


def test_a_server_has_no_effect_where_mode_says_local():
    told, found = options({}, {"PCC_SERVER_URL": "http://h:8080", "PCC_MODE": "local"})
    assert told["server"] is None
    assert found.warnings == ["server (variable PCC_SERVER_URL): no effect: mode is local"]


def test_trickle_without_a_key_is_refused_and_says_what_to_do(tmp_path: Path):
    want = "no API key: set PCC_APIKEY or --api-key-file (mode trickle needs one)"
    assert refused({"mode": "trickle"}) == want
    (tmp_path / "empty").write_text("\n")
    said = refused({"server": "h", "api_key_file": str(tmp_path / "empty")})
    assert said.endswith("empty' holds no key: its first line is empty")
    assert refused({"server": "h", "api_key_file": str(tmp_path)}).endswith(": is a directory")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"server": "http://me:hunter2@h"}, "server: expected no name or password"),
        ({"server": "ftp://h"}, "server: expected http://HOST:PORT"),
        ({"server": "https://h", "ca_file": "/no/such"}, "ca_file: /no/such: no certificates"),
        ({"server": "h", "original": "true"}, "original (flag --original): what is sent tells"),
    ],
)
def test_what_cannot_be_sent_is_refused_at_the_start(flags: dict[str, str], said: str):
    assert refused(flags, KEY).startswith(said)


def test_the_key_comes_from_the_stronger_place(tmp_path: Path):
    file = tmp_path / "key"
    file.write_text("k-2\n")
    by_flag = options({"server": "h", "api_key_file": str(file)}, KEY)[0]["server"]
    assert (by_flag["key_file"], key_of(by_flag)) == (str(file), "k-2")
    (tmp_path / "perfkit").mkdir()
    (tmp_path / "perfkit/collect.toml").write_text(f'api_key_file = "{file}"\n')
    found = resolve("collect", {"server": "h"}, KEY, etc=str(tmp_path))
    assert key_of(options_of(found, KEY)["server"]) == "k-1"


def test_a_key_file_may_be_replaced(tmp_path: Path):
    file = tmp_path / "key"
    file.write_text("k-2\n")
    server = options({"server": "h", "api_key_file": str(file)})[0]["server"]
    file.write_text("k-3\n")
    assert key_of(server) == "k-3"
    file.unlink()
    with pytest.raises(UsageError, match="api_key_file: cannot read"):
        key_of(server)


def test_a_live_view_of_what_is_sent_has_a_capture_to_look_at():
    words, path, _ = watched({"watch": "true", "server": "h"}, {**KEY, "XDG_STATE_HOME": "/state"})
    assert path == "/state/perfkit/capture.json.gz"
    assert f"--collection={path}" in words


def test_a_key_file_has_to_be_there(tmp_path: Path):
    (tmp_path / "key").write_text("k")
    options({"api_key_file": str(tmp_path / "key")})
    assert refused({"api_key_file": str(tmp_path / "absent")}) == (
        f"api_key_file (flag --api-key-file): cannot read '{tmp_path}/absent'"
    )


def test_the_original_has_whole_seconds_only():
    assert refused({"original": "true", "frequency": "1.5s"}) == (
        "frequency (flag --frequency): the original's format has whole seconds only, found '1.5s'"
    )


def test_one_sample_cannot_be_watched():
    assert "leave one out" in refused({"watch": "true", "once": "true"})


def test_the_live_view_gets_the_recorders_command_line():
    command, path, period = watched(
        {"watch": "true", "root": "/", "original": "true", "loglevel": "debug"},
        {"XDG_STATE_HOME": "/state"},
        etc="/no/such/folder",
    )
    assert path == "/state/perfkit/capture.json.gz"
    assert period == 1.0
    assert command[5:] == [
        "collect",
        "--frequency=1000000000ns",
        "--loglevel=warn",
        "--original",
        "--root=/",
    ]
    assert watched({"watch": "true", "frequency": "2s"}, {}, etc="/no")[2] == 2.0


def test_start_says_every_setting_and_hands_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    handed: list[object] = []
    monkeypatch.setattr(launch, "become_recorder", handed.append)
    variables = {"PCC_APIKEY": "geheim", "PCC_BUFFER_SIZE": "3", "XDG_STATE_HOME": "/state"}
    start({"once": "true"}, variables, etc=str(tmp_path))
    said = capfd.readouterr().err.splitlines()
    assert said[0] == ("perfkit: warning: PCC_BUFFER_SIZE: accepted, but not built: no effect")
    assert said[1].startswith("perfkit: perfkit ")
    assert "perfkit:   api_key = (hidden) (variable PCC_APIKEY)" in said
    assert "perfkit:   once = true (flag --once)" in said
    assert len(said) == 2 + 24
    assert len(handed) == 1


def test_a_wrong_setting_is_one_line_and_exit_2(capfd: pytest.CaptureFixture[str]):
    assert launch.main(["--frequency", "10"]) == 2
    assert capfd.readouterr().err == (
        "perfkit: frequency (flag --frequency): expected a duration such as 10s, 1h30m or 500ms, "
        "found '10'\n"
    )


def test_ctrl_c_before_the_start_is_a_clean_end(monkeypatch: pytest.MonkeyPatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "start", interrupt)
    assert launch.main([]) == 0


def test_an_interpreter_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(launch, "block_signals", lambda: None)
    monkeypatch.setattr(launch.sys, "executable", "/no/such/python")
    with pytest.raises(PerfkitError, match="cannot start '/no/such/python' again: no such file"):
        launch.become_recorder(options()[0])
