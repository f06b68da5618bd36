"""Preventive maintenance: what is done to machines before they fail, when it is due, and what was found."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, WithJsonSchema

from app.api import lifecycle
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import (
    Day,
    Id,
    In,
    Instant,
    LongText,
    Named,
    Out,
    PageOf,
    Paging,
    Text,
    left_out,
)
from app.api.references import MachineInDepartment, PartRef
from app.domain.machines import Machine
from app.domain.people import Role
from app.domain.preventive import checklist, completion, due, meters, plans, recurrence
from app.domain.preventive.checklist import ItemKind
from app.domain.preventive.models import (
    MeterReading,
    Missed,
    Outcome,
    PreventiveLog,
    PreventiveTask,
    ReadingKind,
)
from app.domain.queries import preventive as lists
from app.domain.queries.paging import Page
from app.errors import BusinessError, Conflict
from app.processes import preventive_opening
from app.processes.preventive_maintenance import SUBJECT

resource = Resource(
    "Preventive maintenance",
    "Tasks that recur by the calendar (RFC 5545 rules) or by the hours a machine has run, and their logs.",
)

UPCOMING_DAYS = 30  # that a list of upcoming tasks looks ahead unless told otherwise

Worker = Literal[Role.MAINTENANCE_TECH, Role.MAINTENANCE_MANAGER]
Rule = Annotated[
    str, Field(min_length=1, max_length=recurrence.MAX_LENGTH, examples=["FREQ=MONTHLY;BYMONTHDAY=-1"])
]
HoursBetween = Annotated[int, Field(ge=1, le=plans.MAX_METER_INTERVAL)]
HoursRead = Annotated[float, Field(ge=0, le=float(meters.MAX_HOURS), allow_inf_nan=False)]
Measured = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
Minutes = Annotated[int, Field(ge=1, le=1_000_000)]
# Hours of a meter are measured, not counted like money: a JSON number.
HoursOut = Annotated[
    Decimal, PlainSerializer(float, return_type=float, when_used="json"), WithJsonSchema({"type": "number"})
]


class ChecklistItem(Out):
    """An item of a checklist."""

    id: int
    text: str
    kind: ItemKind
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None


class KitPartOut(Out):
    """A part that carrying out a task takes."""

    part: PartRef
    quantity: int


class PreventiveTaskOut(Out):
    """Something that is done to a machine again and again."""

    id: int
    machine: MachineInDepartment
    title: str
    description: str
    rrule: str | None = Field(description="An iCalendar RRULE (RFC 5545); null for a meter task.")
    meter_interval: int | None = Field(description="Hours; null for a calendar task.")
    starts_on: date
    lead_days: int = Field(description="How many days ahead the work is handed out.")
    estimated_minutes: int | None
    checklist: list[ChecklistItem]
    parts: list[KitPartOut]
    role: str
    technician: Named | None
    active: bool
    missed: Missed = Field(description="Whether EACH due date missed in an outage is made up for.")
    next_due_on: date | None = Field(
        description="The oldest due date that nobody has dealt with, in the site's time zone."
    )
    next_due_reading: HoursOut | None = Field(description="The meter reading at which a meter task is due.")
    last_done_on: date | None
    last_meter_reading: HoursOut | None = Field(description="Where the hours are counted from.")
    created_at: Instant
    updated_at: Instant


class ItemIn(In):
    """An item of a checklist. One that is there already brings its id."""

    id: Id = left_out()
    text: Annotated[str, Field(min_length=1, max_length=checklist.TEXT_LENGTH)]
    kind: ItemKind = ItemKind.PASS_FAIL
    unit: Annotated[str, Field(max_length=checklist.UNIT_LENGTH)] = left_out()
    minimum: Measured = left_out()
    maximum: Measured = left_out()


class KitPartIn(In):
    """A part that carrying out a task takes, and how many."""

    part_id: Id
    quantity: Annotated[int, Field(ge=1, le=1_000_000)] = 1


Items = Annotated[list[ItemIn], Field(max_length=checklist.MAX_ITEMS)]
Kit = Annotated[list[KitPartIn], Field(max_length=100)]
LeadDays = Annotated[int, Field(ge=0, le=plans.MAX_LEAD_DAYS)]


class PreventiveTaskIn(In):
    """A new task: either `rrule` or `meterInterval`. It starts today unless `startsOn` says otherwise."""

    machine_id: Id
    title: Text
    description: LongText = ""
    rrule: Rule | None = None
    meter_interval: HoursBetween | None = None
    starts_on: Day = left_out()
    lead_days: LeadDays = 0
    estimated_minutes: Minutes | None = None
    checklist: Items = left_out()
    parts: Kit = left_out()
    role: Worker = Role.MAINTENANCE_TECH
    technician_id: Id | None = None
    last_meter_reading: HoursRead | None = None
    missed: Missed = Missed.EACH


class PreventiveTaskChanges(In):
    """What changes; what is left out stays. To go from calendar to meter, send `rrule` as null."""

    machine_id: Id = left_out()
    title: Text = left_out()
    description: LongText = left_out()
    rrule: Rule | None = None
    meter_interval: HoursBetween | None = None
    starts_on: Day = left_out()
    lead_days: LeadDays = left_out()
    estimated_minutes: Minutes | None = None
    checklist: Items = left_out()
    parts: Kit = left_out()
    role: Worker = left_out()
    technician_id: Id | None = None
    last_meter_reading: HoursRead | None = None
    active: bool = left_out()
    missed: Missed = left_out()


class UpcomingFilters(Paging):
    """Which upcoming tasks, in which order."""

    until: Day = left_out()
    machine_id: Id = left_out()
    department_id: Id = left_out()
    technician_id: Id = left_out()
    role: Worker = left_out()
    sort: Literal[
        "nextDueOn", "-nextDueOn", "title", "-title", "machine", "-machine"
    ] = "nextDueOn"  # fmt: skip


class PreventiveTaskFilters(Paging):
    """Which tasks, in which order."""

    machine_id: Id = left_out()
    department_id: Id = left_out()
    technician_id: Id = left_out()
    role: Worker = left_out()
    active: bool = left_out()
    metered: bool = left_out()
    due_until: Day = left_out()
    overdue: bool = False
    sort: Literal[
        "nextDueOn", "-nextDueOn", "title", "-title", "machine", "-machine", "lastDoneOn", "-lastDoneOn",
        "startsOn", "-startsOn", "createdAt", "-createdAt", "updatedAt", "-updatedAt",
    ] = "nextDueOn"  # fmt: skip


class AnswerOut(Out):
    """What was asked and what was found. `passed` is null where there is nothing to pass."""

    item: int
    asked: str
    kind: ItemKind
    passed: bool | None = None
    value: float | None = None
    text: str | None = None
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    note: str | None = None


class PreventiveLogOut(Out):
    """What became of a task on one due date."""

    id: int
    task_id: int
    due_on: date
    performed_at: Instant
    performer: Named | None
    outcome: Outcome
    minutes_spent: int
    notes: str
    answers: list[AnswerOut]
    meter_reading: HoursOut | None
    recorded_at: Instant


class AnswerIn(In):
    """The answer to an item: `passed`, `value` or `text`, as its kind asks for."""

    item: Id
    passed: bool = left_out()
    value: Measured = left_out()
    text: Annotated[str, Field(max_length=checklist.ANSWER_LENGTH)] = left_out()
    note: Annotated[str, Field(max_length=checklist.ANSWER_LENGTH)] = left_out()


class PreventiveLogIn(In):
    """That a task was carried out, or why it was not.

    `dueOn` says which due date is meant, so that none is dealt with twice. Without `outcome` it is FAILED
    when an item failed, else DONE. A skipped task has notes and no answers.
    """

    task_id: Id
    due_on: Day = left_out()
    performed_at: Instant = left_out()
    outcome: Outcome = left_out()
    minutes_spent: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    notes: LongText = ""
    answers: Annotated[list[AnswerIn], Field(max_length=checklist.MAX_ITEMS)] = left_out()
    meter_reading: HoursRead = left_out()
    photos: Annotated[list[Id], Field(max_length=20, description="Ids of uploaded files.")] = left_out()


class LogFilters(Paging):
    """Which logs of a task, in which order."""

    outcome: Outcome = left_out()
    sort: Literal[
        "dueOn", "-dueOn", "performedAt", "-performedAt", "minutesSpent", "-minutesSpent"
    ] = "-dueOn"  # fmt: skip


class MeterReadingOut(Out):
    """What a machine's hour meter showed at a time."""

    id: int
    machine_id: int
    value: HoursOut = Field(description="Hours.")
    kind: ReadingKind
    read_at: Instant
    recorder: Named | None
    note: str


