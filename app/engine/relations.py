"""Which instances belong to another: about the same record, about records that belong to it, and those
that it exchanged messages with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.engine.models import Deployment, HistoryEntry, HistoryKind, Job, ProcessInstance

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

# More belong to an instance only if something has gone wrong; and nobody reads them.
MOST = 50
# So many of its newest messages are looked at.
MESSAGES = 200


@dataclass(frozen=True, slots=True)
class Related:
    """An instance that belongs to another, with the name of its process, and how it does, in words."""

    instance: ProcessInstance
    process: str
    version: int
    how: str


def related(engine: ProcessEngine, session: Session, instance: ProcessInstance) -> list[Related]:
    """The instances that belong to this one, the oldest first; each once, for the closest reason."""
    definition = engine.definition(session, instance.deployment_id)
    subjects = engine.binding(instance.key, definition.outline).related(session, instance.subject_id)
    sent, received = _sent_to(session, instance), _received_from(session, instance)
    same = (instance.subject_type, instance.subject_id)
    query = (
        sa.select(ProcessInstance, Deployment.name, Deployment.version)
        .join(Deployment, Deployment.id == ProcessInstance.deployment_id)
        .where(ProcessInstance.id.in_(_ids(session, [same, *subjects[-MOST:]], [*sent, *received])))
        .where(ProcessInstance.id != instance.id)
        .order_by(ProcessInstance.id.desc())
        .limit(MOST)
    )
    found = []
    for other, name, version in session.execute(query):
        if (other.subject_type, other.subject_id) == same:
            how = "about the same record"
        elif other.business_key in received:
            how = "wrote to this one"
        elif other.business_key in sent:
            how = "got a message from this one"
        else:
            how = "about a record that belongs to it"
        found.append(Related(other, name, version, how))
    return found[::-1]


def _ids(session: Session, subjects: list[tuple[str, int]], keys: list[str]) -> list[int]:
    """The newest instances about these records, or with these business keys, each found by its index."""
    by_type: dict[str, list[int]] = {}
    for subject_type, subject_id in subjects:
        by_type.setdefault(subject_type, []).append(subject_id)
    column = ProcessInstance.id
    parts = [
        sa.select(column).where(
            ProcessInstance.subject_type == subject_type, ProcessInstance.subject_id.in_(subject_ids)
        )
        for subject_type, subject_ids in by_type.items()
    ]
    if keys:
        parts.append(sa.select(column).where(ProcessInstance.business_key.in_(keys[:MESSAGES])))
    return sorted(session.scalars(sa.union(*parts)))[-2 * MOST :]


def _sent_to(session: Session, instance: ProcessInstance) -> list[str]:
    """The business keys of those that an instance sent messages to, or that its messages have started."""
    query = sa.select(Job.payload).where(Job.instance_id == instance.id, Job.kind == "message")
    found: dict[str, None] = {}
    for payload in session.scalars(query.order_by(Job.id.desc()).limit(MESSAGES)):
        for key in (payload.get("to"), *payload.get("started", ())):
            if key:
                found[key] = None
    return list(found)


def _received_from(session: Session, instance: ProcessInstance) -> list[str]:
    """The business keys of those whose messages an instance got, or that it was started by."""
    query = sa.select(HistoryEntry.detail).where(
        HistoryEntry.instance_id == instance.id,
        HistoryEntry.kind.in_([HistoryKind.STARTED, HistoryKind.MESSAGE_RECEIVED]),
    )
    senders = (
        (detail or {}).get("sender")
        for detail in session.scalars(query.order_by(HistoryEntry.id.desc()).limit(MESSAGES))
    )
    return list(dict.fromkeys(sender for sender in senders if sender))
