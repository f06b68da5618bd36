"""Maintenance requests, their work and their downtime."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.domain import downtime, requests, work
from app.domain.queries import requests as lists
from app.errors import BusinessError
from tests.factories import (
    make_department,
    make_failure_code,
    make_machine,
    make_maintenance_type,
    make_request,
    make_user,
)

pytestmark = pytest.mark.databases


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"description": "  "}, "DESCRIPTION_MISSING", "description"),
        ({"priority": "URGENT"}, "BAD_PRIORITY", "priority"),
        ({"failure_code_id": 4711}, "UNKNOWN_FAILURE_CODE", "failureCodeId"),
        ({"photos": [4711]}, "UNKNOWN_ATTACHMENT", "photos.0"),
    ],
)
def test_a_report_that_makes_no_sense_is_refused(session, values, code, field):
    with pytest.raises(BusinessError) as refused:
        make_request(session, **values)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_nothing_is_reported_for_a_decommissioned_machine(session):
    with pytest.raises(BusinessError) as refused:
        make_request(session, machine=make_machine(session, status="DECOMMISSIONED"))
    assert refused.value.code == "MACHINE_DECOMMISSIONED"


@pytest.mark.parametrize(
    ("priority", "argument", "status"),
    [
        ("LOW", None, "MAINTENANCE"),
        ("CRITICAL", None, "DOWN"),
        ("CRITICAL", "MAINTENANCE", "MAINTENANCE"),
    ],
)
def test_accepting_takes_the_machine_out_of_production(session, time, priority, argument, status):
    request, technician = make_request(session, priority=priority), make_user(session)
    time.advance(minutes=7)
    requests.accept(session, request, technician.id, machine_status=argument)
    assert (request.status, request.machine.status) == ("IN_PROGRESS", status)
    assert request.accepted_at == time() == downtime.current(session, request.id).started_at
    assert request.work.technician is technician is request.assigned_technician


def test_completing_ends_work_and_downtime_and_starts_the_machine(session, time):
    request = make_request(session, technician=make_user(session))
    time.advance(minutes=90, seconds=31)
    requests.complete(session, request, None)
    requests.complete(session, request, None)
    assert (request.status, request.completed_at) == ("COMPLETED", time())
    assert (request.machine.status, request.work.completed_at) == ("OPERATIONAL", time())
    assert downtime.minutes(session, request.id) == 91


def test_a_machine_stays_down_while_another_request_keeps_it_down(session):
    machine, technician = make_machine(session), make_user(session)
    grave = make_request(session, machine=machine, priority="CRITICAL", technician=technician)
    minor = make_request(session, machine=machine, priority="LOW", technician=technician)
    assert machine.status == "DOWN"
    requests.complete(session, grave, None)
    assert machine.status == "MAINTENANCE"
    requests.cancel(session, minor, None, "reported twice")
    assert machine.status == "OPERATIONAL"


def test_a_decommissioned_machine_does_not_come_back_to_life(session):
    request = make_request(session, technician=make_user(session))
    request.machine.status = "DECOMMISSIONED"
    requests.complete(session, request, None)
    assert request.machine.status == "DECOMMISSIONED"


def test_cancelling_a_request_that_nobody_took_leaves_the_machine_as_it_is(session):
    request = make_request(session, machine=make_machine(session, status="DOWN"))
    requests.cancel(session, request, request.reporter_id, "it works again")
    assert (request.status, request.cancellation_reason) == ("CANCELLED", "it works again")
    assert request.machine.status == "DOWN"


def test_rework_reopens_the_work_and_begins_another_downtime(session, time):
    request = make_request(session, priority="HIGH", technician=make_user(session))
    time.advance(minutes=30)
    work.close(session, request.work, None)
    time.advance(minutes=60)
    work.reopen(session, request.work, None)
    assert (request.work.completed_at, request.machine.status) == (None, "DOWN")
    time.advance(minutes=10)
    assert downtime.minutes(session, request.id) == 40
    requests.complete(session, request, None)
    with pytest.raises(BusinessError):
        work.reopen(session, request.work, None)


def test_handing_back_keeps_work_and_downtime_for_the_next_technician(session, time):
    first, second = make_user(session), make_user(session)
    request = make_request(session, technician=first)
    requests.hand_back(session, request, first.id, "no crane licence")
    assert (request.status, request.assigned_technician_id) == ("PENDING", None)
    time.advance(minutes=20)
    requests.accept(session, request, second.id)
    assert (request.work.technician_id, downtime.minutes(session, request.id)) == (second.id, 20)


@pytest.mark.parametrize("end", ["COMPLETED", "CANCELLED"])
def test_a_closed_request_keeps_its_status(session, end):
    request, technician = make_request(session), make_user(session)
    requests.set_status(session, request, end, None)
    requests.set_status(session, request, end, None)
    other = "CANCELLED" if end == "COMPLETED" else "COMPLETED"
    for change in (
        lambda: requests.set_status(session, request, "IN_PROGRESS", None),
        lambda: requests.set_status(session, request, other, None),
        lambda: requests.accept(session, request, technician.id),
        lambda: requests.assign(session, request, technician.id, None),
        lambda: requests.hand_back(session, request, None, "why not"),
    ):
        with pytest.raises(BusinessError) as refused:
            change()
        assert refused.value.code == "WRONG_STATUS"
    assert request.status == end


def test_recorded_work_adds_up(session):
    technician, kind = make_user(session), make_maintenance_type(session)
    request = make_request(session, technician=technician)
    first = [{"description": "Drained the oil", "minutes": 20.0}]
    work.record(session, request.work, technician.id, steps=first, cause="worn seal")
    second = [{"description": "New seal", "minutes": 45}]
    work.record(
        session, request.work, technician.id, steps=second, remedy="replaced", maintenance_type_id=kind.id
    )
    assert [(step.position, step.minutes) for step in request.work.steps] == [(1, 20), (2, 45)]
    assert (request.work.minutes_spent, request.work.cause, request.work.remedy) == (
        65,
        "worn seal",
        "replaced",
    )
    assert request.maintenance_type_id == kind.id


@pytest.mark.parametrize(
    ("steps", "field"),
    [
        ([{"description": "ok", "minutes": 1}, {"description": "", "minutes": 1}], "steps.1.description"),
        ([{"description": "ok", "minutes": -1}], "steps.0.minutes"),
        ([{"description": "ok", "minutes": None}], "steps.0.minutes"),
    ],
)
def test_a_wrong_step_is_named_and_nothing_is_recorded(session, steps, field):
    request = make_request(session, technician=make_user(session))
    with pytest.raises(BusinessError) as refused:
        work.record(session, request.work, None, steps=steps, cause="worn seal")
    assert (refused.value.field, request.work.steps, request.work.cause) == (field, [], "")


def test_lists_filter_search_sort_and_page(session, time):
    hall, technician = make_department(session), make_user(session)
    mixer = make_machine(session, name="Mixer", department=hall)
    low = make_request(session, machine=mixer, priority="LOW", description="drips 100% oil")
    time.advance(minutes=1)
    taken = make_request(session, machine=mixer, priority="HIGH", technician=technician)
    time.advance(minutes=1)
    other = make_request(session, priority="CRITICAL")

    def found(**filters):
        return lists.list_requests(session, **filters).items

    assert found() == [other, taken, low]
    assert found(sort="priority") == [other, taken, low]
    assert found(department_id=hall.id, sort="reportedAt") == [low, taken]
    assert found(technician_id=technician.id) == found(statuses=["IN_PROGRESS"]) == [taken]
    assert found(reporter_id=low.reporter_id) == found(q="mixer 100%") == found(q=low.business_key) == [low]
    page = lists.list_requests(session, page=2, page_size=2)
    assert (page.items, page.total, page.pages) == ([low], 3, 2)
    assert lists.open_requests(session, mixer.id) == [taken, low]


def test_a_timeline_tells_what_happened_in_order(session):
    technician = make_user(session)
    request = make_request(session, technician=technician)
    work.record(session, request.work, technician.id, steps=[{"description": "Looked", "minutes": 5}])
    requests.complete(session, request, technician.id)
    told = [(entry.action, entry.user_id) for entry in lists.timeline(session, request.id)]
    assert told == [
        ("CREATE_REQUEST", request.reporter_id),
        ("ACCEPT_REQUEST", technician.id),
        ("RECORD_WORK", technician.id),
        ("CLOSE_WORK", technician.id),
        ("COMPLETE_REQUEST", technician.id),
    ]


def test_a_list_takes_as_many_statements_for_twenty_rows_as_for_two(session, database):
    technician = make_user(session)
    for _ in range(20):
        make_request(session, technician=technician)
    session.commit()
    statements = []
    sa.event.listen(database, "before_cursor_execute", lambda *event: statements.append(event[2]))

    def cost(page_size):
        session.expunge_all()
        statements.clear()
        for row in lists.list_requests(session, page_size=page_size).items:
            assert row.machine.department.name and row.reporter.name and row.assigned_technician.name
        return sum(statement.startswith("SELECT") for statement in statements)

    assert cost(20) == cost(2) == 2


def test_an_open_request_is_corrected_and_the_log_keeps_what_it_said(session):
    request, code = make_request(session, priority="LOW"), make_failure_code(session)
    requests.update(
        session, request, None, description=" It leaks ", priority="HIGH", failure_code_id=code.id
    )
    requests.update(session, request, None, priority="HIGH")
    assert (request.problem_description, request.priority, request.failure_code) == ("It leaks", "HIGH", code)
    (entry,) = [entry for entry in lists.timeline(session, request.id) if entry.action == "UPDATE_REQUEST"]
    assert (entry.before["priority"], entry.after["priority"]) == ("LOW", "HIGH")
    requests.update(session, request, None, failure_code_id=None)
    assert request.failure_code is None


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"priority": "HIGH", "description": "  "}, "DESCRIPTION_MISSING", "description"),
        ({"description": "Leaks", "priority": "URGENT"}, "BAD_PRIORITY", "priority"),
        ({"description": "Leaks", "failure_code_id": 4711}, "UNKNOWN_FAILURE_CODE", "failureCodeId"),
    ],
)
def test_a_correction_that_makes_no_sense_changes_nothing(session, changes, code, field):
    request = make_request(session)
    before = (request.problem_description, request.priority)
    with pytest.raises(BusinessError) as refused:
        requests.update(session, request, None, **changes)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert (request.problem_description, request.priority) == before


def test_a_closed_request_is_not_corrected(session):
    request = make_request(session, technician=make_user(session))
    requests.complete(session, request, None)
    with pytest.raises(BusinessError) as refused:
        requests.update(session, request, None, priority="HIGH")
    assert refused.value.code == "WRONG_STATUS"


def test_recording_nothing_new_leaves_no_entry(session):
    request = make_request(session)
    technician = make_user(session)
    requests.accept(session, request, technician.id)
    steps = [{"description": "Opened it.", "minutes": 5}]
    work.record(session, request.work, technician.id, steps=steps, cause="Worn seal")
    before = len(lists.timeline(session, request.id))
    work.record(session, request.work, technician.id, cause="Worn seal")
    assert len(lists.timeline(session, request.id)) == before
