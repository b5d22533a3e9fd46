import asyncio
import base64
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

from aiohttp.test_utils import make_mocked_request
from one_server import served

from perfkit.server.gate import Gate
from perfkit.server.home import Home
from perfkit.server.limits import Limits
from perfkit.server.seen import Seen
from perfkit.store.backlog import RefillError
from perfkit.store.control import ControlPlane

LINE = b'{"timestamp":1700000000,"subsystem":"/proc/loadavg","measurement":"0.1"}\n'


def test_anybody_sees_version_and_links_and_no_machine(shared):
    shared.upload(LINE, "?machine_id=hidden")
    answer = shared.ask("GET", "/")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    text = answer.body.decode()
    assert 'href="/api/v1/openapi.json"' in text
    assert "hidden" not in text


def test_a_read_key_sees_its_machines(shared):
    shared.upload(LINE, "?machine_id=web:1")
    text = shared.get("/").body.decode()
    assert '<th scope="row">web:1</th>' in text
    assert "<td>\N{EN DASH}</td>" in text


def test_a_key_that_may_not_read_is_refused(shared):
    assert shared.ask("GET", "/", key="ingest_key").status == 403
    assert shared.ask("GET", "/", key="unknown-key").status == 401


def test_nothing_but_its_own_style_may_load(shared):
    answer = shared.ask("GET", "/")
    text = answer.body.decode()
    style = re.search(r"<style>(.*)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "<script" not in text
    assert "style=" not in text


def test_an_empty_server_says_so(tmp_path):
    with served(tmp_path / "data") as server:
        assert "No machine has sent anything yet" in server.get("/").body.decode()


def test_a_demo_shows_its_machines_to_who_is_on_this_machine(tmp_path):
    with served(tmp_path / "data", is_demo=True) as server:
        server.upload(LINE, "?machine_id=web1")
        assert '<th scope="row">web1</th>' in server.ask("GET", "/").body.decode()
        port = server.url.rpartition(":")[2]
        assert "web1" in server.ask("GET", "/", Host=f"localhost:{port}").body.decode()
        for headers in (
            {"Host": "attacker.example"},
            {"X_Forwarded_For": "10.0.0.9"},
            {"Forwarded": "for=10.0.0.9"},
        ):
            assert "web1" not in server.ask("GET", "/", **headers).body.decode()
        assert server.ask("GET", "/api/v1/machines").status == 401


def test_why_figures_are_missing_is_told(tmp_path):
    class Refilled:
        def latest(self, _tenant, _machine):
            raise RefillError("the rows are made again: 3 of <9> lines")

        def last_seen(self, _tenant, _machine):
            return None

    async def answered():
        control = ControlPlane(tmp_path / "control.sqlite")
        tenant = control.create_tenant("one").id
        control.machine(tenant, "web1", create=True)
        limits, newest = Limits(), Refilled()
        with ThreadPoolExecutor(1) as workers:
            home = Home(control, newest, limits, Gate(1, "q"), workers, Seen(newest), tenant)
            transport = mock.Mock()
            transport.get_extra_info = {"peername": ("127.0.0.1", 1)}.get
            request = make_mocked_request("GET", "/", {"Host": "127.0.0.1"}, transport=transport)
            page = await home.page(request)
        control.close()
        return page.text

    text = asyncio.run(answered())
    assert '<th scope="row">web1</th>' in text
    assert "Figures are missing: the rows are made again: 3 of &lt;9&gt; lines." in text
