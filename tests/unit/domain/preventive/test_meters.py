"""Hour meters: they never run backwards, unless somebody says why."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.domain.append_only import AppendOnlyError
from app.domain.preventive import meters, plans
from app.domain.preventive.models import MeterReading
from app.domain.queries.people import activity_of
from tests.factories import make_machine, make_preventive_task, make_user


@pytest.fixture
def machine(session, clock):
    return make_machine(session)


def test_readings_are_kept_with_who_and_when(session, clock, machine):
    user = make_user(session)
    row = meters.record(session, machine, "1234.5", user.id, note="shift change")
    session.commit()
    session.expire_all()
    assert (row.value, row.read_at, row.recorder, row.kind) == (Decimal("1234.5"), clock(), user, "READING")
    assert meters.latest(session, machine.id) is row
    (entry,) = activity_of(session, "MACHINE", machine.id)
    assert (entry.action, entry.after["hours"]) == ("READ_METER", "1234.50")


def test_a_machine_without_readings_has_none(session, machine):
    assert meters.latest_hours(session, machine.id) is None


@pytest.mark.parametrize(
    "value", [-1, "x", "", None, True, "1e99", float("nan"), "Infinity", "1.234", [], "9" * 50]
)
def test_what_is_no_number_of_hours_is_refused(session, machine, refuses, value):
    with refuses("BAD_READING", "value"):
        meters.record(session, machine, value, None)


def test_readings_come_in_order_and_never_fall(session, clock, machine, refuses):
    meters.record(session, machine, 100, None)
    meters.record(session, machine, 100, None)  # it stood still
    with refuses("READING_FELL", "value"):
        meters.record(session, machine, Decimal("99.99"), None)
    with refuses("BAD_TIME", "readAt"):
        meters.record(session, machine, 120, None, read_at=clock() - timedelta(minutes=1))
    with refuses("BAD_TIME", "readAt"):
        meters.record(session, machine, 120, None, read_at=clock() + timedelta(hours=1))
    other = make_machine(session)
    meters.record(session, other, 5, None)
    assert meters.latest_hours(session, machine.id) == 100


@pytest.mark.parametrize("kind", ["REPLACEMENT", "CORRECTION"])
def test_less_than_before_needs_a_note(session, machine, refuses, kind):
    meters.record(session, machine, 100, None)
    with refuses("NOTE_MISSING", "note"):
        meters.record(session, machine, 1, None, kind=kind, note=" ")
    with refuses("NOTE_TOO_LONG", "note"):
        meters.record(session, machine, 1, None, kind=kind, note="x" * 501)
    meters.record(session, machine, 1, None, kind=kind, note="display broken")
    assert meters.latest_hours(session, machine.id) == 1
    with refuses("BAD_READING", "kind"):
        meters.record(session, machine, 1, None, kind="GUESS")


def test_hours_run_on_the_old_meter_still_count(session, machine):
    meters.record(session, machine, 900, None)
    task = make_preventive_task(session, machine=machine, meter_interval=500)
    meters.record(session, machine, 1000, None)
    meters.record(session, machine, 0, None, kind="REPLACEMENT", note="new meter")
    assert (task.next_due_reading, task.next_due_on) == (400, None)
    meters.record(session, machine, 400, None)
    assert task.next_due_on == date(2026, 3, 2)


def test_a_misread_meter_makes_nothing_due(session, machine):
    meters.record(session, machine, 100, None)
    task = make_preventive_task(session, machine=machine, meter_interval=500)
    meters.record(session, machine, 1010, None)
    assert task.next_due_on is not None
    meters.record(session, machine, 101, None, kind="CORRECTION", note="one digit too many")
    assert (task.next_due_on, task.next_due_reading) == (None, 600)


def test_a_due_task_keeps_its_date_while_the_machine_runs_on(session, clock, machine):
    task = make_preventive_task(session, machine=machine, meter_interval=10, last_meter_reading=0)
    meters.record(session, machine, 10, None)
    clock.advance(days=4)
    meters.record(session, machine, 90, None)
    assert task.next_due_on == date(2026, 3, 2)
    actions = [entry.action for entry in activity_of(session, "PREVENTIVE_TASK", task.id)]
    assert actions == ["CREATE_PREVENTIVE_TASK", "METER_MOVED_TASK"]


def test_the_first_reading_is_where_counting_begins_when_nobody_knows_better(session, machine):
    task = make_preventive_task(session, machine=machine, meter_interval=500)
    meters.record(session, machine, 12_000, None)
    assert (task.next_due_on, task.next_due_reading) == (None, 12_500)


def test_tasks_out_of_use_and_of_other_machines_are_left_alone(session, machine):
    idle = make_preventive_task(session, machine=machine, meter_interval=5, last_meter_reading=0)
    plans.deactivate_task(session, idle, None)
    other = make_preventive_task(session, meter_interval=5, last_meter_reading=0)
    meters.record(session, machine, 50, None)
    assert (idle.next_due_on, other.next_due_on) == (None, None)
    plans.update_task(session, idle, None, active=True)
    assert idle.next_due_on == date(2026, 3, 2)


def test_readings_are_never_changed(session, machine):
    meters.record(session, machine, 5, None)
    with pytest.raises(AppendOnlyError):
        session.execute(sa.update(MeterReading).values(value=6))
