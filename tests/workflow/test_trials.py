"""Trying a process by its scenarios: what it tells, what it takes, and that it touches nothing."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from app import clock
from app.engine import deployments
from app.engine.core import ProcessEngine
from app.engine.models import Deployment, HistoryEntry, ProcessInstance
from app.engine.scenario_files import FILE
from app.processes.scenarios import Allowance, Trial, try_out
from app.processes.shipped import WORKFLOWS, read_folder
from tests.support.factory_floor import Floor

FILES = read_folder(WORKFLOWS / "parts_approval")
SEAL = {"number": "SEAL-1", "name": "Shaft seal", "price": 120, "stock": 2, "group": "Pump parts"}
GIVEN = {"parts": [SEAL]}
START = {"process": "parts_approval", "by": "technician", "lines": [{"part": "SEAL-1", "quantity": 1}]}


def scenario(name: str = "A story", **changes: object) -> dict[str, object]:
    return {"name": name, "given": GIVEN, "start": START, **changes}


def tried(engine: ProcessEngine, *scenarios: dict[str, object], allowance: Allowance | None = None) -> Trial:
    return try_out(engine, {**FILES, FILE: json.dumps(scenarios).encode()}, allowance)  # JSON is YAML


def test_coverage_says_what_no_scenario_comes_to(engine: ProcessEngine) -> None:
    trial = tried(
        engine,
        scenario("Waits for the manager"),
        scenario(
            "Is refused",
            steps=[
                {"do": "Approve parts", "by": "manager", "outcome": "reject", "values": {"reason": "No."}}
            ],
        ),
    )
    assert trial.passed
    covered = trial.coverage
    assert covered is not None
    assert {"approve_parts", "parts_rejected"} <= set(covered.elements)
    assert "manager_approves_to_rejected" in covered.flows
    assert {"issue_parts", "approve_parts_admin"} <= set(covered.missed_elements)
    assert "manager_approves_to_administrator_too" in covered.missed_flows
    assert not set(covered.elements) & set(covered.missed_elements)


def test_a_step_that_is_waited_at_has_been_come_to(engine: ProcessEngine) -> None:
    covered = tried(engine, scenario("Waits for the manager")).coverage
    assert covered is not None
    assert "approve_parts" in covered.elements
    assert "cancellation_requested" in covered.elements


def test_files_that_cannot_be_run_are_said_to_be_that(engine: ProcessEngine) -> None:
    broken = try_out(engine, {**FILES, "parts_approval.bpmn": b"<no diagram"})
    assert (broken.passed, broken.results, broken.coverage) == (False, [], None)
    assert "cannot be run" in broken.problem

    told = try_out(engine, {**FILES, FILE: b"- name: [One\n"})
    assert (told.passed, told.line) == (False, 2)


def test_a_process_without_scenarios_has_nothing_against_it(engine: ProcessEngine) -> None:
    trial = try_out(engine, {name: content for name, content in FILES.items() if name != FILE})
    assert (trial.passed, trial.results) == (True, [])
    assert trial.coverage is not None
    assert trial.coverage.elements == []


ODD = {
    "a machine that is a text": {"given": {"machine": "Press 4"}},
    "parts that are a number": {"given": {"parts": 7}},
    "values that are a list": {"steps": [{"do": "Approve parts", "by": "manager", "values": [1]}]},
    "somebody unknown": {"steps": [{"do": "Approve parts", "by": ["manager"]}]},
    "a duration without end": {"steps": [{"wait": "P9999999999Y"}]},
    "a duration that is none": {"steps": [{"wait": {"a": 1}}]},
    "a message that is a text": {"steps": [{"message": "hello"}]},
    "an unknown expectation": {"expect": {"__class__": "World"}},
    "open tasks that are no list": {"expect": {"open": 7}},
    "another process": {"start": {"process": "nothing_like_it"}},
}


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD.keys())
def test_odd_scenarios_fail_and_say_so(engine: ProcessEngine, changes: dict[str, object]) -> None:
    (result,) = tried(engine, scenario(**changes)).results
    assert result.failures
    assert all(failure.strip() for failure in result.failures)


def test_scenarios_beyond_the_time_are_not_run_and_say_so(engine: ProcessEngine) -> None:
    trial = tried(engine, scenario("One"), scenario("Two"), allowance=Allowance(0.0, 0.0))
    assert [result.ran for result in trial.results] == [False, False]
    assert not trial.passed
    assert "together" in trial.results[0].failures[0]


def test_a_timer_that_never_rests_is_stopped_with_the_time(engine: ProcessEngine) -> None:
    files = dict(FILES)
    files["parts_approval.bpmn"] = files["parts_approval.bpmn"].replace(
        b'"R/" + policy.remindAfter', b'"R/PT1S"'
    )
    assert files["parts_approval.bpmn"] != FILES["parts_approval.bpmn"]
    lasting = scenario(
        given={"parts": [{**SEAL, "price": 9000}]},
        steps=[{"do": "Approve parts", "by": "manager", "outcome": "approve"}, {"wait": "P300D"}],
    )
    told = json.dumps([lasting]).encode()
    trial = try_out(engine, {**files, FILE: told}, Allowance(4.0, 20.0))
    assert trial.seconds < 40
    assert any("It was stopped" in failure for failure in trial.results[0].failures)


def test_nothing_of_the_site_is_touched(floor: Floor) -> None:
    """Neither its database, nor its clock, nor what it has compiled."""

    def everything() -> list[object]:
        with floor.sessions() as session:
            rows = [session.scalar(sa.select(sa.func.count()).select_from(m)) for m in TABLES]
            newest = deployments.latest(session, "parts_approval")
            return [*rows, newest.id if newest else None, clock.now().year]

    floor.report()
    before = everything()
    assert tried(floor.engine, scenario()).passed
    assert everything() == before
    assert floor.names() == ["Accept request"]


TABLES = (Deployment, ProcessInstance, HistoryEntry)
