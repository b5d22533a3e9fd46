"""A server on a full disk under load: refuses with 507, goes on reading, resumes by itself."""

import http.client
import threading
import time

import pytest
from killing import PATIENCE_SECONDS, Nursery, connected, fleet, free_port, load, wait_for
from uploads import mounted

from perfkit.units import MIB

DISK_MIB = 24
MIN_FREE = 2 * MIB
RESUMES_WITHIN_SECONDS = 10


def read_on(port, machine, ended, statuses):
    """Ask for the server's health, the machines and figures of one, again and again."""
    paths = [("/healthz", None), ("/api/v1/machines", machine.read_key)]
    with connected(port) as connection:
        while not ended.wait(0.02):
            if len(paths) == 2 and (id_ := machine.id(port)):
                of_rows = [f"/api/v1/machines/{id_}/{what}/cpu" for what in ("series", "stats")]
                paths += [(path, machine.read_key) for path in of_rows]
            for path, key in paths:
                headers = {"Authorization": f"Bearer {key}"} if key else {}
                connection.request("GET", path, headers=headers)
                response = connection.getresponse()
                response.read()
                statuses.append((path, response.status))


def until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@pytest.mark.timeout(100)
def test_ingest_stops_at_the_floor_and_resumes(tmp_path):
    nursery = Nursery()
    with mounted(tmp_path, DISK_MIB) as disk:
        machines = fleet(disk, noise_bytes=2000)
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(12 * MIB))
        port, ended, statuses = free_port(), threading.Event(), []
        with nursery.server(disk, port, min_free=MIN_FREE):
            wait_for(port)
            arguments = (port, machines[0], ended, statuses)
            reader = threading.Thread(target=read_on, args=arguments)
            with load(machines, port):
                reader.start()
                until(lambda: all(m.refusals > 3 for m in machines), 60, "the disk is full")
                had = [machine.acknowledged for machine in machines]
                assert all(had)
                for machine in machines:
                    machine.check(port)  # all that was acknowledged is there, read while it is full
                ballast.unlink()
                until(
                    lambda: all(m.acknowledged > h for m, h in zip(machines, had, strict=True)),
                    RESUMES_WITHIN_SECONDS,
                    "ingest goes on",
                )
            ended.set()
            reader.join(PATIENCE_SECONDS)
            for machine in machines:
                machine.check(port)
            assert len(statuses) > 10
            assert {status for _, status in statuses} == {http.HTTPStatus.OK}
            assert len({path for path, _ in statuses}) == 4  # figures among them
    nursery.close()
