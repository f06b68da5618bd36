"""Records of processes that process owners have drawn, and the prefixes of their numbers."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import numbering, process_records
from app.domain.activity import ActivityLog
from app.domain.entities import EntityType
from app.domain.people import Role
from app.domain.process_records import ProcessRecord
from app.domain.queries.process_records import list_records
from app.errors import BusinessError
from tests import factories


def make(session: Session, by: int | None = None, **values: Any) -> ProcessRecord:
    process = values.pop("process", "tool_calibration")
    key = numbering.next_key(session, numbering.prefix_of(session, process), 2026)
    return process_records.create(
        session, process_key=process, business_key=key, name="Tool calibration", fields=values, by=by
    )


def log_of(session: Session, record: ProcessRecord) -> list[ActivityLog]:
    query = sa.select(ActivityLog).where(
        ActivityLog.entity_type == EntityType.PROCESS_RECORD, ActivityLog.entity_id == record.id
    )
    return list(session.scalars(query.order_by(ActivityLog.id)))


# -- prefixes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "first"),
    [
        ("tool_calibration", ["TC", "TCA", "TCAL"]),
        ("tool_calibration_request", ["TCR", "TCRE", "TCREQ"]),
        ("audit", ["AU", "AUD", "AUDI"]),
        ("b_2", ["B2", "B22", "B23"]),
        ("a_very_long_name_for_a_process", ["AVLNFA", "AVLNFAR", "AVLNFARO"]),
    ],
)
def test_prefixes_are_initials_and_then_longer(key: str, first: list[str]) -> None:
    assert list(islice(numbering.prefixes(key), 3)) == first
    many = list(islice(numbering.prefixes(key), 60))
    assert len(set(many)) == 60
    assert all(len(prefix) <= numbering.PREFIX_LENGTH for prefix in many)


def test_a_process_keeps_its_prefix_and_never_shares_it(session: Session) -> None:
    with unit_of_work(session):
        given = [numbering.prefix_of(session, key) for key in ("tool_calibration", "team_course", "to_check")]
        assert given == ["TC", "TCO", "TCH"]
        assert numbering.prefix_of(session, "tool_calibration") == "TC"
        assert numbering.prefix_of(session, "machine_recall", reserved={"MR"}) == "MRE"


# -- records -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"title": "  A new\nhoist "}, "A new hoist"),
        ({"subject": "A hoist"}, "A hoist"),
        ({"title": " ", "subject": "A hoist"}, "A hoist"),
        ({"title": 7}, "Tool calibration"),
        ({}, "Tool calibration"),
        ({"title": "x" * 300}, "x" * 255),
    ],
)
def test_the_title_is_what_the_form_says(session: Session, fields: dict[str, Any], title: str) -> None:
    with unit_of_work(session):
        assert make(session, **fields).title == title


def test_a_record_belongs_to_the_machine_s_department_else_to_its_creator_s(session: Session) -> None:
    with unit_of_work(session):
        home, other = factories.make_department(session), factories.make_department(session)
        machine = factories.make_machine(session, department=other)
        user = factories.make_user(session, Role.SUPERVISOR, department=home)
        assert make(session, user.id).department_id == home.id
        about_machine = make(session, user.id, machineId=machine.id)
        assert (about_machine.machine_id, about_machine.department_id) == (machine.id, other.id)
        assert make(session, user.id, machineId=str(machine.id)).machine_id == machine.id
        assert make(session, None).department_id is None


@pytest.mark.parametrize("machine_id", [0, -1, 987654, 2**40, True, 1.5, "one", "1e3", [1], {"id": 1}])
def test_an_unknown_machine_is_refused(session: Session, machine_id: Any) -> None:
    with pytest.raises(BusinessError) as refused, unit_of_work(session):
        make(session, machineId=machine_id)
    assert (refused.value.code, refused.value.field) == ("UNKNOWN_MACHINE", "machineId")


def test_answers_are_added_and_changed_and_logged(session: Session) -> None:
    with unit_of_work(session):
        user = factories.make_user(session)
        record = make(session, user.id, title="Hoist", cost=5)
        machine = factories.make_machine(session)
        answers = {"title": "Hoist 2", "cost": 5, "note": "", "machineId": machine.id}
        process_records.keep_answers(session, record, user.id, answers, ())
    assert record.fields == {"title": "Hoist 2", "cost": 5, "machineId": machine.id}
    assert (record.title, record.machine_id) == ("Hoist 2", machine.id)
    assert record.machine is not None and record.department_id == machine.department_id
    created, changed = log_of(session, record)
    assert (created.action, created.after["fields"]) == ("CREATE_RECORD", {"title": "Hoist", "cost": 5})
    assert (changed.action, changed.user_id) == ("CHANGE_RECORD", user.id)
    assert changed.before == {"title": "Hoist", "machineId": None}
    assert changed.after == {"title": "Hoist 2", "machineId": machine.id}


def test_the_same_answers_again_change_nothing(session: Session) -> None:
    with unit_of_work(session):
        record = make(session, title="Hoist")
        process_records.keep_answers(session, record, None, {"title": "Hoist", "note": None}, ())
        assert [entry.action for entry in log_of(session, record)] == ["CREATE_RECORD"]


@pytest.mark.parametrize("status", ["", "done", "IN PROGRESS", "1ST", "X" * 21, "Ä", "DONE\n"])
def test_a_status_is_a_code(session: Session, status: str) -> None:
    with pytest.raises(BusinessError) as refused, unit_of_work(session):
        process_records.set_status(session, make(session), status, None)
    assert refused.value.code == "BAD_STATUS"


@pytest.mark.parametrize(
    ("status", "cancelled", "then"),
    [("OPEN", False, "DONE"), ("SCRAPPED", False, "SCRAPPED"), ("SCRAPPED", True, "CANCELLED")],
)
def test_a_record_is_closed_once(
    session: Session, time: ManualClock, status: str, cancelled: bool, then: str
) -> None:
    with unit_of_work(session):
        record = make(session)
        process_records.set_status(session, record, status, None)
        process_records.close(session, record, None, cancelled=cancelled)
        closed_at = time()
        assert (record.status, record.closed_at, record.is_open) == (then, closed_at, False)
        time.advance(hours=1)
        process_records.close(session, record, None, cancelled=True)
    assert (record.status, record.closed_at) == (then, closed_at)


# -- lists -------------------------------------------------------------------------------------


def test_lists_are_filtered_searched_and_sorted(session: Session, time: ManualClock) -> None:
    with unit_of_work(session):
        first = make(session, title="Wrench", serialNumber="TW-0042")
        time.advance(days=1)
        second = make(session, title="Gauge", note="Größe 5")
        process_records.close(session, second, None)
        time.advance(days=1)
        third = make(session, process="audit", title="Audit of the store")

    def ids(**filters: Any) -> list[int]:
        return [record.id for record in list_records(session, **filters).items]

    assert ids() == [third.id, second.id, first.id]
    assert ids(sort="title") == [third.id, second.id, first.id]
    assert ids(sort="createdAt") == [first.id, second.id, third.id]
    assert ids(process="tool_calibration") == [second.id, first.id]
    assert ids(statuses=["DONE"]) == [second.id] == ids(is_open=False)
    assert ids(is_open=True) == [third.id, first.id]
    assert ids(q="tw-0042") == [first.id]
    assert ids(q="Größe") == [second.id]
    assert ids(q="audit") == [third.id]
    assert ids(q="TC-2026-000002") == [second.id]
    assert ids(since=time() - timedelta(hours=1)) == [third.id]
    assert ids(until=time() - timedelta(hours=1)) == [second.id, first.id]
    assert ids(within=ProcessRecord.id == first.id, is_open=True) == [first.id]
