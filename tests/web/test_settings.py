"""The settings of the site: changed by administrators, with who changed what."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.database import unit_of_work
from app.domain import settings
from tests.web.conftest import Factory, SignIn

TYPED = {
    "name": "Kraków works",
    "time_zone": "Europe/Warsaw",
    "currency": "PLN",
    "costing_method": "FIFO",
    "registration": "1",
}


@pytest.fixture
def admin(factory: Factory, sign_in: SignIn) -> Any:
    return sign_in(factory.admin)


def seen(page: str) -> str:
    found = re.search(r'name="seen" value="([^"]*)"', page)
    assert found is not None
    return found[1]


def test_settings_are_changed_and_it_is_said_who_did(factory: Factory, admin: Any) -> None:
    assert "Nobody has changed a setting yet." in admin.get("/settings").text
    assert admin.post("/settings", data=TYPED).location == "/settings"
    factory.session.rollback()
    site = settings.site(factory.session)
    assert (site.name, site.time_zone, site.currency, site.costing_method, site.registration) == (
        "Kraków works", "Europe/Warsaw", "PLN", "FIFO", True,
    )  # fmt: skip
    page = admin.get("/settings").text
    assert '<option value="Europe/Warsaw"' in page
    assert "Grace Odum" in page
    assert "Kraków works</ins>" in page
    assert "Polish Zloty (PLN)" in page


def test_refusals_stand_at_their_fields(factory: Factory, admin: Any) -> None:
    nameless = admin.post("/settings", data={**TYPED, "name": " "})
    assert nameless.status_code == 422
    assert 'href="#name"' in nameless.text
    assert admin.post("/settings", data={**TYPED, "time_zone": "Mars/Olympus"}).status_code == 422
    assert admin.post("/settings", data={**TYPED, "currency": "€"}).status_code == 422
    factory.session.rollback()
    assert settings.site(factory.session).name == "Factory"


def test_what_somebody_else_saved_meanwhile_is_not_overwritten_unknowingly(
    factory: Factory, admin: Any
) -> None:
    before = seen(admin.get("/settings").text)
    with unit_of_work(factory.session) as session:
        settings.change_site(session, factory.manager.id, name="Their name")
    refused = admin.post("/settings", data={**TYPED, "seen": before})
    assert refused.status_code == 422
    assert "Somebody else has changed the settings" in refused.text
    assert 'value="Kraków works"' in refused.text
    assert admin.post("/settings", data={**TYPED, "seen": seen(refused.text)}).status_code == 302


def test_what_is_set_elsewhere_is_told(admin: Any) -> None:
    page = admin.get("/settings").text
    assert "http://localhost:8000" in page
    assert "Nothing is sent" in page
    assert "Files are kept without a scan." in page
