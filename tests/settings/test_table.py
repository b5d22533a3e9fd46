"""The table itself: names, defaults and variables that agree with each other and the documents."""

import pytest

from perfkit.settings.page import settings_page
from perfkit.settings.table import NOT_BUILT, SETTINGS, capture_path, settings_of


def test_the_flags_and_variables_of_the_original():
    collect = {setting.name: setting for setting in settings_of("collect")}
    old = {
        "mode": "PCC_MODE",
        "collection": "PCC_COLLECTION",
        "frequency": "PCC_FREQUENCY",
        "duration": "PCC_DURATION",
        "identifier": "PCC_IDENTIFIER",
        "server": "PCC_SERVER_URL",
        "api_key": "PCC_APIKEY",
        "loglevel": "PCC_LOGLEVEL",
    }
    for name, variable in old.items():
        assert variable in collect[name].variables
        assert collect[name].variables[0] == f"PERFKIT_{name.upper()}"
    assert {setting.name: setting.old for setting in settings_of("process")} == {
        "collection": ("PCR_COLLECTION",),
        "outdir": ("PCR_OUTDIR",),
    }


def test_names_and_variables_are_used_once_in_a_command():
    for command in {setting.command for setting in SETTINGS}:
        names = [setting.name for setting in settings_of(command)]
        assert len(names) == len(set(names))
        variables = [name for setting in settings_of(command) for name in setting.variables]
        assert len(variables) == len(set(variables))
        assert not set(variables) & set(NOT_BUILT)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: f"{one.command}-{one.name}")
def test_every_default_is_a_value(setting):
    if setting.default:
        setting.kind(setting.default)
    assert not setting.help.endswith(".")
    assert setting.is_switch == (setting.metavar is None)


def test_a_secret_has_no_flag():
    assert [setting.name for setting in SETTINGS if setting.is_secret] == ["api_key", "key"]
    assert not any(setting.flags for setting in SETTINGS if setting.is_secret)


def test_a_capture_goes_to_the_state_folder(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/you")
    path = "/home/you/.local/state/perfkit/capture.json.gz"
    assert capture_path({}) == path
    assert capture_path({"XDG_STATE_HOME": "relative"}) == path, "the document: ignore it"
    assert capture_path({"XDG_STATE_HOME": "/s"}) == "/s/perfkit/capture.json.gz"


def test_the_page_names_every_setting():
    page = settings_page()
    for setting in SETTINGS:
        assert f"| `{setting.name}` |" in page
        assert all(f"`{name}`" in page for name in setting.variables)
    assert all(name in page for name in NOT_BUILT)
