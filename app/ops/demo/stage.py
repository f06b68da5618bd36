"""Lets the demonstration's people act: everything they do goes through the processes, as on any site."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import people
from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.queries import requests
from app.engine import instances, jobs, messages, user_tasks
from app.engine.actors import Actor
from app.engine.core import ProcessEngine
from app.engine.jobs import SessionFactory
from app.engine.models import OPEN_STATES, ProcessInstance, TaskState, UserTask
from app.engine.user_tasks import InvalidSubmission
from app.ops.demo import factory
from app.processes import preventive_opening, stock_replenishment
from app.processes.directory import actor_of

Answer = TypeVar("Answer")

NAMED = {
    "machine": ("machineId", Machine.qr_code),
    "failure": ("failureCodeId", FailureCode.code),
    "type": ("maintenanceTypeId", MaintenanceType.code),
    "part": ("partId", SparePart.part_number),
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A user task that waits for somebody."""

    id: int
    subject_id: int
    due_at: datetime | None
    assignee_id: int | None


class Stage:
    """A factory whose time is told by hand. Timers go off when their time comes."""

    def __init__(self, engine: ProcessEngine, sessions: SessionFactory, time: ManualClock) -> None:
        self._engine = engine
        self._sessions = sessions
        self._time = time
        self._keys: dict[str, str] = {}
        self._morning = time.time  # when the scheduler looks next for what is due that day

    def wait_until(self, moment: datetime) -> None:
        """Let time pass. Whatever becomes due on the way is done at its own time."""
        while self._morning <= moment:
            self._fire_until(self._morning)
            preventive_opening.open_due(self._engine, self._sessions)
            stock_replenishment.open_needed(self._sessions)
            self._settle()
            self._morning += timedelta(days=1)
        self._fire_until(moment)

    def _fire_until(self, moment: datetime) -> None:
        while (due := self._next_due()) is not None and due <= moment:
            self._time.time = max(due, clock.now())
            if not instances.fire_due(self._engine, self._sessions):
                break
            self._settle()
        self._time.time = max(moment, clock.now())

    def now(self) -> datetime:
        """What time it is in the factory."""
        return clock.now()

    def ask(self, look: Callable[[Session], Answer]) -> Answer:
        """Look something up."""
        with self._sessions() as session:
            return look(session)

    def act(self, by: str, do: Callable[[Session, int], object]) -> None:
        """Do something that no process is about, in a transaction of its own."""
        with self._sessions() as session, unit_of_work(session):
            do(session, factory.person(session, by).id)
        self._settle()

    def waiting(self, name: str, *, told: bool | None = None) -> list[Waiting]:
        """The open user tasks with this name; those of the requests that no story tells of, or only of those
        that one does."""
        with self._sessions() as session:
            query = select(UserTask).where(UserTask.name == name, UserTask.state == TaskState.OPEN)
            keys = set(self._keys.values())
            return [
                Waiting(task.id, task.subject_id, task.due_at, task.assignee_id)
                for task in session.scalars(query.order_by(UserTask.id))
                if told is None or (task.business_key in keys) == told
            ]

    def complete(self, task: Waiting, by: str, outcome: str, **values: Any) -> None:
        """Complete a user task that waits."""
        self._submit(lambda session: task.id, by, outcome, values)

    def report(self, story: str, by: str, **values: Any) -> None:
        """Report a problem; ``story`` is what the request is called from then on."""
        with self._sessions() as session, unit_of_work(session):
            actor = self._actor(session, by)
            form = user_tasks.start_form(
                self._engine, session, "maintenance_request", actor, json=_resolved(session, values)
            )
            if not form.validate():
                raise InvalidSubmission(form)
            instance = instances.start(self._engine, session, "maintenance_request", actor, form.values())
            self._keys[story] = instance.business_key
        self._settle()

    def do(self, story: str, task: str, by: str, outcome: str, **values: Any) -> None:
        """Complete a user task of a request, or of one of its parts requests."""
        self._submit(lambda session: self._task(session, story, task).id, by, outcome, values)

    def _submit(
        self, find: Callable[[Session], int], by: str, outcome: str, values: Mapping[str, Any]
    ) -> None:
        with self._sessions() as session, unit_of_work(session):
            user_tasks.submit(
                self._engine, session, find(session), self._actor(session, by),
                outcome=outcome, json=_resolved(session, values),
            )  # fmt: skip
        self._settle()

    def waits_for(self, story: str, task: str) -> bool:
        """Whether a request, or one of its parts requests, waits for a user task."""
        with self._sessions() as session:
            return len(self._tasks(session, story, task)) == 1

    def free(self, part_number: str) -> int:
        """How many of a part may be taken from the store."""
        with self._sessions() as session:
            query = select(SparePart).where(SparePart.part_number == part_number)
            return session.scalars(query).one().free

    def cancel(self, story: str, by: str, reason: str) -> None:
        """Call a request off."""
        with self._sessions() as session, unit_of_work(session):
            actor = self._actor(session, by)
            key = self._keys[story]
            messages.deliver(self._engine, session, "cancel requested", key, {"reason": reason}, actor)
        self._settle()

    def _settle(self) -> None:
        """Do the jobs that are due: the messages between processes."""
        jobs.drain(self._engine, self._sessions)

    def _next_due(self) -> datetime | None:
        with self._sessions() as session:
            query = select(ProcessInstance.next_due_at).where(
                ProcessInstance.state.in_(OPEN_STATES), ProcessInstance.next_due_at.is_not(None)
            )
            return session.scalar(query.order_by(ProcessInstance.next_due_at).limit(1))

    def _actor(self, session: Session, key: str) -> Actor:
        user = factory.person(session, key)
        return actor_of(user, people.stands_in_for(session, user.id, clock.now().date()))

    def _task(self, session: Session, story: str, name: str) -> UserTask:
        """The open task with this name that belongs to the story's machine and request."""
        found = self._tasks(session, story, name)
        if len(found) != 1:
            raise LookupError(f"{story}: {len(found)} open tasks named {name}")
        return found[0]

    def _tasks(self, session: Session, story: str, name: str) -> list[UserTask]:
        request = session.scalars(
            select(ProcessInstance).where(ProcessInstance.business_key == self._keys[story])
        ).one()
        belonging = {request.business_key, *_parts_keys(session, request.subject_id)}
        query = select(UserTask).where(UserTask.name == name, UserTask.state == TaskState.OPEN)
        return [task for task in session.scalars(query) if task.business_key in belonging]


def _parts_keys(session: Session, request_id: int) -> list[str]:
    return [made.business_key for made in requests.parts_requests_of(session, request_id)]


def _resolved(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with ids in place of the names that a story uses (``machine="M-0001"``)."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if key in NAMED:
            name, column = NAMED[key]
            found[name] = session.scalars(select(column.class_.id).where(column == value)).one()
        elif isinstance(value, list):
            found[key] = [_resolved(session, row) if isinstance(row, Mapping) else row for row in value]
        else:
            found[key] = value
    return found
