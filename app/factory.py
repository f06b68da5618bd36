"""Puts the application together: settings, extensions, jobs, pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask

from app import config as configuration
from app.extensions import init_database
from app.security import init_security


def build(config: Mapping[str, Any] | None = None) -> Flask:
    """See :func:`app.create_app`."""
    app = Flask("app", static_url_path="/static")
    app.config.update(configuration.from_environment())
    app.config.update(config or {})
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    init_database(app)
    init_security(app)

    # Imported here: they reach down to every room below.
    from app.jobs import init_jobs
    from app.ops import init_ops
    from app.processes import build_engine
    from app.web import init_web

    app.extensions["millwright"] = build_engine()
    init_jobs(app)
    init_ops(app)
    init_web(app)
    return app
