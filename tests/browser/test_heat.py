"""A manager looks where a process waits: on the diagram, in the table, on a phone, and without scripts."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from app.database import unit_of_work
from app.domain.machines import Machine
from app.domain.people import User
from app.engine import deployments, instances, operations, user_tasks
from app.engine.core import ProcessEngine
from app.engine.models import UserTask
from app.engine.monitor import statistics, variants
from app.processes.directory import actor_of
from app.processes.shipped import WORKFLOWS, read_folder
from tests.browser.conftest import Cast
from tests.support.site import Site

KEY = "maintenance_request"
ADDRESS = f"/monitor/processes/{KEY}"
ACCEPT, CARRY_OUT = "accept_request", "carry_out_work"


def user(site: Site, login: str) -> User:
    with site.session() as session:
        return session.scalars(sa.select(User).filter_by(email=f"{login}@millwright.example")).one()


def report(site: Site, engine: ProcessEngine, description: str) -> int:
    """A new fault; answers the id of its instance."""
    supervisor = actor_of(user(site, "supervisor"))
    with site.session() as session, unit_of_work(session):
        machine = session.scalars(sa.select(Machine).filter_by(qr_code="M-0005")).one()
        answers = {"machineId": machine.id, "priority": "HIGH", "description": description}
        return instances.start(engine, session, KEY, supervisor, answers).id


def accept(site: Site, engine: ProcessEngine, instance_id: int) -> None:
    technician = actor_of(user(site, "technician"))
    with site.session() as session, unit_of_work(session):
        task = session.scalars(
            sa.select(UserTask).filter_by(instance_id=instance_id, element_id=ACCEPT, state="open")
        ).one()
        user_tasks.complete(engine, session, task.id, technician, {}, "accept")


def cancel(site: Site, engine: ProcessEngine, instance_id: int) -> None:
    manager = actor_of(user(site, "manager"))
    with site.session() as session, unit_of_work(session):
        operations.cancel(engine, session, instance_id, manager, "Reported twice")


@pytest.fixture
def worked(demo_site: Site, engine: ProcessEngine) -> Site:
    """Two requests accepted on the first version and one cancelled, and one accepted on the second."""
    for number in range(2):
        accept(demo_site, engine, report(demo_site, engine, f"Fault {number}."))
    cancel(demo_site, engine, report(demo_site, engine, "Twice."))
    owner = actor_of(user(demo_site, "manager"))
    files = read_folder(WORKFLOWS / KEY)
    drawing = files[f"{KEY}.bpmn"].replace(b'name="Confirm repair"', b'name="Confirm that it runs"')
    with demo_site.session() as session, unit_of_work(session):
        deployments.deploy(engine, session, {**files, f"{KEY}.bpmn": drawing}, by=owner)
    accept(demo_site, engine, report(demo_site, engine, "On the second version."))
    # The site gathers each minute: here nobody waits for that.
    with demo_site.session() as session, unit_of_work(session):
        session.execute(sa.text("UPDATE monitor_marks SET at = NULL"))
    for work in (statistics, variants):
        work.keep_up(engine, demo_site.session)
    return demo_site


def number_at(page: Page, element: str) -> Locator:
    """The number that stands on an element of the drawing."""
    return page.locator(f"[data-container-id={element}] .heat-number")


def cell(page: Page, step: str, label: str) -> Locator:
    return page.locator(".heat-table tbody tr").filter(has_text=step).locator(f"td[data-label='{label}']")


def test_numbers_stand_on_the_steps_and_change_with_measure_period_and_version(
    cast: Cast, worked: Site
) -> None:
    maria = cast("manager")
    page = maria.page
    page.goto(f"{ADDRESS}?measure=open")
    page.locator("#map").scroll_into_view_if_needed()
    expect(page.locator("#map[data-drawn]")).to_be_attached()
    open_now = cell(page, "Carry out work", "Open now").locator("a").first
    many = re.sub(r"\D.*", "", open_now.inner_text())
    expect(number_at(page, CARRY_OUT)).to_have_text(many)
    expect(page.locator(f"[data-element-id={CARRY_OUT}].shade-5")).to_be_attached()
    expect(page.locator("[data-legend=open]")).to_be_visible()

    page.get_by_role("link", name="On time").last.click()
    expect(number_at(page, ACCEPT)).to_contain_text("%")
    expect(number_at(page, CARRY_OUT)).to_have_count(
        0 if cell(page, "Carry out work", "On time").inner_text().strip() == "–" else 1
    )
    expect(page.locator("[data-legend=open]")).to_be_hidden()
    expect(page.locator("[data-legend=on-time]")).to_be_visible()
    assert "measure=on-time" in page.url

    page.get_by_role("combobox", name="Version", exact=True).select_option("2")
    expect(page).to_have_url(re.compile("version=2"))
    assert "measure=on-time" in page.url
    page.locator("#map").scroll_into_view_if_needed()
    page.locator("#map").get_by_role("link", name="Open now").click()
    expect(number_at(page, CARRY_OUT)).to_have_text("1")
    expect(page.get_by_text("drawn on version 2")).to_be_visible()

    page.get_by_role("combobox", name="Period", exact=True).select_option("other")
    page.get_by_label("From", exact=True).fill("2020-01-01")
    page.get_by_label("until", exact=True).fill("2020-02-01")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(cell(page, "Accept request", "Done")).to_have_text("0")
    page.locator("#map").scroll_into_view_if_needed()
    page.locator("#map").get_by_role("link", name="Median").click()
    expect(page.locator("#map[data-drawn]")).to_be_attached()
    expect(page.locator(".heat-number")).to_have_count(0)


def test_two_versions_are_compared_and_few_samples_are_said_to_be_few(cast: Cast, worked: Site) -> None:
    maria = cast("manager")
    page = maria.page
    page.goto(ADDRESS)
    maria.press("Compare")
    expect(page.get_by_text(re.compile("Fewer than 20 samples on one side"))).to_be_visible()
    row = page.locator(".compare-table tbody tr").filter(has_text="Accept request")
    expect(row).to_contain_text("→ 1")
    expect(row).to_contain_text("few")


def test_paths_are_chains_of_steps_and_one_is_shown_on_the_diagram(cast: Cast, worked: Site) -> None:
    maria = cast("manager")
    page = maria.page
    page.goto(ADDRESS)
    maria.follow("Variants")
    expect(page.locator(".variant").first).to_contain_text("%")
    page.locator(".variant").filter(has_text="Cancelled").first.get_by_role("link").click()
    expect(page.locator("#path .djs-container")).to_be_visible()
    expect(page.locator("#path .millwright-done").first).to_be_attached()
    expect(page.locator("#path .link-list a").first).to_contain_text("MR-")


def test_without_scripts_the_table_says_it_all(cast: Cast, worked: Site) -> None:
    maria = cast("manager", scripts=False)
    page = maria.page
    page.goto(ADDRESS)
    expect(cell(page, "Accept request", "Done")).not_to_have_text("0")
    expect(page.locator("#map .diagram")).to_be_hidden()
    page.get_by_role("combobox", name="Version", exact=True).select_option("2")
    page.get_by_role("button", name="Apply").click()
    expect(cell(page, "Accept request", "Done")).to_have_text("1")
    page.locator(".heat-table").get_by_role("link", name="Step").click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Step")
    page.locator("#map").get_by_role("link", name="Rework").click()
    expect(page.locator("[data-legend=rework]")).to_be_visible()


def test_a_phone_shows_the_table_first(cast: Cast, worked: Site) -> None:
    maria = cast("manager", phone=True)
    page = maria.page
    page.goto(ADDRESS)
    table, drawing = (page.locator(name).bounding_box() for name in ("#steps", "#map"))
    assert table and drawing
    assert table["y"] < drawing["y"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(f"{ADDRESS}/variants")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_event_log_is_saved_as_a_file(cast: Cast, worked: Site) -> None:
    maria = cast("manager")
    page = maria.page
    page.goto(ADDRESS)
    for ending in ("XES", "CSV"):
        with page.expect_download() as saved:
            maria.press(ending)
        assert saved.value.suggested_filename.endswith(f".{ending.lower()}")
