"""Label sheets of machines and parts, and where their labels lead."""

from __future__ import annotations

import io
from typing import Any

import pytest
from pypdf import PdfReader

from app.database import unit_of_work
from app.domain.machines import Machine
from tests import factories
from tests.web.conftest import Factory, SignIn


@pytest.fixture
def machines(factory: Factory) -> list[Machine]:
    with unit_of_work(factory.session) as session:
        assembly = factories.make_department(session, name="Assembly")
        return [
            factories.make_machine(session, name=f"Robot {number}", department_id=assembly.id)
            for number in range(3)
        ]


def words(answer: Any) -> str:
    assert answer.mimetype == "application/pdf"
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.data)).pages)


def test_labels_of_ticked_machines(factory: Factory, sign_in: SignIn, machines: list[Machine]) -> None:
    browser = sign_in(factory.manager)
    page = browser.get("/machines/labels").text
    assert "Robot 0" in page and "all <strong>4</strong>" in page
    chosen = {"which": "ticked", "id": [machines[0].id, machines[2].id], "sheet": "l7165"}
    answer = browser.get("/machines/labels.pdf", query_string=chosen)
    assert answer.headers["Content-Disposition"] == "attachment; filename=machine-labels-l7165.pdf"
    said = words(answer)
    assert "Robot 0" in said and "Robot 2" in said and "Robot 1" not in said
    assert f"http://localhost:8000/m/{machines[0].qr_code}" in said
    # Whoever ticks some does not mean all.
    one = words(browser.get(f"/machines/labels.pdf?which=all&id={machines[1].id}"))
    assert "Robot 1" in one and "Robot 0" not in one


def test_labels_of_all_machines_that_fit_the_filters(
    factory: Factory, sign_in: SignIn, machines: list[Machine]
) -> None:
    browser = sign_in(factory.technician)
    department = machines[0].department_id
    page = browser.get(f"/machines/labels?department={department}").text
    assert "all <strong>3</strong> that fit the filters" in page
    assert "Hydraulic press" not in page
    answer = browser.get(f"/machines/labels.pdf?which=all&department={department}&copies=2&sheet=roll62x29")
    assert len(PdfReader(io.BytesIO(answer.data)).pages) == 6
    assert "Hydraulic press" not in words(answer)


def test_one_machine_is_ticked_from_its_page(factory: Factory, sign_in: SignIn) -> None:
    page = sign_in(factory.admin).get(f"/machines/labels?id={factory.press.id}").text
    assert "checked" in page
    assert "Hydraulic press" in page


def test_nothing_chosen_is_said(factory: Factory, sign_in: SignIn) -> None:
    browser = sign_in(factory.admin)
    answer = browser.get("/machines/labels.pdf?which=ticked&sheet=l7163", follow_redirects=True)
    assert "Tick the machines that need a label." in answer.text
    assert 'value="l7163" selected' in " ".join(answer.text.split())
    nonsense = "which=all&sheet=none&start=99999&copies=-3&id=x"
    assert browser.get(f"/machines/labels.pdf?{nonsense}").mimetype == "application/pdf"


def test_too_many_labels_are_refused(factory: Factory, sign_in: SignIn, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.exports.labels.MOST_LABELS", 3)
    answer = sign_in(factory.admin).get("/machines/labels.pdf?which=all&copies=4", follow_redirects=True)
    assert "A file holds 3 labels" in answer.text


def test_parts_have_labels_that_lead_to_them(factory: Factory, sign_in: SignIn) -> None:
    with unit_of_work(factory.session) as session:
        part = factories.make_part(session, part_number="SEAL 80/2", part_name="Seal 80")
        part.location = "Rack 4"
        factories.make_part(session, part_name="Other")
    browser = sign_in(factory.storekeeper)
    assert "SEAL 80/2" in browser.get("/parts/labels?q=seal").text
    said = words(browser.get(f"/parts/labels.pdf?which=ticked&id={part.id}&sheet=l7165"))
    assert "Seal 80" in said and "SEAL 80/2" in said and "Rack 4" in said
    assert f"http://localhost:8000/p/{part.id}" in said
    assert browser.get(f"/p/{part.id}").location == f"/parts/{part.id}"


def test_scanned_and_typed_codes_lead_to_what_they_are_of(factory: Factory, sign_in: SignIn) -> None:
    with unit_of_work(factory.session) as session:
        part = factories.make_part(session, part_number="SEAL 80/2")
    browser = sign_in(factory.technician)

    def scanned(code: str) -> Any:
        return browser.get("/scan", query_string={"code": code})

    for code in (
        "PRESS-1",
        "press-1",
        "http://localhost:8000/m/PRESS-1",
        "/m/PRESS-1",
        "http://old.name/m/PRESS-1/",
    ):
        assert scanned(code).location == "/m/PRESS-1", code
    for code in ("seal 80/2", "SEAL 80/2"):
        assert scanned(code).location == f"/parts/{part.id}", code
    assert scanned(f"http://localhost:8000/p/{part.id}").location == f"/p/{part.id}"
    for code in ("NOTHING", "http://localhost:8000/m/NOTHING", "/p/9999999999999", "x" * 2000, "%", "/m/%ff"):
        assert scanned(code).status_code == 404, code
    assert "not one of our labels" in scanned("https://example.org/menu").text
