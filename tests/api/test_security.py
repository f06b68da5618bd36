"""What keeps the API safe: headers, cookies, tokens, other origins, limits."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import create_app
from app.api.core import authentication
from app.config import from_environment
from app.database import engine_options, unit_of_work
from app.domain import sessions
from app.extensions import db
from tests import factories
from tests.api.conftest import Api, Caller
from tests.support import servers

ELSEWHERE = "https://reports.example"


@contextmanager
def application(url: str, data: Path, **config: Any) -> Iterator[Flask]:
    """Another application on the same database, with other settings."""
    made = create_app(
        {
            "TESTING": True,
            "SQLALCHEMY_DATABASE_URI": url,
            "SQLALCHEMY_ENGINE_OPTIONS": engine_options(url),
            "MILLWRIGHT_DATA": data,
            **config,
        }
    )
    try:
        yield made
    finally:
        with made.app_context():
            db.engine.dispose()


def is_problem(answer: TestResponse, status: int, code: str) -> None:
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json"), answer.text
    assert answer.json is not None
    assert (answer.json["status"], answer.json["code"]) == (status, code)
    assert answer.json["detail"] and answer.json["requestId"] == answer.headers["X-Request-ID"]


# -- headers ---------------------------------------------------------------------------------------


def test_every_answer_has_the_headers_that_keep_it_safe(api: Api) -> None:
    answers = {
        "found": api.admin.get(f"/departments/{api.department.id}"),
        "made": api.admin.post("/departments", {"name": "Paint"}),
        "malformed": api.admin.post("/departments", {"nome": "Paint"}),
        "refused": api.admin.post("/departments", {"name": "Paint"}),
        "stranger": api.anonymous.get("/departments"),
        "nowhere": api.admin.get("/no-such-address"),
        "method": api.admin.delete("/departments"),
    }
    for name, answer in answers.items():
        headers = answer.headers
        assert "default-src 'none'" in headers["Content-Security-Policy"], name
        assert "unsafe" not in headers["Content-Security-Policy"], name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["X-Frame-Options"] == "DENY", name
        assert headers["Referrer-Policy"] == "same-origin", name
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", name
        assert headers["Cache-Control"] in ("private, no-cache", "no-store"), name
        assert "Access-Control-Allow-Origin" not in headers, name


def test_the_document_and_its_page_are_for_everybody(api: Api) -> None:
    document = api.anonymous.client.get("/api/openapi.json")
    assert document.status_code == 200 and document.json["openapi"].startswith("3.1")
    assert document.headers["Cache-Control"] == "public, max-age=300"
    assert api.anonymous.client.get("/api/v1/openapi.json").json == document.json
    page = api.anonymous.client.get("/api/docs")
    assert page.status_code == 200
    assert "unsafe" not in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/api/", "/api/v1/nothing", "/api/v2/departments", "/api/v1/departments/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_addresses_answer_problems(api: Api, path: str, method: str) -> None:
    is_problem(api.anonymous.client.open(path, method=method), 404, "NOT_FOUND")


def test_methods_that_an_address_does_not_take(api: Api) -> None:
    answer = api.admin.call("DELETE", "/departments")
    is_problem(answer, 405, "METHOD_NOT_ALLOWED")
    assert {"GET", "POST"} <= {name.strip() for name in answer.headers["Allow"].split(",")}


def test_bodies_over_the_limit(api: Api) -> None:
    api.application.config["MAX_CONTENT_LENGTH"] = 1000
    is_problem(api.admin.post("/departments", {"name": "x" * 2000}), 413, "TOO_LARGE")
    files = {"files": (io.BytesIO(b"x" * 2000), "x.txt")}
    upload = api.technician.call(
        "POST", "/attachments/upload", data=files, content_type="multipart/form-data"
    )
    is_problem(upload, 413, "TOO_LARGE")


def test_what_nobody_planned_says_nothing_about_itself(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.domain.queries import catalogues

    def fail(*arguments: Any, **options: Any) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(catalogues, "list_departments", fail)
    api.application.config["PROPAGATE_EXCEPTIONS"] = False
    answer = api.admin.get("/departments")
    is_problem(answer, 500, "INTERNAL")
    assert "secret" not in answer.text and answer.json["requestId"] in answer.json["detail"]


# -- tokens ----------------------------------------------------------------------------------------


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def key_of(api: Api) -> str:
    return str(api.application.config["JWT_SECRET_KEY"])


def unsigned(claims: dict[str, Any]) -> str:
    """A token that says it needs no signature."""
    return f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims)}."


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_the_test_can_make_a_token_that_is_taken(api: Api) -> None:
    """Else the refusals below would prove nothing."""
    token = jwt.encode(claims_of(api.admin.token or ""), key_of(api), "HS256")
    assert Caller(api.application, None, token).get("/departments").status_code == 200


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("expired", "TOKEN_EXPIRED"),
        ("not yet", "BAD_TOKEN"),
        ("unsigned", "BAD_TOKEN"),
        ("other key", "BAD_TOKEN"),
        ("other algorithm", "BAD_TOKEN"),
        ("refresh token", "BAD_TOKEN"),
        ("changed", "BAD_TOKEN"),
        ("nonsense", "BAD_TOKEN"),
        ("without a session", "BAD_TOKEN"),
        ("of another's session", "SESSION_ENDED"),
        ("of no user", "SESSION_ENDED"),
    ],
)
def test_tokens_that_are_refused(api: Api, kind: str, code: str) -> None:
    claims, key = claims_of(api.admin.token or ""), key_of(api)
    now = int(time.time())
    others = claims_of(api.technician.token or "")
    header, _, signature = (api.technician.token or "").split(".")
    stolen = encoded({**others, "sub": str(api.admin.id)})
    tokens = {
        "expired": lambda: jwt.encode({**claims, "exp": now - 1}, key, "HS256"),
        "not yet": lambda: jwt.encode({**claims, "nbf": now + 600}, key, "HS256"),
        "unsigned": lambda: unsigned(claims),
        "other key": lambda: jwt.encode(claims, "another key, which is long enough for it", "HS256"),
        "other algorithm": lambda: jwt.encode(claims, key, "HS384"),
        "refresh token": lambda: jwt.encode({**claims, "type": "refresh"}, key, "HS256"),
        "changed": lambda: f"{header}.{stolen}.{signature}",
        "nonsense": lambda: "nonsense",
        "without a session": lambda: jwt.encode(
            {name: value for name, value in claims.items() if name != "sid"}, key, "HS256"
        ),
        "of another's session": lambda: jwt.encode({**claims, "sid": others["sid"]}, key, "HS256"),
        "of no user": lambda: jwt.encode({**claims, "sub": "987654"}, key, "HS256"),
    }
    answer = Caller(api.application, None, tokens[kind]()).get("/departments")
    is_problem(answer, 401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_ended_session_takes_its_tokens_along(api: Api) -> None:
    with unit_of_work(api.session) as session:
        sessions.end_all(session, api.admin.id, sessions.EndReason.ENDED, None)
    is_problem(api.admin.get("/departments"), 401, "SESSION_ENDED")


def test_access_tokens_live_for_a_quarter_of_an_hour(api: Api) -> None:
    claims = claims_of(api.admin.token or "")
    assert claims["exp"] - claims["iat"] == authentication.ACCESS_LIFETIME.total_seconds() == 900


# -- cookies ---------------------------------------------------------------------------------------


def sign_in(api: Api, app: Flask) -> tuple[Caller, TestResponse]:
    """Somebody who keeps the API's cookies, as a browser does."""
    assert api.admin.user is not None
    browser = Caller(app, None, None)
    credentials = {"email": api.admin.user.email, "password": factories.PASSWORD}
    answer = browser.post("/auth/login", credentials)
    assert answer.status_code == 200, answer.json
    return browser, answer


