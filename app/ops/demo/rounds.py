"""What people do every day besides repairs: preventive jobs, orders, deliveries, readings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.machines import Machine
from app.domain.parts import StockLocation
from app.domain.people import User
from app.domain.preventive import meters
from app.domain.preventive.models import PreventiveJob
from app.domain.replenishments import StockReplenishment
from app.domain.requests import MaintenanceRequest
from app.ops.demo.factory import machines_of, supervisor_of
from app.ops.demo.families import FAMILIES
from app.ops.demo.scenes import Course
from app.ops.demo.stage import Stage, Waiting

SEED = 7
SATURDAY = 5
DAY = timedelta(days=1)
SUPPLIERS = {
    "10": "Lager & Söhne", "20": "Hydra Supply", "30": "Pneuma Trade", "40": "Antrieb Nord",
    "50": "Elektro Maier", "60": "Sensora", "70": "Werkbedarf Ost", "80": "Dichta", "90": "Lubra Oils",
}  # fmt: skip
TECHNICIANS = ("technician", "technician2")
FAILS = 0.03  # of all items of checklists
HOURS_A_FORTNIGHT = (120, 200)  # that a machine runs
ORDER_DAYS = (4, 12)


def of_the_store(stage: Stage) -> Course:
    """Every working day the store orders what is short, and takes in what has come."""
    chance = Random(SEED)  # noqa: S311  # nosec B311  # nothing secret
    while True:
        if stage.now().weekday() < SATURDAY:
            for task in stage.waiting("Reorder"):
                _order(stage, task, chance)
            for name, by in (("Approve order", "manager"), ("Approve order (administrator)", "admin")):
                for task in stage.waiting(name):
                    stage.complete(task, by, "approve")
            for task in stage.waiting("Receive delivery"):
                if chance.random() < 0.7:  # the others come late
                    _receive(stage, task)
        yield DAY


def of_the_technicians(technicians: tuple[str, ...] = TECHNICIANS) -> Callable[[Stage], Course]:
    """Every working day they do some of the preventive jobs that are due, and see to what these found."""

    def course(stage: Stage) -> Course:
        chance = Random(SEED)  # noqa: S311  # nosec B311  # nothing secret
        while True:
            if stage.now().weekday() < SATURDAY:
                for task in stage.waiting("Carry out checklist"):
                    is_late = task.due_at is not None and task.due_at < stage.now()
                    if chance.random() < (0.7 if is_late else 0.4):
                        _check(stage, task, chance.choice(technicians), chance)
                _see_to_what_was_found(stage, chance.choice(technicians))
            yield DAY

    return course


def of_the_meters(stage: Stage) -> Course:
    """Every other week the meters are read of the machines that have plans by the meter."""
    chance = Random(SEED)  # noqa: S311  # nosec B311  # nothing secret
    metered = [family for family in FAMILIES if any(care.hours for care in family.care)]
    hours = {code: chance.randrange(4_000, 40_000) for family in metered for code in machines_of(family)}
    while True:
        for code in hours:
            hours[code] += chance.randint(*HOURS_A_FORTNIGHT)
            stage.act("technician3", partial(_read, code=code, hours=hours[code]))
        yield 14 * DAY


def _read(session: Session, by: int, *, code: str, hours: int) -> None:
    machine = session.scalars(select(Machine).where(Machine.qr_code == code)).one()
    meters.record(session, machine, hours, by)


def _order(stage: Stage, task: Waiting, chance: Random) -> None:
    """Order what the policy suggests, at a price near the last one."""

    def look(session: Session) -> tuple[float, str]:
        part = session.get_one(StockReplenishment, task.subject_id).part
        return float(part.unit_price), part.group_number

    price, group = stage.ask(look)
    expected = stage.now() + timedelta(days=chance.randint(*ORDER_DAYS))
    stage.complete(
        task, "inventory", "order",
        unitPrice=round(price * chance.choice((0.97, 1.0, 1.0, 1.02, 1.06)), 2),
        supplier=SUPPLIERS[group], expectedOn=expected.date().isoformat(),
    )  # fmt: skip


def _receive(stage: Stage, task: Waiting) -> None:
    """All that was ordered has come."""

    def look(session: Session) -> dict[str, Any]:
        found = session.get_one(StockReplenishment, task.subject_id)
        store = session.scalars(select(StockLocation.id).order_by(StockLocation.id)).first()
        ordered = found.quantity_ordered or 0
        return {
            "quantity": ordered - found.quantity_received,
            "unitPrice": float(found.unit_price or 0),
            "locationId": found.part.default_location_id or store,
        }

    stage.complete(task, "inventory", "receive", **stage.ask(look))


def _check(stage: Stage, task: Waiting, technician: str, chance: Random) -> None:
    """Answer every item; now and then one is not as it should be."""

    def look(session: Session) -> list[dict[str, Any]]:
        return session.get_one(PreventiveJob, task.subject_id).task.checklist

    items = [_answer(item, chance) for item in stage.ask(look)]
    stage.complete(task, technician, "complete", items=items, minutesSpent=chance.randint(15, 60))


def _answer(item: dict[str, Any], chance: Random) -> dict[str, Any]:
    fails = chance.random() < FAILS
    if item["kind"] == "text":
        return {"answer": "as it should be"}
    if item["kind"] == "pass_fail":
        return {"result": "fail", "note": "To be repaired"} if fails else {"result": "pass"}
    low, high = item.get("minimum"), item.get("maximum")
    if low is None:
        low = 0.5 * (high or 1)
    if high is None:
        high = 1.5 * low
    value = high + (high - low) * 0.2 if fails else chance.uniform(low, high)
    return {"value": round(value, 1)}


def _see_to_what_was_found(stage: Stage, technician: str) -> None:
    """The next step of each request that a preventive job has made."""
    for task in stage.waiting("Confirm repair", told=False):
        stage.complete(task, _supervisor(stage, task), "fixed")
    for task in stage.waiting("Carry out work", told=False):
        stage.complete(
            task, _in_charge(stage, task), "complete", type="PREV",
            steps=[{"description": "What the inspection found", "minutes": 40}],
            cause="Found by inspection", remedy="Put right",
        )  # fmt: skip
    for task in stage.waiting("Accept request", told=False):
        stage.complete(task, technician, "accept")


def _supervisor(stage: Stage, task: Waiting) -> str:
    return stage.ask(
        lambda session: supervisor_of(
            session.get_one(MaintenanceRequest, task.subject_id).machine.department.name
        )
    )


def _in_charge(stage: Stage, task: Waiting) -> str:
    """What the story calls whoever has a task."""
    return stage.ask(lambda session: session.get_one(User, task.assignee_id).email.partition("@")[0])
