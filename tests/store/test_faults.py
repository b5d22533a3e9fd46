"""Faults that tests ask for happen where and when they say, and nowhere else."""

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from perfkit.store import faults

SOURCE = Path(faults.__file__).parents[1]


def test_nothing_happens_unasked():
    for point in faults.POINTS:
        faults.reach(point)
        assert not faults.is_awaited(point)


@pytest.mark.parametrize(("action", "code"), [("eio", errno.EIO), ("enospc", errno.ENOSPC)])
def test_an_error_happens_at_its_pass(action, code):
    faults.arm(f"log.before-sync:2-3:{action}")
    assert faults.is_awaited("log.before-sync")
    raised = []
    for _ in range(4):
        faults.reach("log.after-sync")
        try:
            faults.reach("log.before-sync")
            raised.append(None)
        except OSError as error:
            raised.append(error.errno)
    assert raised == [None, code, code, None]


def test_a_process_is_killed_at_its_point():
    program = "from perfkit.store import faults\nfor n in range(9): print(n); faults.reach('x')"
    done = subprocess.run(
        [sys.executable, "-u", "-c", program],
        env={**os.environ, "PERFKIT_FAULT": "x:3"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == [b"0", b"1", b"2"]


def test_how_a_fault_is_written():
    assert faults.parsed(None) is None
    assert faults.parsed("") is None
    assert faults.parsed("a") == ("a", 1, 1, "kill")
    assert faults.parsed("a:4") == ("a", 4, 4, "kill")
    assert faults.parsed("a:4-6:eio") == ("a", 4, 6, "eio")


def test_every_point_that_is_named_is_passed_somewhere():
    text = "".join(file.read_text() for file in SOURCE.rglob("*.py"))
    reached = set(re.findall(r"reach\(\"([a-z.-]+)\"\)", text))
    assert reached <= set(faults.POINTS)
    unreached = set(faults.POINTS) - reached
    assert {point.partition(".")[0] for point in unreached} <= {"loader"}