@pytest.mark.parametrize("secure", [True, False])
def test_cookies_over_https_never_travel_without(
    api: Api, deployed_url: str, tmp_path: Path, secure: bool
) -> None:
    settings = from_environment({"MILLWRIGHT_BASE_URL": "https://mill.example", "MILLWRIGHT_SECRET_KEY": "k"})
    config = {"SESSION_COOKIE_SECURE": settings["SESSION_COOKIE_SECURE"]} if secure else {}
    with application(deployed_url, tmp_path, **config) as app:
        _, answer = sign_in(api, app)
    cookies = {cookie.split("=")[0]: cookie for cookie in answer.headers.getlist("Set-Cookie")}
    tokens = {"millwright_access", "millwright_refresh"}
    assert tokens <= cookies.keys()
    for name, cookie in cookies.items():
        assert ("Secure" in cookie) == secure
        assert "SameSite=Strict" in cookie or name == "millwright"
        assert ("HttpOnly" in cookie) == (name in tokens or name == "millwright")
    assert all("Path=/api" in cookies[name] for name in tokens)


def test_calls_with_cookies_need_the_csrf_token(api: Api) -> None:
    browser, answer = sign_in(api, api.application)
    assert browser.get("/departments").status_code == 200
    for headers in ({}, {"X-CSRF-TOKEN": "guessed"}):
        for method, path in (("POST", "/departments"), ("DELETE", f"/departments/{api.department.id}")):
            is_problem(browser.call(method, path, {"name": "Paint"}, headers=headers), 403, "CSRF")
    csrf = browser.client.get_cookie("millwright_csrf")
    assert csrf is not None
    sent = browser.post("/departments", {"name": "Paint"}, headers={"X-CSRF-TOKEN": csrf.value})
    assert sent.status_code == 201
    bearer = Caller(api.application, None, answer.json["token"])
    assert bearer.post("/departments", {"name": "Foundry"}).status_code == 201


