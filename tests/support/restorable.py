"""The application on a demonstration factory that is put back to its beginning after each change.

Whatever a test sends, the next call finds the same factory: so every order of calls, and every repeat of
a failing one, meets the same state.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.wrappers import Response

from app import clock, create_app
from app.api.core import tokens
from app.database import configure, engine_options, metadata, unit_of_work
from app.domain import attachments, counting, sessions
from app.domain.attachments import CheckedFile
from app.domain.entities import EntityType
from app.domain.machines import Machine
from app.domain.parts import StockLocation
from app.domain.people import Role, Substitution, User
from app.domain.preventive import meters
from app.domain.preventive.models import Outcome, PreventiveLog
from app.domain.requests import MaintenanceRequest
from app.engine import batches, job_batches, migration_batch
from app.engine.core import ProcessEngine
from app.engine.models import Deployment, Incident, TaskComment, UserTask
from app.extensions import db
from app.ops import demo
from app.processes.directory import actor_of
from app.storage import FolderStore
from tests import factories

ANONYMOUS = "anonymous"
BATCH = "0123456789abcdef" * 2  # the name of a batch of operations, and of a migration
OWNER = "process owner"  # a technician otherwise
EMAILS: dict[str, str] = {
    Role.ADMIN: "admin@millwright.example",
    Role.SUPERVISOR: "supervisor@millwright.example",
    Role.MAINTENANCE_TECH: "technician@millwright.example",
    Role.MAINTENANCE_MANAGER: "manager@millwright.example",
    Role.INVENTORY_MANAGER: "inventory@millwright.example",
    OWNER: "owner@millwright.example",
}
ROLES = (*EMAILS, ANONYMOUS)
UNLIMITED = "1000000 per minute"


class RestorableSite:
    """The application as WSGI, somebody's token for each role, and the way back to the beginning."""

    def __init__(
        self, application: Flask, folder: Path, start: Path, tokens_by_role: Mapping[str, str]
    ) -> None:
        self.application = application
        self.tokens = tokens_by_role
        self._start = start
        self._folder = folder
        self._number = 0
        self._is_changing = False
        self.definitions = application.extensions["millwright"].definitions
        self._deployments = self._known_deployments()

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Answer one call, and undo whatever it changed."""
        response = Response.from_app(self.application.wsgi_app, environ, buffered=True)
        response.direct_passthrough = False
        if not self._is_changing:
            self.restore()
        return response(environ, start_response)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Calls inside the block find what the calls before them changed."""
        self._is_changing = True
        try:
            yield
        finally:
            self._is_changing = False
            self.restore()

    def headers(self, role: str) -> dict[str, str]:
        """The headers by which somebody of that role is known."""
        return {} if role == ANONYMOUS else {"Authorization": f"Bearer {self.tokens[role]}"}

    def restore(self) -> None:
        """Put the factory back to its beginning, if anything was written since."""
        if not self.is_changed:
            return
        with self.application.app_context():
            db.engine.dispose()
        for path in self._folder.glob(f"{self._number}.db*"):
            path.unlink()
        self._number += 1
        shutil.copyfile(self._start, self.file)
        # A deployment of the next call may get the number of one that never was.
        for number in list(self.definitions._definitions):
            if number not in self._deployments:
                del self.definitions._definitions[number]

    @property
    def file(self) -> Path:
        """The database of now; each beginning has a file of its own."""
        return self._folder / f"{self._number}.db"

    @property
    def is_changed(self) -> bool:
        """Whether a transaction was written since the beginning: it stands in the write-ahead log."""
        log = self.file.with_name(f"{self.file.name}-wal")
        return log.exists() and log.stat().st_size > 0

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session beside the application."""
        with self.application.app_context(), Session(db.engine) as session:
            yield session

    def _known_deployments(self) -> frozenset[int]:
        with self.session() as session:
            numbers = session.scalars(sa.select(Deployment.id))
            return frozenset(numbers)


def build_start(folder: Path, engine: ProcessEngine) -> Path:
    """The file that a site begins with: the demonstration, made without the migrations. Takes seconds."""
    path = folder / "start.db"
    url = f"sqlite:///{path}"
    database = sa.create_engine(url, **engine_options(url))
    configure(database)
    metadata.create_all(database)
    demo.load(engine, sessionmaker(database, expire_on_commit=False), whole=False)
    with Session(database, expire_on_commit=False) as session, unit_of_work(session):
        _complete(session, FolderStore(folder / "uploads"))
    with database.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return path


@contextmanager
def restorable_site(start: Path, folder: Path, **config: Any) -> Iterator[RestorableSite]:
    """The application on a copy of ``start`` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    used = folder / "0.db"
    shutil.copyfile(start, used)
    shutil.copytree(start.parent / "uploads", folder / "uploads")
    url = f"sqlite:///{used}"
    application = create_app(
        {
            "TESTING": True,
            "SQLALCHEMY_DATABASE_URI": url,
            "SQLALCHEMY_ENGINE_OPTIONS": engine_options(url),
            "MILLWRIGHT_DATA": folder,
            "MILLWRIGHT_UPLOADS": folder / "uploads",
            "MILLWRIGHT_RATE_ANONYMOUS": UNLIMITED,
            "MILLWRIGHT_RATE_SIGNED_IN": UNLIMITED,
            **config,
        }
    )
    with application.app_context():
        _do_not_wait_for_the_disk(db.engine)
        with Session(db.engine) as session:
            made = {email: tokens.issue(row).access for email, row in _api_sessions(session)}
    try:
        site = RestorableSite(application, folder, start, {role: made[EMAILS[role]] for role in EMAILS})
        with application.app_context():
            _follow(db.engine, site)
        yield site
    finally:
        with application.app_context():
            db.engine.dispose()


