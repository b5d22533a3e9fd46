"""However a capture is sent, cut, mixed, repeated: the server holds each of its lines once."""

import gzip
import itertools
import json
import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from killing import Nursery, connected, fleet, free_port, wait_for

from perfkit.record import run_of_capture

CASES = sorted(Path(__file__).parents[2].parent.glob("shared/conformance/*/capture.json"))
RUN = uuid.UUID(int=0xC0FFEE)


@pytest.fixture(scope="module")
def port_and_keys(tmp_path_factory):
    folder, port, nursery = tmp_path_factory.mktemp("once"), free_port(), Nursery()
    machine = fleet(folder)[0]
    with nursery.server(folder, port):
        wait_for(port)
        yield port, machine.ingest_key, machine.read_key
    nursery.close()


class Server:
    """One machine's view of the server."""

    def __init__(self, port, ingest_key, read_key, name):
        self.port = port
        self.ingest_key = ingest_key
        self.read_key = read_key
        self.name = name

    def call(self, method, path, key, body=None, headers=None):
        with connected(self.port) as connection:
            headers = {"Authorization": f"Bearer {key}", **(headers or {})}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read()
            assert response.status == 200, (path, response.status, text)
            return text

    def post(self, path, body, headers=None):
        answer = json.loads(self.call("POST", path, self.ingest_key, body, headers))
        assert answer["rejected"] == []
        assert answer["conflicts"] == 0
        return answer["lines"], answer["duplicates"]

    def upload(self, form, lines, headers=None):
        body, more = FORMS[form](lines, self.name)
        path = "/v1/upload" if form == "multipart" else f"/v1/upload?machine_id={self.name}"
        return self.post(path, body, {**more, **(headers or {})})

    def numbered(self, form, first, lines):
        headers = {"Perfkit-Run": str(RUN), "Perfkit-Position": str(first)}
        return self.upload(form, lines, headers)

    def trickle(self, lines):
        body = {"identifier": self.name, "measurements": [json.loads(line) for line in lines]}
        return self.post("/v1/trickle", json.dumps(body).encode())

    @property
    def id(self):
        machines = json.loads(self.call("GET", "/api/v1/machines", self.read_key))["items"]
        (found,) = [each["id"] for each in machines if each["identifier"] == self.name]
        return found

    def export(self):
        path = f"/api/v1/machines/{self.id}/export?format=capture"
        return self.call("GET", path, self.read_key).splitlines(keepends=True)

    def runs(self):
        return json.loads(self.call("GET", f"/api/v1/machines/{self.id}/runs", self.read_key))


def ndjson(lines, _name):
    return b"".join(lines), {}


def packed(lines, _name):
    return gzip.compress(b"".join(lines)), {"Content-Encoding": "gzip"}


def without_its_last_newline(lines, _name):
    return b"".join(lines)[:-1], {}


def array(lines, _name):
    return b"[" + b",".join(lines) + b"]", {"Content-Type": "application/json"}


def multipart(lines, name):
    body = (
        b"--cut\r\nContent-Disposition: form-data; name=machine_id\r\n\r\n%b\r\n"
        b'--cut\r\nContent-Disposition: form-data; name=file; filename="c"\r\n\r\n%b\r\n--cut--\r\n'
    ) % (name.encode(), b"".join(lines))
    return body, {"Content-Type": "multipart/form-data; boundary=cut"}


FORMS = {
    form.__name__: form for form in (ndjson, packed, without_its_last_newline, array, multipart)
}


@pytest.fixture
def server(port_and_keys, request):
    name = f"m-{uuid.uuid5(uuid.NAMESPACE_DNS, request.node.name)}"
    return Server(*port_and_keys, name)


def capture(count=90):
    """Return the lines of a capture, ten a sample, with all that JSON escapes."""
    return [
        b'{"timestamp":%d,"subsystem":"/x%d","measurement":"\\"%d\\" \\n\\u003c\xc3\xa9 %d"}\n'
        % (1_700_000_000 + number // 10 * 10, number % 10, number, number * 7919)
        for number in range(count)
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 7, 90])
def test_numbered_lines_cut_shuffled_twice_and_at_once(server, form, size):
    lines = capture()
    parts = [(first, lines[first : first + size]) for first in range(0, len(lines), size)] * 2
    random.Random(size).shuffle(parts)  # noqa: S311 - an order
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda part: server.numbered(form, *part), parts))
    assert sum(stored for stored, _ in answers) == len(lines)
    assert sum(known for _, known in answers) == len(lines)
    assert server.export() == lines
    (run,) = server.runs()["items"]
    assert (run["run"], run["kind"], run["lines"]) == (str(RUN), "stream", len(lines))
    assert run["intervals"] == [[0, len(lines) - 1]]


def test_numbered_lines_in_every_form_and_cut_are_the_same_lines(server):
    lines = capture()
    for (form, size), first in zip(
        itertools.product(FORMS, [1, 7, 90]), itertools.cycle([0, 13, 40]), strict=False
    ):
        for start in range(first, len(lines), size):
            server.numbered(form, start, lines[start : start + size])
    assert server.export() == lines


@pytest.mark.parametrize("order", list(itertools.permutations(["ndjson", "array", "multipart"])))
def test_a_whole_capture_without_a_run_is_stored_once(server, order):
    lines = capture()
    answers = [server.upload(form, lines) for form in order]
    assert answers == [(len(lines), 0), (0, len(lines)), (0, len(lines))]
    assert server.export() == lines
    (run,) = server.runs()["items"]
    assert (run["run"], run["kind"]) == (run_of_capture(server.name, lines[0]), "upload")


def test_a_capture_that_grew_adds_what_is_new(server):
    lines = capture()
    assert server.upload("ndjson", lines[:50]) == (50, 0)
    assert server.upload("array", lines) == (40, 50)
    assert server.upload("packed", lines[:20]) == (0, 20)
    assert server.export() == lines


def test_each_trickled_body_sent_twice_is_stored_once(server):
    lines = capture()
    parts = [lines[first : first + 10] for first in range(0, len(lines), 10)]
    for part in parts:
        assert server.trickle(part) == (10, 0)
        assert server.trickle(part) == (0, 10)
    for part in reversed(parts):
        assert server.trickle(part) == (0, 10)
    assert server.export() == lines


@pytest.mark.skipif(not CASES, reason="the conformance captures are not beside the project")
@pytest.mark.parametrize("case", CASES, ids=lambda path: path.parent.name)
def test_every_conformance_capture_comes_back_byte_for_byte(server, case):
    text = case.read_bytes()
    lines = text.splitlines(keepends=True)
    forms = ["packed", "ndjson", "multipart"]
    random.Random(case.parent.name).shuffle(forms)  # noqa: S311 - an order
    assert [server.upload(form, lines)[0] for form in forms] == [len(lines), 0, 0]
    assert b"".join(server.export()) == (text if text.endswith(b"\n") else text + b"\n")
    # As an array its lines are written canonically: the same where they already are.
    assert server.upload("array", lines) == (0, len(lines))
