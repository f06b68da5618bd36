"""The factory of a campaign: people with logins, machines, parts in several stores, a process with timers."""

from __future__ import annotations

import json
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.domain.models
import app.engine.models
import app.engine.monitor.models  # noqa: F401 - to know the tables
from app.database import metadata, unit_of_work
from app.domain import stock
from app.domain.machines import Criticality
from app.domain.people import Role
from app.engine import deployments
from app.engine.actors import SYSTEM
from app.engine.core import ProcessEngine
from app.processes import deploy_shipped
from tests import factories
from tests.campaign.people import ERRAND, Factory, Member
from tests.support.diagrams import Drawing
from tests.support.factory_floor import PEOPLE

PLENTY = 100_000  # of each part at each store: no action fails for want of stock
PRICES = (1, 180, 700, 3000)  # one is bought without approval, another needs the administrator

# Two timers for each: one on the way, and one that takes a task away from whoever has not done it.
TIMED = (
    Drawing(ERRAND, role=Role.MAINTENANCE_MANAGER.value)
    .start("begin", form="note").catch("pause", after="PT2S").user("wait")
    .boundary("late", "wait", after="PT2S")
    .user("answer").end("early").end("over")
    .path("begin", "pause", "wait", "early").path("late", "answer", "over")
)  # fmt: skip
TIMERS = ("pause", "late")
NOTE = {"type": "default", "components": [{"type": "textfield", "id": "n", "key": "note", "label": "Note"}]}


def set_up(engine: ProcessEngine, database: sa.Engine) -> Factory:
    """Make the tables, deploy the processes, and add what people work with."""
    metadata.create_all(database)
    with Session(database, expire_on_commit=False) as session, unit_of_work(session):
        deploy_shipped(engine, session)
        deployments.deploy(engine, session, TIMED.files(form_note=json.dumps(NOTE).encode()), by=SYSTEM)
        department = factories.make_department(session, name="Pressing")
        people = {}
        for name, role in PEOPLE.items():
            home = department if role == Role.SUPERVISOR else None
            user = factories.make_user(session, role, name=name, department=home)
            people[name] = Member(user.id, user.email)
        machines = [
            factories.make_machine(session, department=department, criticality=criticality).id
            for criticality in Criticality
            for _ in range(3)
        ]
        stores = [factories.make_location(session) for _ in range(3)]
        parts = []
        for price in PRICES:
            part = factories.make_part(session, PLENTY, location=stores[0], unit_price=Decimal(price))
            for store in stores[1:]:
                stock.record_movement(session, part.id, "IN", PLENTY, by=None, location_id=store.id)
            parts.append(part.id)
        kind = factories.make_maintenance_type(session).id
        return Factory(people, machines, parts, [store.id for store in stores], kind)
