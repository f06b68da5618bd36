"""The web application on a database of the test's own, and a session beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy.orm import Session

from app import create_app
from app.database import configure, engine_options
from app.extensions import db


class KeptBytecode(BytecodeCache):
    """Compiled templates, kept in memory for all applications of a test run."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give what was compiled before; a template that has changed since does not take it."""
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was just compiled."""
        self._kept[bucket.key] = bucket.bytecode_to_string()


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
