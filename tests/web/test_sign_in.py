"""Signing in and out."""

from __future__ import annotations

import pytest
from flask import Flask

from app.database import unit_of_work
from app.domain import people
from app.domain.activity import ActivityLog
from tests import factories
from tests.web.conftest import Factory, SignIn


def test_a_page_asks_to_sign_in_and_comes_back(application: Flask, factory: Factory) -> None:
    browser = application.test_client()
    asked = browser.get("/machines?q=press")
    assert asked.status_code == 302
    assert asked.location.startswith("/sign-in?next=")

    credentials = {"email": factory.technician.email.upper(), "password": factories.PASSWORD}
    entered = browser.post(asked.location, data=credentials)
    assert entered.location == "/machines?q=press"
    assert browser.get(entered.location).status_code == 200


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\n/evil"],
)
def test_signing_in_never_leads_to_another_site(application: Flask, factory: Factory, target: str) -> None:
    credentials = {"email": factory.technician.email, "password": factories.PASSWORD, "next": target}
    answer = application.test_client().post("/sign-in", data=credentials)
    assert answer.location == "/"


def test_a_wrong_password_and_an_unknown_address_look_the_same(application: Flask, factory: Factory) -> None:
    browser = application.test_client()
    answers = [
        browser.post("/sign-in", data={"email": email, "password": "not this one"})
        for email in (factory.technician.email, "nobody@factory.example")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert all("Address and password do not match" in answer.text for answer in answers)
    assert f'value="{factory.technician.email}"' in answers[0].text  # what was typed is kept


def test_what_is_missing_is_said_at_its_field(application: Flask) -> None:
    answer = application.test_client().post("/sign-in", data={"email": " ", "password": ""})
    assert answer.status_code == 422
    assert "Enter your e-mail address." in answer.text
    assert "Enter your password." in answer.text


def test_somebody_switched_off_is_out_at_once(factory: Factory, sign_in: SignIn) -> None:
    browser = sign_in(factory.technician)
    with unit_of_work(factory.session) as session:
        people.update_user(session, factory.technician, None, active=False)

    assert browser.get("/").status_code == 302
    credentials = {"email": factory.technician.email, "password": factories.PASSWORD}
    assert browser.post("/sign-in", data=credentials).status_code == 401


def test_signing_out_ends_the_session(factory: Factory, sign_in: SignIn) -> None:
    browser = sign_in(factory.technician)
    assert browser.post("/sign-out").location == "/sign-in"
    assert browser.get("/").status_code == 302


def test_sign_ins_are_in_the_activity_log_with_their_address(factory: Factory, sign_in: SignIn) -> None:
    sign_in(factory.technician)
    factory.session.rollback()
    entry = factory.session.query(ActivityLog).filter_by(action="SIGN_IN").one()
    assert (entry.user_id, entry.source) == (factory.technician.id, "127.0.0.1")


def test_a_new_password_ends_all_other_sessions(factory: Factory, sign_in: SignIn) -> None:
    here, elsewhere = sign_in(factory.technician), sign_in(factory.technician)
    new = "another good long password"
    changed = here.post(
        "/profile/password", data={"current": factories.PASSWORD, "password": new, "again": new}
    )
    assert changed.location == "/profile"
    assert here.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"current": "wrong"}, "This is not your current password."),
        ({"again": "something else"}, "The two new passwords differ."),
        ({"password": "short", "again": "short"}, "at least 8 characters"),
    ],
)
def test_a_password_is_not_changed_without_good_reason(
    factory: Factory, sign_in: SignIn, answers: dict[str, str], message: str
) -> None:
    given = {"current": factories.PASSWORD, "password": "another one 1", "again": "another one 1", **answers}
    answer = sign_in(factory.technician).post("/profile/password", data=given)
    assert answer.status_code == 422
    assert message in answer.text


def test_demonstration_logins_are_shown_only_in_a_demonstration(application: Flask) -> None:
    browser = application.test_client()
    assert "demonstration" not in browser.get("/sign-in").text
