"""What happened in the instances of a process, as process mining reads it: cases, and events in them.

The words are those of IEEE 1849 (XES). A step that waits has an event ``start`` when it begins to and
``complete`` when it is done, whatever happens at once only ``complete``. The resource of what people did is
the person; of all else it is the engine. Gateways and messages are no events: what they lead to is.

It is read in portions, each in a transaction of its own, so that the longest log needs no more memory than
a portion, and a slow reader keeps nobody waiting.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.engine.actors import SYSTEM
from app.engine.diagram import GATEWAYS
from app.engine.models import Deployment, HistoryEntry, HistoryKind, ProcessInstance

if TYPE_CHECKING:
    from app.engine.jobs import SessionFactory

AT_ONCE = 200  # instances
LONGEST_RESULT = 1000  # characters of what a decision answered

# What a kind of entry is in the standard's life cycle of an activity, where people do it.
BY_PEOPLE = {
    HistoryKind.STARTED: "complete",
    HistoryKind.LEFT: "complete",
    HistoryKind.CLAIMED: "assign",
    HistoryKind.RELEASED: "reassign",
    HistoryKind.DELEGATED: "reassign",
    HistoryKind.MOVED: "manualskip",
    HistoryKind.SUSPENDED: "suspend",
    HistoryKind.RESUMED: "resume",
    HistoryKind.RETRIED: "unknown",
    HistoryKind.VARIABLES: "unknown",
    HistoryKind.MIGRATED: "unknown",
}
BY_ITSELF = {
    HistoryKind.ENTERED: "start",
    HistoryKind.PASSED: "complete",
    HistoryKind.TIMER: "complete",
    HistoryKind.ESCALATED: "reassign",
    HistoryKind.INCIDENT: "unknown",
}
# Told by what follows, or by what they belong to.
SILENT = {
    HistoryKind.MESSAGE_SENT,
    HistoryKind.MESSAGE_RECEIVED,
    HistoryKind.DECIDED,
    HistoryKind.COMPLETED,
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which instances: those of a process that began on the site's days from ``since`` to ``until``."""

    key: str
    name: str
    since: date
    until: date
    zone: ZoneInfo
    deployment_id: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an activity. ``attributes`` are what else is known, by name."""

    activity: str
    at: datetime
    transition: str
    resource: str
    role: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        return self.attributes.get("outcome", "")


@dataclass(frozen=True, slots=True)
class Case:
    """An instance: its business key, the version that it runs on, where it stands, and its events."""

    key: str
    version: int
    state: str
    events: list[Event]


Naming = Callable[[str], str]


def pseudonyms() -> Naming:
    """Names that stand for people: the same name gets the same one, from this call alone.

    They are made with a secret that is forgotten with it, so nobody can work out who is who by trying names.
    """
    secret = secrets.token_bytes(32)

    def name(person: str) -> str:
        digest = hashlib.blake2b(person.encode(), key=secret, digest_size=5).hexdigest()
        return f"Person {digest}"

    return name


def cases(sessions: SessionFactory, selection: Selection, *, naming: Naming = str) -> Iterator[Case]:
    """The cases in the order in which they began; people are called what ``naming`` makes of their names."""
    now = clock.now()
    last: tuple[datetime, int] | None = None
    while True:
        with sessions() as session:
            rows = session.execute(_next(selection, now, last)).all()
            entries = _entries(session, [row.id for row in rows])
        for row in rows:
            events = _events(entries[row.id], selection.name, naming)
            yield Case(row.business_key, row.version, row.state, events)
        if len(rows) < AT_ONCE:
            return
        last = rows[-1].started_at, rows[-1].id


def _next(selection: Selection, now: datetime, last: tuple[datetime, int] | None) -> sa.Executable:
    begin = datetime.combine(selection.since, time(), selection.zone)
    end = datetime.combine(selection.until + timedelta(days=1), time(), selection.zone)
    columns = (
        ProcessInstance.id,
        ProcessInstance.business_key,
        ProcessInstance.state,
        ProcessInstance.started_at,
    )
    query = (
        sa.select(*columns, Deployment.version)
        .join(Deployment, Deployment.id == ProcessInstance.deployment_id)
        .where(
            ProcessInstance.key == selection.key,
            ProcessInstance.started_at >= begin,
            ProcessInstance.started_at < end,
            ProcessInstance.started_at <= now,
        )
        .order_by(ProcessInstance.started_at, ProcessInstance.id)
        .limit(AT_ONCE)
    )
    if selection.deployment_id is not None:
        query = query.where(ProcessInstance.deployment_id == selection.deployment_id)
    if last is not None:
        at, number = last
        same = sa.and_(ProcessInstance.started_at == at, ProcessInstance.id > number)
        # The first condition says nothing new: by it the index is entered where the portion begins.
        query = query.where(ProcessInstance.started_at >= at, sa.or_(ProcessInstance.started_at > at, same))
    return query


def _entries(session: Session, ids: list[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    if ids:
        columns = (
            HistoryEntry.instance_id,
            HistoryEntry.kind,
            HistoryEntry.element_id,
            HistoryEntry.element_name,
            HistoryEntry.element_type,
            HistoryEntry.actor_name,
            HistoryEntry.acted_for,
            HistoryEntry.at,
            HistoryEntry.detail,
        )
        query = (
            sa.select(*columns)
            .where(HistoryEntry.instance_id.in_(ids))
            .order_by(HistoryEntry.instance_id, HistoryEntry.id)
        )
        for row in session.execute(query):
            found[row.instance_id].append(row)
    return found


def _events(entries: Iterable[Any], process: str, naming: Naming) -> list[Event]:
    """The events of a case, from its history in the order in which it was written."""
    events: list[Event] = []
    decided: dict[str, dict[str, str]] = {}
    roles: dict[str, str] = {}
    for entry in entries:
        kind, element_id, detail = entry.kind, entry.element_id or "", entry.detail or {}
        if kind == HistoryKind.DECIDED:
            decided[element_id] = _decision(detail)
        if kind == HistoryKind.ENTERED and entry.element_type == "userTask":
            roles[element_id] = str(detail.get("role") or "")
        # A start event is told once, with whoever started the instance.
        begun = kind == HistoryKind.PASSED and entry.element_type == "startEvent"
        if kind in SILENT or entry.element_type in GATEWAYS or begun:
            continue
        attributes = {"kind": kind}
        if element_id:
            attributes |= {"elementId": element_id, "elementType": entry.element_type}
        attributes |= _particulars(kind, detail)
        if kind == HistoryKind.PASSED:
            attributes |= decided.pop(element_id, {})
        if entry.acted_for:
            attributes["actedFor"] = naming(entry.acted_for)
        by_person = kind not in BY_ITSELF and bool(entry.actor_name) and entry.actor_name != SYSTEM.name
        events.append(
            Event(
                activity=entry.element_name or element_id or process,
                at=entry.at,
                transition=_transition(kind, element_id),
                resource=naming(entry.actor_name) if by_person else SYSTEM.name,
                role=roles.get(element_id, "") if entry.element_type == "userTask" else "",
                attributes=attributes,
            )
        )
    return events


def _transition(kind: str, element_id: str) -> str:
    if kind == HistoryKind.CANCELLED:
        return "ate_abort" if element_id else "pi_abort"
    return BY_PEOPLE.get(HistoryKind(kind)) or BY_ITSELF.get(HistoryKind(kind)) or "unknown"


def _particulars(kind: str, detail: dict[str, Any]) -> dict[str, str]:
    """What else is told of an event. Variables and what people wrote are not."""
    match kind:
        case HistoryKind.LEFT:
            return {"outcome": str(detail["outcome"])} if detail.get("outcome") else {}
        case HistoryKind.MOVED:
            return {"movedTo": str(detail.get("toName") or detail.get("to") or "")}
        case HistoryKind.ESCALATED:
            return {"escalatedTo": str(detail.get("role") or "")}
    return {}


def _decision(detail: dict[str, Any]) -> dict[str, str]:
    result = json.dumps(detail.get("outputs"), ensure_ascii=False, default=str)
    return {
        "decision": str(detail.get("decision") or ""),
        "result": result[:LONGEST_RESULT],
        "rules": ", ".join(str(rule) for rule in detail.get("rules") or ()),
    }
