"""Drafts over the API: saving, checking, trying, weighing and deploying what a process owner changes."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from app.database import unit_of_work
from app.domain.activity import ActivityLog
from app.domain.people import Role
from app.engine import instances, user_tasks
from app.engine.models import Deployment, ProcessDraft, ProcessInstance, TaskState, UserTask
from app.processes.directory import actor_of
from app.processes.shipped import WORKFLOWS, read_folder
from tests import factories
from tests.api.conftest import Api, Caller

KEY = "parts_approval"
ADDRESS = f"/processes/{KEY}/draft"
TABLE, DIAGRAM, STORIES = "approval_policy.dmn", "parts_approval.bpmn", "scenarios.yaml"

# A few stories of the shipped ones, so that they run in a moment.
STORY = """
- name: A motor needs the manager
  given:
    parts: [{number: MOT-1, name: Motor, price: 900, stock: 1, group: Motors}]
  start: {process: parts_approval, by: technician, lines: [{part: MOT-1, quantity: 1}]}
  steps:
    - {do: Approve parts, by: manager, outcome: approve}
  expect: {state: running, open: [Issue parts], status: APPROVED}
"""


@pytest.fixture
def owner(api: Api) -> Caller:
    """A technician who owns processes."""
    return api.someone(Role.MAINTENANCE_TECH, process_owner=True, name="Olu Bright")


def opened(caller: Caller, address: str = ADDRESS) -> dict[str, Any]:
    found: dict[str, Any] = caller.get(address).json
    return found


def saved(caller: Caller, *edits: tuple[str, str, str], address: str = ADDRESS) -> dict[str, Any]:
    """Save the draft with some text in its files replaced: file, old, new; and with one short story."""
    draft = opened(caller, address)
    files = {**draft["files"], STORIES: STORY}
    for name, old, new in edits:
        assert old in files[name]
        files[name] = files[name].replace(old, new)
    answer = caller.put(address, {"files": files, "revision": draft["revision"]})
    assert answer.status_code == 200, answer.json
    return answer.json  # type: ignore[no-any-return]


THRESHOLD = (TABLE, "&gt; 5000", "&gt; 500")


# -- keeping ---------------------------------------------------------------------------------------


def test_a_draft_begins_with_the_newest_version_and_is_kept(api: Api, owner: Caller) -> None:
    draft = opened(owner)
    shipped = {name: content.decode() for name, content in read_folder(WORKFLOWS / KEY).items()}
    assert (draft["revision"], draft["savedAt"], draft["newer"]) == (0, None, None)
    assert draft["files"] == shipped
    assert (draft["base"]["version"], draft["base"]["note"]) == (1, "Shipped with Millwright")
    assert owner.get("/drafts").json["items"] == []

    assert saved(owner, THRESHOLD)["revision"] == 1
    assert "&gt; 500<" in opened(owner)["files"][TABLE]
    listed = owner.get("/drafts").json
    assert [(each["key"], each["revision"]) for each in listed["items"]] == [(KEY, 1)]
    assert "files" not in listed["items"][0]

    # Everybody has a draft of their own.
    assert opened(api.admin)["files"] == shipped
    assert api.admin.get("/drafts").json["total"] == 0

    assert owner.delete(ADDRESS).status_code == 204
    assert opened(owner)["files"] == shipped
    assert owner.delete(ADDRESS).status_code == 404


def test_the_older_of_two_windows_is_refused(owner: Caller) -> None:
    draft = saved(owner)
    saved(owner, THRESHOLD)
    answer = owner.put(ADDRESS, {"files": draft["files"], "revision": 1})
    assert (answer.status_code, answer.json["code"]) == (409, "CONFLICT")
    assert "another window, at " in answer.json["detail"]
    assert opened(owner)["revision"] == 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"files": {"../a.form": "{}"}, "revision": 0}, 422, "BAD_FILE_NAME"),
        ({"files": {"a.form": "x" * (2 * 2**20 + 1)}, "revision": 0}, 422, "TOO_LARGE"),
        ({"files": {"a.form": "{}", "A.form": "{}"}, "revision": 0}, 422, "DUPLICATE_FILE"),
        ({"files": {f"{n}.form": "{}" for n in range(51)}, "revision": 0}, 400, "INVALID_REQUEST"),
        ({"files": {"a.form": 7}, "revision": 0}, 400, "INVALID_REQUEST"),
        ({"files": {}}, 400, "INVALID_REQUEST"),
        ({"files": {}, "revision": -1}, 400, "INVALID_REQUEST"),
        ({"files": {}, "revision": 0, "baseVersion": 9}, 404, "NOT_FOUND"),
        ({"files": {}, "revision": 0, "author": "me"}, 400, "INVALID_REQUEST"),
    ],
)
def test_what_cannot_be_saved(owner: Caller, body: dict[str, Any], status: int, code: str) -> None:
    answer = owner.put(ADDRESS, body)
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.json
    assert opened(owner)["revision"] == 0


def test_a_new_process_is_drafted_under_a_key_of_its_own(api: Api, owner: Caller) -> None:
    address = "/processes/tool_calibration/draft"
    assert opened(owner, address) == {
        "key": "tool_calibration",
        "files": {},
        "revision": 0,
        "savedAt": None,
        "base": None,
        "newer": None,
    }
    assert owner.post(f"{address}/check").status_code == 404
    assert owner.put(address, {"files": {}, "revision": 0}).status_code == 200
    taken = api.admin.put(address, {"files": {}, "revision": 0})
    assert (taken.status_code, taken.json["code"]) == (422, "KEY_TAKEN")
    odd = owner.put("/processes/Tool-Calibration/draft", {"files": {}, "revision": 0})
    assert (odd.status_code, odd.json["code"]) == (422, "BAD_KEY")
    assert owner.get("/processes/Tool-Calibration/draft").status_code == 404
    # It would be refused when it is deployed, and is refused before anybody has drawn it.
    reserved = owner.put("/processes/spare_parts/draft", {"files": {}, "revision": 0})
    assert (reserved.status_code, reserved.json["code"]) == (422, "BAD_KEY")
    assert "used by Millwright itself" in reserved.json["errors"]["key"][0]
    assert owner.get("/processes/nothing/draft").json["files"] == {}
    codes = {problem["code"] for problem in owner.post(f"{address}/check").json["problems"]}
    assert "no-diagram" in codes


# -- trying ----------------------------------------------------------------------------------------


def test_checks_say_what_is_wrong_and_where(owner: Caller) -> None:
    saved(owner)
    fine = owner.post(f"{ADDRESS}/check").json
    assert (fine["errors"], fine["problems"]) == (0, [])
    saved(owner, (DIAGRAM, 'millwright:form="approve_parts"', 'millwright:form="approve_all"'))
    found = owner.post(f"{ADDRESS}/check").json
    assert found["errors"] >= 1
    assert {"approve_parts", "approve_parts_admin"} <= {problem["element"] for problem in found["problems"]}
    assert all(problem["hint"] for problem in found["problems"] if problem["severity"] == "error")


def test_checks_see_a_diagram_of_another_process_and_scenarios_that_cannot_be_read(owner: Caller) -> None:
    saved(
        owner,
        (DIAGRAM, 'process id="parts_approval"', 'process id="parts_approved"'),
        (STORIES, "given:", "given: ["),
    )
    found = {problem["code"]: problem for problem in owner.post(f"{ADDRESS}/check").json["problems"]}
    assert "parts_approved" in found["wrong-process"]["message"]
    assert found["bad-scenarios"]["file"] == STORIES
    assert found["bad-scenarios"]["line"]


def test_scenarios_run_against_the_draft(api: Api, owner: Caller) -> None:
    saved(owner)
    before = api.session.scalar(sa.select(sa.func.count()).select_from(ProcessInstance))
    api.session.rollback()
    fine = owner.post(f"{ADDRESS}/scenarios").json
    assert (fine["passed"], fine["problem"]) == (True, "")
    (run,) = fine["scenarios"]
    assert (run["name"], run["passed"], run["failures"]) == ("A motor needs the manager", True, [])
    assert "approve_parts" in fine["coverage"]["elements"]
    assert "approve_parts_admin" in fine["coverage"]["missedElements"]
    assert "manager_approves_to_rejected" in fine["coverage"]["missedFlows"]
    assert api.session.scalar(sa.select(sa.func.count()).select_from(ProcessInstance)) == before

    saved(owner, THRESHOLD)
    failed = owner.post(f"{ADDRESS}/scenarios").json
    assert not failed["passed"]
    assert "Open tasks should be" in failed["scenarios"][0]["failures"][0]

    saved(owner, (DIAGRAM, "</bpmn:definitions>", ""))
    broken = owner.post(f"{ADDRESS}/scenarios").json
    assert (broken["passed"], broken["scenarios"], broken["coverage"]) == (False, [], None)
    assert "cannot be run" in broken["problem"]


# -- weighing --------------------------------------------------------------------------------------


def do(api: Api, name: str, by: Caller, outcome: str, **values: Any) -> None:
    """Do the newest open task of that name."""
    assert by.user is not None
    with unit_of_work(api.session) as session:
        wanted = sa.select(UserTask.id).where(UserTask.name == name, UserTask.state == TaskState.OPEN)
        task_id = session.scalars(wanted.order_by(UserTask.id.desc())).first()
        user_tasks.submit(api.engine, session, task_id or 0, actor_of(by.user), outcome=outcome, json=values)
    api.settle()


def parts_wanted(api: Api, price: int, quantity: int) -> ProcessInstance:
    """A technician asks for parts of that price."""
    assert api.supervisor.user is not None
    with unit_of_work(api.session) as session:
        part = factories.make_part(session, 10, unit_price=price)
        given = {"machineId": api.press.id, "priority": "HIGH", "description": "It leaks."}
        instances.start(api.engine, session, "maintenance_request", actor_of(api.supervisor.user), given)
    api.settle()
    do(api, "Accept request", api.technician, "accept")
    do(
        api, "Carry out work", api.technician, "request_parts",
        partLines=[{"partId": part.id, "quantity": quantity}],
    )  # fmt: skip
    with unit_of_work(api.session) as session:
        newest = sa.select(ProcessInstance).where(ProcessInstance.key == KEY)
        return session.scalars(newest.order_by(ProcessInstance.id.desc())).first()  # type: ignore[return-value]


def test_another_threshold_shows_whom_it_would_have_concerned(api: Api, owner: Caller) -> None:
    cheap = parts_wanted(api, 300, 1)
    dear = parts_wanted(api, 300, 3)
    do(api, "Approve parts", api.manager, "approve")
    saved(owner, THRESHOLD)
    found = owner.post(f"{ADDRESS}/impact", {"days": 7}).json
    assert found["complete"]
    steps = {step["element"]: step for step in found["steps"]}
    policy = steps["determine_approval"]
    assert (policy["kind"], policy["replayed"], policy["same"], policy["different"]) == ("decision", 2, 1, 1)
    (case,) = policy["cases"]
    assert (case["instanceId"], case["businessKey"]) == (dear.id, dear.business_key)
    assert case["inputs"]["Total cost"] == 900
    assert (case["then"]["approval"], case["now"]["approval"]) == ("MANAGER", "MANAGER_THEN_ADMIN")

    # It would have gone to the administrator after the manager.
    (way,) = steps["administrator_too"]["cases"]
    assert way["businessKey"] == dear.business_key
    assert way["now"] != way["then"]
    assert cheap.business_key not in str(found)

    saved(owner, (TABLE, "partsRequest.totalCost", "partsRequest.weight"))
    found = owner.post(f"{ADDRESS}/impact", {"days": 7}).json
    policy = next(step for step in found["steps"] if step["element"] == "determine_approval")
    assert policy["notReplayed"] == [{"reason": "History does not hold partsRequest.weight.", "count": 2}]
    assert policy["replayed"] == 0


def test_impact_of_what_cannot_be_run_is_refused(owner: Caller) -> None:
    saved(owner, (DIAGRAM, "</bpmn:definitions>", ""))
    assert owner.post(f"{ADDRESS}/impact", {}).status_code == 422
    for days in (0, 5000, "x"):
        assert owner.post(f"{ADDRESS}/impact", {"days": days}).status_code == 400


# -- deploying -------------------------------------------------------------------------------------


def versions(api: Api) -> int | None:
    api.session.rollback()
    return api.session.scalar(sa.select(sa.func.max(Deployment.version)).where(Deployment.key == KEY))


def test_a_draft_becomes_the_newest_version_and_the_next_request_follows_it(api: Api, owner: Caller) -> None:
    saved(owner, (TABLE, "&gt; 5000", "&gt; 950"))
    answer = owner.post(f"{ADDRESS}/deploy", {"note": "Administrators decide earlier"})
    assert answer.status_code == 201, answer.json
    assert (answer.json["version"], answer.json["note"]) == (2, "Administrators decide earlier")
    assert answer.json["deployedBy"] == "Olu Bright"
    assert answer.headers["Location"].endswith(f"/processes/{KEY}/versions/2")
    assert (versions(api), api.session.scalar(sa.select(ProcessDraft.id))) == (2, None)
    entry = api.session.scalars(sa.select(ActivityLog).where(ActivityLog.action == "DEPLOY_PROCESS")).one()
    assert (entry.user_id, entry.after["version"]) == (owner.id, 2)
    assert opened(owner)["base"]["version"] == 2
    assert opened(owner)["files"][STORIES] == STORY

    parts_wanted(api, 500, 2)
    do(api, "Approve parts", api.manager, "approve")
    with unit_of_work(api.session) as session:
        names = session.scalars(
            sa.select(UserTask.name).where(UserTask.state == TaskState.OPEN, UserTask.process_key == KEY)
        ).all()
    assert names == ["Approve parts (administrator)"]


def test_errors_keep_a_draft_from_being_deployed_and_are_all_told(api: Api, owner: Caller) -> None:
    saved(
        owner,
        (DIAGRAM, 'millwright:form="approve_parts"', 'millwright:form="approve_all"'),
        (TABLE, "machine.criticality", "machine.criticality +"),
    )
    for caller in (owner, api.admin):
        if caller is api.admin:
            saved(caller, (TABLE, "machine.criticality", "machine.criticality +"))
        answer = caller.post(f"{ADDRESS}/deploy", {"overrideScenarios": caller is api.admin})
        assert (answer.status_code, answer.json["code"]) == (422, "PROCESS_PROBLEMS"), answer.json
    refused = owner.post(f"{ADDRESS}/deploy", {}).json
    assert {f"files.{DIAGRAM}", f"files.{TABLE}"} <= set(refused["errors"])
    assert versions(api) == 1
    assert opened(owner)["revision"] == 1


def test_a_failing_scenario_keeps_a_draft_back_unless_an_administrator_overrides(
    api: Api, owner: Caller
) -> None:
    saved(owner, THRESHOLD)
    answer = owner.post(f"{ADDRESS}/deploy", {})
    assert (answer.status_code, answer.json["code"]) == (422, "SCENARIOS_FAILED")
    assert "Open tasks should be" in answer.json["errors"]["scenarios.A motor needs the manager"][0]
    assert owner.post(f"{ADDRESS}/deploy", {"overrideScenarios": True}).status_code == 403
    assert versions(api) == 1

    saved(api.admin, THRESHOLD)
    assert api.admin.post(f"{ADDRESS}/deploy", {}).status_code == 422
    answer = api.admin.post(f"{ADDRESS}/deploy", {"overrideScenarios": True})
    assert answer.status_code == 201, answer.json
    assert answer.json["failedScenarios"] == ["A motor needs the manager"]
    api.session.rollback()
    entry = api.session.scalars(sa.select(ActivityLog).where(ActivityLog.action == "DEPLOY_PROCESS")).one()
    assert entry.after["failedScenarios"] == ["A motor needs the manager"]


def test_a_version_of_somebody_else_is_not_overwritten_unseen(api: Api, owner: Caller) -> None:
    saved(owner, (DIAGRAM, 'name="Parts approval"', 'name="Approval of parts"'))
    saved(api.admin, (TABLE, "&gt; 5000", "&gt; 4000"))
    assert api.admin.post(f"{ADDRESS}/deploy", {}).status_code == 201
    newer = opened(owner)["newer"]
    assert (newer["version"], newer["deployedBy"]) == (2, "Grace Odum")
    answer = owner.post(f"{ADDRESS}/deploy", {})
    assert answer.status_code == 409
    assert "Grace Odum has deployed version 2" in answer.json["detail"]

    draft = opened(owner)
    seen = {"files": draft["files"], "revision": draft["revision"], "baseVersion": 2}
    assert owner.put(ADDRESS, seen).json["newer"] is None
    assert owner.post(f"{ADDRESS}/deploy", {}).status_code == 201
    assert versions(api) == 3


def test_a_draft_that_was_never_saved_is_not_deployed(owner: Caller) -> None:
    assert owner.post(f"{ADDRESS}/deploy", {}).status_code == 404


def test_a_repeated_deployment_happens_once(api: Api, owner: Caller) -> None:
    saved(owner, (TABLE, "&gt; 5000", "&gt; 4000"))
    first = owner.post(f"{ADDRESS}/deploy", {}, key="once")
    assert (first.status_code, versions(api)) == (201, 2)
    again = owner.post(f"{ADDRESS}/deploy", {}, key="once")
    assert (again.status_code, again.json) == (201, first.json)
    assert versions(api) == 2


# -- recording -------------------------------------------------------------------------------------


def test_a_scenario_is_made_of_a_run(api: Api, owner: Caller) -> None:
    instance = parts_wanted(api, 300, 3)
    do(api, "Approve parts", api.manager, "approve")
    answer = owner.get(f"/instances/{instance.id}/scenario")
    assert answer.status_code == 200, answer.json
    assert answer.json["passed"], answer.json
    (story,) = yaml.safe_load(answer.json["yaml"])
    assert [(step["do"], step["by"]) for step in story["steps"] if "do" in step] == [
        ("Approve parts", "manager")
    ]
    assert "Maria Duarte" not in answer.json["yaml"]

    # It belongs to the draft from then on.
    draft = saved(owner)
    files = {**draft["files"], STORIES: STORY + answer.json["yaml"]}
    assert owner.put(ADDRESS, {"files": files, "revision": draft["revision"]}).status_code == 200
    tried = owner.post(f"{ADDRESS}/scenarios").json
    assert (len(tried["scenarios"]), tried["passed"]) == (2, True), tried
