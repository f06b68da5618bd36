"""Why an instance does not go on: the reasons, and what of it can be said from rows alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from app.engine.bindings import Workforce

# The scheduler looks for due timers every few seconds: one that is this late was missed.
TIMER_GRACE = timedelta(minutes=2)
# A message without an expected time, and without enough experience of it, is late after this long.
MESSAGE_PATIENCE = timedelta(days=7)


class Reason(StrEnum):
    """Why an instance is stuck, the most urgent first."""

    INCIDENT = "incident"  # a step has failed
    TIMER_MISSED = "timer_missed"  # a timer should have gone off
    NOBODY_ELIGIBLE = "nobody_eligible"  # nobody can do a task: role empty, or all absent
    MESSAGE_LATE = "message_late"  # a message is awaited longer than expected
    OVERDUE = "overdue"  # a task is past its due time
    SLOW = "slow"  # a task waits longer than nine in ten of its kind did

    @property
    def rank(self) -> int:
        return list(Reason).index(self)


@dataclass(frozen=True, slots=True)
class Found:
    """One obstacle; :attr:`key` tells it from all others."""

    instance_id: int
    process_key: str
    reason: Reason
    element_id: str
    element_name: str
    since: datetime
    task_id: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[int, str, str, int | None]:
        return self.instance_id, self.reason.value, self.element_id, self.task_id


class OpenTask(Protocol):
    """What is read of an open user task."""

    id: int
    instance_id: int
    process_key: str
    element_id: str
    name: str
    candidate_role: str | None
    candidate_department_id: int | None
    escalation_role: str | None
    assignee_id: int | None
    assignee_name: str
    due_at: datetime | None
    created_at: datetime


Typical = Mapping[tuple[str, str], float]
"""The seconds that nine in ten of a process's step took no longer than, by process key and element id."""


def of_task(task: OpenTask, now: datetime, workforce: Workforce, typical: Typical) -> Iterator[Found]:
    """What keeps an open user task from being done. What is overdue is not called slow as well."""

    def found(reason: Reason, since: datetime, **detail: Any) -> Found:
        return Found(
            task.instance_id, task.process_key, reason, task.element_id, task.name, since, task.id, detail
        )

    if not can_be_done(task, workforce):
        yield found(
            Reason.NOBODY_ELIGIBLE,
            now,
            assignee=task.assignee_name,
            roles=[role for role in (task.candidate_role, task.escalation_role) if role],
            department=task.candidate_department_id,
        )
    usual = typical.get((task.process_key, task.element_id))
    if task.due_at is not None and task.due_at < now:
        yield found(Reason.OVERDUE, task.due_at)
    elif usual is not None and now - task.created_at > timedelta(seconds=usual):
        yield found(Reason.SLOW, task.created_at + timedelta(seconds=usual), usual=round(usual))


def can_be_done(task: OpenTask, workforce: Workforce) -> bool:
    """Whether anybody who can be counted on today may do a task.

    The same rule as :func:`app.engine.user_tasks.rights.acting_as`, asked about everybody at once.
    """
    if task.escalation_role is not None and workforce.holds(task.escalation_role):
        return True
    if task.assignee_id is not None:
        return workforce.has(task.assignee_id)
    roles = (task.candidate_role or "").split(",")
    return any(workforce.holds(role, task.candidate_department_id) for role in roles if role)


def message_limit(since: datetime, due_at: datetime | None, usual: float | None) -> datetime:
    """When a message is late: as the diagram says, else by experience, else after a week."""
    if due_at is not None:
        return due_at
    return since + (MESSAGE_PATIENCE if usual is None else timedelta(seconds=usual))
