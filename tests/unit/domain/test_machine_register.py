"""Machines as they are registered, their status by hand, and their parts lists."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa

from app.domain import attachments, machine_parts, machine_register, requests
from app.domain.activity import ActivityLog
from app.domain.attachments import Attachment
from app.domain.machines import Machine, MachineSparePart
from app.errors import BusinessError, Conflict, NotFound
from tests.factories import make_department, make_machine, make_part, make_request, make_user


def create(session, **values):
    if "department_id" not in values:
        values["department_id"] = make_department(session).id
    return machine_register.create_machine(session, None, **{"name": "Press", **values})


def test_a_machine_is_registered_with_all_that_is_known(session):
    hall = make_department(session)
    machine = create(
        session, name=" Press 4 ", department_id=hall.id, qr_code="PR-0004", model="HP 400",
        serial_number="40-2217", location="bay 4", installation_date=date(2014, 5, 1), criticality="HIGH",
        status="DOWN",
    )  # fmt: skip
    session.commit()
    assert (machine.name, machine.qr_code, machine.department, machine.status) == (
        "Press 4", "PR-0004", hall, "DOWN",
    )  # fmt: skip
    entry = session.scalars(sa.select(ActivityLog)).one()
    assert (entry.action, entry.after["installation_date"]) == ("CREATE_MACHINE", "2014-05-01")


def test_without_a_label_it_gets_one_of_its_own(session):
    codes = {create(session, qr_code=code).qr_code for code in (None, "", None)}
    assert len(codes) == 3
    for code in codes:
        assert machine_register.CHECKS["qr_code"](code) == code


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"name": ""}, "NAME_MISSING", "name"),
        ({"department_id": None}, "UNKNOWN_DEPARTMENT", "departmentId"),
        ({"department_id": 4711}, "UNKNOWN_DEPARTMENT", "departmentId"),
        ({"qr_code": "a/b"}, "BAD_QR_CODE", "qrCode"),
        ({"qr_code": ".."}, "BAD_QR_CODE", "qrCode"),
        ({"criticality": "A"}, "BAD_CRITICALITY", "criticality"),
        ({"status": "BROKEN"}, "BAD_STATUS", "status"),
        ({"installation_date": date(214, 5, 1)}, "BAD_DATE", "installationDate"),
        ({"serial_number": "9" * 256}, "SERIAL_NUMBER_TOO_LONG", "serialNumber"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(session, values, code, field):
    with pytest.raises(BusinessError) as refused:
        create(session, **values)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert session.scalars(sa.select(Machine)).all() == []


@pytest.mark.databases
def test_no_two_machines_share_a_label(session):
    machine = make_machine(session, qr_code="PR-0004")
    with pytest.raises(BusinessError) as refused:
        create(session, qr_code="pr-0004")
    assert (refused.value.code, refused.value.field) == ("QR_CODE_TAKEN", "qrCode")
    machine_register.update_machine(session, machine, None, qr_code="pr-0004")
    machine_register.update_machine(session, machine, None, qr_code=None)
    assert machine.qr_code == "pr-0004"


def test_a_machine_stays_in_a_department_that_is_no_longer_used_but_cannot_move_there(session):
    closed = make_department(session, active=False)
    there, elsewhere = make_machine(session, department=closed), make_machine(session)
    machine_register.update_machine(session, there, None, name="Press 5", department_id=closed.id)
    with pytest.raises(BusinessError) as refused:
        machine_register.update_machine(session, elsewhere, None, department_id=closed.id)
    assert refused.value.field == "departmentId"
    with pytest.raises(BusinessError) as refused:
        machine_register.update_machine(session, elsewhere, None, department_id=None)
    assert refused.value.field == "departmentId"


def test_a_machine_that_moves_stands_in_its_new_department_at_once(session):
    machine, hall = make_machine(session), make_department(session)
    assert machine.department is not hall
    machine_register.update_machine(session, machine, None, department_id=hall.id)
    assert machine.department is hall


def test_the_status_is_set_by_hand_where_no_repair_says_how_the_machine_is(session):
    machine = make_machine(session)
    make_request(session, machine=machine)  # reported, not accepted
    machine_register.update_machine(session, machine, None, status="DOWN")
    assert machine.status == "DOWN"


def test_a_machine_in_repair_is_as_its_request_says(session):
    request = make_request(session, technician=make_user(session), priority="CRITICAL")
    for status in ("OPERATIONAL", "DECOMMISSIONED"):
        with pytest.raises(BusinessError, match=request.business_key) as refused:
            machine_register.update_machine(session, request.machine, None, status=status)
        assert (refused.value.code, refused.value.field) == ("STATUS_BY_REQUESTS", "status")
        session.expire(request.machine)
    machine_register.update_machine(session, request.machine, None, name="Press 9", status="DOWN")
    assert request.machine.name == "Press 9"


def test_a_machine_is_decommissioned_when_no_request_is_open(session):
    machine = make_machine(session)
    first, second = make_request(session, machine=machine), make_request(session, machine=machine)
    with pytest.raises(BusinessError, match=f"{first.business_key} .and 1 more") as refused:
        machine_register.update_machine(session, machine, None, status="DECOMMISSIONED")
    assert refused.value.code == "OPEN_REQUESTS"
    session.expire(machine)
    for request in (first, second):
        requests.cancel(session, request, None, "scrapped")
    machine_register.update_machine(session, machine, None, status="DECOMMISSIONED")
    assert machine.status == "DECOMMISSIONED"


def test_a_machine_entered_by_mistake_goes_with_its_parts_list(session):
    machine = create(session, name="Pres 4")
    machine_parts.assign_part(session, machine, None, spare_part_id=make_part(session).id)
    machine_register.delete_machine(session, machine, None)
    session.commit()
    assert (
        session.scalars(sa.select(Machine)).all() == session.scalars(sa.select(MachineSparePart)).all() == []
    )
    last = session.scalars(sa.select(ActivityLog).order_by(ActivityLog.id.desc())).first()
    assert (last.action, last.before["name"]) == ("DELETE_MACHINE", "Pres 4")


def test_a_machine_with_history_or_files_stays(session):
    with pytest.raises(Conflict, match="Decommission it instead"):
        machine_register.delete_machine(session, make_request(session).machine, None)
    machine = make_machine(session)
    manual = {"file_name": "manual.pdf", "content_type": "application/pdf", "size": 1, "digest": ""}
    session.add(Attachment(**manual, storage_key="k", entity_type="MACHINE", entity_id=machine.id))
    with pytest.raises(Conflict, match="Files are attached"):
        machine_register.delete_machine(session, machine, None)
    assert len(attachments.of(session, "MACHINE", machine.id)) == 1


def test_a_parts_list_is_kept_and_every_change_of_it_recorded(session):
    machine, part = make_machine(session), make_part(session)
    fitted = machine_parts.assign_part(
        session, machine, None, spare_part_id=part.id, quantity=2, notes=" left "
    )
    assert [(line.part, line.quantity, line.notes) for line in machine.spare_parts] == [(part, 2, "left")]
    with pytest.raises(BusinessError) as refused:
        machine_parts.assign_part(session, machine, None, spare_part_id=part.id)
    assert (refused.value.code, refused.value.field) == ("PART_ASSIGNED", "sparePartId")
    machine_parts.change_part(session, machine, part.id, None, quantity=4)
    machine_parts.change_part(session, machine, part.id, None, quantity=4)
    assert (fitted.quantity, fitted.notes) == (4, "left")
    machine_parts.remove_part(session, machine, part.id, None)
    assert machine.spare_parts == []
    with pytest.raises(NotFound):
        machine_parts.remove_part(session, machine, part.id, None)
    query = sa.select(ActivityLog.action).where(ActivityLog.entity_type == "MACHINE").order_by(ActivityLog.id)
    assert session.scalars(query).all() == ["ASSIGN_PART", "CHANGE_ASSIGNED_PART", "REMOVE_PART"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"quantity": 0}, "BAD_QUANTITY"),
        ({"quantity": 1.5}, "BAD_QUANTITY"),
        ({"notes": "n" * 501}, "NOTES_TOO_LONG"),
    ],
)
def test_a_line_of_a_parts_list_makes_sense(session, values, code):
    machine, part = make_machine(session), make_part(session)
    with pytest.raises(BusinessError) as refused:
        machine_parts.assign_part(session, machine, None, spare_part_id=part.id, **values)
    assert refused.value.code == code


def test_a_part_that_is_no_longer_used_is_not_assigned(session):
    part = make_part(session, active=False)
    with pytest.raises(BusinessError) as refused:
        machine_parts.assign_part(session, make_machine(session), None, spare_part_id=part.id)
    assert refused.value.field == "sparePartId"
