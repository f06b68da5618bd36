"""Signing in and out over the API: tokens, cookies, lockout, passwords, sessions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import password_resets, people, sessions, settings
from app.domain.activity import ActivityLog
from app.domain.people import User
from app.domain.sessions import UserSession
from app.engine.models import Job
from app.jobs.mail import mailer_of
from tests.api.conftest import Api, Caller
from tests.factories import PASSWORD

NEW = "another good long password"


def login(caller: Caller, email: str, password: str = PASSWORD, **options: Any) -> TestResponse:
    return caller.post("/auth/login", {"email": email, "password": password}, **options)


def browser(api: Api) -> Caller:
    """Somebody who keeps cookies, and sends no token."""
    return Caller(api.application, None, None)


def with_token(api: Api, token: str) -> Caller:
    return Caller(api.application, None, token)


def email_of(caller: Caller) -> str:
    assert caller.user is not None
    return caller.user.email


def actions(api: Api, user: User) -> list[str]:
    api.session.rollback()
    query = sa.select(ActivityLog.action).where(ActivityLog.entity_id == user.id)
    return list(api.session.scalars(query.order_by(ActivityLog.id)))


# -- tokens ----------------------------------------------------------------------------------------


def test_signing_in_gives_tokens_that_work(api: Api) -> None:
    answer = login(api.anonymous, email_of(api.technician).upper())
    assert answer.status_code == 200
    assert set(answer.json) == {"token", "refreshToken", "user"}
    assert answer.json["user"]["id"] == api.technician.id
    assert "password" not in answer.text
    me = with_token(api, answer.json["token"]).get("/auth/me")
    assert me.json == answer.json["user"]
    assert me.json == with_token(api, answer.json["token"]).get("/users/me").json
    assert actions(api, api.technician.user) == ["SIGN_IN"]  # type: ignore[arg-type]


def test_both_tokens_are_also_cookies_that_no_script_can_read(api: Api) -> None:
    cookies = login(browser(api), email_of(api.technician)).headers.getlist("Set-Cookie")
    by_name = {cookie.split("=")[0]: cookie for cookie in cookies}
    for name in ("millwright_access", "millwright_refresh"):
        assert "HttpOnly" in by_name[name] and "SameSite=Strict" in by_name[name]
        assert "Path=/api" in by_name[name]
    for name in ("millwright_csrf", "millwright_refresh_csrf"):
        assert "HttpOnly" not in by_name[name]


def test_cookie_calls_need_the_csrf_token_and_bearer_calls_do_not(api: Api) -> None:
    caller = browser(api)
    token = login(caller, email_of(api.admin)).json["token"]
    assert caller.get("/auth/me").json["id"] == api.admin.id
    refused = caller.post("/departments", {"name": "Paint shop"})
    assert (refused.status_code, refused.json["code"]) == (403, "CSRF")
    csrf = caller.client.get_cookie("millwright_csrf")
    assert csrf is not None
    sent = caller.post("/departments", {"name": "Paint shop"}, headers={"X-CSRF-TOKEN": csrf.value})
    assert sent.status_code == 201
    assert with_token(api, token).post("/departments", {"name": "Foundry"}).status_code == 201


@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_password_and_an_unknown_address_are_refused_alike(api: Api, known: bool) -> None:
    email = email_of(api.technician) if known else "nobody@factory.example"
    answer = login(api.anonymous, email, "wrong")
    assert answer.status_code == 401
    assert answer.json["code"] == "BAD_CREDENTIALS"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers.getlist("Set-Cookie") == []


@pytest.mark.parametrize("known", [True, False])
def test_who_fails_too_often_is_locked_out_for_a_while(api: Api, clock: ManualClock, known: bool) -> None:
    email = email_of(api.technician) if known else "nobody@factory.example"
    answers = [login(api.anonymous, email, "wrong") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401] * 4 + [429]
    assert answers[-1].json["code"] == "LOCKED"
    assert "2026-03-02T08:01:00Z" in answers[-1].json["detail"]
    assert answers[-1].headers["Retry-After"] == "61"
    assert login(api.anonymous, email).status_code == 429
    if known:
        clock.advance(minutes=1)
        assert login(api.anonymous, email).status_code == 200


def test_a_failure_counts_however_often_it_is_repeated_with_a_key_and_is_answered_alike(api: Api) -> None:
    email = email_of(api.technician)
    answers = [login(api.anonymous, email, "wrong", key="one") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert actions(api, api.technician.user) == ["SIGN_IN_FAILED"]  # type: ignore[arg-type]


def test_signing_in_with_a_key_begins_one_session(api: Api) -> None:
    email = email_of(api.technician)
    first, second = (login(api.anonymous, email, key="one") for _ in range(2))
    assert first.json == second.json
    assert second.headers["Idempotency-Replayed"] == "true"
    assert actions(api, api.technician.user) == ["SIGN_IN"]  # type: ignore[arg-type]


def test_a_refresh_token_is_good_once_and_the_second_time_ends_the_session(api: Api) -> None:
    first = login(api.anonymous, email_of(api.technician)).json
    second = api.anonymous.post("/auth/refresh", {"refreshToken": first["refreshToken"]})
    assert second.status_code == 200
    assert set(second.json) == {"token", "refreshToken"}
    assert with_token(api, second.json["token"]).get("/auth/me").status_code == 200

    stolen = api.anonymous.post("/auth/refresh", {"refreshToken": first["refreshToken"]})
    assert (stolen.status_code, stolen.json["code"]) == (401, "TOKEN_REUSED")
    for token in (first["token"], second.json["token"]):
        assert with_token(api, token).get("/auth/me").json["code"] == "SESSION_ENDED"
    late = api.anonymous.post("/auth/refresh", {"refreshToken": second.json["refreshToken"]})
    assert (late.status_code, late.json["code"]) == (401, "SESSION_ENDED")


def test_a_browser_refreshes_with_its_cookie(api: Api) -> None:
    caller = browser(api)
    login(caller, email_of(api.technician))
    assert caller.post("/auth/refresh").json["code"] == "CSRF"
    csrf = caller.client.get_cookie("millwright_refresh_csrf")
    assert csrf is not None
    answer = caller.post("/auth/refresh", headers={"X-CSRF-TOKEN": csrf.value})
    assert answer.status_code == 200
    assert caller.get("/auth/me").status_code == 200


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", ""])
def test_what_is_no_refresh_token_is_refused(api: Api, token: str) -> None:
    answer = api.anonymous.post("/auth/refresh", {"refreshToken": token} if token else {})
    assert answer.status_code == (401 if token else 422)


def test_an_access_token_is_no_refresh_token_nor_the_other_way_round(api: Api) -> None:
    made = login(api.anonymous, email_of(api.technician)).json
    assert api.anonymous.post("/auth/refresh", {"refreshToken": made["token"]}).status_code == 401
    assert with_token(api, made["refreshToken"]).get("/auth/me").status_code == 401


def test_signing_out_ends_the_session_and_takes_the_cookies_away(api: Api) -> None:
    caller = browser(api)
    made = login(caller, email_of(api.technician)).json
    answer = with_token(api, made["token"]).post("/auth/logout")
    assert answer.status_code == 204
    assert any(cookie.startswith("millwright_access=;") for cookie in answer.headers.getlist("Set-Cookie"))
    assert caller.get("/auth/me").status_code == 401
    assert api.anonymous.post("/auth/refresh", {"refreshToken": made["refreshToken"]}).status_code == 401
    assert actions(api, api.technician.user) == ["SIGN_IN", "SIGN_OUT"]  # type: ignore[arg-type]


def test_whose_access_token_has_expired_signs_out_with_the_refresh_token(api: Api) -> None:
    made = login(api.anonymous, email_of(api.technician)).json
    assert api.anonymous.post("/auth/logout", {"refreshToken": made["refreshToken"]}).status_code == 204
    assert with_token(api, made["token"]).get("/auth/me").status_code == 401


def test_an_earlier_refresh_token_of_the_session_signs_out_too(api: Api) -> None:
    made = login(api.anonymous, email_of(api.technician)).json
    newer = api.anonymous.post("/auth/refresh", {"refreshToken": made["refreshToken"]}).json
    assert api.anonymous.post("/auth/logout", {"refreshToken": made["refreshToken"]}).status_code == 204
    assert with_token(api, newer["token"]).get("/auth/me").status_code == 401


def test_somebody_deactivated_is_out_at_once(api: Api) -> None:
    made = login(api.anonymous, email_of(api.technician)).json
    assert api.admin.put(f"/users/{api.technician.id}", {"active": False}).status_code == 200
    assert with_token(api, made["token"]).get("/auth/me").status_code == 401
    assert api.anonymous.post("/auth/refresh", {"refreshToken": made["refreshToken"]}).status_code == 401
    assert login(api.anonymous, email_of(api.technician)).status_code == 401


def test_sessions_end_when_nobody_refreshes_for_a_week(api: Api, clock: ManualClock) -> None:
    caller = api.someone("SUPERVISOR")
    clock.advance(days=7)
    assert caller.get("/auth/me").json["code"] == "SESSION_ENDED"


# -- registering -----------------------------------------------------------------------------------

BOB = {"email": "bob@factory.example", "name": "Bob", "password": NEW}


def test_people_register_only_where_that_is_allowed(api: Api) -> None:
    refused = api.anonymous.post("/auth/register", BOB)
    assert (refused.status_code, refused.json["code"]) == (403, "FORBIDDEN")
    assert api.admin.put("/settings", {"registration": True}).status_code == 200
    made = api.anonymous.post("/auth/register", BOB)
    assert made.status_code == 201
    assert (made.json["role"], made.json["active"]) == (None, True)
    token = login(api.anonymous, BOB["email"], NEW).json["token"]
    assert with_token(api, token).get("/users/me").json == made.json
    assert with_token(api, token).get("/machines").status_code == 403
    again = api.anonymous.post("/auth/register", BOB)
    assert (again.status_code, again.json["code"]) == (422, "EMAIL_TAKEN")


@pytest.mark.parametrize("extra", [{"role": "ADMIN"}, {"processOwner": True}, {"active": True}])
def test_nobody_gives_themselves_rights(api: Api, extra: dict[str, Any]) -> None:
    api.admin.put("/settings", {"registration": True})
    assert api.anonymous.post("/auth/register", {**BOB, **extra}).status_code == 400
    assert api.technician.put("/users/me", extra).status_code == 400


# -- passwords -------------------------------------------------------------------------------------


def change(caller: Caller, current: str, new: str = NEW) -> TestResponse:
    return caller.put("/users/me/password", {"currentPassword": current, "newPassword": new})


def test_a_new_password_ends_all_other_sessions(api: Api) -> None:
    here, there = (
        with_token(api, login(api.anonymous, email_of(api.technician)).json["token"]) for _ in range(2)
    )
    assert change(here, PASSWORD).status_code == 204
    assert here.get("/auth/me").status_code == 200
    assert there.get("/auth/me").status_code == 401
    assert login(api.anonymous, email_of(api.technician)).status_code == 401
    assert login(api.anonymous, email_of(api.technician), NEW).status_code == 200


def test_the_current_password_is_needed_and_cannot_be_guessed(api: Api, clock: ManualClock) -> None:
    caller = api.someone("SUPERVISOR")
    answers = [change(caller, "wrong") for _ in range(5)]
    assert (answers[0].status_code, answers[0].json["code"]) == (422, "WRONG_PASSWORD")
    assert list(answers[0].json["errors"]) == ["currentPassword"]
    assert (answers[-1].status_code, answers[-1].json["code"]) == (429, "LOCKED")
    assert change(caller, PASSWORD).status_code == 429
    clock.advance(minutes=1)
    assert change(caller, PASSWORD).status_code == 204


def test_a_new_password_must_be_one(api: Api) -> None:
    too_many_bytes = change(api.technician, PASSWORD, "ä" * 40)
    assert (too_many_bytes.status_code, list(too_many_bytes.json["errors"])) == (422, ["newPassword"])
    assert change(api.technician, PASSWORD, "short").status_code == 400


@pytest.fixture
def mailing(app: Flask) -> None:
    """The site has a mail server; what it would send stays in the job table."""
    config = {"MILLWRIGHT_SMTP_URL": "smtp://mail.invalid", "MILLWRIGHT_MAIL_FROM": "mill@factory.example"}
    app.extensions["millwright.jobs"].mailer = mailer_of(config)


@pytest.mark.usefixtures("mailing")
def test_asking_for_a_link_is_answered_alike_for_every_address(api: Api) -> None:
    answers = [
        api.anonymous.post("/auth/password-reset", {"email": email})
        for email in (email_of(api.technician), "nobody@factory.example", "nonsense")
    ]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert answers[0].json == answers[1].json == answers[2].json
    jobs = api.session.scalars(sa.select(Job).where(Job.kind == "password_link")).all()
    assert len(jobs) == 3


def test_where_no_mail_is_sent_asking_does_nothing(api: Api) -> None:
    assert api.anonymous.post("/auth/password-reset", {"email": "a@b.example"}).status_code == 202
    assert api.session.scalars(sa.select(Job).where(Job.kind == "password_link")).all() == []


def test_a_link_made_by_an_administrator_sets_a_password_once(api: Api) -> None:
    made = api.admin.post(f"/users/{api.technician.id}/reset-link")
    assert made.status_code == 200
    link = made.json["link"]
    assert link.startswith("http://localhost:8000/reset/")
    body = {"token": link.rpartition("/")[2], "password": NEW}
    assert api.anonymous.post("/auth/password-reset/confirm", body).status_code == 204
    assert login(api.anonymous, email_of(api.technician), NEW).status_code == 200
    assert api.technician.get("/auth/me").status_code == 401
    again = api.anonymous.post("/auth/password-reset/confirm", body)
    assert (again.status_code, again.json["code"], list(again.json["errors"])) == (422, "BAD_LINK", ["token"])


def test_a_link_is_not_used_up_by_a_bad_password(api: Api) -> None:
    with unit_of_work(api.session) as session:
        user = session.get_one(User, api.technician.id)
        token = password_resets.make(session, user, None).token
    for password, status in (("short", 400), ("ä" * 40, 422), (NEW, 204)):
        body = {"token": token, "password": password}
        assert api.anonymous.post("/auth/password-reset/confirm", body).status_code == status


# -- sessions --------------------------------------------------------------------------------------


def test_people_see_where_they_are_signed_in_and_sign_out_there(api: Api) -> None:
    agent = {"User-Agent": "handheld/2"}
    there = login(api.anonymous, email_of(api.technician), headers=agent).json["token"]
    found = api.technician.get("/auth/sessions").json
    assert (found["total"], found["page"], found["pageSize"]) == (2, 1, 25)
    other, here = found["items"]
    assert (here["current"], other["current"]) == (True, False)
    assert (other["userAgent"], other["kind"], other["ip"]) == ("handheld/2", "api", "127.0.0.1")
    assert api.technician.delete(f"/auth/sessions/{other['id']}").status_code == 204
    assert with_token(api, there).get("/auth/me").status_code == 401
    assert api.technician.delete(f"/auth/sessions/{other['id']}").status_code == 404


def test_all_other_sessions_end_together(api: Api) -> None:
    there = login(api.anonymous, email_of(api.technician)).json["token"]
    assert api.technician.delete("/auth/sessions").status_code == 204
    assert with_token(api, there).get("/auth/me").status_code == 401
    assert api.technician.get("/auth/sessions").json["total"] == 1


def test_nobody_ends_the_sessions_of_others(api: Api) -> None:
    theirs = api.admin.get("/auth/sessions").json["items"][0]["id"]
    assert api.technician.delete(f"/auth/sessions/{theirs}").status_code == 404
    assert api.admin.get("/auth/me").status_code == 200


def test_that_a_session_is_in_use_is_noted_by_writes(api: Api, clock: ManualClock) -> None:
    caller = api.someone("SUPERVISOR")
    clock.advance(minutes=2)
    assert caller.put("/users/me", {"name": "Ann"}).status_code == 200
    row = api.session.scalars(sa.select(UserSession).where(UserSession.user_id == caller.id)).one()
    api.session.refresh(row)
    assert row.last_seen_at == clock()
    assert row.expires_at == clock() - timedelta(minutes=2) + sessions.REFRESH_LIFETIME


def test_the_session_of_the_pages_counts_too(api: Api, app: Flask) -> None:
    user = api.session.get_one(User, api.technician.id)
    caller = browser(api)
    caller.client.post("/sign-in", data={"email": user.email, "password": PASSWORD})
    items = caller.get("/auth/sessions").json["items"]
    assert [(item["kind"], item["current"]) for item in items] == [("page", True), ("api", False)]
    assert caller.post("/auth/logout").status_code == 204
    assert caller.client.get("/").status_code == 302


def test_how_often_strangers_may_try_is_limited(api: Api, app: Flask) -> None:
    app.config["MILLWRIGHT_RATE_ANONYMOUS"] = "3 per minute"
    statuses = [login(api.anonymous, f"user{n}@elsewhere.example").status_code for n in range(4)]
    assert statuses == [401, 401, 401, 429]
    assert api.technician.get("/machines").status_code == 200
    # The same holds for those who are signed in, where passwords are asked for.
    assert change(api.technician, "wrong").status_code == 429


def test_settings_of_registration_are_read_each_time(api: Api) -> None:
    for allowed in (True, False):
        with unit_of_work(api.session) as session:
            settings.change_site(session, None, registration=allowed)
        body = {**BOB, "email": f"{allowed}@factory.example"}
        assert api.anonymous.post("/auth/register", body).status_code == (201 if allowed else 403)
    assert people.by_email(api.session, "false@factory.example") is None
