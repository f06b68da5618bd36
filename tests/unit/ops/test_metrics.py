"""What Prometheus reads: by whom, of what, and how often the database is asked for it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session, sessionmaker

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import sessions, stock
from app.domain.downtime import MachineDowntime
from app.domain.machines import MachineStatus
from app.domain.requests import RequestStatus
from app.domain.sessions import SessionKind
from app.engine import jobs
from app.engine.core import ProcessEngine
from app.engine.feel import FeelTimeout
from app.engine.models import (
    Deployment,
    Incident,
    InstanceState,
    Job,
    JobState,
    Lease,
    ProcessInstance,
    TaskState,
    UserTask,
)
from app.engine.monitor.models import Mark, Obstacle
from app.extensions import db
from app.jobs import JobSystem
from app.ops.metrics import Metrics
from app.ops.metrics import database as measured
from app.ops.metrics.access import Readers
from app.ops.metrics.meters import Meters
from app.ops.metrics.reading import read
from app.ops.metrics.site import SiteState
from tests import factories
from tests.support.servers import free_port


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The numbers of a scrape, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def number(text: str, name: str, **labels: str) -> float | None:
    return samples(text).get((f"millwright_{name}", frozenset(labels.items())))


@contextmanager
def statements(engine: sa.Engine) -> Iterator[list[str]]:
    """The statements that are made meanwhile."""
    made: list[str] = []

    def note(_: Any, __: Any, statement: str, *rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            made.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    yield made
    sa.event.remove(engine, "before_cursor_execute", note)


# -- who may read ----------------------------------------------------------------------------------

TRUSTED = Readers((ip_network("10.0.0.0/8"), ip_network("::1")), "secret-token")


@pytest.mark.parametrize(
    ("address", "headers", "admitted"),
    [
        ("10.1.2.3", {}, True),
        ("::ffff:10.1.2.3", {}, True),
        ("::1", {}, True),
        ("11.1.2.3", {}, False),
        ("nonsense", {}, False),
        ("11.1.2.3", {"Authorization": "Bearer secret-token"}, True),
        ("11.1.2.3", {"Authorization": "bearer secret-token"}, True),
        ("11.1.2.3", {"Authorization": "Bearer wrong"}, False),
        ("11.1.2.3", {"Authorization": "Basic secret-token"}, False),
        ("10.1.2.3", {"Authorization": "Bearer wrong"}, False),
        ("10.1.2.3", {"X-Forwarded-For": "10.9.9.9"}, False),
        ("10.1.2.3", {"Forwarded": "for=10.9.9.9"}, False),
        ("10.1.2.3", {"X-Forwarded-For": "9.9.9.9", "Authorization": "Bearer secret-token"}, True),
    ],
)
def test_who_may_read(address: str, headers: dict[str, str], admitted: bool) -> None:
    assert TRUSTED.admit(address, headers.get) is admitted


def test_without_a_token_no_token_helps() -> None:
    assert not Readers(()).admit("10.0.0.1", {"Authorization": "Bearer "}.get)


def test_a_proxys_neighbour_does_not_pass_for_this_machine(app: Flask, client: FlaskClient) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.7"}).status_code == 403


def test_the_format_is_the_one_that_was_asked_for(client: FlaskClient) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


# -- requests --------------------------------------------------------------------------------------


def test_requests_are_counted_by_route_and_never_by_address(client: FlaskClient) -> None:
    for path in ("/sign-in", "/sign-in", "/reset/a-secret", "/made-up-1", "/made-up-2", "/healthz"):
        client.get(path)
    client.open("/sign-in", method="BREW")
    text = client.get("/metrics").text
    assert number(text, "http_requests_total", method="GET", route="/sign-in", status="200") == 2
    assert number(text, "http_request_seconds_count", method="GET", route="/sign-in") == 2
    assert number(text, "http_requests_total", method="GET", route="unknown", status="404") == 2
    assert number(text, "http_requests_total", method="other", route="unknown", status="405") == 1
    assert number(text, "http_requests_in_progress") == 0
    assert "made-up" not in text and "a-secret" not in text and "healthz" not in text


def test_a_request_that_fails_is_counted_as_one(app: Flask, client: FlaskClient) -> None:
    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("on purpose")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert client.get("/broken").status_code == 500
    text = client.get("/metrics").text
    assert number(text, "http_requests_total", method="GET", route="/broken", status="500") == 1
    assert number(text, "http_requests_in_progress") == 0


def test_the_process_and_its_machine_are_told(client: FlaskClient) -> None:
    text = client.get("/metrics").text
    memory = number(text, "process_resident_memory_bytes")
    assert memory is not None and memory > 10_000_000
    processor = number(text, "process_cpu_seconds_total")
    assert processor is not None and processor > 0
    assert number(text, "processes")  # with those that it has started
    free, size = number(text, "disk_free_bytes"), number(text, "disk_bytes")
    assert free is not None and size is not None and 0 < free <= size
    started = number(text, "process_start_time_seconds")
    assert started is not None and started > 1_600_000_000


# -- the database ----------------------------------------------------------------------------------


def test_statements_and_connections_are_measured(app: Flask, client: FlaskClient) -> None:
    client.get("/metrics")
    text = client.get("/metrics").text
    asked = number(text, "database_statement_seconds_count", kind="select")
    assert asked is not None and asked > 0
    allowed, in_use = (
        number(text, "database_connections_allowed"),
        number(text, "database_connections_in_use"),
    )
    assert allowed is not None and allowed >= 5
    assert in_use == 0
    with app.app_context(), db.engine.connect():
        assert number(client.get("/metrics").text, "database_connections_in_use") == 1


def test_a_statement_that_fails_is_counted_by_its_error(database: sa.Engine) -> None:
    meters = Meters()
    measured.watch(database, meters, 0)
    with database.connect() as connection, pytest.raises(sa.exc.DatabaseError):
        connection.execute(sa.text("SELECT nothing FROM nowhere"))
    error = {"sqlite": "OperationalError", "mysql": "ProgrammingError"}[database.dialect.name]
    counted = meters.registry.get_sample_value("millwright_database_errors_total", {"error": error})
    assert counted == 1


@pytest.mark.sqlite
def test_slow_statements_are_logged_without_their_values(
    database: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    meters = Meters()
    measured.watch(database, meters, 1)
    slow = sa.text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        " SELECT count(*) FROM n WHERE 'Mrs. O''Brien' <> :name"
    )
    with database.connect() as connection, caplog.at_level(logging.WARNING, "millwright.slow_query"):
        connection.execute(slow, {"name": "Ada Lovelace"})
    (record,) = [record for record in caplog.records if record.name == "millwright.slow_query"]
    logged: dict[str, Any] = record.__dict__
    assert logged["statement"].startswith("WITH RECURSIVE n(i)")
    assert logged["milliseconds"] > 1
    assert "Brien" not in str(logged) and "Lovelace" not in str(logged)
    assert meters.registry.get_sample_value("millwright_database_slow_statements_total") == 1


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT 1", "select"),
        ("  (SELECT 1)", "select"),
        ("insert into x values (1)", "insert"),
        ("UPDATE x SET y=1", "update"),
        ("PRAGMA foreign_keys", "other"),
        ("", "other"),
    ],
)
def test_kinds_of_statements_are_few(statement: str, kind: str) -> None:
    assert measured.kind_of(statement) == kind


# -- the site --------------------------------------------------------------------------------------


@pytest.mark.databases
def test_the_work_of_the_site_is_told(session: Session, clock: ManualClock) -> None:
    with unit_of_work(session):
        deployment = Deployment(key="errand", version=1, name="Errand", digest="")
        session.add(deployment)
        session.flush()
        instance = _instance(session, deployment, next_due_at=clock() - timedelta(seconds=90))
        _instance(session, deployment, state=InstanceState.COMPLETED)
        _task(session, instance, "fetch")
        _task(session, instance, "fetch")
        _task(session, instance, "bring", state=TaskState.COMPLETED)
        for reason in ("overdue", "timer_missed"):
            session.add(
                Obstacle(
                    instance_id=instance.id,
                    process_key="errand",
                    reason=reason,
                    rank=0,
                    element_id="fetch",
                    element_name="Fetch",
                    since=clock(),
                    detail={},
                )
            )
        for resolved_at in (None, clock()):
            session.add(
                Incident(
                    instance_id=instance.id,
                    engine_task="x",
                    element_id="x",
                    message="x",
                    traceback="x",
                    resolved_at=resolved_at,
                )
            )
        jobs.enqueue(session, "note", {}, run_at=clock() - timedelta(minutes=3))
        jobs.enqueue(session, "note", {}, run_at=clock() + timedelta(minutes=3))
        session.add(Job(kind="note", payload={}, state=JobState.FAILED, run_at=clock()))
        session.add(Lease(name="scheduler", holder="x", worked_at=clock() - timedelta(seconds=5)))
        session.add(Mark(name="survey", at=clock() - timedelta(seconds=7)))
    found = read(session)
    assert found.open_tasks == {("errand", "fetch"): 2}
    assert found.instances == {("errand", "running"): 1}
    assert found.stuck == {("errand", "overdue"): 1, ("errand", "timer_missed"): 1}
    assert found.incidents == 1
    assert found.timer_lag == 90
    assert (found.jobs_due, found.jobs_waiting, found.jobs_failed) == (1, 2, 1)
    assert found.oldest_due_job == 180
    assert found.last_sweep == clock() - timedelta(seconds=5)
    assert found.last_survey == clock() - timedelta(seconds=7)


def _instance(session: Session, deployment: Deployment, **values: Any) -> ProcessInstance:
    instance = ProcessInstance(
        key="errand",
        deployment_id=deployment.id,
        business_key="E-1",
        subject_type="errand",
        subject_id=1,
        **values,
    )
    session.add(instance)
    session.flush()
    return instance


def _task(session: Session, instance: ProcessInstance, step: str, **values: Any) -> None:
    now = instance.started_at
    task = UserTask(
        instance_id=instance.id,
        engine_task=uuid4().hex,
        element_id=step,
        name=step,
        urgency=now,
        created_at=now,
        process_key="errand",
        business_key="E-1",
        subject_type="errand",
        subject_id=1,
        title="Errand",
        **values,
    )
    session.add(task)


@pytest.mark.databases
def test_the_factory_is_told(session: Session, clock: ManualClock) -> None:
    with unit_of_work(session):
        user = factories.make_user(session)
        sessions.begin(session, user.id, SessionKind.PAGE, lifetime=timedelta(hours=1))
        sessions.begin(session, user.id, SessionKind.API, lifetime=timedelta(hours=1))
        machine = factories.make_machine(session, status=MachineStatus.DOWN)
        request = factories.make_request(session, machine=machine)
        done = factories.make_request(session, machine=machine)
        done.status = RequestStatus.COMPLETED
        done.reported_at, done.completed_at = clock() - timedelta(days=3), clock() - timedelta(days=2)
        for began, ended in ((30, 22), (2, None), (80, 70)):  # hours ago
            session.add(
                MachineDowntime(
                    machine_id=machine.id,
                    maintenance_request_id=request.id,
                    machine_status=MachineStatus.DOWN,
                    started_at=clock() - timedelta(hours=began),
                    ended_at=None if ended is None else clock() - timedelta(hours=ended),
                )
            )
        part = factories.make_part(session, quantity=10, unit_price=Decimal("2.50"))
        stock.record_movement(session, part.id, "OUT", 4, by=None)
    found = read(session)
    assert found.active_users == 1
    assert found.requests_open == {request.status: 1}
    assert found.requests_created == 1
    assert found.resolution_seconds == 86400
    assert found.machines == {"DOWN": 1}
    assert (found.parts_quantity, found.parts_cost) == (4, 10.0)
    assert found.downtime_seconds == (2 + 2) * 3600
    clock.advance(minutes=16)
    assert read(session).active_users == 0


def test_the_database_is_asked_at_most_every_so_many_seconds(database: sa.Engine) -> None:
    seldom = SiteState(sessionmaker(database), every=3600)
    always = SiteState(sessionmaker(database), every=0)
    with statements(database) as made:
        list(seldom.collect())
        first = len(made)
        list(seldom.collect())
        assert len(made) == first
        list(always.collect())
        list(always.collect())
    assert 0 < first <= 9
    assert len(made) == first * 3


def test_without_a_database_the_rest_is_told(tmp_path: Path) -> None:
    gone = sa.create_engine(f"sqlite:///{tmp_path / 'no' / 'folder' / 'x.db'}")
    names = {family.name: family.samples for family in SiteState(sessionmaker(gone), every=0).collect()}
    assert names.keys() == {"millwright_database_up"}
    assert names["millwright_database_up"][0].value == 0


def test_a_redis_that_is_away_is_told(engine: ProcessEngine, database: sa.Engine) -> None:
    system = JobSystem(engine, database, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    state = SiteState(sessionmaker(database), every=0, queue=system.queue)
    values = {family.name: family.samples[0].value for family in state.collect() if family.samples}
    assert values["millwright_redis_up"] == 0
    assert "millwright_queue_depth" not in values


# -- jobs and FEEL ---------------------------------------------------------------------------------


def test_jobs_sweeps_and_expressions_are_counted(
    app: Flask,
    engine: ProcessEngine,
    database: sa.Engine,
    session: Session,
    done: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("on purpose")

    def wait(*_: Any) -> None:
        raise jobs.TryLater("not yet")

    monkeypatch.setitem(jobs._handlers, "fail", fail)
    monkeypatch.setitem(jobs._handlers, "wait", wait)
    system = JobSystem(engine, database)
    metrics = Metrics(app.config, database, system)
    with unit_of_work(session):
        for kind in ("fail", "wait"):
            jobs.enqueue(session, kind, {})
        jobs.enqueue(session, "note", {"what": "one"})
    system.sweep()
    engine.feel.evaluate("1 + 1")
    with pytest.raises(FeelTimeout):
        engine.feel.evaluate("for a in 1..100000 return for b in 1..100000 return a * b")
    text = metrics.answer()[0].decode()
    for kind, outcome in (("fail", "failed"), ("wait", "later"), ("note", "done")):
        assert number(text, "jobs_total", kind=kind, outcome=outcome) == 1
        assert number(text, "job_seconds_count", kind=kind) == 1
    assert number(text, "sweep_seconds_count") == 1
    answered = number(text, "feel_evaluations_total", outcome="answered")
    assert answered is not None and answered >= 1
    assert number(text, "feel_evaluations_total", outcome="timeout") == 1
