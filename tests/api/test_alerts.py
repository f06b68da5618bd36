"""Alert rules and alerts over the API."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.people import Role
from app.engine import monitor
from tests.api.conftest import Api

RULES = "/alert-rules"
HOOK = "https://hooks.example.com/alerts"
BODY: dict[str, Any] = {
    "name": "Too many", "measure": "open", "threshold": 0, "roles": ["MAINTENANCE_MANAGER"],
}  # fmt: skip


def look(api: Api) -> None:
    """Let the scheduler look."""
    jobs = api.application.extensions["millwright.jobs"]
    monitor.keep_up(jobs.engine, jobs.sessions)


def test_a_rule_is_made_read_changed_and_deleted(api: Api) -> None:
    answer = api.manager.post(RULES, {**BODY, "webhookUrl": HOOK, "emails": ["plant@example.com"]})
    assert answer.status_code == 201, answer.json
    address = answer.headers["Location"].removeprefix("/api/v1")
    assert address == f"{RULES}/{answer.json['id']}" and len(answer.json["webhookSecret"]) >= 24
    found = api.manager.get(address).json
    assert "webhookSecret" not in found
    assert found == {name: value for name, value in answer.json.items() if name != "webhookSecret"}
    assert found["condition"] == "More than 0 instances open" and found["raisedAt"] is None
    changed = {
        **BODY, "measure": "p90", "process": "maintenance_request", "element": "accept_request",
        "days": 7, "threshold": 7200.5, "people": [api.technician.id],
    }  # fmt: skip
    answer = api.manager.put(address, changed)
    assert answer.status_code == 200, answer.json
    assert (answer.json["threshold"], answer.json["people"], answer.json["webhookUrl"]) == (
        7200.5, [api.technician.id], "",
    )  # fmt: skip
    listed = api.manager.get(RULES).json
    assert (listed["total"], listed["items"]) == (1, [answer.json])
    assert api.manager.post(f"{address}/test").status_code == 204
    assert api.manager.delete(address).status_code == 204
    assert api.manager.get(address).status_code == 404
    assert api.manager.put(address, BODY).status_code == 404
    assert api.manager.post(f"{address}/test").status_code == 404


def test_what_is_raised_is_listed(api: Api) -> None:
    made = api.manager.post(RULES, BODY).json
    body = {"machineId": api.press.id, "priority": "HIGH", "description": "Oil leaks."}
    assert api.supervisor.post("/maintenance-requests", body).status_code == 201
    look(api)
    (alert,) = api.manager.get("/alerts?raised=true").json["items"]
    assert (alert["ruleId"], alert["name"], alert["value"], alert["clearedAt"]) == (
        made["id"], "Too many", 1, None,
    )  # fmt: skip
    assert alert["what"] == "1 instance is open: more than 0."
    assert api.manager.get(f"{RULES}/{made['id']}").json["raisedAt"] == alert["raisedAt"]
    assert api.manager.get("/alerts?raised=false").json["total"] == 0
    assert api.manager.get(f"/alerts?ruleId={made['id'] + 1}").json["total"] == 0
    assert api.manager.put(f"{RULES}/{made['id']}", {**BODY, "active": False}).json["raisedAt"] is None
    assert api.manager.get("/alerts?raised=false").json["total"] == 1


@pytest.mark.parametrize(
    ("given", "status", "field"),
    [
        ({"measure": "mood"}, 400, "measure"),
        ({"threshold": -1}, 400, "threshold"),
        ({"threshold": "1"}, 400, "threshold"),
        ({"threshold": 1.5}, 422, "threshold"),
        ({"days": 7}, 422, "days"),
        ({"measure": "p90", "days": 7}, 422, "process"),
        ({"roles": []}, 422, "roles"),
        ({"emails": ["nobody"]}, 422, "emails"),
        ({"webhookUrl": "http://169.254.169.254/latest"}, 422, "webhookUrl"),
        ({"webhookUrl": "https://169.254.169.254/latest"}, 422, "webhookUrl"),
    ],
)
def test_a_rule_that_is_none(api: Api, given: dict[str, Any], status: int, field: str) -> None:
    answer = api.manager.post(RULES, {**BODY, **given})
    assert answer.status_code == status, answer.json
    assert field in answer.json["errors"]


def test_readers_see_no_address_of_a_webhook(api: Api) -> None:
    made = api.manager.post(RULES, {**BODY, "webhookUrl": HOOK}).json
    owner = api.someone(Role.MAINTENANCE_TECH, process_owner=True)
    assert owner.get(f"{RULES}/{made['id']}").json["webhookUrl"] == ""
    assert owner.post(RULES, BODY).status_code == 403
    assert owner.delete(f"{RULES}/{made['id']}").status_code == 403
    assert api.technician.get("/alerts").status_code == 403


def test_a_repeat_makes_no_second_rule(api: Api) -> None:
    first, second = (api.manager.post(RULES, BODY, key="once") for _ in range(2))
    assert first.json == second.json
    assert api.manager.get(RULES).json["total"] == 1
