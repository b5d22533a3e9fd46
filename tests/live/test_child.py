"""The recorder as a child: messages, exit codes, and that it never stays behind."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from perfkit.live.child import Recorder

DEAF = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
print("deaf", file=sys.stderr, flush=True)
signal.sigwait([signal.SIGUSR1])
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


def wait_for_a_message(child: Recorder) -> None:
    while not child.messages():
        os.sched_yield()


def test_messages_come_once_and_whole():
    code = "import sys; sys.stderr.write('one\\ntwo\\nthr'); sys.exit(3)"
    child = Recorder(python(code))
    while child.code is None:
        os.sched_yield()
    assert child.messages() == ["one", "two"]
    assert child.messages() == []
    assert child.code == 3
    child.close()


def test_a_recorder_is_in_a_process_group_of_its_own():
    child = Recorder(python(DEAF), patience=0)
    assert os.getpgid(child._process.pid) != os.getpgid(0)  # noqa: SLF001 - what Ctrl-C reaches
    child.close()


def test_a_deaf_recorder_is_killed_when_asked_a_third_time():
    child = Recorder(python(DEAF))
    wait_for_a_message(child)
    child.end()
    child.end()
    assert child.code is None
    child.end()
    assert child._process.wait() == -signal.SIGKILL  # noqa: SLF001 - to wait without polling
    assert child.code == 128 + signal.SIGKILL
    child.end()  # nobody there any more
    child.close()


def test_a_deaf_recorder_is_killed_when_the_view_cannot_wait():
    child = Recorder(python(DEAF), patience=0.05)
    wait_for_a_message(child)
    child.close()
    assert child.code == 128 + signal.SIGKILL


def test_closing_waits_for_the_last_line(recorder: Callable[..., list[str]], tmp_path: Path):
    capture = tmp_path / "capture.json"
    child = Recorder(recorder(capture, 1, "wait"))
    wait_for_a_message(child)
    child.close()
    assert child.code == 0
    assert capture.read_text(encoding="utf-8").count("/proc/stat") == 2


def test_a_command_that_is_not_there_is_an_error():
    with pytest.raises(FileNotFoundError):
        Recorder(["/nonexistent/perfkit"])
