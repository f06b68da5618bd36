"""The pages of failure codes and maintenance types, which are made alike."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.database import unit_of_work
from app.domain.catalogues import FailureCode, MaintenanceType
from tests import factories
from tests.web.conftest import Factory, SignIn

BOTH = pytest.mark.parametrize(
    ("path", "model"), [("/failure-codes", FailureCode), ("/maintenance-types", MaintenanceType)]
)


@pytest.fixture
def admin(factory: Factory, sign_in: SignIn) -> Any:
    return sign_in(factory.admin)


def coded(factory: Factory, model: Any, code: str) -> Any:
    factory.session.rollback()
    query = sa.select(model).where(model.code == code).execution_options(populate_existing=True)
    return factory.session.scalars(query).one_or_none()


@BOTH
def test_an_entry_is_added_changed_and_taken_out_of_use(
    factory: Factory, admin: Any, path: str, model: Any
) -> None:
    typed = {"code": "LEAK", "name": "Leak", "description": "Oil or water on the floor"}
    assert admin.post(f"{path}/new", data=typed).location == path
    made = coded(factory, model, "LEAK")
    assert (made.name, made.description, made.active) == ("Leak", "Oil or water on the floor", True)
    assert "Oil or water" in admin.get(path).text

    page = admin.get(f"{path}/{made.id}/edit").text
    assert 'value="LEAK"' in page
    answer = admin.post(f"{path}/{made.id}/edit", data={**typed, "code": "LEAK-2"})
    assert answer.location == path
    assert not coded(factory, model, "LEAK-2").active
    assert "LEAK-2" in admin.get(f"{path}?active=no").text
    assert "LEAK-2" not in admin.get(f"{path}?active=yes").text


@BOTH
def test_a_code_that_is_there_is_refused_at_its_field(
    factory: Factory, admin: Any, path: str, model: Any
) -> None:
    admin.post(f"{path}/new", data={"code": "LEAK", "name": "Leak"})
    answer = admin.post(f"{path}/new", data={"code": "leak", "name": "Another leak"})
    assert answer.status_code == 422
    assert "The code leak is already in use." in answer.text
    assert 'value="Another leak"' in answer.text


@BOTH
def test_the_list_searches_sorts_and_can_be_taken_away(
    factory: Factory, admin: Any, path: str, model: Any
) -> None:
    with unit_of_work(factory.session) as session:
        for number in range(30):
            session.add(model(code=f"Z-{number:02}", name=f"Kind {29 - number:02}"))
    page = admin.get(f"{path}?q=z-&sort=name").text
    assert page.index("Z-29") < page.index("Z-10")
    assert "Z-00" not in page
    assert "Z-00" in admin.get(f"{path}?q=z-&sort=name&page=2").text
    lines = admin.get(f"{path}/export.csv?q=z-&sort=-code").text.splitlines()
    assert [line[:4] for line in lines if line.startswith("Z-")][:2] == ["Z-29", "Z-28"]
    assert sum(line.startswith("Z-") for line in lines) == 30


def test_one_that_requests_have_is_not_deleted(factory: Factory, admin: Any) -> None:
    with unit_of_work(factory.session) as session:
        used = factories.make_failure_code(session, code="USED")
        factories.make_failure_code(session, code="WRONG")
        factories.make_request(session, machine=session.merge(factory.press), failure_code_id=used.id)
    wrong = coded(factory, FailureCode, "WRONG")
    assert "Delete the failure code WRONG?" in admin.get(f"/failure-codes/{wrong.id}/delete").text
    assert admin.post(f"/failure-codes/{wrong.id}/delete").location == "/failure-codes"
    assert coded(factory, FailureCode, "WRONG") is None
    refused = admin.post(f"/failure-codes/{used.id}/delete")
    assert refused.status_code == 409
    assert "Deactivate it instead." in refused.text


def test_others_read_and_are_offered_nothing_to_change(factory: Factory, sign_in: SignIn) -> None:
    with unit_of_work(factory.session) as session:
        factories.make_failure_code(session, code="LEAK")
    page = sign_in(factory.technician).get("/failure-codes").text
    assert "LEAK" in page
    assert "Add a failure code" not in page
    assert "/edit" not in page
