"""Lockout, forgotten passwords, registering, and the list of one's sign-ins."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import password_resets, people, sessions, settings
from app.domain.people import User
from app.domain.sessions import UserSession
from app.engine.models import Job
from app.jobs.mail import mailer_of
from tests import factories
from tests.web.conftest import Factory, SignIn

NEW = "another good long password"
PHONE = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126.0.0.0 Mobile Safari/537.36"


def sign_in_as(browser: FlaskClient, email: str, password: str = factories.PASSWORD) -> Any:
    return browser.post("/sign-in", data={"email": email, "password": password})


def live(factory: Factory, user: User) -> list[UserSession]:
    factory.session.rollback()
    return sessions.of_user(factory.session, user.id)


@pytest.fixture
def mailing(application: Flask) -> None:
    """The site has a mail server; what it would send stays in the job table."""
    config = {"MILLWRIGHT_SMTP_URL": "smtp://mail.invalid", "MILLWRIGHT_MAIL_FROM": "mill@factory.example"}
    application.extensions["millwright.jobs"].mailer = mailer_of(config)


# -- lockout ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
def test_who_fails_too_often_is_told_when_to_come_back(
    application: Flask, factory: Factory, clock: ManualClock, known: bool
) -> None:
    email = factory.technician.email if known else "nobody@factory.example"
    browser = application.test_client()
    answers = [sign_in_as(browser, email, "wrong") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401] * 4 + [429]
    assert "Too many failed attempts. You can try again at 2 Mar 2026, 08:01." in answers[-1].text
    assert answers[-1].headers["Retry-After"] == "61"
    assert sign_in_as(browser, email).status_code == 429
    clock.advance(minutes=1)
    assert sign_in_as(browser, email).status_code == (302 if known else 429)


# -- sessions --------------------------------------------------------------------------------------


def test_a_session_that_is_ended_anywhere_is_over(factory: Factory, sign_in: SignIn) -> None:
    browser = sign_in(factory.technician)
    (row,) = live(factory, factory.technician)
    assert (row.kind, row.ip) == ("page", "127.0.0.1")
    with unit_of_work(factory.session) as session:
        sessions.end(session, row, sessions.EndReason.ENDED, None)
    assert browser.get("/").status_code == 302


def test_signing_out_and_signing_in_anew_leave_no_session_behind(factory: Factory, sign_in: SignIn) -> None:
    browser = sign_in(factory.technician)
    sign_in_as(browser, factory.technician.email)
    assert len(live(factory, factory.technician)) == 1
    browser.post("/sign-out")
    assert live(factory, factory.technician) == []


def test_a_session_lives_on_while_it_is_used_and_ends_when_it_is_not(
    factory: Factory, sign_in: SignIn, clock: ManualClock
) -> None:
    browser = sign_in(factory.technician)
    clock.advance(hours=11)
    assert browser.get("/").status_code == 200
    clock.advance(hours=11)
    assert browser.get("/").status_code == 200
    (row,) = live(factory, factory.technician)
    assert row.last_seen_at == clock()
    clock.advance(hours=12)
    assert browser.get("/").status_code == 302


def test_that_somebody_is_here_is_written_once_a_minute_after_the_page(
    application: Flask, factory: Factory, sign_in: SignIn, clock: ManualClock, statements: Any
) -> None:
    browser = sign_in(factory.technician)
    browser.get("/profile")
    with statements() as usual:
        browser.get("/profile")
    clock.advance(minutes=1)
    with statements() as after_a_minute:
        browser.get("/profile")
    assert len(after_a_minute) == len(usual)


def test_people_see_where_they_are_signed_in_and_sign_out_there(
    application: Flask, factory: Factory, sign_in: SignIn
) -> None:
    here = sign_in(factory.technician)
    phone = application.test_client()
    phone.environ_base["HTTP_USER_AGENT"] = PHONE
    sign_in_as(phone, factory.technician.email)
    page = here.get("/profile").text
    assert "Chrome on Android" in page
    there = live(factory, factory.technician)[0]
    assert here.post(f"/profile/sessions/{there.id}/end").location == "/profile#sessions"
    assert phone.get("/").status_code == 302
    assert "Chrome on Android" not in here.get("/profile").text


def test_many_sessions_do_not_fill_the_page(factory: Factory, sign_in: SignIn) -> None:
    with unit_of_work(factory.session) as session:
        for _ in range(30):
            sessions.begin(session, factory.technician.id, "api", lifetime=timedelta(days=7))
    page = sign_in(factory.technician).get("/profile").text
    assert "and 11 that began earlier" in page
    assert page.count("/end") == 20  # 19 that can be ended, and all others together


def test_all_other_sessions_end_together(factory: Factory, sign_in: SignIn) -> None:
    here, there, elsewhere = (sign_in(factory.technician) for _ in range(3))
    assert here.post("/profile/sessions/end-others").location == "/profile#sessions"
    assert [browser.get("/").status_code for browser in (here, there, elsewhere)] == [200, 302, 302]


def test_nobody_ends_the_sessions_of_others(factory: Factory, sign_in: SignIn) -> None:
    browser, victim = sign_in(factory.technician), sign_in(factory.admin)
    (row,) = live(factory, factory.admin)
    assert browser.post(f"/profile/sessions/{row.id}/end").status_code == 404
    assert victim.get("/").status_code == 200


def test_guessing_the_current_password_locks(factory: Factory, sign_in: SignIn) -> None:
    browser = sign_in(factory.technician)
    guess = {"current": "wrong", "password": NEW, "again": NEW}
    answers = [browser.post("/profile/password", data=guess) for _ in range(5)]
    assert "This is not your current password." in answers[0].text
    assert "Too many failed attempts" in answers[-1].text
    assert browser.get("/").status_code == 200


# -- forgotten passwords ---------------------------------------------------------------------------


def test_without_a_mail_server_people_are_sent_to_an_administrator(application: Flask) -> None:
    page = application.test_client().get("/forgot-password")
    assert "Ask an administrator" in page.text
    assert "<form" not in page.text


@pytest.mark.usefixtures("mailing")
def test_asking_for_a_link_looks_the_same_for_every_address(application: Flask, factory: Factory) -> None:
    browser = application.test_client()
    texts = []
    for email in (factory.technician.email, "nobody@factory.example"):
        answer = browser.post("/forgot-password", data={"email": email})
        assert answer.status_code == 200
        texts.append(answer.text.replace(email, ""))
    assert texts[0] == texts[1]
    assert "a link is on its way" in texts[0]
    factory.session.rollback()
    jobs = factory.session.scalars(sa.select(Job).where(Job.kind == "password_link")).all()
    assert [job.payload["email"] for job in jobs] == [factory.technician.email, "nobody@factory.example"]
    assert {job.payload["page"] for job in jobs} == {"http://localhost:8000/reset/"}
    assert browser.post("/forgot-password", data={"email": " "}).status_code == 422


@pytest.mark.usefixtures("mailing")
def test_the_link_leads_to_this_site_whatever_host_was_asked_for(
    application: Flask, factory: Factory
) -> None:
    application.test_client().post(
        "/forgot-password", data={"email": "a@b.example"}, headers={"Host": "evil.example"}
    )
    job = factory.session.scalars(sa.select(Job).where(Job.kind == "password_link")).one()
    assert "evil" not in str(job.payload)


def link_for(factory: Factory, user: User) -> str:
    with unit_of_work(factory.session) as session:
        return f"/reset/{password_resets.make(session, user, factory.admin.id).token}"


def test_a_link_sets_a_new_password_once(application: Flask, factory: Factory, sign_in: SignIn) -> None:
    elsewhere = sign_in(factory.technician)
    link = link_for(factory, factory.technician)
    browser = application.test_client()
    page = browser.get(link)
    assert factory.technician.email in page.text
    assert browser.post(link, data={"password": NEW, "again": NEW}).location == "/sign-in"
    assert sign_in_as(browser, factory.technician.email, NEW).status_code == 302
    assert elsewhere.get("/").status_code == 302
    for answer in (browser.get(link), browser.post(link, data={"password": NEW, "again": NEW})):
        assert answer.status_code == 410
        assert "no longer good" in answer.text


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"password": NEW, "again": "something else"}, "The two passwords differ."),
        ({"password": "short", "again": "short"}, "at least 8 characters"),
    ],
)
def test_a_link_is_not_used_up_by_a_mistake(
    application: Flask, factory: Factory, typed: dict[str, str], message: str
) -> None:
    link, browser = link_for(factory, factory.technician), application.test_client()
    answer = browser.post(link, data=typed)
    assert (answer.status_code, message in answer.text) == (422, True)
    assert browser.post(link, data={"password": NEW, "again": NEW}).status_code == 302


def test_the_secret_of_a_link_is_told_to_nobody(
    application: Flask, factory: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    link = link_for(factory, factory.technician)
    with caplog.at_level(logging.DEBUG):
        answer = application.test_client().get(link)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "/reset/***" in caplog.text
    assert link.removeprefix("/reset/") not in caplog.text
    assert application.test_client().get("/sign-in").headers["Referrer-Policy"] == "same-origin"


# -- registering -----------------------------------------------------------------------------------

BOB = {"email": "bob@factory.example", "name": "Bob", "password": NEW, "again": NEW}


def open_registration(factory: Factory) -> None:
    with unit_of_work(factory.session) as session:
        settings.change_site(session, None, registration=True)


def test_people_register_only_where_that_is_allowed(application: Flask, factory: Factory) -> None:
    browser = application.test_client()
    assert "Make an account" not in browser.get("/sign-in").text
    assert browser.get("/register").status_code == browser.post("/register", data=BOB).status_code == 403
    open_registration(factory)
    assert "Make an account" in browser.get("/sign-in").text
    assert browser.post("/register", data=BOB).location == "/sign-in"
    assert sign_in_as(browser, BOB["email"], NEW).status_code == 302
    for address in ("/", "/machines", "/requests", "/parts", "/notifications", "/profile", "/menu"):
        assert browser.get(address).status_code in (200, 403), address
    assert browser.get("/").status_code == browser.get("/profile").status_code == 200
    user = people.by_email(factory.session, BOB["email"])
    assert user is not None
    assert user.role is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"again": "something else"}, "The two passwords differ."),
        ({"password": "short", "again": "short"}, "at least 8 characters"),
        ({"email": "nonsense"}, "is not an e-mail address"),
        ({"name": " "}, "Enter your name."),
        ({"name": "x" * 256}, "256 characters"),
        ({"email": ""}, "Enter your e-mail address."),
    ],
)
def test_a_registration_that_makes_no_sense_is_refused_where_it_does_not(
    application: Flask, factory: Factory, values: dict[str, str], message: str
) -> None:
    open_registration(factory)
    answer = application.test_client().post("/register", data={**BOB, **values})
    assert answer.status_code == 422
    assert message in answer.text


def test_strangers_cannot_try_for_ever(application: Flask, factory: Factory) -> None:
    application.config["MILLWRIGHT_RATE_ANONYMOUS"] = "3 per minute"
    browser = application.test_client()
    guesses = [browser.get(f"/reset/guess-{number}").status_code for number in range(4)]
    assert guesses == [410, 410, 410, 429]


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (PHONE, "Chrome on Android"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5) Version/17.5 Mobile Safari/604.1", "Safari on iPhone"),
        ("python-requests/2.32", "python-requests"),
        ("", "A program"),
    ],
)
def test_devices_have_names_that_their_owners_know(user_agent: str, device: str) -> None:
    from app.web.devices import device as name_of

    assert name_of(user_agent) == device


def test_sessions_end_with_the_settings_time(
    application: Flask, factory: Factory, sign_in: SignIn, clock: ManualClock
) -> None:
    application.permanent_session_lifetime = timedelta(hours=1)
    sign_in(factory.technician)
    (row,) = live(factory, factory.technician)
    assert row.expires_at == clock() + timedelta(hours=1)
