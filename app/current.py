"""What the running request has at hand: the person, as whom they act, the database, the engine, the site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import cast

from flask import current_app, g
from flask_login import UserMixin, current_user
from sqlalchemy.orm import Session

from app import clock
from app.domain import people, settings
from app.domain.people import User
from app.domain.scanning import Scanner
from app.domain.sessions import UserSession
from app.engine.actors import Actor
from app.engine.core import ProcessEngine
from app.extensions import db
from app.jobs.mail import Mailer
from app.processes.directory import actor_of
from app.storage import FileStore


@dataclass(frozen=True, eq=False)
class SignedIn(UserMixin):
    """The signed-in person, as plain values that outlive the transaction they were read in."""

    id: int
    name: str
    email: str
    role: str | None
    process_owner: bool
    language: str
    department_id: int | None
    department_name: str
    session_id: int
    session_key: str

    def get_id(self) -> str:
        """What the cookie keeps: the session of the domain, and what only its holder knows."""
        return f"{self.session_id}:{self.session_key}"


def signed_in(user: User, session: UserSession | None, department_name: str = "") -> SignedIn:
    """A user as the request knows them, signed in with this session; a job that acts for them has none."""
    return SignedIn(
        id=user.id,
        name=user.name,
        email=user.email,
        role=user.role,
        process_owner=user.process_owner,
        language=user.language,
        department_id=user.department_id,
        department_name=department_name,
        session_id=session.id if session else 0,
        session_key=(session.token_id if session else None) or "",
    )


def me() -> SignedIn:
    """The person of this request, whom the page or the API has checked."""
    return cast(SignedIn, g.get("person") or current_user)


def site() -> settings.Site:
    """The site's settings, read once a request."""
    if "site" not in g:
        g.site = settings.site(db.session())
    return cast(settings.Site, g.site)


def today() -> date:
    """The day, by the clock on the factory's wall."""
    return clock.now().astimezone(site().zone).date()


def actor() -> Actor:
    """The signed-in person as the engine sees them, with those they stand in for; made once a request."""
    if "actor" not in g:
        user = me()
        absent = people.stands_in_for(db.session(), user.id, today())
        g.actor = actor_of(user, absent)
    return cast(Actor, g.actor)


def session() -> Session:
    """The database session of this request."""
    return db.session()


def engine() -> ProcessEngine:
    """The process engine of the running application."""
    return cast(ProcessEngine, current_app.extensions["millwright"])


def address_of(path: str) -> str:
    """A path of this site as an address, as the settings have it: a request could lie about the host."""
    return f"{current_app.config['MILLWRIGHT_BASE_URL']}{path}"


def mailer() -> Mailer | None:
    """What sends e-mail; None where the site sends none."""
    return cast(Mailer | None, current_app.extensions["millwright.jobs"].mailer)


def file_store() -> FileStore:
    """Where uploaded files are kept."""
    return cast(FileStore, current_app.extensions["millwright.files"])


def scanner() -> Scanner:
    """What looks for viruses in uploads."""
    return cast(Scanner, current_app.extensions["millwright.scanner"])
