"""The first minute of somebody who has just run ``make run``."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def test_a_visitor_signs_in_with_one_click_and_opens_a_task(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Tomasz Wolski").click()
    expect(page).to_have_title("Inbox · Millwright")
    page.get_by_role("main").get_by_role("link").first.click()
    expect(page.get_by_role("main").get_by_role("heading").first).to_be_visible()


def test_pages_fit_a_phone(phone: Page) -> None:
    phone.goto("/")
    phone.get_by_role("button", name="Tomasz Wolski").click()
    expect(phone).to_have_title("Inbox · Millwright")
    wider = phone.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0
