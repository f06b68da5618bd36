"""Sends due reports by e-mail: one job for each recipient and due time, whoever looks for them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain import report_schedules, settings
from app.domain.people import User
from app.domain.report_schedules import ReportSchedule
from app.domain.reports import catalogue
from app.domain.reports.model import ExportError
from app.engine import jobs
from app.engine.jobs import SessionFactory
from app.engine.models import Job
from app.exports import formats
from app.jobs.mail import Attached, Mailer

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

KIND = "scheduled_report"
MOST_BYTES = 8 * 1024 * 1024  # of a file that is sent; mail servers refuse larger ones

TEXT = """Hello {name},

{title} ({period}) of {site} {how}

You get this because {owner} has it sent to you. To change that: {link}
"""


def keep_up(sessions: SessionFactory) -> None:
    """Queue what is due: each schedule once a due time, also where two look for it at once."""
    with sessions() as session:
        ids = report_schedules.due_ids(session)
        session.rollback()
        for schedule_id in ids:
            with unit_of_work(session):
                due = report_schedules.take_due(session, schedule_id)
                if due is None:
                    continue
                row = session.get_one(ReportSchedule, schedule_id)
                for user_id in row.recipients:
                    key = f"report:{schedule_id}:{due:%Y%m%dT%H%M}:{user_id}"
                    payload = {"schedule": schedule_id, "due": due.isoformat(), "user": user_id}
                    jobs.enqueue(session, KIND, payload, key=key)


@jobs.job_handler(KIND, outside=True)
def _send(engine: ProcessEngine, session: Session, payload: Mapping[str, Any], job: Job) -> None:
    mailer: Mailer | None = session.info.get("mailer")
    row = session.get(ReportSchedule, payload["schedule"], populate_existing=True)
    user = session.get(User, payload["user"], populate_existing=True)
    if mailer is None or row is None or user is None or not row.active:
        session.rollback()
        return
    site = settings.site(session)
    scope = report_schedules.scope_for(row, user, datetime.fromisoformat(payload["due"]), site.zone)
    if scope is None:
        session.rollback()
        return
    report = catalogue.build(session, row.report, scope)
    stream, files, how = io.BytesIO(), [], "is attached."
    link = engine.bindings.site_url + "/reports/schedules"
    try:
        formats.write(report, row.format, stream)
        content = stream.getvalue()
        if len(content) > MOST_BYTES:
            how = f"is too large to be sent. Open it here: {engine.bindings.site_url}/reports/{row.report}"
        else:
            name = formats.file_name(report, row.format)
            files = [Attached(name, formats.FileFormat(row.format).media_type, content)]
    except ExportError as error:
        how = f"could not be written as {row.format.upper()}: {error}"
    text = TEXT.format(
        name=user.name,
        title=report.title,
        period=report.subtitle[0],
        site=site.name,
        how=how,
        owner=row.owner.name,
        link=link,
    )
    to, subject = user.email, f"{site.name}: {report.title}, {report.subtitle[0]}"
    session.rollback()
    mailer.send(to, subject, text, files)
