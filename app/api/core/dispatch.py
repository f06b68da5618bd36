"""One call from beginning to end: who, how often, may they, what, once, answered."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from flask import Response, g, request, send_file

from app import current
from app.access import permissions
from app.api.core import etags, idempotency, problems, reading
from app.api.core.authentication import CHALLENGE, identify
from app.api.core.endpoints import Download, Endpoint, Refused
from app.api.core.limits import limited
from app.api.core.problems import ApiError
from app.database import unit_of_work
from app.domain import sessions
from app.errors import MillwrightError, Unavailable
from app.extensions import talisman
from app.patience import with_patience
from app.security import FILE_POLICY

ATTEMPTS = 6  # while the database gives an action up


def view_of(endpoint: Endpoint) -> Callable[..., Response]:
    """The view function of an endpoint."""
    answer = limited(lambda **path: _answer(endpoint, path))

    def view(**path: str) -> Response:
        g.strict_limit = endpoint.strict_limit
        try:
            identify()
        except Exception as error:  # counted like any call of a stranger before it is refused
            g.refusal = error
        response: Response = answer(**path)
        return response

    view.__name__ = endpoint.name
    # A file is saved or shown, never run.
    return talisman(content_security_policy=FILE_POLICY)(view) if endpoint.gives_file else view


def _answer(endpoint: Endpoint, path: dict[str, str]) -> Response:
    refusal = g.pop("refusal", None)
    if refusal is not None and not endpoint.is_public:
        raise refusal
    if endpoint.needs is not None:
        if identify() is None:
            raise ApiError(401, "UNAUTHENTICATED", "Sign in first.", headers=CHALLENGE)
        g.scope = permissions.require(current.actor(), endpoint.needs)
    arguments = reading.arguments(endpoint, path)
    if endpoint.is_safe:
        response = _respond(endpoint, endpoint.function(**arguments))
        if endpoint.etag:
            response.make_conditional(request)
        return response
    return _write(endpoint, arguments)


def _write(endpoint: Endpoint, arguments: dict[str, Any]) -> Response:
    """Act in one transaction, at most once for an Idempotency-Key."""
    key = idempotency.key_of(endpoint)
    session = current.session()

    def act() -> Response:
        g.pop("on_response", None)
        for file in arguments.get("files", ()):
            file.stream.seek(0)  # an attempt before this one may have read it
        return _respond(endpoint, endpoint.function(**arguments))

    try:
        if endpoint.prepares is not None:
            # What a repeat prepares may be refused by now, as an old password is once it was changed.
            if key is not None and (kept := idempotency.kept_answer(session, endpoint, key)):
                return kept
            arguments["prepared"] = endpoint.prepares(
                **{name: value for name, value in arguments.items() if name in ("body", "form", "files")}
            )
        return _with_patience(lambda: _in_transaction(endpoint, key, act))
    except MillwrightError as error:
        if key is None or not _is_remembered(error):
            raise
        refusal = problems.problem_of(error)
        return _with_patience(lambda: _remember(endpoint, key, refusal))


def _remember(endpoint: Endpoint, key: str, refusal: Response) -> Response:
    """Keep a refusal in a transaction of its own: that of the action was rolled back."""
    with unit_of_work(current.session()) as session:
        return idempotency.remember(session, endpoint, key, refusal)


def _is_remembered(error: MillwrightError) -> bool:
    """Whether a refusal is the answer to a key: the factory's rules refused, not who or how one asks."""
    if isinstance(error, (idempotency.KeyRefused, Unavailable)):
        return False  # what is unavailable now may be there when it is tried again
    return not isinstance(error, ApiError) or error.status in (409, 422)


def _in_transaction(endpoint: Endpoint, key: str | None, act: Callable[[], Response]) -> Response:
    with unit_of_work(current.session()) as session:
        if "seen_at" in g and sessions.is_stale(g.pop("seen_at")):
            sessions.seen(session, g.session_id)
        return act() if key is None else idempotency.once(session, endpoint, key, act)


def _with_patience(action: Callable[[], Response]) -> Response:
    what = f"{request.method} {request.path}"
    return with_patience(current.session(), action, attempts=ATTEMPTS, what=what)


def _respond(endpoint: Endpoint, result: Any) -> Response:
    response = _response_of(endpoint, result)
    for change in g.pop("on_response", ()):
        change(response)
    return response


def _response_of(endpoint: Endpoint, result: Any) -> Response:
    if isinstance(result, Refused):
        return problems.response(result.status, result.code, result.detail, errors=result.errors)
    if isinstance(result, Download):
        return _file(result)
    if isinstance(result, Response):
        return result
    if endpoint.answer is None:
        return Response(status=204)
    body = etags.body_of(endpoint.answer, result)
    response = Response(body, endpoint.status, mimetype="application/json")
    if endpoint.etag:
        response.set_etag(etags.digest(body))
    return response


def _file(download: Download) -> Response:
    response = send_file(
        io.BytesIO(download.data),
        mimetype=download.media_type,
        as_attachment=not download.inline,
        download_name=download.file_name,
        max_age=0,
    )
    response.direct_passthrough = False
    response.headers["Cache-Control"] = "private, no-cache"
    return response
