"""What the database gives up is tried again before a page is answered: nobody need know."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from app.domain.attachments import Attachment
from app.domain.requests import MaintenanceRequest
from app.engine.models import HistoryEntry, HistoryKind, Incident, ProcessInstance, TaskState, UserTask
from app.extensions import db
from tests.support import failing as databases
from tests.support.failing import DEADLOCK, FULL, GONE, LOCK_WAIT, LOST
from tests.web.conftest import Factory, SignIn

# Faults of MySQL are put under SQLite here; tests/faults has a real deadlock.
pytestmark = pytest.mark.sqlite


@contextmanager
def failing(application: Flask, number: int, times: int, *, at: str) -> Iterator[list[str]]:
    """The application's database answers with errors: see :mod:`tests.support.failing`."""
    with application.app_context():
        database = db.engine
    with databases.failing(database, number, times, at=at) as failed:
        yield failed


@pytest.fixture
def accepting(factory: Factory) -> UserTask:
    return factory.open_task(factory.report(), "accept_request")


def state_of(factory: Factory, task: UserTask) -> str:
    factory.session.rollback()
    return factory.session.get_one(UserTask, task.id, populate_existing=True).state


def count(factory: Factory, model: type[Any], *where: Any) -> int:
    factory.session.rollback()
    return factory.session.scalar(sa.select(sa.func.count()).select_from(model).where(*where)) or 0


@pytest.mark.parametrize("number", [DEADLOCK, LOCK_WAIT])
@pytest.mark.parametrize(
    "at", ["UPDATE process_instances", "INSERT INTO history", "UPDATE maintenance_requests"]
)
def test_a_task_is_completed_once_all_the_same(
    application: Flask, factory: Factory, sign_in: SignIn, accepting: UserTask, number: int, at: str
) -> None:
    browser = sign_in(factory.technician)
    with failing(application, number, 2, at=at) as failed:
        answer = browser.post(f"/tasks/{accepting.id}", data={"_outcome": "accept"})
    assert len(failed) == 2
    assert answer.status_code == 302
    assert state_of(factory, accepting) == TaskState.COMPLETED
    left = HistoryEntry.element_id == "accept_request", HistoryEntry.kind == HistoryKind.LEFT
    assert count(factory, HistoryEntry, *left) == 1
    # The step is tried again; it has not failed.
    assert count(factory, Incident) == 0


def test_a_problem_with_a_photo_is_reported_once(
    application: Flask, factory: Factory, sign_in: SignIn
) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(picture, "PNG")
    picture.seek(0)
    form = {
        "machineId": str(factory.press.id), "priority": "HIGH", "description": "Oil leaks.",
        "photos": (picture, "leak.png"),
    }  # fmt: skip
    with failing(application, DEADLOCK, 1, at="INSERT INTO process_instances") as failed:
        answer = sign_in(factory.supervisor).post("/report", data=form)
    assert (len(failed), answer.status_code) == (1, 302)
    assert count(factory, MaintenanceRequest) == 1 == count(factory, ProcessInstance)
    assert count(factory, Attachment) == 1
    kept = factory.session.scalars(sa.select(Attachment)).one()
    assert kept.size > 0


def test_patience_ends(
    application: Flask,
    factory: Factory,
    sign_in: SignIn,
    accepting: UserTask,
    caplog: pytest.LogCaptureFixture,
) -> None:
    browser = sign_in(factory.technician)
    with (
        caplog.at_level(logging.ERROR),
        failing(application, DEADLOCK, 100, at="UPDATE process_instances") as failed,
    ):
        answer = browser.post(f"/tasks/{accepting.id}", data={"_outcome": "accept"})
    assert 2 <= len(failed) <= 6
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Millwright is busy" in answer.text
    assert "does not answer" in caplog.text
    assert state_of(factory, accepting) == TaskState.OPEN
    assert browser.post(f"/tasks/{accepting.id}", data={"_outcome": "accept"}).status_code == 302


def test_other_errors_are_not_tried_again(
    application: Flask, factory: Factory, sign_in: SignIn, accepting: UserTask
) -> None:
    with failing(application, GONE, 100, at="UPDATE process_instances") as failed:
        answer = sign_in(factory.technician).post(f"/tasks/{accepting.id}", data={"_outcome": "accept"})
    assert (len(failed), answer.status_code) == (1, 503)


@pytest.mark.parametrize("number", [FULL, LOST])
def test_a_step_that_the_database_cannot_do_now_is_no_incident(
    application: Flask, factory: Factory, sign_in: SignIn, accepting: UserTask, number: int
) -> None:
    browser = sign_in(factory.technician)
    with failing(application, number, 1, at="UPDATE maintenance_requests"):
        answer = browser.post(f"/tasks/{accepting.id}", data={"_outcome": "accept"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert count(factory, Incident) == 0
    assert state_of(factory, accepting) == TaskState.OPEN
    assert browser.post(f"/tasks/{accepting.id}", data={"_outcome": "accept"}).status_code == 302
