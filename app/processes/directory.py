"""The factory's people, as the engine asks for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.domain import notifications, people, settings
from app.domain.people import Role, User
from app.engine.actors import Actor, Identity
from app.engine.bindings import Colleague, Workforce

ROLE_NAMES = {
    Role.ADMIN.value: "Administrator",
    Role.SUPERVISOR.value: "Supervisor",
    Role.MAINTENANCE_TECH.value: "Technician",
    Role.MAINTENANCE_MANAGER.value: "Maintenance manager",
    Role.INVENTORY_MANAGER.value: "Inventory manager",
}


def eligible(session: Session, role: str, department_id: int | None) -> list[tuple[int, str]]:
    """Ids and names of the active people with a role (in a department, if one is given)."""
    return [(user.id, user.name) for user in people.eligible(session, role, department_id)]


def workforce(session: Session) -> Workforce:
    """Who can be counted on today, by the site's calendar."""
    found = people.counted_on(session, _today(session))
    return Workforce({user.id: (user.role, user.department_id) for user in found})


def colleagues(session: Session) -> list[Colleague]:
    """All active people by name, with who is absent today by the site's calendar."""
    away = {absence.user_id: absence for absence in people.absences(session, _today(session))}
    found = session.scalars(sa.select(User).where(User.active).order_by(User.name, User.id))
    return [
        Colleague(
            user.id,
            user.name,
            user.role,
            user.department_id,
            *(
                (absence.ends_on, absence.substitute_id, absence.substitute.name)
                if (absence := away.get(user.id))
                else ()
            ),
        )
        for user in found
    ]


def tell(session: Session, user_ids: Collection[int], title: str, body: str, link: str) -> None:
    """Notify people."""
    notifications.notify(session, user_ids=user_ids, title=title, body=body, link=link)


def _today(session: Session) -> date:
    return clock.now().astimezone(settings.site(session).zone).date()


def person_name(session: Session, user_id: int) -> str:
    """A person's name; empty for an unknown one."""
    user = session.get(User, user_id)
    return user.name if user is not None else ""


# Who oversees everybody's work.
OVERSEERS = (Role.ADMIN, Role.MAINTENANCE_MANAGER)


class Person(Protocol):
    """A user, as far as an actor is made from one."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str | None: ...
    @property
    def department_id(self) -> int | None: ...
    @property
    def process_owner(self) -> bool: ...


def actor_of(user: Person, stands_in_for: Iterable[User] = ()) -> Actor:
    """A user as the engine's actor, with the absent colleagues they stand in for."""
    return Actor(
        user_id=user.id,
        name=user.name,
        role=user.role,
        department_id=user.department_id,
        process_owner=user.process_owner,
        oversees=user.role in OVERSEERS,
        stands_in_for=tuple(
            Identity(absent.id, absent.role, absent.department_id, absent.name) for absent in stands_in_for
        ),
    )
