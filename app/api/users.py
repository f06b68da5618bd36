"""Users, who stands in for them, and what everybody may change about themselves."""

from __future__ import annotations

import secrets
from datetime import date
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy.orm import joinedload

from app import current
from app.access.permissions import Scope
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import Day, Id, In, Instant, Named, Out, PageOf, Paging, Text, left_out
from app.domain import accounts, password_resets, passwords, people
from app.domain.people import Role, Substitution, User
from app.domain.queries import people as lists
from app.domain.queries.paging import MAX_PAGE_SIZE, Page
from app.errors import NotFound

resource = Resource("Users", "Who works here, as what, and who stands in for whom.")

Email = Annotated[
    str,
    Field(
        min_length=3,
        max_length=255,
        pattern=r"^[^\s\x00-\x1f\x7f@<>()\[\],;:\\\"]+@[^\s\x00-\x1f\x7f@<>()\[\],;:\\\"]+$",
        examples=["ada@factory.example"],
    ),
]
Language = Literal["en", "en-US"]
Password = Annotated[str, Field(min_length=1, max_length=1000)]
NewPassword = Annotated[
    str,
    Field(
        min_length=passwords.LEAST,
        max_length=passwords.MOST,
        description=f"At least {passwords.LEAST} characters, at most {passwords.MOST} bytes.",
    ),
]


class UserOut(Out):
    """A user. Without a role there is little that they may do."""

    id: int
    email: str
    name: str
    role: Role | None
    process_owner: bool
    active: bool
    language: str
    department: Named | None
    created_at: Instant
    updated_at: Instant


class UserIn(In):
    """A new user. Without a password, nobody signs in until the user has set one with a reset link."""

    email: Email
    name: Text
    password: NewPassword = left_out()
    role: Role | None = None
    department_id: Id | None = None
    process_owner: bool = False
    language: Language = "en"


class UserChanges(In):
    """What changes; what is left out stays."""

    email: Email = left_out()
    name: Text = left_out()
    role: Role | None = None
    department_id: Id | None = None
    process_owner: bool = left_out()
    active: bool = left_out()
    language: Language = left_out()


class OwnChanges(In):
    """What people may change about themselves; what is left out stays."""

    name: Text = left_out()
    language: Language = left_out()


class UserFilters(Paging):
    """Which users, in which order."""

    role: Role = left_out()
    department_id: Id = left_out()
    active: bool = left_out()
    process_owner: bool = left_out()
    sort: Literal[
        "name", "-name", "email", "-email", "role", "-role", "active", "-active",
        "createdAt", "-createdAt", "updatedAt", "-updatedAt",
    ] = "name"  # fmt: skip


class ResetLinkOut(Out):
    """A link to hand over: whoever opens it sets a new password. It is told once."""

    link: str
    expires_at: Instant


class SubstitutionIn(In):
    """An absence, both days included, and who does the tasks meanwhile."""

    substitute_id: Id
    starts_on: Day = Field(alias="from")
    ends_on: Day = Field(alias="until")


class SubstitutionOut(Out):
    """An absence, both days included, and who does the tasks meanwhile."""

    id: int
    user_id: int
    substitute: Named
    starts_on: date = Field(alias="from")
    ends_on: date = Field(alias="until")


class SubstitutionPaging(In):
    """Which page of the absences, the latest first."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 25


WITH_DEPARTMENT = joinedload(User.department)


@resource.get("/users", needs="users:read", answers=PageOf[UserOut])
def list_users(query: UserFilters) -> Page[User]:
    """List users."""
    return lists.list_users(calls.session(), **query.for_list())


@resource.get("/users/me", needs="account:use", answers=UserOut, etag=True)
def get_own_user() -> User:
    """Get who is calling."""
    return own()


@resource.put("/users/me", needs="account:use", answers=UserOut, etag=True)
def update_own_user(body: OwnChanges) -> User:
    """Change one's own name or language. Everything else an administrator changes."""
    user = find(User, calls.user_id(), WITH_DEPARTMENT, lock=True)
    calls.require_unchanged(UserOut, user)
    return people.update_user(calls.session(), user, user.id, **body.given())


