"""What people are called in an event log that leaves the system, and who took their names with it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain import activity
from app.domain.entities import EntityType
from app.engine.models import Deployment
from app.engine.monitor import event_log
from app.engine.monitor.event_log import Naming, Selection


def naming(session: Session, selection: Selection, newest: Deployment, by: int, *, named: bool) -> Naming:
    """What people are called in a log that user ``by`` takes: pseudonyms, or their names where asked for.

    Names are personal data that leave the system with the file: the activity log says who took them, and
    of which days, before the first line is written.
    """
    if not named:
        return event_log.pseudonyms()
    told = {
        "process": selection.key,
        "from": selection.since.isoformat(),
        "until": selection.until.isoformat(),
    }
    with unit_of_work(session):
        activity.record(session, "EXPORT_NAMED_EVENT_LOG", EntityType.PROCESS, newest.id, by, after=told)
    return str
