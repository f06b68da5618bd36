"""What load balancers and supervisors are told."""

from __future__ import annotations

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import db
from app.ops.runtime import MIGRATIONS
from tests.support import servers


@pytest.fixture
def migrated(app: Flask) -> None:
    with app.app_context():
        flask_migrate.stamp(str(MIGRATIONS))


def test_a_living_process_says_so_whatever_else_is_wrong(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE settings"))
    assert client.get("/healthz").json == {"status": "ok"}


@pytest.mark.usefixtures("migrated")
def test_a_process_that_can_serve_is_ready(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json == {"status": "ok", "parts": {"database": "ok", "migrations": "ok", "redis": "ok"}}


def test_an_old_database_is_not_ready(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json is not None
    assert response.json["parts"]["migrations"] == "failed"


@pytest.mark.usefixtures("migrated")
def test_a_missing_redis_is_not_ready_and_reasons_stay_in_the_log(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    port = servers.free_port()
    app.config["MILLWRIGHT_REDIS_URL"] = f"redis://:secret@127.0.0.1:{port}/0"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert str(port) not in response.text
    assert str(port) in caplog.text
    assert "secret" not in caplog.text
