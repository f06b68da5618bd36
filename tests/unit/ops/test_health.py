"""What load balancers and supervisors are told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app import clock as clocks
from app.engine.models import Lease
from app.extensions import db
from app.jobs.leadership import SCHEDULER
from app.ops.runtime import MIGRATIONS
from app.storage.base import StorageUnavailable
from app.storage.folder import FolderStore
from tests.support import servers


@pytest.fixture
def migrated(app: Flask) -> None:
    with app.app_context():
        flask_migrate.stamp(str(MIGRATIONS))


def test_a_living_process_says_so_whatever_else_is_wrong(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE settings"))
    assert client.get("/healthz").json == {"status": "ok"}


@pytest.fixture
def swept(app: Flask) -> None:
    with app.app_context(), db.session.begin():
        db.session.add(Lease(name=SCHEDULER, holder="a scheduler", worked_at=clocks.now()))


PARTS = ("database", "migrations", "redis", "files", "scheduler", "clock")


@pytest.mark.usefixtures("migrated", "swept")
def test_a_process_that_can_serve_is_ready(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json == {"status": "ok", "parts": dict.fromkeys(PARTS, "ok")}


@pytest.mark.usefixtures("swept")
def test_an_old_database_is_not_ready(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json is not None
    assert response.json["status"] == "failed"
    assert response.json["parts"]["migrations"] == "failed"


@pytest.mark.usefixtures("migrated", "swept")
def test_a_newer_database_is_ready_while_nodes_are_replaced(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'ffff_of_next_year'"))
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json is not None and response.json["status"] == "ok"


@pytest.mark.usefixtures("migrated", "swept")
def test_without_redis_a_site_is_degraded_and_reasons_stay_in_the_log(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    port = servers.free_port()
    app.config["MILLWRIGHT_REDIS_URL"] = f"redis://:secret@127.0.0.1:{port}/0"
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json == {"status": "degraded", "parts": dict.fromkeys(PARTS, "ok") | {"redis": "failed"}}
    assert str(port) not in response.text
    assert str(port) in caplog.text
    assert "secret" not in caplog.text
    caplog.clear()
    assert client.get("/readyz").status_code == 200
    assert str(port) not in caplog.text  # the log hears of it once


@pytest.mark.usefixtures("migrated", "swept")
def test_files_that_cannot_be_kept_are_told(app: Flask, client: FlaskClient) -> None:
    class Full(FolderStore):
        def check(self) -> None:
            raise StorageUnavailable("the disk is full")

    app.extensions["millwright.files"] = Full(Path("/nowhere"))
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json == {"status": "degraded", "parts": dict.fromkeys(PARTS, "ok") | {"files": "failed"}}


@pytest.mark.usefixtures("migrated")
def test_a_site_whose_scheduler_is_silent_is_degraded(
    app: Flask, client: FlaskClient, clock: clocks.ManualClock, swept: None
) -> None:
    assert client.get("/readyz").json == {"status": "ok", "parts": dict.fromkeys(PARTS, "ok")}
    clock.advance(minutes=3)
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json is not None
    assert (response.json["status"], response.json["parts"]["scheduler"]) == ("degraded", "failed")


@pytest.mark.usefixtures("migrated", "swept")
def test_a_machine_whose_clock_is_wrong_is_told(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "wrong_by", lambda: timedelta(minutes=-1))
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json == {"status": "degraded", "parts": dict.fromkeys(PARTS, "ok") | {"clock": "failed"}}


@pytest.mark.usefixtures("migrated", "swept")
def test_a_process_that_was_told_to_end_is_not_ready(app: Flask, client: FlaskClient) -> None:
    ending: list[bool] = []
    app.extensions["millwright.draining"] = lambda: bool(ending)
    assert client.get("/readyz").status_code == 200
    ending.append(True)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json == {"status": "draining", "parts": dict.fromkeys(PARTS, "ok")}
