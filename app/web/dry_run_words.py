"""How the steps of a dry run, and what is given in it, are told on its page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.engine import timers
from app.engine.timers import TimerError
from app.processes.scenarios.expecting import said
from app.processes.scenarios.opening import opens_itself
from app.processes.scenarios.standing import Standing
from app.processes.scenarios.stepping import PARTS, WORK
from app.processes.scenarios.world import BEGINNING, PEOPLE
from app.web import story
from app.web.formatting import span
from app.web.labels import role_name


def person(name: Any) -> str:
    """Somebody's part in the story, as pages call it: “Technician 2”."""
    role = PEOPLE.get(name) if isinstance(name, str) else None
    if role is None:
        return str(name)
    number = [other for other, held in PEOPLE.items() if held == role].index(name) + 1
    return role_name(role) if number == 1 else f"{role_name(role)} {number}"


def moment(at: datetime) -> str:
    """A time of the small factory: its first day is a Monday."""
    day = (at.date() - BEGINNING.date()).days + 1
    return f"Day {day}, {at:%a %H:%M}"


def given(values: Mapping[str, Any]) -> list[str]:
    """What there is in the small factory, in words."""
    machine = _mapping(values.get("machine"))
    found = [f"{machine.get('name', 'Press 1')}, criticality {machine.get('criticality', 'MEDIUM')}"]
    for each in values.get("parts") or []:
        part = _mapping(each)
        group = f" ({part['group']})" if part.get("group") else ""
        name = part.get("name") or part.get("number")
        found.append(f"{part.get('stock', 0)} × {name}{group} at {part.get('price', 0)}")
    if request := _mapping(values.get("request")):
        found.append("The request: " + ", ".join(f"{name} {value}" for name, value in request.items()))
    return found


@dataclass(frozen=True, slots=True)
class StepWords:
    """A step on the page: who, what, and what was filled in."""

    what: str
    details: list[tuple[str, str]]


def start(begun: Mapping[str, Any]) -> StepWords:
    """How it began."""
    by = person(begun.get("by", "supervisor"))
    if begun["process"] == PARTS:
        return StepWords(f"{by}: {WORK} – request parts", details({"parts": begun.get("lines") or []}))
    if opens_itself(begun["process"]) or begun.get("message"):
        return StepWords("It begins by itself", details(begun.get("values")))
    return StepWords(f"{by} starts it", details(begun.get("values")))


def step(done: Mapping[str, Any], outcomes: Mapping[tuple[str, str], str]) -> StepWords:
    """One step. ``outcomes`` names the outcomes of user tasks by element and value."""
    if "do" in done:
        chosen = done.get("outcome")
        named = next((label for (_, value), label in outcomes.items() if value == chosen), chosen)
        what = f"{person(done.get('by'))}: {done['do']}" + (f" – {named}" if chosen else "")
        return StepWords(what, details(done.get("values")))
    if "wait" in done:
        return StepWords(f"{length(done['wait'])} pass", [])
    if "message" in done:
        message = _mapping(done["message"])
        sender = person(message["by"]) if "by" in message else "Another process"
        return StepWords(f"{sender}: message “{message.get('name')}”", details(message.get("payload")))
    if "stock" in done:
        arriving = _mapping(done["stock"])
        return StepWords(f"{arriving.get('add')} of {arriving.get('part')} arrive", [])
    if "refuse" in done:
        return StepWords("Something is refused", details(done["refuse"]))
    return StepWords("It is looked at what is expected", details(done["expect"]))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def length(text: Any) -> str:
    """A duration in words; as it is written where it is none."""
    try:
        return span(timers.duration(str(text), BEGINNING)) or "No time"
    except TimerError:
        return str(text)


def details(values: Any) -> list[tuple[str, str]]:
    """Names and values, such as what was filled in."""
    if not isinstance(values, Mapping):
        return []
    return [(str(name), as_text(value)) for name, value in values.items()]


def as_text(value: Any) -> str:
    """A value as people read it; objects as JSON."""
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        return "; ".join(said(row) for row in value)
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return said(value)
    if value is None or isinstance(value, str | bool):
        return said(value) if value != "" else "–"
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of what happened."""

    at: str
    who: str
    what: str
    icon: str
    tone: str
    said: str


def happened(standing: Standing) -> list[Happening]:
    """What people did, and what befell it; the newest first."""
    events = story.of_history(standing.entries, standing.outcomes)
    return [
        Happening(moment(event.at), person(event.who), event.what, event.icon, event.tone, event.said)
        for event in reversed(events)
    ]


def in_words(distance: timedelta) -> str:
    """How far away something is."""
    return "now" if distance <= timedelta() else f"in {span(distance)}"


def due(left: timedelta) -> str:
    """When something is due that this much time is left for."""
    return f"overdue by {span(left)}" if left < timedelta() else f"due {in_words(left)}"
