"""Operations on many instances over the API: a look, the order, and following it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.people import Role
from app.engine.models import Job
from tests.api.conftest import Api, Caller

ADDRESS = "/instances/batches"


def reported(api: Api, number: int = 1) -> list[int]:
    """So many requests; the ids of their instances."""
    found = []
    for _ in range(number):
        body = {"machineId": api.press.id, "priority": "HIGH", "description": "Oil leaks."}
        made = api.supervisor.post("/maintenance-requests", body)
        assert made.status_code == 201, made.json
        key = made.json["businessKey"]
        (one,) = api.manager.get(f"/instances?businessKey={key}").json["items"]
        found.append(one["id"])
    return found


def followed(caller: Caller, answer: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    address = answer.headers["Location"].removeprefix("/api/v1")
    return caller.get(address).json, caller.get(f"{address}/results").json["items"]


def test_what_is_ordered_is_done_afterwards_one_by_one(api: Api) -> None:
    first, second = reported(api, 2)
    api.manager.post(f"/instances/{first}/cancel", {"reason": "Twice"})
    body = {"operation": "reassign", "instanceIds": [first, second], "person": api.technician.id}
    answer = api.manager.post(ADDRESS, {**body, "reason": "Ill"})
    assert answer.status_code == 202, answer.json
    assert answer.headers["Location"] == f"/api/v1/instances/batches/{answer.json['name']}"
    expected = {"operation": "reassign", "values": {"person": api.technician.id}, "reason": "Ill"}
    assert {name: answer.json[name] for name in expected} == expected
    counts = ("total", "waiting", "done", "refused", "isDone")
    assert [answer.json[name] for name in counts] == [2, 2, 0, 0, False]
    api.settle()
    state, results = followed(api.manager, answer)
    assert [state[name] for name in counts] == [2, 0, 1, 1, True]
    assert [(each["instanceId"], each["outcome"]) for each in results] == [
        (first, "refused"), (second, "done"),
    ]  # fmt: skip
    assert results[0]["reason"].endswith("has ended.") and "goes from its group" in results[1]["said"][0]
    mine = api.manager.get(ADDRESS).json
    assert (mine["total"], mine["items"][0]) == (1, state)
    assert api.admin.get(ADDRESS).json["total"] == 0


def test_a_filter_takes_what_fits_and_has_not_ended(api: Api) -> None:
    first, second, third = reported(api, 3)
    api.manager.post(f"/instances/{first}/cancel", {"reason": "Twice"})
    api.manager.post(f"/instances/{second}/suspend", {"reason": "Later"})
    body = {"operation": "suspend", "reason": "Fire drill", "filter": {"state": ["running"]}}
    look = api.manager.post("/instances/batch-preview", body)
    assert look.status_code == 200, look.json
    assert look.json["total"] == 1
    (glance,) = look.json["sample"]
    assert (glance["instanceId"], glance["refusal"]) == (third, "") and glance["said"]
    assert api.manager.get(f"/instances/{third}").json["state"] == "running"
    answer = api.manager.post(ADDRESS, body)
    assert answer.json["total"] == 1
    api.settle()
    assert api.manager.get(f"/instances/{third}").json["state"] == "suspended"
    everything = api.manager.post("/instances/batch-preview", {**body, "filter": {}}).json
    assert everything["total"] == 2
    assert all("suspended already" in glance["refusal"] for glance in everything["sample"])


@pytest.mark.parametrize(
    ("given", "status", "field"),
    [
        ({"instanceIds": [1], "filter": {}}, 422, "instanceIds"),
        ({}, 422, "instanceIds"),
        ({"instanceIds": [4711]}, 422, "instanceIds"),
        ({"filter": {"q": "no such key"}}, 422, "instanceIds"),
        ({"filter": {}, "reason": " "}, 422, "reason"),
        ({"filter": {}, "operation": "reassign"}, 422, "person"),
        ({"filter": {}, "person": 1}, 422, "person"),
        ({"filter": {}, "operation": "move"}, 400, "operation"),
        ({"filter": {"states": []}}, 400, "filter.states"),
    ],
)
def test_an_order_that_is_none(api: Api, given: dict[str, Any], status: int, field: str) -> None:
    reported(api)
    answer = api.manager.post(ADDRESS, {"operation": "suspend", "reason": "Fire drill", **given})
    assert answer.status_code == status, answer.json
    assert field in answer.json["errors"]


def test_a_repeat_orders_nothing_more(api: Api) -> None:
    (one,) = reported(api)
    body = {"operation": "suspend", "reason": "Fire drill", "instanceIds": [one]}
    first, second = (api.manager.post(ADDRESS, body, key="once") for _ in range(2))
    assert second.headers["Location"] == first.headers["Location"]
    assert api.session.scalar(sa.select(sa.func.count(Job.id)).where(Job.kind == "operation")) == 1


def test_it_is_for_those_who_may_operate(api: Api) -> None:
    (one,) = reported(api)
    body = {"operation": "suspend", "reason": "Fire drill", "instanceIds": [one]}
    owner = api.someone(Role.MAINTENANCE_TECH, process_owner=True)
    for caller in (owner, api.supervisor, api.technician, api.storekeeper):
        assert caller.post(ADDRESS, body).status_code == 403
        assert caller.get(ADDRESS).status_code == 403
    assert api.manager.get(f"{ADDRESS}/{'0' * 32}").status_code == 404
    assert api.manager.get(f"{ADDRESS}/{'0' * 32}/results").status_code == 404
