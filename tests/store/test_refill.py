"""Rows that are made again from the log: whoever asks meanwhile gets whole figures, or is told.

Series and statistics of a part of the rows are numbers that nobody can tell from right ones.
"""

import json
import os
import random
import shutil
import signal
import time
import uuid

import pytest
from killing import PATIENCE_SECONDS, Nursery, alive, connected, fleet, free_port, until, wait_for
from test_damage import START, Disk

from perfkit.server.api.data import WAITING
from perfkit.store.control import ControlPlane
from perfkit.store.loader import Times

LINES = 5 * Times().load_lines
"""Of a store: transactions enough to be asked between them."""

BODY_LINES = 30_000
NOISE = random.Random(3)  # noqa: S311 - noise


@pytest.fixture(scope="module")
def nursery():
    made = Nursery()
    yield made
    made.close()


@pytest.fixture
def machine(tmp_path):
    return fleet(tmp_path, kind=Disk)[0]


@pytest.fixture
def store(tmp_path, machine):
    control = ControlPlane(tmp_path / "control.sqlite")
    (tenant,) = [each.id for each in control.tenants() if each.name == "one"]
    control.close()
    assert machine.name == "a1"
    return tmp_path / "tenants" / str(tenant) / "samples.duckdb"


def uploaded(machine, port, first, end):
    """Send lines as a part of an upload; return once they are acknowledged."""
    headers = {
        "Authorization": f"Bearer {machine.ingest_key}",
        "Perfkit-Run": str(uuid.uuid5(uuid.NAMESPACE_OID, machine.name)),
        "Perfkit-Kind": "upload",
    }
    with connected(port) as connection:
        for low in range(first, end, BODY_LINES):
            lines = machine.lines(low, min(low + BODY_LINES, end))
            headers["Perfkit-Position"] = str(low)
            path = f"/v1/upload?machine_id={machine.name}"
            connection.request("POST", path, b"".join(lines), headers)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["lines"]) == (200, len(lines))


class Asker:
    """Asks for the figures of a machine."""

    def __init__(self, machine, port):
        self.machine = machine
        self.port = port
        self.path = f"/api/v1/machines/{machine.id(port)}"

    def ask(self, what):
        """Return status, headers and content of an answer."""
        with connected(self.port) as connection:
            key = {"Authorization": f"Bearer {self.machine.read_key}"}
            connection.request("GET", f"{self.path}/{what}", headers=key)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), json.loads(answer.read())

    def figures(self):
        """Return what is answered, of all that was sent, by what was asked."""
        span = f"start={START}&end={START + LINES}"
        return {what: self.ask(f"{what}/disk?{span}") for what in ("series", "stats")}

    def whole(self):
        """Return the figures once all lines are rows."""
        found = {}

        def is_whole():
            found.update(self.figures())
            return (
                all(status == 200 and WAITING not in told for status, told, _ in found.values())
                and found["stats"][2]
                and found["stats"][2][0]["count"] == LINES - 1
            )

        until(is_whole)
        return {what: content for what, (_, _, content) in found.items()}

    def until_whole(self, whole):
        """Ask until all figures are whole; return the refusals.  Figures of a part fail."""
        refusals = []
        deadline = time.monotonic() + 3 * PATIENCE_SECONDS
        while True:
            is_whole = True
            for what, (status, headers, content) in self.figures().items():
                if status == 200 and WAITING not in headers:
                    assert content == whole[what], f"figures of a part after {len(refusals)}"
                    continue
                is_whole = False
                if status == 503:
                    assert int(headers["Retry-After"]) > 0
                    assert headers["Content-Type"].startswith("application/problem+json")
                    refusals.append(content["detail"])
            if is_whole:
                return refusals
            assert time.monotonic() < deadline


def removed(file):
    for path in file.parent.glob("samples.duckdb*"):
        path.unlink()


def overwritten(file):
    file.write_bytes(NOISE.randbytes(file.stat().st_size))


@pytest.mark.parametrize("damage", [removed, overwritten])
def test_a_store_lost_with_its_process_answers_whole_figures_or_none(
    nursery, tmp_path, machine, store, damage
):
    port = free_port()
    with nursery.server(tmp_path, port) as pid:
        wait_for(port)
        uploaded(machine, port, 0, LINES)
        whole = Asker(machine, port).whole()
        os.kill(pid, signal.SIGKILL)
    damage(store)
    with nursery.server(tmp_path, port):
        wait_for(port)
        refusals = Asker(machine, port).until_whole(whole)
    assert refusals
    assert all("made again from the log" in refusal for refusal in refusals)


def test_a_store_lost_under_a_server_that_nobody_sends_to(nursery, tmp_path, machine, store):
    """Only a question finds out: no frame comes that would."""
    port = free_port()
    with nursery.server(tmp_path, port):
        wait_for(port)
        uploaded(machine, port, 0, LINES)
        asker = Asker(machine, port)
        whole = asker.whole()
        removed(store)
        assert asker.until_whole(whole)


def test_a_store_that_is_ahead_of_a_log_put_back_is_made_again(nursery, tmp_path, machine, store):
    """A backup whose log is older than its store: what comes then would be taken for had."""
    port, half = free_port(), LINES // 2
    log, kept = store.parent / "log", tmp_path / "kept"
    with nursery.server(tmp_path, port) as pid:
        wait_for(port)
        uploaded(machine, port, 0, half)
        end(pid)
    shutil.copytree(log, kept)
    with nursery.server(tmp_path, port) as pid:
        wait_for(port)
        uploaded(machine, port, half, LINES)
        whole = Asker(machine, port).whole()
        end(pid)
    shutil.rmtree(log)
    kept.rename(log)
    with nursery.server(tmp_path, port):
        wait_for(port)
        uploaded(machine, port, half, LINES)
        Asker(machine, port).until_whole(whole)
    assert list(store.parent.glob("samples.duckdb.bad-*"))


def test_the_newest_figures_are_those_of_the_log_also_after_a_kill_amid_a_refill(
    nursery, tmp_path, machine, store
):
    port = free_port()
    with nursery.server(tmp_path, port) as pid:
        wait_for(port)
        uploaded(machine, port, 0, LINES)
        Asker(machine, port).whole()
        os.kill(pid, signal.SIGKILL)
    removed(store)
    for _ in range(3):
        with nursery.server(tmp_path, port) as pid:
            wait_for(port)
            status, _, latest = Asker(machine, port).ask("latest")
            assert (status, latest["disk"]["timestamp"]) == (200, START + LINES - 1)
            os.kill(pid, signal.SIGKILL)


def end(pid):
    """End a server, which loads what waits."""
    os.kill(pid, signal.SIGTERM)
    until(lambda: not alive(pid))


def test_an_upload_is_told_until_all_of_it_is_rows(nursery, tmp_path, machine):
    port = free_port()
    told = []
    with nursery.server(tmp_path, port):
        wait_for(port)
        uploaded(machine, port, 0, LINES)
        asker = Asker(machine, port)
        answers = []

        def is_whole():
            found = asker.figures()
            answers.append(found)
            told.extend(
                int(headers[WAITING]) for _, headers, _ in found.values() if WAITING in headers
            )
            return found["stats"][2] and found["stats"][2][0]["count"] == LINES - 1

        until(is_whole)
        whole = asker.whole()
    for found in answers:
        for what, (status, headers, content) in found.items():
            assert status == 200
            assert WAITING in headers or content == whole[what]
    assert told == sorted(told, reverse=True)
    assert 0 < told[-1] <= told[0] <= LINES
