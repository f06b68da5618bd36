"""Importing on the pages: what is looked at is what is imported, whole or not at all."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from app.database import unit_of_work
from app.domain import machine_register
from app.domain.imports.kept import ImportFile
from app.domain.machines import Machine
from tests.web.conftest import Factory, SignIn


@pytest.fixture
def admin(factory: Factory, sign_in: SignIn) -> Any:
    return sign_in(factory.admin)


def upload(browser: Any, kind: str, data: bytes | str, name: str = "list.csv") -> Any:
    content = data.encode() if isinstance(data, str) else data
    return browser.post(f"/import/{kind}", data={"file": (io.BytesIO(content), name)})


def field(page: str, name: str) -> str:
    return page.split(f'name="{name}" value="')[1].split('"')[0]


def confirmed(browser: Any, address: str) -> Any:
    page = browser.get(address).text
    data = {name: field(page, name) for name in ("digest", "fingerprint")}
    return browser.post(address, data=data)


def machines(factory: Factory) -> list[str]:
    factory.session.rollback()
    return list(factory.session.scalars(sa.select(Machine.name).order_by(Machine.name)))


def test_a_bad_row_in_the_last_line_imports_nothing_and_mended_it_imports_all(
    factory: Factory, admin: Any
) -> None:
    text = "qrCode,name,department\nA-1,Robot,Stamping\nA-2,Belt,Attic\n"
    address = upload(admin, "machines", text).location
    page = admin.get(address).text
    assert "There is no department &#39;Attic&#39;; use one of Stamping." in page
    assert "Nothing can be imported until the problems below are mended." in page
    assert 'name="fingerprint"' not in page
    problems = admin.get(f"{address}/problems.csv").text
    assert "3,department,Attic" in problems.replace("\r", "")
    assert machines(factory) == ["Hydraulic press"]

    address = upload(admin, "machines", text.replace("Attic", "Stamping")).location
    page = admin.get(address).text
    assert "Import 2 rows" in page
    assert machines(factory) == ["Hydraulic press"]
    answer = confirmed(admin, address)
    assert answer.location == "/machines"
    assert machines(factory) == ["Belt", "Hydraulic press", "Robot"]
    kept = factory.session.scalars(sa.select(ImportFile)).all()
    assert len(kept) == 1, (
        "the one that was refused can still be looked at; the one that was imported is gone"
    )


def test_what_changed_meanwhile_is_said_and_nothing_is_imported(factory: Factory, admin: Any) -> None:
    address = upload(admin, "machines", "qrCode,name\nPRESS-1,Better press\n").location
    page = admin.get(address).text
    data = {name: field(page, name) for name in ("digest", "fingerprint")}
    with unit_of_work(factory.session) as session:
        press = session.get_one(Machine, factory.press.id)
        machine_register.update_machine(session, press, None, name="Somebody's press")
    answer = admin.post(address, data=data)
    assert answer.status_code == 409
    assert "The data has changed since the preview." in answer.text
    assert machines(factory) == ["Somebody's press"]
    assert confirmed(admin, address).status_code == 302
    assert machines(factory) == ["Better press"]


def test_columns_that_are_not_recognised_are_asked_about(factory: Factory, admin: Any) -> None:
    address = upload(admin, "machines", "Anlage;Halle;Farbe\nRobot;Stamping;red\n").location
    page = admin.get(address).text
    assert "What do these columns stand for?" in page
    answer = admin.post(
        f"{address}/columns", data={"column-0": "name", "column-1": "department", "column-2": "-"}
    )
    assert answer.location == address
    assert confirmed(admin, address).status_code == 302
    assert "Robot" in machines(factory)


def test_a_template_filled_in_is_a_list_that_can_be_imported(factory: Factory, admin: Any) -> None:
    template = admin.get("/import/machines/template.xlsx")
    book = openpyxl.load_workbook(io.BytesIO(template.data))
    assert book.sheetnames == ["Machines", "Columns"]
    address = upload(admin, "machines", template.data, "machines.xlsx").location
    assert confirmed(admin, address).status_code == 302
    assert "Hydraulic press 3" in machines(factory)
    assert admin.get("/import/machines/template.csv").text.startswith("\ufeffname,qrCode,department")


def test_everybody_imports_what_they_may_change(factory: Factory, sign_in: SignIn) -> None:
    keeper, manager, supervisor = map(sign_in, (factory.storekeeper, factory.manager, factory.supervisor))
    page = keeper.get("/import").text
    assert "/import/spare-parts" in page
    assert "/import/users" not in page
    assert "/import/preventive-plans" in manager.get("/import").text
    assert keeper.get("/import/users").status_code == 403
    assert supervisor.get("/import").status_code == 403
    assert keeper.get("/import/nothing").status_code == 404


def test_a_file_is_for_whoever_uploaded_it(factory: Factory, admin: Any, sign_in: SignIn) -> None:
    address = upload(admin, "preventive-plans", "machine,title,repeat\nPRESS-1,Grease,weekly\n").location
    assert "Import 1 row" in admin.get(address).text
    assert sign_in(factory.manager).get(address).status_code == 404


def test_what_is_no_list_is_refused_on_the_page(factory: Factory, admin: Any) -> None:
    assert "Choose a file." in admin.post("/import/machines", data={}).text
    empty = upload(admin, "machines", b"")
    assert (empty.status_code, "The file is empty" in empty.text) == (422, True)
    address = upload(admin, "machines", b"\x89PNG\r\n\x1a\n\x00").location
    assert "Problems" in admin.get(address).text
