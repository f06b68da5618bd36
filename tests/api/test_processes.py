"""Processes over the API: versions and files, checking, deploying, comparing, starting."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.activity import ActivityLog
from app.domain.people import Role
from app.processes.shipped import WORKFLOWS, read_folder
from tests.api.conftest import Api, Caller

KEY = "parts_approval"
# Without the shipped scenarios, which name the tasks that are renamed here.
SUFFIXES = (".bpmn", ".dmn", ".form")


def files_of(key: str) -> dict[str, str]:
    read = read_folder(WORKFLOWS / key)
    return {name: content.decode() for name, content in read.items() if name.endswith(SUFFIXES)}


FILES = files_of(KEY)
DIAGRAM = f"{KEY}.bpmn"
ADDRESS = f"/processes/{KEY}"


def changed(*edits: tuple[str, str], name: str = DIAGRAM) -> dict[str, str]:
    """The shipped files with some text replaced."""
    text = FILES[name]
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return {**FILES, name: text}


RENAMED = changed(('name="Approve parts"', 'name="Decide about parts"'))


@pytest.fixture
def owner(api: Api) -> Caller:
    """A technician who owns processes."""
    return api.someone(Role.MAINTENANCE_TECH, process_owner=True, name="Olu Bright")


def deploy(caller: Caller, files: dict[str, str], **options: Any) -> dict[str, Any]:
    made = caller.post(f"{ADDRESS}/deploy", {"files": files, **options})
    assert made.status_code == 201, made.json
    return made.json  # type: ignore[no-any-return]


# -- reading ---------------------------------------------------------------------------------------


def test_processes_and_their_versions(api: Api, owner: Caller) -> None:
    listed = owner.get("/processes").json
    assert {(p["key"], p["version"], p["versions"], p["openInstances"]) for p in listed["items"]} >= {
        ("maintenance_request", 1, 1, 0), (KEY, 1, 1, 0),
    }  # fmt: skip
    assert [p["key"] for p in owner.get("/processes?q=parts").json["items"]] == [KEY]
    assert owner.get("/processes?pageSize=1&page=2").json["items"] == listed["items"][1:2]

    found = api.manager.get(ADDRESS).json
    assert (found["subjectType"], found["hasStartForm"], found["startMessages"]) == (
        "spare_parts_request", False, ["parts requested"],
    )  # fmt: skip
    assert {"id": "approve_parts", "name": "Approve parts", "type": "userTask"} in found["elements"]
    assert "approval_policy" in found["decisions"]
    deploy(owner, RENAMED, note="Clearer")
    versions = owner.get(f"{ADDRESS}/versions").json
    assert [(v["version"], v["note"], v["deployedBy"]) for v in versions["items"]] == [
        (2, "Clearer", "Olu Bright"), (1, "Shipped with Millwright", "Millwright"),
    ]  # fmt: skip
    for missing in ("/processes/nothing", "/processes/nothing/versions", f"{ADDRESS}/versions/9"):
        assert owner.get(missing).status_code == 404


def test_files_are_downloaded_as_they_were_deployed_and_never_shown(api: Api, owner: Caller) -> None:
    evil = owner.post(f"{ADDRESS}/deploy", {"files": {**RENAMED, "notes.html": "<script>alert(1)</script>"}})
    assert (evil.status_code, evil.json["code"]) == (422, "BAD_FILE_NAME")
    deploy(owner, RENAMED)
    version = owner.get(f"{ADDRESS}/versions/2").json
    assert {"name": DIAGRAM, "size": len(RENAMED[DIAGRAM].encode())} in version["files"]
    for name, media in (
        (DIAGRAM, "application/xml"),
        ("approve_parts.form", "text/plain"),
    ):
        answer = owner.get(f"{ADDRESS}/versions/2/files/{name}")
        assert answer.status_code == 200
        assert answer.mimetype == media
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert owner.get(f"{ADDRESS}/versions/2/files/{DIAGRAM}").text == RENAMED[DIAGRAM]
    for missing in ("1/files/notes.bpmn", "2/files/..", "2/files/%2e%2e%2fetc", "9/files/x"):
        assert owner.get(f"{ADDRESS}/versions/{missing}").status_code == 404


def test_what_differs_between_two_versions(api: Api, owner: Caller) -> None:
    deploy(owner, RENAMED)
    found = owner.get(f"{ADDRESS}/diff?from=1&to=2").json
    assert [(item["kind"], item["change"], item["id"]) for item in found["diagram"]] == [
        ("element", "changed", "approve_parts")
    ]
    assert found["diagram"][0]["attributes"] == [
        {"name": "name", "before": "Approve parts", "after": "Decide about parts"}
    ]
    assert DIAGRAM in [item["id"] for item in found["files"]]
    assert (found["decisions"], found["forms"]) == ([], [])
    assert owner.get(f"{ADDRESS}/diff?from=1").json == found
    assert owner.get(f"{ADDRESS}/diff?from=2").json == {
        "files": [], "diagram": [], "decisions": [], "forms": [],
    }  # fmt: skip
    assert owner.get(f"{ADDRESS}/diff").status_code == 400
    assert owner.get(f"{ADDRESS}/diff?from=1&to=7").status_code == 404


# -- checking and deploying ------------------------------------------------------------------------


def test_checks_say_what_is_wrong_and_what_to_do(api: Api, owner: Caller) -> None:
    fine = owner.post(f"{ADDRESS}/check", {"files": FILES})
    assert fine.status_code == 200, fine.json
    assert (fine.json["deployable"], fine.json["errors"], fine.json["scenarios"]) == (True, 0, [])
    files = changed(('millwright:form="approve_parts"', 'millwright:form="aprove_parts"'))
    found = owner.post(f"{ADDRESS}/check", {"files": files}).json
    assert (found["deployable"], found["errors"]) == (False, 2)
    problem = found["problems"][0]
    assert (problem["file"], problem["element"], problem["severity"], problem["code"]) == (
        DIAGRAM, "approve_parts", "error", "unknown-form",
    )  # fmt: skip
    assert problem["line"] and "approve_parts" in problem["hint"]
    assert owner.get(f"{ADDRESS}/versions").json["total"] == 1
    assert owner.post(f"{ADDRESS}/check", {"files": {"x.bpmn": "<what"}}).json["deployable"] is False


def test_files_with_errors_are_not_deployed(api: Api, owner: Caller) -> None:
    files = changed(('millwright:form="approve_parts"', 'millwright:form="aprove_parts"'))
    refused = owner.post(f"{ADDRESS}/deploy", {"files": files})
    assert (refused.status_code, refused.json["code"]) == (422, "PROCESS_PROBLEMS")
    (problems,) = refused.json["errors"].values()
    assert list(refused.json["errors"]) == [f"files.{DIAGRAM}"]
    assert len(problems) == 2 and "aprove_parts" in problems[0]
    other = owner.post("/processes/maintenance_request/deploy", {"files": FILES})
    assert (other.status_code, other.json["code"]) == (422, "PROCESS_PROBLEMS")
    name = owner.post(f"{ADDRESS}/deploy", {"files": {"../x.bpmn": "<a/>"}})
    assert (name.status_code, name.json["code"]) == (422, "BAD_FILE_NAME")
    for body in ({}, {"files": {}}, {"files": {"a": 1}}, {"files": FILES, "extra": 1}):
        assert owner.post(f"{ADDRESS}/deploy", body).status_code == 400
    assert owner.get(f"{ADDRESS}/versions").json["total"] == 1


def test_a_deployment_is_a_new_version_and_in_the_activity_log(api: Api, owner: Caller) -> None:
    made = owner.post(f"{ADDRESS}/deploy", {"files": RENAMED, "note": "Clearer"}, key="deploy-1")
    assert (made.status_code, made.json["version"]) == (201, 2)
    assert made.headers["Location"] == f"/api/v1{ADDRESS}/versions/2"
    assert (
        owner.post(f"{ADDRESS}/deploy", {"files": RENAMED, "note": "Clearer"}, key="deploy-1").json
        == made.json
    )
    assert deploy(owner, RENAMED)["version"] == 2  # the same files are no new version
    api.session.rollback()
    logged = api.session.query(ActivityLog).filter_by(action="DEPLOY_PROCESS").all()
    assert [(entry.user_id, entry.before, entry.after) for entry in logged] == [
        (owner.id, {"version": 1}, {"key": KEY, "version": 2, "note": "Clearer"})
    ]


SCENARIO = """
- name: Consumables need nobody
  given:
    parts: [{number: FLT-1, name: Oil filter, price: 25, stock: 10, group: Filters}]
  start: {process: parts_approval, by: technician, lines: [{part: FLT-1, quantity: 1}]}
  expect: {open: [%s]}
