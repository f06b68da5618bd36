"""A small factory with its processes deployed, and people who act in it as the pages let them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from app.database import unit_of_work
from app.domain.machines import Criticality
from app.domain.people import Role
from app.engine import instances, jobs, user_tasks
from app.engine.actors import Actor
from app.engine.core import ProcessEngine
from app.engine.models import ProcessInstance, TaskState, UserTask
from app.processes import deploy_shipped
from app.processes.directory import actor_of
from tests import factories

PEOPLE = {
    "supervisor": Role.SUPERVISOR,
    "technician": Role.MAINTENANCE_TECH,
    "technician2": Role.MAINTENANCE_TECH,
    "manager": Role.MAINTENANCE_MANAGER,
    "inventory": Role.INVENTORY_MANAGER,
    "inventory2": Role.INVENTORY_MANAGER,
    "admin": Role.ADMIN,
}


class Floor:
    """Acts through the engine's own functions; jobs are done after each action."""

    def __init__(self, engine: ProcessEngine, database: sa.Engine) -> None:
        self.engine = engine
        self.sessions = sessionmaker(database, expire_on_commit=False)
        self.actors: dict[str, Actor] = {}
        with self.acting() as session:
            department = factories.make_department(session, name="Pressing")
            for name, role in PEOPLE.items():
                home = department if role == Role.SUPERVISOR else None
                user = factories.make_user(session, role, name=name, department=home)
                self.actors[name] = actor_of(user)
            machine = factories.make_machine(
                session, name="Press 4", department=department, criticality=Criticality.MEDIUM
            )
            self.machine_id = machine.id
            self.maintenance_type_id = factories.make_maintenance_type(session).id
            deploy_shipped(engine, session)

    @contextmanager
    def acting(self) -> Iterator[Session]:
        """One action, one transaction."""
        with self.sessions() as session, unit_of_work(session):
            yield session

    def settle(self) -> None:
        """Do the jobs that are due, and those they cause."""
        jobs.drain(self.engine, self.sessions)

    def part(self, quantity: int, **values: Any) -> int:
        with self.acting() as session:
            part_id: int = factories.make_part(session, quantity, **values).id
            return part_id

    def report(self, by: str = "supervisor", **values: Any) -> ProcessInstance:
        """Report a problem; answers the new instance."""
        given = {"machineId": self.machine_id, "priority": "HIGH", "description": "It leaks oil.", **values}
        with self.acting() as session:
            form = user_tasks.start_form(
                self.engine, session, "maintenance_request", self.actors[by], json=given
            )
            assert form.validate(), form.errors
            instance = instances.start(
                self.engine, session, "maintenance_request", self.actors[by], form.values()
            )
        self.settle()
        return instance

    def open_tasks(self, business_key: str | None = None) -> list[UserTask]:
        query = sa.select(UserTask).where(UserTask.state == TaskState.OPEN).order_by(UserTask.id)
        if business_key:
            query = query.where(UserTask.business_key == business_key)
        with self.sessions() as session:
            return list(session.scalars(query))

    def names(self, business_key: str | None = None) -> list[str]:
        return [task.name for task in self.open_tasks(business_key)]

    def task(self, name: str) -> UserTask:
        """The newest open task with that name."""
        return [task for task in self.open_tasks() if task.name == name][-1]

    def do(self, name: str, by: str, outcome: str | None = None, **values: Any) -> user_tasks.Completion:
        """Do an open task; raises as the engine does."""
        task = self.task(name)
        with self.acting() as session:
            done = user_tasks.submit(
                self.engine, session, task.id, self.actors[by], outcome=outcome, json=values
            )
        self.settle()
        return done

    def parts_wanted(self, part_id: int, quantity: int) -> str:
        """Take a new fault as far as a parts request; answers that request's business key."""
        self.report()
        self.do("Accept request", "technician", "accept")
        lines = [{"partId": part_id, "quantity": quantity, "reason": "worn"}]
        self.do("Carry out work", "technician", "request_parts", partLines=lines)
        with self.sessions() as session:
            newest = (
                sa.select(ProcessInstance.business_key)
                .where(ProcessInstance.key == "parts_approval")
                .order_by(ProcessInstance.id.desc())
            )
            return session.scalars(newest).first() or ""
