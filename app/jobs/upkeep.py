"""What whoever leads does again and again: due schedules, mails of notifications, files whose time is over.

Each works in transactions of its own and under its rows' locks; what fails is logged and tried again.
"""

from __future__ import annotations

import logging

from app.database import unit_of_work
from app.domain import exports
from app.engine.jobs import SessionFactory
from app.jobs import notification_mail, scheduled_reports

log = logging.getLogger(__name__)


def keep_up(sessions: SessionFactory) -> None:
    """Do what is due."""
    for work in (scheduled_reports.keep_up, notification_mail.keep_up, _remove_expired):
        try:
            work(sessions)
        except Exception:
            log.exception("upkeep failed: %s.%s", work.__module__, work.__name__)


def _remove_expired(sessions: SessionFactory) -> None:
    with sessions() as session:
        if not exports.any_expired(session):
            return
        with unit_of_work(session):
            exports.remove_expired(session)
