"""What the files of a process may speak of, over the API."""

from __future__ import annotations

from typing import Any

from app.domain.people import Role
from app.processes.templates import new_process
from tests.api.conftest import Api

ADDRESS = "/processes/parts_approval/vocabulary"


def by_name(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in items}


def test_the_words_of_a_process(api: Api) -> None:
    found = api.admin.get(ADDRESS).json
    assert {role["code"] for role in found["roles"]} == set(Role)
    notify = by_name(found["services"])["notify.role"]
    inputs = by_name(notify["inputs"])
    assert inputs["role"]["required"] and not inputs["departmentId"]["required"]
    assert inputs["title"]["type"] == "string" and inputs["title"]["description"]
    assert notify["description"] and by_name(notify["outputs"])["told"]["type"] == "number"
    facts = by_name(found["facts"])
    assert facts["machine"]["fields"]["criticality"] == "string"
    assert facts["partsRequest"]["fields"]["lines"][0]["partNumber"] == "string"
    assert found["subjectType"] == "spare_parts_request"
    assert "APPROVED" in found["statuses"] and not found["freeStatuses"]
    assert "machines" in found["options"]


def test_the_words_of_a_process_that_is_only_a_draft_are_those_of_its_forms(api: Api) -> None:
    files = new_process(api.engine, "request_with_approval", "tool_loans", "Tool loans")
    texts = {name: content.decode() for name, content in files.items()}
    saved = api.admin.put("/processes/tool_loans/draft", {"files": texts, "revision": 0})
    assert saved.status_code == 200
    found = api.admin.get("/processes/tool_loans/vocabulary").json
    assert found["freeStatuses"]
    fields = by_name(found["facts"])["record"]["fields"]
    assert {"title", "urgency", "cost"} <= fields.keys()


def test_a_draft_that_cannot_be_read_speaks_as_the_version_it_began_with(api: Api) -> None:
    files = api.admin.get("/processes/parts_approval/draft").json["files"]
    broken = {**files, "parts_approval.bpmn": "<no/>"}
    assert (
        api.admin.put("/processes/parts_approval/draft", {"files": broken, "revision": 0}).status_code == 200
    )
    assert by_name(api.admin.get(ADDRESS).json["facts"])["partsRequest"]["fields"]


def test_a_process_without_anything_has_no_records(api: Api) -> None:
    found = api.admin.get("/processes/not_there_yet/vocabulary").json
    assert found["services"] and found["freeStatuses"]
