"""A fault from its report to its confirmation, by everybody it takes, on phones and on desktops."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect
from sqlalchemy.orm import Session

from app.domain.activity import ActivityLog
from app.domain.attachments import Attachment
from app.domain.downtime import MachineDowntime
from app.domain.machines import Machine, MachineStatus
from app.domain.parts import PartStock, SparePart
from app.domain.requests import MaintenanceRequest, RequestStatus
from app.domain.spare_parts_requests import PartsRequestStatus, SparePartsRequest
from app.domain.stock import InventoryTransaction, MovementKind, ReferenceType
from app.engine.models import ProcessInstance, TaskState, UserTask
from tests.browser.conftest import Cast
from tests.support.person import Person
from tests.support.site import Site

MACHINE = "M-0007"  # a robot of high criticality: its repairs have to be confirmed
VALVE, SENSOR = "PN-V52", "SE-I12"


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_a_fault_is_reported_repaired_and_confirmed(
    cast: Cast, demo_site: Site, photo: Path, phone: bool
) -> None:
    with demo_site.session() as session:
        before = {number: part(session, number).quantity for number in (VALVE, SENSOR)}

    jonas = cast("supervisor2", phone=phone)
    key = report_problem(jonas, photo)

    tomasz = cast("technician", phone=phone)
    tomasz.open_task("Accept request", key)
    expect(tomasz.page.get_by_role("img", name="Photo 1: leak.jpg")).to_be_visible()
    tomasz.press("Accept")
    expect(tomasz.page.get_by_role("status")).to_contain_text("Done.")
    with demo_site.session() as session:
        assert machine(session).status == MachineStatus.DOWN

    tomasz.follow("Carry out work")
    request_parts(tomasz)
    maria = cast("manager", phone=phone)
    approve_parts(maria, key)
    ivo = cast("inventory", phone=phone)
    issue_parts(ivo, key)
    complete_work(tomasz, key)

    jonas.open_task("Confirm repair", key)
    expect(jonas.page.get_by_role("table")).to_contain_text("Valve and sensor replaced")
    jonas.press("It is fixed")
    expect(jonas.page.get_by_role("status")).to_contain_text("Done: Confirm repair")
    see_the_end(jonas, key)

    with demo_site.session() as session:
        request = session.scalars(sa.select(MaintenanceRequest).filter_by(business_key=key)).one()
        check_request(session, request)
        check_stock(session, request, before)
        check_photo(session, request, demo_site.data)
        check_log(session, request)


# -- what each of them does ------------------------------------------------------------------------


def report_problem(jonas: Person, photo: Path) -> str:
    """Report from the machine's label; answers the key of the request."""
    page = jonas.page
    page.goto(f"/m/{MACHINE}")
    jonas.follow("Report a problem")
    expect(page.get_by_role("combobox", name="Machine")).to_have_value(re.compile(r"\d+"))
    page.get_by_label("High – stops the machine").check()
    page.get_by_label("The machine has stopped").check()
    jonas.choose("Failure code", "Air leak")
    page.get_by_label("What is wrong?").fill("The gripper loses pressure while it holds a part.")
    page.get_by_label("Photos").set_input_files(photo)
    expect(page.get_by_role("img", name="leak.jpg")).to_be_visible()
    jonas.press("Report problem")
    expect(page.get_by_role("status")).to_contain_text("It is on its way as MR-")
    expect(page.get_by_role("img", name="Photo 1: leak.jpg")).to_be_visible()
    found = re.search(r"MR-\d{4}-\d{6}", page.get_by_role("status").inner_text())
    assert found
    return found[0]


def request_parts(tomasz: Person) -> None:
    """Ask for two kinds of parts, after having added one row too many."""
    page = tomasz.page
    ask = page.get_by_role("group", name="Parts", exact=True)
    add = ask.get_by_role("button", name="Add another")
    tomasz.press(add)
    tomasz.press(add)
    fill_part(tomasz, 1, VALVE, "2", "Leaks at the spool")
    fill_part(tomasz, 2, SENSOR, "3", "Answers late")
    tomasz.press(tomasz.row("Parts: 3").get_by_role("button", name="Remove"))
    expect(tomasz.row("Parts: 3")).to_have_count(0)
    tomasz.press("Request parts")
    expect(page.get_by_role("status")).to_contain_text("Done.")


