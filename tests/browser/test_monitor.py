"""The Monitor in a browser: what is stuck shows itself, lists are filtered, views kept, also on a phone."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app import clock
from app.database import unit_of_work
from app.engine.models import TaskState, UserTask
from app.engine.monitor import survey
from app.engine.monitor.models import Mark
from tests.browser.conftest import Cast
from tests.support.site import Site

SURVEYED = 60_000  # milliseconds within which what is late is found and shown


def make_late(site: Site, title: str) -> str:
    """The open task about that should have been done by now, and a survey is due; its instance's key."""
    with site.session() as session, unit_of_work(session):
        task = session.scalars(
            sa.select(UserTask).where(UserTask.title == title, UserTask.state == TaskState.OPEN)
        ).one()
        task.due_at = clock.now()
        session.execute(sa.update(Mark).where(Mark.name == survey.NAME).values(at=None))
        return task.business_key


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_what_becomes_stuck_appears_without_reloading(cast: Cast, demo_site: Site, phone: bool) -> None:
    maria = cast("manager", phone=phone)
    page = maria.page
    page.goto("/monitor")
    page.evaluate("window.sameDocument = true")
    needed = page.get_by_role("region", name="Needs you now").get_by_role("listitem")
    expect(needed.filter(has_text="“Approve parts” is overdue by")).to_contain_text("Maintenance manager")
    expect(needed.filter(has_text="Scrap conveyor")).to_have_count(0)

    key = make_late(demo_site, "Scrap conveyor")
    # There is another request that nobody has accepted in time: both are one line now.
    line = needed.filter(has_text="“Accept request” is overdue in 2 instances")
    expect(line).to_be_visible(timeout=SURVEYED)
    assert page.evaluate("window.sameDocument") is True

    maria.press(line.get_by_role("link"))
    expect(page).to_have_url(re.compile("element=accept_request"))
    rows = page.get_by_role("region", name="Instances").get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text=key)).to_contain_text("“Accept request” is overdue by 1 minute")


def test_it_is_polled_where_nothing_is_held(cast: Cast, demo_site: Site) -> None:
    maria = cast("manager")
    page = maria.page
    page.add_init_script("delete window.EventSource")
    page.goto("/monitor/instances?show=stuck&process=maintenance_request")
    page.evaluate("window.sameDocument = true")
    key = make_late(demo_site, "Scrap conveyor")
    expect(page.get_by_role("listitem").filter(has_text=key)).to_be_visible(timeout=SURVEYED + 20_000)
    assert page.evaluate("window.sameDocument") is True


def test_instances_are_filtered_and_a_view_is_kept(cast: Cast) -> None:
    maria = cast("manager")
    page = maria.page
    page.goto("/monitor")
    maria.press(page.get_by_role("main").get_by_role("link", name="All instances"))
    rows = page.get_by_role("region", name="Instances").get_by_role("listitem")
    count = rows.count()
    assert count > 10

    page.get_by_role("combobox", name="Process").select_option(label="Maintenance request")
    expect(page).to_have_url(re.compile("process=maintenance_request"))
    page.get_by_role("combobox", name="Step").select_option(label="Carry out work")
    expect(page).to_have_url(re.compile("element=carry_out_work"))
    page.get_by_role("combobox", name="Person").select_option(label="Lena Fuchs")
    expect(page).to_have_url(re.compile("person="))
    expect(rows.first).to_contain_text("Lena Fuchs")
    assert 0 < rows.count() < count

    page.get_by_text("Keep this view").click()
    page.get_by_label("Name").fill("Work with Lena")
    maria.press("Keep")
    expect(page.get_by_role("heading", level=1)).to_have_text("Work with Lena")
    kept = page.url

    page.goto("/monitor/instances")
    view = page.get_by_role("navigation", name="Your views").get_by_role("link", name="Work with Lena")
    maria.press(view)
    expect(page).to_have_url(kept)
    expect(view).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("combobox", name="Step")).to_have_value("carry_out_work")

    page.get_by_text("Change the view").click()
    page.get_by_label("Name").fill("Lena")
    maria.press("Rename")
    expect(page.get_by_role("heading", level=1)).to_have_text("Lena")
    page.get_by_text("Change the view").click()
    maria.press("Delete the view")
    expect(page.get_by_role("status")).to_contain_text("The view “Lena” is gone.")
    expect(page.get_by_role("navigation", name="Your views")).to_have_count(0)


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_every_list_of_the_monitor_opens_without_a_complaint(cast: Cast, phone: bool) -> None:
    page: Page = cast("manager", phone=phone).page
    for address in (
        "/monitor",
        "/monitor/instances",
        "/monitor/instances?show=stuck",
        "/monitor/instances?show=ended&sort=oldest",
        "/monitor/instances?show=every&process=parts_approval&version=1&element=approve_parts",
        "/monitor/instances?q=nothing+is+called+that",
    ):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_the_monitor_works_without_scripts(cast: Cast) -> None:
    page = cast("manager", scripts=False).page
    page.goto("/monitor")
    page.get_by_role("link", name=re.compile("^[0-9]+ stuck$")).click()
    page.get_by_role("combobox", name="Stuck because").select_option(label="Overdue")
    page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile("reason=overdue"))
    rows = page.get_by_role("region", name="Instances").get_by_role("listitem")
    expect(rows.first).to_contain_text("is overdue by")
