"""What each endpoint answers, and to whom."""

import gzip
import hashlib
import json
import time
import zipfile
from io import BytesIO
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from backports import zstd

from perfkit import __version__
from perfkit.record import run_of_capture

CAPTURES = sorted(Path(__file__).parents[2].parent.glob("shared/conformance/*/capture.json"))


def line(second, text="cpu  1 2 3 4 0 0 0 0 0 0\\n", subsystem="/proc/stat"):
    return (
        f'{{"timestamp":{1_700_000_000 + second},"subsystem":"{subsystem}",'
        f'"measurement":"{text}"}}\n'
    ).encode()


def lines(count, first=0):
    return [line(first + number) for number in range(count)]


def export(server, machine, query="", key="read_key"):
    return server.get(f"/api/v1/machines/{machine}/export{query}", key=key)


def machine_of(server, identifier):
    found = server.get(f"/api/v1/machines?identifier={identifier}").json["items"]
    assert [one["identifier"] for one in found] == [identifier]
    return found[0]


def test_anybody_may_ask_whether_it_is_there(shared):
    assert shared.ask("GET", "/v1/ping").body == b"pong"
    assert shared.ask("GET", "/v1/version").body.decode() == __version__
    assert shared.ask("GET", "/healthz").body == b"ok\n"
    assert shared.ask("GET", "/readyz").status == 200
    echo = shared.ask("POST", "/v1/ping", b'{"timestamp": 7}').json
    assert echo["origintimestamp"] == 7
    assert echo["timestamp"] > 1_700_000_000


def test_an_upload_is_answered_with_its_receipt_and_given_back(shared):
    body = b"".join(lines(5))
    answer = shared.upload(body, "?machine_id=receipt").json
    assert answer == {
        "error": None,
        "receipt": hashlib.sha256(body).hexdigest(),
        "machine": answer["machine"],
        "lines": 5,
        "samples": 5,
        "duplicates": 0,
        "conflicts": 0,
        "rejected": [],
    }
    machine = machine_of(shared, "receipt")
    assert machine["id"] == answer["machine"]
    got = export(shared, machine["id"])
    assert got.body == body
    assert got.headers["Content-Disposition"].endswith('.json"')
    assert export(shared, machine["number"]).body == body
    packed = shared.get(f"/api/v1/machines/{machine['number']}/export", Accept_Encoding="gzip")
    assert gzip.decompress(packed.body) == body
    assert shared.upload(body, "?machine_id=receipt").json["duplicates"] == 5


FORMS = {
    "plain": lambda body: (body, {}),
    "gzip": lambda body: (gzip.compress(body), {"Content-Encoding": "gzip"}),
    "gzip by its first bytes": lambda body: (gzip.compress(body), {}),
    "zstd": lambda body: (zstd.compress(body), {"Content-Encoding": "zstd"}),
    "array": lambda body: (
        b" [" + b" , ".join(body.splitlines()) + b"] ",
        {"Content-Type": "application/json"},
    ),
    "form": lambda body: (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="c.json"\r\n\r\n'
        + body
        + b'\r\n--x\r\nContent-Disposition: form-data; name="machine_id"\r\n\r\nforms\r\n--x--\r\n',
        {"Content-Type": "multipart/form-data; boundary=x"},
    ),
}


def test_every_form_of_a_capture_is_the_same_capture(shared):
    body = b"".join(lines(3, first=100))
    stored = []
    for form in FORMS.values():
        sent, headers = form(body)
        query = "" if "multipart" in headers.get("Content-Type", "") else "?machine_id=forms"
        answer = shared.ask("POST", f"/v1/upload{query}", sent, key="ingest_key", **headers)
        assert answer.status == 200, answer.body
        stored.append((answer.json["lines"], answer.json["duplicates"]))
    assert stored == [(3, 0)] + [(0, 3)] * (len(FORMS) - 1)
    assert export(shared, machine_of(shared, "forms")["id"]).body == body


