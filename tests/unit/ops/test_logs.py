"""Every line of the log, ours or a library's, is JSON with the ids that belong to it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import click
import pytest
import sqlalchemy as sa
import structlog
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.cli import cli
from app.database import unit_of_work
from app.engine import jobs
from app.engine.core import ProcessEngine
from app.extensions import db
from app.jobs import JobSystem
from app.ops import logs


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """What is written to the log, set up as on a server."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure({"MILLWRIGHT_LOG_FORMAT": "json"}, stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_time_level_origin_and_extras(log: io.StringIO) -> None:
    logging.getLogger("some.library").warning("careful: %s", "hot", extra={"instance_id": 7})
    (line,) = lines(log)
    assert line["event"] == "careful: hot"
    assert (line["level"], line["logger"], line["instance_id"]) == ("warning", "some.library", 7)
    assert line["timestamp"].endswith("Z")


def test_an_error_is_one_line_with_its_traceback(log: io.StringIO) -> None:
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        logging.getLogger("x").exception("failed")
    (line,) = lines(log)
    assert "ZeroDivisionError" in line["exception"]


def test_requests_are_logged_with_their_id(client: FlaskClient, log: io.StringIO) -> None:
    response = client.get("/sign-in", headers={"X-Request-ID": "from-the-proxy-1"})
    line = next(line for line in lines(log) if line["logger"] == "millwright.request")
    assert line["event"] == "GET /sign-in"
    assert line["status"] == response.status_code == 200
    assert line["request_id"] == response.headers["X-Request-ID"] == "from-the-proxy-1"
    assert line["milliseconds"] >= 0


def test_health_checks_are_not_logged(client: FlaskClient, log: io.StringIO) -> None:
    client.get("/healthz")
    assert lines(log) == []


def test_a_request_does_not_inherit_the_ids_of_the_one_before(
    app: Flask, client: FlaskClient, log: io.StringIO
) -> None:
    structlog.contextvars.bind_contextvars(user_id="99")
    client.get("/sign-in")
    assert all("user_id" not in line for line in lines(log))


def test_people_at_a_terminal_get_columns() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        logs.configure({"MILLWRIGHT_LOG_FORMAT": "console", "MILLWRIGHT_LOG_LEVEL": "debug"}, stream)
        logging.getLogger("x").debug("hello")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert "hello" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_what_a_request_does_to_an_instance_can_be_found_by_the_instance(
    app: Flask, client: FlaskClient, log: io.StringIO
) -> None:
    client.get("/instances/42/tokens.json")
    line = next(line for line in lines(log) if line["logger"] == "millwright.request")
    assert line["instance_id"] == 42
    client.get("/sign-in")
    assert "instance_id" not in lines(log)[-1]


def test_a_request_names_the_jobs_that_it_has_queued(
    app: Flask, client: FlaskClient, log: io.StringIO
) -> None:
    app.extensions["millwright.jobs"].listen()

    @app.get("/queue")
    def queue() -> str:
        with unit_of_work(db.session()) as session:
            job = jobs.enqueue(session, "note", {})
        return str(job.id)

    job_id = int(client.get("/queue").text)
    line = next(line for line in lines(log) if line["event"] == "GET /queue")
    assert line["queued_jobs"] == [job_id]


def test_jobs_have_ids_of_their_own_in_the_log(
    engine: ProcessEngine, database: sa.Engine, session: Session, done: list[Any], log: io.StringIO
) -> None:
    system = JobSystem(engine, database)
    structlog.contextvars.bind_contextvars(request_id="of-somebody-else")
    with unit_of_work(session):
        first = jobs.enqueue(session, "note", {"what": "one"}, instance_id=7)
        second = jobs.enqueue(session, "note", {"what": "two"})
    system.sweep()
    written = [line for line in lines(log) if line["logger"] == "millwright.job"]
    assert [line["event"] for line in written] == ["job note done"] * 2
    assert [(line["job_id"], line.get("instance_id")) for line in written] == [
        (first.id, 7),
        (second.id, None),
    ]
    assert all(line["milliseconds"] >= 0 and "request_id" not in line for line in written)


def test_a_command_can_be_told_from_others_in_the_log(
    log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def speak() -> None:
        logging.getLogger("x").warning("hello")

    monkeypatch.setitem(cli.commands, "speak", speak)
    said = CliRunner().invoke(cli, ["speak"], env={"MILLWRIGHT_LOG_FORMAT": "json"})
    (line,) = [json.loads(line) for line in said.stderr.splitlines()]
    assert (line["event"], line["command"]) == ("hello", "speak")
    assert line["request_id"].startswith("cli-")
