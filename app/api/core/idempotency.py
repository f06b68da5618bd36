"""One effect for one Idempotency-Key: the first answer is kept with the action, and repeated.

A key belongs to its caller and to one request: the same key with another request is refused. What is
kept is encrypted by the key itself, of which only a digest is stored: answers hold tokens.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable

from cryptography.fernet import Fernet
from flask import Response, current_app, g, request
from sqlalchemy.orm import Session

from app.api.core.endpoints import Endpoint
from app.api.core.problems import ApiError
from app.domain import kept_answers
from app.domain.kept_answers import KeptAnswer

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_HEADERS = ("Content-Type", "Content-Disposition", "ETag", "Location", "Set-Cookie")
LARGEST = 4 * 1024 * 1024  # bytes; larger answers are made anew


class KeyRefused(ApiError):
    """The key itself is refused, which is no answer to the request."""


def key_of(endpoint: Endpoint) -> str | None:
    """The caller's key, where the endpoint heeds one.

    :raises ApiError: 400 for a key that cannot be one
    """
    key = request.headers.get(HEADER)
    if key is None or endpoint.method not in ("POST", "PATCH"):
        return None
    if not _KEY.fullmatch(key):
        message = "An Idempotency-Key is 1 to 255 visible ASCII characters, best a UUID."
        raise ApiError(400, "INVALID_REQUEST", message, {HEADER: [message]})
    return key


def kept_answer(session: Session, endpoint: Endpoint, key: str) -> Response | None:
    """The answer that was kept for this request, if there is one already.

    :raises KeyRefused: 422 for a key that was used for another request
    """
    kept = kept_answers.find(session, _caller(), _digest(key))
    return None if kept is None else _repeated(kept, endpoint, key)


def once(session: Session, endpoint: Endpoint, key: str, act: Callable[[], Response]) -> Response:
    """The first answer to this request: that of ``act``, or the one kept. Inside a unit of work.

    :raises ApiError: 422 for a key that was used for another request
    """
    kept, is_new = kept_answers.claim(session, _caller(), _digest(key), _fingerprint(endpoint))
    if not is_new:
        return _repeated(kept, endpoint, key)
    response = act()
    _keep(kept, key, response)
    return response


def remember(session: Session, endpoint: Endpoint, key: str, refusal: Response) -> Response:
    """Keep a refusal, whose action was rolled back; answers it, or what was kept meanwhile."""
    kept, is_new = kept_answers.claim(session, _caller(), _digest(key), _fingerprint(endpoint))
    if not is_new:
        return _repeated(kept, endpoint, key)
    _keep(kept, key, refusal)
    return refusal


def _caller() -> str:
    person = g.get("caller")
    return "anonymous" if person is None else f"user:{person.id}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _fingerprint(endpoint: Endpoint) -> str:
    """What tells this request from others, wherever it was sent to and however its parts were separated."""
    found = hashlib.sha256(f"{endpoint.name} {sorted((request.view_args or {}).items())}".encode())
    found.update(repr(sorted(request.args.items(multi=True))).encode())
    if endpoint.takes_files:
        found.update(repr(sorted(request.form.items(multi=True))).encode())
        for name, file in request.files.items(multi=True):
            file.stream.seek(0)  # it may have been read for an answer already
            content = hashlib.sha256(file.stream.read()).hexdigest()
            file.stream.seek(0)
            found.update(repr((name, file.filename, content)).encode())
    else:
        found.update(request.get_data())
    return found.hexdigest()


def _keep(kept: KeptAnswer, key: str, response: Response) -> None:
    """Put an answer and its headers, which may hold cookies, into an encrypted box."""
    headers = [[name, value] for name, value in response.headers.items() if name in _HEADERS]
    body = response.get_data()
    if len(body) <= LARGEST:
        kept.status = response.status_code
        kept.body = _box(key).encrypt(json.dumps(headers).encode() + b"\n" + body)


def _repeated(kept: KeptAnswer, endpoint: Endpoint, key: str) -> Response:
    if kept.fingerprint != _fingerprint(endpoint):
        message = "This Idempotency-Key was used for another request. Use a new key for a new request."
        raise KeyRefused(422, "KEY_REUSED", message, {HEADER: [message]})
    if kept.status is None or kept.body is None:
        message = "The first answer was too large to be kept. Ask with a new Idempotency-Key."
        raise KeyRefused(409, "ANSWER_NOT_KEPT", message)
    head, _, body = _box(key).decrypt(kept.body).partition(b"\n")
    response = Response(body, kept.status)
    for name in _HEADERS:
        response.headers.pop(name, None)
    for name, value in json.loads(head):
        response.headers.add(name, value)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _box(key: str) -> Fernet:
    secret = hashlib.sha256(f"{current_app.config['SECRET_KEY']}:kept answers:{key}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(secret))
