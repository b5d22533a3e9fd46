"""`perfkit ctl` in a terminal: bars go away, tables fit."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

for folder in ("control", "server"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from calling import line, wait_for_rows, written  # noqa: E402 - test folders are no packages
from one_server import served  # noqa: E402 - the same

NAME = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("terminal") / "data") as one:
        yield one


def cpu(number):
    """Return a line of a CPU that is idle for three quarters."""
    text = f"cpu  {number * 250} 0 0 {number * 750} 0 0 0 0 0 0\\n"
    at = 1_700_000_000 + number * 10
    return f'{{"timestamp":{at},"subsystem":"/proc/stat","measurement":"{text}"}}\n'.encode()


def shown(server, home, width, *words):
    """Run ctl in a terminal of a width; return its exit code and what the terminal was sent."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "perfkit", "ctl", *map(str, words)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={
            **{name: text for name, text in os.environ.items() if "COLUMNS" not in name},
            "HOME": str(home),
            "TERM": "xterm",
            "PERFKIT_SERVER": server.url,
            "PERFKIT_KEY_FILE": str(server.folder / "first-run.json"),
        },
    )
    os.close(theirs)
    sent = b""
    while data := _read(ours):
        sent += data
    os.close(ours)
    return process.wait(20), sent.decode()


def _read(file):
    try:
        return os.read(file, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize("width", [80, 40])
def test_a_bar_while_it_works_and_a_table_that_fits(server, tmp_path, width):
    file = written(tmp_path / "a.json", [line(number, "x" * 3000) for number in range(6_000)])
    code, sent = shown(server, tmp_path, width, "upload", file, "--machine", f"{NAME}{width}")
    assert code == 0
    assert "sending" in sent
    assert "━" in sent
    code, sent = shown(server, tmp_path, width, "verify", file, "--machine", f"{NAME}{width}")
    assert code == 0
    assert "comparing" in sent
    for verb in (["machines"], ["latest"], ["keys", "list", "--tenant", "default"], ["status"]):
        code, sent = shown(server, tmp_path, width, *verb)
        assert code == 0
        text = sent.replace("\x1b[1m", "").replace("\x1b[0m", "")
        assert "\x1b" not in text
        assert max(len(each) for each in text.splitlines()) <= width
    file = written(tmp_path / "b.json", [cpu(number) for number in range(20)])
    assert shown(server, tmp_path, width, "upload", file, "--machine", f"c{NAME}{width}")[0] == 0
    wait_for_rows(server, f"c{NAME}{width}")
    code, sent = shown(server, tmp_path, width, "series", f"c{NAME}{width}", "cpu")
    assert code == 0
    assert "mean over time" in sent


def test_an_export_tells_its_size_and_no_zip_goes_to_a_terminal(server, tmp_path):
    file = written(tmp_path / "b.json", [line(number) for number in range(10)])
    assert shown(server, tmp_path, 80, "upload", file, "--machine", "small")[0] == 0
    target = tmp_path / "out.json"
    words = ("export", "--collector", "small", "--format")
    code, sent = shown(server, tmp_path, 80, *words, "capture", "-o", target)
    assert (code, sent) == (0, f"perfkit: {target}: {target.stat().st_size} bytes\r\n")
    code, sent = shown(server, tmp_path, 80, *words, "csv")
    assert code == 2
    assert "a zip is not for a terminal" in sent
