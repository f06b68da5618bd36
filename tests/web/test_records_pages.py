"""Processes that no programmer has prepared, on pages: started, worked, listed and read."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from app.database import unit_of_work
from app.domain.people import Role
from app.domain.process_records import ProcessRecord
from app.engine import deployments
from app.engine.actors import SYSTEM
from app.engine.models import ProcessInstance
from tests import factories
from tests.support import calibration
from tests.support.calibration import KEY, NAME, REQUESTED
from tests.web.conftest import Factory, SignIn

Statements = Callable[[], Any]


@pytest.fixture
def lab(factory: Factory) -> Factory:
    """The factory, with tool calibration drawn and deployed."""
    with unit_of_work(factory.session) as session:
        deployments.deploy(factory.engine, session, calibration.files(factory.engine), by=SYSTEM)
    return factory


def start(lab: Factory, sign_in: SignIn, by: str = "supervisor", **changes: Any) -> ProcessRecord:
    """Start one with the page's form, as somebody; answers its record."""
    answer = sign_in(getattr(lab, by)).post(f"/start/{KEY}", data={**REQUESTED, **changes})
    assert answer.status_code == 302, answer.text
    lab.session.rollback()
    return lab.session.get_one(ProcessRecord, int(answer.location.rsplit("/", 1)[1]))


def instance_of(lab: Factory, record: ProcessRecord) -> ProcessInstance:
    return (
        lab.session.query(ProcessInstance)
        .filter_by(subject_type="process_record", subject_id=record.id)
        .one()
    )


def photo() -> BytesIO:
    out = BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PNG")
    out.seek(0)
    return out


def test_the_navigation_offers_what_one_may_start(factory: Factory, sign_in: SignIn) -> None:
    browser = sign_in(factory.technician)
    assert NAME not in browser.get("/").text and "/records" not in browser.get("/").text
    files = calibration.files(factory.engine)
    name = f"{KEY}.bpmn"
    every = b"SUPERVISOR,MAINTENANCE_TECH,MAINTENANCE_MANAGER,INVENTORY_MANAGER,ADMIN"
    with unit_of_work(factory.session) as session:
        changed = {**files, name: files[name].replace(every, b"MAINTENANCE_TECH")}
        deployments.deploy(factory.engine, session, changed, by=SYSTEM)
    for page in ("/", "/menu"):
        text = browser.get(page).text
        assert f'href="/start/{KEY}"' in text and NAME in text
        assert 'href="/records"' in text
        assert "Parts approval" not in re.sub(r"<option.*?</option>", "", text)  # nobody starts it by a form
    text = sign_in(factory.storekeeper).get("/menu").text
    assert f"/start/{KEY}" not in text and 'href="/records"' in text
    assert sign_in(factory.storekeeper).get(f"/start/{KEY}").status_code == 403


def test_the_link_of_the_page_that_one_is_on_is_marked(lab: Factory, sign_in: SignIn) -> None:
    text = sign_in(lab.supervisor).get(f"/start/{KEY}").text
    marked = re.findall(r'href="([^"]+)"\s+aria-current="page"', text)
    assert marked == [f"/start/{KEY}"]


def test_a_request_is_started_and_worked_on_pages(lab: Factory, sign_in: SignIn) -> None:
    supervisor = sign_in(lab.supervisor)
    form = supervisor.get(f"/start/{KEY}").text
    assert "Which tool?" in form and "Torque wrench" in form
    assert supervisor.post(f"/start/{KEY}", data={}).status_code == 422

    record = start(lab, sign_in, machineId=lab.press.id)
    page = supervisor.get(f"/records/{record.id}").text
    assert re.fullmatch(r"TC-\d{4}-000001", record.business_key)
    for text in (
        record.business_key,
        "Torque wrench 20–100 Nm",
        "Waiting for approval",
        "Serial number",
        "TW-0042",
    ):
        assert text in page
    assert "Kind of tool" in page and "Torque wrench</dd>" in page  # the label, not the code
    assert "Hydraulic press" in page and "WRENCH" not in page
    assert "Approve calibration" in page

    instance = instance_of(lab, record)
    manager = sign_in(lab.manager)
    assert "Approve calibration: Torque wrench" in manager.get("/?scope=group").text
    task = lab.open_task(instance, "approve_request")
    page = manager.get(f"/tasks/{task.id}").text
    assert "TW-0042" in page and f'href="/records/{record.id}"' in page
    answer = manager.post(f"/tasks/{task.id}", data={"_outcome": "reject"})
    assert answer.status_code == 422 and "Why not?" in answer.text
    assert manager.post(f"/tasks/{task.id}", data={"_outcome": "approve"}).status_code == 302

    technician = sign_in(lab.technician)
    task = lab.open_task(instance, "carry_out")
    assert "Nominal" in technician.get(f"/tasks/{task.id}").text
    answer = technician.post(
        f"/tasks/{task.id}",
        data={
            "points": "0",
            "points.0.nominal": "20",
            "points.0.found": "20.4",
            "nextDue": "2027-03-02",
            "result": "Adjusted.",
        },
    )
    assert answer.status_code == 302, answer.text
    page = supervisor.get(f"/records/{record.id}").text
    for text in ("Done", "Adjusted.", "Next calibration", "2 Mar 2027", "Nominal", "20.4"):
        assert text in page
    assert "The process has ended" in page


