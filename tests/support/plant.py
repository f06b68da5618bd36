"""A small history, told to the minute, that every figure can be worked out from by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from app.clock import ManualClock
from app.domain import parts_requests, requests, settings, stock, work
from app.domain.analytics.scope import Scope
from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.people import Department, User
from app.domain.requests import MaintenanceRequest
from tests.conftest import START
from tests.factories import (
    make_department,
    make_failure_code,
    make_machine,
    make_maintenance_type,
    make_part,
    make_parts_request,
    make_request,
    make_user,
)


@dataclass
class Plant:
    """Two departments, three machines, and what happened between 8:00 and 20:00 of one Monday.

    ==========  =============================================================================
    press       9:00-10:30 leak, one seal (48.50); 14:00-14:20 leak again, and 14:10-15:00 a drive fault
                that was reported meanwhile; 16:00-16:30 a false alarm that was cancelled
    saw         11:00-11:45 no code, done again 12:15-13:00, two bearings (9.80 each)
    robot       19:00 drive fault, still open
    ==========  =============================================================================
    """

    session: Session
    time: ManualClock
    press_shop: Department
    assembly: Department
    press: Machine
    saw: Machine
    robot: Machine
    technician: User
    helper: User
    leak: FailureCode
    drive: FailureCode
    corrective: MaintenanceType
    seal: SparePart
    bearing: SparePart

    @property
    def day(self) -> Scope:
        """From 8:00 to 20:00."""
        return Scope(START, START + timedelta(hours=12))

    def at(self, hours: int, minutes: int = 0) -> datetime:
        """Put the clock to a time of that Monday (UTC)."""
        self.time.time = START.replace(hour=hours, minute=minutes)
        return self.time.time

    def report(
        self, machine: Machine, code: FailureCode | None = None, by: User | None = None, **values: Any
    ) -> MaintenanceRequest:
        """A problem is reported and accepted at once."""
        return make_request(
            self.session,
            machine=machine,
            failure_code_id=code.id if code else None,
            technician=by or self.technician,
            **values,
        )

    def repaired(self, request: MaintenanceRequest, minutes: int) -> None:
        """Work is recorded and closed: the machine runs."""
        assert request.work is not None
        step = {"description": "Repaired", "minutes": minutes}
        by, kind = request.assigned_technician_id, self.corrective.id
        work.record(self.session, request.work, by, steps=[step], maintenance_type_id=kind)
        work.close(self.session, request.work, by)

    def issue(self, request: MaintenanceRequest, part: SparePart, quantity: int) -> None:
        """Parts go from the store into the work."""
        pr = make_parts_request(
            self.session, {part: quantity}, request=request, requester=self.technician, approved=True
        )
        parts_requests.issue(self.session, pr, None, {pr.lines[0].id: quantity})


def make_plant(session: Session, time: ManualClock) -> Plant:
    """The plant of :class:`Plant`, at 20:00. Its clock shows UTC."""
    press_shop, assembly = (make_department(session, name=name) for name in ("Press shop", "Assembly"))
    plant = Plant(
        session=session,
        time=time,
        press_shop=press_shop,
        assembly=assembly,
        press=make_machine(session, name="Press", department=press_shop),
        saw=make_machine(session, name="Saw", department=press_shop),
        robot=make_machine(session, name="Robot", department=assembly),
        technician=make_user(session, name="Tomasz"),
        helper=make_user(session, name="Lena"),
        leak=make_failure_code(session, code="LEAK", name="Leak"),
        drive=make_failure_code(session, code="DRIVE", name="Drive fault"),
        corrective=make_maintenance_type(session, code="CORR", name="Corrective"),
        seal=make_part(
            session,
            10,
            unit_price=Decimal("48.50"),
            group_number="20",
            group_name="Hydraulics",
            min_quantity=10,
        ),
        bearing=make_part(session, 40, unit_price=Decimal("9.80"), min_quantity=5),
    )
    settings.change_site(session, None, name="Northfield", time_zone="UTC", currency="EUR")
    play(plant)
    return plant


def play(plant: Plant) -> None:
    """Let the day happen."""
    session = plant.session
    plant.at(9)
    first = plant.report(plant.press, plant.leak)
    plant.issue(first, plant.seal, 1)
    plant.at(10, 30)
    plant.repaired(first, 70)
    requests.complete(session, first, None)

    plant.at(11)
    saw = plant.report(plant.saw, by=plant.helper)
    plant.at(11, 45)
    plant.repaired(saw, 30)
    plant.at(12, 15)
    assert saw.work is not None
    work.reopen(session, saw.work, None)
    plant.issue(saw, plant.bearing, 2)
    plant.at(13)
    plant.repaired(saw, 40)
    requests.complete(session, saw, None)

    plant.at(14)
    second = plant.report(plant.press, plant.leak)
    plant.at(14, 10)
    meanwhile = plant.report(plant.press, plant.drive, priority="CRITICAL")
    plant.at(14, 20)
    plant.repaired(second, 20)
    requests.complete(session, second, None)
    plant.at(15)
    plant.repaired(meanwhile, 45)
    requests.complete(session, meanwhile, None)

    plant.at(16)
    alarm = plant.report(plant.press)
    plant.at(16, 30)
    requests.cancel(session, alarm, None, "The main valve was shut.")
    stock.record_movement(session, plant.bearing.id, "OUT", 3, by=None, notes="training")

    plant.at(19)
    plant.report(plant.robot, plant.drive, priority="HIGH")
    plant.at(20)
    session.flush()
