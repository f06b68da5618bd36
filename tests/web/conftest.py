"""The application with people, machines and the shipped processes, and browsers that are signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session

from app import create_app, processes
from app.database import unit_of_work
from app.domain.machines import Machine
from app.domain.people import Role, User
from app.engine import instances
from app.engine.actors import Actor
from app.engine.models import ProcessInstance, TaskState, UserTask
from app.extensions import db
from app.processes.directory import actor_of
from tests import factories

SignIn = Callable[[User], FlaskClient]


@pytest.fixture
def application(
    database: sa.Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    """The application on an empty database. Forms need no token here; ``test_security`` asks for them."""
    monkeypatch.setenv("MILLWRIGHT_DATABASE_URL", database_url)
    monkeypatch.setenv("MILLWRIGHT_DATA", str(tmp_path))
    monkeypatch.setenv("MILLWRIGHT_SECRET_KEY", "only for tests")
    app = create_app({"WTF_CSRF_ENABLED": False})
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def sign_in(application: Flask) -> SignIn:
    """Sign a user in with a browser of their own."""

    def enter(user: User) -> FlaskClient:
        browser = application.test_client()
        answer = browser.post("/sign-in", data={"email": user.email, "password": factories.PASSWORD})
        assert answer.status_code == 302
        return browser

    return enter


class Factory:
    """A small factory: one department with a press, somebody for each role, the shipped processes."""

    def __init__(self, application: Flask, session: Session) -> None:
        self.engine = application.extensions["millwright"]
        self.jobs = application.extensions["millwright.jobs"]
        self.session = session
        with unit_of_work(session):
            self.department = factories.make_department(session, name="Stamping")
            self.supervisor = self._user(Role.SUPERVISOR, "Ann Keller", department_id=self.department.id)
            self.technician = self._user(Role.MAINTENANCE_TECH, "Tomasz Wolski")
            self.other_technician = self._user(Role.MAINTENANCE_TECH, "Lena Fuchs")
            self.manager = self._user(Role.MAINTENANCE_MANAGER, "Maria Duarte")
            self.storekeeper = self._user(Role.INVENTORY_MANAGER, "Ivo Petrov")
            self.admin = self._user(Role.ADMIN, "Grace Odum")
            self.press: Machine = factories.make_machine(
                session, name="Hydraulic press", qr_code="PRESS-1", department_id=self.department.id
            )
            processes.deploy_shipped(self.engine, session)

    def _user(self, role: str, name: str, **values: Any) -> User:
        return factories.make_user(self.session, role, name=name, **values)

    def actor(self, user: User) -> Actor:
        return actor_of(user)

    def report(self, description: str = "Oil leaks.", **values: Any) -> ProcessInstance:
        """A problem with the press, reported by the supervisor."""
        answers = {"machineId": self.press.id, "priority": "HIGH", "description": description, **values}
        with unit_of_work(self.session) as session:
            return instances.start(
                self.engine, session, "maintenance_request", self.actor(self.supervisor), answers
            )

    def open_task(self, instance: ProcessInstance, element: str) -> UserTask:
        """The open task of an element, as it is in the database now."""
        self.session.rollback()
        query = sa.select(UserTask).where(
            UserTask.instance_id == instance.id,
            UserTask.element_id == element,
            UserTask.state == TaskState.OPEN,
        )
        return self.session.scalars(query.execution_options(populate_existing=True)).one()


@pytest.fixture
def factory(application: Flask, session: Session) -> Factory:
    return Factory(application, session)


@pytest.fixture
def statements(application: Flask) -> Callable[[], Any]:
    """Count the SQL statements inside a ``with`` block."""

    @contextmanager
    def count() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            if statement.startswith("SELECT"):
                seen.append(statement)

        with application.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return count
