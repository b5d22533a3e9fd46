"""The entry of all five names: what it loads, and where it sends them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import perfkit
from perfkit.__main__ import main

SOURCE = Path(perfkit.__file__).parents[1]


def test_version_is_answered_before_anything_is_loaded(capsys: pytest.CaptureFixture[str]):
    assert main(["/usr/bin/perfkit", "--version"]) == 0
    assert main(["pcd", "--version"]) == 0
    assert capsys.readouterr().out == f"perfkit {perfkit.__version__}\n" * 2
    code = (
        "import sys; sys.path.append(sys.argv.pop(1)); before = set(sys.modules)\n"
        "from perfkit.__main__ import main\n"
        "sys.argv = ['perfkit', '--version']; main()\n"
        "print(sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, SOURCE], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1] == "['perfkit', 'perfkit.__main__']"


def test_a_closed_pipe_is_silent():
    reader, end = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "perfkit", "--version"]
    done = subprocess.run(words, stdout=end, stderr=subprocess.PIPE, check=False)
    os.close(end)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_version_that_cannot_be_written_is_one_line():
    words = [sys.executable, "-m", "perfkit", "--version"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False)
    said = b"perfkit: standard output: no space left on device\n"
    assert (done.returncode, done.stderr) == (7, said)


INTERRUPTED = """
import sys
sys.path.append(sys.argv.pop(1))
from perfkit.__main__ import main
class Finder:
    def find_spec(self, name, *_):
        if name == wanted:
            raise KeyboardInterrupt
wanted = sys.argv.pop(1)
sys.meta_path.insert(0, Finder())
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("command", "loaded"),
    [
        ("collect", "perfkit.agent.launch"),
        ("collect", "argparse"),
        ("process", "perfkit.cmd.app"),
        ("process", "typer"),
    ],
)
def test_ctrl_c_while_it_loads_is_silent(command: str, loaded: str):
    words = [sys.executable, "-c", INTERRUPTED, SOURCE, loaded, command, "x"]
    done = subprocess.run(words, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


@pytest.mark.parametrize(
    ("name", "command"),
    [("pcd", "serve"), ("pcctl", "ctl"), ("pcprocess", "process"), ("pcc", "collect")],
)
def test_an_alias_is_a_command(name: str, command: str, capsys: pytest.CaptureFixture[str]):
    assert main([f"/usr/bin/{name}", "--help"]) == 0
    assert f"perfkit {command}" in capsys.readouterr().out


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]):
    assert main(["perfkit"]) == 0
    assert "collect" in capsys.readouterr().out


def test_collect_needs_no_typer_for_a_wrong_setting(capfd: pytest.CaptureFixture[str]):
    assert main(["perfkit", "collect", "--cpuinfo", "x"]) == 2
    assert capfd.readouterr().err == (
        "perfkit: cpuinfo (flag --cpuinfo): expected once or every, found 'x'\n"
    )
    assert main(["pcc", "--cpuinfo", "x"]) == 2


def test_as_a_module():
    words = [sys.executable, "-m", "perfkit", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"perfkit {perfkit.__version__}\n"
