"""The activity log over the API."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import activity
from app.domain.activity import ActivityLog
from app.domain.queries import people
from app.exports import csv as csv_file
from app.extensions import db
from tests.api.conftest import Api
from tests.conftest import START


@pytest.fixture
def log(clock: ManualClock, api: Api) -> list[int]:
    """Four entries of the next four hours; the ids, oldest first."""
    entries = []
    with unit_of_work(api.session) as session:
        for action, kind, thing, by, after in (
            ("CREATE_MACHINE", "MACHINE", 7001, api.admin.id, {"name": "Säge"}),
            ("UPDATE_MACHINE", "MACHINE", 7001, api.manager.id, {"name": "=1+1"}),
            ("STOCK_IN", "SPARE_PART", 7002, api.storekeeper.id, {"quantity": 3}),
            ("TIDY_UP", "MACHINE", 7003, None, None),
        ):
            clock.advance(hours=1)
            before = {"name": "Saw"} if action.startswith("UPDATE") else None
            entries.append(activity.record(
                session, action, kind, thing, by, before=before, after=after, source="192.0.2.7"
            ).id)  # fmt: skip
    return entries


def ids(answer) -> list[int]:
    assert answer.status_code == 200
    return [item["id"] for item in answer.json["items"]]


def test_an_entry_says_who_what_when_from_where_and_what_it_was(api: Api, log: list[int]) -> None:
    found = api.admin.get(f"/activity-logs/{log[1]}").json
    assert found == {
        "id": log[1],
        "at": "2026-03-02T10:00:00Z",
        "action": "UPDATE_MACHINE",
        "entityType": "MACHINE",
        "entityId": 7001,
        "user": {"id": api.manager.id, "name": "Maria Duarte"},
        "source": "192.0.2.7",
        "before": {"name": "Saw"},
        "after": {"name": "=1+1"},
    }
    assert api.admin.get(f"/activity-logs/{log[3]}").json["user"] is None
    assert api.admin.get(f"/activity-logs/{2**62}").status_code == 404


def test_the_log_is_filtered_sorted_and_searched(api: Api, log: list[int]) -> None:
    everything = api.admin.get("/activity-logs?from=2026-03-02T08:30:00Z")
    assert ids(everything) == log[::-1]
    assert ids(api.admin.get("/activity-logs?from=2026-03-02T08:30:00Z&sort=at&pageSize=2")) == log[:2]
    assert (
        ids(api.admin.get("/activity-logs?from=2026-03-02T09:00:00Z&until=2026-03-02T10:00:00Z")) == log[:1]
    )
    assert ids(api.admin.get("/activity-logs?entityType=MACHINE&entityId=7001")) == [log[1], log[0]]
    assert ids(api.admin.get("/activity-logs?action=STOCK_IN")) == [log[2]]
    assert ids(api.admin.get("/activity-logs?q=maria update")) == [log[1]]
    assert ids(api.admin.get(f"/activity-logs?userId={api.storekeeper.id}")) == [log[2]]
    assert api.admin.get("/activity-logs?entityType=TEAPOT").status_code == 400


def test_the_log_of_a_user_and_of_a_thing(api: Api, log: list[int]) -> None:
    assert ids(api.admin.get(f"/activity-logs/user/{api.manager.id}")) == [log[1]]
    assert api.admin.get("/activity-logs/user/999999").status_code == 404
    assert ids(api.admin.get("/activity-logs/entity/MACHINE/7001?sort=at")) == log[:2]
    assert ids(api.admin.get("/activity-logs/entity/MACHINE/999999")) == []
    assert api.admin.get("/activity-logs/entity/TEAPOT/1").status_code == 404


def lines_of(answer) -> list[dict[str, str]]:
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def test_the_export_is_a_table_of_all_entries(api: Api, log: list[int]) -> None:
    answer = api.admin.post(
        "/activity-logs/export", {"entityType": "MACHINE", "from": "2026-03-02T08:30:00Z"}
    )
    assert answer.headers["Content-Disposition"] == "attachment; filename=activity-log-2026-03-02.csv"
    lines = lines_of(answer)
    assert [int(line["Id"]) for line in lines] == [log[3], log[1], log[0]]
    changed = lines[1]
    assert (changed["User"], changed["Action"]) == ("Maria Duarte", "UPDATE_MACHINE")
    assert changed["Entity id"] == "7001"
    assert changed["Time"] == "2026-03-02T10:00:00+00:00"
    assert json.loads(changed["Before"]) == {"name": "Saw"}
    assert json.loads(changed["After"]) == {"name": "=1+1"}
    assert lines[0]["User"] == lines[0]["After"] == ""
    assert "Säge" in lines[2]["After"]


def test_the_export_is_itself_an_entry(api: Api, log: list[int]) -> None:
    api.admin.post("/activity-logs/export", {"action": "STOCK_IN"})
    entry = api.admin.get("/activity-logs?action=EXPORT_ACTIVITY_LOG").json["items"][0]
    assert (entry["user"]["name"], entry["after"]) == ("Grace Odum", {"action": "STOCK_IN"})
    assert entry["entityType"] == "ACTIVITY_LOG"
    # The first export is not in itself, but in the second.
    actions = [line["Action"] for line in lines_of(api.admin.post("/activity-logs/export", {}))]
    assert actions.count("EXPORT_ACTIVITY_LOG") == 1


def test_an_export_repeated_with_its_key_is_logged_once(api: Api, log: list[int]) -> None:
    first = api.admin.post("/activity-logs/export", {}, key="k-1")
    again = api.admin.post("/activity-logs/export", {}, key="k-1")
    assert again.data == first.data
    assert api.admin.get("/activity-logs?action=EXPORT_ACTIVITY_LOG").json["total"] == 1


def test_texts_in_the_export_are_no_formulas(api: Api, log: list[int]) -> None:
    with unit_of_work(api.session) as session:
        activity.record(session, "TIDY_UP", "MACHINE", 1, None, source="=cmd|' /C calc'!A0")
    (line,) = lines_of(api.admin.post("/activity-logs/export", {"q": "cmd"}))
    assert line["Source"] == "'=cmd|' /C calc'!A0"


def test_a_long_log_is_read_bit_by_bit(api: Api, log: list[int], monkeypatch, statements) -> None:
    monkeypatch.setattr(people, "ENTRIES_AT_ONCE", 50)
    with unit_of_work(api.session) as session:
        for number in range(120):
            activity.record(session, "COUNT", "MACHINE", number + 1, api.admin.id)
    with statements() as seen:
        lines = lines_of(api.admin.post("/activity-logs/export", {"action": "COUNT"}))
    assert [int(line["Entity id"]) for line in lines] == list(range(120, 0, -1))
    assert sum("FROM activity_logs" in statement for statement in seen) == 3


def test_an_export_leaves_no_connection_behind(api: Api, log: list[int], monkeypatch) -> None:
    monkeypatch.setattr(people, "ENTRIES_AT_ONCE", 2)
    monkeypatch.setattr(csv_file, "ROWS_A_CHUNK", 1)
    with api.application.app_context():
        pool = db.engine.pool
    lines_of(api.admin.post("/activity-logs/export", {}))
    assert pool.checkedout() == 0
    hung_up = api.admin.post("/activity-logs/export", {})
    chunks = iter(hung_up.response)
    assert [next(chunks), next(chunks)]
    assert pool.checkedout() == 1
    hung_up.close()
    del chunks
    assert pool.checkedout() == 0


def test_the_export_of_others_is_refused_and_not_logged(api: Api, log: list[int]) -> None:
    for role, caller in api.by_role.items():
        if role != "ADMIN":
            expected = 401 if role == "anonymous" else 403
            assert caller.post("/activity-logs/export", {}).status_code == expected
            assert caller.get("/activity-logs").status_code == expected
            assert caller.get(f"/activity-logs/{log[0]}").status_code == expected
    api.session.rollback()
    exported = sa.select(sa.func.count()).where(ActivityLog.action == "EXPORT_ACTIVITY_LOG")
    assert api.session.scalar(exported) == 0
    assert api.admin.get("/activity-logs?from=2026-03-02T08:00:00Z").status_code == 200
    assert timedelta(hours=4) == api.session.get(ActivityLog, log[3]).at - START
