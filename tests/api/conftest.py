"""The API of a small factory, and somebody of each role to call it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.api.core import tokens
from app.database import unit_of_work
from app.domain import sessions
from app.domain.machines import Machine
from app.domain.people import Role, User
from app.engine import jobs
from app.engine.core import ProcessEngine
from app.extensions import db
from tests import factories
from tests.support.application import beside


class Caller:
    """A program that calls the API as somebody: ``caller.get("/machines")``, ``caller.post("/…", {…})``."""

    def __init__(self, application: Flask, user: User | None, token: str | None) -> None:
        self.client: FlaskClient = application.test_client()
        self.user = user
        self.token = token

    @property
    def id(self) -> int:
        assert self.user is not None
        return self.user.id

    def call(self, method: str, path: str, json: Any = None, **options: Any) -> TestResponse:
        headers = dict(options.pop("headers", {}))
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if (key := options.pop("key", None)) is not None:
            headers["Idempotency-Key"] = key
        if (tag := options.pop("tag", None)) is not None:
            headers["If-Match"] = tag
        if json is not None:
            options["json"] = json
        return self.client.open(f"/api/v1{path}", method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.call("POST", path, json, **options)

    def put(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.call("PUT", path, json, **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.call("PATCH", path, json, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.call("DELETE", path, **options)


class Api:
    """The application's API with a small factory behind it: a department with a press, somebody a role."""

    def __init__(self, application: Flask, session: Session) -> None:
        self.application = application
        self.session = session
        self.engine = application.extensions["millwright"]
        self.jobs = application.extensions["millwright.jobs"]
        self.anonymous = Caller(application, None, None)
        with unit_of_work(session):
            self.department = factories.make_department(session, name="Stamping")
            self.press: Machine = factories.make_machine(
                session, name="Hydraulic press", qr_code="PRESS-1", department_id=self.department.id
            )
        self.admin = self.someone(Role.ADMIN, name="Grace Odum")
        self.supervisor = self.someone(Role.SUPERVISOR, name="Ann Keller", department_id=self.department.id)
        self.technician = self.someone(Role.MAINTENANCE_TECH, name="Tomasz Wolski")
        self.manager = self.someone(Role.MAINTENANCE_MANAGER, name="Maria Duarte")
        self.storekeeper = self.someone(Role.INVENTORY_MANAGER, name="Ivo Petrov")

    def someone(self, role: str | None, **values: Any) -> Caller:
        """Another person, signed in."""
        with unit_of_work(self.session) as session:
            user = factories.make_user(session, role, **values)
        return self.signed_in(user)

    def signed_in(self, user: User) -> Caller:
        with unit_of_work(self.session) as session:
            row = sessions.begin(
                session, user.id, sessions.SessionKind.API, lifetime=sessions.REFRESH_LIFETIME
            )
        with self.application.app_context():
            return Caller(self.application, user, tokens.issue(row).access)

    @property
    def by_role(self) -> dict[str, Caller]:
        """A caller for each role, and ``anonymous``."""
        return {
            Role.ADMIN: self.admin,
            Role.SUPERVISOR: self.supervisor,
            Role.MAINTENANCE_TECH: self.technician,
            Role.MAINTENANCE_MANAGER: self.manager,
            Role.INVENTORY_MANAGER: self.storekeeper,
            "anonymous": self.anonymous,
        }

    def settle(self) -> None:
        """Do the jobs that are due: messages between processes."""
        self.session.rollback()
        with self.application.app_context():
            jobs.drain(self.engine, self.jobs.sessions)

    def row(self, model: type[Any], row_id: int) -> Any:
        """A row as it is in the database now."""
        self.session.rollback()
        return self.session.get(model, row_id, populate_existing=True)


@pytest.fixture
def api(app: Flask, session: Session) -> Api:
    """The API over the processes that ship."""
    return Api(app, session)


@pytest.fixture
def session(deployed_url: str) -> Iterator[Session]:
    """A session beside the application, on its database."""
    with beside(deployed_url) as session:
        yield session


@pytest.fixture
def statements(app: Flask) -> Callable[[], Any]:
    """Count the SELECT statements of the application inside a ``with`` block."""

    @contextmanager
    def count() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            if statement.startswith("SELECT"):
                seen.append(statement)

        with app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return count


@pytest.fixture(scope="session")
def start_of_restorable_sites(
    tmp_path_factory: pytest.TempPathFactory, factory_engine: ProcessEngine
) -> Path:
    """What restorable sites begin with, made once for all parallel processes."""
    from tests.support import restorable

    basis = tmp_path_factory.getbasetemp()
    shared = basis.parent if os.environ.get("PYTEST_XDIST_WORKER") else basis
    with (shared / "restorable.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = shared / "restorable"
        if not (folder / "made").exists():
            folder.mkdir(exist_ok=True)
            restorable.build_start(folder, factory_engine)
            (folder / "made").touch()
    return folder / "start.db"