def fill_part(person: Person, number: int, part_number: str, quantity: str, reason: str) -> None:
    row = person.row(f"Parts: {number}")
    person.choose("Part", part_number, within=row)
    row.get_by_label("Quantity").fill(quantity)
    row.get_by_label("Reason").fill(reason)


def approve_parts(maria: Person, key: str) -> None:
    """Approve, but one sensor less than was asked for."""
    open_parts_task(maria, "Approve parts", key)
    expect(maria.row("Parts: 1").get_by_label("Part number")).to_have_value(VALVE)
    maria.row("Parts: 2").get_by_label("Approved").fill("2")
    maria.press("Approve")
    expect(maria.page.get_by_role("status")).to_contain_text("Done: Approve parts")


def issue_parts(ivo: Person, key: str) -> None:
    open_parts_task(ivo, "Issue parts", key)
    expect(ivo.row("Parts: 1").get_by_label("Issue now")).to_have_value("2")
    expect(ivo.row("Parts: 2").get_by_label("Issue now")).to_have_value("2")
    ivo.press("Issue")
    expect(ivo.page.get_by_role("status")).to_contain_text("Done: Issue parts")


def open_parts_task(person: Person, name: str, key: str) -> None:
    """The inbox finds the task of a parts request by its machine."""
    person.open_task(name, "Welding robot 1")
    expect(person.page.get_by_role("main").get_by_role("link", name=key)).to_be_visible()


def complete_work(tomasz: Person, key: str) -> None:
    page = tomasz.page
    tomasz.open_task("Carry out work", key)
    first = tomasz.row("Work steps: 1")
    first.get_by_label("What was done").fill("Gripper taken off, leak found at the valve")
    first.get_by_label("Minutes").fill("35")
    steps = page.get_by_role("group", name="Work steps", exact=True)
    tomasz.press(steps.get_by_role("button", name="Add another"))
    second = tomasz.row("Work steps: 2")
    second.get_by_label("What was done").fill("Valve and sensor replaced")
    second.get_by_label("Minutes").fill("50")
    page.get_by_label("Cause").fill("Spool of the valve worn out")
    page.get_by_label("Remedy").fill("Valve and sensors replaced")
    tomasz.choose("Type of maintenance", "Preventive")
    tomasz.press("Complete")
    expect(page.get_by_role("status")).to_contain_text("Done: Carry out work")


def see_the_end(jonas: Person, key: str) -> None:
    """The page of the request tells who did what."""
    page = jonas.page
    page.goto(f"/requests?show=every&q={key}")
    jonas.follow("Welding robot 1")
    main = page.get_by_role("main")
    expect(main.locator(".task-head__badges")).to_contain_text("Completed")
    expect(main.get_by_text("2 × Solenoid valve 5/2 174.80 €")).to_be_visible()
    image = main.get_by_role("img", name="Photo 1: leak.jpg")
    expect(image).to_have_js_property("naturalWidth", 800)
    history = main.locator(".timeline")
    for told in (
        "Jonas Berg Problem reported",
        "Tomasz Wolski finished “Accept request”: Accept",
        "Tomasz Wolski asked for parts",
        "Maria Duarte approved the parts",
        "Ivo Petrov issued parts",
        "Tomasz Wolski finished “Carry out work”: Complete",
        "Jonas Berg finished “Confirm repair”: It is fixed",
    ):
        expect(history).to_contain_text(told)
    jonas.press(main.get_by_role("link", name=re.compile("PR-")))
    expect(page.get_by_role("main").locator(".task-head__badges")).to_contain_text("Issued")


# -- what is in the database afterwards ------------------------------------------------------------


def part(session: Session, number: str) -> SparePart:
    return session.scalars(sa.select(SparePart).filter_by(part_number=number)).one()


def machine(session: Session) -> Machine:
    return session.scalars(sa.select(Machine).filter_by(qr_code=MACHINE)).one()


