"""What is the matter with an instance, and what a manager can do about it, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app import clock
from app.engine.bindings import Bindings
from app.engine.models import UserTask
from app.engine.monitor.models import Obstacle
from app.engine.monitor.obstacles import Reason

if TYPE_CHECKING:
    from app.engine.monitor.stuck import Group, Stuck

SHORT: Mapping[Reason, str] = {
    Reason.INCIDENT: "Step failed",
    Reason.TIMER_MISSED: "Timer missed",
    Reason.NOBODY_ELIGIBLE: "Nobody can do it",
    Reason.MESSAGE_LATE: "Message late",
    Reason.OVERDUE: "Overdue",
    Reason.SLOW: "Unusually long",
}
"""What a reason is called on badges and in filters."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is the matter, and what can be done; whole sentences."""

    matter: str
    advice: str

    def __str__(self) -> str:
        return f"{self.matter} {self.advice}"


def explain(stuck: Stuck, bindings: Bindings, departments: Mapping[int, str] | None = None) -> Words:
    """What keeps one instance from going on. ``departments`` gives the names of departments by id."""
    obstacle, task = stuck.obstacle, stuck.task
    detail = obstacle.detail or {}
    step = f"“{obstacle.element_name or obstacle.element_id}”"
    match Reason(obstacle.reason):
        case Reason.INCIDENT:
            attempts = int(detail.get("attempts") or 1)
            tried = f" It was tried {attempts} times." if attempts > 1 else ""
            return Words(
                f"The step {step} failed: {_sentence(detail.get('message'))}{tried}",
                "Mend the cause and retry it, or move the token.",
            )
        case Reason.TIMER_MISSED:
            return Words(
                f"A timer should have gone off {ago(obstacle.since)}, and has not.",
                "See that the scheduler runs; if it does, look at the jobs of the instance.",
            )
        case Reason.NOBODY_ELIGIBLE:
            return _nobody(obstacle, step, bindings, departments or {})
        case Reason.MESSAGE_LATE:
            return Words(
                f"The message “{detail.get('message', '')}” was expected at {step} {ago(obstacle.since)},"
                " and has not come.",
                "Ask whoever sends it, or move the token.",
            )
        case Reason.OVERDUE:
            return Words(
                f"{step} is overdue by {span(clock.now() - obstacle.since)}; {_holder(task, bindings)}.",
                "Remind them, or give it to somebody else.",
            )
        case Reason.SLOW:
            usual = timedelta(seconds=int(detail.get("usual") or 0))
            return Words(
                f"{step} has waited longer than nine in ten did ({span(usual)}), "
                f"by {span(clock.now() - obstacle.since)}; {_holder(task, bindings)}.",
                "Ask what keeps them, or give it to somebody else.",
            )


def explain_group(group: Group, bindings: Bindings, departments: Mapping[int, str] | None = None) -> Words:
    """What keeps all instances of a group from going on; of one alone, what :func:`explain` says."""
    single = explain(group.sample, bindings, departments)
    if group.instances == 1:
        return single
    step, number = f"“{group.element_name or group.element_id}”", group.instances
    longest = span(clock.now() - group.since)
    match group.reason:
        case Reason.INCIDENT:
            message = _sentence((group.sample.obstacle.detail or {}).get("message"))
            return Words(
                f"The step {step} failed in {number} instances, the first {ago(group.since)}: {message}",
                single.advice,
            )
        case Reason.TIMER_MISSED:
            return Words(
                f"Timers of {number} instances should have gone off, the first {ago(group.since)}.",
                single.advice,
            )
        case Reason.NOBODY_ELIGIBLE:
            return Words(
                f"{step} waits in {number} instances, and nobody who is there today can do it.",
                "See who is missing: give the role to somebody, name a substitute, or give the tasks away.",
            )
        case Reason.MESSAGE_LATE:
            return Words(
                f"{number} instances wait at {step} for a message that has not come; the first was expected"
                f" {ago(group.since)}.",
                "Ask whoever sends it, or move the tokens.",
            )
        case Reason.OVERDUE:
            return Words(
                f"{step} is overdue in {number} instances, the longest by {longest}.",
                "Remind those who have them, or give them to others.",
            )
        case Reason.SLOW:
            return Words(
                f"{step} has waited longer than nine in ten did in {number} instances,"
                f" the longest by {longest}.",
                "Ask what keeps them, or give them to others.",
            )


def _nobody(obstacle: Obstacle, step: str, bindings: Bindings, departments: Mapping[int, str]) -> Words:
    detail = obstacle.detail or {}
    if assignee := detail.get("assignee"):
        return Words(
            f"{step} is with {assignee}, who has left or is away, and nobody stands in.",
            "Give it to somebody else, or name a substitute.",
        )
    roles = split_roles(detail.get("roles") or ())
    if not roles:
        return Words(f"{step} is for nobody: it names no role and no person.", "Give it to somebody.")
    where = ""
    if (department := detail.get("department")) is not None:
        where = f" in {departments.get(department, 'the department that it is for')}"
    named = " or ".join(bindings.roles.get(role, role) for role in roles)
    return Words(
        f"Nobody who is there today holds the role {named}{where}; {step} waits for it.",
        "Give the role to somebody, or give the task to somebody else.",
    )


def _holder(task: UserTask | None, bindings: Bindings) -> str:
    if task is None:
        return "nobody has it"
    if task.assignee_id is not None:
        return f"it is with {task.assignee_name or 'somebody'}"
    named = " or ".join(bindings.roles.get(role, role) for role in split_roles(task.candidate_roles))
    return f"it waits for the role {named}" if named else "nobody has it"


def split_roles(roles: Iterable[str]) -> list[str]:
    """Role codes, each once; several may stand in one text with commas between them."""
    return list(dict.fromkeys(role for text in roles for role in text.split(",") if role))


def span(length: timedelta) -> str:
    """How long something takes, in one unit: “3 hours”."""
    minutes = max(1, round(abs(length).total_seconds() / 60))
    if minutes < 100:
        return _many(minutes, "minute")
    hours = round(minutes / 60)
    return _many(hours, "hour") if hours < 48 else _many(round(minutes / 1440), "day")


def ago(moment: datetime) -> str:
    """How long ago something was: “3 hours ago”."""
    return f"{span(clock.now() - moment)} ago"


def _many(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _sentence(text: object) -> str:
    told = str(text or "").strip() or "the program does not say why"
    return told if told.endswith((".", "!", "?")) else f"{told}."
