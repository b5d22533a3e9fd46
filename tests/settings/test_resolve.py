"""Which place wins, and what a wrong value is told."""

from pathlib import Path

import pytest

from perfkit.errors import UsageError
from perfkit.settings.resolve import Resolved, resolve

SECOND = 1_000_000_000


def etc(folder: Path, toml: str | None = None, env: str | None = None) -> str:
    (folder / "perfkit").mkdir(exist_ok=True)
    if toml is not None:
        (folder / "perfkit/collect.toml").write_text(toml)
    if env is not None:
        (folder / "pcc.env").write_text(env)
    return str(folder)


def found(
    folder: Path,
    flags: dict[str, str] | None = None,
    variables: dict[str, str] | None = None,
    *,
    toml: str | None = None,
    env: str | None = None,
) -> Resolved:
    return resolve("collect", flags or {}, variables or {}, etc=etc(folder, toml, env))


def test_each_place_in_its_turn(tmp_path: Path):
    config = tmp_path / "my.toml"
    config.write_text('frequency = "3s"\n')
    flags = {"frequency": "1s"}
    variables = {"PERFKIT_FREQUENCY": "2s", "PCC_FREQUENCY": "9s", "PERFKIT_CONFIG": str(config)}
    toml = '# system\nfrequency = "4s"\n'
    env = "PCC_FREQUENCY=5s\n"
    places = [
        (flags, variables, toml, env, 1, "flag --frequency"),
        ({}, variables, toml, env, 2, "variable PERFKIT_FREQUENCY"),
        ({}, {**variables, "PERFKIT_FREQUENCY": ""}, toml, env, 9, "variable PCC_FREQUENCY"),
        ({}, {"PERFKIT_CONFIG": str(config)}, toml, env, 3, f"{config}:1"),
        ({"config": str(config)}, {}, toml, env, 3, f"{config}:1"),
        ({}, {}, toml, env, 4, f"{tmp_path}/perfkit/collect.toml:2"),
        ({}, {}, "", env, 5, f"{tmp_path}/pcc.env:1"),
        ({}, {}, "", "", 10, "default"),
    ]
    for flags_, variables_, toml_, env_, seconds, origin in places:
        result = found(tmp_path, flags_, variables_, toml=toml_, env=env_)
        assert result.number("frequency") == seconds * SECOND
        assert result.origins["frequency"] == origin
        assert result.is_set("frequency") == (origin != "default")


