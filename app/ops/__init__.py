"""What running the product takes: logs, health, the web server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def init_ops(app: Flask) -> None:
    """Give the application its request log and its health endpoints."""
    from app.ops import health, request_log

    request_log.init(app)
    app.register_blueprint(health.pages)
