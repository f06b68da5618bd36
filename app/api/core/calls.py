"""What the function of an endpoint may ask about the call it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from flask import Response, g, request
from pydantic import TypeAdapter

from app import current
from app.access.permissions import Scope
from app.api.core import etags
from app.api.core.problems import ApiError

actor = current.actor
engine = current.engine
session = current.session


def scope() -> Scope:
    """How far the caller's right to this endpoint reaches."""
    return cast(Scope, g.scope)


def user_id() -> int:
    """The id of whoever calls."""
    return current.me().id


def location(address: str) -> None:
    """Say where a created thing is, below the API's root (``/machines/7``)."""
    on_response(lambda response: response.headers.set("Location", f"/api/v1{address}"))


def on_response(change: Callable[[Response], Any]) -> None:
    """Change the response once it is made: to set cookies or headers."""
    g.setdefault("on_response", []).append(change)


def require_unchanged(model: Any, thing: Any) -> None:
    """Refuse where If-Match names another version than this one; call it once the thing is locked.

    :raises ApiError: 412
    """
    wanted = request.if_match
    if not wanted.star_tag and wanted.as_set(include_weak=True):
        tag = etags.tag_of(TypeAdapter(model), thing)
        if not wanted.contains_weak(tag):  # a proxy that compresses answers makes their ETags weak
            message = "It has been changed since you read it. Read it again and repeat your change."
            raise ApiError(412, "PRECONDITION_FAILED", message)
