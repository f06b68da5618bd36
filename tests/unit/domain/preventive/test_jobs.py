"""Jobs: opened ahead of their due dates, each once, whatever the calendar and the clock do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app import clock as product_clock
from app.clock import ManualClock
from app.domain import settings, stock
from app.domain.machine_register import update_machine
from app.domain.preventive import due, jobs, meters, plans, recurrence
from app.domain.preventive.completion import log_completion
from app.domain.preventive.models import PreventiveJob, PreventiveLog
from app.errors import BusinessError, Conflict
from tests.factories import make_machine, make_part, make_preventive_task, make_user


def sweep(session, task):
    """Open what is due of one task, as the scheduler does; answers the due dates."""
    opened = []
    while (day := jobs.next_to_open(session, task)) is not None:
        jobs.open_job(session, task, day, f"PM-{task.id}-{day}-{len(opened)}-{product_clock.now():%H%M}")
        opened.append(day)
    return opened


def test_a_job_is_opened_as_many_days_ahead_as_the_plan_says(session, clock):
    task = make_preventive_task(session, rrule="FREQ=MONTHLY;BYMONTHDAY=-1", lead_days=7)
    assert (task.next_job_on, task.opens_on) == (date(2026, 3, 31), date(2026, 3, 24))
    clock.time = datetime(2026, 3, 23, 23, 59, tzinfo=UTC)
    assert sweep(session, task) == []
    clock.time = datetime(2026, 3, 24, tzinfo=UTC)
    assert jobs.to_open(session, 0, 10) == [task.id]
    assert sweep(session, task) == [date(2026, 3, 31)]
    assert (task.next_due_on, task.next_job_on) == (date(2026, 3, 31), date(2026, 4, 30))
    assert jobs.to_open(session, task.id, 10) == []


def test_nothing_due_is_one_statement_by_an_index(session, clock):
    make_preventive_task(session, rrule="FREQ=YEARLY", starts_on=date(2027, 1, 1))
    seen = []
    sa.event.listen(session.get_bind(), "before_cursor_execute", lambda *args: seen.append(args[2]))
    assert jobs.to_open(session, 0, 50) == []
    assert len(seen) == 1


def test_after_an_outage_each_due_date_is_opened_or_only_the_newest(session, clock):
    each = make_preventive_task(session, rrule="FREQ=DAILY;INTERVAL=2")
    newest = make_preventive_task(session, rrule="FREQ=DAILY;INTERVAL=2", missed="NEWEST")
    clock.advance(days=7)  # 9 March
    days = [date(2026, 3, day) for day in (2, 4, 6, 8)]
    assert sweep(session, each) == days
    assert sweep(session, newest) == days[-1:]
    logs = session.scalars(
        sa.select(PreventiveLog).where(PreventiveLog.task_id == newest.id).order_by(PreventiveLog.due_on)
    ).all()
    assert [log.due_on for log in logs] == days[:-1]
    assert {(log.outcome, log.performed_by, log.notes) for log in logs} == {
        ("SKIPPED", None, jobs.MISSED_REASON)
    }
    assert (newest.next_due_on, newest.last_done_on) == (days[-1], None)


def test_jobs_are_dealt_with_in_any_order(session, clock):
    task = make_preventive_task(session, rrule="FREQ=DAILY")
    clock.advance(days=2)
    first, second, third = sweep(session, task)
    log_completion(session, task, None, due_on=second)
    assert task.next_due_on == first
    with pytest.raises(Conflict, match="already"):
        log_completion(session, task, None, due_on=second)
    log_completion(session, task, None)  # the oldest, unless said
    assert task.next_due_on == third
    found = session.scalars(sa.select(PreventiveJob.status).order_by(PreventiveJob.due_on)).all()
    assert found == ["DONE", "DONE", "OPEN"]
    # One that is not open yet may be done before its time, and is not opened any more.
    log_completion(session, task, None, due_on=date(2026, 3, 5))
    clock.advance(days=2)
    assert sweep(session, task) == [date(2026, 3, 6)]


def test_a_due_date_is_not_opened_twice(session, clock):
    task = make_preventive_task(session)
    (day,) = sweep(session, task)
    with pytest.raises(BusinessError, match="opened for that already"):
        jobs.open_job(session, task, day, "PM-again")


def test_a_plan_out_of_use_calls_its_jobs_off_and_may_open_them_again(session, clock):
    task = make_preventive_task(session)
    (day,) = sweep(session, task)
    plans.deactivate_task(session, task, None)
    job = jobs.get_job(session, task.id, day)
    assert (job.status, job.log_id) == ("CANCELLED", None)
    assert sweep(session, task) == []
    plans.update_task(session, task, None, active=True)
    assert sweep(session, task) == [day]
    assert jobs.get_job(session, task.id, day) is job and job.is_open


def test_another_rule_calls_off_what_was_opened_ahead(session, clock):
    task = make_preventive_task(session, rrule="FREQ=WEEKLY;BYDAY=MO", lead_days=7)
    assert sweep(session, task) == [date(2026, 3, 2), date(2026, 3, 9)]
    plans.update_task(session, task, None, rrule="FREQ=WEEKLY;BYDAY=TU")
    found = {job.due_on.day: job.status for job in session.scalars(sa.select(PreventiveJob))}
    assert found == {2: "OPEN", 9: "CANCELLED"}
    assert sweep(session, task) == [date(2026, 3, 3)]
    assert task.next_due_on == date(2026, 3, 2)


def test_a_decommissioned_machine_needs_nothing(session, clock):
    machine = make_machine(session)
    task = make_preventive_task(session, machine=machine, lead_days=30)
    sweep(session, task)
    update_machine(session, machine, None, status="DECOMMISSIONED")
    assert {job.status for job in session.scalars(sa.select(PreventiveJob))} == {"CANCELLED"}
    clock.advance(days=60)
    assert jobs.to_open(session, 0, 10) == [] and sweep(session, task) == []


def test_the_meter_opens_a_job_and_a_correction_calls_it_off(session, clock):
    machine = make_machine(session)
    meters.record(session, machine, 100, None)
    task = make_preventive_task(session, machine=machine, meter_interval=50)
    assert sweep(session, task) == []
    meters.record(session, machine, 151, None)
    assert sweep(session, task) == [date(2026, 3, 2)]
    meters.record(session, machine, 115, None, kind="CORRECTION", note="misread")
    assert (task.next_due_on, task.next_job_on) == (None, None)
    assert {job.status for job in session.scalars(sa.select(PreventiveJob))} == {"CANCELLED"}
    meters.record(session, machine, 150, None)
    assert sweep(session, task) == [date(2026, 3, 2)]


def test_what_cannot_be_opened_is_tried_again_later(session, clock):
    task = make_preventive_task(session)
    jobs.opening_failed(session, task, "no process")
    assert jobs.to_open(session, 0, 10) == []
    clock.advance(minutes=10)
    assert jobs.to_open(session, 0, 10) == [task.id]
    sweep(session, task)
    assert (task.opening_error, task.open_after) == ("", None)


def test_a_kit_leaves_the_store_as_a_whole_or_not_at_all(session, clock):
    user, few = make_user(session), make_part(session, 1)
    many = make_part(session, 9)
    kit = [{"partId": many.id, "quantity": 2}, {"partId": few.id, "quantity": 2}]
    task = make_preventive_task(session, parts=kit)
    sweep(session, task)
    (job,) = jobs.open_jobs(session, task.id)
    session.commit()
    with pytest.raises(BusinessError) as refused:
        jobs.issue_kit(session, job, kit, user.id)
    assert (refused.value.code, refused.value.field) == ("NOT_ENOUGH_STOCK", "kit.1.quantityUsed")
    session.rollback()
    (movement,) = jobs.issue_kit(session, job, kit[:1], user.id)
    assert (movement.transaction_type, movement.quantity, many.quantity) == ("OUT", 2, 7)
    assert (movement.reference_type, movement.reference_id) == (stock.ReferenceType.PREVENTIVE, job.id)


RULES = [
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU",
    "FREQ=MONTHLY;BYMONTHDAY=31",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=MONTHLY;BYDAY=1MO",
    "FREQ=YEARLY",
]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"]


@given(
    # Starts around month ends, leap days and the days on which clocks are changed.
    start=st.dates(date(2023, 12, 20), date(2024, 12, 31)),
    rule=st.sampled_from(RULES),
    zone=st.sampled_from(ZONES),
    lead=st.integers(0, 40),
    missed=st.sampled_from(["EACH", "NEWEST"]),
    # Hours between two looks of the scheduler: some short, some an outage of weeks.
    pauses=st.lists(st.integers(1, 700), min_size=1, max_size=12),
)
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_each_due_date_is_opened_once_and_on_its_day(session, start, rule, zone, lead, missed, pauses):
    settings.change_site(session, None, time_zone=zone)
    begin = datetime.combine(start, time(), ZoneInfo(zone)).astimezone(UTC)
    with product_clock.use(ManualClock(begin)):
        task = make_preventive_task(session, rrule=rule, starts_on=start, lead_days=lead, missed=missed)
        opened = sweep(session, task)
        for hours in pauses:
            product_clock.now()
            begin += timedelta(hours=hours)
            with product_clock.use(ManualClock(begin)):
                opened += sweep(session, task)
                today = due.site_date(session)
        assert begin.astimezone(ZoneInfo(zone)).date() == today
    wanted = recurrence.between(rule, start, start, today + timedelta(days=lead))
    skipped = session.scalars(sa.select(PreventiveLog.due_on).where(PreventiveLog.task_id == task.id)).all()
    assert sorted([*opened, *skipped]) == wanted
    assert len(set(opened)) == len(opened)
    if missed == "EACH":
        assert not skipped
    assert task.next_due_on == (min(opened) if opened else task.next_job_on)


@given(day=st.dates(date(2020, 1, 1), date(2032, 12, 31)), zone=st.sampled_from(ZONES))
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_due_date_ends_when_the_next_day_begins_at_the_site(session, day, zone):
    settings.change_site(session, None, time_zone=zone)
    end = jobs.due_at(session, PreventiveJob(due_on=day))
    assert end.tzinfo is UTC
    assert (end - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() == day
    assert end.astimezone(ZoneInfo(zone)).date() == day + timedelta(days=1)
