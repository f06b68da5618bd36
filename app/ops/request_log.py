"""A log line for each request, and the ids that all lines written during it carry."""

from __future__ import annotations

import logging
import time

import structlog
from flask import Flask, Response, g, request
from flask_login import current_user

log = logging.getLogger("millwright.request")

# Asked every few seconds by machines, or served from a cache: not worth a line each.
UNLOGGED = {"static", "health.alive", "health.ready", "metrics.scrape"}


def init(app: Flask) -> None:
    """Log the requests of ``app``."""
    app.before_request(_begin)
    app.after_request(_end)


def loggable_path() -> str:
    """The path of the request, without a secret that is part of it."""
    secret = (request.view_args or {}).get("token")
    return request.path.replace(secret, "***") if secret else request.path


def _begin() -> None:
    g.request_began = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.get("request_id", ""))
    if request.endpoint not in UNLOGGED and current_user.is_authenticated:
        structlog.contextvars.bind_contextvars(user_id=current_user.id)
    instance = (request.view_args or {}).get("instance_id")
    if instance is not None:
        structlog.contextvars.bind_contextvars(instance_id=instance)


def _end(response: Response) -> Response:
    began = g.get("request_began")
    if began is not None and request.endpoint not in UNLOGGED:
        log.info(
            "%s %s",
            request.method,
            loggable_path(),
            extra={
                "status": response.status_code,
                "milliseconds": round((time.perf_counter() - began) * 1000, 1),
            },
        )
    return response
