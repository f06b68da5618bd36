"""The web application on a database of the test's own, and a session beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import create_app
from app.database import configure, engine_options
from app.extensions import db


@contextmanager
def application(url: str, folder: Path, **settings: object) -> Iterator[Flask]:
    """The application on the database at ``url``, with its files in ``folder``."""
    app = create_app(
        {
            "TESTING": True,
            "SQLALCHEMY_DATABASE_URI": url,
            "SQLALCHEMY_ENGINE_OPTIONS": engine_options(url),
            "MILLWRIGHT_DATA": folder,
            "MILLWRIGHT_UPLOADS": folder / "uploads",
            "WTF_CSRF_ENABLED": False,
            **settings,
        }
    )
    yield app
    with app.app_context():
        db.engine.dispose()


@contextmanager
def beside(url: str) -> Iterator[Session]:
    """A session beside the application, on its database."""
    database = sa.create_engine(url, **engine_options(url))
    configure(database)
    with Session(database, expire_on_commit=False) as session:
        yield session
    database.dispose()
