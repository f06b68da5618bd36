"""E-mail of notifications: at once, or together once a day, as each person has chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.domain import settings
from app.domain.notifications import Notification
from app.domain.people import User
from app.engine import jobs
from app.engine.jobs import SessionFactory
from app.engine.models import Job
from app.jobs.mail import Mailer

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

KIND = "notification_mail"
TOO_OLD = timedelta(days=2)  # what could not be told for so long is told in the application only
MOST = 100  # notifications in one mail
CHOICES = "/profile#notifications"

TEXT = """Hello {name},

{notes}

Which e-mails you get, you choose here: {choices}
"""


def keep_up(sessions: SessionFactory) -> None:
    """Queue a mail for each person who is to be told something by now."""
    with sessions() as session:
        if session.info.get("mailer") is None:
            return
        due = sa.select(Notification.user_id, sa.func.max(Notification.id)).where(
            Notification.mail_at <= clock.now()
        )
        found = session.execute(due.group_by(Notification.user_id).limit(500)).all()
        session.rollback()
        for user_id, newest in found:
            key = f"notification_mail:{user_id}:{newest}"
            with unit_of_work(session):
                if session.scalar(sa.select(Job.id).where(Job.unique_key == key)) is None:
                    jobs.enqueue(session, KIND, {"user": user_id, "newest": newest}, key=key)


@jobs.job_handler(KIND, outside=True)
def _send(engine: ProcessEngine, session: Session, payload: Mapping[str, Any], job: Job) -> None:
    mailer: Mailer | None = session.info.get("mailer")
    user_id, newest = payload["user"], payload["newest"]
    query = sa.select(Notification).where(
        Notification.user_id == user_id, Notification.id <= newest, Notification.mail_at <= clock.now()
    )
    notes = session.scalars(query.order_by(Notification.id)).all()
    user = session.get(User, user_id, populate_existing=True)
    ids = [note.id for note in notes]
    since = clock.now() - TOO_OLD
    told = [note for note in notes if note.read_at is None and note.mail_at and note.mail_at >= since]
    mail = None
    if mailer is not None and user is not None and user.active and told:
        mail = (user.email, *_written(engine, settings.site(session).name, user, told))
    session.rollback()
    if mailer is not None and mail is not None:
        mailer.send(*mail)
    with unit_of_work(session):
        session.execute(sa.update(Notification).where(Notification.id.in_(ids)).values(mail_at=None))


def _written(engine: ProcessEngine, site: str, user: User, notes: Sequence[Notification]) -> tuple[str, str]:
    """Subject and text."""
    address = engine.bindings.site_url
    shown = notes[:MOST]
    parts = [
        "\n".join(filter(None, (note.title, note.body, f"{address}{note.link}" if note.link else "")))
        for note in shown
    ]
    if len(notes) > MOST:
        parts.append(f"And {len(notes) - MOST} more: {address}/notifications")
    subject = f"{site}: {notes[0].title}" if len(notes) == 1 else f"{site}: {len(notes)} notifications"
    return subject, TEXT.format(name=user.name, notes="\n\n".join(parts), choices=address + CHOICES)