@resource.get("/users/{user_id}", needs="users:read", answers=UserOut, etag=True)
def get_user(user_id: Id) -> User:
    """Get a user."""
    return find(User, user_id, WITH_DEPARTMENT)


def _hash_of_new_user(body: UserIn) -> str:
    # Without a password there is one that nobody knows.
    return passwords.hash_password(body.given().get("password") or secrets.token_urlsafe(32))


@resource.post(
    "/users", needs="users:write", prepares=_hash_of_new_user, answers=UserOut, status=201, etag=True
)
def create_user(body: UserIn, prepared: str) -> User:
    """Add a user."""
    user = people.create_user(
        calls.session(),
        calls.user_id(),
        email=body.email,
        name=body.name,
        password_hash=prepared,
        role=body.role,
        department_id=body.department_id,
        process_owner=body.process_owner,
        language=body.language,
    )
    calls.location(f"/users/{user.id}")
    return user


@resource.put("/users/{user_id}", needs="users:write", answers=UserOut, etag=True)
def update_user(user_id: Id, body: UserChanges) -> User:
    """Change a user. One that is deactivated is signed out everywhere, and is offered nowhere any more."""
    user = find(User, user_id, WITH_DEPARTMENT, lock=True)
    calls.require_unchanged(UserOut, user)
    return people.update_user(calls.session(), user, calls.user_id(), **body.given())


@resource.delete("/users/{user_id}", needs="users:write", etag=True)
def delete_user(user_id: Id) -> None:
    """Delete a user who has done nothing yet; others are deactivated instead."""
    user = find(User, user_id, WITH_DEPARTMENT, lock=True)
    calls.require_unchanged(UserOut, user)
    accounts.delete_user(calls.session(), user, calls.user_id())


@resource.post("/users/{user_id}/reset-link", needs="users:write", answers=ResetLinkOut)
def make_reset_link(user_id: Id) -> ResetLinkOut:
    """Make a link with which the user sets a new password within three days.

    Older links of the user are no longer good. The password so far is, until the link is used.
    """
    made = password_resets.make(calls.session(), find(User, user_id), calls.user_id())
    return ResetLinkOut(link=current.address_of(f"/reset/{made.token}"), expires_at=made.expires_at)


@resource.get("/users/{user_id}/substitutions", needs="substitutions:write", answers=PageOf[SubstitutionOut])
def list_substitutions(user_id: Id, query: SubstitutionPaging) -> Page[Substitution]:
    """List absences, one's own or, for administrators, anybody's."""
    user = _absent(user_id)
    return lists.list_substitutions(calls.session(), user.id, page=query.page, page_size=query.page_size)


@resource.post(
    "/users/{user_id}/substitutions", needs="substitutions:write", answers=SubstitutionOut, status=201
)
def create_substitution(user_id: Id, body: SubstitutionIn) -> Substitution:
    """Enter an absence: the substitute sees and may do the user's tasks on those days."""
    user = _absent(user_id)
    made = people.set_substitute(
        calls.session(), user, body.substitute_id, body.starts_on, body.ends_on, calls.user_id()
    )
    calls.session().flush()
    calls.location(f"/users/{user.id}/substitutions")
    return made


@resource.delete("/users/{user_id}/substitutions/{substitution_id}", needs="substitutions:write")
def delete_substitution(user_id: Id, substitution_id: Id) -> None:
    """Take back an absence."""
    user = _absent(user_id)
    found = find(Substitution, substitution_id, lock=True)
    if found.user_id != user.id:
        raise NotFound("There is no such substitution.")
    people.remove_substitute(calls.session(), found, calls.user_id())


def own() -> User:
    """The caller's own row, with department."""
    return find(User, calls.user_id(), WITH_DEPARTMENT)


def _absent(user_id: int) -> User:
    """The user whose absences the caller may see and enter.

    :raises NotFound: there is none, or it is not the caller's to see
    """
    if calls.scope() != Scope.ALL and user_id != calls.user_id():
        raise NotFound("There is no such user, or it is not you.")
    return find(User, user_id)