def check_request(session: Session, request: MaintenanceRequest) -> None:
    """The request is completed, its machine runs, its work and downtime are closed."""
    assert request.status == RequestStatus.COMPLETED
    assert request.machine.status == MachineStatus.OPERATIONAL
    work = request.work
    assert work is not None and work.completed_at is not None
    assert [(step.position, step.minutes) for step in work.steps] == [(1, 35), (2, 50)]
    assert {step.performer.name for step in work.steps if step.performer} == {"Tomasz Wolski"}
    downtime = session.scalars(sa.select(MachineDowntime).filter_by(maintenance_request_id=request.id)).one()
    assert downtime.ended_at is not None and downtime.minutes is not None
    assert request.accepted_at is not None and downtime.started_at >= request.reported_at
    about = UserTask.business_key == request.business_key
    assert not session.scalars(sa.select(UserTask).where(about, UserTask.state == TaskState.OPEN)).all()
    instance = session.scalars(sa.select(ProcessInstance).filter_by(business_key=request.business_key)).one()
    assert instance.state == "completed"


def check_stock(session: Session, request: MaintenanceRequest, before: dict[str, int]) -> None:
    """Two of each have left the store for this request, as movements and as usage."""
    order = session.scalars(sa.select(SparePartsRequest).filter_by(maintenance_request_id=request.id)).one()
    assert order.status == PartsRequestStatus.ISSUED
    quantities = [
        (line.quantity_requested, line.quantity_approved, line.quantity_issued) for line in order.lines
    ]
    assert quantities == [(2, 2, 2), (3, 2, 2)]
    assert request.work is not None
    assert {used.part.part_number: used.quantity for used in request.work.parts_used} == {VALVE: 2, SENSOR: 2}
    for number, quantity in before.items():
        moved = sa.select(InventoryTransaction).filter_by(
            spare_part_id=part(session, number).id,
            reference_type=ReferenceType.MAINTENANCE,
            reference_id=order.id,
        )
        movement = session.scalars(moved).one()
        assert (movement.transaction_type, movement.quantity) == (MovementKind.OUT, 2)
        assert part(session, number).quantity == movement.balance == quantity - 2
        lying = sa.select(sa.func.sum(PartStock.quantity)).filter_by(spare_part_id=part(session, number).id)
        assert session.scalar(lying) == quantity - 2


def check_photo(session: Session, request: MaintenanceRequest, data: Path) -> None:
    """The photo is kept with the request, and no longer tells where it was taken."""
    about: dict[str, Any] = {"entity_type": "MAINTENANCE_REQUEST", "entity_id": request.id}
    stored = session.scalars(sa.select(Attachment).filter_by(**about)).one()
    assert (stored.file_name, stored.content_type) == ("leak.jpg", "image/jpeg")
    assert b"bay 4" not in (data / "uploads" / stored.storage_key).read_bytes()


def check_log(session: Session, request: MaintenanceRequest) -> None:
    """The activity log has everybody's part in it, in order."""
    assert request.work is not None
    orders = session.scalars(sa.select(SparePartsRequest.id).filter_by(maintenance_request_id=request.id))
    records = [
        ("MAINTENANCE_REQUEST", request.id),
        ("MAINTENANCE_WORK", request.work.id),
        *(("SPARE_PARTS_REQUEST", order) for order in orders),
    ]
    entries = session.scalars(
        sa.select(ActivityLog)
        .where(sa.tuple_(ActivityLog.entity_type, ActivityLog.entity_id).in_(records))
        .order_by(ActivityLog.id)
    )
    told = [(entry.action, entry.user.name if entry.user else None) for entry in entries]
    expected = [
        ("CREATE_REQUEST", "Jonas Berg"),
        ("ACCEPT_REQUEST", "Tomasz Wolski"),
        ("REQUEST_PARTS", "Tomasz Wolski"),
        ("APPROVE_PARTS", "Maria Duarte"),
        ("ISSUE_PARTS", "Ivo Petrov"),
        ("RECORD_WORK", "Tomasz Wolski"),
        ("CLOSE_WORK", "Tomasz Wolski"),
        ("COMPLETE_REQUEST", "Jonas Berg"),
    ]
    assert [entry for entry in told if entry in expected] == expected
