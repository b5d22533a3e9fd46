"""kill -9 at any moment, at random or at a named point: nothing acknowledged is lost or twice."""

import os
import random
import re
import signal
import time
from pathlib import Path

import pytest
from killing import (
    PATIENCE_SECONDS,
    Nursery,
    alive,
    check_log,
    fleet,
    free_port,
    load,
    until,
    wait_for,
)

from perfkit.store import faults

IS_PROOF = bool(os.environ.get("PERFKIT_PROOF"))
KILLS = 200 if IS_PROOF else 30
PASSES = 3 if IS_PROOF else 1
SEED = 20

SOURCE = Path(faults.__file__).parents[1]
REACHED = re.findall(
    r"reach\(\"([a-z.-]+)\"\)", "".join(file.read_text() for file in SOURCE.rglob("*.py"))
)


@pytest.fixture(scope="module")
def nursery():
    made = Nursery()
    yield made
    made.close()


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_killed_at_random_moments(nursery, tmp_path):
    machines = fleet(tmp_path)
    port, moments = free_port(), random.Random(SEED)  # noqa: S311 - moments
    for _ in range(KILLS):
        with nursery.server(tmp_path, port) as pid:
            wait_for(port)
            for machine in machines:
                machine.check(port)
            with load(machines, port):
                time.sleep(moments.uniform(0.0, 0.15))  # the moment is what is under test
                os.kill(pid, signal.SIGKILL)
    check_log(tmp_path, machines)
    assert all(machine.acknowledged > KILLS for machine in machines)


@pytest.mark.proof
@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", range(1, PASSES + 1))
@pytest.mark.parametrize("point", [point for point in faults.POINTS if point in REACHED])
def test_killed_at_a_named_point(nursery, tmp_path, point, count):
    machines = fleet(tmp_path)
    port = free_port()
    with nursery.server(tmp_path, port, f"{point}:{count}") as pid:
        wait_for(port)
        with load(machines, port) as threads:
            threads[0].join(PATIENCE_SECONDS)
            assert not threads[0].is_alive(), f"{point} was not passed {count} times"
        until(lambda: not alive(pid))  # its connections are cut before it is gone
    with nursery.server(tmp_path, port):
        wait_for(port)
        for machine in machines:
            machine.check(port)
        before = [machine.acknowledged for machine in machines]
        with load(machines, port):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while any(m.acknowledged <= b for m, b in zip(machines, before, strict=True)):
                assert time.monotonic() < deadline
                time.sleep(0.005)
        for machine in machines:
            machine.check(port)
    check_log(tmp_path, machines)