class MeterReadingIn(In):
    """What the meter shows, in hours. It never falls, but for a REPLACEMENT or a CORRECTION, with a note."""

    value: HoursRead
    kind: ReadingKind = ReadingKind.READING
    read_at: Instant = left_out()
    note: Annotated[str, Field(max_length=meters.NOTE_LENGTH)] = ""


class ReadingFilters(Paging):
    """Which readings, in which order."""

    sort: Literal["readAt", "-readAt"] = "-readAt"


@resource.get(
    "/preventive-maintenance/tasks",
    needs="preventive-maintenance:read",
    answers=PageOf[PreventiveTaskOut],
)
def list_preventive_tasks(query: PreventiveTaskFilters) -> Page[PreventiveTask]:
    """List preventive tasks."""
    return lists.list_tasks(calls.session(), **query.for_list())


@resource.get(
    "/preventive-maintenance/tasks/upcoming",
    needs="preventive-maintenance:read",
    answers=PageOf[PreventiveTaskOut],
)
def list_upcoming_preventive_tasks(query: UpcomingFilters) -> Page[PreventiveTask]:
    """List active tasks that are due soon, overdue ones first: until a day, or in the next 30 days."""
    filters = query.for_list()
    until = filters.pop("until", None) or due.site_date(calls.session()) + timedelta(days=UPCOMING_DAYS)
    return lists.upcoming(calls.session(), until, **filters)


