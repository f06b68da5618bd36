"""Writing down that a preventive task was carried out, or why it was not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.domain import activity, attachments, values
from app.domain.entities import EntityType
from app.domain.preventive import checklist, due, jobs, meters
from app.domain.preventive.models import Outcome, PreventiveLog, PreventiveTask
from app.domain.preventive.plans import lock_task
from app.errors import BusinessError, Conflict


def log_completion(
    session: Session,
    task: PreventiveTask,
    by: int | None,
    *,
    due_on: date | None = None,
    performed_at: datetime | None = None,
    outcome: str | None = None,
    minutes_spent: int = 0,
    notes: str = "",
    answers: Iterable[Mapping[str, Any]] = (),
    meter_reading: Any = None,
    photos: Iterable[int] = (),
) -> PreventiveLog:
    """Write the log of one of a task's due dates, close its job, and move the task on.

    ``due_on`` is the due date of an open job, or the next one that no job was opened for yet; the oldest
    of these unless given. Jobs may be dealt with in any order.
    ``performed_at`` is now unless given. ``answers`` are as :func:`checklist.checked_answers` takes them;
    a skipped task has none. Without ``outcome`` it is FAILED when an item failed, else DONE.
    ``meter_reading`` (hours) is also kept as a reading of the machine's meter, and a meter task needs one,
    unless the meter was read before. ``photos`` are attachment ids.

    :raises BusinessError: TASK_INACTIVE, BAD_DUE_DATE, BAD_TIME, BAD_OUTCOME, NOTES_MISSING,
        NOTES_TOO_LONG, BAD_MINUTES,
        BAD_ANSWER, ANSWER_MISSING, READING_MISSING, UNKNOWN_ATTACHMENT, or what :func:`meters.record` raises
        about the reading
    :raises Conflict: this due date was dealt with already; the message says by whom
    """
    task = lock_task(session, task)
    if not task.active:
        raise BusinessError("TASK_INACTIVE", f"{task.title} is no longer in use; activate it first.")
    moment = _checked_moment(performed_at)
    day = _due_date(session, task, due_on, moment)
    notes = values.line(
        notes, code="NOTES", what="note", field="notes", most=values.PROSE, required=False
    )  # fmt: skip
    found, result = _result(task, outcome, answers, notes)
    minutes = values.whole_number(
        minutes_spent,
        least=0, code="BAD_MINUTES", message="The time spent is a whole number of minutes, 0 or more.",
        field="minutesSpent",
    )  # fmt: skip
    hours = None
    if meter_reading is not None:
        hours = _read_meter(session, task.machine, meter_reading, by, moment)
    log = PreventiveLog(
        task_id=task.id,
        due_on=day,
        performed_at=moment,
        performed_by=by,
        outcome=result,
        minutes_spent=minutes,
        notes=notes,
        answers=found,
        meter_reading=hours,
    )
    session.add(log)
    session.flush()
    job = jobs.get_job(session, task.id, day)
    if job is not None and job.is_open:
        jobs.close(session, job, log)
    _move_on(session, task, log)
    attachments.link(session, photos, EntityType.PREVENTIVE_LOG, log.id, by)
    activity.record(
        session, "LOG_PREVENTIVE_TASK", EntityType.PREVENTIVE_TASK, task.id, by,
        after={
            "logId": log.id, "dueOn": day.isoformat(), "outcome": result, "minutes": minutes,
            "failed": [answer["asked"] for answer in checklist.failed(found)],
            "nextDueOn": None if task.next_due_on is None else task.next_due_on.isoformat(),
        },
    )  # fmt: skip
    return log


def check(
    session: Session,
    task: PreventiveTask,
    *,
    due_on: date | None = None,
    performed_at: datetime | None = None,
    outcome: str | None = None,
    answers: Iterable[Mapping[str, Any]] = (),
    notes: str = "",
) -> date:
    """Which due date a log would be about; refuses what :func:`log_completion` would refuse about it.

    Nothing is locked: that waits for whoever opens the job or writes the log.
    """
    if not task.active:
        raise BusinessError("TASK_INACTIVE", f"{task.title} is no longer in use; activate it first.")
    day = _due_date(session, task, due_on, _checked_moment(performed_at))
    _result(task, outcome, answers, notes)
    return day


def _checked_moment(performed_at: datetime | None) -> datetime:
    moment = clock.now() if performed_at is None else performed_at
    if moment > clock.now() + timedelta(minutes=5):  # clocks of phones are never quite right
        raise BusinessError("BAD_TIME", "It cannot have been done in the future.", field="performedAt")
    return moment


def _due_date(session: Session, task: PreventiveTask, wanted: date | None, moment: datetime) -> date:
    """The due date that is dealt with: an open one. A meter task that is done early has that day's."""
    if wanted is not None and wanted not in (task.next_due_on, task.next_job_on):
        job = jobs.get_job(session, task.id, wanted)
        if job is None or not job.is_open:
            _refuse_date(session, task, wanted)
    if wanted is not None or task.next_due_on is not None:
        return wanted or task.next_due_on  # type: ignore[return-value]
    if task.rrule is not None:
        raise BusinessError("BAD_DUE_DATE", f"{task.title} is not due any more.", field="dueOn")
    day, logged = due.site_date(session, moment), due.last_logged(session, task)
    if logged is not None and day <= logged:
        who = _logged_by(session, task, logged)
        raise Conflict(f"{task.title} was dealt with on {logged} already, by {who}.")
    return day


