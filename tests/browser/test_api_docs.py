"""The documentation of the API is there for everybody, on a phone too, and works under the strict policy.

The windows of these tests fail when a page complains, and a policy that stops something complains.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.domain.people import Department
from tests.browser.conftest import Cast
from tests.support import site
from tests.support.browser import window
from tests.support.site import Site


@pytest.fixture(scope="module")
def demo_site(demonstration: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for the tests here; what they add has names of its own."""
    with site.serve(site.copy(demonstration, tmp_path_factory.mktemp("docs") / "site")) as running:
        yield running


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_a_stranger_reads_what_there_is(browser: Browser, demo_site: Site, phone: bool) -> None:
    with window(browser, demo_site.url, phone=phone) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/api/docs")
        opened = opened_operation(page, "createDepartment")
        expect(opened).to_contain_text("A rule of the factory refuses it.")
        expect(opened).to_contain_text("Idempotency-Key")
        width = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert width[0] == width[1], "wider than the screen"
        assert [url for url in asked if not url.startswith((demo_site.url, "data:"))] == []

        page.get_by_label("Show only the tags that contain").fill("nothing is called that")
        expect(page.locator(".opblock-tag")).to_have_count(0)
        page.get_by_role("link", name="Sign in").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_who_is_signed_in_tries_it_as_themselves(cast: Cast, demo_site: Site) -> None:
    admin = cast("admin")
    page = admin.page
    page.goto("/profile")
    admin.follow("API for programs")
    opened = opened_operation(page, "createDepartment")
    opened.get_by_role("button", name="Try it out").click()
    opened.get_by_label("Body").fill('{"name": "Docs department"}')
    opened.get_by_role("button", name="Execute").click()
    answer = opened.locator(".live-responses-table .response")
    expect(answer).to_contain_text("201")
    with demo_site.session() as session:
        assert session.query(Department).filter_by(name="Docs department").count() == 1


def test_what_a_stranger_tries_is_refused(browser: Browser, demo_site: Site) -> None:
    page = browser.new_page(base_url=demo_site.url)
    page.goto("/api/docs")
    opened = opened_operation(page, "listDepartments")
    opened.get_by_role("button", name="Try it out").click()
    opened.get_by_role("button", name="Execute").click()
    expect(opened.locator(".live-responses-table .response")).to_contain_text("UNAUTHENTICATED")
    page.close()


def test_without_scripts_the_page_leads_to_the_document(browser: Browser, demo_site: Site) -> None:
    with window(browser, demo_site.url, scripts=False) as page:
        page.goto("/api/docs")
        expect(page.get_by_text("drawn here by a script")).to_be_visible()
        link = page.get_by_role("link", name="OpenAPI document")
        expect(link).to_have_attribute("href", "/api/openapi.json")


def opened_operation(page: Page, operation: str) -> Locator:
    """An operation on departments, unfolded."""
    page.locator(".opblock-tag[data-tag=Departments]").click(timeout=60_000)  # the document is large
    block = page.locator(f".opblock[id$=-{operation}]")
    block.locator(".opblock-summary-control").click()
    expect(block.locator(".opblock-body")).to_be_visible()
    return block
