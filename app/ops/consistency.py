"""What has to be true of instances, tasks and stock at any time, whatever was done by hand.

Asked of every backup, once it was restored into a scratch database, and by tests of everything that changes
instances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from SpiffWorkflow.util.task import TaskState as EngineState
from sqlalchemy.orm import Session

from app.database import Worth
from app.domain.cost_layers import CostLayer
from app.domain.parts import PartStock, SparePart
from app.domain.process_records import ProcessRecord
from app.domain.requests import MaintenanceRequest, RequestStatus
from app.domain.spare_parts_requests import OPEN_STATUSES, SparePartsRequest
from app.domain.stock import InventoryTransaction
from app.engine.core import ProcessEngine
from app.engine.models import (
    OPEN_STATES,
    EventWait,
    Incident,
    InstanceState,
    ProcessInstance,
    TaskState,
    UserTask,
)
from app.engine.state import STANDING
from app.engine.timers import FAILED

AT_ONCE = 500  # instances
_ASKED = (
    ProcessInstance.id,
    ProcessInstance.key,
    ProcessInstance.business_key,
    ProcessInstance.deployment_id,
    ProcessInstance.state,
    ProcessInstance.subject_type,
    ProcessInstance.subject_id,
    ProcessInstance.engine_state,
)

Closed = Callable[[Session, int], bool | None]


def problems(
    engine: ProcessEngine, session: Session, *, closed: Mapping[str, Closed] | None = None
) -> list[str]:
    """Everything that does not agree, in words; empty where all does.

    ``closed`` tells of further kinds of subjects whether one is closed (None where there is none).
    """
    found = list(_instances(engine, session, {**CLOSED, **(closed or {})}))
    return [*found, *_rows_of_ended(session), *_stock(session)]


def _instances(engine: ProcessEngine, session: Session, closed: Mapping[str, Closed]) -> Iterator[str]:
    """Some hundred instances at a time: a large site has more open ones than fit into memory."""
    last = 0
    while True:
        opened = (
            sa.select(*_ASKED)
            .where(ProcessInstance.state.in_(OPEN_STATES), ProcessInstance.id > last)
            .order_by(ProcessInstance.id)
            .limit(AT_ONCE)
        )
        instances = session.execute(opened).all()
        if not instances:
            return
        rows = _rows_of(session, [instance.id for instance in instances])
        for instance in instances:
            yield from _instance(engine, session, instance, rows, closed)
        last = instances[-1].id


def _rows_of(session: Session, ids: list[int]) -> dict[str, dict[int, set[str]]]:
    """The tokens that rows of these instances are about: open tasks, awaited events and incidents."""
    wanted: tuple[tuple[str, Any, Any], ...] = (
        ("tasks", UserTask, UserTask.state == TaskState.OPEN),
        ("waits", EventWait, EventWait.ended_at.is_(None)),
        ("incidents", Incident, Incident.resolved_at.is_(None)),
    )
    found: dict[str, dict[int, set[str]]] = {}
    for kind, model, is_open in wanted:
        query = sa.select(model.instance_id, model.engine_task).where(model.instance_id.in_(ids), is_open)
        by_instance: dict[int, set[str]] = {}
        for instance_id, token in session.execute(query):
            by_instance.setdefault(instance_id, set()).add(token)
        found[kind] = by_instance
    return found


def _instance(
    engine: ProcessEngine,
    session: Session,
    instance: Any,
    rows: Mapping[str, Mapping[int, set[str]]],
    closed: Mapping[str, Closed],
) -> Iterator[str]:
    where = f"{instance.business_key} ({instance.key})"
    elements = engine.definition(session, instance.deployment_id).diagram.elements
    tokens = {entry[0]: entry for entry in _entries(instance.engine_state) if entry[2] in elements}
    standing = {token: entry for token, entry in tokens.items() if entry[3] in STANDING}
    if not any(elements[entry[2]].type != "boundaryEvent" for entry in standing.values()):
        yield f"{where} is open and has no token"
    ready = {
        token
        for token, entry in standing.items()
        if entry[3] == EngineState.READY and elements[entry[2]].type == "userTask"
    }
    yield from _differ(
        where, "open task rows", rows["tasks"].get(instance.id, set()), "ready user tasks", ready
    )
    listening = {
        token
        for token, entry in standing.items()
        if entry[3] == EngineState.WAITING
        and elements[entry[2]].type in ("intermediateCatchEvent", "receiveTask")
    }
    yield from _differ(
        where, "rows of awaited events", rows["waits"].get(instance.id, set()), "waiting events", listening
    )
    parked = {
        token
        for token, entry in standing.items()
        if FAILED in (entry[5] if len(entry) > 5 else {})
        or (entry[3] == EngineState.STARTED and not _is_inside(instance.engine_state, token))
    }
    failed = rows["incidents"].get(instance.id, set())
    yield from _differ(where, "open incidents", failed, "parked steps", parked)
    if (instance.state == InstanceState.INCIDENT) != bool(failed) and (
        instance.state != InstanceState.SUSPENDED
    ):
        yield f"{where} is {instance.state} with {len(failed)} open incidents"
    is_closed = closed.get(instance.subject_type)
    state = None if is_closed is None else is_closed(session, instance.subject_id)
    if state:
        yield f"{where} is open, and its record is closed"


def _entries(engine_state: dict[str, Any]) -> Iterator[list[Any]]:
    for tree in (engine_state["tree"], *engine_state.get("subprocesses", {}).values()):
        yield from tree["tasks"]


def _is_inside(engine_state: dict[str, Any], token: str) -> bool:
    """Whether a step has begun because it is a subprocess that runs."""
    return token in engine_state.get("subprocesses", {})


def _differ(where: str, rows: str, found: set[str], tokens: str, expected: set[str]) -> Iterator[str]:
    if found - expected:
        yield f"{where} has {len(found - expected)} {rows} too many"
    if expected - found:
        yield f"{where} has {len(expected - found)} {tokens} without rows"


def _rows_of_ended(session: Session) -> Iterator[str]:
    """What is still open of instances that have ended."""
    still: tuple[tuple[str, Any, Any], ...] = (
        ("open task", UserTask, UserTask.state == TaskState.OPEN),
        ("awaited event", EventWait, EventWait.ended_at.is_(None)),
        ("open incident", Incident, Incident.resolved_at.is_(None)),
    )
    for what, model, is_open in still:
        query = (
            sa.select(ProcessInstance.business_key, sa.func.count(model.id))
            .join(ProcessInstance, ProcessInstance.id == model.instance_id)
            .where(is_open, ProcessInstance.state.not_in(OPEN_STATES))
            .group_by(ProcessInstance.business_key)
        )
        for key, number in session.execute(query):
            yield f"{key} has ended with {number} {what}s"


def _stock(session: Session) -> Iterator[str]:
    moved = (
        sa.select(InventoryTransaction.spare_part_id, sa.func.sum(InventoryTransaction.change))
        .group_by(InventoryTransaction.spare_part_id)
    )  # fmt: skip
    sums = {part: int(total) for part, total in session.execute(moved)}
    lying = sa.select(PartStock.spare_part_id, sa.func.sum(PartStock.quantity)).group_by(
        PartStock.spare_part_id
    )
    places = {part: int(total) for part, total in session.execute(lying)}
    costs = (
        sa.select(
            InventoryTransaction.spare_part_id,
            sa.type_coerce(sa.func.sum(InventoryTransaction.average_cost), Worth),
            sa.type_coerce(sa.func.sum(InventoryTransaction.fifo_cost), Worth),
        ).group_by(InventoryTransaction.spare_part_id)
    )  # fmt: skip
    worth = {part: (average, fifo) for part, average, fifo in session.execute(costs)}
    lying_in_layers = sa.select(
        CostLayer.spare_part_id,
        sa.func.sum(CostLayer.quantity_left),
        sa.type_coerce(sa.func.sum(CostLayer.cost_left), Worth),
    ).group_by(CostLayer.spare_part_id)
    layers = {part: (int(pieces), cost) for part, pieces, cost in session.execute(lying_in_layers)}
    for part in session.scalars(sa.select(SparePart)):
        if (part.average_value, part.fifo_value) != worth.get(part.id, (0, 0)):
            yield f"{part.part_number}: worth something else than its movements"
        if (part.quantity, part.fifo_value) != layers.get(part.id, (0, 0)):
            yield f"{part.part_number}: quantity or value is not that of its cost layers"
        if not part.quantity == sums.get(part.id, 0) == places.get(part.id, 0):
            yield (
                f"{part.part_number}: {part.quantity} in stock, {sums.get(part.id, 0)} by its movements, "
                f"{places.get(part.id, 0)} at its places"
            )


def _request_is_closed(session: Session, subject_id: int) -> bool:
    status = session.get_one(MaintenanceRequest, subject_id).status
    return status in (RequestStatus.COMPLETED, RequestStatus.CANCELLED)


def _parts_are_settled(session: Session, subject_id: int) -> bool:
    return session.get_one(SparePartsRequest, subject_id).status not in OPEN_STATUSES


def _record_is_closed(session: Session, subject_id: int) -> bool:
    return session.get_one(ProcessRecord, subject_id).closed_at is not None


CLOSED: Mapping[str, Closed] = {
    "maintenance_request": _request_is_closed,
    "spare_parts_request": _parts_are_settled,
    "process_record": _record_is_closed,
}