def test_files_of_the_form_are_on_the_page_of_the_record(lab: Factory, sign_in: SignIn) -> None:
    supervisor = sign_in(lab.supervisor)
    answer = supervisor.post(
        f"/start/{KEY}",
        data={**REQUESTED, "photos": (photo(), "tool.png")},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 302
    page = supervisor.get(answer.location).text
    (image,) = re.findall(r'<img src="(/attachments/\d+)"', page)
    assert supervisor.get(image).status_code == 200
    assert sign_in(lab.technician).get(image).status_code in (403, 404)


def test_a_record_is_seen_by_those_who_have_to_do_with_it(lab: Factory, sign_in: SignIn) -> None:
    record = start(lab, sign_in, machineId=lab.press.id)
    address = f"/records/{record.id}"
    with unit_of_work(lab.session) as session:
        colleague = factories.make_user(session, Role.SUPERVISOR, department=lab.department)
        elsewhere = factories.make_user(
            session, Role.SUPERVISOR, department=factories.make_department(session)
        )
        owner = factories.make_user(session, Role.MAINTENANCE_TECH, process_owner=True)
    sees = [lab.supervisor, colleague, lab.manager, lab.admin, owner]
    does_not = [elsewhere, lab.technician, lab.storekeeper]
    for user in sees:
        browser = sign_in(user)
        assert browser.get(address).status_code == 200, user.role
        assert record.business_key in browser.get("/records").text
    for user in does_not:
        browser = sign_in(user)
        assert browser.get(address).status_code == 404, user.role
        assert record.business_key not in browser.get("/records").text
        diagram = browser.get(f"/instances/{instance_of(lab, record).id}/diagram.xml")
        assert diagram.status_code == 404

    task = lab.open_task(instance_of(lab, record), "approve_request")
    sign_in(lab.manager).post(f"/tasks/{task.id}", data={"_outcome": "approve"})
    technician = sign_in(lab.technician)  # whose group has an open task now
    assert technician.get(address).status_code == 200
    assert record.business_key in technician.get("/records").text


def test_the_list_is_filtered(lab: Factory, sign_in: SignIn) -> None:
    record = start(lab, sign_in)
    other = start(lab, sign_in, subject="Pressure gauge", kind="GAUGE", serialNumber="PG-7")
    browser = sign_in(lab.manager)
    text = browser.get(f"/records?process={KEY}&q=PG-7").text
    assert other.business_key in text and record.business_key not in text
    assert "1 record matches" in text and f'href="/start/{KEY}"' in text
    assert "No records here" in browser.get("/records?show=closed").text
    assert record.business_key in browser.get("/records?status=IN_APPROVAL").text
    assert browser.get("/records?process=nothing&status=x&sort=y&page=-1").status_code == 200


def test_lists_take_the_same_statements_however_long_they_are(
    lab: Factory, sign_in: SignIn, statements: Statements
) -> None:
    browser = sign_in(lab.manager)
    start(lab, sign_in, machineId=lab.press.id)
    browser.get("/records")
    with statements() as few:
        browser.get("/records")
    for _ in range(4):
        start(lab, sign_in, machineId=lab.press.id)
    with statements() as many:
        browser.get("/records")
    assert len(many) == len(few)


def test_what_people_type_is_shown_as_text(lab: Factory, sign_in: SignIn) -> None:
    record = start(lab, sign_in, subject="<script>alert(1)</script>", serialNumber="<img src=x>")
    for page in (f"/records/{record.id}", "/records"):
        text = sign_in(lab.manager).get(page).text
        assert "<script>alert" not in text and "<img src=x>" not in text
        assert "&lt;script&gt;" in text
