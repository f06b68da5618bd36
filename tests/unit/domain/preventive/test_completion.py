"""Logs: each due date is dealt with once, and leads to the next one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain import attachments, settings
from app.domain.append_only import AppendOnlyError
from app.domain.preventive import completion, meters, plans, recurrence
from app.domain.preventive.completion import log_completion
from app.domain.preventive.models import MeterReading, PreventiveLog
from app.domain.queries.people import activity_of
from app.domain.scanning import NoScanner
from app.errors import BusinessError, Conflict
from app.storage import FolderStore
from tests.factories import make_machine, make_preventive_task, make_user

CHECKLIST = [{"text": "Guard closed"}, {"text": "Pressure", "kind": "value", "maximum": 6}]


def answers(passed=True, value=5):
    return [{"item": 1, "passed": passed}, {"item": 2, "value": value}]


def test_a_log_keeps_what_was_found_and_moves_the_task_on(session, clock):
    technician = make_user(session)
    task = make_preventive_task(session, checklist=CHECKLIST)
    log = log_completion(
        session, task, technician.id,
        minutes_spent=30, notes=" all well ", answers=answers(), due_on=date(2026, 3, 2),
    )  # fmt: skip
    session.commit()
    session.expire_all()
    assert (log.due_on, log.outcome, log.minutes_spent, log.notes) == (
        date(2026, 3, 2), "DONE", 30, "all well",
    )  # fmt: skip
    assert (log.performed_at, log.performer) == (clock(), technician)
    assert [answer["passed"] for answer in log.answers] == [True, True]
    assert (task.next_due_on, task.last_done_on) == (date(2026, 3, 9), date(2026, 3, 2))
    entry = activity_of(session, "PREVENTIVE_TASK", task.id)[-1]
    assert (entry.action, entry.user_id) == ("LOG_PREVENTIVE_TASK", technician.id)
    assert entry.after["nextDueOn"] == "2026-03-09"


def test_a_late_job_does_not_swallow_the_next_due_date(session, clock):
    task = make_preventive_task(session, rrule="FREQ=WEEKLY;BYDAY=MO")
    clock.advance(days=15)
    log_completion(session, task, None)
    assert task.next_due_on == date(2026, 3, 9)
    assert task.is_overdue(date(2026, 3, 17))
    assert task.last_done_on == date(2026, 3, 17)


def test_a_job_may_be_done_early(session, clock):
    task = make_preventive_task(session, rrule="FREQ=MONTHLY;BYMONTHDAY=-1")
    log = log_completion(session, task, None)
    assert (log.due_on, task.next_due_on) == (date(2026, 3, 31), date(2026, 4, 30))


@given(
    start=st.dates(date(2024, 1, 1), date(2029, 12, 31)),
    rule=st.sampled_from(
        [
            "FREQ=DAILY;INTERVAL=10",
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR",
            "FREQ=MONTHLY;BYMONTHDAY=31",
            "FREQ=MONTHLY;BYMONTHDAY=-1",
            "FREQ=MONTHLY;BYDAY=-1FR",
            "FREQ=YEARLY",
        ]
    ),
    delays=st.lists(st.integers(-3, 40), min_size=1, max_size=6),
)
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_due_date_is_dealt_with_exactly_once_in_order(session, start, rule, delays):
    task = make_preventive_task(session, rrule=rule, starts_on=start)
    seen = []
    for delay in delays:
        seen.append(task.next_due_on)
        moment = datetime(2000, 1, 1, 12, tzinfo=UTC) + timedelta(days=delay)
        log_completion(session, task, None, performed_at=moment)
    following = [*seen, task.next_due_on]
    assert following == recurrence.between(task.rrule, start, start, following[-1])


def test_the_day_is_that_of_the_site(session, clock):
    settings.change_site(session, None, time_zone="America/Los_Angeles")
    task = make_preventive_task(session, rrule="FREQ=DAILY", starts_on=date(2026, 3, 1))
    log_completion(session, task, None, performed_at=datetime(2026, 3, 2, 7, 30, tzinfo=UTC))
    assert task.last_done_on == date(2026, 3, 1)


def test_one_due_date_is_not_dealt_with_twice(session, clock):
    first, second = make_user(session, name="Ada"), make_user(session)
    task = make_preventive_task(session)
    log_completion(session, task, first.id, due_on=date(2026, 3, 2))
    with pytest.raises(Conflict, match="already, by Ada"):
        log_completion(session, task, second.id, due_on=date(2026, 3, 2))
    assert task.next_due_on == date(2026, 3, 9)


def test_the_database_has_no_two_logs_of_one_due_date(session, clock):
    task = make_preventive_task(session)
    log = log_completion(session, task, None)
    session.add(PreventiveLog(task_id=task.id, due_on=log.due_on, performed_at=clock(), outcome="DONE"))
    with pytest.raises(sa.exc.IntegrityError):
        session.flush()


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"due_on": date(2026, 3, 3)}, "BAD_DUE_DATE", "dueOn"),
        ({"performed_at": datetime(2026, 3, 2, 9, tzinfo=UTC)}, "BAD_TIME", "performedAt"),
        ({"outcome": "GREAT"}, "BAD_OUTCOME", "outcome"),
        ({"minutes_spent": -1}, "BAD_MINUTES", "minutesSpent"),
        ({"notes": "x" * 10_001}, "NOTES_TOO_LONG", "notes"),
        ({"answers": []}, "ANSWER_MISSING", "answers"),
        ({"answers": answers(passed=False), "outcome": "DONE"}, "BAD_OUTCOME", "outcome"),
        ({"outcome": "FAILED"}, "NOTES_MISSING", "notes"),
        ({"outcome": "SKIPPED", "answers": []}, "NOTES_MISSING", "notes"),
        ({"outcome": "SKIPPED", "notes": "holidays"}, "BAD_ANSWER", "answers"),
        ({"meter_reading": "much"}, "BAD_READING", "meterReading"),
        ({"photos": [4711]}, "UNKNOWN_ATTACHMENT", "photos.0"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(session, clock, refuses, given, code, field):
    task = make_preventive_task(session, checklist=CHECKLIST)
    session.commit()
    with unit_of_work(session), refuses(code, field), session.begin_nested():
        log_completion(session, task, None, **{"answers": answers(), **given})
    session.expire_all()
    assert (task.next_due_on, task.last_done_on) == (date(2026, 3, 2), None)
    assert session.scalars(sa.select(PreventiveLog)).all() == []


def test_an_inactive_task_is_not_carried_out(session, refuses):
    task = make_preventive_task(session)
    plans.deactivate_task(session, task, None)
    with refuses("TASK_INACTIVE"):
        log_completion(session, task, None)


def test_what_did_not_pass_makes_the_outcome_failed_and_still_counts_as_carried_out(session, clock):
    task = make_preventive_task(session, checklist=CHECKLIST)
    log = log_completion(session, task, None, answers=answers(value=7))
    assert (log.outcome, task.last_done_on) == ("FAILED", date(2026, 3, 2))
    entry = activity_of(session, "PREVENTIVE_TASK", task.id)[-1]
    assert entry.after["failed"] == ["Pressure"]


def test_a_skipped_date_is_over_but_nothing_was_done(session, clock):
    task = make_preventive_task(session, checklist=CHECKLIST)
    log_completion(session, task, None, outcome="SKIPPED", notes="no electricity")
    assert (task.next_due_on, task.last_done_on) == (date(2026, 3, 9), None)


def test_photos_belong_to_the_log(session, clock, tmp_path):
    from io import BytesIO

    technician, task = make_user(session), make_preventive_task(session)
    photo = attachments.store(
        session, FolderStore(tmp_path), NoScanner(), BytesIO(b"seen"), "seen.txt", technician.id
    )
    log = log_completion(session, task, technician.id, photos=[photo.id])
    assert attachments.of(session, "PREVENTIVE_LOG", log.id) == [photo]


def test_logs_are_never_changed(session, clock):
    log = log_completion(session, make_preventive_task(session), None)
    session.commit()
    log.notes = "other"
    with pytest.raises(AppendOnlyError):
        session.flush()


def test_the_hours_of_a_meter_task_are_counted_from_when_it_was_done(session, clock):
    machine = make_machine(session)
    task = make_preventive_task(session, machine=machine, meter_interval=500, last_meter_reading=0)
    meters.record(session, machine, 510, None)
    assert task.next_due_on == date(2026, 3, 2)
    clock.advance(days=3)
    log = log_completion(session, task, None, meter_reading="530.5")
    assert (log.due_on, log.meter_reading) == (date(2026, 3, 2), meters.checked_hours("530.5", field=""))
    assert (task.next_due_on, task.next_due_reading) == (None, 1030.5)
    assert [row.value for row in session.scalars(sa.select(MeterReading))] == [510, 530.5]


def test_a_meter_task_done_early_belongs_to_that_day_and_only_once(session, clock):
    machine = make_machine(session)
    task = make_preventive_task(session, machine=machine, meter_interval=500, last_meter_reading=0)
    log = log_completion(session, task, None, meter_reading=100)
    assert (log.due_on, task.next_due_reading) == (date(2026, 3, 2), 600)
    with pytest.raises(Conflict, match="already"):
        log_completion(session, task, None, meter_reading=101)
    meters.record(session, machine, 601, None)
    assert task.next_due_on == date(2026, 3, 3)  # the day before is taken


def test_a_meter_task_needs_a_reading(session, clock, refuses):
    task = make_preventive_task(session, meter_interval=500)
    with refuses("READING_MISSING", "meterReading"):
        log_completion(session, task, None)


def test_a_reading_with_a_log_must_fit_the_meter(session, clock):
    machine = make_machine(session)
    meters.record(session, machine, 510, None)
    task = make_preventive_task(session, machine=machine, meter_interval=100)
    with pytest.raises(BusinessError) as refused:
        log_completion(session, task, None, meter_reading=509)
    assert (refused.value.code, refused.value.field) == ("READING_FELL", "meterReading")


@pytest.mark.databases
def test_two_at_once_make_one_log(database: sa.Engine, clock):
    with Session(database) as session:
        task = make_preventive_task(session)
        session.commit()
        task_id = task.id
    with Session(database) as one, Session(database) as two:
        mine = plans.get_task(two, task_id)  # read before the other one acts
        assert mine.next_due_on == date(2026, 3, 2)
        two.rollback()
        with unit_of_work(one):
            log_completion(one, plans.get_task(one, task_id), None, due_on=date(2026, 3, 2))
        with pytest.raises(Conflict), unit_of_work(two):
            completion.log_completion(two, plans.get_task(two, task_id), None, due_on=date(2026, 3, 2))
