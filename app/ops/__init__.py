"""What running the product takes: logs, health, the web server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def init_ops(app: Flask) -> None:
    """Give the application its request log, health endpoints, scanner, files, and demonstration logins."""
    from app.domain.scanning import NoScanner
    from app.ops import errors_elsewhere, health, metrics, request_log, tracing
    from app.ops.clamav import Clamd
    from app.ops.demo import LOGINS
    from app.storage import store_of

    errors_elsewhere.init(app.config)
    metrics.init(app)
    request_log.init(app)
    tracing.init(app)
    clamd = app.config["MILLWRIGHT_CLAMD"]
    app.extensions["millwright.scanner"] = Clamd(clamd) if clamd else NoScanner()
    app.extensions["millwright.files"] = store_of(app.config)
    app.register_blueprint(health.pages)
    app.config.setdefault("MILLWRIGHT_DEMO_LOGINS", LOGINS)
