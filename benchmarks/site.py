"""The product with the benchmark's process, and the bare application it is compared with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask, Response, g, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.database import configure, engine_options, unit_of_work
from app.engine.bindings import ProcessBinding, StartContext, Subject, SubjectSummary

PROCESS = Path(__file__).parent / "processes" / "visits"


def _subject(ctx: StartContext) -> Subject:
    return Subject(1, f"V-{ctx.values.get('number', 1)}")


BINDING = ProcessBinding(
    key="visits",
    subject_type="visit",
    statuses=(),
    facts={},
    create_subject=_subject,
    set_status=lambda ctx, status: None,
    describe=lambda session, subject_id: SubjectSummary(title="A visit"),
)


def product() -> Flask:
    """The whole application; answers say in headers how many statements and commits they took."""
    from app import create_app
    from app.extensions import db

    app = create_app()
    app.extensions["millwright"].bindings.processes["visits"] = BINDING
    with app.app_context():
        _count(app, db.engine)
    return app


class Base(DeclarativeBase):
    pass


class Row(Base):
    """One row that the bare application locks and updates."""

    __tablename__ = "bare_rows"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]


def bare() -> Flask:
    """The least that can be done: lock one row, update it, commit."""
    url = os.environ["MILLWRIGHT_DATABASE_URL"]
    app = Flask("bare")
    app.config.update(SQLALCHEMY_DATABASE_URI=url, SQLALCHEMY_ENGINE_OPTIONS=engine_options(url))
    bare_db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
    bare_db.init_app(app)
    with app.app_context():
        configure(bare_db.engine)
        _count(app, bare_db.engine)

    @app.post("/rows/<int:row_id>")
    def touch(row_id: int) -> str:
        with unit_of_work(bare_db.session()) as session:
            row = session.scalars(sa.select(Row).where(Row.id == row_id).with_for_update()).one()
            row.number += 1
        return "done"

    return app


def _count(app: Flask, database: sa.Engine) -> None:
    def statement(*_: Any) -> None:
        if request:
            g.statements = g.get("statements", 0) + 1

    def commit(_: Any) -> None:
        if request:
            g.commits = g.get("commits", 0) + 1

    sa.event.listen(database, "before_cursor_execute", statement)
    sa.event.listen(database, "commit", commit)

    @app.after_request
    def tell(response: Response) -> Response:
        response.headers["X-Statements"] = str(g.get("statements", 0))
        response.headers["X-Commits"] = str(g.get("commits", 0))
        return response
