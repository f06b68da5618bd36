"""Dry runs over the API: what they answer, what they refuse, and that they touch nothing."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from app.database import metadata
from app.domain.people import Role
from tests.api.conftest import Api, Caller

KEY = "parts_approval"
ADDRESS = f"/processes/{KEY}/draft/dry-run"
PARTS = [{"number": "MOT-1", "name": "Motor", "price": 900, "stock": 1, "group": "Motors"}]
STORY = {
    "given": {"parts": PARTS},
    "start": {"by": "technician", "lines": [{"part": "MOT-1", "quantity": 1}]},
}
APPROVED = {"do": "Approve parts", "by": "manager", "outcome": "approve"}


@pytest.fixture
def owner(api: Api) -> Caller:
    """A technician who owns processes."""
    return api.someone(Role.MAINTENANCE_TECH, process_owner=True, name="Olu Bright")


def run(caller: Caller, *steps: dict[str, Any], address: str = ADDRESS, **changes: Any) -> dict[str, Any]:
    answer = caller.post(address, {**STORY, "steps": list(steps), **changes})
    assert answer.status_code == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


def rows(api: Api) -> dict[str, int]:
    """How many rows each table has."""
    api.session.rollback()
    counts = {
        name: api.session.scalar(sa.select(sa.func.count()).select_from(table))
        for name, table in metadata.tables.items()
    }
    return {name: count or 0 for name, count in counts.items()}


def test_before_it_has_begun_it_tells_who_may_begin_by_which_form(api: Api, owner: Caller) -> None:
    answer = owner.post(ADDRESS, {})
    assert answer.status_code == 200, answer.json
    found = answer.json
    assert (found["begun"], found["ended"], found["openTasks"], found["scenario"]) == (False, False, [], "")
    assert found["starters"] == ["technician", "technician2"]
    assert "partLines.0.quantity" in {field["path"] for field in found["startForm"]["fields"]}
    report = owner.post("/processes/maintenance_request/draft/dry-run", {}).json
    assert "supervisor" in report["starters"]
    assert "description" in {field["path"] for field in report["startForm"]["fields"]}


def test_it_tells_where_it_stands(api: Api, owner: Caller) -> None:
    before = rows(api)
    found = run(owner)
    assert (found["begun"], found["refusal"], found["done"]) == (True, None, 0)
    own = found["instances"][0]
    assert (own["process"], own["status"], own["state"]) == (KEY, "PENDING", "running")
    assert "approve_parts" in own["here"]
    task = next(task for task in found["openTasks"] if task["isOwn"])
    assert (task["name"], task["people"], task["which"]) == ("Approve parts", ["manager"], 1)
    assert [outcome["value"] for outcome in task["outcomes"]] == ["approve", "reject"]
    assert task["form"]["schema"]["id"] == "approve_parts"
    assert task["form"]["data"]["lines"][0]["partNumber"] == "MOT-1"
    decision = found["decisions"][-1]
    assert (decision["table"], decision["outputs"]["approval"]) == ("Approval policy", "MANAGER")
    assert found["timers"][0]["name"] == "Reminder due"
    assert found["stock"] == {"MOT-1": 1}

    issued = {"do": "Issue parts", "by": "inventory", "outcome": "issue"}
    found = run(owner, APPROVED, {"wait": "PT1H"}, issued)
    assert (found["ended"], found["done"]) == (True, 3)
    assert (found["instances"][0]["status"], found["stock"]) == ("ISSUED", {"MOT-1": 0})
    (story,) = yaml.safe_load(found["scenario"])
    assert story["expect"]["status"] == "ISSUED"
    assert rows(api) == before


def test_a_step_that_does_not_work_is_told_with_its_fields(api: Api, owner: Caller) -> None:
    rejected = {"do": "Approve parts", "by": "manager", "outcome": "reject"}
    refusal = run(owner, {"wait": "PT1H"}, rejected, {"wait": "PT1H"})["refusal"]
    assert (refusal["step"], refusal["title"], refusal["code"]) == (2, "Approve parts", "INVALID")
    assert list(refusal["errors"]) == ["reason"]
    found = run(owner, {"do": "Approve parts", "by": "inventory", "outcome": "approve"})
    assert (found["refusal"]["code"], found["done"]) == ("FORBIDDEN", 0)
    assert run(owner, {"expect": {"status": "ISSUED"}})["refusal"]["code"] == "NOT_AS_EXPECTED"
    assert run(owner, start={"by": "nobody"})["refusal"]["step"] == 0


def test_it_runs_the_draft_as_it_is_saved(api: Api, owner: Caller) -> None:
    address = f"/processes/{KEY}/draft"
    draft = owner.get(address).json
    table = draft["files"]["approval_policy.dmn"].replace("&gt; 5000", "&gt; 500")
    files = {**draft["files"], "approval_policy.dmn": table}
    assert owner.put(address, {"files": files, "revision": 0}).status_code == 200
    found = run(owner, APPROVED)
    assert [task["people"] for task in found["openTasks"] if task["isOwn"]] == [["admin"]]
    # Somebody else's draft is another one.
    assert [task["name"] for task in run(api.admin, APPROVED)["openTasks"] if task["isOwn"]] == [
        "Issue parts"
    ]

    files = {**files, "parts_approval.bpmn": "<broken"}
    assert owner.put(address, {"files": files, "revision": 1}).status_code == 200
    answer = owner.post(ADDRESS, STORY)
    assert (answer.status_code, answer.json["code"]) == (422, "PROCESS_PROBLEMS")
    assert "files.parts_approval.bpmn" in answer.json["errors"]


BAD: dict[str, tuple[int, dict[str, Any]]] = {
    "unknown keys": (400, {**STORY, "name": "x"}),
    "steps that are no list": (400, {**STORY, "steps": {}}),
    "too many steps": (400, {**STORY, "steps": [{"wait": "PT1M"}] * 101}),
    "a step of no kind": (422, {**STORY, "steps": [{"sing": 1}]}),
    "a step of two kinds": (422, {**STORY, "steps": [{"wait": "PT1M", "do": "x"}]}),
    "steps before the start": (422, {"steps": [{"wait": "PT1M"}]}),
    "another process": (422, {**STORY, "start": {"process": "maintenance_request"}}),
    "a machine that is a text": (422, {**STORY, "given": {"machine": "Press"}}),
    "parts that are numbers": (422, {**STORY, "given": {"parts": [1]}}),
    "no text at all": (400, {**STORY, "steps": [{"wait": "\ud800"}]}),
}


@pytest.mark.parametrize(("status", "body"), BAD.values(), ids=list(BAD))
def test_what_cannot_be_a_story_is_refused(
    api: Api, owner: Caller, status: int, body: dict[str, Any]
) -> None:
    answer = owner.post(ADDRESS, body)
    assert answer.status_code == status, answer.json


def test_a_process_that_nobody_has_is_not_there(api: Api, owner: Caller) -> None:
    assert owner.post("/processes/not_there/draft/dry-run", {}).status_code == 404
