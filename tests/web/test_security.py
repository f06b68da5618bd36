"""Headers, cookies, tokens, and pages that keep to their own content security policy."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.conftest import Factory, SignIn

PAGES = (
    "/", "/?scope=group", "/requests", "/requests/1", "/parts-requests", "/machines", "/machines/1", "/parts",
    "/machines/1/label", "/notifications", "/profile", "/menu", "/scan", "/m/PRESS-1", "/nowhere",
)  # fmt: skip


@pytest.fixture
def browser(factory: Factory, sign_in: SignIn) -> FlaskClient:
    factory.report()
    return sign_in(factory.manager)


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_inline_scripts_or_styles(browser: FlaskClient, path: str) -> None:
    text = browser.get(path).text
    assert "<h1" in text
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert "<style" not in text
    assert not re.search(r"\sstyle\s*=", text)


def test_every_answer_forbids_what_no_page_needs(browser: FlaskClient) -> None:
    headers = browser.get("/").headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "private, no-cache"
    assert "Server-Timing" not in headers


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(application: Flask) -> None:
    cookie = application.test_client().get("/", follow_redirects=False).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_what_a_page_fetches_beside_it_does_not_bring_back_an_older_session(browser: FlaskClient) -> None:
    """Its answer may arrive after that to a form, whose message it would take away."""
    assert "Set-Cookie" in browser.get("/", headers={"Sec-Fetch-Mode": "navigate"}).headers
    for mode in ("cors", "no-cors", "same-origin"):
        assert "Set-Cookie" not in browser.get("/inbox/state", headers={"Sec-Fetch-Mode": mode}).headers


def test_over_https_the_cookie_never_travels_without(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import create_app

    monkeypatch.setenv("MILLWRIGHT_BASE_URL", "https://millwright.factory.example")
    secure = create_app().test_client().get("/sign-in", base_url="https://millwright.factory.example")
    assert "Secure" in secure.headers["Set-Cookie"]
    assert "max-age" in secure.headers["Strict-Transport-Security"]


def test_a_form_without_its_token_changes_nothing(application: Flask, browser: FlaskClient) -> None:
    application.config["WTF_CSRF_ENABLED"] = True
    refused = browser.post("/notifications/read")
    assert refused.status_code == 400
    assert "This form has expired" in refused.text

    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/menu").text)
    assert token
    assert browser.post("/sign-out", data={"csrf_token": token.group(1)}).status_code == 302


def test_a_request_is_named_by_its_proxy_or_by_us(browser: FlaskClient) -> None:
    given = browser.get("/", headers={"X-Request-ID": "proxy-12345678"})
    assert given.headers["X-Request-ID"] == "proxy-12345678"
    forged = browser.get("/", headers={"X-Request-ID": "bad id\twith spaces"})
    assert re.fullmatch(r"[0-9a-f]{16}", forged.headers["X-Request-ID"])


def test_what_nobody_planned_has_a_page_with_the_number_of_the_log(
    application: Flask, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**kwargs: object) -> str:
        raise RuntimeError("the secret reason")

    monkeypatch.setitem(application.view_functions, "machines.listing", broken)
    answer = browser.get("/machines")
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] in answer.text
    assert "the secret reason" not in answer.text


def test_static_files_are_cached_for_long_under_names_that_change(browser: FlaskClient) -> None:
    text = browser.get("/").text
    style = re.search(r'<link rel="stylesheet" href="([^"]+)"', text)
    icons = re.search(r'href="(/static/icons\.svg\?v=[0-9a-f]+)#', text)
    assert style and icons
    for address in (style.group(1), icons.group(1)):
        answer = browser.get(address)
        assert answer.status_code == 200
        assert "max-age=31536000" in answer.headers["Cache-Control"]
