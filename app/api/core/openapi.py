"""The OpenAPI 3.1 document, made from the declarations that route and check the calls."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from app.access import permissions
from app.api.core.endpoints import VERSION_PATTERN, Endpoint, Resource
from app.api.core.problems import MEDIA_TYPE, Problem
from app.api.core.reading import may_be_empty

REF = "#/components/schemas/{model}"
PROBLEMS = {
    "400": "The request does not fit its schema.",
    "401": "Nobody is signed in, or the token has expired or was revoked.",
    "403": "The caller may not do this, or the CSRF token is missing.",
    "404": "There is no such thing, or it is not the caller's to see.",
    "409": "It conflicts with the state that things are in.",
    "412": "It has changed since it was read.",
    "413": "What was sent is too large.",
    "415": "The body has another media type than the one asked for.",
    "422": "A rule of the factory refuses it.",
    "429": "Too many requests.",
    "503": "The database is busy or cannot be reached, or something of the installation is missing.",
}
ABOUT = """
Everything that people do in Millwright, for programs. Times are RFC 3339 in UTC, money is a text with two
decimals, names are in camelCase, unknown fields are refused.

**Signing in.** `POST /auth/login` answers an access token (15 minutes) and a refresh token (7 days, used
once), and sets both as HTTP-only cookies. Send the access token as `Authorization: Bearer …`. A browser may
rely on the cookies instead; then everything but GET needs the cookie `millwright_csrf` as `X-CSRF-TOKEN`.

**Acting.** Requests, work and parts live in running processes. An endpoint such as
`PATCH /spare-parts-requests/{partsRequestId}/approve` completes the caller's matching user task; which task
that is, and what follows, the diagram of the process decides. Where there is none the answer is 409 with
the tasks that are open instead.

**Repeating.** A POST or PATCH with an `Idempotency-Key` has one effect, however often it is sent within
24 hours; repeats get the first answer, with `Idempotency-Replayed: true`.

**Errors** are problem details (RFC 9457). `code` is for programs, `detail` for people, `errors` says what
is wrong with which field. 400 means that the request does not fit its schema, 422 that a rule says no.
"""


def document(resources: Iterable[Resource], base_url: str) -> dict[str, Any]:
    """The whole document, with ``base_url`` as the site's address."""
    resources = list(resources)
    endpoints = [endpoint for resource in resources for endpoint in resource]
    schemas = _Schemas(endpoints)
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, schemas)
        paths.setdefault(endpoint.documented_path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Millwright",
            "version": version("millwright"),
            "summary": "Factory maintenance run by BPMN",
            "description": ABOUT.strip(),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": f"{base_url}/api/v1"}],
        "tags": [{"name": resource.tag, "description": resource.about} for resource in resources],
        "security": [{"bearer": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "millwright_access"},
            },
            "schemas": schemas.definitions,
        },
    }


