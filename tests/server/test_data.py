"""Figures over HTTP: what may be asked, and what is refused."""

import pytest

from perfkit.server.limits import Limits
from perfkit.store.query.series import MAX_POINTS


@pytest.fixture(scope="module")
def machine(shared):
    sent = (
        b'{"timestamp":1700000000,"subsystem":"/proc/stat",'
        b'"measurement":"cpu  1 2 3 4 0 0 0 0 0 0\\n"}\n'
    )
    return f"/api/v1/machines/{shared.upload(sent, '?machine_id=asked').json['machine']}"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("", 200),
        ("/latest", 200),
        ("/series/cpu", 200),
        ("/series/net?points=1&start=0&end=2023-12-01", 200),
        ("/series/net?points=5000", 200),
        ("/series/net?points=5001", 400),
        ("/series/net?points=0", 400),
        ("/series/net?points=x", 400),
        ("/series/nothing", 404),
        ("/series/cpu?start=2&end=1", 400),
        ("/series/cpu?start=yesterday", 400),
        ("/stats/memory", 200),
        ("/stats/nothing", 404),
        ("/stats/memory?start=2&end=1", 400),
        ("/runs?limit=1000", 200),
        ("/runs?limit=1001", 400),
        ("/runs/00000000-0000-0000-0000-000000000000", 404),
        ("/runs/no-run", 404),
        ("/export?start=2&end=1", 400),
    ],
)
def test_what_may_be_asked_of_a_machine(shared, machine, path, status):
    answer = shared.get(machine + path)
    assert answer.status == status, answer.body
    if status != 200:
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.json["status"] == status
        assert answer.json["detail"]


def test_one_run_of_a_machine(shared, machine):
    (run,) = shared.get(f"{machine}/runs").json["items"]
    assert shared.get(f"{machine}/runs/{run['run'].upper()}").json == run
    assert (run["kind"], run["lines"], run["intervals"]) == ("upload", 1, [[0, 0]])


def test_a_key_needs_a_machine_and_a_key_that_exist(shared):
    keys = f"/api/v1/tenants/{shared.keys['tenant_id']}/keys"
    body = b'{"scope": "ingest", "machine": "999"}'
    made = shared.ask("POST", keys, body, key="admin_key", Content_Type="application/json")
    assert (made.status, "machine" in made.json["detail"]) == (400, True)
    for unknown in ("no-id", "00000000-0000-0000-0000-000000000000"):
        gone = shared.ask("DELETE", f"{keys}/{unknown}", key="admin_key")
        assert (gone.status, gone.json["detail"]) == (404, "no such key")


def test_the_server_lets_pass_what_the_store_takes():
    assert Limits().points == MAX_POINTS
