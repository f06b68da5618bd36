"""How stories begin that nobody starts by a form: with a due date, a part that runs low, a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.machines import Machine
from app.domain.preventive import meters, plans
from app.domain.preventive.models import PreventiveTask
from app.engine import messages
from app.engine.core import ProcessEngine
from app.engine.forms import TaskForm, build_form, load_schema
from app.engine.models import ProcessInstance
from app.engine.scenario_files import ScenarioError
from app.processes import preventive_opening, stock_replenishment
from app.processes.preventive_maintenance import KEY as PREVENTIVE
from app.processes.stock_replenishment import KEY as REPLENISHMENT

if TYPE_CHECKING:
    from app.processes.scenarios.world import World

WEEKLY = "FREQ=WEEKLY;BYDAY=MO"
PLAN: dict[str, Any] = {"title": "Monthly inspection", "checklist": [{"text": "Guard closed"}]}
LOW_PART = {"number": "FLT-1", "name": "Oil filter", "price": 25, "stock": 2, "minimum": 10}
KIT_PART = {"number": "FLT-1", "name": "Oil filter", "price": 25, "stock": 20}
_PLAN_KEYS = ("title", "description", "role", "checklist", "lead_days", "estimated_minutes")


def opens_itself(key: str) -> bool:
    """Whether the product opens the instances of a process, so that its stories need nobody to begin them."""
    return key in (PREVENTIVE, REPLENISHMENT)


def usually_given(key: str) -> dict[str, Any]:
    """What there is in a dry run of such a process, unless somebody says something else."""
    if key == REPLENISHMENT:
        return {"parts": [dict(LOW_PART)]}
    if key == PREVENTIVE:
        return {"parts": [dict(KIT_PART)], "plan": {**PLAN, "parts": [{"part": "FLT-1", "quantity": 1}]}}
    return {}


def notice(engine: ProcessEngine, key: str, **submission: Any) -> TaskForm:
    """The form that a dry run of such a process begins with: it only says what begins it."""
    what = "the due date of its plan comes" if key == PREVENTIVE else "a part falls below its minimum"
    text = {"type": "text", "id": "begins", "text": f"Nobody starts this process: it begins when {what}."}
    return build_form(load_schema({"type": "default", "components": [text]}), feel=engine.feel, **submission)


def open_by_itself(engine: ProcessEngine, world: World, start: Mapping[str, Any]) -> None:
    """Let happen what opens an instance of such a process. Raises :class:`ScenarioError`."""
    with world.sessions() as session, unit_of_work(session):
        if start["process"] == PREVENTIVE:
            task = _plan(session, world)
            due_on = task.next_due_on
            if due_on is None:
                raise ScenarioError("The plan of the story is not due.")
            preventive_opening.job_for(engine, session, task, due_on)
        else:
            number = start.get("part") or next(iter(world.parts), None)
            if stock_replenishment.open_for(session, world.part(number)) is None:
                raise ScenarioError(f"The part {number} is not below its minimum, or one is open for it.")


def begin_by_message(world: World, start: Mapping[str, Any]) -> None:
    """A message starts a process, with ``values`` as what it says; ``machineId`` is the story's own."""
    with world.sessions() as session, unit_of_work(session):
        payload = {"machineId": world.machine_id, **dict(start.get("values") or {})}
        for name, value in payload.items():
            if name.endswith("Id") and isinstance(value, str) and value in world.actors:
                payload[name] = world.actor(value).user_id
        messages.send(session, str(start["message"]), to=None, payload=payload)


def newest_key(session: Session, key: str) -> str:
    """The business key of the newest instance of a process. Raises :class:`ScenarioError`."""
    query = select(ProcessInstance.business_key).where(ProcessInstance.key == key)
    found = session.scalar(query.order_by(ProcessInstance.id.desc()).limit(1))
    if not found:
        raise ScenarioError(f"The process {key} was not started.")
    return found


def _plan(session: Session, world: World) -> PreventiveTask:
    """The plan of the story, due today: by the calendar, or by the meter where it has ``meter`` (hours)."""
    given = {**PLAN, **(world.given.get("plan") or {})}
    machine = session.get_one(Machine, world.machine_id)
    values: dict[str, Any] = {name: given[name] for name in _PLAN_KEYS if name in given}
    if given.get("technician"):
        values["technician_id"] = world.actor(given["technician"]).user_id
    values["parts"] = [
        {"partId": world.part(line.get("part")), "quantity": line.get("quantity", 1)}
        for line in given.get("parts") or ()
    ]
    if given.get("meter"):
        meters.record(session, machine, 1000, None)
        task = plans.create_task(
            session, None, machine_id=machine.id, meter_interval=given["meter"], **values
        )
        meters.record(session, machine, 1000 + given["meter"], None)
        return task
    return plans.create_task(session, None, machine_id=machine.id, rrule=given.get("rule", WEEKLY), **values)
