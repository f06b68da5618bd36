"""A desk at which errands are run: the engine with a process about nothing, drawn by each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from app.database import unit_of_work
from app.engine import deployments, history, instances, jobs, messages, user_tasks
from app.engine.actors import SYSTEM, Actor
from app.engine.bindings import (
    Bindings,
    Colleague,
    Fact,
    ProcessBinding,
    StartContext,
    StatusContext,
    Subject,
    SubjectSummary,
    Workforce,
)
from app.engine.core import ProcessEngine
from app.engine.feel import Feel
from app.engine.models import Deployment, HistoryEntry, Incident, Job, ProcessInstance, TaskState, UserTask
from app.engine.projection import WITH_STATE
from app.engine.services import ServiceFunction, ServiceRegistry, ServiceTask
from tests.support.diagrams import Drawing

KEYS = ("errand", "other")
ACTORS = {
    "ann": Actor(1, "Ann", "CLERK", department_id=10),
    "bob": Actor(2, "Bob", "CLERK", department_id=20),
    "boss": Actor(3, "Boss", "MAINTENANCE_MANAGER", oversees=True),
    "visitor": Actor(4, "Visitor", "VISITOR"),
}

# The subject of an errand: a table of the tests alone, so that what is written to it is
# kept or rolled back as any record is.
metadata = sa.MetaData()
errands = sa.Table(
    "test_errands",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("note", sa.String(100), nullable=False),
)


def _create(ctx: StartContext) -> Subject:
    values = {"status": "NEW", "note": str(ctx.values.get("note", ""))}
    created = ctx.session.connection().execute(errands.insert().values(values))
    (number,) = created.inserted_primary_key or (0,)
    return Subject(number, f"E-{number}")


def _set_status(ctx: StatusContext, status: str) -> None:
    if status == "FORBIDDEN":
        raise RuntimeError("no errand has this status")
    ctx.session.execute(errands.update().where(errands.c.id == ctx.subject_id).values(status=status))


def load(session: Session, subject_id: int) -> dict[str, Any]:
    row = session.execute(errands.select().where(errands.c.id == subject_id)).one()
    return {"id": row.id, "status": row.status, "note": row.note, "businessKey": f"E-{row.id}"}


def _binding(key: str) -> ProcessBinding:
    fields = {"id": "number", "status": "string", "note": "string", "businessKey": "string"}
    return ProcessBinding(
        key=key,
        subject_type="errand",
        statuses=("NEW", "OPEN", "DONE"),
        facts={"errand": Fact("The errand", fields, load)},
        create_subject=_create,
        set_status=_set_status,
        describe=lambda session, subject_id: SubjectSummary(f"Errand {subject_id}", department_id=10),
    )


class Desk:
    """Acts through the engine's own functions; ``settle`` does the jobs that are due."""

    def __init__(self, feel: Feel, database: sa.Engine) -> None:
        self.services = ServiceRegistry()
        self.database = database
        self.away: set[str] = set()  # the names of actors nobody can count on
        self.told: list[tuple[int, str, str, str]] = []  # who was notified: title, text, link
        self.bindings = Bindings(
            processes={key: _binding(key) for key in KEYS},
            roles={"CLERK": "Clerk", "VISITOR": "Visitor"},
            eligible=lambda session, role, department: [
                (a.user_id or 0, a.name)
                for a in ACTORS.values()
                if a.role == role and department in (None, a.department_id)
            ],
            workforce=lambda session: Workforce(
                {a.user_id or 0: (a.role, a.department_id) for n, a in ACTORS.items() if n not in self.away}
            ),
            colleagues=lambda session: [
                Colleague(
                    a.user_id or 0,
                    a.name,
                    a.role,
                    a.department_id,
                    absent_until=date(2026, 3, 9) if name in self.away else None,
                )
                for name, a in ACTORS.items()
            ],
            tell=lambda session, user_ids, title, body, link: self.told.extend(
                (user_id, title, body, link) for user_id in user_ids
            ),
            person_name=lambda session, user_id: next(
                (a.name for a in ACTORS.values() if a.user_id == user_id), ""
            ),
        )
        self.engine = ProcessEngine(services=self.services, bindings=self.bindings, feel=feel)
        self.sessions = sessionmaker(database, expire_on_commit=False)
        metadata.drop_all(database)
        metadata.create_all(database)

    @contextmanager
    def acting(self) -> Iterator[Session]:
        """One action, one transaction."""
        with self.sessions() as session, unit_of_work(session):
            yield session

    # -- definitions -------------------------------------------------------------------------------

    def service(self, name: str, function: ServiceFunction, **inputs: Any) -> None:
        """Register a service task whose inputs are ``inputs`` (an ``Input`` each)."""
        self.services.tasks.pop(name, None)
        self.services.add(ServiceTask(name, name, "", function, inputs, {}, {}))

    def deploy(self, drawing: Drawing | dict[str, bytes], **others: bytes) -> Deployment:
        files = drawing.files(**others) if isinstance(drawing, Drawing) else drawing
        with self.acting() as session:
            return deployments.deploy(self.engine, session, files, by=SYSTEM)

    # -- acting ------------------------------------------------------------------------------------

    def start(self, key: str = "errand", by: str = "ann", **values: Any) -> ProcessInstance:
        with self.acting() as session:
            return instances.start(self.engine, session, key, ACTORS[by], values)

    def run(self, drawing: Drawing, by: str = "ann", **values: Any) -> ProcessInstance:
        """Deploy a drawing and start it."""
        self.deploy(drawing)
        return self.start(by=by, **values)

    def do(
        self, name: str, by: str | Actor = "ann", outcome: str | None = None, **values: Any
    ) -> user_tasks.Completion:
        """Do the oldest open task with that element id."""
        task = self.task(name)
        actor = ACTORS[by] if isinstance(by, str) else by
        with self.acting() as session:
            return user_tasks.complete(self.engine, session, task.id, actor, values, outcome)

    def send(self, name: str, to: str, by: Actor = SYSTEM, **payload: Any) -> None:
        """Deliver a message at once."""
        with self.acting() as session:
            messages.deliver(self.engine, session, name, to, payload, by)

    def post(self, name: str, to: str | None, **payload: Any) -> Job:
        """Queue a message, as an instance does."""
        with self.acting() as session:
            return messages.send(session, name, to=to, payload=payload)

    def settle(self) -> int:
        return jobs.drain(self.engine, self.sessions)

    def fire(self) -> int:
        return instances.fire_due(self.engine, self.sessions)

    def operate(self, function: Callable[..., Any], instance: ProcessInstance, by: str = "boss") -> Any:
        """Cancel, suspend or resume."""
        with self.acting() as session:
            return function(self.engine, session, instance.id, ACTORS[by], "a reason")

    # -- looking -----------------------------------------------------------------------------------

    def now(self, instance: ProcessInstance) -> ProcessInstance:
        """The instance as it is stored."""
        with self.sessions() as session:
            query = sa.select(ProcessInstance).where(ProcessInstance.id == instance.id).options(*WITH_STATE)
            return session.scalars(query).one()

    def state(self, instance: ProcessInstance) -> str:
        return self.now(instance).state

    def variables(self, instance: ProcessInstance) -> dict[str, Any]:
        found: dict[str, Any] = self.now(instance).engine_state["variables"]
        return found

    def tokens(self, instance: ProcessInstance) -> list[str]:
        with self.sessions() as session:
            return sorted(instances.tokens(self.engine, session, instance.id))

    def size(self, instance: ProcessInstance) -> int:
        """How many tasks the stored state holds."""
        stored = self.now(instance).engine_state
        trees = [stored["tree"], *stored.get("subprocesses", {}).values()]
        return sum(len(tree["tasks"]) for tree in trees)

    def tasks(self, instance: ProcessInstance | None = None, state: str = TaskState.OPEN) -> list[UserTask]:
        query = sa.select(UserTask).where(UserTask.state == state).order_by(UserTask.id)
        if instance is not None:
            query = query.where(UserTask.instance_id == instance.id)
        with self.sessions() as session:
            return list(session.scalars(query))

    def open(self, instance: ProcessInstance | None = None) -> list[str]:
        """The element ids of open user tasks, sorted."""
        return sorted(task.element_id for task in self.tasks(instance))

    def task(self, name: str) -> UserTask:
        return next(task for task in self.tasks() if task.element_id == name)

    def errand(self, instance: ProcessInstance) -> dict[str, Any]:
        with self.sessions() as session:
            return load(session, instance.subject_id)

    def history(self, instance: ProcessInstance) -> list[HistoryEntry]:
        with self.sessions() as session:
            return history.entries(session, instance.id)

    def kinds(self, instance: ProcessInstance, element: str) -> list[str]:
        """What history tells of an element, in order."""
        return [entry.kind for entry in self.history(instance) if entry.element_id == element]

    def incidents(self, instance: ProcessInstance, *, resolved: bool = False) -> list[Incident]:
        query = sa.select(Incident).where(Incident.instance_id == instance.id).order_by(Incident.id)
        query = query.where(Incident.resolved_at.is_not(None) if resolved else Incident.resolved_at.is_(None))
        with self.sessions() as session:
            return list(session.scalars(query))

    def jobs(self, kind: str | None = None, state: str | None = None) -> list[Job]:
        query = sa.select(Job).order_by(Job.id)
        if kind is not None:
            query = query.where(Job.kind == kind)
        if state is not None:
            query = query.where(Job.state == state)
        with self.sessions() as session:
            return list(session.scalars(query))