class _Schemas:
    """The JSON schemas of all bodies and answers, each named once; models of one name are told apart."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        wanted: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
            ("Problem", "serialization", TypeAdapter(Problem))
        ]
        for endpoint in endpoints:
            if body := endpoint.model("body"):
                wanted.append((endpoint.name, "validation", TypeAdapter(body)))
            if endpoint.answer is not None:
                wanted.append((endpoint.name, "serialization", endpoint.answer))
        self._found, shared = TypeAdapter.json_schemas(wanted, ref_template=REF)
        self.definitions: dict[str, Any] = shared.get("$defs", {})

    def body(self, endpoint: Endpoint) -> dict[str, Any]:
        return self._found[(endpoint.name, "validation")]

    def answer(self, endpoint: Endpoint) -> dict[str, Any]:
        return self._found[(endpoint.name, "serialization")]

    @property
    def problem(self) -> dict[str, Any]:
        return self._found[("Problem", "serialization")]

    def parameters(self, model: Any) -> tuple[dict[str, Any], set[str]]:
        """The properties of a query or a form, and which of them are required."""
        schema = model.model_json_schema(ref_template=REF)
        for name, definition in schema.pop("$defs", {}).items():
            if self.definitions.setdefault(name, definition) != definition:
                raise TypeError(f"{model.__name__} has a {name} that differs from the one of another model")
        return schema.get("properties", {}), set(schema.get("required", ()))


def _operation(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    description = [endpoint.description] if endpoint.description else []
    if endpoint.needs is not None:
        description.append(f"For: {', '.join(permissions.holders(endpoint.needs))}.")
    operation: dict[str, Any] = {
        "operationId": endpoint.operation_id,
        "tags": [endpoint.tag],
        "summary": endpoint.summary.rstrip("."),
        "description": "\n\n".join(description),
        "parameters": _parameters(endpoint, schemas),
        "responses": _responses(endpoint, schemas),
    }
    if endpoint.is_public:
        operation["security"] = []
    if body := endpoint.model("body"):
        content = {"application/json": {"schema": schemas.body(endpoint)}}
        operation["requestBody"] = {"required": not may_be_empty(body), "content": content}
    elif endpoint.takes_files:
        content = {"multipart/form-data": {"schema": _multipart(endpoint, schemas)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(endpoint: Endpoint, schemas: _Schemas) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    properties, _ = schemas.parameters(endpoint.path_model)
    found += [
        {"name": name, "in": "path", "required": True, "schema": _bare(schema)}
        for name, schema in properties.items()
    ]
    if query := endpoint.model("query"):
        properties, required = schemas.parameters(query)
        for name, schema in properties.items():
            parameter: dict[str, Any] = {"name": name, "in": "query", "schema": _bare(_not_null(schema))}
            if name in required:
                parameter["required"] = True
            if "description" in schema:
                parameter["description"] = schema["description"]
            found.append(parameter)
    if endpoint.method in ("POST", "PATCH"):
        found.append(_header("Idempotency-Key", "Makes repeats of this request harmless; best a UUID."))
    if endpoint.heeds_if_match:
        found.append(
            _header("If-Match", "The ETag of the version that this change is made to.", VERSION_PATTERN)
        )
    if endpoint.heeds_if_none_match:
        found.append(
            _header("If-None-Match", "The ETag of the version that is known already.", VERSION_PATTERN)
        )
    return found


def _header(name: str, description: str, pattern: str = "^[!-~]+$") -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": pattern}
    return {"name": name, "in": "header", "schema": schema, "description": description}


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter of an address is there or not; it is never null."""
    others = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(others) != 1:
        return schema
    kept = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**kept, **others[0]}


def _multipart(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    field = endpoint.file_field or "file"
    files = {"type": "array", "items": {"type": "string", "contentMediaType": "application/octet-stream"}}
    properties: dict[str, Any] = {field: {**files, "minItems": 1}}
    required = {field}
    if form := endpoint.model("form"):
        more, needed = schemas.parameters(form)
        properties |= {name: _bare(_not_null(schema)) for name, schema in more.items()}
        required |= needed
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(required),
        "additionalProperties": False,
    }


def _responses(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {str(endpoint.status): _success(endpoint, schemas)}
    if endpoint.heeds_if_none_match:
        found["304"] = {"description": "It is the version that the caller knows."}
    for status in _problems_of(endpoint):
        content = {MEDIA_TYPE: {"schema": schemas.problem}}
        found[status] = {"description": PROBLEMS[status], "content": content}
    return found


def _file_of(media: str) -> dict[str, Any]:
    """A file's schema: bytes, but a file of JSON is read as what it holds, which is anything."""
    if media.endswith("json"):
        return {"description": "A file of JSON, as it was stored."}
    return {"type": "string", "contentMediaType": "application/octet-stream"}


def _success(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    doc = inspect.cleandoc(endpoint.function.__doc__ or "").splitlines()[0].rstrip(".")
    answer: dict[str, Any] = {"description": doc}
    if endpoint.gives_file:
        answer["content"] = {media: {"schema": _file_of(media)} for media in endpoint.media}
    elif endpoint.answer is not None:
        answer["content"] = {"application/json": {"schema": schemas.answer(endpoint)}}
    headers = {}
    if endpoint.etag:
        headers["ETag"] = {"description": "The version of the thing.", "schema": {"type": "string"}}
    if endpoint.status == 201:
        headers["Location"] = {"description": "Where the new thing is.", "schema": {"type": "string"}}
    return {**answer, "headers": headers} if headers else answer


def _problems_of(endpoint: Endpoint) -> list[str]:
    statuses = {"400", "429", "503"}
    if not endpoint.is_public or endpoint.strict_limit:
        statuses |= {"401", "403"}
    if endpoint.path_names:
        statuses.add("404")
    if not endpoint.is_safe:
        statuses |= {"404", "409", "413", "415", "422"}
        if endpoint.heeds_if_match:
            statuses.add("412")
    elif endpoint.model("query"):
        statuses |= {"404", "422"}
    return sorted(statuses)
