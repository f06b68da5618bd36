"""The path that an instance took, as a few steps that can be read and compared.

Told are user tasks with the outcome that was chosen, the ways taken where rules decide, what interrupted a
task, what was moved by hand, and how it ended. The order is that in which they began, so that branches that
run side by side do not make another path of every order in which they were finished. Services, messages,
reminders and gateways at which nothing is decided are left out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from app.engine.diagram import Diagram
from app.engine.models import HistoryKind

CHOOSING = ("exclusiveGateway", "inclusiveGateway")
TOLD = ("userTask", *CHOOSING, "boundaryEvent", "endEvent")
KINDS = (
    HistoryKind.ENTERED,
    HistoryKind.LEFT,
    HistoryKind.PASSED,
    HistoryKind.TIMER,
    HistoryKind.CANCELLED,
    HistoryKind.MOVED,
)
# Of a very long path, the beginning is kept.
KEPT = 60
_OUTCOME = re.compile(r"\boutcome\b")


class StepKind(StrEnum):
    """What a step of a path is."""

    TASK = "task"
    CHOICE = "choice"  # a way taken at a gateway
    EVENT = "event"  # what interrupted a task
    MOVED = "moved"  # a token, by hand
    END = "end"
    CANCELLED = "cancelled"


class Step(NamedTuple):
    """A step: of which element, what it is called, and its outcome by its code and in words."""

    kind: StepKind
    element_id: str = ""
    name: str = ""
    outcome: str = ""
    words: str = ""


class Entry(Protocol):
    """What is read of a history entry."""

    kind: str
    element_id: str | None
    element_name: str
    element_type: str
    detail: Any


def of(entries: Iterable[Entry], diagram: Diagram) -> list[Step]:
    """The path of an instance that has ended, from its history in the order in which it was written."""
    steps: list[Step | None] = []
    under_way: dict[str, list[int]] = defaultdict(list)
    end: Step | None = None
    for entry in entries:
        element_id, detail = entry.element_id or "", entry.detail or {}
        begun = under_way[element_id]
        if entry.kind == HistoryKind.CANCELLED:
            if not element_id:
                end = Step(StepKind.CANCELLED)
            elif begun:
                steps[begun.pop(0)] = None
        elif entry.kind == HistoryKind.MOVED:
            words = str(detail.get("toName", ""))
            steps.append(
                Step(StepKind.MOVED, element_id, entry.element_name, str(detail.get("to", "")), words)
            )
        elif entry.element_type == "userTask":
            if entry.kind == HistoryKind.ENTERED:
                begun.append(len(steps))
                steps.append(None)
            elif entry.kind == HistoryKind.LEFT:
                if not begun:
                    begun.append(len(steps))
                    steps.append(None)
                steps[begun.pop(0)] = _task(entry, diagram)
        elif entry.element_type in CHOOSING:
            steps.append(_choice(entry, diagram))
        elif entry.element_type == "boundaryEvent":
            drawn = diagram.elements.get(element_id)
            if drawn is not None and drawn.interrupting:
                steps.append(Step(StepKind.EVENT, element_id, entry.element_name))
        elif entry.element_type == "endEvent" and (end is None or end.kind == StepKind.END):
            drawn = diagram.elements.get(element_id)
            if drawn is not None and drawn.parent == diagram.key:
                end = Step(StepKind.END, element_id, entry.element_name)
    return [step for step in (*steps, end) if step is not None]


def _task(entry: Entry, diagram: Diagram) -> Step:
    code = str((entry.detail or {}).get("outcome") or "")
    drawn = diagram.elements.get(entry.element_id or "")
    labels = {each.value: each.label for each in drawn.outcomes} if drawn is not None else {}
    return Step(StepKind.TASK, entry.element_id or "", entry.element_name, code, labels.get(code, code))


def _choice(entry: Entry, diagram: Diagram) -> Step | None:
    """The ways taken at a gateway; None where nothing was decided that the path does not tell already."""
    ways = diagram.outgoing(entry.element_id or "")
    if len(ways) < 2 or any(_OUTCOME.search(way.condition or "") for way in ways):
        return None
    taken = set((entry.detail or {}).get("flows", ()))
    chosen = [way for way in ways if way.id in taken]
    words = [way.name or _to(diagram, way.target) for way in chosen]
    if not chosen or not all(words):
        return None
    outcome = " ".join(way.id for way in chosen)
    return Step(StepKind.CHOICE, entry.element_id or "", entry.element_name, outcome, ", ".join(words))


def _to(diagram: Diagram, target: str) -> str:
    element = diagram.elements.get(target)
    return element.label if element is not None and element.name else ""


def digest(steps: Iterable[Step]) -> str:
    """What two paths have in common when they are the same, whatever their steps were called then."""
    told = [(step.kind, step.element_id, step.outcome) for step in steps]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def kept(steps: list[Step]) -> list[list[str]]:
    """Steps as the database keeps them."""
    return [[str(part) for part in step] for step in steps[:KEPT]]


def read(stored: Iterable[Iterable[str]]) -> list[Step]:
    """Steps from what the database has kept."""
    return [Step(StepKind(kind), *rest) for kind, *rest in stored]