def _complete(session: Session, uploads: FolderStore) -> None:
    """What the demonstration lacks: somebody signed in for each role, among them a technician who owns
    processes."""
    users = {user.email: user for user in session.scalars(sa.select(User))}
    users[EMAILS[Role.MAINTENANCE_MANAGER]].process_owner = False
    hash_of_all = users[EMAILS[Role.ADMIN]].password_hash
    owner = User(
        role=Role.MAINTENANCE_TECH,
        email=EMAILS[OWNER],
        name="Olga Owner",
        process_owner=True,
        password_hash=hash_of_all,
    )
    session.add(owner)
    session.flush()
    for email in EMAILS.values():
        user = users.get(email, owner)
        row = sessions.begin(session, user.id, sessions.SessionKind.API, lifetime=sessions.REFRESH_LIFETIME)
        # That a session is in use is noted every few minutes, which a test might take for an effect.
        row.last_seen_at = clock.now() + timedelta(days=1)
    _add_what_the_story_lacks(session, uploads, users[EMAILS[Role.ADMIN]], owner)


def _add_what_the_story_lacks(session: Session, uploads: FolderStore, admin: User, owner: User) -> None:
    """One at least of each kind of record that the API has."""
    machine = session.scalars(sa.select(Machine).order_by(Machine.id)).first()
    request = session.scalars(sa.select(MaintenanceRequest).order_by(MaintenanceRequest.id)).first()
    task = session.scalars(sa.select(UserTask).order_by(UserTask.id.desc())).first()
    assert machine is not None and request is not None and task is not None
    today = clock.now().date()
    file = CheckedFile(name="notes.txt", content_type="text/plain", data=b"Replace the seal.")
    attachments.keep(session, uploads, file, admin.id)
    kind = EntityType.MAINTENANCE_REQUEST
    attachments.keep(session, uploads, file, admin.id, entity_type=kind, entity_id=request.id)
    factories.make_preventive_task(session, machine=machine)
    place = session.scalars(sa.select(StockLocation).order_by(StockLocation.id)).first()
    assert place is not None
    counting.start(session, admin.id, location_id=place.id, selection=counting.Selection(group="70"))
    meters.record(session, machine, 100, admin.id)
    metered = factories.make_preventive_task(session, machine=machine, meter_interval=500, rrule=None)
    session.add_all(
        [
            PreventiveLog(
                task_id=metered.id,
                due_on=today,
                performed_at=clock.now(),
                performed_by=owner.id,
                outcome=Outcome.DONE,
            ),
            Substitution(user_id=owner.id, substitute_id=admin.id, starts_on=today, ends_on=today),
            TaskComment(
                instance_id=task.instance_id,
                task_id=task.id,
                author_id=admin.id,
                author_name=admin.name,
                body="The seal has come.",
            ),
            Incident(
                instance_id=task.instance_id,
                engine_task="0" * 32,
                element_id=task.element_id,
                element_name=task.name,
                message="The printer is out of paper.",
                traceback="",
            ),
        ]
    )
    _order_batches(session, admin)


def _order_batches(session: Session, admin: User) -> None:
    """A batch and a migration of one instance, which nobody does."""
    task = session.scalars(sa.select(UserTask).filter_by(state="open").order_by(UserTask.id)).first()
    assert task is not None
    by = actor_of(admin)
    batches.begin(session, "nudge", [task.instance_id], by=by, reason="It is late.", values={}, name=BATCH)
    move = {
        "key": "maintenance_request", "instance": task.instance_id, "businessKey": task.business_key,
        "fromVersion": 1, "to": 1, "toVersion": 1, "mapping": {}, "reason": "The new rule.",
        "actor": job_batches.stored(by),
    }  # fmt: skip
    job_batches.queue(session, migration_batch.KIND, BATCH, [(task.instance_id, move)])


def _api_sessions(session: Session) -> list[tuple[str, sessions.UserSession]]:
    query = sa.select(User.email, sessions.UserSession).join(
        sessions.UserSession, sessions.UserSession.user_id == User.id
    )
    return [(email, row) for email, row in session.execute(query)]


def _do_not_wait_for_the_disk(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")


def _follow(engine: sa.Engine, site: RestorableSite) -> None:
    @sa.event.listens_for(engine, "do_connect")
    def on_connecting(dialect: Any, record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        arguments[0] = str(site.file)
