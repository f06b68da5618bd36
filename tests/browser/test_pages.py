"""Every page, for every role, on a phone and on a desktop: it opens, and has nothing to complain about.

What is looked for on each page is in ``tests/support/page_checks.js``; the policy against foreign and
inline scripts complains in the console, which fails a test, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.ops.demo import LOGINS, Login
from tests.browser.conftest import Cast
from tests.support import site
from tests.support.person import Person
from tests.support.site import Site

PAGES = (
    "/",
    "/?scope=group",
    "/?q=nothing+is+called+that",
    "/requests",
    "/requests?show=every",
    "/machines",
    "/machines?show=every&sort=-criticality",
    "/machines/1",
    "/machines/1/history",
    "/machines/1/label",
    "/machines/labels",
    "/machines/labels?id=1",
    "/departments",
    "/departments/1",
    "/failure-codes",
    "/maintenance-types",
    "/m/M-0001",
    "/scan",
    "/parts",
    "/parts/1",
    "/parts?low=1&show=every&sort=-quantity",
    "/stock/locations",
    "/stock/locations/1",
    "/preventive",
    "/preventive?kind=meter&overdue=yes",
    "/calendar",
    "/calendar?month=2026-02",
    "/machines/1/meter",
    "/notifications",
    "/profile",
    "/menu",
    "/no-such-page",
)
STARTERS = ("SUPERVISOR", "ADMIN")
# What else a role has pages for.
ALSO: dict[str, tuple[str, ...]] = {
    "ADMIN": (
        "/users",
        "/users/new",
        "/users/1",
        "/users/1/edit",
        "/users/1/deactivate",
        "/machines/new",
        "/machines/1/edit",
        "/machines/1/delete",
        "/machines/1/parts/new",
        "/departments/new",
        "/failure-codes/new",
        "/failure-codes/1/edit",
        "/activity",
        "/activity?kind=MACHINE&q=nothing+is+called+that",
        "/settings",
        "/import",
        "/import/machines",
        "/analytics/costs",
    ),
    "MAINTENANCE_MANAGER": (
        "/users",
        "/users/1",
        "/preventive/new",
        "/replenishments",
        "/analytics",
        "/analytics/failures?period=365",
        "/analytics/downtime?period=365",
        "/analytics/reliability?period=365",
        "/analytics/maintenance-types?period=365",
        "/analytics/downtime?period=other&from=2001-01-01&until=2001-01-31",
        "/analytics/how",
        "/reports",
        "/reports/downtime",
        "/reports/failure-analysis?period=365",
        "/reports/schedules",
        "/reports/schedules/new",
        "/exports",
        "/import/preventive-plans",
    ),
    "INVENTORY_MANAGER": (
        "/parts/new",
        "/parts/1/edit",
        "/stock/movements",
        "/stock/movements?kind=OUT&since=2001-01-01",
        "/stock/movements/new/in",
        "/stock/movements/new/in?part=1",
        "/stock/movements/new/adjustment?part=1",
        "/stock/movements/new/transfer?part=1",
        "/stock/locations/new",
        "/stock/locations/1/edit",
        "/stock/counts",
        "/stock/counts/new",
        "/stock/reorder",
        "/stock/valuation",
        "/analytics/consumption?period=365",
        "/reports/inventory",
        "/import/spare-parts",
        "/replenishments",
        "/replenishments?show=every&late=yes",
    ),
}
FIRST_OF_EACH_ROLE = {login.role: login for login in reversed(LOGINS)}.values()


@pytest.fixture(scope="module")
def demo_site(demonstration: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for all tests here, which only look."""
    with site.serve(site.copy(demonstration, tmp_path_factory.mktemp("pages") / "site")) as running:
        yield running


@pytest.mark.parametrize("login", FIRST_OF_EACH_ROLE, ids=lambda login: login.key)
@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_every_page_opens_without_a_complaint(cast: Cast, login: Login, phone: bool) -> None:
    person = cast(login.key, phone=phone)
    page = person.page
    started = ("/report",) if login.role in STARTERS else ()
    for address in (*PAGES, *started, *ALSO.get(login.role, ())):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    for address in linked_records(page):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def linked_records(page: Page) -> list[str]:
    """Of each kind of record that the lists lead to, the first one."""
    found: dict[str, str] = {}
    for listing in ("/?scope=group", "/?scope=mine", "/requests?show=every"):
        page.goto(listing)
        for link in page.get_by_role("main").locator("a[href]").all():
            address = link.get_attribute("href") or ""
            if kind := re.fullmatch(r"/(tasks|requests)/\d+", address):
                found.setdefault(kind[1], address)
    return list(found.values())


def test_the_diagram_shows_where_a_task_stands(cast: Cast) -> None:
    tomasz = cast("technician")
    page = tomasz.page
    tomasz.open_task("Carry out work", "Transfer")
    card = page.get_by_role("region", name="Where it stands")
    card.scroll_into_view_if_needed()
    here = card.locator(".diagram svg .millwright-here[data-element-id=carry_out_work]")
    expect(here).to_be_visible()
    expect(card.locator(".djs-element.millwright-done[data-element-id=accept_request]")).to_have_count(1)
    stroke = here.locator(".djs-visual > rect").evaluate("shape => getComputedStyle(shape).stroke")
    other = card.locator("[data-element-id=confirm_repair] .djs-visual > rect")
    assert stroke != other.evaluate("shape => getComputedStyle(shape).stroke")

    tomasz.press("Enlarge the diagram")
    dialog = page.get_by_role("dialog", name="Diagram")
    expect(dialog.locator("svg .millwright-here").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_the_keyboard_is_enough(cast: Cast) -> None:
    person: Person = cast("supervisor2")
    page = person.page
    page.goto("/report")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()

    on_the_way = [
        "Scan the machine", "machineId", "priority", "machineStopped", "failureCodeId", "description",
        "photos", "Report problem", "Cancel",
    ]  # fmt: skip
    for expected in on_the_way:
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert expected in (focused.get_attribute("name"), focused.inner_text().strip())
        assert shows_focus(page), f"{expected} does not show that it has the focus"


def shows_focus(page: Page) -> bool:
    """Whether what has the focus is drawn with a frame around it, or around its label."""
    frame = """() => {
      const element = document.activeElement;
      return [element, element.closest("label")].filter(Boolean).some((shape) => {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(shape);
        return (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) || boxShadow !== "none";
      });
    }"""
    return bool(page.evaluate(frame))
