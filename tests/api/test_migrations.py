"""Moving running instances to another version over the API: a look, the order, and following it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.activity import ActivityLog
from app.domain.people import Role
from app.engine.models import HistoryEntry, HistoryKind, Job
from app.processes.shipped import WORKFLOWS, read_folder
from tests.api.conftest import Api, Caller

KEY = "maintenance_request"
ADDRESS = f"/processes/{KEY}/migrate"
WANTED = {"toVersion": 2, "reason": "Clearer"}


@pytest.fixture
def owner(api: Api) -> Caller:
    """A technician who owns processes."""
    return api.someone(Role.MAINTENANCE_TECH, process_owner=True, name="Olu Bright")


def deploy_second(owner: Caller) -> None:
    """A version in which a task has another name."""
    read = read_folder(WORKFLOWS / KEY)
    files = {name: content.decode() for name, content in read.items() if name != "scenarios.yaml"}
    old, new = 'name="Accept request"', 'name="Take the request"'
    assert old in files[f"{KEY}.bpmn"]
    files[f"{KEY}.bpmn"] = files[f"{KEY}.bpmn"].replace(old, new)
    made = owner.post(f"/processes/{KEY}/deploy", {"files": files})
    assert made.status_code == 201, made.json


def instance_of(api: Api) -> dict[str, Any]:
    body = {"machineId": api.press.id, "priority": "HIGH", "description": "Oil leaks."}
    made = api.supervisor.post("/maintenance-requests", body)
    assert made.status_code == 201, made.json
    api.settle()
    (found,) = api.manager.get(f"/instances?businessKey={made.json['businessKey']}").json["items"]
    return found  # type: ignore[no-any-return]


def followed(caller: Caller, answer: Any) -> dict[str, Any]:
    """The progress at the address that an order was answered with."""
    return caller.get(answer.headers["Location"].removeprefix("/api/v1")).json  # type: ignore[no-any-return]


def test_a_look_says_which_can_move_and_changes_nothing(api: Api, owner: Caller) -> None:
    first, second = instance_of(api), instance_of(api)
    deploy_second(owner)
    plan = owner.post(f"{ADDRESS}/preview", {"toVersion": 2}).json
    assert [(i["instanceId"], i["version"], i["canMove"], i["reasons"]) for i in plan["instances"]] == [
        (first["id"], 1, True, []), (second["id"], 1, True, []),
    ]  # fmt: skip
    assert "accept_request" in plan["instances"][0]["standsAt"]
    assert api.technician.get("/tasks?scope=group").json["items"][0]["name"] == "Accept request"
    one = owner.post(f"{ADDRESS}/preview", {"toVersion": 2, "instanceIds": [second["id"]]}).json
    assert [item["instanceId"] for item in one["instances"]] == [second["id"]]


def test_what_is_ordered_is_moved_afterwards_one_by_one(api: Api, owner: Caller) -> None:
    first, second = instance_of(api), instance_of(api)
    deploy_second(owner)
    api.manager.post(f"/instances/{second['id']}/cancel", {"reason": "Twice"})
    answer = owner.post(ADDRESS, {**WANTED, "instanceIds": [first["id"], second["id"]]})
    assert answer.status_code == 202, answer.json
    told = {name: answer.json[name] for name in ("key", "toVersion", "reason", "by", "mapping")}
    assert told == {"key": KEY, "toVersion": 2, "reason": "Clearer", "by": "Olu Bright", "mapping": {}}
    assert {name: answer.json[name] for name in ("total", "waiting", "moved", "stayed", "isDone")} == {
        "total": 2, "waiting": 2, "moved": 0, "stayed": 0, "isDone": False,
    }  # fmt: skip
    address = answer.headers["Location"].removeprefix("/api/v1")
    assert address == f"/processes/{KEY}/migrations/{answer.json['name']}"
    assert owner.get(address).json == answer.json
    assert owner.get(f"/instances/{first['id']}").json["version"] == 1

    api.settle()
    # Whoever may read processes may follow it.
    done = api.manager.get(address).json
    assert (done["waiting"], done["moved"], done["stayed"], done["isDone"]) == (0, 1, 1, True)
    results = owner.get(f"{address}/instances").json
    assert results["total"] == 2
    stayed, moved = results["items"]  # what needs a look comes first
    assert (stayed["instanceId"], stayed["outcome"]) == (second["id"], "stayed")
    assert "ended" in stayed["reason"]
    assert (moved["instanceId"], moved["outcome"], moved["reason"]) == (first["id"], "moved", "")
    assert moved["fromVersion"] == 1 and moved["businessKey"] == first["businessKey"]
    assert owner.get(f"{address}/instances?page=2&pageSize=1").json["items"] == [moved]
    assert [t["name"] for t in api.technician.get("/tasks?scope=group").json["items"]] == ["Take the request"]
    assert owner.get(f"/instances/{first['id']}").json["version"] == 2
    versions = owner.get(f"/processes/{KEY}/versions").json["items"]
    assert [(v["version"], v["openInstances"]) for v in versions] == [(2, 1), (1, 0)]
    entry = api.session.scalars(sa.select(ActivityLog).where(ActivityLog.action == "MIGRATE_INSTANCES")).one()
    assert entry.after == {"key": KEY, "toVersion": 2, "instances": 2}


def test_all_move_where_that_is_said(api: Api, owner: Caller) -> None:
    for _ in range(3):
        instance_of(api)
    deploy_second(owner)
    newer = instance_of(api)
    answer = owner.post(ADDRESS, {**WANTED, "all": True, "fromVersion": 1})
    assert (answer.status_code, answer.json["total"]) == (202, 3)
    api.settle()
    assert followed(owner, answer)["moved"] == 3
    again = owner.post(ADDRESS, {**WANTED, "all": True})
    assert (again.status_code, again.json["code"]) == (422, "NO_INSTANCES")
    assert owner.get(f"/instances/{newer['id']}").json["version"] == 2


def test_a_failure_of_one_stops_no_other(api: Api, owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.engine import migration

    first, second, third = instance_of(api), instance_of(api), instance_of(api)
    deploy_second(owner)
    migrate = migration.migrate

    def fails_once(engine: Any, session: Any, instance_id: int, *rest: Any) -> Any:
        if instance_id == second["id"]:
            raise RuntimeError("a cable was pulled")
        return migrate(engine, session, instance_id, *rest)

    monkeypatch.setattr(migration, "migrate", fails_once)
    answer = owner.post(ADDRESS, {**WANTED, "all": True})
    api.settle()
    progress = followed(owner, answer)
    assert (progress["waiting"], progress["moved"], progress["stayed"]) == (1, 2, 0)
    results = owner.get(f"/processes/{KEY}/migrations/{progress['name']}/instances").json["items"]
    told = {item["instanceId"]: (item["outcome"], item["reason"]) for item in results}
    assert told[first["id"]] == told[third["id"]] == ("moved", "")
    assert told[second["id"]] == ("waiting", "RuntimeError: a cable was pulled")


def test_an_order_is_given_once(api: Api, owner: Caller) -> None:
    first = instance_of(api)
    deploy_second(owner)
    order = {**WANTED, "instanceIds": [first["id"]]}
    answers = [owner.post(ADDRESS, order, key="move-them") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json == answers[1].json
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert api.session.scalars(sa.select(Job.kind).where(Job.kind == "migration")).all() == ["migration"]
    api.settle()
    moved = sa.select(HistoryEntry.id).where(HistoryEntry.kind == HistoryKind.MIGRATED)
    assert len(api.session.scalars(moved).all()) == 1


def test_orders_that_are_refused(api: Api, owner: Caller) -> None:
    first = instance_of(api)
    deploy_second(owner)
    named = {"instanceIds": [first["id"]]}
    for body, status, code in (
        (WANTED, 422, "INSTANCES_MISSING"),
        ({**WANTED, **named, "all": True}, 422, "INSTANCES_MISSING"),
        ({**WANTED, "instanceIds": [2**31 - 1]}, 422, "NO_INSTANCES"),
        ({**WANTED, **named, "mapping": {"a": "b"}}, 422, "UNKNOWN_ELEMENT"),
        ({**WANTED, **named, "reason": "  "}, 422, "REASON_MISSING"),
        ({**named, "toVersion": 2}, 400, "INVALID_REQUEST"),
        ({**WANTED, **named, "toVersion": 9}, 404, "NOT_FOUND"),
    ):
        refused = owner.post(ADDRESS, body)
        assert (refused.status_code, refused.json["code"]) == (status, code), refused.json
    refused = owner.post(f"{ADDRESS}/preview", {"toVersion": 2, "mapping": {"a": "b"}})
    assert (refused.status_code, refused.json["code"]) == (422, "UNKNOWN_ELEMENT")
    assert owner.post(f"{ADDRESS}/preview", {"toVersion": 9}).status_code == 404
    assert api.session.scalars(sa.select(Job.id).where(Job.kind == "migration")).all() == []


def test_a_migration_is_found_under_its_process_alone(api: Api, owner: Caller) -> None:
    first = instance_of(api)
    deploy_second(owner)
    name = owner.post(ADDRESS, {**WANTED, "instanceIds": [first["id"]]}).json["name"]
    for key, sought in (("parts_approval", name), (KEY, "0" * 32), ("nothing", name)):
        for address in (
            f"/processes/{key}/migrations/{sought}",
            f"/processes/{key}/migrations/{sought}/instances",
        ):
            assert owner.get(address).status_code == 404
    assert owner.get(f"/processes/{KEY}/migrations/%25").status_code in (400, 404)
