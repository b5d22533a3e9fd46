"""A boot and a clock that was set are told from a boot time that wobbles."""

import pytest

from perfkit.report.original.boot import BootTime
from perfkit.report.original.table import CLOCK_STEPPED, REBOOTED

SECOND = 10**9
BOOTED = 1_700_000_000


def stat(booted: object) -> bytes:
    return b"cpu  1 2 3 4\\nctxt 5\\nbtime %b\\nprocesses 9\\n" % str(booted).encode()


@pytest.mark.parametrize(
    ("booted", "reason"),
    [
        pytest.param(BOOTED, None, id="same"),
        pytest.param(BOOTED + 1, None, id="rounded"),
        pytest.param(BOOTED - 1, None, id="rounded-down"),
        pytest.param(BOOTED + 2, CLOCK_STEPPED, id="set-forward"),
        pytest.param(BOOTED - 3600, CLOCK_STEPPED, id="set-back"),
        pytest.param(BOOTED + 1001, REBOOTED, id="booted-after-the-sample-before"),
        pytest.param("x", None, id="no-number"),
    ],
)
def test_a_boot_time_that_moves(booted: object, reason: str | None):
    boot = BootTime()
    before, now = (BOOTED + 1000) * SECOND, (BOOTED + 1005) * SECOND
    assert boot.moved(stat(BOOTED), before, before) is None
    assert boot.moved(stat(booted), before, now) == reason
    assert boot.moved(stat(booted), now, now + 5 * SECOND) is None


def test_a_long_interval_may_slew():
    boot = BootTime()
    boot.moved(stat(BOOTED), 0, (BOOTED + 100) * SECOND)
    # 1 % of 1000 s
    assert boot.moved(stat(BOOTED + 10), (BOOTED + 100) * SECOND, (BOOTED + 1100) * SECOND) is None


def test_text_without_a_boot_time_tells_nothing():
    boot = BootTime()
    assert boot.moved(b"cpu  1 2 3 4\\n", 0, SECOND) is None
    assert boot.moved(stat(BOOTED), 0, SECOND) is None
    assert boot.moved(b"", 0, SECOND) is None
    assert boot.moved(stat(BOOTED), 0, SECOND) is None
