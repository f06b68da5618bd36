"""Two people with the same task open: the second is told, and keeps what they typed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from app.database import unit_of_work
from app.domain import people
from app.domain.people import Role
from app.ops.demo.factory import PASSWORD
from tests.browser.conftest import Cast
from tests.support.site import Site

ISSUE = "Issue parts"
FOR = "Deburring cell"  # two hoses lie ready for it


@pytest.fixture
def noor(demo_site: Site) -> str:
    """A second inventory manager; what they sign in with."""
    with demo_site.session() as session, unit_of_work(session):
        people.create_user(
            session,
            None,
            email="noor@millwright.example",
            name="Noor Haddad",
            password=PASSWORD,
            role=Role.INVENTORY_MANAGER,
        )
    return "noor"


def test_the_second_is_told_who_was_first_and_keeps_what_they_typed(cast: Cast, noor: str) -> None:
    first, second = cast("inventory"), cast(noor, phone=True)
    for person in (first, second):
        person.open_task(ISSUE, FOR)
    second.row("Parts: 1").get_by_label("Issue now").fill("1")

    first.press("Issue")
    expect(first.page.get_by_role("status")).to_contain_text(f"Done: {ISSUE}")
    second.press("Issue")

    expect(second.page.get_by_role("alert")).to_contain_text("Already done by Ivo Petrov.")
    typed = second.page.get_by_role("region", name="What you typed")
    expect(typed.get_by_role("term")).to_have_text(["Issue now (1)"])
    expect(typed.get_by_role("definition")).to_have_text(["1"])

    second.press("Add as a comment")
    expect(second.page.get_by_role("region", name="Comments")).to_contain_text("Issue now (1): 1")
    second.page.goto("/")
    expect(second.page.get_by_role("link", name=f"{ISSUE}: ")).to_have_count(0)


def test_the_second_who_takes_a_task_is_told_that_it_is_taken(cast: Cast) -> None:
    tomasz, lena = cast("technician"), cast("technician2")
    for person in (tomasz, lena):
        person.page.goto("/?scope=group&q=Scrap")
    tomasz.press(tomasz.page.get_by_role("button", name="Take it"))
    expect(tomasz.page.get_by_role("status")).to_contain_text("is yours now")
    lena.press(lena.page.get_by_role("button", name="Take it"))
    expect(lena.page.get_by_role("status")).to_contain_text("Tomasz Wolski")
