"""Reports that are sent by e-mail again and again: which, of what, when, and to whom.

A schedule is due at a time of the site's clock on the days that its rule names. What was missed, as in an
outage, is made up for once: with the newest due time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from app import clock
from app.database import Base, CompactJson, UtcDateTime
from app.domain import activity, records, settings, values
from app.domain.analytics.calendar import midnight
from app.domain.analytics.scope import Scope
from app.domain.columns import Timestamps
from app.domain.entities import EntityType
from app.domain.locks import lock
from app.domain.people import Department, User
from app.domain.preventive import recurrence
from app.domain.reports.catalogue import ReportName
from app.errors import BusinessError, NotFound

MOST_RECIPIENTS = 50
FORMATS = ("xlsx", "pdf", "csv")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


class SentPeriod(StrEnum):
    """Of which time a report is that is sent: of whole days that have ended."""

    WEEK = "WEEK"  # the last week, Monday to Sunday
    MONTH = "MONTH"  # the last month
    DAYS_30 = "DAYS_30"


class ReportSchedule(Timestamps, Base):
    """A report that is sent again and again. ``next_at`` is when it is due; empty while it is not in use.

    ``reach`` says how far each role may see the report, as the rights were when it was saved: "all" or
    "department". Who has lost the right, or is not active any more, gets none.
    """

    __tablename__ = "report_schedules"
    __table_args__ = (
        sa.Index("ix_report_schedules_next_at", "next_at"),
        sa.Index("ix_report_schedules_owner", "owner_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    report: Mapped[str] = mapped_column(sa.String(40))
    format: Mapped[str] = mapped_column(sa.String(10))
    period: Mapped[str] = mapped_column(sa.String(10))
    department_id: Mapped[int | None] = mapped_column(sa.ForeignKey("departments.id"))
    rrule: Mapped[str] = mapped_column(sa.String(200))
    at: Mapped[str] = mapped_column(sa.String(5))
    starts_on: Mapped[date]
    recipients: Mapped[list[int]] = mapped_column(CompactJson)
    reach: Mapped[dict[str, str]] = mapped_column(CompactJson)
    active: Mapped[bool] = mapped_column(default=True)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    owner: Mapped[User] = relationship()


def _at(value: str) -> str:
    if not _TIME.fullmatch(value or ""):
        raise BusinessError("BAD_TIME", "Give a time of day like 06:30.", field="at")
    return value


CHECKS: records.Checks = {
    "report": lambda value: values.one_of(
        value, list(ReportName), code="BAD_REPORT", what="report", field="report"
    ),
    "format": lambda value: values.one_of(value, FORMATS, code="BAD_FORMAT", what="format", field="format"),
    "period": lambda value: values.one_of(
        value, list(SentPeriod), code="BAD_PERIOD", what="period", field="period"
    ),
    "department_id": lambda value: value,
    "at": _at,
    "active": records.flag,
    "reach": dict,
}


def create_schedule(
    session: Session,
    owner_id: int,
    *,
    report: str,
    rrule: str,
    at: str,
    recipients: Collection[int],
    reach: Mapping[str, str],
    format: str = "xlsx",  # noqa: A002 - as its column
    period: str = SentPeriod.MONTH,
    department_id: int | None = None,
    active: bool = True,
) -> ReportSchedule:
    """Have a report sent again and again, from today on.

    :raises BusinessError: BAD_REPORT, BAD_FORMAT, BAD_PERIOD, BAD_TIME, BAD_RULE, BAD_RECIPIENTS
    """
    row = ReportSchedule(owner_id=owner_id, starts_on=_today(session))
    given = {
        "report": report, "format": format, "period": period, "department_id": department_id, "at": at,
        "active": active, "reach": reach, "rrule": rrule, "recipients": recipients,
    }  # fmt: skip
    _put(session, row, given)
    activity.record_changes(session, "CREATE_SCHEDULE", EntityType.REPORT_SCHEDULE, row, owner_id)
    return row


def update_schedule(session: Session, row: ReportSchedule, by: int | None, **changes: Any) -> ReportSchedule:
    """Change what :func:`create_schedule` takes. What was due before stays as it was.

    :raises BusinessError: as :func:`create_schedule`
    """
    lock(session, row)
    _put(session, row, changes)
    activity.record_changes(session, "UPDATE_SCHEDULE", EntityType.REPORT_SCHEDULE, row, by)
    return row


def delete_schedule(session: Session, row: ReportSchedule, by: int | None) -> None:
    """Send a report no more."""
    records.remove(session, "DELETE_SCHEDULE", EntityType.REPORT_SCHEDULE, row, by)


def _put(session: Session, row: ReportSchedule, given: dict[str, Any]) -> None:
    with session.no_autoflush:
        rule, recipients = given.pop("rrule", None), given.pop("recipients", None)
        if given.get("department_id") not in (None, row.department_id):
            require_department(session, given["department_id"])
        records.assign(row, CHECKS, given)
        if rule is not None:
            row.rrule = recurrence.checked(rule, row.starts_on)
        if recipients is not None:
            row.recipients = _recipients(session, recipients, row.reach)
        zone = settings.site(session).zone
        row.next_at = next_due(row, clock.now(), zone) if row.active else None


def require_department(session: Session, department_id: int | None) -> None:
    """See that a department, if one is named, is there and in use.

    :raises BusinessError: UNKNOWN_DEPARTMENT
    """
    if department_id is not None:
        values.active_row(
            session, Department, department_id,
            code="UNKNOWN_DEPARTMENT", what="department", field="departmentId",
        )  # fmt: skip


def _recipients(session: Session, ids: Collection[int], reach: Mapping[str, str]) -> list[int]:
    """The recipients, when each may read the report."""
    wanted = sorted(set(ids))
    if not wanted or len(wanted) > MOST_RECIPIENTS:
        message = f"Choose 1 to {MOST_RECIPIENTS} people who get the report."
        raise BusinessError("BAD_RECIPIENTS", message, field="recipients")
    found = {
        user.id: user for user in session.scalars(sa.select(User).where(User.id.in_(wanted), User.active))
    }
    if missing := [user_id for user_id in wanted if user_id not in found]:
        message = f"There is no active user {missing[0]}; choose others."
        raise BusinessError("BAD_RECIPIENTS", message, field="recipients")
    if barred := [user.name for user in found.values() if user.role not in reach]:
        message = f"{barred[0]} may not read this report; choose others, or another report."
        raise BusinessError("BAD_RECIPIENTS", message, field="recipients")
    return wanted


def next_due(row: ReportSchedule, after: datetime, zone: ZoneInfo) -> datetime | None:
    """The first due time after a moment."""
    day = after.astimezone(zone).date()
    for _ in range(3):  # today's may have passed already
        found = recurrence.first_on_or_after(row.rrule, row.starts_on, day)
        if found is None:
            return None
        hour, minute = map(int, row.at.split(":"))
        due = datetime.combine(found, time(hour, minute), zone).astimezone(UTC)
        if due > after:
            return due
        day = found + timedelta(days=1)
    return None


def take_due(session: Session, schedule_id: int) -> datetime | None:
    """Take the due time of a schedule, if it is due: nobody else gets it. The next one is after now.

    Answers the newest due time that has passed.
    """
    row = session.get(ReportSchedule, schedule_id, with_for_update=True, populate_existing=True)
    now = clock.now()
    if row is None or not row.active or row.next_at is None or row.next_at > now:
        return None
    zone = settings.site(session).zone
    due = row.next_at
    while (later := next_due(row, due, zone)) is not None and later <= now:
        due = later
    row.last_at, row.next_at = due, next_due(row, now, zone)
    return due


def due_ids(session: Session) -> list[int]:
    """The schedules that are due."""
    query = sa.select(ReportSchedule.id).where(ReportSchedule.next_at <= clock.now())
    return list(session.scalars(query.order_by(ReportSchedule.next_at).limit(50)))


def scope_for(row: ReportSchedule, user: User, due: datetime, zone: ZoneInfo) -> Scope | None:
    """What a recipient's report is of; None where they may not read it any more."""
    reach = row.reach.get(user.role or "")
    if not user.active or reach is None:
        return None
    department_id = row.department_id
    if reach == "department":
        if user.department_id is None or row.department_id not in (None, user.department_id):
            return None
        department_id = user.department_id
    today = due.astimezone(zone).date()
    if row.period == SentPeriod.WEEK:
        until = today - timedelta(days=today.weekday())
        since = until - timedelta(days=7)
    elif row.period == SentPeriod.MONTH:
        until = today.replace(day=1)
        since = (until - timedelta(days=1)).replace(day=1)
    else:
        since, until = today - timedelta(days=30), today
    return Scope(midnight(since, zone), midnight(until, zone), department_id=department_id, zone=zone)


def find(session: Session, schedule_id: int, user_id: int, *, every: bool) -> ReportSchedule:
    """A schedule of somebody, or of anybody for those who see ``every`` one.

    :raises NotFound: there is none
    """
    row = session.get(ReportSchedule, schedule_id)
    if row is None or not (every or row.owner_id == user_id):
        raise NotFound("There is no such schedule.")
    return row


def list_schedules(session: Session, user_id: int, *, every: bool) -> list[ReportSchedule]:
    """The schedules of somebody, or all, newest first."""
    query = sa.select(ReportSchedule).options(joinedload(ReportSchedule.owner))
    query = query if every else query.where(ReportSchedule.owner_id == user_id)
    return list(session.scalars(query.order_by(ReportSchedule.id.desc()).limit(500)))


def _today(session: Session) -> date:
    return clock.now().astimezone(settings.site(session).zone).date()
