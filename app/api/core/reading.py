"""Turning a request into what an endpoint takes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict

from app.api.core.endpoints import VERSION_PATTERN, Endpoint
from app.api.core.problems import ApiError, invalid

_VERSION = re.compile(VERSION_PATTERN)
_WHOLE = re.compile(r"-?[0-9]{1,20}", re.ASCII)


def arguments(endpoint: Endpoint, path: Mapping[str, str]) -> dict[str, Any]:
    """What the endpoint's function is called with.

    :raises ApiError: 400 for what does not fit its schema, 404 for an address that cannot be one, 415
    """
    _check_version(endpoint)
    found = _path(endpoint, path)
    if query := endpoint.model("query"):
        found["query"] = _query(query)
    elif unknown := list(request.args):
        errors = {name: ["There is no such parameter."] for name in unknown}
        raise ApiError(400, "INVALID_REQUEST", "This address takes no such parameter.", errors)
    if body := endpoint.model("body"):
        found["body"] = _body(body)
    if endpoint.takes_files:
        found |= _multipart(endpoint)
    return found


def _check_version(endpoint: Endpoint) -> None:
    """Refuse an ETag that cannot be one, rather than ignoring what the caller meant by it."""
    heeded = {"If-Match": endpoint.heeds_if_match, "If-None-Match": endpoint.heeds_if_none_match}
    for name, is_heeded in heeded.items():
        value = request.headers.get(name)
        if is_heeded and value is not None and not _VERSION.fullmatch(value):
            message = "Send the ETag as it was answered: visible ASCII characters, 255 at most."
            raise ApiError(400, "INVALID_REQUEST", message, {name: [message]})


def _path(endpoint: Endpoint, path: Mapping[str, str]) -> dict[str, Any]:
    model = endpoint.path_model
    try:
        parsed = model.model_validate_json(json.dumps(_plain(model, MultiDict(_camel(model, path)))))
    except ValidationError:
        raise ApiError(404, "NOT_FOUND", "There is no such thing.") from None
    return {name: getattr(parsed, name) for name in endpoint.path_names}


def _camel(model: type[BaseModel], values: Mapping[str, str]) -> dict[str, str]:
    return {str(model.model_fields[name].alias): value for name, value in values.items()}


def _query(model: type[BaseModel]) -> BaseModel:
    try:
        return model.model_validate_json(json.dumps(_plain(model, request.args)))
    except ValidationError as error:
        raise invalid(error, "query") from None


def _plain(model: type[BaseModel], given: MultiDict[str, str]) -> dict[str, Any]:
    """Texts of an address as the JSON values that they stand for, by the model's own schema."""
    properties = _properties(model)
    found: dict[str, Any] = {}
    for name, values in given.lists():
        schema = properties.get(name, {})
        if schema.get("type") == "array":
            found[name] = [_value(schema.get("items", {}), value) for value in values]
        else:
            found[name] = _value(schema, values[0]) if len(values) == 1 else values
    return found


_known_properties: dict[type[BaseModel], dict[str, Any]] = {}


def _properties(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schemas of a model's fields, without their “or null”."""
    if model not in _known_properties:
        found = {}
        for name, schema in model.model_json_schema()["properties"].items():
            others = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
            found[name] = others[0] if len(others) == 1 else schema
        _known_properties[model] = found
    return _known_properties[model]


def _value(schema: Mapping[str, Any], text: str) -> Any:
    kind = schema.get("type")
    if kind == "integer" and _WHOLE.fullmatch(text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def may_be_empty(model: type[BaseModel]) -> bool:
    """Whether a body may be left out altogether: nothing in it is required."""
    return not any(field.is_required() for field in model.model_fields.values())


def _body(model: type[BaseModel]) -> BaseModel:
    if may_be_empty(model) and not request.content_type and not request.get_data():
        return model.model_validate_json("{}")
    if request.mimetype != "application/json":
        message = "Send the body as JSON, with Content-Type: application/json."
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", message)
    data = request.get_data()
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        if _has_whole_floats(error):
            return _with_whole_numbers(model, data)
        raise invalid(error, "body") from None


def _has_whole_floats(error: ValidationError) -> bool:
    return any(
        detail["type"] == "int_type" and isinstance(detail["input"], float) and detail["input"].is_integer()
        for detail in error.errors(include_url=False)
    )


def _with_whole_numbers(model: type[BaseModel], data: bytes) -> BaseModel:
    """A body whose whole numbers were written like ``2.0``: JSON knows one kind of number."""
    try:
        return model.model_validate_json(json.dumps(json.loads(data, parse_float=_number)))
    except ValidationError as error:
        raise invalid(error, "body") from None


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() else value


def _multipart(endpoint: Endpoint) -> dict[str, Any]:
    if request.mimetype != "multipart/form-data":
        message = "Send the files as multipart/form-data."
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", message)
    field = endpoint.file_field or "file"
    unknown = {name: ["There is no such field."] for name in request.files if name != field}
    if unknown:
        raise ApiError(400, "INVALID_REQUEST", f"Send files in the field “{field}”.", unknown)
    found: dict[str, Any] = {"files": [file for file in request.files.getlist(field) if file.filename]}
    if not found["files"]:
        errors = {field: ["This file is required."]}
        raise ApiError(400, "INVALID_REQUEST", "There is no file in the request.", errors)
    if form := endpoint.model("form"):
        try:
            found["form"] = form.model_validate_json(json.dumps(_plain(form, request.form)))
        except ValidationError as error:
            raise invalid(error, "form") from None
    elif unknown := {name: ["There is no such field."] for name in request.form}:
        raise ApiError(400, "INVALID_REQUEST", f"Send nothing but files in the field “{field}”.", unknown)
    return found
