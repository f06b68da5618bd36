"""The small factory that a scenario happens in."""

from __future__ import annotations

import mimetypes
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, cast
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import StaticPool

import app.domain.models  # noqa: F401 - completes the metadata
from app import clock
from app.clock import ManualClock
from app.database import Base, configure, unit_of_work
from app.domain import stock
from app.domain.attachments import Attachment
from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.machines import Criticality, Machine
from app.domain.parts import SparePart, StockLocation
from app.domain.people import Department, Role, User
from app.engine import models as engine_models  # noqa: F401 - completes the metadata
from app.engine import user_tasks
from app.engine.actors import Actor
from app.engine.models import UserTask
from app.engine.scenario_files import ScenarioError
from app.processes.directory import actor_of

# A Monday morning in winter: no daylight saving within reach.
BEGINNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
NOBODYS = "-"  # the hash of no password: nobody signs in here
PEOPLE = {
    "supervisor": Role.SUPERVISOR,
    "technician": Role.MAINTENANCE_TECH,
    "technician2": Role.MAINTENANCE_TECH,
    "manager": Role.MAINTENANCE_MANAGER,
    "inventory": Role.INVENTORY_MANAGER,
    "admin": Role.ADMIN,
}


class World:
    """People by their part in the story, one machine, parts by number, and the time."""

    def __init__(self, sessions: sessionmaker[Session], time: ManualClock, given: dict[str, Any]) -> None:
        self.sessions = sessions
        self.time = time
        self.given = given
        self.actors: dict[str, Actor] = {}
        self.parts: dict[str, int] = {}
        self.machine_id = 0
        with sessions() as session, unit_of_work(session):
            self._furnish(session)

    def actor(self, name: Any) -> Actor:
        """Somebody by their part in the story. Raises :class:`ScenarioError`."""
        try:
            return self.actors[name]
        except (KeyError, TypeError):
            raise ScenarioError(
                f"There is nobody called {name}; there are {', '.join(self.actors)}."
            ) from None

    def name_of(self, user_id: int | None) -> str:
        return next((name for name, actor in self.actors.items() if actor.user_id == user_id), "nobody")

    def who_may(self, task: UserTask) -> list[str]:
        """Who may do an open task."""
        return [name for name, actor in self.actors.items() if user_tasks.may_act(task, actor)]

    def part(self, number: Any) -> int:
        """A part's id by its number. Raises :class:`ScenarioError`."""
        try:
            return self.parts[str(number)]
        except KeyError:
            raise ScenarioError(f"No part {number} is given.") from None

    def add_stock(self, number: Any, quantity: Any) -> None:
        """A delivery arrives. Raises :class:`ScenarioError`."""
        with self.sessions() as session, unit_of_work(session):
            stock.record_movement(
                session, self.part(number), "IN", _whole(quantity, "add"), by=self.actors["inventory"].user_id
            )

    def attach(self, name: str, by: Actor) -> int:
        """A file that somebody has uploaded, as far as a story is concerned: its name, and nothing in it."""
        with self.sessions() as session, unit_of_work(session):
            attachment = Attachment(
                file_name=name[:200],
                content_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
                size=0,
                digest="",
                storage_key=uuid4().hex,
                uploaded_by=by.user_id,
            )
            session.add(attachment)
            session.flush()
            return attachment.id

    def _furnish(self, session: Session) -> None:
        department = Department(name="Production")
        session.add_all(
            [
                department,
                FailureCode(code="MECH", name="Mechanical failure"),
                MaintenanceType(code="CORRECTIVE", name="Corrective"),
                MaintenanceType(code="PREVENTIVE", name="Preventive"),
            ]
        )
        session.flush()
        for name, role in PEOPLE.items():
            home = department.id if role == Role.SUPERVISOR else None
            user = User(
                email=f"{name}@scenario.example",
                name=name,
                role=role,
                password_hash=NOBODYS,
                department_id=home,
            )
            session.add(user)
            session.flush()
            self.actors[name] = actor_of(user)
        self._place_machine(session, department)
        self._stock_parts(session)

    def _place_machine(self, session: Session, department: Department) -> None:
        given = self.given.get("machine") or {}
        criticality = str(given.get("criticality", Criticality.MEDIUM))
        if criticality not in list(Criticality):
            raise ScenarioError(
                f"A machine's criticality is one of {', '.join(Criticality)}, not {criticality}."
            )
        machine = Machine(
            name=str(given.get("name", "Press 1")),
            qr_code="SCENARIO-1",
            location="Hall 1",
            department_id=department.id,
            criticality=criticality,
        )
        session.add(machine)
        session.flush()
        self.machine_id = machine.id

    def _stock_parts(self, session: Session) -> None:
        store = StockLocation(name="Store")
        session.add(store)
        session.flush()
        for given in self.given.get("parts") or []:
            number = str(given.get("number", ""))
            part = SparePart(
                part_number=number,
                part_name=str(given.get("name", number)),
                group_name=str(given.get("group", "")),
                unit_price=_money(given.get("price", 0)),
                min_quantity=_whole(given.get("minimum", 0), "minimum"),
                default_location_id=store.id,
            )
            session.add(part)
            session.flush()
            self.parts[number] = part.id
            quantity = _whole(given.get("stock", 0), "stock")
            if quantity:
                stock.record_movement(session, part.id, "IN", quantity, by=self.actors["inventory"].user_id)


def _whole(value: Any, key: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ScenarioError(f"“{key}” is a whole number, not {value}.")
    return value


def _money(value: Any) -> Decimal:
    try:
        return Decimal(str(value)).quantize(Decimal("0.01"))
    except InvalidOperation:
        raise ScenarioError(f"A price is a number, not {value}.") from None


@contextmanager
def new_world(given: dict[str, Any]) -> Iterator[World]:
    """A furnished factory at 8 on a Monday morning, gone afterwards. Raises :class:`ScenarioError`."""
    time = ManualClock(BEGINNING)
    with _empty_database() as database, clock.use(time):
        yield World(sessionmaker(database, expire_on_commit=False), time, given)


# Databases in memory whose last story is over. SQLAlchemy remembers for each what it has compiled,
# which takes longer than everything else that a scenario does.
_idle: list[sa.Engine] = []
IDLE_LIMIT = 2


@contextmanager
def _empty_database() -> Iterator[sa.Engine]:
    """A database in memory with all tables and nothing in them, for one story."""
    try:
        database = _idle.pop()
    except IndexError:
        database = _new_database()
    _connection(database).deserialize(_empty_tables())
    try:
        yield database
    except BaseException:
        database.dispose()  # whatever was going on in it
        raise
    if len(_idle) < IDLE_LIMIT:
        _idle.append(database)
    else:
        database.dispose()


def _new_database() -> sa.Engine:
    database = sa.create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    configure(database)
    return database


def _connection(database: sa.Engine) -> sqlite3.Connection:
    connection = database.raw_connection()
    try:
        return cast(sqlite3.Connection, connection.driver_connection)
    finally:
        connection.close()


@cache
def _empty_tables() -> bytes:
    """The image of a database with all tables."""
    database = _new_database()
    Base.metadata.create_all(database)
    try:
        return _connection(database).serialize()
    finally:
        database.dispose()
