"""The dry run: the real forms in a small factory in memory, by the steps done so far."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage, MultiDict

from app import clock
from app.engine.core import ProcessEngine
from app.engine.scenario_files import Scenario, read_scenarios, scenario_of
from app.engine.user_tasks import InvalidSubmission, NotYours
from app.errors import BusinessError, MillwrightError
from app.processes.scenarios import DryRun, NotRunnable, Standing, choices_of, rehearse, run_scenarios
from app.processes.scenarios.expecting import Expectations, said
from app.processes.scenarios.keeping import added
from app.processes.scenarios.standing import OpenTask, standing
from app.processes.scenarios.world import BEGINNING, new_world
from app.processes.shipped import WORKFLOWS, read_folder
from app.processes.templates import new_process

PARTS = read_folder(WORKFLOWS / "parts_approval")
MAINTENANCE = read_folder(WORKFLOWS / "maintenance_request")
# What a browser sends of a list with one row that nobody has touched.
BLANK_STEPS = [("steps", "0"), ("steps.0.description", ""), ("steps.0.minutes", "")]
COMPRESSOR = [("partLines", "0"), ("partLines.0.partId", "5"), ("partLines.0.quantity", "1")]


def sent(*fields: tuple[str, str]) -> dict[str, Any]:
    return {"formdata": MultiDict(fields), "files": MultiDict()}


def usual(key: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    return choices_of(key, files)[0].given


def begun(engine: ProcessEngine, key: str, files: Mapping[str, bytes], by: str, *fields: Any) -> Scenario:
    """A story that somebody has begun by the start form."""
    given = usual(key, files)
    with rehearse(engine, key, files, given) as dry:
        start = dry.beginning(by, **sent(*fields))
    return scenario_of({"name": "Dry run", "given": given, "start": start})


def open_task(now: Standing, name: str) -> OpenTask:
    return next(task for task in now.tasks if task.name == name)


def seen(dry: DryRun) -> Standing:
    """Where it stands, to be compared: of its history, how long it is."""
    now = standing(dry.run)
    return replace(now, entries=(len(now.entries),))  # type: ignore[arg-type]


def act(dry: DryRun, name: str, by: str, outcome: str | None, *fields: tuple[str, str]) -> Standing:
    """Somebody does a task with its form, as a browser sends it."""
    number = open_task(dry.standing(), name).id
    dry.go_on(dry.doing(number, by, outcome, **sent(*fields)))
    return dry.standing()


@pytest.fixture
def parts(engine: ProcessEngine) -> Scenario:
    """A technician has asked for a compressor block of 4,800."""
    return begun(engine, "parts_approval", PARTS, "technician", *BLANK_STEPS, *COMPRESSOR)


def test_parts_are_asked_for_by_the_form_of_the_work(engine: ProcessEngine, parts: Scenario) -> None:
    assert parts.start == {
        "process": "parts_approval",
        "by": "technician",
        "lines": [{"part": "CMP-1", "quantity": 1}],
    }
    with rehearse(engine, "parts_approval", PARTS, parts.given, parts) as dry:
        assert dry.refusal is None
        now = dry.standing()
        assert (now.own.status, now.own.state) == ("PENDING", "running")
        approval = open_task(now, "Approve parts")
        assert (approval.people, approval.is_own) == (("manager",), True)
        assert "approve_parts" in now.own.here
        assert "which_approval_to_approve_parts" in now.own.flows
        (decision,) = [each for each in now.decisions if each.process == "parts_approval"]
        assert (decision.table, decision.inputs["Total cost"]) == ("Approval policy", 4800)
        assert decision.outputs["approval"] == "MANAGER"
        assert len(decision.rules) == 1
        assert now.timers[0].name == "Reminder due"
        cancelling = next(each for each in now.messages if each.is_own)
        assert (cancelling.name, cancelling.fields) == ("cancel requested", ("reason",))
        assert "manager" in cancelling.people


def test_it_goes_on_to_its_end_and_is_kept_as_a_scenario_that_passes(
    engine: ProcessEngine, parts: Scenario
) -> None:
    with rehearse(engine, "parts_approval", PARTS, parts.given, parts) as dry:
        line = [("lines", "0"), ("lines.0.quantityApproved", "1"), ("reason", "")]
        now = act(dry, "Approve parts", "manager", "approve", *line)
        assert now.own.status == "APPROVED"
        assert [told.who for told in now.told][-1] == "inventory"
        dry.go_on({"wait": "PT2H"})
        assert (dry.standing().now - BEGINNING).total_seconds() > 2 * 3600
        now = act(dry, "Issue parts", "inventory", "issue", ("lines", "0"), ("lines.0.quantityIssued", "1"))
        assert now.has_ended
        assert (now.own.status, now.stock["CMP-1"]) == ("ISSUED", 1)
        story = dry.ending()
    assert [step.get("do", "waits") for step in story.steps] == ["Approve parts", "waits", "Issue parts"]
    # What nobody has changed in a form is not said, nor are parts that nobody has asked for.
    assert "values" not in story.steps[0]
    assert [part["number"] for part in story.given["parts"]] == ["CMP-1"]
    assert story.expect["state"] == "completed"
    assert story.expect["stock"] == {"CMP-1": 1}
    text = added("", story)
    (result,) = run_scenarios(engine, PARTS, [scenario_of(_only(text))])
    assert result.failures == []


def _only(text: str) -> dict[str, Any]:
    (found,) = read_scenarios(text.encode())
    return {name: getattr(found, name) for name in ("name", "given", "start", "steps", "expect")}


def test_another_rule_sends_it_to_somebody_else(engine: ProcessEngine, parts: Scenario) -> None:
    changed = {**PARTS, "approval_policy.dmn": PARTS["approval_policy.dmn"].replace(b"5000", b"3000")}
    assert changed != PARTS
    with rehearse(engine, "parts_approval", changed, parts.given, parts) as dry:
        now = act(
            dry, "Approve parts", "manager", "approve", ("lines", "0"), ("lines.0.quantityApproved", "1")
        )
        (task,) = [task for task in now.tasks if task.is_own]
        assert task.people == ("admin",)
        assert dry.ending().expect["may"] == {task.name: ["admin"]}


def test_a_form_that_is_refused_changes_nothing_and_says_where(
    engine: ProcessEngine, parts: Scenario
) -> None:
    with rehearse(engine, "parts_approval", PARTS, parts.given, parts) as dry:
        before = seen(dry)
        number = open_task(before, "Approve parts").id
        with pytest.raises(InvalidSubmission) as refused:
            dry.doing(number, "manager", "reject", **sent(("lines", "0"), ("reason", "")))
        assert "reason" in refused.value.form.errors
        with pytest.raises(NotYours):
            dry.task_form(number, "inventory")
        assert (seen(dry), dry.steps) == (before, [])


def test_what_a_rule_refuses_changes_nothing(engine: ProcessEngine, parts: Scenario) -> None:
    with rehearse(engine, "parts_approval", PARTS, parts.given, parts) as dry:
        act(dry, "Approve parts", "manager", "approve", ("lines", "0"), ("lines.0.quantityApproved", "1"))
        before = seen(dry)
        number = open_task(before, "Issue parts").id
        with pytest.raises((BusinessError, InvalidSubmission)):
            dry.doing(number, "inventory", "issue", **sent(("lines", "0"), ("lines.0.quantityIssued", "9")))
        assert seen(dry) == before
        assert len(dry.steps) == 1


def test_messages_and_deliveries_are_steps_too(engine: ProcessEngine, parts: Scenario) -> None:
    with rehearse(engine, "parts_approval", PARTS, parts.given, parts) as dry:
        dry.go_on({"stock": {"part": "CMP-1", "add": 3}})
        assert dry.standing().stock["CMP-1"] == 5
        dry.go_on(
            {"message": {"name": "cancel requested", "by": "manager", "payload": {"reason": "Found one."}}}
        )
        now = dry.standing()
        assert (now.own.status, now.own.state) == ("CANCELLED", "completed")
        with pytest.raises(MillwrightError):
            dry.go_on({"message": {"name": "cancel requested", "by": "manager"}})


def test_a_report_is_begun_by_its_form_and_goes_on_by_names(engine: ProcessEngine) -> None:
    report = [
        ("machineId", "1"),
        ("priority", "HIGH"),
        ("description", "Oil on the floor."),
        ("failureCodeId", "1"),
    ]
    story = begun(engine, "maintenance_request", MAINTENANCE, "supervisor", *report)
    assert story.start["values"] == {
        "priority": "HIGH",
        "failureCode": "MECH",
        "description": "Oil on the floor.",
    }
    with rehearse(engine, "maintenance_request", MAINTENANCE, story.given, story) as dry:
        act(dry, "Accept request", "technician2", "accept")
        asked = [*BLANK_STEPS, ("partLines", "0"), ("partLines.0.partId", "1"), ("partLines.0.quantity", "4")]
        now = act(dry, "Carry out work", "technician2", "request_parts", *asked)
        assert now.own.status == "WAITING_PARTS"
        assert {task.process for task in now.tasks} == {"maintenance_request", "parts_approval"}
        assert dry.steps[-1]["values"] == {"partLines": [{"part": "FLT-1", "quantity": 4}]}
        act(dry, "Issue parts", "inventory", "issue", ("lines", "0"), ("lines.0.quantityIssued", "4"))
        done = [
            *(("steps", "0"), ("steps.0.description", "New filter"), ("steps.0.minutes", "20")),
            *(("cause", "Clogged."), ("remedy", "New filter."), ("maintenanceTypeId", "1")),
            ("partLines", "0"),
        ]
        now = act(dry, "Carry out work", "technician2", "complete", *done)
        assert dry.steps[-1]["values"]["maintenanceType"] == "CORRECTIVE"
        assert now.has_ended
        story = dry.ending()
    assert story.expect["related"] == {"parts_approval": "ISSUED"}
    (result,) = run_scenarios(engine, MAINTENANCE, [story])
    assert result.failures == []


def test_a_process_of_ones_own_runs_with_the_forms_of_the_draft(engine: ProcessEngine) -> None:
    files = new_process(engine, "request_with_approval", "tool_loans", "Tool loans")
    asked = [("title", "A hoist"), ("details", "One is not enough."), ("urgency", "LOW"), ("cost", "2500")]
    story = begun(engine, "tool_loans", files, "technician", *asked)
    with rehearse(engine, "tool_loans", files, story.given, story) as dry:
        now = dry.standing()
        assert (now.own.status, now.own.name) == ("IN_APPROVAL", "Tool loans")
        act(dry, "Approve request", "manager", "approve", ("reason", ""))
        now = act(dry, "Carry out request", "technician", None, ("result", "Bought."))
        assert now.own.status == "DONE"
        story = dry.ending()
    assert story.expect["status"] == "DONE"
    (result,) = run_scenarios(engine, files, [story])
    assert result.failures == []


def test_photos_are_accepted_by_name_and_nothing_of_them_is_kept(engine: ProcessEngine) -> None:
    given = usual("maintenance_request", MAINTENANCE)
    photo = FileStorage(BytesIO(b"not looked at"), filename="../leak.jpg", content_type="image/jpeg")
    answers = {
        "formdata": MultiDict([("machineId", "1"), ("priority", "HIGH"), ("description", "Oil.")]),
        "files": MultiDict([("photos", photo)]),
    }
    with rehearse(engine, "maintenance_request", MAINTENANCE, given) as dry:
        start = dry.beginning("supervisor", **answers)
    assert start["values"]["photos"] == ["leak.jpg"]
    story = scenario_of({"name": "Dry run", "given": given, "start": start})
    with rehearse(engine, "maintenance_request", MAINTENANCE, given, story) as dry:
        assert dry.refusal is None


def test_a_step_that_no_longer_fits_is_named(engine: ProcessEngine, parts: Scenario) -> None:
    story = scenario_of(
        {
            "name": "Dry run",
            "given": parts.given,
            "start": parts.start,
            "steps": [
                {"wait": "PT1H"},
                {"do": "Approve parts", "by": "manager", "outcome": "agree"},
                {"wait": "PT1H"},
            ],
        }
    )
    with rehearse(engine, "parts_approval", PARTS, story.given, story) as dry:
        assert dry.refusal is not None
        assert (dry.refusal.step, dry.refusal.title, dry.refusal.code) == (
            2,
            "Approve parts",
            "UNKNOWN_OUTCOME",
        )
        assert dry.steps == [{"wait": "PT1H"}]
        assert open_task(dry.standing(), "Approve parts").people == ("manager",)


HUGE = {"lines": [{"quantityApproved": 10**400}]}
ODD_STEPS: dict[str, dict[str, Any]] = {
    "somebody who is nobody": {"do": "Approve parts", "by": ["manager"]},
    "values that are a list": {"do": "Approve parts", "by": "manager", "values": [1]},
    "a task that is an object": {"do": {"name": 1}, "by": "manager"},
    "the third of one": {"do": "Approve parts", "by": "manager", "which": 3, "outcome": "approve"},
    "a wait for ever": {"wait": "P2999999D"},
    "a wait for nothing": {"wait": {"hours": 1}},
    "a message that is a text": {"message": "cancel requested"},
    "a payload that is a text": {"message": {"name": "cancel requested", "payload": "x"}},
    "a delivery that is a number": {"stock": 4},
    "a huge delivery": {"stock": {"part": "CMP-1", "add": 10**30}},
    "a huge number": {"do": "Approve parts", "by": "manager", "outcome": "approve", "values": HUGE},
    "an expectation that is a list": {"expect": ["open"]},
    "a refusal that is a text": {"refuse": "do"},
}  # fmt: skip


@pytest.mark.parametrize("step", ODD_STEPS.values(), ids=list(ODD_STEPS))
def test_odd_steps_are_refused_in_words(engine: ProcessEngine, parts: Scenario, step: dict[str, Any]) -> None:
    story = scenario_of({"name": "Odd", "given": parts.given, "start": parts.start, "steps": [step]})
    with rehearse(engine, "parts_approval", PARTS, story.given, story) as dry:
        assert dry.refusal is not None
        assert dry.refusal.step == 1
        assert dry.refusal.message
        assert dry.standing().own.state == "running"


def test_an_incident_is_shown_with_its_message(engine: ProcessEngine, parts: Scenario) -> None:
    broken = PARTS["approval_policy.dmn"].replace(b'"PT12H"', b'"soon"')
    with rehearse(
        engine, "parts_approval", {**PARTS, "approval_policy.dmn": broken}, parts.given, parts
    ) as dry:
        now = dry.standing()
        assert now.own.state == "incident"
        (failure,) = now.own.failures
        assert failure.element == "approval_reminder_due"
        assert "soon" in failure.message
        assert open_task(now, "Approve parts").people == ("manager",)


def test_files_that_cannot_be_run_say_why(engine: ProcessEngine) -> None:
    with (
        pytest.raises(NotRunnable, match="cannot be run"),
        rehearse(engine, "parts_approval", {"parts_approval.bpmn": b"<no diagram"}, {}),
    ):
        pass
    with pytest.raises(NotRunnable, match="has the id parts_approval"), rehearse(engine, "other", PARTS, {}):
        pass


def test_time_in_the_small_factory_is_no_time_outside(engine: ProcessEngine, parts: Scenario) -> None:
    """Whoever looks at the clock meanwhile, in another thread, sees the time that it really is."""
    inside, looked = threading.Event(), threading.Event()
    seen: dict[str, datetime] = {}

    def other() -> None:
        assert inside.wait(30)
        seen["site"] = clock.now()
        with new_world({}) as world:
            world.time.advance(days=40)
            seen["another world"] = clock.now()
        seen["site afterwards"] = clock.now()
        looked.set()

    thread = threading.Thread(target=other)
    thread.start()
    before = datetime.now(UTC)
    with rehearse(engine, "parts_approval", PARTS, parts.given, parts) as dry:
        dry.go_on({"wait": "P9D"})
        within = clock.now()
        inside.set()
        assert looked.wait(60)
        assert clock.now() == within == dry.run.world.time()
    thread.join(30)
    after = datetime.now(UTC)
    assert before <= seen["site"] <= seen["site afterwards"] <= after
    assert (seen["another world"] - BEGINNING).days == 40
    assert (within - BEGINNING).days == 9
    assert before <= clock.now()


def test_values_are_said_in_plain_words() -> None:
    assert said(["A", "B", "C"]) == "A, B and C"
    assert said([]) == said(None) == "none"
    assert said({"A": ["B"]}) == "A: B"
    assert said(0) == "0"


def test_the_status_of_any_subject_can_be_expected(engine: ProcessEngine, parts: Scenario) -> None:
    with rehearse(engine, "parts_approval", PARTS, parts.given, parts) as dry:
        check = Expectations(dry.run)
        assert check.unmet({"status": "PENDING", "related": {"maintenance_request": "WAITING_PARTS"}}) == []
        assert check.unmet({"status": "ISSUED"}) == ["The status should be ISSUED, but is PENDING."]
        assert check.unmet({"open": ["Issue parts", "Approve parts"]}) == [
            "Open tasks should be Approve parts and Issue parts, but are Approve parts."
        ]
        assert check.unmet({"may": {"Approve parts": ["admin", "manager"]}}) == [
            "Who may do “Approve parts” should be admin and manager, but is manager."
        ]


@pytest.mark.parametrize(
    ("key", "task", "outcome", "values"),
    [
        (
            "preventive_maintenance",
            "Carry out checklist",
            "complete",
            {"items": [{"result": "pass"}], "minutesSpent": 5},
        ),
        ("stock_replenishment", "Reorder", "order", {"supplier": "Filters Ltd"}),
    ],
)
def test_what_begins_by_itself_is_tried_like_any_other(
    engine: ProcessEngine, key: str, task: str, outcome: str, values: dict[str, object]
) -> None:
    files = read_folder(WORKFLOWS / key)
    usual = choices_of(key, files)[0]
    with rehearse(engine, key, files, usual.given) as dry:
        (by,) = dry.starters()
        assert dry.start_form(by).validate()
        start = dry.beginning(by, json={})
    assert start == {"process": key}
    story = scenario_of({"name": "Dry run", "given": usual.given, "start": start, "steps": []})
    with rehearse(engine, key, files, usual.given, story) as dry:
        assert [each.name for each in dry.standing().tasks] == [task]
        by = dry.standing().tasks[0].people[0]
        dry.go_on({"do": task, "by": by, "outcome": outcome, "values": values})
        ending = dry.ending()
    (result,) = run_scenarios(engine, files, [ending])
    assert result.failures == []