@resource.get(
    "/preventive-maintenance/tasks/{task_id}",
    needs="preventive-maintenance:read",
    answers=PreventiveTaskOut,
    etag=True,
)
def get_preventive_task(task_id: Id) -> PreventiveTask:
    """Get a preventive task."""
    return find(PreventiveTask, task_id)


@resource.post(
    "/preventive-maintenance/tasks",
    needs="preventive-maintenance:write",
    answers=PreventiveTaskOut,
    status=201,
    etag=True,
)
def create_preventive_task(body: PreventiveTaskIn) -> PreventiveTask:
    """Create a preventive task, due by the calendar or by the hours that its machine has run."""
    made = plans.create_task(calls.session(), calls.user_id(), **_for_plan(body))
    calls.location(f"/preventive-maintenance/tasks/{made.id}")
    return made


@resource.put(
    "/preventive-maintenance/tasks/{task_id}",
    needs="preventive-maintenance:write",
    answers=PreventiveTaskOut,
    etag=True,
)
def update_preventive_task(task_id: Id, body: PreventiveTaskChanges) -> PreventiveTask:
    """Change a preventive task. Another rule makes another due date, never one that was dealt with."""
    found = _locked(task_id)
    calls.require_unchanged(PreventiveTaskOut, found)
    return plans.update_task(calls.session(), found, calls.user_id(), **_for_plan(body))


@resource.delete(
    "/preventive-maintenance/tasks/{task_id}", needs="preventive-maintenance:write", etag=True
)  # fmt: skip
def delete_preventive_task(task_id: Id) -> None:
    """Delete a task that was never carried out; others are deactivated instead."""
    found = _locked(task_id)
    calls.require_unchanged(PreventiveTaskOut, found)
    plans.delete_task(calls.session(), found, calls.user_id())


