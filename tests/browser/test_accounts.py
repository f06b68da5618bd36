"""Forgotten passwords, lockout, and ending a sign-in on another device."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from app.database import unit_of_work
from app.domain import password_resets, people
from tests.browser.conftest import Cast
from tests.support.browser import window
from tests.support.person import Person
from tests.support.site import Site

NEW = "correct horse battery"


def test_a_lost_phone_is_signed_out_from_the_desk(cast: Cast) -> None:
    phone, desk = cast("technician", phone=True), cast("technician")
    desk.page.goto("/profile")
    signed_in = desk.page.get_by_role("region", name="Where you are signed in")
    expect(signed_in.get_by_role("listitem")).to_have_count(2)
    desk.press(signed_in.get_by_role("listitem").filter(has_text="Chrome on Android").get_by_role("button"))
    expect(desk.page.get_by_role("status")).to_contain_text("You are signed out there.")
    expect(signed_in.get_by_role("listitem")).to_have_count(1)
    phone.page.goto("/profile")
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("Sign in")


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_a_forgotten_password_is_replaced_with_a_link(browser: Browser, demo_site: Site, phone: bool) -> None:
    with demo_site.session() as session, unit_of_work(session):
        user = people.by_email(session, "technician@millwright.example")
        assert user is not None
        token = password_resets.make(session, user, None).token
    with window(browser, demo_site.url, phone=phone, scripts=not phone) as page:
        person = Person(page, phone)
        page.goto(f"/reset/{token}")
        page.get_by_label("New password", exact=True).fill(NEW)
        page.get_by_label("New password again").fill("something else")
        person.press("Set password")
        expect(page.get_by_text("The two passwords differ.")).to_be_visible()
        page.get_by_label("New password", exact=True).fill(NEW)
        page.get_by_label("New password again").fill(NEW)
        person.press("Set password")
        expect(page.get_by_role("status")).to_contain_text("Your password is set.")
        page.get_by_label("E-mail address").fill("technician@millwright.example")
        page.get_by_label("Password").fill(NEW)
        person.press("Sign in")
        expect(page).to_have_title("Inbox · Millwright")
        page.goto(f"/reset/{token}")
        expect(page.get_by_role("heading", level=1)).to_have_text("This link is no longer good")
    assert token not in demo_site.log


def test_who_guesses_is_locked_out_and_told_until_when(browser: Browser, demo_site: Site) -> None:
    with window(browser, demo_site.url) as page:
        person = Person(page)
        page.goto("/sign-in")
        for attempt in range(5):
            page.get_by_label("E-mail address").fill("technician@millwright.example")
            page.get_by_label("Password").fill(f"guess {attempt}")
            person.press("Sign in")
            words = "Too many failed attempts. You can try again at" if attempt == 4 else "do not match"
            expect(page.get_by_role("alert")).to_contain_text(words)
