"""User tasks over the API: finding them, taking them, doing them, talking about them."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from app.domain.attachments import Attachment
from app.domain.people import Role
from tests.api.conftest import Api, Caller


def report(api: Api, **values: Any) -> dict[str, Any]:
    body = {"machineId": api.press.id, "priority": "HIGH", "description": "Oil leaks.", **values}
    made = api.supervisor.post("/maintenance-requests", body)
    assert made.status_code == 201, made.json
    api.settle()
    return made.json  # type: ignore[no-any-return]


def open_task(caller: Caller, name: str, scope: str = "all") -> dict[str, Any]:
    items = caller.get(f"/tasks?scope={scope}").json["items"]
    return next(task for task in items if task["name"] == name)


def picture(caller: Caller) -> int:
    image = BytesIO()
    Image.new("RGB", (4, 4)).save(image, "PNG")
    image.seek(0)
    uploaded = caller.post("/attachments/upload", data={"files": (image, "photo.png")})
    assert uploaded.status_code == 201, uploaded.json
    return int(uploaded.json[0]["id"])


# -- finding ---------------------------------------------------------------------------------------


def test_everybody_finds_what_is_theirs_to_do(api: Api) -> None:
    request = report(api)
    (task,) = api.technician.get("/tasks?scope=group").json["items"]
    assert (task["name"], task["businessKey"], task["candidateRoles"]) == (
        "Accept request", request["businessKey"], ["MAINTENANCE_TECH"],
    )  # fmt: skip
    assert api.technician.get("/tasks").json["items"] == []
    for stranger in (api.supervisor, api.storekeeper, api.someone(None)):
        for scope in ("mine", "group", "all"):
            assert stranger.get(f"/tasks?scope={scope}").json["items"] == []
        for address in (f"/tasks/{task['id']}", f"/tasks/{task['id']}/comments"):
            assert stranger.get(address).status_code == 404
        for action in ("claim", "release"):
            assert stranger.post(f"/tasks/{task['id']}/{action}").status_code == 404
        assert stranger.post(f"/tasks/{task['id']}/complete", {"outcome": "accept"}).status_code == 404
    assert api.manager.get("/tasks?scope=all").json["total"] == 1


def test_lists_are_filtered_and_paged(api: Api) -> None:
    for priority in ("LOW", "CRITICAL", "MEDIUM"):
        report(api, priority=priority)

    def found(query: str) -> list[str]:
        answer = api.technician.get(f"/tasks?scope=group&{query}")
        assert answer.status_code == 200, answer.json
        return [task["priority"] for task in answer.json["items"]]

    assert found("") == ["CRITICAL", "MEDIUM", "LOW"]
    assert found("sort=-createdAt") == ["MEDIUM", "CRITICAL", "LOW"]
    assert found("priority=LOW") == ["LOW"]
    assert found("process=parts_approval") == found("overdue=true") == found("q=nothing") == []
    assert found("pageSize=1&page=2") == ["MEDIUM"]
    instance = api.technician.get("/tasks?scope=group").json["items"][0]["instanceId"]
    assert found(f"instanceId={instance}") == ["CRITICAL"]
    for wrong in ("sort=name", "scope=everybody", "priority=HUGE", "state=open"):
        assert api.technician.get(f"/tasks?{wrong}").status_code == 400


def test_a_list_takes_the_same_number_of_statements_however_long_it_is(
    api: Api, statements: Callable[[], Any]
) -> None:
    report(api)
    with statements() as few:
        api.technician.get("/tasks?scope=group")
    for _ in range(3):
        report(api)
    with statements() as many:
        assert len(api.technician.get("/tasks?scope=group").json["items"]) == 4
    assert len(many) <= len(few) + 1


def test_a_task_comes_with_its_form_and_with_what_the_caller_may_do(api: Api) -> None:
    report(api)
    task = open_task(api.technician, "Accept request")
    found = api.technician.get(f"/tasks/{task['id']}").json
    assert [outcome["value"] for outcome in found["outcomes"]] == ["accept"]
    assert found["verbs"][0] == "accept"
    assert (found["mayComplete"], found["mayClaim"], found["mayRelease"], found["actsFor"]) == (
        True, True, False, None,
    )  # fmt: skip
    form = found["form"]
    assert (form["id"], form["schema"]["type"], form["fields"]) == ("accept_request", "default", [])
    # Whoever oversees the work may give it to somebody, but not do it.
    seen = api.manager.get(f"/tasks/{task['id']}").json
    assert (seen["mayComplete"], seen["mayDelegate"], seen["form"]) == (False, True, None)
    assert seen["people"] == [{"id": api.technician.id, "name": "Tomasz Wolski"}]


# -- taking ----------------------------------------------------------------------------------------


def test_a_task_is_taken_given_back_and_handed_over(api: Api) -> None:
    report(api)
    other = api.someone(Role.MAINTENANCE_TECH, name="Eva Lund")
    address = f"/tasks/{open_task(api.technician, 'Accept request')['id']}"
    assert api.technician.post(f"{address}/claim").json["assigneeName"] == "Tomasz Wolski"
    assert api.technician.post(f"{address}/claim").status_code == 200
    taken = other.post(f"{address}/claim")
    assert (taken.status_code, taken.json["detail"]) == (409, "Tomasz Wolski has taken “Accept request”.")
    theirs = other.post(f"{address}/complete", {"outcome": "accept"})
    assert (theirs.status_code, theirs.json["detail"]) == (
        403,
        "“Accept request” is assigned to Tomasz Wolski.",
    )
    assert [task["id"] for task in api.technician.get("/tasks").json["items"]] == [
        int(address.split("/")[-1])
    ]
    assert api.technician.post(f"{address}/release").json["assigneeId"] is None

    given = api.manager.post(f"{address}/delegate", {"person": other.id, "note": "You know the press."})
    assert given.json["assigneeName"] == "Eva Lund"
    (comment,) = other.get(f"{address}/comments").json["items"]
    assert (comment["authorName"], comment["body"]) == ("Maria Duarte", "You know the press.")
    wrong = api.manager.post(f"{address}/delegate", {"person": api.storekeeper.id})
    assert (wrong.status_code, wrong.json["code"], list(wrong.json["errors"])) == (
        422, "NOT_ELIGIBLE", ["person"],
    )  # fmt: skip


# -- doing -----------------------------------------------------------------------------------------


def test_doing_a_task_leads_to_the_next_one_and_is_possible_once(api: Api) -> None:
    request = report(api)
    other = api.someone(Role.MAINTENANCE_TECH, name="Eva Lund")
    address = f"/tasks/{open_task(api.technician, 'Accept request')['id']}"
    done = api.technician.post(f"{address}/complete", {})
    assert done.status_code == 200, done.json
    assert (done.json["task"]["state"], done.json["task"]["outcome"]) == ("completed", "accept")
    assert [task["name"] for task in done.json["nextTasks"]] == ["Carry out work"]
    assert done.json["instanceState"] == "running"
    again = other.post(f"{address}/complete", {"outcome": "accept"})
    assert again.status_code == 409
    assert again.json["detail"] == "“Accept request” has already been done by Tomasz Wolski."
    found = api.technician.get(address).json
    assert (found["mayComplete"], found["form"], found["completedByName"]) == (False, None, "Tomasz Wolski")
    status = api.supervisor.get(f"/maintenance-requests/{request['id']}").json["status"]
    assert status == "IN_PROGRESS"


def working(api: Api) -> str:
    report(api)
    task = open_task(api.technician, "Accept request")
    api.technician.post(f"/tasks/{task['id']}/complete", {})
    return f"/tasks/{open_task(api.technician, 'Carry out work')['id']}"


def test_a_form_says_what_each_field_takes(api: Api) -> None:
    form = api.technician.get(working(api)).json["form"]
    fields = {field["path"]: field for field in form["fields"]}
    assert (fields["cause"]["type"], fields["cause"]["readOnly"]) == ("textarea", False)
    assert fields["cause"]["label"]
    assert fields["maintenanceTypeId"]["type"] == "select"
    assert isinstance(fields["maintenanceTypeId"]["options"], list)
    assert fields["steps"]["value"] == form["data"]["steps"]


def test_what_is_wrong_with_the_form_stands_at_its_fields(api: Api) -> None:
    address = working(api)
    values = {"steps": [{"description": "Looked", "minutes": -5}], "colour": "red", "cause": 5}
    refused = api.technician.post(f"{address}/complete", {"outcome": "complete", "values": values})
    assert (refused.status_code, refused.json["code"]) == (422, "INVALID")
    assert {"steps.0.minutes", "colour", "cause", "maintenanceTypeId"} <= set(refused.json["errors"])
    for outcome in (None, "explode"):
        wrong = api.technician.post(f"{address}/complete", {"outcome": outcome, "values": {}})
        assert (wrong.status_code, wrong.json["code"]) == (422, "UNKNOWN_OUTCOME")
    assert api.technician.post(f"{address}/complete", {"values": [1]}).status_code == 400
    assert api.technician.get(address).json["state"] == "open"


def test_files_are_uploaded_first_and_named_by_their_ids(api: Api) -> None:
    address = working(api)
    request_id = api.technician.get(address).json["subjectId"]
    mine, others = picture(api.technician), picture(api.supervisor)
    for wrong in ([others], [mine, 2**31 - 1]):
        refused = api.technician.post(
            f"{address}/complete", {"outcome": "save", "values": {"workPhotos": wrong}}
        )
        assert (refused.status_code, refused.json["code"]) == (422, "UNKNOWN_ATTACHMENT"), refused.json
        assert list(refused.json["errors"]) == [f"workPhotos.{len(wrong) - 1}"]
    assert api.row(Attachment, mine).entity_id is None
    done = api.technician.post(f"{address}/complete", {"outcome": "save", "values": {"workPhotos": [mine]}})
    assert done.status_code == 200, done.json
    assert api.row(Attachment, mine).entity_id is not None
    assert api.row(Attachment, others).entity_id is None
    assert request_id


def test_a_repeated_completion_answers_the_same(api: Api) -> None:
    report(api)
    address = f"/tasks/{open_task(api.technician, 'Accept request')['id']}/complete"
    first = api.technician.post(address, {}, key="once")
    second = api.technician.post(address, {}, key="once")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json == second.json


# -- talking ---------------------------------------------------------------------------------------


def test_comments(api: Api) -> None:
    report(api)
    address = f"/tasks/{open_task(api.technician, 'Accept request')['id']}/comments"
    said = api.technician.post(address, {"body": "Is the press cold?"})
    assert (said.status_code, said.json["authorName"]) == (201, "Tomasz Wolski")
    api.manager.post(address, {"body": "Since noon."})
    page = api.technician.get(f"{address}?sort=-createdAt&pageSize=1").json
    assert ([c["body"] for c in page["items"]], page["total"]) == (["Since noon."], 2)
    assert api.technician.get(f"{address}?q=cold").json["total"] == 1
    for body in ({"body": ""}, {"body": "x" * 4001}, {}):
        assert api.technician.post(address, body).status_code == 400
    assert api.technician.post(address, {"body": "   "}).json["code"] == "EMPTY"


@pytest.mark.parametrize("path", ["/tasks/987654", "/tasks/987654/comments"])
def test_what_is_not_there(api: Api, path: str) -> None:
    assert api.admin.get(path).status_code == 404
