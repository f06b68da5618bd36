"""The pages of departments, and with them what all pages of records share: forms, lists, files, deleting."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from pypdf import PdfReader

from app.database import unit_of_work
from app.domain import departments
from app.domain.people import Department
from tests import factories
from tests.web.conftest import Factory, SignIn


@pytest.fixture
def admin(factory: Factory, sign_in: SignIn) -> Any:
    return sign_in(factory.admin)


def named(factory: Factory, name: str) -> Department | None:
    factory.session.rollback()
    return factory.session.scalars(sa.select(Department).where(Department.name == name)).one_or_none()


def test_a_department_is_added_renamed_and_taken_out_of_use(factory: Factory, admin: Any) -> None:
    assert admin.post("/departments/new", data={"name": "Assembly"}).location == "/departments"
    made = named(factory, "Assembly")
    assert made is not None
    page = admin.get(f"/departments/{made.id}/edit").text
    assert 'value="Assembly"' in page
    answer = admin.post(f"/departments/{made.id}/edit", data={"name": "Final assembly"})
    assert answer.status_code == 302
    changed = named(factory, "Final assembly")
    assert changed is not None
    assert not changed.active
    assert "Not in use" in admin.get("/departments").text


def test_a_refusal_is_shown_at_its_field_and_nothing_typed_is_lost(factory: Factory, admin: Any) -> None:
    answer = admin.post("/departments/new", data={"name": " stamping "})
    assert answer.status_code == 422
    assert "The department name stamping is already in use." in answer.text
    assert 'href="#name"' in answer.text
    assert 'value=" stamping "' in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_a_form_that_is_sent_without_its_fields_is_refused_like_an_empty_one(admin: Any) -> None:
    answer = admin.post("/departments/new")
    assert answer.status_code == 422
    assert 'href="#name"' in answer.text


def test_what_somebody_else_saved_meanwhile_is_not_overwritten_unknowingly(
    factory: Factory, admin: Any
) -> None:
    with unit_of_work(factory.session) as session:
        made = departments.create_department(session, None, name="Paint shop")
    seen = made.updated_at.isoformat()
    with unit_of_work(factory.session) as session:
        departments.update_department(session, made, None, name="Painting")

    typed = {"name": "Paint and varnish", "active": "1", "seen": seen}
    answer = admin.post(f"/departments/{made.id}/edit", data=typed)
    assert answer.status_code == 422
    assert "It has now name: Painting." in answer.text
    assert 'value="Paint and varnish"' in answer.text
    assert named(factory, "Painting") is not None

    again = admin.post(f"/departments/{made.id}/edit", data={**typed, "seen": made.updated_at.isoformat()})
    assert again.status_code == 302
    assert named(factory, "Paint and varnish") is not None


def test_only_what_nothing_belongs_to_is_deleted(factory: Factory, admin: Any) -> None:
    with unit_of_work(factory.session) as session:
        mistake = departments.create_department(session, None, name="Mistake")
    assert "Delete the department Mistake?" in admin.get(f"/departments/{mistake.id}/delete").text
    assert named(factory, "Mistake") is not None
    assert admin.post(f"/departments/{mistake.id}/delete").location == "/departments"
    assert named(factory, "Mistake") is None

    refused = admin.post(f"/departments/{factory.department.id}/delete")
    assert refused.status_code == 409
    assert "Deactivate it instead." in refused.text
    assert named(factory, "Stamping") is not None


def test_the_list_sorts_filters_searches_and_pages(factory: Factory, admin: Any) -> None:
    with unit_of_work(factory.session) as session:
        for number in range(30):
            factories.make_department(session, name=f"Line {number:02}", active=number % 2 == 0)
    first = admin.get("/departments?q=line").text
    assert first.index("Line 00") < first.index("Line 24")
    assert "Line 25" not in first
    assert "Line 29" in admin.get("/departments?q=line&page=2").text
    downwards = admin.get("/departments?q=line&sort=-name").text
    assert downwards.index("Line 29") < downwards.index("Line 05")
    assert 'aria-sort="descending"' in downwards
    assert "Line 01" not in admin.get("/departments?q=line&active=yes").text
    assert "Line 00" not in admin.get("/departments?q=line&active=no").text
    assert "No department fits" in admin.get("/departments?q=nothing").text
    assert admin.get("/departments?sort=nonsense&page=-3&active=maybe").status_code == 200


def test_the_list_can_be_taken_away_with_its_filters(factory: Factory, admin: Any) -> None:
    with unit_of_work(factory.session) as session:
        for number in range(230):
            factories.make_department(session, name=f"Line {number:03}", active=True)
        factories.make_department(session, name="=cmd|calc", active=True)
    text = admin.get("/departments/export.csv?q=line&sort=-name").get_data(as_text=True)
    names = [line.split(",")[0] for line in text.splitlines() if line.startswith("Line")]
    assert names == [f"Line {number:03}" for number in reversed(range(230))]
    assert "'=cmd" in admin.get("/departments/export.csv?q=cmd").get_data(as_text=True)

    book = openpyxl.load_workbook(io.BytesIO(admin.get("/departments/export.xlsx?q=line").data))
    assert book.worksheets[0].max_row == 231
    answer = admin.get("/departments/export.pdf?q=line")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=departments-")
    assert "Search: line" in PdfReader(io.BytesIO(answer.data)).pages[0].extract_text()
    assert admin.get("/departments/export.exe").status_code == 404


def test_who_may_only_read_is_offered_nothing_to_change(factory: Factory, sign_in: SignIn) -> None:
    browser = sign_in(factory.supervisor)
    page = browser.get("/departments").text
    assert "Stamping" in page
    assert "Add a department" not in page
    for address in ("new", f"{factory.department.id}/edit", f"{factory.department.id}/delete"):
        assert browser.get(f"/departments/{address}").status_code == 403
        assert browser.post(f"/departments/{address}", data={"name": "Mine"}).status_code == 403
    assert named(factory, "Stamping") is not None


def test_a_department_shows_its_machines_people_and_open_requests(factory: Factory, sign_in: SignIn) -> None:
    factory.report("Oil on the floor")
    page = sign_in(factory.admin).get(f"/departments/{factory.department.id}").text
    for words in ("Hydraulic press", "Ann Keller", "Oil on the floor", "Change</a>"):
        assert words in page
    assert "Tomasz Wolski" not in page
    as_technician = sign_in(factory.technician).get(f"/departments/{factory.department.id}").text
    assert "Hydraulic press" in as_technician
    assert "Oil on the floor" not in as_technician
    assert "Change</a>" not in as_technician
    assert f'href="/users/{factory.supervisor.id}"' not in as_technician
    assert sign_in(factory.admin).get("/departments/4711").status_code == 404
