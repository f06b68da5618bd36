"""Whether this process lives, and whether it can serve: for load balancers and supervisors."""

from __future__ import annotations

import logging
from collections.abc import Callable

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, current_app, jsonify
from redis import Redis

from app.extensions import db
from app.ops.runtime import MIGRATIONS

log = logging.getLogger(__name__)

pages = Blueprint("health", __name__)


class NotReady(Exception):
    """Something that serving needs is missing; the message says what."""


@pages.get("/healthz")
def alive() -> Response:
    """The process answers. Nothing else is asked: a supervisor restarts what does not answer."""
    return jsonify(status="ok")


@pages.get("/readyz")
def ready() -> tuple[Response, int]:
    """Whether requests can be served now: each part by name, ``ok`` or ``failed``; 503 if any failed.

    Reasons are in the log: this page is open to everybody.
    """
    results = {name: _passes(name, check) for name, check in CHECKS.items()}
    good = all(results.values())
    parts = {name: "ok" if passed else "failed" for name, passed in results.items()}
    return jsonify(status="ok" if good else "failed", parts=parts), 200 if good else 503


def _passes(name: str, check: Callable[[], None]) -> bool:
    try:
        check()
    except Exception as error:
        log.warning("not ready: %s: %s", name, error)
        return False
    return True


def _database() -> None:
    with db.engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))


def _migrations() -> None:
    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    with db.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current != newest:
        raise NotReady(
            f"the database is at migration {current}, the program at {newest}: run “millwright setup”"
        )


def _redis() -> None:
    url = current_app.config["MILLWRIGHT_REDIS_URL"]
    if url:
        with Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1) as client:
            client.ping()


CHECKS: dict[str, Callable[[], None]] = {"database": _database, "migrations": _migrations, "redis": _redis}
