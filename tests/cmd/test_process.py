"""`perfkit process` as it is typed: what it prints, where, and how it ends."""

import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perfkit.cmd import _output
from perfkit.cmd import app as cli
from perfkit.record import Record, canonical_line

MEMINFO = b"MemTotal:        1000 kB\nMemFree:          %3d kB\n"


def capture(count: int) -> bytes:
    return b"".join(
        canonical_line(Record(1_700_000_000 + n, "/proc/meminfo", MEMINFO % (n % 1000)))
        for n in range(count)
    )


@pytest.fixture
def path(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(_output.signal, "signal", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "web1.json"
    path.write_bytes(capture(4))
    return path


SUMMARY = """\
perfkit: web1.json: 4 samples from 2023-11-14 22:13:20Z to 2023-11-14 22:13:23Z, one every 1 s
  proc/meminfo  2 rows
"""


@pytest.mark.usefixtures("path")
def test_a_capture_becomes_files_and_a_summary(capsys):
    assert cli.main(["process", "web1.json", "-o", "out"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", SUMMARY)
    assert len(Path("out/proc/meminfo").read_text().splitlines()) == 3


@pytest.mark.usefixtures("path")
def test_every_interval(capsys):
    assert cli.main(["process", "web1.json", "-o", "out", "--intervals", "all"]) == 0
    assert "  proc/meminfo  4 rows\n" in capsys.readouterr().err


@pytest.mark.usefixtures("path")
def test_the_summary_as_json_goes_to_stdout(capsys):
    assert cli.main(["process", "web1.json", "--output-dir", "out", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out)["rows"] == {"proc/meminfo": 2}


@pytest.mark.usefixtures("path")
def test_the_originals_flags(capsys):
    assert cli.main(["process", "-collection", "web1.json", "-outdir", "out"]) == 0
    assert cli.main(["process", "-collection=web1.json", "-outdir=out2"]) == 0
    assert capsys.readouterr().err == SUMMARY * 2


@pytest.mark.usefixtures("path")
def test_the_originals_variables_and_what_is_stronger(capsys, monkeypatch):
    monkeypatch.setenv("PCR_COLLECTION", "web1.json")
    monkeypatch.setenv("PCR_OUTDIR", "out")
    assert cli.main(["process"]) == 0
    assert Path("out/proc/meminfo").exists()
    assert cli.main(["process", "-o", "out2"]) == 0
    assert Path("out2/proc/meminfo").exists()
    assert cli.main(["process", "none.json", "-o", "out3"]) == 4
    assert capsys.readouterr().err == SUMMARY * 2 + (
        "perfkit: none.json: no such file, expected a capture\n"
    )


def test_standard_input(path: Path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert cli.main(["process", "-", "-o", "out"]) == 0
    assert capsys.readouterr().err.startswith("perfkit: standard input: 4 samples ")


def test_skipped_input_is_3(path: Path, capsys):
    path.write_bytes(capture(4) + b"garbage\n")
    assert cli.main(["process", "web1.json", "-o", "out"]) == 3
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("  skipped: line 5: expected timestamp, subsystem and measurement")
    assert Path("out/proc/meminfo").exists()


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "no capture: name a file, - for standard input, or set PCR_COLLECTION"),
        (["web1.json"], 2, "no folder for the files: name one by --output-dir, or set PCR_OUTDIR"),
        (["none", "-o", "out"], 4, "none: no such file, expected a capture"),
        ([".", "-o", "out"], 4, ".: is a folder, expected a capture file"),
        (["web1.json", "-o", "web1.json"], 2, "web1.json: is a file, expected a folder"),
        (
            ["web1.json", "-o", "out", "--intervals", "some"],
            2,
            "'some' is not one of 'first', 'all'",
        ),
        (["/dev/null", "-o", "out"], 4, "/dev/null: not a capture: it is empty"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(capsys, arguments, code, message):
    assert cli.main(["process", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert len(err.splitlines()) == 1
    assert os.listdir() == ["web1.json"]  # noqa: PTH208 - the names, no more


def not_measured() -> dict[str, str]:
    """Return an environment in which no coverage is taken of a child.

    Its file would not fit a full disk either, and a signal within its tracer's lock never ends.
    """
    return {name: text for name, text in os.environ.items() if "COVERAGE" not in name}


def started(folder: Path, *arguments: str, **more: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "perfkit", "process", *arguments], cwd=folder, **more
    )


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["sigint", "sigterm"]
)
def test_a_signal_ends_it_and_leaves_nothing(tmp_path: Path, number: int, code: int):
    # It waits for more on standard input, its hidden folder made, when the signal comes.
    with started(
        tmp_path,
        "-",
        "-o",
        "out",
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=not_measured(),
    ) as running:
        try:
            running.stdin.write(capture(500))
            running.stdin.flush()
            deadline = time.monotonic() + 20
            while not list(tmp_path.glob("out/.perfkit-*")):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            running.send_signal(number)
            _, err = running.communicate(timeout=20)
        finally:
            running.kill()
    assert (running.returncode, err) == (code, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_7_and_leaves_nothing(tmp_path: Path):
    (tmp_path / "web1.json").write_bytes(capture(5000))
    # No file may pass 64 kB: what a full disk is to a write.
    script = 'ulimit -f 64; exec "$0" -m perfkit process web1.json -o out'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable],
        cwd=tmp_path,
        env=not_measured(),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (7, "perfkit: out: not written: file too large\n")
    assert [each.name for each in tmp_path.iterdir()] == ["web1.json"]


def test_a_terminal_sees_a_bar_and_then_the_summary(tmp_path: Path):
    (tmp_path / "web1.json").write_bytes(capture(4))
    ours, theirs = pty.openpty()
    try:
        done = started(
            tmp_path,
            "web1.json",
            "-o",
            "out",
            stderr=theirs,
            env={**not_measured(), "TERM": "xterm", "COLUMNS": "40"},
        ).wait(timeout=30)
        os.close(theirs)
        shown = os.read(ours, 100_000)
    finally:
        os.close(ours)
    assert done == 0
    assert b"perfkit: web1.json: 4 samples" in shown