def test_the_session_of_the_pages_needs_their_csrf_token(api: Api, deployed_url: str, tmp_path: Path) -> None:
    """The scripts of the pages call as whoever is signed in there."""
    assert api.admin.user is not None
    with application(deployed_url, tmp_path) as app:
        browser = Caller(app, None, None)
        page = browser.client.get("/sign-in").text
        token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
        form = {"email": api.admin.user.email, "password": factories.PASSWORD, "csrf_token": token}
        assert browser.client.post("/sign-in", data=form).status_code == 302
        assert browser.get("/departments").status_code == 200
        is_problem(browser.post("/departments", {"name": "Paint"}), 403, "CSRF")
        docs = browser.client.get("/api/docs").text
        token = docs.split('data-csrf="')[1].split('"')[0]
        sent = browser.post("/departments", {"name": "Paint"}, headers={"X-CSRFToken": token})
        assert sent.status_code == 201, sent.json


# -- other origins ---------------------------------------------------------------------------------

ASKING = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}


def test_other_origins_are_not_let_in_by_default(api: Api) -> None:
    answers = [
        api.anonymous.client.options("/api/v1/departments", headers=ASKING),
        api.admin.get("/departments", headers={"Origin": ELSEWHERE}),
    ]
    for answer in answers:
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control-Allow")]


def test_those_of_the_settings_are_let_in_without_cookies(
    api: Api, deployed_url: str, tmp_path: Path
) -> None:
    with application(deployed_url, tmp_path, MILLWRIGHT_CORS_ORIGINS=[ELSEWHERE]) as app:
        caller = Caller(app, None, api.admin.token)
        asked = caller.client.options("/api/v1/departments", headers=ASKING)
        called = caller.get("/departments", headers={"Origin": ELSEWHERE})
        other = caller.get("/departments", headers={"Origin": "https://evil.example"})
        page = caller.client.get("/sign-in", headers={"Origin": ELSEWHERE})
    for answer in (asked, called):
        assert answer.headers["Access-Control-Allow-Origin"] == ELSEWHERE
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    exposed = called.headers["Access-Control-Expose-Headers"]
    assert {"ETag", "Location", "Idempotency-Replayed"} <= {name.strip() for name in exposed.split(",")}
    for answer in (other, page):
        assert "Access-Control-Allow-Origin" not in answer.headers


# -- limits ----------------------------------------------------------------------------------------


def limits_of(answer: TestResponse) -> tuple[int, int]:
    return int(answer.headers["X-RateLimit-Limit"]), int(answer.headers["X-RateLimit-Remaining"])


def test_strangers_have_a_hundred_calls_in_a_quarter_of_an_hour(api: Api) -> None:
    answers = [api.anonymous.get("/departments") for _ in range(101)]
    assert {answer.status_code for answer in answers[:100]} == {401}
    assert limits_of(answers[0]) == (100, 99) and limits_of(answers[99]) == (100, 0)
    assert all("Retry-After" not in answer.headers for answer in answers[:100])
    is_problem(answers[100], 429, "TOO_MANY_REQUESTS")
    assert 0 < int(answers[100].headers["Retry-After"]) <= 15 * 60
    # Those who are signed in are counted for themselves, each by who they are.
    assert limits_of(api.admin.get("/departments")) == (9000, 8999)
    assert limits_of(api.technician.get("/departments")) == (9000, 8999)
    # A wrong token makes nobody known.
    is_problem(Caller(api.application, None, "nonsense").get("/departments"), 429, "TOO_MANY_REQUESTS")


def test_both_addresses_of_the_api_count_together(api: Api) -> None:
    api.application.config["MILLWRIGHT_RATE_ANONYMOUS"] = "2 per minute"
    client = api.anonymous.client
    paths = ("/api/v1/departments", "/api/departments", "/api/v1/machines")
    assert [client.get(path).status_code for path in paths] == [401, 401, 429]


def redis_limits(url: str, data: Path, redis: str) -> Any:
    return application(url, data, MILLWRIGHT_REDIS_URL=redis, MILLWRIGHT_RATE_ANONYMOUS="3 per 15 minutes")


def statuses(app: Flask, times: int) -> list[int]:
    caller = Caller(app, None, None)
    return [caller.get("/departments").status_code for _ in range(times)]


def test_processes_count_together_in_redis(deployed_url: str, tmp_path: Path, redis_url: str) -> None:
    with redis_limits(deployed_url, tmp_path, redis_url) as one:
        assert statuses(one, 2) == [401, 401]
    with redis_limits(deployed_url, tmp_path, redis_url) as two:
        assert statuses(two, 2) == [401, 429]


@pytest.mark.services
def test_losing_redis_locks_nobody_out(deployed_url: str, tmp_path: Path) -> None:
    """Each process counts for itself until Redis is back."""
    try:
        with servers.redis_server(tmp_path) as redis, redis_limits(deployed_url, tmp_path, redis.url) as app:
            assert statuses(app, 2) == [401, 401]
            redis.kill()
            assert statuses(app, 4) == [401, 401, 401, 429]
    except servers.MissingProgram as missing:
        pytest.skip(str(missing))
