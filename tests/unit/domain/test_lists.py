"""Lists: each sorts by all it offers, in pages that never overlap, in a constant number of statements."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.domain import activity, machine_parts, requests, stock, work
from app.domain.queries import catalogues, inventory, machines, people
from app.domain.queries import requests as request_lists
from app.domain.queries.sorting import names
from app.errors import BusinessError
from tests.factories import (
    make_department,
    make_failure_code,
    make_location,
    make_machine,
    make_maintenance_type,
    make_part,
    make_parts_request,
    make_request,
    make_user,
)

pytestmark = pytest.mark.databases

LISTS = {
    "departments": (catalogues.list_departments, catalogues.DEPARTMENT_SORTS),
    "locations": (catalogues.list_locations, catalogues.LOCATION_SORTS),
    "failure codes": (catalogues.list_failure_codes, catalogues.FAILURE_CODE_SORTS),
    "maintenance types": (catalogues.list_maintenance_types, catalogues.MAINTENANCE_TYPE_SORTS),
    "machines": (machines.list_machines, machines.SORTS),
    "parts lists": (machines.list_fitted, machines.FITTED_SORTS),
    "parts": (inventory.list_parts, inventory.PART_SORTS),
    "parts requests": (inventory.list_parts_requests, inventory.PARTS_REQUEST_SORTS),
    "movements": (inventory.list_movements, inventory.MOVEMENT_SORTS),
    "requests": (request_lists.list_requests, request_lists.SORTS),
    "work": (request_lists.list_work, request_lists.WORK_SORTS),
    "users": (people.list_users, people.USER_SORTS),
    "activity": (people.list_activity, people.ACTIVITY_SORTS),
}
SHOWN = {
    "machines": lambda row: row.department.name,
    "parts lists": lambda row: (row.machine.department.name, row.part.label),
    "parts": lambda row: ([place.location.name for place in row.stock], row.default_location.name),
    "parts requests": lambda row: (
        row.maintenance_request.machine.name, row.requester.name, row.approver,
        [(line.part.label, line.quantity_reserved) for line in row.lines],
    ),
    "movements": lambda row: (row.part.label, row.location.name, row.to_location, row.performer),
    "requests": lambda row: (row.machine.department.name, row.reporter.name, row.assigned_technician.name),
    "work": lambda row: (
        row.request.machine.department.name, row.technician.name, row.maintenance_type,
        [step.performer.name for step in row.steps], [used.part for used in row.parts_used],
    ),
    "users": lambda row: row.department,
    "activity": lambda row: row.user and row.user.name,
}  # fmt: skip


@pytest.fixture
def factory(session):
    """Seven of everything, much of it equal in what lists are sorted by."""
    store = make_location(session)
    for _ in range(7):
        make_maintenance_type(session, name="Same"), make_location(session)
        machine = make_machine(session, name="Same")
        technician = make_user(session, name="Same")
        part = make_part(session, 3, part_name="Same", location=store)
        machine_parts.assign_part(session, machine, None, spare_part_id=part.id)
        code = make_failure_code(session, name="Same")
        request = make_request(session, machine=machine, technician=technician, failure_code_id=code.id)
        make_parts_request(session, {part: 1}, request=request, requester=technician, approved=True)
        work.record(session, request.work, technician.id, steps=[{"description": "Looked", "minutes": 5}])
    session.commit()


@pytest.mark.parametrize("name", LISTS)
def test_pages_in_any_order_show_each_row_once(session, factory, name):
    rows_of, sorts = LISTS[name]
    ids = {row.id for row in rows_of(session, page_size=200).items}
    assert len(ids) >= 7
    for sort in names(sorts):
        pages = [rows_of(session, sort=sort, page=page, page_size=3) for page in range(1, len(ids) // 3 + 2)]
        shown = [row.id for page in pages for row in page.items]
        assert (len(shown), set(shown), pages[0].total) == (len(ids), ids, len(ids)), sort
    first = next(iter(sorts))
    upwards, downwards = (rows_of(session, sort=sort, page_size=200).items for sort in (first, f"-{first}"))
    assert upwards == downwards[::-1]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_takes_as_many_statements_for_seven_rows_as_for_two(session, database, factory, name):
    rows_of, _ = LISTS[name]
    statements = []
    sa.event.listen(database, "before_cursor_execute", lambda *event: statements.append(event[2]))

    def cost(page_size):
        session.expunge_all()
        statements.clear()
        for row in rows_of(session, page_size=page_size).items:
            SHOWN.get(name, lambda row: row.name)(row)
        return sum(statement.startswith("SELECT") for statement in statements)

    assert cost(7) == cost(2) <= 5


@pytest.mark.parametrize("sort", ["", "-", "--name", "nmae", "-id; DROP TABLE users"])
def test_a_list_is_sorted_by_what_it_offers_only(session, sort):
    with pytest.raises(BusinessError, match="choose one of name") as refused:
        machines.list_machines(session, sort=sort)
    assert (refused.value.code, refused.value.field) == ("BAD_SORT", "sort")


def test_catalogues_are_filtered_and_searched(session):
    old = make_failure_code(session, code="A-OLD", active=False)
    new = make_failure_code(session, code="B-NEW", description="Hydraulic hose")
    assert catalogues.list_failure_codes(session).items == [old, new]
    assert catalogues.list_failure_codes(session, sort="-code", q="-").items == [new, old]
    assert catalogues.list_failure_codes(session, active=True).items == [new]
    assert catalogues.list_failure_codes(session, q="hose").items == [new]


def test_machines_are_sorted_by_what_they_mean_to_the_factory(session):
    low, high, medium = (make_machine(session, criticality=c) for c in ("LOW", "HIGH", "MEDIUM"))
    assert machines.list_machines(session, sort="criticality").items == [high, medium, low]


def test_parts_are_filtered(session):
    van, machine = make_location(session), make_machine(session)
    low = make_part(session, 1, min_quantity=5, group_number="20", unit_price=Decimal(3))
    lower = make_part(session, 1, min_quantity=9, location=van, unit_price=Decimal(1))
    gone = make_part(session, active=False, unit_price=Decimal(2))
    machine_parts.assign_part(session, machine, None, spare_part_id=low.id)

    def found(**filters):
        return inventory.list_parts(session, **filters).items

    assert found(sort="-shortage") == found(low_only=True, sort="-shortage") == [lower, low]
    assert found(inactive=True, sort="unitPrice") == [lower, gone, low]
    assert found(active=False) == found(active=False, inactive=True) == [gone]
    assert found(machine_id=machine.id) == found(group="20") == [low]
    assert found(location_id=van.id) == [lower]
    assert [row.machine for row in machines.list_fitted(session, part_id=low.id).items] == [machine]
    assert machines.list_fitted(session, machine_id=machine.id).total == 1
    assert machines.list_fitted(session, part_id=lower.id).total == 0


def test_movements_are_filtered(session, time):
    van, keeper = make_location(session), make_user(session)
    part, other = make_part(session, 5), make_part(session, 5)
    time.advance(days=1)
    moved = stock.record_movement(
        session, part.id, "TRANSFER", 1, to_location_id=van.id, by=keeper.id, notes="for the van"
    )
    time.advance(days=1)
    taken = stock.record_movement(
        session, other.id, "OUT", 1, by=None, reference_type="MAINTENANCE", reference_id=7
    )

    def found(**filters):
        return inventory.list_movements(session, **filters).items

    assert found()[:2] == [taken, moved]
    assert (
        found(part_id=part.id, kind="TRANSFER") == found(location_id=van.id) == found(q="the van") == [moved]
    )
    assert found(performed_by=keeper.id) == [moved]
    assert found(reference_type="MAINTENANCE", reference_id=7) == [taken]
    day = timedelta(days=1)
    assert found(since=time() - day, until=time()) == [moved]
    assert found(since=time()) == [taken]


def test_parts_requests_are_filtered(session, time):
    part, technician = make_part(session, 9), make_user(session)
    first = make_parts_request(session, {part: 1}, requester=technician)
    time.advance(minutes=1)
    second = make_parts_request(session, {make_part(session, 9): 1}, approved=True)

    def found(**filters):
        return inventory.list_parts_requests(session, **filters).items

    assert found() == [second, first]
    hall = first.maintenance_request.machine.department_id
    assert found(department_id=hall) == found(part_id=part.id) == found(requester_id=technician.id) == [first]
    assert found(statuses=["APPROVED"]) == found(since=time()) == found(q=second.business_key) == [second]
    assert found(until=time(), sort="status") == [first]


def test_requests_are_filtered_by_time_and_failure_code(session, time):
    code = make_failure_code(session)
    first = make_request(session, failure_code_id=code.id)
    time.advance(minutes=1)
    second = make_request(session)

    def found(**filters):
        return request_lists.list_requests(session, **filters).items

    assert found(failure_code_id=code.id) == found(until=time()) == [first]
    assert found(since=time()) == [second]
    assert found(sort="machine", department_id=second.machine.department_id) == [second]


def test_work_orders_are_filtered(session, time):
    technician, kind, hall = make_user(session), make_maintenance_type(session), make_department(session)
    first = make_request(session, technician=technician, machine=make_machine(session, department=hall))
    work.record(session, first.work, technician.id, maintenance_type_id=kind.id, cause="worn seal")
    time.advance(minutes=1)
    second = make_request(session, technician=make_user(session))
    requests.complete(session, first, None)

    def found(**filters):
        return [order.request for order in request_lists.list_work(session, **filters).items]

    assert found() == [second, first]
    assert found(technician_id=technician.id) == found(maintenance_type_id=kind.id) == [first]
    assert (
        found(machine_id=first.machine_id) == found(department_id=hall.id) == found(q="SEAL worn") == [first]
    )
    assert found(is_open=False) == found(until=time()) == [first]
    assert found(is_open=True) == found(since=time()) == [second]


def test_the_activity_log_is_filtered(session, time):
    ada = make_user(session, name="Ada Lovelace")
    first = activity.record(session, "CREATE_MACHINE", "MACHINE", 1, ada.id, source="10.0.0.7")
    time.advance(minutes=1)
    second = activity.record(session, "UPDATE_MACHINE", "MACHINE", 2, None)

    def found(**filters):
        return people.list_activity(session, **filters).items

    assert found() == [second, first]
    assert (
        found(entity_type="MACHINE", entity_id=1) == found(user_id=ada.id) == found(until=time()) == [first]
    )
    assert found(q="lovelace") == found(q="10.0.0.7 create") == [first]
    assert found(action="UPDATE_MACHINE") == found(since=time()) == found(q="update") == [second]
    assert found(sort="at") == [first, second]
