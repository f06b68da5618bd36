"""Report schedules: reports that are sent by e-mail again and again."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.access import permissions
from app.access.reports import NEEDS
from app.access.schedules import reach_of
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import Id, In, Instant, Out, left_out
from app.domain import report_schedules
from app.domain.people import Role
from app.domain.report_schedules import ReportSchedule, SentPeriod
from app.domain.reports.catalogue import ReportName
from app.exports.formats import FileFormat

resource = Resource("Report schedules", "Reports that are sent by e-mail at times of the site's clock.")

Rule = Annotated[str, Field(min_length=1, max_length=200, description="RRULE: FREQ=WEEKLY;BYDAY=MO.")]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="Like 06:30.")]
Recipients = Annotated[list[Id], Field(min_length=1, max_length=50, description="Ids of users.")]


class ScheduleOut(Out):
    """A report that is sent, when it is next, and when it was last."""

    id: int
    owner_id: int
    report: ReportName
    format: FileFormat
    period: SentPeriod
    department_id: int | None
    rrule: str
    at: str
    recipients: list[int]
    active: bool
    next_at: Instant | None
    last_at: Instant | None


class ScheduleList(Out):
    """The caller's schedules, newest first; an administrator gets all."""

    items: list[ScheduleOut]


class ScheduleIn(In):
    """What is sent, when and to whom."""

    report: ReportName
    format: FileFormat = FileFormat.XLSX
    period: SentPeriod = SentPeriod.MONTH
    department_id: Id | None = None
    rrule: Rule
    at: TimeOfDay
    recipients: Recipients
    active: bool = True


class ScheduleChanges(In):
    """What changes; what is left out stays."""

    report: ReportName = left_out()
    format: FileFormat = left_out()
    period: SentPeriod = left_out()
    department_id: Id | None = left_out()
    rrule: Rule = left_out()
    at: TimeOfDay = left_out()
    recipients: Recipients = left_out()
    active: bool = left_out()


@resource.get("/report-schedules", needs="reports:export", answers=ScheduleList)
def list_report_schedules() -> dict[str, list[ReportSchedule]]:
    """List report schedules."""
    found = report_schedules.list_schedules(calls.session(), calls.user_id(), every=_every())
    return {"items": found}


@resource.post("/report-schedules", needs="reports:export", answers=ScheduleOut, status=201)
def create_report_schedule(body: ScheduleIn) -> ReportSchedule:
    """Have a report sent. Recipients who may not read it are refused."""
    permissions.require(calls.actor(), NEEDS[body.report])
    values: dict[str, Any] = {name: getattr(body, name) for name in ScheduleIn.model_fields}
    made = report_schedules.create_schedule(
        calls.session(), calls.user_id(), **values, reach=reach_of(body.report)
    )
    calls.location(f"/report-schedules/{made.id}")
    return made


@resource.get("/report-schedules/{schedule_id}", needs="reports:export", answers=ScheduleOut)
def get_report_schedule(schedule_id: Id) -> ReportSchedule:
    """Get a report schedule."""
    return _find(schedule_id)


@resource.put("/report-schedules/{schedule_id}", needs="reports:export", answers=ScheduleOut)
def update_report_schedule(schedule_id: Id, body: ScheduleChanges) -> ReportSchedule:
    """Change what is sent, when and to whom."""
    found, given = _find(schedule_id), body.given()
    report = given.get("report", found.report)
    permissions.require(calls.actor(), NEEDS[ReportName(report)])
    given.setdefault("recipients", found.recipients)
    return report_schedules.update_schedule(
        calls.session(), found, calls.user_id(), **given, reach=reach_of(report)
    )


@resource.delete("/report-schedules/{schedule_id}", needs="reports:export")
def delete_report_schedule(schedule_id: Id) -> None:
    """Send a report no more."""
    report_schedules.delete_schedule(calls.session(), _find(schedule_id), calls.user_id())


def _every() -> bool:
    return calls.actor().role == Role.ADMIN


def _find(schedule_id: int) -> ReportSchedule:
    return report_schedules.find(calls.session(), schedule_id, calls.user_id(), every=_every())
