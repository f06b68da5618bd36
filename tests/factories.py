"""Things to test with: each function adds one, with defaults that make sense, and answers it flushed.

Names and numbers that must be unique are counted. Pass keyword arguments for what the test is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from itertools import count
from typing import Any
from unittest.mock import patch

from sqlalchemy.orm import Session

from app import clock
from app.domain import numbering, parts_requests, passwords, requests, stock
from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.machines import Criticality, Machine
from app.domain.parts import SparePart, StockLocation
from app.domain.parts_requests import SparePartsRequest
from app.domain.people import Department, Role, User
from app.domain.preventive import plans
from app.domain.preventive.models import PreventiveTask
from app.domain.requests import MaintenanceRequest, Priority

PASSWORD = "a good long password"

_numbers = count(1)


@cache
def _password_hash() -> str:
    with patch.object(passwords, "ROUNDS", 4):  # what takes time here takes it at each of many sign-ins
        return passwords.hash_password(PASSWORD)


def _added(session: Session, row: Any) -> Any:
    session.add(row)
    session.flush()
    return row


def make_department(session: Session, **values: Any) -> Department:
    return _added(session, Department(**{"name": f"Department {next(_numbers)}", **values}))


def make_user(session: Session, role: str | None = Role.MAINTENANCE_TECH, **values: Any) -> User:
    """A user whose password is :data:`PASSWORD`."""
    n = next(_numbers)
    defaults = {"email": f"user{n}@factory.example", "name": f"User {n}", "password_hash": _password_hash()}
    return _added(session, User(role=role, **{**defaults, **values}))


def make_machine(session: Session, **values: Any) -> Machine:
    n = next(_numbers)
    if "department_id" not in values and "department" not in values:
        values["department"] = make_department(session)
    defaults = {"qr_code": f"M-{n:04d}", "name": f"Press {n}", "criticality": Criticality.MEDIUM}
    return _added(session, Machine(**{**defaults, **values}))


def make_failure_code(session: Session, **values: Any) -> FailureCode:
    n = next(_numbers)
    return _added(session, FailureCode(**{"code": f"F-{n}", "name": f"Failure {n}", **values}))


def make_maintenance_type(session: Session, **values: Any) -> MaintenanceType:
    n = next(_numbers)
    return _added(session, MaintenanceType(**{"code": f"T-{n}", "name": f"Type {n}", **values}))


def make_location(session: Session, **values: Any) -> StockLocation:
    return _added(session, StockLocation(**{"name": f"Store {next(_numbers)}", **values}))


def make_part(
    session: Session, quantity: int = 0, *, location: StockLocation | None = None, **values: Any
) -> SparePart:
    """A part of which ``quantity`` lie at a location (a new one unless given), which is its usual place."""
    n = next(_numbers)
    location = location or make_location(session)
    defaults = {
        "part_number": f"P-{n:05d}",
        "part_name": f"Bearing {n}",
        "group_number": "10",
        "group_name": "Bearings",
        "unit_price": Decimal("12.50"),
        "default_location_id": location.id,
    }
    part: SparePart = _added(session, SparePart(quantity=0, **{**defaults, **values}))
    if quantity:
        stock.record_movement(session, part.id, "IN", quantity, by=None, reference_type="PURCHASE")
    return part


def make_request(
    session: Session,
    *,
    machine: Machine | None = None,
    reporter: User | None = None,
    priority: str = Priority.MEDIUM,
    description: str = "It makes a noise like a mill",
    technician: User | None = None,
    **values: Any,
) -> MaintenanceRequest:
    """A maintenance request: PENDING, or accepted when a technician is given."""
    machine = machine or make_machine(session)
    reporter = reporter or make_user(session, Role.SUPERVISOR, department_id=machine.department_id)
    values.setdefault("business_key", numbering.next_key(session, "MR", clock.now().year))
    request = requests.create(
        session,
        machine_id=machine.id,
        reporter_id=reporter.id,
        priority=priority,
        description=description,
        **values,
    )
    if technician is not None:
        requests.accept(session, request, technician.id)
    return request


def make_parts_request(
    session: Session,
    lines: Mapping[SparePart, int],
    *,
    request: MaintenanceRequest | None = None,
    requester: User | None = None,
    approved: bool = False,
) -> SparePartsRequest:
    """A parts request for quantities of parts: PENDING, or approved as it stands."""
    requester = requester or make_user(session)
    request = request or make_request(session, technician=requester)
    pr = parts_requests.create(
        session,
        request,
        requester.id,
        [{"partId": part.id, "quantity": quantity, "reason": "worn out"} for part, quantity in lines.items()],
        numbering.next_key(session, "PR", clock.now().year),
    )
    if approved:
        parts_requests.approve(session, pr, None)
    return pr


def make_preventive_task(
    session: Session, *, machine: Machine | None = None, **values: Any
) -> PreventiveTask:
    """A preventive task: every Monday from today on, unless another rule is given."""
    machine = machine or make_machine(session)
    if values.get("meter_interval") is None:
        values.setdefault("rrule", "FREQ=WEEKLY;BYDAY=MO")
    values.setdefault("title", f"Inspection {next(_numbers)}")
    return plans.create_task(session, None, machine_id=machine.id, **values)
