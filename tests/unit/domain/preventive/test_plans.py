"""Preventive tasks: what may be planned, when it is due first, and what changing it does."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa

from app.domain import settings
from app.domain.preventive import completion, meters, plans
from app.domain.preventive.models import PreventiveTask, PreventiveTaskPart
from app.domain.queries.people import activity_of
from app.errors import Conflict, NotFound
from tests.factories import make_machine, make_part, make_preventive_task, make_user


def history(session, task):
    return [entry.action for entry in activity_of(session, "PREVENTIVE_TASK", task.id)]


def test_a_calendar_task_is_due_on_the_first_day_of_its_rule(session, clock):
    task = make_preventive_task(session, rrule="freq=monthly;bymonthday=-1", starts_on=date(2026, 2, 10))
    assert (task.rrule, task.next_due_on) == ("FREQ=MONTHLY;BYMONTHDAY=-1", date(2026, 2, 28))
    assert task.is_overdue(date(2026, 3, 1)) and not task.is_overdue(date(2026, 2, 28))


def test_it_starts_today_which_is_a_date_of_the_site(session, clock):
    settings.change_site(session, None, time_zone="Pacific/Auckland")
    clock.advance(hours=4)  # noon in London on 2 March, past midnight there
    task = make_preventive_task(session, rrule="FREQ=DAILY")
    assert task.starts_on == task.next_due_on == date(2026, 3, 3)


def test_until_somebody_sets_its_time_zone_the_site_has_that_of_the_installation(session, clock):
    settings.use_time_zone(session.get_bind(), "Pacific/Auckland")
    clock.advance(hours=4)
    assert make_preventive_task(session, rrule="FREQ=DAILY").starts_on == date(2026, 3, 3)
    # UTC is a time zone like any other: who chooses it has chosen it.
    assert settings.change_site(session, None, time_zone="UTC").time_zone == "UTC"
    assert make_preventive_task(session, rrule="FREQ=DAILY").starts_on == date(2026, 3, 2)


def test_a_meter_task_is_due_when_the_meter_says_so(session, clock):
    machine = make_machine(session)
    meters.record(session, machine, 1200, None)
    task = make_preventive_task(session, machine=machine, meter_interval=500, last_meter_reading=900)
    assert (task.next_due_on, task.next_due_reading) == (None, 1400)
    late = make_preventive_task(session, machine=machine, meter_interval=250, last_meter_reading=900)
    assert late.next_due_on == date(2026, 3, 2)
    unknown = make_preventive_task(session, machine=machine, meter_interval=250)
    assert unknown.next_due_reading == 1450


def test_all_that_was_planned_is_kept_and_logged(session, clock):
    part, technician = make_part(session, 3), make_user(session)
    task = make_preventive_task(
        session,
        title=" Grease the bearings ",
        description="Both sides",
        lead_days=7,
        estimated_minutes=45,
        checklist=[
            {"text": "No play", "kind": "pass_fail"},
            {"text": "Temperature", "kind": "value", "unit": "°C", "minimum": 20, "maximum": 80.5},
            {"text": "Noises", "kind": "text"},
        ],
        parts=[{"partId": part.id, "quantity": 2}],
        technician_id=technician.id,
    )
    session.commit()
    session.expire_all()
    assert (task.title, task.lead_days, task.role) == ("Grease the bearings", 7, "MAINTENANCE_TECH")
    assert [item["id"] for item in task.checklist] == [1, 2, 3]
    assert task.checklist[1]["maximum"] == 80.5
    assert [(row.part, row.quantity) for row in task.parts] == [(part, 2)]
    (entry,) = activity_of(session, "PREVENTIVE_TASK", task.id)
    assert entry.action == "CREATE_PREVENTIVE_TASK"
    assert entry.after["parts"] == [{"partId": part.id, "quantity": 2}]


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"title": " "}, "TITLE_MISSING", "title"),
        ({"title": "x" * 256}, "TITLE_TOO_LONG", "title"),
        ({"description": "x" * 10_001}, "DESCRIPTION_TOO_LONG", "description"),
        ({"machine_id": 4711}, "UNKNOWN_MACHINE", "machineId"),
        ({"rrule": None}, "BAD_RULE", "rrule"),
        ({"meter_interval": 10}, "BAD_RULE", "rrule"),
        ({"rrule": "FREQ=HOURLY"}, "BAD_RULE", "rrule"),
        ({"rrule": None, "meter_interval": 0}, "BAD_INTERVAL", "meterInterval"),
        ({"rrule": None, "meter_interval": 1_000_001}, "BAD_INTERVAL", "meterInterval"),
        ({"starts_on": date(1, 1, 1)}, "BAD_START", "startsOn"),
        ({"lead_days": -1}, "BAD_LEAD", "leadDays"),
        ({"lead_days": 366}, "BAD_LEAD", "leadDays"),
        ({"estimated_minutes": 0}, "BAD_MINUTES", "estimatedMinutes"),
        ({"last_meter_reading": -1}, "BAD_READING", "lastMeterReading"),
        ({"role": "SUPERVISOR"}, "BAD_ROLE", "role"),
        ({"technician_id": 4711}, "UNKNOWN_USER", "technicianId"),
        ({"parts": [{"partId": 4711}]}, "UNKNOWN_PART", "parts.0.partId"),
        ({"checklist": [{"text": ""}]}, "BAD_CHECKLIST", "checklist.0.text"),
    ],
)
def test_what_makes_no_sense_is_refused(session, refuses, given, code, field):
    values = {"machine_id": make_machine(session).id, "title": "T", "rrule": "FREQ=DAILY", **given}
    with refuses(code, field):
        plans.create_task(session, None, **values)
    session.flush()
    assert session.scalar(sa.select(sa.func.count()).select_from(PreventiveTask)) == 0


def test_people_parts_and_machines_must_be_in_use(session, refuses):
    machine = make_machine(session)
    for user in (make_user(session, active=False), make_user(session, "INVENTORY_MANAGER")):
        with refuses("UNKNOWN_USER", "technicianId"):
            make_preventive_task(session, machine=machine, technician_id=user.id)
    part, retired = make_part(session), make_part(session, active=False)
    with refuses("UNKNOWN_PART", "parts.0.partId"):
        make_preventive_task(session, machine=machine, parts=[{"partId": retired.id}])
    with refuses("UNKNOWN_PART", "parts.1.partId"):
        make_preventive_task(session, machine=machine, parts=[{"partId": part.id}] * 2)
    with refuses("BAD_QUANTITY", "parts.0.quantity"):
        make_preventive_task(session, machine=machine, parts=[{"partId": part.id, "quantity": 0}])
    with refuses("MACHINE_DECOMMISSIONED", "machineId"):
        make_preventive_task(session, machine=make_machine(session, status="DECOMMISSIONED"))


def test_a_change_says_what_was_before_and_keeps_the_rest(session, clock):
    kept, gone, new = make_part(session), make_part(session), make_part(session)
    task = make_preventive_task(session, parts=[{"partId": kept.id}, {"partId": gone.id}])
    due_on = task.next_due_on
    plans.update_task(
        session, task, None, title="Other", parts=[{"partId": new.id}, {"partId": kept.id, "quantity": 4}]
    )
    session.expire_all()
    assert [(row.part, row.quantity) for row in task.parts] == [(kept, 4), (new, 1)]
    assert task.next_due_on == due_on
    entry = activity_of(session, "PREVENTIVE_TASK", task.id)[-1]
    assert set(entry.before) == set(entry.after) == {"title", "parts"}
    plans.update_task(session, task, None, title="Other")
    assert history(session, task) == ["CREATE_PREVENTIVE_TASK", "UPDATE_PREVENTIVE_TASK"]


def test_a_part_that_was_retired_may_stay_in_the_kit(session):
    part = make_part(session)
    task = make_preventive_task(session, parts=[{"partId": part.id}])
    part.active = False
    plans.update_task(session, task, None, parts=[{"partId": part.id, "quantity": 2}])
    assert task.parts[0].quantity == 2


def test_another_rule_makes_another_due_date_but_none_that_was_dealt_with(session, clock):
    task = make_preventive_task(session, rrule="FREQ=WEEKLY;BYDAY=MO")
    assert task.next_due_on == date(2026, 3, 2)
    plans.update_task(session, task, None, rrule="FREQ=WEEKLY;BYDAY=WE")
    assert task.next_due_on == date(2026, 3, 4)
    completion.log_completion(session, task, None)
    plans.update_task(session, task, None, rrule="FREQ=DAILY")
    assert task.next_due_on == date(2026, 3, 5)


def test_a_calendar_task_becomes_a_meter_task_and_back(session, clock):
    machine = make_machine(session)
    meters.record(session, machine, 100, None)
    task = make_preventive_task(session, machine=machine)
    plans.update_task(session, task, None, rrule=None, meter_interval=50)
    assert (task.next_due_on, task.next_due_reading) == (None, 150)
    plans.update_task(session, task, None, rrule="FREQ=DAILY", meter_interval=None)
    assert (task.next_due_on, task.next_due_reading) == (date(2026, 3, 2), None)


def test_a_task_that_is_used_again_does_not_make_up_for_what_was_missed(session, clock):
    task = make_preventive_task(session, rrule="FREQ=WEEKLY;BYDAY=MO")
    plans.deactivate_task(session, task, None)
    clock.advance(days=31)
    assert not task.is_overdue(date(2026, 4, 2))
    plans.update_task(session, task, None, active=True)
    assert task.next_due_on == date(2026, 4, 6)


def test_a_task_with_logs_stays_at_its_machine(session, refuses, clock):
    task, other = make_preventive_task(session), make_machine(session)
    plans.update_task(session, task, None, machine_id=other.id)
    assert task.machine is other
    completion.log_completion(session, task, None)
    with refuses("UNKNOWN_MACHINE", "machineId"):
        plans.update_task(session, task, None, machine_id=make_machine(session).id)


def test_a_task_is_deleted_until_it_has_a_log(session, clock):
    unused = make_preventive_task(session, parts=[{"partId": make_part(session).id}])
    task_id = unused.id
    plans.delete_task(session, unused, None)
    assert session.scalars(sa.select(PreventiveTaskPart)).all() == []
    assert [entry.action for entry in activity_of(session, "PREVENTIVE_TASK", task_id)][-1] == (
        "DELETE_PREVENTIVE_TASK"
    )
    with pytest.raises(NotFound):
        plans.get_task(session, task_id)
    used = make_preventive_task(session)
    completion.log_completion(session, used, None)
    with pytest.raises(Conflict, match=r"history.*\(1\)\. Deactivate it instead"):
        plans.delete_task(session, used, None)
    assert plans.get_task(session, used.id) is used
