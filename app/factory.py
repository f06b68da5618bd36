"""Puts the application together: settings, extensions, jobs, pages, API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app import config as configuration
from app.extensions import init_database
from app.routing import LateRule
from app.security import init_security


class Application(Flask):
    """Flask, with rules that are quick to register."""

    url_rule_class = LateRule


def build(config: Mapping[str, Any] | None = None) -> Flask:
    """See :func:`app.create_app`."""
    app = Application("app", static_url_path="/static")
    app.config.update(configuration.from_environment())
    app.config.update(config or {})
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    init_database(app)
    init_security(app)

    # Imported here: they reach down to every room below.
    from app.api import init_api
    from app.jobs import init_jobs
    from app.ops import init_ops
    from app.processes import build_engine
    from app.web import init_web

    app.extensions["millwright"] = build_engine()
    init_jobs(app)
    init_ops(app)
    init_web(app)
    init_api(app)
    app.register_error_handler(HTTPException, _answer_http_error)
    return app


def _answer_http_error(error: HTTPException) -> ResponseReturnValue:
    """An address that nothing answers is an address of the API or a page: each has its own words."""
    from app.api.core.problems import problem_of
    from app.web.errors import http_error

    if request.path.startswith("/api/") and (error.code or 500) >= 400:
        return problem_of(error)
    return http_error(error)
