"""The product without its pages: settings, database and engine, for commands and workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import config
from app.engine.core import ProcessEngine
from app.extensions import db, init_database
from app.jobs import JobSystem
from app.jobs.mail import mailer_of
from app.ops import errors_elsewhere, tracing
from app.processes import build_engine

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


@dataclass(frozen=True, slots=True)
class Site:
    """What a command works with."""

    settings: Mapping[str, Any]
    engine: ProcessEngine
    database: sa.Engine

    @property
    def address(self) -> str:
        """The database's address, without its password."""
        return self.database.url.render_as_string(hide_password=True)

    def session(self) -> Session:
        """A session of its own; use it with ``with``."""
        return Session(self.database, expire_on_commit=False)

    def jobs(self) -> JobSystem:
        """The means to do this site's jobs."""
        return JobSystem(
            self.engine,
            self.database,
            redis_url=self.settings["MILLWRIGHT_REDIS_URL"],
            mailer=mailer_of(self.settings),
            lease=self.settings["MILLWRIGHT_LEASE_SECONDS"],
        )


def database_app(settings: Mapping[str, Any] | None = None) -> Flask:
    """An application that has the site's settings and database, and no pages. Migrations need it."""
    app = Flask("millwright")
    app.config.update(config.from_environment())
    app.config.update(settings or {})
    init_database(app)
    return app


@contextmanager
def site() -> Iterator[Site]:
    """The site that the environment describes. Raises :class:`app.config.ConfigurationError`."""
    app = database_app()
    errors_elsewhere.init(app.config)
    with app.app_context():
        database = db.engine
        tracing.init_database(app.config, database)
        try:
            yield Site(app.config, build_engine(), database)
        finally:
            database.dispose()
