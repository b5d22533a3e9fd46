"""The clocks and signals of a real process; short, and in a process of its own."""

import signal
import subprocess
import sys
import time

from perfkit.agent.clock import BOOTTIME, MONOTONIC, REALTIME, Clock

CODE = """
import os, time
import _signal as signal
from perfkit.agent.clock import Clock
signal.signal(signal.SIGHUP, signal.SIG_IGN)
clock = Clock()
os.kill(os.getpid(), signal.SIGHUP)
print(clock.sleep(0), clock.sleep(-5), clock.is_ending())
os.kill(os.getpid(), signal.SIGTERM)
print(clock.is_ending(), clock.sleep(60 * 10**9))
os.kill(os.getpid(), signal.SIGINT)
print(clock.sleep(60 * 10**9))
clock.set_alarm(1)
clock.wait_for_alarm()
before = time.monotonic()
print(clock.sleep(10**7), time.monotonic() - before >= 0.01)
"""


def test_signals_wait_until_the_clock_takes_them():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "None None False\nTrue 15\n2\nNone True\n"


STOPPED = """
from perfkit.agent.clock import Clock
clock = Clock()
print("begun", flush=True)
print(clock.sleep(3 * 10**8))
"""


def test_a_process_that_is_stopped_past_its_wait_got_no_signal():
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)  # the wait has to end while it is stopped
        process.send_signal(signal.SIGCONT)
        assert process.stdout.read() == "None\n"


def test_reads_the_kernels_clocks():
    clock = Clock.__new__(Clock)  # without blocking this process's signals
    assert abs(clock.gettime(REALTIME) - time.time_ns()) < 10**9
    assert abs(clock.gettime(MONOTONIC) - time.monotonic_ns()) < 10**9
    awake = clock.gettime(MONOTONIC)
    assert clock.gettime(BOOTTIME) >= awake
    assert abs(clock.offset() - (clock.gettime(REALTIME) - clock.gettime(BOOTTIME))) < 10**8


def test_the_calmest_of_several_readings_counts():
    second = 10**9

    class Busy(Clock):
        """Loses the CPU for 1 s in every reading but the third: before, wall clock, after."""

        __slots__ = ("readings",)

        def __init__(self) -> None:
            boots = [0, 1, 1, 2, 5, 5, 7, 8]
            walls = [10, 10, 10, 10]
            self.readings = [
                value * second
                for number, wall in enumerate(walls)
                for value in (boots[2 * number], wall, boots[2 * number + 1])
            ]

        def gettime(self, _clock: int) -> int:
            return self.readings.pop(0)

    clock = Busy()
    assert clock.offset() == (10 - 5) * second
    assert len(clock.readings) == 3, "the calm one ends it"
    always_busy = Busy()
    always_busy.readings = [0, 10 * second, 3 * second, 0, 10 * second, second] * 3
    assert always_busy.offset() == 10 * second - second // 2
