"""A tenant's store is gone or broken after kill -9: it is rebuilt from the log, others are served.

The ledger of what was acknowledged is held against the log, the export and the rows themselves.
"""

import json
import os
import random
import shutil
import signal
import time
from functools import partial

import duckdb
import pytest
from killing import (
    Machine,
    Nursery,
    alive,
    check_log,
    fleet,
    free_port,
    load,
    until,
    wait_for,
)

from perfkit.store.control import ControlPlane

IS_PROOF = bool(os.environ.get("PERFKIT_PROOF"))
ROUNDS = 10 if IS_PROOF else 1
START = 1_700_000_000
MOMENTS = random.Random(21)  # noqa: S311 - moments and places


class Disk(Machine):
    """A machine each line of which is a row, at a second of its own."""

    def line(self, number):
        text = f"8 0 sda {number + 1} {' '.join(['7'] * 16)}\\n"
        return b'{"timestamp":%d,"subsystem":"/proc/diskstats","measurement":"%b"}\n' % (
            START + number,
            text.encode(),
        )

    def counted(self, port, *, may_fail=False):
        """Return how many intervals of the machine are rows; -1 where they cannot be read now.

        A damage that only a query finds is answered by a 503, not by what rows are left.
        """
        path = f"/api/v1/machines/{self.id(port)}/stats/disk?start={START}&end={START + 10**6}"
        status, text = self.asked(port, path)
        if status == 503 and may_fail:
            return -1
        assert status == 200, text
        return max((each["count"] for each in json.loads(text)), default=0)


def removed(file, _):
    file.unlink()


def removed_with_its_wal(file, wal):
    file.unlink()
    wal.unlink()


def wal_removed(_, wal):
    wal.unlink()


def cut(file, _):
    os.truncate(file, MOMENTS.randrange(file.stat().st_size))


def emptied(file, _):
    os.truncate(file, 0)


def overwritten(file, _):
    file.write_bytes(MOMENTS.randbytes(file.stat().st_size))


def overwritten_in_part(file, _):
    with file.open("r+b") as opened:
        opened.seek(MOMENTS.randrange(file.stat().st_size))
        opened.write(MOMENTS.randbytes(5000))


def wal_overwritten(_, wal):
    wal.write_bytes(MOMENTS.randbytes(wal.stat().st_size))


def wal_cut(_, wal):
    os.truncate(wal, MOMENTS.randrange(wal.stat().st_size))


def replaced_by_a_folder(file, _):
    file.unlink()
    file.mkdir()


def folder_removed(file, _):
    for path in file.parent.glob("samples.duckdb*"):
        path.unlink()
    shutil.rmtree(file.parent / "tmp", ignore_errors=True)


DAMAGE = (
    removed,
    removed_with_its_wal,
    wal_removed,
    cut,
    emptied,
    overwritten,
    overwritten_in_part,
    wal_overwritten,
    wal_cut,
    replaced_by_a_folder,
    folder_removed,
)


@pytest.fixture(scope="module")
def nursery():
    made = Nursery()
    yield made
    made.close()


def check_rows(folder, machines):
    """Compare the rows in the files with what was acknowledged."""
    control = ControlPlane(folder / "control.sqlite")
    for tenant in control.tenants():
        file = folder / "tenants" / str(tenant.id) / "samples.duckdb"
        if not file.exists():
            continue
        with duckdb.connect(str(file), read_only=True) as stored:
            for machine in machines:
                known = control.known_machine(tenant.id, machine.name)
                if known is None:
                    continue
                found = stored.execute(
                    "SELECT epoch(ts)::BIGINT, reads FROM disk_all JOIN machine"
                    " ON machine.id = disk_all.machine WHERE uuid = ? ORDER BY ts",
                    [known.id],
                ).fetchall()
                assert len(found) >= machine.acknowledged
                assert found == [(START + number, number + 1) for number in range(len(found))]
    control.close()


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_store_is_rebuilt_while_others_are_served(nursery, tmp_path, damage):
    machines = fleet(tmp_path, kind=Disk)
    one, other = machines[0], machines[2]
    port = free_port()
    control = ControlPlane(tmp_path / "control.sqlite")
    file = tmp_path / "tenants" / str(control.tenants()[0].id) / "samples.duckdb"
    control.close()
    wal = file.with_name("samples.duckdb.wal")
    for _ in range(ROUNDS):
        killed_under_load(nursery, tmp_path, port, machines)
        killed_amid_loads(nursery, tmp_path, port, machines)
        while not (wal.exists() and wal.stat().st_size):  # just folded in, or just begun
            killed_amid_loads(nursery, tmp_path, port, machines)
        damage(file, wal)
        before = [machine.acknowledged for machine in machines]
        with nursery.server(tmp_path, port) as pid:
            wait_for(port)
            with load(machines, port):
                until(all_are_rows([other], port))
                until(all_are_rows([one], port, may_fail=True))
            for machine, earlier in zip(machines, before, strict=True):
                machine.check(port)
                assert machine.acknowledged > earlier
            os.kill(pid, signal.SIGTERM)  # what waits is loaded, then it ends
            until(partial(has_ended, pid))
        check_rows(tmp_path, machines)
        check_log(tmp_path, machines)


def killed_under_load(nursery, folder, port, machines):
    before = [machine.acknowledged for machine in machines]
    with nursery.server(folder, port) as pid:
        wait_for(port)
        with load(machines, port):
            until(
                lambda: all(
                    machine.acknowledged > earlier + 100
                    for machine, earlier in zip(machines, before, strict=True)
                )
            )
            os.kill(pid, signal.SIGKILL)


def killed_amid_loads(nursery, folder, port, machines):
    with nursery.server(folder, port) as pid:  # loads what the one before did not
        wait_for(port)
        until(all_are_rows(machines, port))
        with load(machines, port):
            until(all_are_rows(machines, port))
            time.sleep(MOMENTS.uniform(0.0, 0.3))  # the moment is what is under test
            os.kill(pid, signal.SIGKILL)


def has_ended(pid):
    return not alive(pid)


def all_are_rows(machines, port, *, may_fail=False):
    """Return what tells whether all that is acknowledged by now has become rows."""
    wanted = [machine.acknowledged - 1 for machine in machines]
    return lambda: all(
        machine.counted(port, may_fail=may_fail) >= count
        for machine, count in zip(machines, wanted, strict=True)
    )
