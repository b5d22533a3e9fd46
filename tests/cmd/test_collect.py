"""`perfkit collect` as Typer shows it; what it does is tested in tests/agent."""

import pytest

from perfkit.cmd.app import main
from perfkit.settings.table import settings_of


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["collect", "--help"]) == 0
    text = capsys.readouterr().out
    for setting in settings_of("collect"):
        assert all(flag in text for flag in setting.flags)
        if setting.old and setting.flags:
            assert f"[{setting.old[0]}]" in text
    assert "--api-key " not in text
    assert "[default: 10s; 1s with --watch]" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--frequency", "10"], "frequency (flag --frequency): expected a duration"),
        (["--frequncy", "10s"], "no such option: --frequncy"),
        (["--frequency"], "option '--frequency' requires an argument"),
        (["--api-key", "x"], "no such option: --api-key"),
        (["file"], "got unexpected extra argument"),
        (["--mode", "trickle"], "no API key: set PCC_APIKEY or --api-key-file"),
        (["--watch", "--once"], "leave one out"),
        (["--watch", "--server", "http://h"], "no API key: set PCC_APIKEY or --api-key-file"),
    ],
)
def test_a_wrong_command_line_is_exit_2(
    words: list[str], said: str, capfd: pytest.CaptureFixture[str]
):
    assert main(["collect", *words]) == 2
    assert said in capfd.readouterr().err


def test_the_live_view_is_started_with_the_recorders_words(
    tmp_path, monkeypatch: pytest.MonkeyPatch
):
    from perfkit.live import watch  # noqa: PLC0415

    seen: list[object] = []

    def run(command: list[str], path: object, period: float) -> int:
        seen.extend([command[-1], path, period])
        return 0

    monkeypatch.setattr(watch, "run", run)
    path = tmp_path / "c.json"
    assert main(["collect", "--watch", "--collection", str(path), "--frequency", "2s"]) == 0
    assert seen == ["--loglevel=warn", path, 2.0]