@pytest.mark.parametrize(
    ("flags", "variables", "toml", "env", "message"),
    [
        pytest.param(
            {"frequency": "10"},
            {},
            "",
            "",
            "frequency (flag --frequency): expected a duration such as 10s, 1h30m or 500ms, "
            "found '10'",
            id="flag",
        ),
        pytest.param(
            {},
            {"PCC_DURATION": "x"},
            "",
            "",
            "duration (variable PCC_DURATION): expected a duration such as 10s, 1h30m or 500ms, "
            "or 0 or infinity for no end, found 'x'",
            id="variable",
        ),
        pytest.param(
            {},
            {},
            '\nonce = "maybe"\n',
            "",
            "once (ETC/perfkit/collect.toml:2): expected true or false, found 'maybe'",
            id="toml",
        ),
        pytest.param(
            {},
            {},
            "",
            "# x\n\nexport PCC_MODE=both\n",
            "mode (ETC/pcc.env:3): expected local or trickle, found 'both'",
            id="env file",
        ),
        pytest.param(
            {"max_bytes": ""},
            {},
            "",
            "",
            "max_bytes (flag --max-bytes): expected a value, found none",
            id="empty flag",
        ),
        pytest.param(
            {},
            {},
            "frequncy = 3\n",
            "",
            "ETC/perfkit/collect.toml:1: 'frequncy' is no setting: docs/settings.md names them",
            id="unknown key",
        ),
        pytest.param(
            {},
            {},
            "watch = true\n",
            "",
            "ETC/perfkit/collect.toml:1: 'watch' is no setting: docs/settings.md names them",
            id="only a flag",
        ),
        pytest.param(
            {},
            {},
            "[collect]\nfrequency = 3\n",
            "",
            "ETC/perfkit/collect.toml:1: 'collect' is no setting: docs/settings.md names them",
            id="table",
        ),
        pytest.param(
            {},
            {},
            "root = []\n",
            "",
            "ETC/perfkit/collect.toml:1: root: expected one value",
            id="list",
        ),
        pytest.param(
            {},
            {},
            "",
            "PCC_MODE local\n",
            "ETC/pcc.env:1: expected NAME=value, without blanks around the =",
            id="no assignment",
        ),
        pytest.param(
            {},
            {},
            "",
            "PCC_COLLECTION=$HOME/c.json\n",
            "ETC/pcc.env:1: PCC_COLLECTION: no shell reads this file: write the value out",
            id="expansion",
        ),
        pytest.param(
            {},
            {},
            "",
            "PCC_COLLECTION='c.json\n",
            "ETC/pcc.env:1: PCC_COLLECTION: expected a closing '",
            id="open quote",
        ),
        pytest.param(
            {"config": "/no/such.toml"},
            {},
            "",
            "",
            "config: /no/such.toml: no such file",
            id="absent file",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_place(
    tmp_path: Path,
    flags: dict[str, str],
    variables: dict[str, str],
    toml: str,
    env: str,
    message: str,
):
    with pytest.raises(UsageError) as raised:
        found(tmp_path, flags, variables, toml=toml, env=env)
    assert str(raised.value) == message.replace("ETC", str(tmp_path))


def test_broken_toml_is_told_with_its_line(tmp_path: Path):
    with pytest.raises(UsageError, match=r"collect\.toml: .*line 2"):
        found(tmp_path, toml='mode = "local"\n= 3\n')


def test_toml_values_need_no_quotes(tmp_path: Path):
    result = found(
        tmp_path, toml='duration = 0\nonce = true\noriginal = false\n"max-bytes" = 4096\n'
    )
    assert result.number("duration") is None
    assert result.is_on("once")
    assert not result.is_on("original")
    assert result.number("max_bytes") == 4096


def test_env_file_as_the_original_has_it(tmp_path: Path):
    text = (
        "# comment\n"
        "export PCC_COLLECTION='/var/lib/pcc/$x.json'\n"
        'PCC_IDENTIFIER="web 1" # name\n'
        "  PCC_FREQUENCY=5s   # often\n"
        "PCC_FREQUENCY=6s\n"
        "PCC_MACHINE_NAME=\n"
        "PCC_BATCH_SIZE=100\n"
        "PCC_FREQENCY=3s\n"
        "LANG=C\n"
    )
    result = found(tmp_path, env=text)
    assert result.text("collection") == "/var/lib/pcc/$x.json"
    assert result.text("identifier") == "web 1"
    assert result.number("frequency") == 6 * SECOND
    assert result.origins["frequency"] == f"{tmp_path}/pcc.env:5"
    assert result.warnings == [
        f"{tmp_path}/pcc.env: PCC_BATCH_SIZE: accepted, but not built: no effect",
        f"{tmp_path}/pcc.env: PCC_FREQENCY: no setting has this name: no effect",
    ]


def test_variables_of_the_original_that_are_not_built_are_named(tmp_path: Path):
    variables = {
        "PCC_BENCHMARK_ENABLE": "false",
        "PCC_MACHINE_NAME": "",
        "PCC_COMPRESSION": "gzip",
        "PCC_FREQENCY": "5s",
        "PCC_FREQUENCY": "5s",
        "OTHER": "x",
    }
    assert found(tmp_path, variables=variables).warnings == [
        "PCC_BENCHMARK_ENABLE, PCC_COMPRESSION: accepted, but not built: no effect",
        "PCC_FREQENCY: no setting has this name: no effect",
    ]


def test_all_names_of_the_server(tmp_path: Path):
    for name in ("PERFKIT_SERVER", "PCC_SERVER_URL", "PCC_SERVER"):
        assert found(tmp_path, variables={name: "h:1"}).text("server") == "http://h:1"


def test_a_secret_is_never_shown(tmp_path: Path):
    result = found(tmp_path, variables={"PCC_APIKEY": "geheim"})
    assert "api_key = (hidden) (variable PCC_APIKEY)" in result.lines()
    assert not any("geheim" in line for line in result.lines())
    assert "api_key = (none) (default)" in found(tmp_path).lines()


def test_a_system_file_that_cannot_be_read_is_warned_of(tmp_path: Path):
    (tmp_path / "pcc.env").mkdir()
    result = found(tmp_path)
    assert result.warnings == [
        f"{tmp_path}/pcc.env: cannot be read: is a directory: going on without it"
    ]


def test_a_config_that_cannot_be_read_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"config: .*: cannot be read: is a directory"):
        found(tmp_path, {"config": str(tmp_path)})


def test_a_config_that_is_not_text_is_refused(tmp_path: Path):
    (tmp_path / "c.toml").write_bytes(b"mode = '\xff'")
    with pytest.raises(UsageError, match=r"c\.toml: expected UTF-8 text"):
        found(tmp_path, {"config": str(tmp_path / "c.toml")})


def test_a_variable_of_ours_that_sets_nothing_is_named():
    variables = {"PERFKIT_FREQUENZY": "1x", "PERFKIT_DEBUG": "1", "PERFKIT_LISTEN": "x"}
    found = resolve("collect", {}, variables, etc="/no/such/folder")
    assert found.warnings == ["PERFKIT_FREQUENZY: no setting has this name: no effect"]
