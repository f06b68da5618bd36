"""A factory with years of maintenance behind it: requests, their work, downtimes and parts, written at once.

What is written hangs together as what the processes write does: a request that was repaired has a work order
with steps and a downtime that ended, now and then a second one; parts left the store by movements whose sums
are the stock; preventive tasks have a log for each of their due dates, but for the last few.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.database import Base
from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.downtime import MachineDowntime
from app.domain.machines import Machine, MachineStatus
from app.domain.parts import PartStock, SparePart, StockLocation
from app.domain.people import Department, Role, User
from app.domain.preventive.models import JobStatus, Outcome, PreventiveJob, PreventiveLog, PreventiveTask
from app.domain.requests import MaintenanceRequest, Priority, RequestStatus
from app.domain.spare_parts_requests import PartsRequestStatus, SparePartsRequest, SparePartsRequestLine
from app.domain.stock import InventoryTransaction, MovementKind, ReferenceType
from app.domain.usage import PartsUsage
from app.domain.work import MaintenanceWork, WorkStep

BATCH = 5000  # requests whose rows are written together
MACHINES, PARTS, CODES, TYPES = 400, 400, 40, 8
OPEN = 200  # requests that are still being worked on
LEFT = 50  # pieces of each part that lie in the store in the end

Row = dict[str, Any]


@dataclass
class _Rows:
    """Rows on their way into the tables, with the numbers that they have there."""

    session: Session
    numbers: dict[type[Base], int] = field(default_factory=dict)
    pending: dict[type[Base], list[Row]] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)

    def add(self, kind: type[Base], /, **values: Any) -> int:
        """A row more; answers its id."""
        if kind not in self.numbers:
            highest = sa.select(sa.func.max(kind.id))  # type: ignore[attr-defined]
            self.numbers[kind] = self.session.scalar(highest) or 0
        self.numbers[kind] += 1
        self.pending.setdefault(kind, []).append({"id": self.numbers[kind], **values})
        return self.numbers[kind]

    def write(self) -> None:
        """Send what waits, in the order in which its kinds were first added."""
        for model, rows in self.pending.items():
            if rows:
                self.session.execute(sa.insert(model.__table__), rows)
                self.written[model.__tablename__] = self.written.get(model.__tablename__, 0) + len(rows)
                rows.clear()


@dataclass(frozen=True)
class _Factory:
    """What requests are about, and who deals with them."""

    machines: list[int]
    parts: dict[int, Decimal]  # prices
    location: int
    codes: list[int]
    types: list[int]
    people: list[int]


def write(session: Session, *, requests: int, years: float, seed: int = 1) -> dict[str, int]:
    """Write so many requests, spread over the last so many years; answers how many rows of each kind."""
    chance = random.Random(seed)
    rows = _Rows(session)
    begin = clock.now().replace(microsecond=0) - timedelta(days=365 * years)
    factory = _factory(session, rows, chance, begin)
    used = dict.fromkeys(factory.parts, 0)
    movements: list[Row] = []
    times = sorted(chance.uniform(0, 365 * 86_400 * years - 600) for _ in range(requests))
    for number, seconds in enumerate(times):
        reported = begin + timedelta(seconds=seconds)
        still_open = number >= requests - OPEN
        _request(rows, chance, factory, movements, number, reported, still_open)
        if number % BATCH == BATCH - 1:
            _move(rows, movements, used)
            rows.write()
    _move(rows, movements, used)
    _prevent(rows, chance, factory, begin)
    rows.write()
    _receive(rows, factory, begin - timedelta(days=1), used)
    rows.write()
    return rows.written


def _factory(session: Session, rows: _Rows, chance: random.Random, begin: datetime) -> _Factory:
    departments = list(session.scalars(sa.select(Department.id)))
    technicians = sa.select(User.id).where(User.role == Role.MAINTENANCE_TECH)
    people = list(session.scalars(technicians))
    location = session.scalars(sa.select(StockLocation.id)).first() or 0
    stamps = {"created_at": begin, "updated_at": begin}
    machines = [
        rows.add(
            Machine, qr_code=f"BENCH-{number:04}", name=f"Machine {number:04}", model="", serial_number="",
            department_id=departments[number % len(departments)], location="", criticality="MEDIUM",
            status=MachineStatus.OPERATIONAL, **stamps,
        )
        for number in range(MACHINES)
    ]  # fmt: skip
    codes = [
        rows.add(FailureCode, code=f"B-{number:02}", name=f"Failure {number:02}", description="", active=True)
        for number in range(CODES)
    ]
    types = [
        rows.add(MaintenanceType, code=f"B-{number}", name=f"Type {number}", description="", active=True)
        for number in range(TYPES)
    ]
    parts = {}
    for number in range(PARTS):
        price = Decimal(chance.randrange(100, 100_000)) / 100
        part = rows.add(
            SparePart, part_number=f"BENCH-{number:04}", part_name=f"Part {number:04}", description="",
            group_number=f"B{number % 12:02}", group_name=f"Group {number % 12}", quantity=LEFT,
            min_quantity=chance.randrange(2 * LEFT), unit_price=price, location="", active=True,
            default_location_id=location, average_value=price * LEFT, fifo_value=price * LEFT,
        )  # fmt: skip
        rows.add(PartStock, spare_part_id=part, location_id=location, quantity=LEFT, reserved=0)
        parts[part] = price
    rows.write()
    return _Factory(machines, parts, location, codes, types, people)


def _request(
    rows: _Rows,
    chance: random.Random,
    factory: _Factory,
    movements: list[Row],
    number: int,
    reported: datetime,
    still_open: bool,
) -> None:
    """One request, from its report to its end."""
    accepted = reported + timedelta(seconds=chance.expovariate(1 / 1800))
    ended = accepted + timedelta(seconds=chance.expovariate(1 / 10_800))
    ended = min(ended, clock.now() - timedelta(seconds=1))
    accepted = min(accepted, ended)
    cancelled = not still_open and chance.random() < 0.05
    status = RequestStatus.CANCELLED if cancelled else RequestStatus.COMPLETED
    if still_open:
        status = RequestStatus.IN_PROGRESS
    machine = chance.choice(factory.machines)
    technician = chance.choice(factory.people)
    # Some codes are much more frequent than others; some reports have none.
    code = None if chance.random() < 0.1 else factory.codes[int(CODES * chance.random() ** 3)]
    kind = chance.choice(factory.types)
    request = rows.add(
        MaintenanceRequest, business_key=f"MR-BENCH-{number:07}", machine_id=machine,
        reporter_id=technician, assigned_technician_id=technician, status=status,
        priority=chance.choice(list(Priority)), problem_description="It makes a noise.",
        failure_code_id=code, maintenance_type_id=kind, reported_at=reported, accepted_at=accepted,
        completed_at=ended if status == RequestStatus.COMPLETED else None,
        cancelled_at=ended if cancelled else None, cancellation_reason="",
        created_at=reported, updated_at=ended,
    )  # fmt: skip
    for start, end in _standstills(chance, accepted, None if still_open else ended):
        rows.add(
            MachineDowntime, machine_id=machine, maintenance_request_id=request,
            machine_status=MachineStatus.DOWN, started_at=start, ended_at=end,
            minutes=None if end is None else round((end - start).total_seconds() / 60),
        )  # fmt: skip
    if cancelled:
        return
    closed = None if still_open else ended
    work = rows.add(
        MaintenanceWork, maintenance_request_id=request, technician_id=technician, maintenance_type_id=kind,
        cause="", remedy="", started_at=accepted, completed_at=closed, created_at=accepted, updated_at=ended,
    )  # fmt: skip
    for position in range(1, chance.randrange(1, 4)):
        rows.add(
            WorkStep, work_id=work, position=position, description="Repaired it.",
            minutes=chance.randrange(5, 120), performed_by=technician,
            recorded_at=accepted + (ended - accepted) * chance.random(),
        )  # fmt: skip
    if not still_open and chance.random() < 0.5:
        at = accepted + (ended - accepted) / 2
        _parts(rows, chance, factory, movements, request, work, technician, at)


def _standstills(
    chance: random.Random, start: datetime, end: datetime | None
) -> Iterator[tuple[datetime, datetime | None]]:
    """Most requests stop their machine, some of them twice."""
    if chance.random() < 0.15:
        return
    if end is not None and chance.random() < 0.06:
        yield start, start + (end - start) * 0.4
        start += (end - start) * 0.6
    yield start, end


def _parts(
    rows: _Rows,
    chance: random.Random,
    factory: _Factory,
    movements: list[Row],
    request: int,
    work: int,
    technician: int,
    at: datetime,
) -> None:
    """A parts request that was issued, with its movements and what they cost."""
    asked = rows.add(
        SparePartsRequest, business_key=f"PR-BENCH-{request:07}", maintenance_request_id=request,
        requester_id=technician, status=PartsRequestStatus.ISSUED, approved_at=at, closed_at=at,
        closing_reason="", created_at=at, updated_at=at,
    )  # fmt: skip
    for position, part in enumerate(chance.sample(list(factory.parts), chance.randrange(1, 3)), 1):
        quantity, price = chance.randrange(1, 5), factory.parts[part]
        line = rows.add(
            SparePartsRequestLine, parts_request_id=asked, position=position, spare_part_id=part,
            quantity_requested=quantity, quantity_approved=quantity, quantity_issued=quantity,
            unit_price=price, reason="",
        )  # fmt: skip
        movements.append(
            {
                "movement": {
                    "spare_part_id": part, "transaction_type": MovementKind.OUT, "quantity": quantity,
                    "location_id": factory.location, "reference_type": ReferenceType.MAINTENANCE,
                    "reference_id": asked, "performed_by": technician, "transaction_date": at, "notes": "",
                    "unit_cost": price, "cost": -price * quantity, "average_cost": -price * quantity,
                    "fifo_cost": -price * quantity,
                },
                "usage": {
                    "work_id": work, "line_id": line, "spare_part_id": part, "quantity": quantity,
                    "unit_cost": price, "cost": price * quantity, "used_at": at,
                },
            }
        )  # fmt: skip


def _move(rows: _Rows, movements: list[Row], used: dict[int, int]) -> None:
    """The movements that wait, in the order of time, and the usage that refers to them.

    Their balances are less than nothing until :func:`_receive` has told what there was before them.
    """
    for each in sorted(movements, key=lambda each: each["movement"]["transaction_date"]):
        movement = each["movement"]
        used[movement["spare_part_id"]] += movement["quantity"]
        number = rows.add(InventoryTransaction, balance=-used[movement["spare_part_id"]], **movement)
        rows.add(PartsUsage, transaction_id=number, **each["usage"])
    movements.clear()


def _receive(rows: _Rows, factory: _Factory, at: datetime, used: dict[int, int]) -> None:
    """One delivery of each part, before all that was taken."""
    table = InventoryTransaction.__table__
    for part, taken in used.items():
        price, quantity = factory.parts[part], taken + LEFT
        of_part = sa.update(table).where(table.c.spare_part_id == part)
        rows.session.execute(of_part.values(balance=table.c.balance + quantity))
        rows.add(
            InventoryTransaction, spare_part_id=part, transaction_type=MovementKind.IN, quantity=quantity,
            balance=quantity, location_id=factory.location, reference_type=ReferenceType.PURCHASE,
            transaction_date=at, notes="", unit_cost=price, cost=price * quantity,
            average_cost=price * quantity, fifo_cost=price * quantity,
        )  # fmt: skip


def _prevent(rows: _Rows, chance: random.Random, factory: _Factory, begin: datetime) -> None:
    """A weekly task for each machine; of some the last few jobs are still open."""
    today = clock.now().date()
    for machine in factory.machines:
        day = begin.date() + timedelta(days=chance.randrange(7))
        due = [day + timedelta(days=7 * week) for week in range((today - day).days // 7 + 1)]
        undone = chance.choice((0, 0, 0, 1, 3))
        dealt_with, waiting = (due[:-undone], due[-undone:]) if undone else (due, [])
        task = rows.add(
            PreventiveTask, machine_id=machine, title="Lubricate", description="", rrule="FREQ=WEEKLY",
            starts_on=day, lead_days=0, checklist=[], role=Role.MAINTENANCE_TECH, active=True, missed="EACH",
            next_due_on=waiting[0] if waiting else due[-1] + timedelta(days=7),
            next_job_on=due[-1] + timedelta(days=7), opens_on=due[-1] + timedelta(days=7), opening_error="",
            created_at=begin, updated_at=begin,
        )  # fmt: skip
        for due_on in (*dealt_with, *waiting):
            _due_date(rows, chance, factory, task, due_on, done=due_on not in waiting)


def _due_date(
    rows: _Rows, chance: random.Random, factory: _Factory, task: int, due_on: date, *, done: bool
) -> None:
    opened = datetime(due_on.year, due_on.month, due_on.day, 6, tzinfo=clock.now().tzinfo)
    key = f"PM-BENCH-{rows.numbers.get(PreventiveJob, 0) + 1:07}"
    job: Row = {
        "business_key": key, "task_id": task, "due_on": due_on, "opened_at": opened, "closing_reason": "",
        "created_at": opened, "updated_at": opened,
    }  # fmt: skip
    if not done:
        rows.add(PreventiveJob, status=JobStatus.OPEN, ended_at=None, ended_by=None, log_id=None, **job)
        return
    at = min(opened + timedelta(hours=chance.randrange(2, 30)), clock.now())
    outcome = Outcome.SKIPPED if chance.random() < 0.03 else Outcome.DONE
    who = chance.choice(factory.people)
    log = rows.add(
        PreventiveLog, task_id=task, due_on=due_on, performed_at=at, performed_by=who, outcome=outcome,
        minutes_spent=chance.randrange(10, 60), notes="", answers=[], recorded_at=at,
    )  # fmt: skip
    rows.add(PreventiveJob, status=JobStatus(outcome), ended_at=at, ended_by=who, log_id=log, **job)
