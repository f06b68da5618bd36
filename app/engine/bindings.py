"""How a process is tied to the records it is about: its subject, its statuses and its facts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.engine.actors import Actor
from app.engine.outline import ProcessOutline


@dataclass(frozen=True, slots=True)
class StartContext:
    """What a subject is made from when an instance starts."""

    session: Session
    actor: Actor
    values: Mapping[str, Any]
    now: datetime


@dataclass(frozen=True, slots=True)
class Subject:
    """The record that an instance is about, and the business key people know both by."""

    id: int
    business_key: str


@dataclass(frozen=True, slots=True)
class SubjectContext:
    """Something that happens to a subject while its process runs."""

    session: Session
    actor: Actor
    subject_id: int
    now: datetime


@dataclass(frozen=True, slots=True)
class StatusContext(SubjectContext):
    """A change of the subject's status that the diagram asks for."""


@dataclass(frozen=True, slots=True)
class SubjectSummary:
    """One line about the subject for inboxes, and what they filter by."""

    title: str
    detail: str = ""
    machine_id: int | None = None
    department_id: int | None = None
    link: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A name that expressions may use, looked up when they do, so that it is never stale.

    ``fields`` maps the fact's own names to FEEL types; a nested fact or list of facts is a
    mapping, or a list with one mapping; None where nobody knows them. The checks and the Studio's
    completion read it.
    """

    description: str
    fields: Mapping[str, Any] | list[Any] | None
    load: Callable[[Session, int], Any]


@dataclass(frozen=True, slots=True)
class ProcessBinding:
    """Ties a process to its subject.

    ``create_subject`` makes the record an instance is about, or finds the one that a starting
    message names; ``set_status`` follows the diagram's ``millwright:status``; ``describe``
    summarises the subject for inboxes. With ``free_statuses`` the diagram may set any code as status,
    and ``statuses`` are those it does set. ``keep_answers`` is told what people answered in user tasks,
    and ``ended`` how the instance ended: completed or cancelled. ``related`` names the records that
    belong to the subject and have processes of their own, by subject type and id.
    """

    key: str
    subject_type: str
    statuses: tuple[str, ...]
    facts: Mapping[str, Fact]
    create_subject: Callable[[StartContext], Subject]
    set_status: Callable[[StatusContext, str], None]
    describe: Callable[[Session, int], SubjectSummary]
    free_statuses: bool = False
    keep_answers: Callable[[SubjectContext, Mapping[str, Any]], None] | None = None
    ended: Callable[[SubjectContext, str], None] | None = None
    related: Callable[[Session, int], list[tuple[str, int]]] = lambda *_: []


Options = Callable[[Session], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Workforce:
    """Who can be counted on today: those who are there, and those somebody who is there stands in for.

    ``people`` gives the role and the department of each, by id.
    """

    people: Mapping[int, tuple[str | None, int | None]] = field(default_factory=dict)

    def has(self, user_id: int) -> bool:
        return user_id in self.people

    def holds(self, role: str, department_id: int | None = None) -> bool:
        """Whether somebody has the role (in the department, if one is given)."""
        return any(
            held == role and department_id in (None, department) for held, department in self.people.values()
        )


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who could be given work. Whoever is absent today has the day until when, and may have
    somebody who stands in for them."""

    user_id: int
    name: str
    role: str | None
    department_id: int | None = None
    absent_until: date | None = None
    substitute_id: int | None = None
    substitute_name: str = ""


Tell = Callable[[Session, Collection[int], str, str, str], None]
"""Notifies people, by their ids, with a title, a text and the path of a page."""


@dataclass(slots=True)
class Bindings:
    """Everything that the processes layer tells the engine about the factory.

    ``roles`` maps role codes to names; ``eligible`` lists id and name of the people who hold a role
    (in a department, if one is given), which is whom a task can be delegated to; ``workforce`` tells
    who can be counted on today, ``colleagues`` lists all active people, and ``tell`` notifies some.
    ``time_zone`` is the site's, by its IANA name: the one that forms ask for times in. ``site_url`` is where
    its pages begin, ``webhook_hosts`` are hosts within the house that alerts may be posted to.

    ``messages`` are the names of those that no diagram sends: the product does, or its pages let people.

    ``fallback`` binds a process that ``processes`` does not have, by its outline; without it, such a
    process cannot be deployed. ``reserved_keys`` cannot be keys of such processes.
    """

    processes: dict[str, ProcessBinding] = field(default_factory=dict)
    fallback: Callable[[ProcessOutline], ProcessBinding] | None = None
    reserved_keys: frozenset[str] = frozenset()
    messages: frozenset[str] = frozenset()
    options: dict[str, Options] = field(default_factory=dict)
    common_facts: dict[str, Fact] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    eligible: Callable[[Session, str, int | None], list[tuple[int, str]]] = lambda *_: []
    workforce: Callable[[Session], Workforce] = lambda _: Workforce()
    colleagues: Callable[[Session], list[Colleague]] = lambda _: []
    tell: Tell = lambda *_: None
    person_name: Callable[[Session, int], str] = lambda *_: ""
    time_zone: Callable[[Session], str] = lambda _: "UTC"
    site_url: str = ""
    webhook_hosts: frozenset[str] = frozenset()
