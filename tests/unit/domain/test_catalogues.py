"""Departments, failure codes, maintenance types and stock locations: entered, changed, removed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain import catalogues, departments, records, stock, stock_locations
from app.domain.activity import ActivityLog
from app.domain.catalogues import FailureCode
from app.domain.people import Department
from app.errors import BusinessError, Conflict
from tests.factories import (
    make_department,
    make_failure_code,
    make_machine,
    make_maintenance_type,
    make_part,
    make_request,
    make_user,
)

KINDS = {
    "department": (
        departments.create_department, departments.update_department, departments.delete_department,
        {"name": "Hall 4"},
    ),
    "failure code": (
        catalogues.create_failure_code, catalogues.update_failure_code, catalogues.delete_failure_code,
        {"code": "HYD-LEAK", "name": "Hydraulic leak"},
    ),
    "maintenance type": (
        catalogues.create_maintenance_type, catalogues.update_maintenance_type,
        catalogues.delete_maintenance_type, {"code": "CORR", "name": "Corrective"},
    ),
    "stock location": (
        stock_locations.create_location, stock_locations.update_location, stock_locations.delete_location,
        {"name": "Main store"},
    ),
}  # fmt: skip


def log(session):
    entries = session.scalars(sa.select(ActivityLog).order_by(ActivityLog.id))
    return [(entry.action.split("_")[0], entry.before, entry.after, entry.user_id) for entry in entries]


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_lives_and_dies_and_the_log_knows(session, kind):
    create, update, delete, given = KINDS[kind]
    admin = make_user(session)
    row = create(session, admin.id, **given)
    assert row.active
    update(session, row, admin.id, name="Another name", active=False)
    update(session, row, admin.id, name="Another name", active=False)
    delete(session, row, admin.id)
    session.commit()
    assert session.scalars(sa.select(type(row))).all() == []
    created, updated, deleted = log(session)
    assert (created[0], created[1], created[2]["name"]) == ("CREATE", None, given["name"])
    before, after = {"name": given["name"], "active": True}, {"name": "Another name", "active": False}
    assert updated == ("UPDATE", before, after, admin.id)
    assert (deleted[0], deleted[1]["name"], deleted[2]) == ("DELETE", "Another name", None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.databases
def test_what_identifies_an_entry_is_used_once_in_upper_or_lower_case(session, kind):
    create, update, _, given = KINDS[kind]
    field = "code" if "code" in given else "name"
    first = create(session, None, **given)
    with pytest.raises(BusinessError) as refused:
        create(session, None, **{**given, field: given[field].swapcase()})
    assert (refused.value.code, refused.value.field) == (f"{field.upper()}_TAKEN", field)
    other = create(session, None, **{**given, field: "OTHER"})
    with pytest.raises(BusinessError) as refused:
        update(session, other, None, **{field: given[field]})
    assert refused.value.field == field
    session.expire(other)
    update(session, first, None, **{field: given[field].swapcase()})
    assert getattr(first, field) == given[field].swapcase()


@pytest.mark.databases
def test_a_name_that_somebody_else_has_just_stored_is_refused_as_clearly(session, monkeypatch):
    make_department(session, name="Hall 4")
    monkeypatch.setattr(records.Unique, "check", lambda *arguments: None)
    with pytest.raises(BusinessError) as refused:
        departments.create_department(session, None, name="Hall 4")
    assert (refused.value.code, refused.value.field) == ("NAME_TAKEN", "name")


@pytest.mark.databases
def test_only_a_duplicate_is_called_one(session):
    session.add(Department(name=None))
    with pytest.raises(IntegrityError) as error:
        session.flush()
    assert not records.is_duplicate(error.value)


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"code": " ", "name": "Leak"}, "CODE_MISSING", "code"),
        ({"code": "X" * 51, "name": "Leak"}, "CODE_TOO_LONG", "code"),
        ({"code": "L", "name": "\u00a0"}, "NAME_MISSING", "name"),
        ({"code": "L", "name": "n" * 256}, "NAME_TOO_LONG", "name"),
        ({"code": "L", "name": "Le\0ak"}, "NAME_UNREADABLE", "name"),
        ({"code": "L", "name": "Leak", "description": "d" * 10_001}, "DESCRIPTION_TOO_LONG", "description"),
    ],
)
def test_texts_that_cannot_be_stored_or_read_are_refused(session, values, code, field):
    with pytest.raises(BusinessError) as refused:
        catalogues.create_failure_code(session, None, **values)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert session.scalars(sa.select(FailureCode)).all() == []


def test_what_is_no_column_is_a_defect_of_the_program(session):
    with pytest.raises(TypeError):
        departments.update_department(session, make_department(session), None, nmae="Hall 4")


def test_a_department_with_machines_is_deactivated_and_not_deleted(session):
    hall = make_machine(session).department
    with pytest.raises(Conflict, match=r"machines \(1\).*Deactivate it instead"):
        departments.delete_department(session, hall, None)
    departments.update_department(session, hall, None, active=False)
    assert not hall.active


def test_codes_and_types_that_were_used_stay(session):
    code, kind = make_failure_code(session), make_maintenance_type(session)
    make_request(session, failure_code_id=code.id).maintenance_type_id = kind.id
    with pytest.raises(Conflict, match="Deactivate it instead"):
        catalogues.delete_failure_code(session, code, None)
    with pytest.raises(Conflict, match="Deactivate it instead"):
        catalogues.delete_maintenance_type(session, kind, None)


def test_a_location_where_stock_lies_stays_in_use(session):
    place = make_part(session, 7).default_location
    with pytest.raises(BusinessError) as refused:
        stock_locations.update_location(session, place, None, active=False)
    assert (refused.value.code, refused.value.field) == ("LOCATION_NOT_EMPTY", "active")
    session.expire(place)
    with pytest.raises(Conflict):
        stock_locations.delete_location(session, place, None)


def test_nothing_is_put_where_a_location_was_emptied_and_given_up(session):
    part = make_part(session, 7)
    place = part.default_location
    stock.record_movement(session, part.id, "OUT", 7, by=None)
    stock_locations.update_location(session, place, None, active=False)
    with pytest.raises(BusinessError) as refused:
        stock.record_movement(session, part.id, "IN", 1, by=None)
    assert (refused.value.code, refused.value.field) == ("UNKNOWN_LOCATION", "locationId")