@resource.post(
    "/preventive-maintenance/logs",
    needs="preventive-maintenance:log",
    answers=PreventiveLogOut,
    status=201,
)
def create_preventive_log(body: PreventiveLogIn) -> PreventiveLog:
    """Log that a task was carried out or skipped: completes the caller's task in the job's process, which is
    opened now where its due date has no job yet. The task moves on to its next due date.
    """
    session = calls.session()
    task = session.get(PreventiveTask, body.task_id)
    if task is None:
        raise BusinessError("UNKNOWN_TASK", "There is no such preventive task.", field="taskId")
    given = body.given()
    answers = [answer.given() for answer in body.answers] if "answers" in given else []
    due_on = completion.check(
        session,
        task,
        due_on=given.get("due_on"),
        performed_at=given.get("performed_at"),
        outcome=given.get("outcome"),
        answers=answers,
        notes=body.notes,
    )
    job = preventive_opening.job_for(calls.engine(), session, task, due_on)
    skips = given.get("outcome") == Outcome.SKIPPED
    lifecycle.act(
        SUBJECT,
        job.id,
        "skip" if skips else "log",
        _for_form(body, task, answers),
        names={"answers": "items"},
    )
    session.refresh(job)
    if job.log is None:
        raise Conflict(f"{job.business_key} goes on: its process has written no log yet.")
    calls.location(f"/preventive-maintenance/logs/{task.id}")
    return job.log


@resource.get(
    "/preventive-maintenance/logs/{task_id}",
    needs="preventive-maintenance:read",
    answers=PageOf[PreventiveLogOut],
)
def list_preventive_logs(task_id: Id, query: LogFilters) -> Page[PreventiveLog]:
    """List what became of a task on each of its due dates."""
    find(PreventiveTask, task_id)
    return lists.logs_of(calls.session(), task_id, **query.for_list())


@resource.get(
    "/machines/{machine_id}/meter-readings", needs="meter-readings:read", answers=PageOf[MeterReadingOut]
)
def list_meter_readings(machine_id: Id, query: ReadingFilters) -> Page[MeterReading]:
    """List what a machine's hour meter showed."""
    find(Machine, machine_id)
    return lists.readings_of(calls.session(), machine_id, **query.for_list())


@resource.post(
    "/machines/{machine_id}/meter-readings",
    needs="meter-readings:write",
    answers=MeterReadingOut,
    status=201,
)
def create_meter_reading(machine_id: Id, body: MeterReadingIn) -> MeterReading:
    """Record what a machine's hour meter shows; tasks that have run long enough become due."""
    machine = find(Machine, machine_id, lock=True)
    given = body.given()
    reading = meters.record(calls.session(), machine, given.pop("value"), calls.user_id(), **given)
    calls.location(f"/machines/{machine_id}/meter-readings")
    return reading


def _for_form(body: PreventiveLogIn, task: PreventiveTask, answers: list[dict[str, Any]]) -> dict[str, Any]:
    """What was sent, as the form of the process asks for it."""
    kinds = {item["id"]: item["kind"] for item in task.checklist}
    values: dict[str, Any] = {"minutesSpent": body.minutes_spent, "notes": body.notes}
    given = body.given()
    if "performed_at" in given:
        values["performedAt"] = body.performed_at.isoformat()
    if "meter_reading" in given:
        values["meterReading"] = body.meter_reading
    if "photos" in given:
        values["photos"] = body.photos
    if given.get("outcome") == Outcome.FAILED:
        values["otherFault"] = True
    rows = []
    for answer in answers:
        row: dict[str, Any] = {"id": answer["item"], "note": answer.get("note")}
        kind = kinds.get(answer["item"])
        if kind == ItemKind.PASS_FAIL:
            row["result"] = "pass" if answer.get("passed") else "fail"
        elif kind == ItemKind.VALUE:
            row["value"] = answer.get("value")
        else:
            row["answer"] = answer.get("text")
        rows.append({name: value for name, value in row.items() if value is not None})
    return {**values, **({"answers": rows} if rows else {})}


def _locked(task_id: int) -> PreventiveTask:
    return plans.lock_task(calls.session(), find(PreventiveTask, task_id))


def _for_plan(body: PreventiveTaskIn | PreventiveTaskChanges) -> dict[str, Any]:
    """What was sent, as the domain takes it."""
    given = body.given()
    if "checklist" in given:
        given["checklist"] = [item.given() for item in body.checklist]
    if "parts" in given:
        given["parts"] = [line.model_dump(by_alias=True) for line in body.parts]
    return given
