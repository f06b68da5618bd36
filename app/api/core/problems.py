"""Errors as RFC 9457 ``application/problem+json``: one shape, whatever went wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from flask import Response, g, request
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from pydantic import Field, ValidationError
from sqlalchemy.exc import IntegrityError, OperationalError
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from app.api.core.schemas import Out
from app.engine.models import UserTask
from app.engine.user_tasks import InvalidSubmission
from app.errors import BusinessError, Conflict, Forbidden, MillwrightError, NotFound, Unavailable

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

# Refusals about what state a thing is in, rather than about what was sent.
STATE_CODES = frozenset({"WRONG_STATUS", "NOT_ENOUGH_STOCK", "SIMULTANEOUS_CHANGE"})


class OpenTask(Out):
    """A user task that is open instead of the one that was wanted."""

    id: int
    name: str
    verbs: list[str] = Field(description="The verbs that complete it.")
    candidate_roles: list[str]
    assignee_id: int | None


class Problem(Out):
    """RFC 9457 problem details. ``code`` is stable and for programs, ``detail`` is for people."""

    type: str = "about:blank"
    title: str = Field(description="What the status means.")
    status: int
    detail: str = Field(description="What happened, and what to do about it.")
    code: str
    errors: dict[str, list[str]] = Field(
        default_factory=dict, description="What is wrong, by the path of the field (`lines.0.quantity`)."
    )
    open_tasks: list[OpenTask] | None = Field(
        default=None,
        description="The user tasks that are open instead.",
    )
    request_id: str = Field(description="The id by which the log knows this request.")


class ApiError(MillwrightError):
    """An error that knows its own status."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Mapping[str, list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = dict(errors or {})
        self.headers = dict(headers or {})


class NoOpenTask(Conflict):
    """A lifecycle endpoint found no user task to complete; ``open_tasks`` is what is open instead."""

    def __init__(self, message: str, open_tasks: list[tuple[UserTask, list[str]]]) -> None:
        super().__init__(message)
        self.open_tasks = [
            OpenTask(
                id=task.id,
                name=task.name,
                verbs=verbs,
                candidate_roles=list(task.candidate_roles),
                assignee_id=task.assignee_id,
            )
            for task, verbs in open_tasks
        ]


def response(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Mapping[str, list[str]] | None = None,
    open_tasks: list[OpenTask] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as a response."""
    problem = Problem(
        title=HTTP_STATUS_CODES.get(status, "Error"),
        status=status,
        detail=detail,
        code=code,
        errors=dict(errors or {}),
        open_tasks=open_tasks,
        request_id=g.get("request_id", ""),
    )
    body = problem.model_dump(mode="json", by_alias=True)
    if open_tasks is None:
        del body["openTasks"]
    return Response(json.dumps(body, ensure_ascii=False), status, headers, mimetype=MEDIA_TYPE)


def problem_of(error: Exception) -> Response:
    """The response for whatever was raised; of an unforeseen error only its number leaves the server."""
    match error:
        case ApiError():
            return response(
                error.status, error.code, error.detail, errors=error.errors, headers=error.headers
            )
        case InvalidSubmission():
            errors = error.form.errors
            return response(422, "INVALID", str(error), errors=errors)
        case BusinessError():
            status = 409 if error.code in STATE_CODES else 422
            errors = {error.field: [error.message]} if error.field else {}
            return response(status, error.code, error.message, errors=errors)
        case NotFound():
            return response(404, "NOT_FOUND", str(error))
        case Forbidden():
            return response(403, "FORBIDDEN", str(error))
        case NoOpenTask():
            return response(409, "NO_OPEN_TASK", str(error), open_tasks=error.open_tasks)
        case Unavailable():
            log.error("%s %s cannot be answered: %s", request.method, request.path, error)
            return response(503, "UNAVAILABLE", str(error))
        case Conflict():
            return response(409, "CONFLICT", str(error))
        case MillwrightError():
            return response(422, "REFUSED", str(error))
        case CSRFError():
            return response(403, "CSRF", "The CSRF token is missing or wrong. Send it as X-CSRF-TOKEN.")
        case RateLimitExceeded():
            detail = f"Too many requests: {error.description} are allowed. Try again later."
            return response(429, "TOO_MANY_REQUESTS", detail)
        case HTTPException():
            return _http_problem(error)
        case IntegrityError():
            log.info("%s %s met a change of the same moment: %s", request.method, request.path, error.orig)
            detail = "Somebody else changed the same thing at the same moment. Read it again and repeat."
            return response(409, "SIMULTANEOUS_CHANGE", detail)
        case OperationalError():
            log.error("%s %s: the database does not answer", request.method, request.path, exc_info=error)
            detail = "The database is busy or cannot be reached. Try again in a moment."
            return response(503, "UNAVAILABLE", detail, headers={"Retry-After": "5"})
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    detail = f"Something went wrong that nobody planned. Its number in the log is {g.get('request_id', '')}."
    return response(500, "INTERNAL", detail)


_HTTP = {
    404: ("NOT_FOUND", "There is no such address."),
    405: ("METHOD_NOT_ALLOWED", "This address does not take that method."),
    413: ("TOO_LARGE", "What was sent is too large."),
}


def _http_problem(error: HTTPException) -> Response:
    status = error.code or 500
    code, detail = _HTTP.get(status, (error.name.upper().replace(" ", "_"), error.description or error.name))
    headers = {}
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        headers["Allow"] = ", ".join(sorted(allowed))
    return response(status, code, detail, headers=headers)


def invalid(error: ValidationError, where: str) -> ApiError:
    """What of a request does not fit its schema, field by field."""
    errors: dict[str, list[str]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        path = ".".join(str(part) for part in detail["loc"])
        errors.setdefault(path, []).append(_words(detail["type"], detail["msg"]))
    return ApiError(400, "INVALID_REQUEST", f"The {where} does not fit its schema; see “errors”.", errors)


def _words(kind: str, message: Any) -> str:
    known = {
        "extra_forbidden": "There is no such field.",
        "missing": "This field is required.",
        "json_invalid": "This is not JSON.",
        "string_type": "This must be a text.",
        "int_type": "This must be a whole number.",
        "bool_type": "This must be true or false.",
    }
    text = str(message).removeprefix("Value error, ")
    return known.get(kind, text[:1].upper() + text[1:].rstrip(".") + ".")