def test_positions_place_lines_of_a_run(shared):
    run, sent = str(uuid4()), lines(6, first=200)
    headers = {"Perfkit-Run": run}

    def send(first, some):
        position = {"Perfkit-Position": str(first)}
        return shared.upload(b"".join(some), "?machine_id=placed", **headers, **position).json

    assert send(3, sent[3:])["lines"] == 3
    assert send(0, sent[:4]) | {"receipt": ""} == {
        "error": None, "receipt": "", "machine": send(0, [])["machine"] or
        machine_of(shared, "placed")["id"], "lines": 3, "samples": 4,
        "duplicates": 1, "conflicts": 0, "rejected": [],
    }  # fmt: skip
    other = shared.upload(line(999), "?machine_id=placed", Perfkit_Position="2", **headers).json
    assert (other["conflicts"], other["lines"]) == (1, 0)
    machine = machine_of(shared, "placed")["id"]
    found = shared.get(f"/api/v1/machines/{machine}/runs/{run}").json
    assert (found["kind"], found["lines"], found["intervals"]) == ("stream", 6, [[0, 5]])
    assert [one["run"] for one in shared.get(f"/api/v1/machines/{machine}/runs").json["items"]] == [
        run
    ]
    assert shared.get(f"/api/v1/machines/{machine}/runs/{uuid4()}").status == 404
    assert export(shared, machine, f"?run={run}").body == b"".join(sent)
    assert export(shared, machine, "?start=1700000202&end=1700000204").body == b"".join(sent[2:4])


def test_a_capture_without_a_run_has_one_of_its_own(shared):
    body = b"".join(lines(2, first=300))
    shared.upload(body, "?machine_id=runless")
    machine = machine_of(shared, "runless")["id"]
    run = shared.get(f"/api/v1/machines/{machine}/runs").json["items"][0]
    assert run["kind"] == "upload"
    assert UUID(run["run"]) == UUID(run_of_capture("runless", body.splitlines(keepends=True)[0]))


def test_trickle_takes_what_the_original_sends(shared):
    measurements = [json.loads(one) for one in lines(3, first=400)]
    body = json.dumps({"identifier": "dripping", "measurements": measurements}).encode()
    first = shared.ask("POST", "/v1/trickle", body, key="ingest_key").json
    again = shared.ask("POST", "/v1/trickle", body, key="ingest_key").json
    assert (first["error"], first["lines"], again["lines"], again["duplicates"]) == (None, 3, 0, 3)
    assert export(shared, machine_of(shared, "dripping")["id"]).body == b"".join(
        lines(3, first=400)
    )


@pytest.mark.parametrize("form", ["plain", "array"])
def test_a_line_that_is_none_is_named_and_costs_no_other(shared, form):
    bad = [b'{"timestamp":"x"}\n', line(-1_700_000_000 + 5), line(0, subsystem="n" * 257)]
    body = b"".join([line(500), bad[0], line(501), *bad[1:]])
    sent, headers = FORMS[form](body)
    answer = shared.upload(sent, f"?machine_id=partly-{form}", **headers)
    assert answer.status == 200
    assert answer.json["lines"] == 2
    assert [one["line"] for one in answer.json["rejected"]] == [2, 4, 5]
    reasons = [one["reason"] for one in answer.json["rejected"]]
    assert all("expected" in reason for reason in reasons)


def test_nothing_to_store_is_422_and_makes_no_machine(shared):
    answer = shared.upload(b'{"timestamp":1}\n', "?machine_id=nobody")
    assert answer.status == 422
    assert answer.json["machine"] is None
    assert answer.json["error"]
    assert shared.get("/api/v1/machines?identifier=nobody").json["items"] == []


@pytest.mark.parametrize("name", ["Authorization", "apikey", "X-API-Key"])
def test_three_headers_bring_a_key(shared, name):
    secret = shared.keys["read_key"]
    value = f"Bearer {secret}" if name == "Authorization" else secret
    assert shared.ask("GET", "/api/v1/machines", **{name: value}).status == 200


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("GET", "/api/v1/machines", None, 401),
        ("GET", "/api/v1/machines", "pk_wrong_key", 401),
        ("GET", "/api/v1/machines", "admin_key", 403),
        ("GET", "/api/v1/machines", "ingest_key", 400),
        ("GET", "/api/v1/tenants", "read_key", 403),
        ("GET", "/api/v1/machines/9999", "read_key", 404),
        ("GET", "/api/v1/machines/not-one", "read_key", 404),
        ("GET", "/api/v1/machines/00000000-0000-4000-8000-000000000000/export", "read_key", 404),
        ("GET", "/api/v1/machines?limit=x", "read_key", 400),
        ("GET", "/api/v1/machines?limit=1001", "read_key", 400),
        ("GET", "/api/v1/machines?nonsense=1", "read_key", 400),
        ("GET", "/api/v1/nothing", "read_key", 404),
        ("DELETE", "/api/v1/machines", "read_key", 405),
        ("POST", "/v1/upload", "read_key", 403),
        ("POST", "/v1/upload?machine_id=a%20b", "ingest_key", 400),
        ("POST", "/v1/upload", "ingest_key", 400),
        ("POST", "/v1/upload?machine_id=m", "admin_key", 403),
    ],
)
def test_what_is_refused_says_why(shared, method, path, key, status):
    answer = shared.ask(method, path, b"" if method == "POST" else None, key=key)
    assert answer.status == status, answer.body
    if path.startswith("/api/"):
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json["status"] == status
        assert answer.json["detail"]
    else:
        assert answer.json["error"]


