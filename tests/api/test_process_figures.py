"""The figures of processes over the API: steps, bottlenecks, paths, and the event log."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from app.engine import monitor
from tests.api.conftest import Api
from tests.support import xes

KEY = "maintenance_request"


def report(api: Api, description: str = "Oil leaks.") -> str:
    body = {"machineId": api.press.id, "priority": "HIGH", "description": description}
    made = api.supervisor.post("/maintenance-requests", body)
    assert made.status_code == 201, made.json
    return str(made.json["businessKey"])


def accept(api: Api, key: str) -> None:
    (found,) = api.manager.get(f"/instances?businessKey={key}").json["items"]
    task = next(task for task in found["openTasks"] if task["elementId"] == "accept_request")
    assert api.technician.post(f"/tasks/{task['id']}/complete", {}).status_code == 200


def cancel(api: Api, key: str) -> None:
    (found,) = api.manager.get(f"/instances?businessKey={key}").json["items"]
    answer = api.manager.post(f"/instances/{found['id']}/cancel", {"reason": "A mistake of the test"})
    assert answer.status_code in (200, 204), answer.json


def gather(api: Api) -> None:
    api.session.rollback()
    with api.application.app_context():
        monitor.keep_up(api.engine, api.jobs.sessions)


@pytest.fixture
def worked(api: Api) -> Api:
    """One request accepted, one waiting, one cancelled; the figures gathered."""
    first, _, third = report(api), report(api, "It squeals."), report(api, "It smells.")
    accept(api, first)
    cancel(api, third)
    gather(api)
    return api


def get(api: Api, what: str, query: str = "") -> Any:
    answer = api.manager.get(f"/processes/{KEY}/{what}{query}")
    assert answer.status_code == 200, answer.json
    return answer.json


def test_each_step_has_its_figures_and_what_is_open(worked: Api) -> None:
    found = get(worked, "figures")
    assert (found["key"], found["version"], found["openInstances"]) == (KEY, None, 2)
    steps = {step["elementId"]: step for step in found["steps"]}
    accepted = steps["accept_request"]
    assert (accepted["openTasks"], accepted["number"], accepted["onTimeShare"]) == (1, 1, 1.0)
    assert accepted["reworkShare"] == 0
    assert accepted["openSince"] is not None
    assert steps["carry_out_work"]["openTasks"] == 1
    assert steps["carry_out_work"]["median"] is None
    assert steps["cancellation_requested"]["listens"] is True


def test_bottlenecks_are_steps_that_held_waiting(worked: Api) -> None:
    for each in get(worked, "bottlenecks"):
        assert each["waitingShare"] > 0
        assert not each["elementId"].startswith("cancellation")


def test_paths_of_what_has_ended(worked: Api) -> None:
    found = get(worked, "variants")
    assert (found["instances"], found["variants"]) == (1, 1)
    (path,) = found["items"]
    assert (path["instances"], path["share"], path["cumulativeShare"]) == (1, 1.0, 1.0)
    assert path["steps"][-1]["kind"] == "cancelled"
    assert get(worked, "variants", "?version=1&most=1")["instances"] == 1


def test_the_event_log_is_xes_without_names(worked: Api) -> None:
    answer = worked.manager.get(f"/processes/{KEY}/event-log")
    assert answer.mimetype == "application/xml"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "no-store" in answer.headers["Cache-Control"]
    log = xes.read(answer.data)
    assert log.attributes["concept:name"] == "Maintenance request"
    assert len(log.traces) == 3
    for name in ("Ann Keller", "Tomasz Wolski", "Maria Duarte"):
        assert name.encode() not in answer.data
    assert b"Oil leaks" not in answer.data


def test_names_are_in_it_for_those_who_ask(worked: Api) -> None:
    log = xes.read(worked.manager.get(f"/processes/{KEY}/event-log?names=true").data)
    people = {event["org:resource"] for trace in log.traces for event in trace.events}
    assert people == {"Ann Keller", "Tomasz Wolski", "Maria Duarte", "Millwright"}


def test_the_event_log_as_csv(worked: Api) -> None:
    answer = worked.manager.get(f"/processes/{KEY}/event-log?format=csv")
    assert answer.mimetype == "text/csv"
    lines = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert list(lines[0]) == [
        "case_id", "activity", "timestamp", "lifecycle", "resource", "role", "version", "outcome",
    ]  # fmt: skip
    (done,) = (
        line for line in lines if line["activity"] == "Accept request" and line["lifecycle"] == "complete"
    )
    assert (done["role"], done["version"], done["outcome"]) == ("MAINTENANCE_TECH", "1", "accept")


@pytest.mark.parametrize("what", ["figures", "bottlenecks", "variants", "event-log"])
@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?from=2026-03-02&until=2026-03-01", 422, "BAD_PERIOD"),
        ("?from=2020-01-01&until=2022-01-01", 422, "PERIOD_TOO_LONG"),
        ("?version=99", 404, "NOT_FOUND"),
        ("?until=0001-01-01", 422, "BAD_PERIOD"),
        ("?from=0001-01-01&until=0001-02-01", 422, "BAD_PERIOD"),
    ],
)
def test_what_cannot_be_is_refused(api: Api, what: str, query: str, status: int, code: str) -> None:
    answer = api.manager.get(f"/processes/{KEY}/{what}{query}")
    assert answer.status_code == status, answer.json
    assert answer.json["code"] == code


@pytest.mark.parametrize("what", ["figures", "bottlenecks", "variants", "event-log"])
def test_no_such_process(api: Api, what: str) -> None:
    assert api.manager.get(f"/processes/nothing/{what}").status_code == 404


@pytest.mark.parametrize("what", ["figures", "bottlenecks", "variants"])
def test_the_number_of_statements_is_bounded(worked: Api, statements: Callable[[], Any], what: str) -> None:
    get(worked, what)
    with statements() as few:
        get(worked, what)
    for number in range(4):
        cancel(worked, report(worked, f"Fault {number}."))
        report(worked, f"Another {number}.")
    gather(worked)
    with statements() as many:
        get(worked, what)
    assert len(many) == len(few) <= 12
