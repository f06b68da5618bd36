"""The Flask extensions, made once and bound to an application by the factory."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask
from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_talisman import Talisman
from flask_wtf import CSRFProtect

from app import database
from app.domain import settings

# The product's models are on app.database.Base; Flask-SQLAlchemy gives them engines and sessions.
db = SQLAlchemy(metadata=database.metadata, session_options={"expire_on_commit": False})
migrate = Migrate()
login_manager = LoginManager()
csrf = CSRFProtect()
talisman = Talisman()
jwt_manager = JWTManager()
limiter = Limiter(key_func=get_remote_address)


def init_database(app: Flask) -> None:
    """Bind the database and give each of its engines the settings that the product relies on."""
    uri = app.config["SQLALCHEMY_DATABASE_URI"]
    path = sa.make_url(uri).database
    if uri.startswith("sqlite") and path and path != ":memory:":
        _make_folder(path)
    db.init_app(app)
    migrate.init_app(app, db, render_as_batch=True, compare_type=True)
    with app.app_context():
        for engine in db.engines.values():
            database.configure(engine)
            settings.use_time_zone(engine, app.config.get("MILLWRIGHT_TIME_ZONE", ""))


def _make_folder(path: str) -> None:
    from pathlib import Path

    Path(path).parent.mkdir(parents=True, exist_ok=True)
