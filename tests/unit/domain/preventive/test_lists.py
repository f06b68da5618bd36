"""Lists of preventive tasks: what is due when, where, and for whom."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa

from app.domain.preventive import meters, plans
from app.domain.preventive.completion import log_completion
from app.domain.queries import preventive
from tests.factories import make_department, make_machine, make_part, make_preventive_task, make_user


@pytest.fixture
def statements(session):
    """The statements that were sent to the database."""
    sent = []

    def note(connection, cursor, statement, *_):
        sent.append(statement)

    engine = session.get_bind()
    sa.event.listen(engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(engine, "before_cursor_execute", note)


def test_what_is_due_comes_with_the_oldest_first(session, clock):
    later = make_preventive_task(session, starts_on=date(2026, 3, 9))
    overdue = make_preventive_task(session, starts_on=date(2026, 2, 23))
    idle = make_preventive_task(session, starts_on=date(2026, 2, 23))
    plans.deactivate_task(session, idle, None)
    gone = make_preventive_task(session, starts_on=date(2026, 2, 23))
    gone.machine.status = "DECOMMISSIONED"
    metered = make_preventive_task(session, meter_interval=5)
    assert preventive.upcoming(session, date(2026, 3, 9)).items == [overdue, later]
    assert preventive.upcoming(session, date(2026, 3, 8)).items == [overdue]
    assert preventive.list_tasks(session, overdue=True).items == [overdue]
    meters.record(session, metered.machine, 1, None)
    meters.record(session, metered.machine, 6, None)
    assert preventive.upcoming(session, date(2026, 3, 2)).items == [overdue, metered]


def test_each_filter_leaves_what_it_says(session, clock):
    hall, technician = make_department(session), make_user(session)
    press = make_machine(session, department=hall, name="Big press")
    first = make_preventive_task(session, machine=press, technician_id=technician.id, title="Oil")
    second = make_preventive_task(session, meter_interval=5, title="Belts", role="MAINTENANCE_MANAGER")
    third = make_preventive_task(
        session, starts_on=date(2026, 3, 16), title="Filters", description="oil bath"
    )
    plans.deactivate_task(session, third, None)
    for filters, found in (
        ({}, [first, third, second]),
        ({"machine_id": press.id}, [first]),
        ({"department_id": hall.id}, [first]),
        ({"technician_id": technician.id}, [first]),
        ({"role": "MAINTENANCE_MANAGER"}, [second]),
        ({"active": False}, [third]),
        ({"metered": True}, [second]),
        ({"metered": False}, [first, third]),
        ({"due_until": date(2026, 3, 15)}, [first]),
        ({"q": "oil"}, [first, third]),
        ({"q": "BIG press"}, [first]),
    ):
        assert preventive.list_tasks(session, **filters).items == found, filters
    week = date(2026, 3, 31)
    assert preventive.upcoming(session, week, department_id=hall.id).items == [first]
    assert preventive.upcoming(session, week, machine_id=second.machine_id).items == []
    assert preventive.upcoming(session, week, technician_id=technician.id).items == [first]


def test_logs_and_readings_come_newest_first(session, clock):
    task = make_preventive_task(session)
    logs = [log_completion(session, task, None, meter_reading=hours) for hours in (1, 2, 3)]
    log_completion(session, make_preventive_task(session), None)
    page = preventive.logs_of(session, task.id, page_size=2)
    assert (page.items, page.total) == ([logs[2], logs[1]], 3)
    assert preventive.logs_of(session, task.id, outcome="SKIPPED").items == []
    assert [row.value for row in preventive.readings_of(session, task.machine_id).items] == [3, 2, 1]


def test_a_list_takes_the_same_number_of_statements_however_long_it_is(session, clock, statements):
    def read():
        session.commit()
        session.expire_all()
        statements.clear()
        for task in preventive.list_tasks(session, page_size=200).items:
            assert task.machine.department.name and task.technician.name and task.parts[0].part.label
        return len(statements)

    def plan():
        technician, part = make_user(session), make_part(session)
        make_preventive_task(session, technician_id=technician.id, parts=[{"partId": part.id}])

    plan()
    few = read()
    for _ in range(9):
        plan()
    assert read() == few


def test_lists_are_sorted_by_name_and_tasks_without_a_date_come_last(session, clock):
    metered = make_preventive_task(session, meter_interval=5, title="A")
    later = make_preventive_task(session, starts_on=date(2026, 3, 9), title="B")
    soon = make_preventive_task(session, title="C")
    assert preventive.list_tasks(session).items == [soon, later, metered]
    assert preventive.list_tasks(session, sort="title").items == [metered, later, soon]
    assert preventive.list_tasks(session, sort="-title").items == [soon, later, metered]
    for name in preventive.TASK_SORTS:
        assert preventive.list_tasks(session, sort=name).total == 3
