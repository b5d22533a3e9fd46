"""The OpenAPI 3.1 document, made of the table of endpoints and the types that they name."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web

from perfkit import __version__
from perfkit.server.answers import API, JSON, PROBLEM, Error, Problem, as_json
from perfkit.server.api.call import Plain, Row
from perfkit.store.engines import SOURCES

PATH = "/api/v1/openapi.json"

_ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
)
_AGAIN = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.INSUFFICIENT_STORAGE,
)
"""What comes with a `Retry-After`."""

_REF = "#/components/schemas/{name}"
_PARTS: Mapping[str, tuple[str, dict[str, object]]] = {
    "machine": ("UUID or number of a machine.", {"type": "string"}),
    "source": ("What was measured.", {"type": "string", "enum": list(SOURCES)}),
    "run": ("UUID of a run.", {"type": "string", "format": "uuid"}),
    "tenant": ("Id or name of a tenant.", {"type": "string"}),
    "key": ("Id of a key.", {"type": "string", "format": "uuid"}),
}

Json = dict[str, object]


class Document:
    """The document of a table.

    Args:
        table: What is told.
    """

    def __init__(self, table: Iterable[Row]) -> None:
        self._table = [*table, self.row()]
        self._content: Json | None = None

    def row(self) -> Row:
        """Return the document's own row."""
        return Plain(
            method="GET",
            path=PATH,
            summary="Show this document",
            work=self.handle,
            media=(JSON,),
        )

    async def handle(self, request: web.Request) -> web.Response:
        """Show it."""
        if self._content is None:
            self._content = self.content()
        return as_json(self._content, request)

    def content(self) -> Json:
        """Return it."""
        paths: dict[str, Json] = {}
        schemas = _Schemas()
        for row in self._table:
            paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, schemas)
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "perfkit",
                "version": __version__,
                "description": "Takes in what collectors of Linux servers send, and answers.",
            },
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {
                "schemas": schemas.components,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "apikey": {"type": "apiKey", "in": "header", "name": "apikey"},
                    "x-api-key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                },
            },
        }


class _Schemas:
    """Schemas that the document refers to."""

    def __init__(self) -> None:
        self.components: Json = {}

    def of(self, kind: object) -> Json:
        """Return the schema of a type; the types in it become components."""
        (schema,), found = msgspec.json.schema_components([kind], ref_template=_REF)
        self.components.update(found)
        return schema

    def properties(self, kind: type[msgspec.Struct]) -> tuple[Json, list[str]]:
        """Return schema by field of a struct, and which are required."""
        _, found = msgspec.json.schema_components([kind], ref_template=_REF)
        own = found[kind.__name__]
        properties: Json = own.get("properties", {})
        required: list[str] = own.get("required", [])
        return properties, required


def _operation(row: Row, schemas: _Schemas) -> Json:
    name = re.sub(r"[^a-z0-9]+", "_", f"{row.method.lower()}{row.path}").strip("_")
    operation: Json = {
        "operationId": name,
        "summary": row.summary,
        "parameters": [*_of_path(row), *_of_query(row, schemas)],
        "responses": _responses(row, schemas),
        "security": [{"bearer": []}, {"apikey": []}, {"x-api-key": []}] if row.scopes else [],
    }
    if row.scopes:
        operation["description"] = f"Needs a key of scope {' or '.join(row.scopes)}."
    if row.body is not None:
        content: Json = {JSON: {"schema": schemas.of(row.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    elif row.sends:
        operation["requestBody"] = {
            "required": True,
            "content": {media: {"schema": _sent(media)} for media in row.sends},
        }
    return operation


def _sent(media: str) -> Json:
    if media != "multipart/form-data":
        return {}
    file: Json = {"type": "string", "format": "binary"}
    return {
        "type": "object",
        "required": ["file"],
        "properties": {"file": file, "machine_id": {"type": "string"}},
    }


def _of_path(row: Row) -> Iterable[Json]:
    for name in re.findall(r"{(\w+)}", row.path):
        text, schema = _PARTS[name]
        yield {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def _of_query(row: Row, schemas: _Schemas) -> Iterable[Json]:
    properties, required = schemas.properties(row.query)
    for name, schema in properties.items():
        yield {"name": name, "in": "query", "required": name in required, "schema": schema}


def _responses(row: Row, schemas: _Schemas) -> Json:
    content: Json = {media: {"schema": {}} for media in row.media}
    if row.answer is not None:
        content = {JSON: {"schema": schemas.of(row.answer)}}
    good: Json = {"description": row.status.phrase, "content": content}
    if row.headers:
        good["headers"] = {name: _whole(text, 1) for name, text in row.headers.items()}
    responses: Json = {str(row.status.value): good}
    is_api = row.path.startswith(API)
    error = schemas.of(Problem if is_api else Error)
    always = _ALWAYS if row.scopes else ()
    for status in sorted({*always, *row.refusals}):
        refused: Json = {
            "description": row.reasons.get(status, status.phrase),
            "content": {PROBLEM if is_api else JSON: {"schema": error}},
        }
        if status in _AGAIN:
            refused["headers"] = {"Retry-After": _whole("Seconds until it is worth while.", 0)}
        responses[str(status.value)] = refused
    return responses


def _whole(text: str, least: int) -> Json:
    """Return a header that is a whole number."""
    return {"description": text, "schema": {"type": "integer", "minimum": least}}
