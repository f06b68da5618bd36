"""The monitor by the API: what is stuck, in words, and how each process goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app import clock
from app.database import unit_of_work
from app.engine import instances, monitor
from app.engine.models import ProcessInstance, UserTask
from app.processes.directory import actor_of
from tests.api.conftest import Api


def report(api: Api, priority: str = "HIGH") -> ProcessInstance:
    """A problem with the press, reported by the supervisor."""
    assert api.supervisor.user is not None
    answers = {"machineId": api.press.id, "priority": priority, "description": "Oil leaks."}
    with unit_of_work(api.session) as session:
        actor = actor_of(api.supervisor.user)
        return instances.start(api.engine, session, "maintenance_request", actor, answers)


def survey(api: Api, **later: float) -> None:
    """Let time pass until the scheduler looks the next time, and let it look."""
    with api.application.app_context(), clock.use(clock.ManualClock(clock.now() + timedelta(**later))):
        monitor.keep_up(api.engine, api.jobs.sessions)


@pytest.fixture
def late(api: Api) -> ProcessInstance:
    """A request that nobody has accepted in time."""
    instance = report(api)
    with unit_of_work(api.session) as session:
        session.execute(sa.update(UserTask).values(due_at=clock.now() - timedelta(hours=3)))
    survey(api)
    return instance


def test_what_is_stuck_is_told_in_words(api: Api, late: ProcessInstance) -> None:
    found = api.manager.get("/monitor/obstacles").json
    assert found["total"] == 1
    (obstacle,) = found["items"]
    assert obstacle["reason"] == "overdue"
    assert obstacle["businessKey"] == late.business_key
    assert obstacle["machineId"] == api.press.id
    assert obstacle["matter"].startswith("“Accept request” is overdue by 3 hours; it waits for the role Tech")
    assert obstacle["advice"] == "Remind them, or give it to somebody else."


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("reason=overdue", 1),
        ("reason=overdue&reason=slow", 1),
        ("reason=incident", 0),
        ("process=maintenance_request&element=accept_request", 1),
        ("process=parts_approval", 0),
        ("element=carry_out_work", 0),
        ("machineId={machine}", 1),
        ("machineId=99999", 0),
        ("departmentId={department}", 1),
        ("departmentId=99999", 0),
        ("personId={reporter}", 1),
        ("personId={stranger}", 0),
        ("q={key}", 1),
        ("q=nothing", 0),
    ],
)
def test_what_is_stuck_is_filtered(api: Api, late: ProcessInstance, filters: str, found: int) -> None:
    values = {
        "machine": api.press.id,
        "department": api.department.id,
        "reporter": api.supervisor.id,
        "stranger": api.storekeeper.id,
        "key": late.business_key[-6:],
    }
    answer = api.admin.get(f"/monitor/obstacles?{filters.format(**values)}")
    assert answer.status_code == 200
    assert answer.json["total"] == found
    assert len(answer.json["items"]) == found


def test_a_reason_that_does_not_exist_is_refused(api: Api) -> None:
    assert api.admin.get("/monitor/obstacles?reason=lazy").status_code == 400
    assert api.admin.get("/instances?reason=lazy").status_code == 400


def test_instances_are_filtered_by_why_they_are_stuck(api: Api, late: ProcessInstance) -> None:
    going = report(api, priority="LOW")
    for filters, expected in (
        ("reason=overdue", {late.id}),
        ("reason=incident", set()),
        ("reason=incident&reason=overdue", {late.id}),
        ("", {late.id, going.id}),
    ):
        found = api.manager.get(f"/instances?{filters}").json
        assert {item["id"] for item in found["items"]} == expected
        assert found["total"] == len(expected)


def test_the_overview_has_what_is_needed_and_each_process(api: Api, late: ProcessInstance) -> None:
    found = api.manager.get("/monitor/overview").json
    assert found["isOld"] is False and found["surveyedAt"] is not None
    (group,) = found["needed"]
    assert (group["reason"], group["instances"], group["elementId"]) == ("overdue", 1, "accept_request")
    by_key = {process["key"]: process for process in found["processes"]}
    requests, parts = by_key["maintenance_request"], by_key["parts_approval"]
    assert found["processes"][0] == requests and requests["openInstances"] == 1
    assert requests["stuck"] == [{"reason": "overdue", "instances": 1}]
    assert (parts["key"], parts["stuck"], parts["ended"]) == ("parts_approval", [], 0)
    assert parts["medianSeconds"] is None and len(parts["weeks"]) == 8


def test_an_overview_says_that_nobody_looks_any_more(api: Api) -> None:
    assert api.admin.get("/monitor/overview").json["surveyedAt"] is None
    assert api.admin.get("/monitor/overview").json["isOld"] is True
    survey(api, minutes=-3)
    assert api.admin.get("/monitor/overview").json["isOld"] is True
    survey(api)
    assert api.admin.get("/monitor/overview").json["isOld"] is False


def test_an_overview_takes_the_same_statements_however_much_is_stuck(
    api: Api, statements: Callable[[], Any]
) -> None:
    def asked() -> int:
        with statements() as seen:
            assert api.manager.get("/monitor/overview").status_code == 200
        return len(seen)

    report(api)
    with unit_of_work(api.session) as session:
        session.execute(sa.update(UserTask).values(due_at=clock.now() - timedelta(hours=3)))
    survey(api)
    few = asked()
    for _ in range(5):
        report(api)
    with unit_of_work(api.session) as session:
        session.execute(sa.update(UserTask).values(due_at=clock.now() - timedelta(hours=3)))
    survey(api, minutes=1)
    assert asked() == few