def _refuse_date(session: Session, task: PreventiveTask, wanted: date) -> None:
    """Say why this is not the due date that is open.

    :raises Conflict: it was dealt with
    :raises BusinessError: BAD_DUE_DATE
    """
    if who := _logged_by(session, task, wanted):
        raise Conflict(f"{task.title}, due on {wanted}, was dealt with already, by {who}.")
    is_due = "is not due yet" if task.next_due_on is None else f"is due on {task.next_due_on}"
    raise BusinessError("BAD_DUE_DATE", f"{task.title} {is_due}, not on {wanted}.", field="dueOn")


def _logged_by(session: Session, task: PreventiveTask, day: date) -> str | None:
    query = sa.select(PreventiveLog).where(PreventiveLog.task_id == task.id, PreventiveLog.due_on == day)
    log = session.scalars(query).first()
    if log is None:
        return None
    return "the system" if log.performer is None else log.performer.name


def _result(
    task: PreventiveTask, outcome: str | None, answers: Iterable[Mapping[str, Any]], notes: str
) -> tuple[list[dict[str, Any]], str]:
    """The answers as they are kept, and the outcome that goes with them."""
    if outcome is not None:
        values.one_of(outcome, list(Outcome), code="BAD_OUTCOME", what="outcome", field="outcome")
    if outcome == Outcome.SKIPPED:
        if list(answers):
            message = "A task that was skipped has no answers."
            raise BusinessError("BAD_ANSWER", message, field="answers")
        values.text(notes, code="NOTES_MISSING", message="Say why it was skipped.", field="notes")
        return [], Outcome.SKIPPED
    found = checklist.checked_answers(task.checklist, answers)
    failed = checklist.failed(found)
    if failed and outcome == Outcome.DONE:
        message = f"“{failed[0]['asked']}” has not passed; the outcome is {Outcome.FAILED}."
        raise BusinessError("BAD_OUTCOME", message, field="outcome")
    if outcome == Outcome.FAILED and not failed:
        values.text(notes, code="NOTES_MISSING", message="Say what is not as it should be.", field="notes")
    return found, outcome or (Outcome.FAILED if failed else Outcome.DONE)


def _read_meter(session: Session, machine: Any, value: Any, by: int | None, moment: datetime) -> Decimal:
    """Keep the reading that came with a log; its errors are about the log's field."""
    try:
        return meters.record(session, machine, value, by, read_at=moment).value
    except BusinessError as error:
        fields = {"value": "meterReading", "readAt": "performedAt"}
        raise BusinessError(error.code, error.message, field=fields.get(error.field or "")) from None


def _move_on(session: Session, task: PreventiveTask, log: PreventiveLog) -> None:
    """Set the task's next due date, and when it was last done."""
    hours = log.meter_reading
    if task.meter_interval is not None and hours is None:
        hours = meters.latest_hours(session, task.machine_id)
        if hours is None:
            message = "Read the meter: the next time is counted from there."
            raise BusinessError("READING_MISSING", message, field="meterReading")
    due.advance(session, task, log.due_on, hours)
    if Outcome(log.outcome).performed:
        done = due.site_date(session, log.performed_at)
        task.last_done_on = done if task.last_done_on is None else max(done, task.last_done_on)
    session.flush()