def test_lists_go_on_where_they_ended(server):
    for name in ("a", "b", "c"):
        server.upload(line(0), f"?machine_id={name}")
    first = server.get("/api/v1/machines?limit=2").json
    assert [one["identifier"] for one in first["items"]] == ["a", "b"]
    rest = server.get(f"/api/v1/machines?after={first['next']}").json
    assert [one["identifier"] for one in rest["items"]] == ["c"]
    assert rest["next"] is None


def test_what_is_known_already_is_not_sent_again(shared):
    shared.upload(line(0), "?machine_id=tagged")
    path = f"/api/v1/machines/{machine_of(shared, 'tagged')['id']}"
    first = shared.get(path)
    assert shared.get(path, If_None_Match=first.headers["ETag"]).status == 304
    assert int(first.headers["RateLimit-Remaining"]) > 0


def test_a_tenant_knows_nothing_of_another(server):
    server.upload(line(0), "?machine_id=mine")
    mine = machine_of(server, "mine")
    made = server.ask("POST", "/api/v1/tenants", b'{"name":"other"}', key="admin_key")
    assert made.status == 201
    assert server.ask("POST", "/api/v1/tenants", b'{"name":"other"}', key="admin_key").status == 409
    tenant = made.json["id"]
    body = b'{"scope":"read","name":"theirs"}'
    key = server.ask("POST", f"/api/v1/tenants/{tenant}/keys", body, key="admin_key")
    assert key.status == 201
    secret = key.json["key"]
    assert server.get("/api/v1/machines", key=secret).json["items"] == []
    for path in ("", "/export", "/runs", "/latest", "/findings", "/stats/cpu", "/series/cpu"):
        for name in (mine["id"], mine["number"]):
            assert server.get(f"/api/v1/machines/{name}{path}", key=secret).status == 404
    names = [
        one["name"] for one in server.ask("GET", "/api/v1/tenants", key="admin_key").json["items"]
    ]
    assert names[-1] == "other"
    assert server.ask("GET", "/api/v1/tenants/other", key="admin_key").json["id"] == tenant
    assert server.ask("GET", "/api/v1/tenants/nobody", key="admin_key").status == 404
    listed = server.ask("GET", f"/api/v1/tenants/{tenant}/keys", key="admin_key").json["items"]
    assert [one["name"] for one in listed] == ["theirs"]
    assert secret not in json.dumps(listed)
    path = f"/api/v1/tenants/{tenant}/keys/{listed[0]['id']}"
    assert server.ask("DELETE", path, key="admin_key").json["revoked"]
    assert server.get("/api/v1/machines", key=secret).status == 401
    assert (
        server.ask("DELETE", f"/api/v1/tenants/{tenant}/keys/{uuid4()}", key="admin_key").status
        == 404
    )


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"name":""}', b'{"name":"x","more":1}', b"[" * 60_000, b"\xff"]
)
def test_a_wrong_body_is_400(shared, body):
    answer = shared.ask("POST", "/api/v1/tenants", body, key="admin_key")
    assert answer.status == 400
    assert shared.ask("POST", "/v1/ping", body).status == 400


def test_a_key_of_a_machine_sends_for_it_alone(server):
    server.upload(line(0), "?machine_id=own")
    server.upload(line(0), "?machine_id=foreign")
    tenant, machine = server.keys["tenant_id"], machine_of(server, "own")["id"]
    body = json.dumps({"scope": "ingest", "machine": machine}).encode()
    made = server.ask("POST", f"/api/v1/tenants/{tenant}/keys", body, key="admin_key")
    assert made.status == 201, made.body
    secret = made.json["key"]
    assert server.upload(line(1), "", key=secret).json["machine"] == machine
    assert server.upload(line(1), "?machine_id=foreign", key=secret).status == 403
    own = server.get("/api/v1/machines?identifier=own", key=secret).json["items"]
    assert [one["id"] for one in own] == [machine]
    assert server.get("/api/v1/machines?identifier=foreign", key=secret).json["items"] == []
    foreign = machine_of(server, "foreign")["id"]
    assert server.get(f"/api/v1/machines/{foreign}/runs", key=secret).status == 404
    plain = b'{"scope":"ingest","may_create":false}'
    made = server.ask("POST", f"/api/v1/tenants/{tenant}/keys", plain, key="admin_key")
    secret = made.json["key"]
    assert server.upload(line(1), "?machine_id=unknown", key=secret).status == 403


