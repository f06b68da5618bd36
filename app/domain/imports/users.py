"""Users from a file: new ones are added without a password, known ones brought up to date.

Who is new has a password that nobody knows, and sets another one by the link that an administrator hands
over, or that they ask for themselves.
"""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain import passwords, people, values
from app.domain.entities import EntityType
from app.domain.imports.catalogue import Catalogue, Context, Field, ReadRow, find_department, named
from app.domain.imports.columns import Column, Needed
from app.domain.imports.part_rows import key as folded
from app.domain.imports.plan import Plan
from app.domain.people import Department, Role, User
from app.domain.preventive.due import site_date

_ROLES = {
    "administrator": Role.ADMIN,
    "technician": Role.MAINTENANCE_TECH,
    "maintenance technician": Role.MAINTENANCE_TECH,
    "maintenance manager": Role.MAINTENANCE_MANAGER,
    "inventory manager": Role.INVENTORY_MANAGER,
    "storekeeper": Role.INVENTORY_MANAGER,
}
_YES, _NO = ("yes", "y", "true", "1", "x"), ("no", "n", "false", "0")


def _role(cell: str, context: Context) -> str:
    text = cell.strip()
    known = _ROLES.get(text.casefold()) or text.upper().replace(" ", "_")
    return values.one_of(known, list(Role), code="BAD_ROLE", what="role", field="role")


def _name(cell: str, context: Context) -> str:
    return values.line(cell, code="NAME", what="name", field="name")


def _flag(cell: str, context: Context) -> bool:
    text = cell.strip().casefold()
    if text not in (*_YES, *_NO):
        raise ValueError(f"{cell.strip()[:40]!r} is neither yes nor no.")
    return text in _YES


class Users(Catalogue):
    """Who signs in."""

    name = "users"
    title = "Users"
    one = "user"
    about = (
        "Who signs in. An e-mail address that is known changes that user. New users have no password yet: "
        "they set one by a link, which you make on their page or which they ask for where one signs in."
    )
    entity_type = EntityType.USER
    columns = (
        Column(
            "email",
            "The address they sign in with.",
            "ann.keller@factory.example",
            ("e-mail", "mail", "login"),
            Needed.ALWAYS,
        ),
        Column("name", "First and last name.", "Ann Keller", ("full name", "person"), Needed.FOR_NEW),
        Column(
            "role",
            f"One of {', '.join(Role)}. Without a role a user can only sign in.",
            "SUPERVISOR",
            ("function",),
        ),
        Column("department", "The name of the department they belong to.", "Stamping", ("area",)),
        Column("processOwner", "Whether they may change processes: yes or no.", "no", ("process owner",)),
        Column("language", "How dates and numbers are written: en or en-US.", "en"),
    )
    key_column = "email"
    key_attributes = ("email",)
    fields = (
        Field("email", "email", lambda cell, context: people.checked_email(cell)),
        Field("name", "name", _name),
        Field("role", "role", _role),
        Field(
            "department",
            "department_id",
            find_department,
        ),
        Field("processOwner", "process_owner", _flag, lambda value: "yes" if value else "no"),
        Field(
            "language",
            "language",
            lambda cell, context: values.one_of(
                cell.strip(), people.LANGUAGES, code="BAD_LANGUAGE", what="language", field="language"
            ),
        ),
    )
    model = User
    create_action = "CREATE_USER"
    update_action = "UPDATE_USER"
    defaults: ClassVar[Mapping[str, Any]] = {
        "role": None,
        "department_id": None,
        "process_owner": False,
        "language": "en",
        "active": True,
    }

    def context(self, session: Session) -> Context:
        return Context(site_date(session), {"departments": named(session, Department, Department.name)})

    def key_of(self, values: Mapping[str, Any]) -> Hashable | None:
        return folded(values["email"])

    def label_of(self, values: Mapping[str, Any]) -> tuple[str, str]:
        return values["email"], values.get("name", "")

    def also_held(self) -> tuple[Any, ...]:
        return (User.active,)

    def check_known(self, session: Session, held: Any, row: ReadRow) -> Iterable[tuple[str, str]]:
        if not held.active:
            yield "email", f"{held.email} is deactivated; activate the user first, or leave the line out."

    def check_all(self, session: Session, plan: Plan) -> None:
        demoted = [
            change.row_id
            for change in plan.updated
            if change.before.get("role") == Role.ADMIN and change.after["role"] != Role.ADMIN
        ]
        if not demoted:
            return
        admins = sa.select(User.id).where(User.role == Role.ADMIN, User.active).with_for_update()
        if not set(session.scalars(admins)) - set(demoted):
            line = next(change.line for change in plan.updated if change.row_id in demoted)
            message = "The factory needs at least one administrator; leave one of them the role ADMIN."
            plan.problems.add(line, "role", message)

    def write(self, session: Session, plan: Plan, by: int | None) -> None:
        if plan.created:
            nobody_knows = passwords.hash_password(secrets.token_urlsafe(32))
            for change in plan.created:
                change.after["password_hash"] = nobody_knows  # type: ignore[index]
        super().write(session, plan, by)

    def tell_held(self, session: Session, one: Field, value: Any) -> Any:
        if one.attribute == "department_id" and value is not None:
            department = session.get(Department, value)
            return department.name if department is not None else None
        return one.tell(value)

    def logged(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: "***" if name == "password_hash" else value for name, value in row.items()}

    @property
    def key_words(self) -> str:
        return "e-mail address"
