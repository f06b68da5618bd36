"""Preventive maintenance and meter readings over the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.clock import ManualClock
from app.domain.machines import Machine
from tests import factories
from tests.api.conftest import Api

TASKS = "/preventive-maintenance/tasks"
LOGS = "/preventive-maintenance/logs"


def plan(api: Api, **values: Any) -> Any:
    """A task of the press, every Monday unless told otherwise, planned by the manager."""
    body = {"machineId": api.press.id, "title": "Grease the bearings", **values}
    if "meterInterval" not in body:
        body.setdefault("rrule", "FREQ=WEEKLY;BYDAY=MO")
    answer = api.manager.post(TASKS, body)
    assert answer.status_code == 201, answer.json
    return answer.json


def test_a_manager_plans_changes_and_deletes(api: Api, clock: ManualClock) -> None:
    part = factories.make_part(api.session, part_name="Grease")
    api.session.commit()
    made = api.manager.post(
        TASKS,
        {
            "machineId": api.press.id,
            "title": "Grease the bearings",
            "rrule": "freq=monthly;bymonthday=-1",
            "leadDays": 7,
            "estimatedMinutes": 30,
            "checklist": [
                {"text": "Guard closed"},
                {"text": "Temperature", "kind": "value", "unit": "°C", "maximum": 80.5},
            ],
            "parts": [{"partId": part.id, "quantity": 2}],
            "technicianId": api.technician.id,
        },
    )
    assert made.status_code == 201
    address = made.headers["Location"].removeprefix("/api/v1")
    found = api.supervisor.get(address)
    assert found.json == made.json
    task = found.json
    assert (task["rrule"], task["nextDueOn"], task["startsOn"]) == (
        "FREQ=MONTHLY;BYMONTHDAY=-1", "2026-03-31", "2026-03-02",
    )  # fmt: skip
    assert task["machine"]["department"]["name"] == "Stamping"
    assert task["technician"] == {"id": api.technician.id, "name": "Tomasz Wolski"}
    assert task["parts"] == [
        {"part": {"id": part.id, "partNumber": part.part_number, "partName": "Grease"}, "quantity": 2}
    ]
    assert [item["id"] for item in task["checklist"]] == [1, 2]
    assert task["checklist"][1]["maximum"] == 80.5

    items = [*task["checklist"], {"text": "Oil level", "kind": "text"}]
    items = [{name: value for name, value in item.items() if value is not None} for item in items]
    tag = found.headers["ETag"]
    changed = api.manager.put(address, {"checklist": items, "technicianId": None}, tag=tag)
    assert changed.status_code == 200, changed.json
    assert [item["id"] for item in changed.json["checklist"]] == [1, 2, 3]
    assert changed.json["technician"] is None and changed.json["title"] == "Grease the bearings"
    assert api.manager.put(address, {"title": "Other"}, tag=tag).status_code == 412

    assert api.manager.delete(address, tag=tag).status_code == 412
    assert api.manager.delete(address).status_code == 204
    assert api.manager.get(address).status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"rrule": "FREQ=HOURLY"}, 422, "rrule"),
        ({"meterInterval": 100}, 422, "rrule"),
        ({"machineId": 987654}, 422, "machineId"),
        ({"technicianId": 987654}, 422, "technicianId"),
        ({"startsOn": "0001-01-01"}, 422, "startsOn"),
        ({"checklist": [{"text": " "}]}, 422, "checklist.0.text"),
        ({"checklist": [{"text": "T", "unit": "bar"}]}, 422, "checklist.0.unit"),
        ({"parts": [{"partId": 987654}]}, 422, "parts.0.partId"),
        ({"title": ""}, 400, "title"),
        ({"startsOn": "next week"}, 400, "startsOn"),
        ({"leadDays": 366}, 400, "leadDays"),
        ({"role": "SUPERVISOR"}, 400, "role"),
        ({"colour": "red"}, 400, "colour"),
        ({"checklist": [{"text": "T", "kind": "number"}]}, 400, "checklist.0.kind"),
    ],
)
def test_what_is_wrong_stands_at_its_field(api: Api, change: dict[str, Any], status: int, field: str) -> None:
    body = {"machineId": api.press.id, "title": "T", "rrule": "FREQ=DAILY", **change}
    refused = api.manager.post(TASKS, body)
    assert refused.status_code == status, refused.json
    assert list(refused.json["errors"]) == [field]


def test_a_technician_logs_what_was_done_once_per_due_date(api: Api, clock: ManualClock) -> None:
    items = [{"text": "Guard closed"}, {"text": "Pressure", "kind": "value", "maximum": 6}]
    task = plan(api, checklist=items)
    answers = [{"item": 1, "passed": True}, {"item": 2, "value": 6.5, "note": "hot day"}]
    body = {"taskId": task["id"], "dueOn": "2026-03-02", "minutesSpent": 25, "answers": answers}
    logged = api.technician.post(LOGS, body)
    assert logged.status_code == 201, logged.json
    log = logged.json
    assert (log["outcome"], log["performer"]["name"], log["dueOn"]) == (
        "FAILED",
        "Tomasz Wolski",
        "2026-03-02",
    )
    assert [answer["passed"] for answer in log["answers"]] == [True, False]
    assert log["performedAt"] == "2026-03-02T08:00:00Z"

    again = api.manager.post(LOGS, body)
    assert again.status_code == 409 and "already, by Tomasz Wolski" in again.json["detail"]
    assert api.supervisor.get(f"{TASKS}/{task['id']}").json["nextDueOn"] == "2026-03-09"
    assert api.manager.delete(f"{TASKS}/{task['id']}").status_code == 409

    skip = {"taskId": task["id"], "outcome": "SKIPPED", "notes": "holidays"}
    refused = api.manager.post(LOGS, skip)  # it is not the manager's work until it is late
    assert refused.status_code == 403 and "Technician" in refused.json["detail"]
    skipped = api.technician.post(LOGS, skip)
    assert skipped.status_code == 201
    page = api.supervisor.get(f"{LOGS}/{task['id']}").json
    assert [item["outcome"] for item in page["items"]] == ["SKIPPED", "FAILED"]
    assert api.supervisor.get(f"{LOGS}/{task['id']}?outcome=DONE").json["total"] == 0
    assert api.supervisor.get(f"{LOGS}/{task['id']}?q=holi&sort=dueOn").json["total"] == 1
    assert api.supervisor.get(f"{LOGS}/987654").status_code == 404


def test_an_answer_that_does_not_fit_is_refused_at_its_place(api: Api, clock: ManualClock) -> None:
    task = plan(api, checklist=[{"text": "Guard closed"}])
    body = {"taskId": task["id"], "answers": [{"item": 1, "value": 3}]}
    refused = api.technician.post(LOGS, body)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["answers.0.value"])
    unknown = api.technician.post(LOGS, {"taskId": 987654})
    assert (unknown.status_code, list(unknown.json["errors"])) == (422, ["taskId"])
    assert api.row(Machine, api.press.id)  # and the database is as it was
    assert api.supervisor.get(f"{LOGS}/{task['id']}").json["total"] == 0


def test_a_repeated_log_is_written_once(api: Api, clock: ManualClock) -> None:
    task = plan(api)
    first, second = (api.technician.post(LOGS, {"taskId": task["id"]}, key="log-1") for _ in range(2))
    assert first.json == second.json
    assert second.headers["Idempotency-Replayed"] == "true"
    assert api.technician.get(f"{LOGS}/{task['id']}").json["total"] == 1


def test_photos_of_a_log_are_uploaded_before(api: Api, clock: ManualClock) -> None:
    from tests.api.test_attachments import upload

    task, photo = plan(api), upload(api.technician, (b"seen", "seen.txt")).json[0]
    log = api.technician.post(LOGS, {"taskId": task["id"], "photos": [photo["id"]]}).json
    found = api.supervisor.get(f"/attachments/entity/PREVENTIVE_LOG/{log['id']}").json
    assert [file["id"] for file in found["items"]] == [photo["id"]]


def test_tasks_are_listed_filtered_and_sorted(api: Api, clock: ManualClock) -> None:
    plan(api, title="Belts", startsOn="2026-02-01")
    plan(api, title="Filters", startsOn="2026-05-01", role="MAINTENANCE_MANAGER")
    plan(api, title="Hours", meterInterval=500)
    other = factories.make_machine(api.session)
    api.session.commit()
    plan(api, title="Other", machineId=other.id, technicianId=api.technician.id)

    def titles(query: str) -> list[str]:
        answer = api.storekeeper.get(f"{TASKS}{query}")
        assert answer.status_code == 200, answer.json
        return [item["title"] for item in answer.json["items"]]

    assert titles("?sort=title") == ["Belts", "Filters", "Hours", "Other"]
    assert titles("") == ["Belts", "Other", "Filters", "Hours"]
    assert titles("?overdue=true") == ["Belts"]
    assert titles("?metered=true") == ["Hours"]
    assert titles(f"?machineId={other.id}") == ["Other"]
    assert titles(f"?departmentId={api.department.id}&sort=-title") == ["Hours", "Filters", "Belts"]
    assert titles(f"?technicianId={api.technician.id}") == ["Other"]
    assert titles("?role=MAINTENANCE_MANAGER") == ["Filters"]
    assert titles("?dueUntil=2026-03-01") == ["Belts"]
    assert titles("?q=belt") == ["Belts"]
    assert titles("/upcoming") == ["Belts", "Other"]
    assert titles("/upcoming?until=2026-02-28") == ["Belts"]
    assert titles("/upcoming?until=2026-12-31&sort=-title") == ["Other", "Filters", "Belts"]
    assert api.storekeeper.get(f"{TASKS}?sort=colour").status_code == 400


def test_the_meter_makes_a_task_due(api: Api, clock: ManualClock) -> None:
    address = f"/machines/{api.press.id}/meter-readings"
    assert api.technician.post(address, {"value": 100}).status_code == 201
    task = plan(api, meterInterval=500)
    assert (task["nextDueOn"], task["nextDueReading"], task["rrule"]) == (None, 600, None)
    reading = api.technician.post(address, {"value": 610.25, "note": "shift change"})
    assert reading.status_code == 201
    assert (reading.json["value"], reading.json["recorder"]["name"]) == (610.25, "Tomasz Wolski")
    assert api.manager.get(f"{TASKS}/{task['id']}").json["nextDueOn"] == "2026-03-02"

    fallen = api.technician.post(address, {"value": 5})
    assert (fallen.status_code, fallen.json["code"]) == (422, "READING_FELL")
    unsaid = api.technician.post(address, {"value": 5, "kind": "REPLACEMENT"})
    assert list(unsaid.json["errors"]) == ["note"]
    new = api.technician.post(address, {"value": 5, "kind": "REPLACEMENT", "note": "new meter"})
    assert new.status_code == 201
    late = api.technician.post(address, {"value": 9, "readAt": "2026-03-01T00:00:00Z"})
    assert list(late.json["errors"]) == ["readAt"]
    assert api.technician.post(address, {"value": -1}).status_code == 400
    assert api.technician.post("/machines/987654/meter-readings", {"value": 1}).status_code == 404

    page = api.supervisor.get(address).json
    assert [item["value"] for item in page["items"]] == [5, 610.25, 100]
    assert api.supervisor.get(f"{address}?sort=readAt&q=shift").json["total"] == 1
    assert api.supervisor.get("/machines/987654/meter-readings").status_code == 404


def test_a_log_may_bring_the_reading(api: Api, clock: ManualClock) -> None:
    task = plan(api, meterInterval=500)
    refused = api.technician.post(LOGS, {"taskId": task["id"]})
    assert list(refused.json["errors"]) == ["meterReading"]
    log = api.technician.post(LOGS, {"taskId": task["id"], "meterReading": 750.5})
    assert (log.status_code, log.json["meterReading"]) == (201, 750.5)
    assert api.manager.get(f"{TASKS}/{task['id']}").json["nextDueReading"] == 1250.5
    assert api.manager.get(f"/machines/{api.press.id}/meter-readings").json["total"] == 1


def test_a_task_goes_from_calendar_to_meter(api: Api, clock: ManualClock) -> None:
    task = plan(api)
    address = f"{TASKS}/{task['id']}"
    refused = api.manager.put(address, {"meterInterval": 100})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["rrule"])
    changed = api.manager.put(address, {"meterInterval": 100, "rrule": None})
    assert (changed.json["rrule"], changed.json["meterInterval"]) == (None, 100)
    idle = api.manager.put(address, {"active": False}).json
    assert idle["active"] is False
    inactive = api.technician.post(LOGS, {"taskId": task["id"], "meterReading": 1})
    assert (inactive.status_code, inactive.json["code"]) == (422, "TASK_INACTIVE")


def test_lists_take_the_same_number_of_statements_however_long_they_are(
    api: Api, statements: Callable[[], Any], clock: ManualClock
) -> None:
    def count() -> int:
        with statements() as seen:
            page = api.manager.get(f"{TASKS}?pageSize=200")
        assert page.status_code == 200
        return len(seen)

    def add() -> None:
        part, user = factories.make_part(api.session), factories.make_user(api.session)
        task = factories.make_preventive_task(api.session, technician_id=user.id, parts=[{"partId": part.id}])
        assert task.id
        api.session.commit()

    add()
    few = count()
    for _ in range(8):
        add()
    assert count() == few


JOBS = "/preventive-maintenance/jobs"


def test_a_log_acts_through_the_process_of_its_job(api: Api, clock: ManualClock) -> None:
    task = plan(api, checklist=[{"text": "Guard closed"}], missed="NEWEST")
    assert task["missed"] == "NEWEST"
    assert api.supervisor.get(JOBS).json["total"] == 0
    body = {"taskId": task["id"], "answers": [{"item": 1, "passed": True}], "minutesSpent": 5}
    logged = api.technician.post(LOGS, body)
    assert logged.status_code == 201, logged.json
    job = api.supervisor.get(JOBS).json["items"][0]
    assert (job["status"], job["dueOn"], job["logId"]) == ("DONE", "2026-03-02", logged.json["id"])
    assert job["ender"]["name"] == "Tomasz Wolski" and job["task"]["title"] == "Grease the bearings"
    detail = api.supervisor.get(f"{JOBS}/{job['id']}").json
    assert detail["openTasks"] == [] and detail["instanceId"] is not None
    assert detail["dueAt"] == "2026-03-03T00:00:00Z"
    assert api.supervisor.get(f"{JOBS}/987654").status_code == 404


def test_jobs_are_filtered_and_called_off(api: Api, clock: ManualClock) -> None:
    from app.processes import preventive_opening

    task = plan(api, leadDays=7, technicianId=api.technician.id)
    for _ in range(2):
        preventive_opening.open_due(api.engine, api.jobs.sessions)
    open_jobs = api.manager.get(f"{JOBS}?status=OPEN").json["items"]
    assert [job["dueOn"] for job in open_jobs] == ["2026-03-02", "2026-03-09"]
    assert api.manager.get(f"{JOBS}?dueFrom=2026-03-03&technicianId={api.technician.id}").json["total"] == 1
    assert api.manager.get(f"{JOBS}?overdue=true").json["total"] == 0
    clock.advance(days=1)
    assert api.manager.get(f"{JOBS}?overdue=true&machineId={api.press.id}").json["total"] == 1
    assert api.manager.get(f"{JOBS}?q={open_jobs[0]['businessKey']}&sort=-machine").json["total"] == 1

    address = f"{JOBS}/{open_jobs[1]['id']}/cancel"
    assert api.technician.patch(address, {"reason": "No time"}).status_code == 403
    ended = api.manager.patch(address, {"reason": "The press is away"})
    assert (ended.status_code, ended.json["status"]) == (200, "SKIPPED"), ended.json
    assert api.manager.patch(address, {"reason": "again"}).status_code == 404
    assert api.manager.get(f"{TASKS}/{task['id']}").json["nextDueOn"] == "2026-03-02"
    log = api.manager.get(f"{LOGS}/{task['id']}").json["items"][0]
    assert (log["dueOn"], log["outcome"], log["notes"]) == ("2026-03-09", "SKIPPED", "The press is away")
