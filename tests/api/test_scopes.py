"""No id of somebody else's work is readable, or changeable, by guessing it: every endpoint that takes one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from app.api import endpoints
from app.api.core.endpoints import Endpoint
from app.database import metadata, unit_of_work
from app.domain.people import Role
from app.extensions import db
from tests import factories
from tests.api.conftest import Api, Caller

# What each name in an address stands for in the story below. Names of things that everybody may see
# (machines, parts, catalogues) are not here, nor those that need a right which outsiders lack altogether.
OWNED = {"requestId", "workId", "partsRequestId", "taskId", "instanceId", "attachmentId", "entityId"}
ELSEWHERE = ("/preventive-maintenance", "/activity-logs")  # other things with the same names
SECRET = "grinding noise nobody else shall hear of"


class Story:
    """A fault in Stamping, in repair, with parts asked for and photos: and outsiders who know its ids."""

    def __init__(self, api: Api) -> None:
        self.api = api
        photo = api.supervisor.post("/attachments/upload", data={"files": (_picture(), "x.png")}).json[0][
            "id"
        ]
        report = {"machineId": api.press.id, "priority": "HIGH", "description": SECRET, "photos": [photo]}
        request = api.supervisor.post("/maintenance-requests", report).json
        api.settle()
        status = {"status": "IN_PROGRESS"}
        taken = api.technician.patch(f"/maintenance-requests/{request['id']}/status", status).json
        with unit_of_work(api.session) as session:
            part = factories.make_part(session, 5, unit_price=Decimal("700.00"))
        order = {"maintenanceRequestId": request["id"], "lines": [{"partId": part.id, "quantity": 1}]}
        wanted = api.technician.post("/spare-parts-requests", order).json
        api.settle()
        tasks = api.technician.get(f"/maintenance-requests/{request['id']}").json["openTasks"]
        self.ids = {
            "requestId": request["id"],
            "workId": taken["workId"],
            "partsRequestId": wanted["id"],
            "taskId": tasks[0]["id"],
            "instanceId": request["instanceId"],
            "attachmentId": photo,
            "entityType": "MAINTENANCE_REQUEST",
            "entityId": request["id"],
        }
        with unit_of_work(api.session) as session:
            assembly = factories.make_department(session, name="Assembly")
        self.outsiders = {
            "a supervisor of another department": api.someone(Role.SUPERVISOR, department_id=assembly.id),
            "a supervisor of no department": api.someone(Role.SUPERVISOR),
            "another technician": api.someone(Role.MAINTENANCE_TECH),
            "somebody without a role": api.someone(None),
        }

    def call(self, caller: Caller, endpoint: Endpoint) -> Any:
        path = re.sub(r"{(\w+)}", lambda match: str(self.ids[match[1]]), endpoint.documented_path)
        body = _body(endpoint, self.ids) if endpoint.model("body") else None
        return caller.call(endpoint.method, path, body)


READING = ("maintenance-requests:read", "spare-parts-requests:read", "instances:read", "tasks:use")

# Bodies that the endpoints would take from whoever may.
BODIES: dict[str, dict[str, Any]] = {
    "update_maintenance_request": {"priority": "LOW"},
    "change_maintenance_request_status": {"status": "CANCELLED", "reason": "No."},
    "update_maintenance_work": {"cause": "x"},
    "complete_maintenance_work": {"cause": "x"},
    "update_spare_parts_request": {"lines": [{"id": 1, "reason": "x"}]},
    "reject_spare_parts_request": {"reason": "No."},
    "cancel_spare_parts_request": {"reason": "No."},
    "close_rest_of_spare_parts_request": {"reason": "No."},
    "delegate_task": {"person": 1},
    "create_task_comment": {"body": "x"},
    "complete_task": {"outcome": "save", "values": {}},
}


def _body(endpoint: Endpoint, ids: dict[str, Any]) -> dict[str, Any]:
    return BODIES.get(endpoint.name, {"reason": "No."} if endpoint.rule.startswith("/instances") else {})


def _picture() -> BytesIO:
    picture = BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "PNG")
    picture.seek(0)
    return picture


def _of_the_story() -> Iterator[Endpoint]:
    for endpoint in endpoints():
        names = set(re.findall(r"{(\w+)}", endpoint.documented_path))
        if names & OWNED and not endpoint.rule.startswith(ELSEWHERE):
            yield endpoint


def test_outsiders_can_neither_read_nor_change_what_is_not_theirs(api: Api, app: Flask) -> None:
    story, before = Story(api), None
    asked = list(_of_the_story())
    assert {name for e in asked for name in re.findall(r"{(\w+)}", e.documented_path)} >= OWNED
    before = _records(app)
    for who, caller in story.outsiders.items():
        for endpoint in asked:
            answer = story.call(caller, endpoint)
            place = f"{who}: {endpoint.method} {endpoint.documented_path}: {answer.status_code}"
            assert answer.status_code in (403, 404), f"{place} {answer.text}"
            assert SECRET not in answer.text, place
    assert _records(app) == before


def test_no_list_shows_outsiders_what_is_not_theirs(api: Api) -> None:
    story = Story(api)
    for who, caller in story.outsiders.items():
        for endpoint in endpoints():
            query = endpoint.model("query")
            if endpoint.path_names or query is None or "page_size" not in query.model_fields:
                continue
            answer = caller.get(endpoint.rule)
            assert SECRET not in answer.text, f"{who}: {endpoint.rule}"


def test_insiders_read_all_of_it(api: Api) -> None:
    """The same calls, by people whose it is: what the test above calls closed is open to them."""
    story = Story(api)
    for caller in (api.technician, api.manager):
        for endpoint in _of_the_story():
            if endpoint.is_safe and endpoint.needs in READING:
                answer = story.call(caller, endpoint)
                assert answer.status_code == 200, f"{endpoint.rule}: {answer.text}"


@pytest.mark.parametrize("spelled", ["{}.0", "0{}", "+{}", " {}", "{}%00", "{}e0", "{:x}x"])
def test_ids_have_one_spelling(api: Api, spelled: str) -> None:
    story = Story(api)
    address = f"/maintenance-requests/{spelled.format(story.ids['requestId'])}"
    assert api.manager.get(address).status_code in (200, 404)
    outsider = story.outsiders["another technician"]
    assert outsider.get(address).status_code == 404


def _records(app: Flask) -> str:
    """All rows of all tables but those that note who called."""
    noted = {"user_sessions", "kept_answers"}
    with app.app_context(), db.engine.connect() as connection:
        rows = {
            name: sorted(map(repr, connection.execute(sa.select(table))))
            for name, table in metadata.tables.items()
            if name not in noted
        }
    return json.dumps(rows)
