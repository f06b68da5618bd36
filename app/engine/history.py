"""What happened in an instance: rows that are only ever added, and never read on the hot path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app import clock
from app.engine.actors import Actor
from app.engine.diagram import Element
from app.engine.models import HistoryEntry, HistoryKind, ProcessInstance


class Journal:
    """Gathers an action's history entries and writes them with one statement."""

    def __init__(self, instance: ProcessInstance, actor: Actor) -> None:
        self._instance = instance
        self._actor = actor
        self._rows: list[dict[str, Any]] = []

    def add(
        self,
        kind: HistoryKind,
        element: Element | None = None,
        detail: dict[str, Any] | None = None,
        *,
        acted_for: str = "",
    ) -> None:
        self._rows.append(
            {
                "process_key": self._instance.key,
                "kind": kind.value,
                "element_id": element.id if element else None,
                "element_name": element.label[:255] if element else "",
                "element_type": element.type if element else "",
                "actor_id": self._actor.user_id,
                "actor_name": self._actor.name,
                "acted_for": acted_for,
                "at": clock.now(),
                "detail": detail,
            }
        )

    def mark(self) -> int:
        """Where the journal is now, for :meth:`forget_since`."""
        return len(self._rows)

    def forget_since(self, mark: int) -> None:
        """Drop what was added since ``mark``: it has been rolled back."""
        del self._rows[mark:]

    def write(self, session: Session) -> None:
        if self._rows:
            rows = [{"instance_id": self._instance.id, **row} for row in self._rows]
            session.execute(insert(HistoryEntry), rows)
            self._rows = []


def entries(session: Session, instance_ids: int | Sequence[int], *, limit: int = 500) -> list[HistoryEntry]:
    """The history of one or several instances, oldest first, at most ``limit`` newest entries."""
    ids = [instance_ids] if isinstance(instance_ids, int) else list(instance_ids)
    query = (
        select(HistoryEntry)
        .where(HistoryEntry.instance_id.in_(ids))
        .order_by(HistoryEntry.id.desc())
        .limit(limit)
    )
    return list(reversed(session.scalars(query).all()))


def path(session: Session, instance_id: int) -> dict[str, list[str]]:
    """The elements and sequence flows that an instance has been through, for drawing."""
    rows = session.execute(
        select(HistoryEntry.element_id, HistoryEntry.detail).where(
            HistoryEntry.instance_id == instance_id,
            HistoryEntry.kind.in_([HistoryKind.LEFT, HistoryKind.PASSED, HistoryKind.TIMER]),
        )
    )
    elements: dict[str, None] = {}
    flows: dict[str, None] = {}
    for element_id, detail in rows:
        if element_id:
            elements[element_id] = None
        for flow in (detail or {}).get("flows", ()):
            flows[flow] = None
    return {"elements": list(elements), "flows": list(flows)}


# What says that a token has been at an element, whether it has left it since or not.
REACHING = (
    HistoryKind.STARTED,
    HistoryKind.ENTERED,
    HistoryKind.LEFT,
    HistoryKind.PASSED,
    HistoryKind.TIMER,
)


def reached(session: Session, instance_id: int) -> tuple[set[str], set[str]]:
    """The elements that an instance has come to, whether it has left them or not, and its flows."""
    rows = session.execute(
        select(HistoryEntry.element_id, HistoryEntry.detail).where(
            HistoryEntry.instance_id == instance_id, HistoryEntry.kind.in_(REACHING)
        )
    )
    elements: set[str] = set()
    flows: set[str] = set()
    for element_id, detail in rows:
        if element_id:
            elements.add(element_id)
        flows.update((detail or {}).get("flows", ()))
    return elements, flows