@pytest.mark.skipif(not CAPTURES, reason="../shared/conformance is not there")
def test_an_export_as_csv_is_what_the_original_wrote(shared):
    capture = CAPTURES[0]
    assert shared.upload(capture.read_bytes(), "?machine_id=csv").status == 200
    machine = machine_of(shared, "csv")["id"]
    packed = export(shared, machine, "?format=csv")
    assert packed.headers["Content-Type"] == "application/zip"
    names = zipfile.ZipFile(BytesIO(packed.body)).namelist()
    assert {"proc/stat", "proc/meminfo", "proc/diskstats", "statfs_ALL"} <= set(names)
    for name in ("proc/stat", "proc/meminfo", "proc/diskstats", "statfs_ALL"):
        wanted = (capture.parent / "expected" / name).read_bytes()
        assert export(shared, machine, f"?format=csv&file={name}").body == wanted
    assert export(shared, machine, "?format=csv&file=../../etc/passwd").status == 404
    assert export(shared, machine, "?format=portal").body.startswith(b"timestamp,cpu_user")
    assert export(shared, machine, "?format=csv&start=2001-01-01&end=2001-01-02").status in (
        404,
        422,
    )


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?start=2023-11-14&end=2023-11-14", 200),
        ("?start=2023-11-14T22:13:20Z", 200),
        ("?start=yesterday", 400),
        ("?start=2023-13-45", 400),
        ("?start=5&end=1", 400),
        ("?format=xml", 400),
        ("?run=7", 400),
    ],
)
def test_ranges_of_an_export(shared, query, status):
    shared.upload(line(0), "?machine_id=ranges")
    machine = machine_of(shared, "ranges")["id"]
    assert export(shared, machine, query).status == status


def test_figures_show_at_once_and_over_time_within_seconds(shared):
    texts = "cpu  100 0 0 100 0 0 0 0 0 0", "cpu  130 0 0 170 0 0 0 0 0 0"
    shared.upload(line(0, texts[0]) + line(1, texts[1]), "?machine_id=figures")
    machine = f"/api/v1/machines/{machine_of(shared, 'figures')['id']}"
    latest = shared.get(f"{machine}/latest").json
    assert latest["cpu"]["rows"][0]["%usr"] == 30  # of 100 ticks
    start = time.monotonic()
    while not shared.get(f"{machine}/series/cpu").json["series"]:
        assert time.monotonic() < start + 8
        time.sleep(0.05)
    (usr,) = [each for each in shared.get(f"{machine}/stats/cpu").json if each["name"] == "%usr"]
    assert (usr["count"], usr["mean"], usr["p50"]) == (1, 30, 30)


def test_the_document_tells_of_every_endpoint(shared):
    document = shared.ask("GET", "/api/v1/openapi.json").json
    assert document["openapi"].startswith("3.1")
    assert {"/v1/upload", "/api/v1/machines", "/api/v1/machines/{machine}/export"} <= set(
        document["paths"]
    )


def test_metrics_name_nobody(shared):
    shared.upload(line(0), "?machine_id=secretname")
    answer = shared.ask("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    text = answer.body.decode()
    assert text.endswith("# EOF\n")
    assert "perfkit_free_bytes" in text
    assert "secretname" not in text
    assert shared.keys["tenant_id"] not in text


def test_metrics_tell_of_the_stores(shared):
    shared.upload(line(0), "?machine_id=measured")
    text = shared.ask("GET", "/metrics").body.decode()
    figures = dict(row.split(" ") for row in text.splitlines() if not row.startswith("#"))
    assert float(figures["perfkit_tenants"]) >= 1
    assert figures["perfkit_stores_ill"] == "0"
    assert float(figures["perfkit_loader_lag_seconds"]) >= 0
    assert float(figures["perfkit_resident_bytes"]) > 1e6
    assert float(figures['perfkit_lines_total{end="stored"}']) > 0
