"""Whatever is asked of an endpoint of the OpenAPI document: an answer that the document has."""

import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from one_server import served

LINES = b"".join(
    b'{"timestamp":%d,"subsystem":"/proc/stat","measurement":"cpu  %d 0 5 900 0 0 0 0 0 0\\n"}\n'
    % (1_700_000_000 + 10 * n, 10 * n)
    for n in range(5)
)
WORDS = st.sampled_from(
    [
        "",
        "0",
        "1",
        "-1",
        "1e9",
        "NaN",
        "2023-11-14",
        "2023-11-14T22:13:20Z",
        "9" * 30,
        "\0",
        "é",
        "%",
    ]
) | st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("document") / "data") as one:
        one.upload(LINES)
        one.document = one.ask("GET", "/api/v1/openapi.json").json
        yield one


def operations(document):
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def value_of(schema, data):
    """Return a value that the schema allows, or any other."""
    options = schema.get("anyOf", [schema])
    words = [str(word) for option in options for word in option.get("enum", [])]
    if any(option.get("type") == "integer" for option in options):
        words += ["1", "2", "500"]
    return data.draw(st.sampled_from(words) | WORDS if words else WORDS)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_every_answer_is_one_that_the_document_tells_of(server, data):
    method, path, operation = data.draw(st.sampled_from(operations(server.document)))
    query = {}
    for parameter in operation["parameters"]:
        name, place = parameter["name"], parameter["in"]
        if place == "path":
            known = {"machine": "1", "source": "cpu", "tenant": "default"}.get(name, "1")
            text = data.draw(st.just(known) | WORDS.filter(bool))
            path = path.replace("{" + name + "}", quote(text, safe=""))
        elif data.draw(st.booleans()):
            query[name] = value_of(parameter["schema"], data)
    body = None
    if "requestBody" in operation:
        body = data.draw(st.binary(max_size=40) | JSON.map(json.dumps).map(str.encode))
    key = data.draw(st.sampled_from([None, "ingest_key", "read_key", "admin_key", "unknown"]))
    answer = server.ask(method, f"{path}?{urlencode(query)}" if query else path, body, key=key)
    told = {int(status) for status in operation["responses"]}
    # A part of a path that is a dot, or empty, makes it another path.
    assert answer.status in told | {404}
    if answer.status >= 400:
        content = answer.json
        assert content.get("error") or content["detail"]


def test_there_are_endpoints_with_and_without_a_key(server):
    found = operations(server.document)
    assert sum(bool(operation["security"]) for _, _, operation in found) > 10
    assert sum(not operation["security"] for _, _, operation in found) > 5
