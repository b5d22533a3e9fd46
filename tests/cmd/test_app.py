"""Every way a command can end has its text and its exit code."""

import errno
import io
import os
import signal
import subprocess
import sys

import pytest
import typer

from perfkit import __version__
from perfkit.cmd import _output
from perfkit.cmd import app as cli
from perfkit.errors import DiskError, ParseError, PerfkitError, UsageError


@pytest.fixture
def ends_with(monkeypatch, capsys):
    """Return a function: a command that raises `error` -> (exit code, stderr)."""
    monkeypatch.setattr(_output.signal, "signal", lambda *_: None)

    def run(error: BaseException) -> tuple[object, str]:
        app = typer.Typer(rich_markup_mode=None)

        @app.callback()
        def root() -> None: ...

        @app.command()
        def work() -> None:
            raise error

        monkeypatch.setattr(cli, "app", app)
        code = cli.main(["work"])
        return code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        pytest.param(UsageError("no such period"), 2, "perfkit: no such period\n", id="usage"),
        pytest.param(DiskError("no room"), 7, "perfkit: no room\n", id="disk"),
        pytest.param(
            ParseError("diskstats", 3, "expected 14 columns or more, found 2", b"8 0"),
            4,
            "perfkit: diskstats:3: expected 14 columns or more, found 2: b'8 0'\n",
            id="parse",
        ),
        pytest.param(
            OSError(errno.ENOSPC, "No space left on device", "x.csv"),
            7,
            "perfkit: x.csv: no space left on device\n",
            id="os",
        ),
        pytest.param(KeyboardInterrupt(), 130, "", id="interrupt"),
        pytest.param(_output.Terminated(), 143, "", id="terminated"),
    ],
)
def test_an_error_becomes_one_line_and_its_code(ends_with, error, code, text):
    assert ends_with(error) == (code, text)


def test_a_bug_says_where_and_how_to_learn_more(ends_with, monkeypatch):
    monkeypatch.delenv("PERFKIT_DEBUG", raising=False)
    code, text = ends_with(ZeroDivisionError("by zero"))
    assert code == 70
    assert text.startswith("perfkit: a bug at test_app.py:")
    assert text.endswith("ZeroDivisionError: by zero (PERFKIT_DEBUG=1 shows the traceback)\n")
    assert "Traceback" not in text


def test_debug_shows_the_traceback(ends_with, monkeypatch):
    monkeypatch.setenv("PERFKIT_DEBUG", "1")
    assert "Traceback (most recent call last)" in ends_with(ZeroDivisionError("by zero"))[1]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["collekt"], ["no such command", "perfkit --help"]),
        (["process", "--frobnicate"], ["no such option", "--frobnicate", "perfkit process --help"]),
        (["process", "--output-dir"], ["requires an argument", "see perfkit process --help"]),
    ],
)
def test_a_wrong_word_is_usage(argv, words, capsys, monkeypatch):
    monkeypatch.setattr(_output.signal, "signal", lambda *_: None)
    assert cli.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert all(word in err for word in words)


@pytest.mark.parametrize(
    "words", ["", "collect", "process", "serve", "ctl", "ctl export", "ctl keys create"]
)
def test_help_fits_a_narrow_terminal(words: str, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.main([*words.split(), "--help"]) == 0
    wide = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "40")
    assert cli.main([*words.split(), "--help"]) == 0
    narrow = capsys.readouterr().out
    if "Commands:" not in wide:  # what a command does is cut there, in a few words
        assert sorted("".join(wide.split())) == sorted("".join(narrow.split()))
    # An example is one line, to be copied.
    too_wide = [line for line in narrow.splitlines() if len(line) > 40]
    assert all(line in wide.splitlines() and " perfkit " in line for line in too_wide)


def test_no_words_show_the_help(capsys, monkeypatch):
    monkeypatch.setattr(_output.signal, "signal", lambda *_: None)
    assert cli.main([]) == 0
    out, err = capsys.readouterr()
    assert all(name in out for name in ("collect", "serve", "ctl", "process"))
    assert err == ""


def test_version_is_also_an_option(capsys, monkeypatch):
    monkeypatch.setattr(_output.signal, "signal", lambda *_: None)
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"perfkit {__version__}\n"


def test_a_closed_pipe_ends_silently():
    # `head -0` is gone before the help is printed; the shell reports the first command's code.
    script = f"{sys.executable} -m perfkit process --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_stderr_that_is_gone_is_no_failure(monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert _output.code_of(PerfkitError("nobody reads this")) == 70


def test_sigterm_unwinds():
    before = signal.getsignal(signal.SIGTERM)
    try:
        _output.unwind_on_sigterm()
        with pytest.raises(_output.Terminated):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_files_change_no_code(closed):
    script = f"{sys.executable} -m perfkit process --help {closed}"
    assert subprocess.run(["sh", "-c", script], check=False, timeout=30).returncode == 0


@pytest.mark.parametrize("words", ["--version", "process --help"])
def test_a_full_disk_behind_stdout_is_7_and_one_line(words):
    script = f"{sys.executable} -m perfkit {words} >/dev/full"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert done.stderr.count("\n") == 1
    assert "no space left on device" in done.stderr