"""


def test_scenarios_are_run_and_keep_what_fails_from_being_deployed(api: Api, owner: Caller) -> None:
    right, wrong = SCENARIO % "Issue parts", SCENARIO % "Approve parts"
    files = {**RENAMED, "scenarios.yaml": wrong}
    checked = owner.post(f"{ADDRESS}/check", {"files": files, "runScenarios": True}).json
    assert (checked["deployable"], checked["errors"], checked["scenarios"][0]["passed"]) == (False, 0, False)
    refused = owner.post(f"{ADDRESS}/deploy", {"files": files})
    assert (refused.status_code, refused.json["code"]) == (422, "SCENARIOS_FAILED")
    assert list(refused.json["errors"]) == ["scenarios.Consumables need nobody"]
    forbidden = owner.post(f"{ADDRESS}/deploy", {"files": files, "overrideScenarios": True})
    assert forbidden.status_code == 403
    assert deploy(api.admin, files, overrideScenarios=True)["version"] == 2
    api.session.rollback()
    (entry,) = api.session.query(ActivityLog).filter_by(action="DEPLOY_PROCESS").all()
    assert entry.after["failedScenarios"] == ["Consumables need nobody"]
    assert deploy(owner, {**RENAMED, "scenarios.yaml": right})["version"] == 3


# -- starting --------------------------------------------------------------------------------------


def test_whoever_may_start_a_process_gets_its_form_and_starts_it(api: Api) -> None:
    address = "/processes/maintenance_request"
    form = api.supervisor.get(f"{address}/start-form").json
    paths = {field["path"]: field for field in form["fields"]}
    assert {"machineId", "priority", "description", "photos"} <= set(paths)
    assert api.press.id in [option["value"] for option in paths["machineId"]["options"]]
    values = {"machineId": api.press.id, "priority": "HIGH", "description": "Oil leaks."}
    made = api.supervisor.post(f"{address}/start", {"values": values})
    assert made.status_code == 201, made.json
    assert [task["name"] for task in made.json["openTasks"]] == ["Accept request"]
    assert made.headers["Location"] == f"/api/v1/instances/{made.json['id']}"
    wrong = api.supervisor.post(f"{address}/start", {"values": {"machineId": api.press.id, "colour": "red"}})
    assert (wrong.status_code, wrong.json["code"]) == (422, "INVALID")
    assert {"description", "colour"} <= set(wrong.json["errors"])
    for caller in (api.technician, api.someone(None)):
        assert caller.get(f"{address}/start-form").status_code == 403
        assert caller.post(f"{address}/start", {"values": values}).status_code == 403
    assert api.supervisor.post(f"{ADDRESS}/start", {"values": {}}).status_code in (403, 404)
    assert api.supervisor.get("/processes/nothing/start-form").status_code == 404
