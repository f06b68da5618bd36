"""The pages of machines: list, forms, parts list, documents, history."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import downtime, machine_parts, machine_register
from app.domain.attachments import Attachment
from app.domain.machines import Criticality, Machine, MachineSparePart, MachineStatus
from app.domain.requests import MaintenanceRequest
from tests import factories
from tests.web.conftest import Factory, SignIn


@pytest.fixture
def admin(factory: Factory, sign_in: SignIn) -> Any:
    return sign_in(factory.admin)


def named(factory: Factory, name: str) -> Machine | None:
    factory.session.rollback()
    query = sa.select(Machine).where(Machine.name == name).execution_options(populate_existing=True)
    return factory.session.scalars(query).one_or_none()


def typed(factory: Factory, **values: str) -> dict[str, str]:
    return {
        "name": "Lathe 7", "department_id": str(factory.department.id), "location": "Hall 3",
        "criticality": "HIGH", "model": "Gildemeister CTX", "serial_number": "4711",
        "installation_date": "2019-05-31", **values,
    }  # fmt: skip


def pdf() -> tuple[io.BytesIO, str]:
    return io.BytesIO(b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"), "manual.pdf"


def stop(factory: Factory, instance: Any) -> None:
    """The machine of a request stands still from now on."""
    with unit_of_work(factory.session) as session:
        request = session.get_one(MaintenanceRequest, instance.subject_id)
        downtime.start(session, request, MachineStatus.DOWN, None)


# -- the list ---------------------------------------------------------------------------------------


def test_the_list_filters_sorts_and_leaves_out_what_is_decommissioned(factory: Factory, admin: Any) -> None:
    with unit_of_work(factory.session) as session:
        other = factories.make_department(session, name="Assembly")
        factories.make_machine(session, name="Old mill", status=MachineStatus.DECOMMISSIONED)
        factories.make_machine(
            session, name="Robot", department_id=other.id, criticality=Criticality.HIGH, location="Cell 9"
        )
    page = admin.get("/machines").text
    assert "Old mill" not in page
    assert page.index("Hydraulic press") < page.index("Robot")
    assert "Old mill" in admin.get("/machines?show=every").text
    only = admin.get("/machines?status=DECOMMISSIONED").text
    assert "Old mill" in only and "Robot" not in only
    first = admin.get("/machines?sort=criticality").text
    assert first.index("Robot") < first.index("Hydraulic press")
    assert "Hydraulic press" not in admin.get(f"/machines?department={other.id}").text
    assert "Robot" in admin.get("/machines?q=cell+9").text
    assert "No machine fits" in admin.get("/machines?q=nothing+like+it").text


def test_the_list_can_be_taken_away(factory: Factory, admin: Any) -> None:
    with unit_of_work(factory.session) as session:
        for number in range(60):
            factories.make_machine(session, name=f"Mill {number:02}", department_id=factory.department.id)
    text = admin.get("/machines/export.csv?q=mill&sort=-name").get_data(as_text=True)
    names = re.findall(r"^Mill \d\d", text, re.MULTILINE)
    assert names == [f"Mill {number:02}" for number in reversed(range(60))]
    assert "B – medium" in text


# -- forms ------------------------------------------------------------------------------------------


def test_a_machine_is_added_and_gets_a_code(factory: Factory, admin: Any) -> None:
    answer = admin.post("/machines/new", data=typed(factory))
    made = named(factory, "Lathe 7")
    assert made is not None
    assert answer.location == f"/machines/{made.id}"
    assert re.fullmatch(r"M-[2-9A-Z]{8}", made.qr_code)
    assert (made.criticality, made.serial_number, str(made.installation_date)) == (
        "HIGH",
        "4711",
        "2019-05-31",
    )
    with_label = admin.post("/machines/new", data=typed(factory, name="Lathe 8", qr_code="OLD-8"))
    assert with_label.status_code == 302
    assert (named(factory, "Lathe 8") or made).qr_code == "OLD-8"


def test_refusals_stand_at_their_fields_and_nothing_typed_is_lost(factory: Factory, admin: Any) -> None:
    taken = admin.post("/machines/new", data=typed(factory, qr_code="press-1"))
    assert taken.status_code == 422
    assert 'href="#qr_code"' in taken.text
    assert 'value="Gildemeister CTX"' in taken.text
    for field, value in (
        ("name", " "), ("department_id", ""), ("department_id", "4711"), ("criticality", "HUGE"),
        ("installation_date", "31.5.2019"), ("installation_date", "1066-10-14"), ("qr_code", "ä b"),
    ):  # fmt: skip
        refused = admin.post("/machines/new", data=typed(factory, **{field: value}))
        assert refused.status_code == 422, field
        assert f'href="#{field}"' in refused.text, field
    assert named(factory, "Lathe 7") is None


def test_a_machine_is_changed_and_keeps_its_label(factory: Factory, admin: Any) -> None:
    page = admin.get(f"/machines/{factory.press.id}/edit").text
    assert 'value="PRESS-1"' in page
    values = typed(factory, name="Press one", status="MAINTENANCE", qr_code="")
    assert admin.post(f"/machines/{factory.press.id}/edit", data=values).status_code == 302
    changed = named(factory, "Press one")
    assert changed is not None
    assert (changed.qr_code, changed.status) == ("PRESS-1", "MAINTENANCE")


def test_a_request_says_how_its_machine_is(factory: Factory, admin: Any) -> None:
    stop(factory, factory.report())
    values = typed(factory, status="OPERATIONAL")
    refused = admin.post(f"/machines/{factory.press.id}/edit", data=values)
    assert refused.status_code == 422
    assert 'href="#status"' in refused.text
    unfinished = admin.post(f"/machines/{factory.press.id}/decommission")
    assert unfinished.status_code == 409


def test_a_machine_is_decommissioned_and_put_back(factory: Factory, admin: Any) -> None:
    page = f"/machines/{factory.press.id}"
    assert "Decommission Hydraulic press?" in admin.get(f"{page}/decommission").text
    assert admin.post(f"{page}/decommission").location == page
    shown = admin.get(page).text
    assert "This machine is decommissioned." in shown
    assert f"/report?machine={factory.press.id}" not in shown
    assert 'name="status"' not in admin.get(f"{page}/edit").text
    assert admin.post(f"{page}/recommission").location == page
    assert "This machine is decommissioned." not in admin.get(page).text


def test_only_a_machine_without_history_is_deleted(factory: Factory, admin: Any) -> None:
    with unit_of_work(factory.session) as session:
        mistake = factories.make_machine(session, name="Mistake", department_id=factory.department.id)
    factory.report()
    assert admin.post(f"/machines/{mistake.id}/delete").location == "/machines"
    assert named(factory, "Mistake") is None
    refused = admin.post(f"/machines/{factory.press.id}/delete")
    assert refused.status_code == 409
    assert "Decommission it instead." in refused.text


# -- the parts list ---------------------------------------------------------------------------------


def test_parts_are_put_on_the_list_changed_and_taken_off(factory: Factory, admin: Any) -> None:
    with unit_of_work(factory.session) as session:
        part = factories.make_part(session, part_number="SEAL-80", part_name="Seal 80")
    page = f"/machines/{factory.press.id}"
    assert "SEAL-80" in admin.get(f"{page}/parts/new").text
    unknown = admin.post(f"{page}/parts/new", data={"spare_part_id": "SEAL-9", "quantity": "2"})
    assert unknown.status_code == 422
    assert 'href="#spare_part_id"' in unknown.text
    values = {"spare_part_id": "seal-80", "quantity": "2", "notes": "Cylinder A"}
    assert admin.post(f"{page}/parts/new", data=values).status_code == 302
    assert "Cylinder A" in admin.get(page).text
    again = admin.post(f"{page}/parts/new", data=values)
    assert "change its quantity instead" in again.text

    nothing = admin.post(f"{page}/parts/{part.id}/edit", data={"quantity": "0", "notes": ""})
    assert nothing.status_code == 422
    changed = admin.post(f"{page}/parts/{part.id}/edit", data={"quantity": "4", "notes": "All cylinders"})
    assert changed.status_code == 302
    factory.session.rollback()
    row = factory.session.scalars(sa.select(MachineSparePart)).one()
    assert (row.quantity, row.notes) == (4, "All cylinders")

    assert "Take Seal 80 off the list?" in admin.get(f"{page}/parts/{part.id}/remove").text
    assert admin.post(f"{page}/parts/{part.id}/remove").status_code == 302
    factory.session.rollback()
    assert factory.session.scalars(sa.select(MachineSparePart)).first() is None
    assert admin.get(f"{page}/parts/{part.id}/edit").status_code == 404


# -- documents --------------------------------------------------------------------------------------


def test_documents_are_added_and_taken_away(factory: Factory, admin: Any, sign_in: SignIn) -> None:
    page = f"/machines/{factory.press.id}"
    picture = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(picture, "PNG")
    picture.seek(0)
    answer = admin.post(
        f"/attachments/of/machine/{factory.press.id}?next={page}",
        data={"files": [pdf(), (picture, "side.png")]},
        content_type="multipart/form-data",
    )
    assert answer.location == page
    shown = admin.get(page).text
    assert "manual.pdf" in shown and "side.png" in shown
    factory.session.rollback()
    kept = factory.session.scalars(sa.select(Attachment).order_by(Attachment.id)).all()
    assert [(one.entity_type, one.entity_id) for one in kept] == [("MACHINE", factory.press.id)] * 2

    technician = sign_in(factory.technician)
    assert technician.get(f"/attachments/{kept[0].id}").status_code == 200
    as_technician = technician.get(page).text
    assert "manual.pdf" in as_technician
    assert "Add files" not in as_technician
    assert "/remove" not in as_technician
    assert technician.post(f"/attachments/{kept[0].id}/remove").status_code == 403

    assert "Delete the file manual.pdf?" in admin.get(f"/attachments/{kept[0].id}/remove?next={page}").text
    assert admin.post(f"/attachments/{kept[0].id}/remove?next={page}").location == page
    assert "The file manual.pdf is deleted." in admin.get(page).text
    assert "manual.pdf" not in admin.get(page).text
    assert admin.get(f"/attachments/{kept[0].id}").status_code == 404


def test_what_cannot_be_kept_is_said_and_nothing_is(factory: Factory, admin: Any, sign_in: SignIn) -> None:
    address = f"/attachments/of/machine/{factory.press.id}?next=/machines/{factory.press.id}"

    def send(browser: Any, *files: tuple[io.BytesIO, str], to: str = address) -> Any:
        return browser.post(to, data={"files": list(files)}, content_type="multipart/form-data")

    send(admin, pdf(), (io.BytesIO(b"MZ\x90\x00"), "setup.exe"))
    assert "setup.exe" in admin.get(f"/machines/{factory.press.id}").text
    send(admin)
    assert "Choose between one and 10 files." in admin.get("/machines").text
    assert send(sign_in(factory.technician), pdf()).status_code == 403
    assert send(admin, pdf(), to="/attachments/of/machine/4711").status_code == 404
    assert send(admin, pdf(), to="/attachments/of/spaceship/1").status_code == 404
    outside = send(admin, pdf(), to=f"/attachments/of/machine/{factory.press.id}?next=https://evil.example")
    assert outside.location == "/"
    factory.session.rollback()
    assert len(factory.session.scalars(sa.select(Attachment)).all()) == 1


# -- what happened ----------------------------------------------------------------------------------


def test_the_history_has_everything_and_can_be_narrowed(factory: Factory, admin: Any) -> None:
    stop(factory, factory.report("Oil on the floor"))
    with unit_of_work(factory.session) as session:
        machine = session.get_one(Machine, factory.press.id)
        machine_register.update_machine(session, machine, factory.admin.id, location="Bay 12")
    page = f"/machines/{factory.press.id}/history"
    everything = admin.get(page).text
    for words in ("Oil on the floor", "Was down and still is", "Changed machine", "Bay 12</ins>"):
        assert words in everything
    assert "Bay 12" not in admin.get(f"{page}?kind=REQUEST").text
    assert "Oil on the floor" not in admin.get(f"{page}?kind=CHANGE").text
    assert "Nothing of this kind" in admin.get(f"{page}?kind=PREVENTIVE").text


def test_what_a_request_says_is_for_those_who_follow_it(
    factory: Factory, admin: Any, sign_in: SignIn
) -> None:
    with unit_of_work(factory.session) as session:
        leak = factories.make_failure_code(session, name="Hydraulic leak")
    instance = factory.report("The operator is to blame", failureCodeId=leak.id)
    page = f"/machines/{factory.press.id}/history"
    assert "The operator is to blame" in admin.get(page).text
    as_technician = sign_in(factory.technician).get(page).text
    assert "The operator is to blame" not in as_technician
    assert "Hydraulic leak" in as_technician
    assert f"/requests/{instance.subject_id}" not in as_technician


def test_long_histories_have_pages(factory: Factory, admin: Any) -> None:
    for number in range(30):
        with unit_of_work(factory.session) as session:
            machine = session.get_one(Machine, factory.press.id)
            machine_register.update_machine(session, machine, None, location=f"Bay {number:02}")
    first = admin.get(f"/machines/{factory.press.id}/history").text
    assert "Bay 29</ins>" in first and "Bay 03</ins>" not in first
    assert "Bay 03</ins>" in admin.get(f"/machines/{factory.press.id}/history?page=2").text
    assert admin.get(f"/machines/{factory.press.id}").text.count("<ins>") < 30


def test_figures_of_ninety_days_are_for_those_who_see_figures(
    factory: Factory, sign_in: SignIn, clock: ManualClock
) -> None:
    with unit_of_work(factory.session) as session:
        machine = session.get_one(Machine, factory.press.id)
        machine.created_at = clock() - timedelta(days=200)
    clock.advance(days=30)
    instance = factory.report()
    stop(factory, instance)
    clock.advance(hours=9)
    with unit_of_work(factory.session) as session:
        request = session.get_one(MaintenanceRequest, instance.subject_id)
        downtime.end(session, request, None)
    page = sign_in(factory.supervisor).get(f"/machines/{factory.press.id}").text
    assert "The last 90 days" in page
    assert re.search(r"Availability</dt>\s*<dd>\s*100", page)
    assert re.search(r"Downtime</dt>\s*<dd>\s*9 h\s*</dd>", page)
    assert re.search(r"Failures</dt>\s*<dd>\s*1\s*</dd>", page)
    technician = sign_in(factory.technician).get(f"/machines/{factory.press.id}").text
    assert "Availability" not in technician
    assert "for 9 h" in technician


def test_a_machine_page_takes_as_many_statements_however_much_there_is(
    factory: Factory, admin: Any, statements: Any
) -> None:
    def grow(times: int) -> None:
        for number in range(times):
            factory.report(f"Noise {number}")
            with unit_of_work(factory.session) as session:
                part = factories.make_part(session)
                machine = session.get_one(Machine, factory.press.id)
                machine_parts.assign_part(session, machine, None, spare_part_id=part.id)
                machine_register.update_machine(session, machine, factory.admin.id, location=f"Bay {part.id}")
                session.add(
                    Attachment(
                        file_name="m.pdf",
                        content_type="application/pdf",
                        size=1,
                        digest="x",
                        storage_key=f"k{part.id}",
                        entity_type="MACHINE",
                        entity_id=machine.id,
                        uploaded_by=factory.admin.id,
                    )
                )

    page = f"/machines/{factory.press.id}"
    grow(2)
    admin.get(page)
    with statements() as few:
        assert admin.get(page).status_code == 200
    grow(6)
    with statements() as many:
        admin.get(page)
    assert len(many) <= len(few)
    assert len(few) < 40


def test_who_may_only_read_is_offered_nothing_to_change(factory: Factory, sign_in: SignIn) -> None:
    browser = sign_in(factory.manager)
    assert "Add a machine" not in browser.get("/machines").text
    page = browser.get(f"/machines/{factory.press.id}").text
    for offer in ("/edit", "Add files", "parts/new"):
        assert offer not in page
