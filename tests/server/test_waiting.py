"""What was acknowledged and is not rows yet: told beside the figures, or refused with them."""

import threading
import time

import pytest
from one_server import served

from perfkit.server.api.data import WAITING
from perfkit.store.engines.duckdb.engine import DuckEngine
from perfkit.store.loader import Times

START = 1_700_000_000
MANY = Times().load_lines + 1000


def disk(first, end):
    """Return lines each of which is a row, at a second of its own."""
    return b"".join(
        b'{"timestamp":%d,"subsystem":"/proc/diskstats","measurement":"8 0 sda %d %b\\n"}\n'
        % (START + number, number + 1, b" ".join([b"7"] * 16))
        for number in range(first, end)
    )


def uploaded(server, first, end):
    """Send lines of one run; return the machine's path."""
    headers = {
        "Perfkit-Run": "00000000-0000-4000-8000-00000000c0de",
        "Perfkit-Position": str(first),
        "Perfkit-Kind": "upload",
    }
    answer = server.upload(disk(first, end), **headers)
    assert (answer.status, answer.json["lines"]) == (200, end - first)
    return f"/api/v1/machines/{answer.json['machine']}"


def whole(server, path):
    """Return the first answer that lacks nothing."""
    for _ in range(600):
        answer = server.get(path)
        if answer.status == 200 and WAITING not in answer.headers:
            return answer
        time.sleep(0.05)  # no event tells it
    raise AssertionError(answer)


def gauges(server):
    text = server.ask("GET", "/metrics").body.decode()
    return dict(row.split(" ") for row in text.splitlines() if not row.startswith("#"))


@pytest.fixture
def loading(monkeypatch):
    """An event: as long as it is not set no transaction is begun."""
    may = threading.Event()
    may.set()
    work = DuckEngine.apply

    def apply(*given, **more):
        assert may.wait(60)
        return work(*given, **more)

    monkeypatch.setattr(DuckEngine, "apply", apply)
    yield may
    may.set()


@pytest.mark.parametrize("what", ["series/disk", "stats/disk"])
def test_lines_of_the_range_that_are_no_rows_are_counted(server, loading, what):
    machine = uploaded(server, 0, 10)
    first = whole(server, f"{machine}/{what}")
    loading.clear()
    uploaded(server, 10, 16)
    for query, count in (
        ("", 6),
        (f"?start={START}", 6),
        (f"?end={START + 5}", None),
        (f"?start={START + 16 + 900}", None),
    ):
        answer = server.get(f"{machine}/{what}{query}", If_None_Match=first.headers["ETag"])
        if count:
            assert (answer.status, answer.headers.get(WAITING)) == (200, str(count))
            assert "ETag" not in answer.headers  # it holds for the moment
        else:
            assert WAITING not in answer.headers
    assert gauges(server)["perfkit_waiting_lines"] == "6"
    loading.set()
    assert whole(server, f"{machine}/{what}").json != first.json
    assert gauges(server)["perfkit_waiting_lines"] == "0"


def test_only_figures_of_stored_rows_are_refused_while_they_are_made_again(tmp_path, loading):
    folder = tmp_path / "data"
    with served(folder) as server:
        machine = uploaded(server, 0, MANY)
        span = f"start={START}&end={START + MANY}"
        figures = whole(server, f"{machine}/stats/disk?{span}").json
        assert figures[0]["count"] == MANY - 1
    for path in folder.glob("tenants/*/samples.duckdb*"):
        path.unlink()
    loading.clear()
    with served(folder) as server:
        for what in ("latest", "series/disk", "stats/disk?start=0&end=1"):
            answer = server.get(f"{machine}/{what}")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert answer.headers["Content-Type"].startswith("application/problem+json")
            assert answer.json["detail"] == (
                f"the rows are being made again from the log: 0 of {MANY} lines are done;"
                " uploads and exports go on as ever"
            )
        for path in ("/healthz", "/readyz", "/", f"{machine}/runs"):
            assert server.get(path).status == 200
        (one,) = server.get("/api/v1/machines").json["items"]
        assert one["last_seen"] == server.get(machine).json["last_seen"] == START + MANY - 1
        assert server.get(f"{machine}/export").body == disk(0, MANY)
        found = gauges(server)
        assert found["perfkit_stores_refilled"] == "1"
        assert found["perfkit_waiting_lines"] == str(MANY)
        uploaded(server, MANY, MANY + 2)
        latest = whole(server, f"{machine}/latest").json  # of two samples, which need no rows
        assert latest["disk"]["timestamp"] == START + MANY + 1
        loading.set()
        assert whole(server, f"{machine}/stats/disk?{span}").json == figures
        assert gauges(server)["perfkit_stores_refilled"] == "0"


def test_the_document_names_what_is_told_and_what_is_refused(shared):
    paths = shared.ask("GET", "/api/v1/openapi.json").json["paths"]
    machine = "/api/v1/machines/{machine}"
    for path, has_header in (
        (f"{machine}/series/{{source}}", True),
        (f"{machine}/stats/{{source}}", True),
        (f"{machine}/latest", False),
    ):
        responses = paths[path]["get"]["responses"]
        assert (WAITING in responses["200"].get("headers", {})) == has_header
        assert "made again from the log" in responses["503"]["description"]
        assert responses["503"]["headers"]["Retry-After"]["schema"]["type"] == "integer"
