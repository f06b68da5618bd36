"""The dry run: a process owner plays a changed draft through, as everybody, before it is deployed."""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from app.engine.models import Deployment, ProcessInstance, UserTask
from tests.browser.conftest import Cast
from tests.support.person import Person
from tests.support.site import Site
from tests.support.studio import LONG, READY, open_file, open_studio, run_scenarios, saved, type_in_cell

KEY = "parts_approval"
NAME = "A compressor block goes to the administrator too"


def tasks(page: Page) -> Locator:
    return page.get_by_role("list", name="Open tasks")


def play(person: Person, task: str, role: str) -> None:
    """Open a task of the dry run as somebody."""
    line = tasks(person.page).get_by_role("listitem").filter(has_text=task)
    person.press(line.get_by_role("button", name=f"As {role}"))
    expect(person.page.get_by_role("heading", name=task)).to_be_visible()


def rows(site: Site) -> list[int]:
    with site.session() as session:
        counted = (Deployment, ProcessInstance, UserTask)
        return [session.scalar(sa.select(sa.func.count()).select_from(model)) or 0 for model in counted]


def ask_for_a_compressor(person: Person) -> None:
    line = person.row("Parts: 1")
    person.choose("Part", "Compressor block", line)
    line.get_by_label("Quantity").fill("1")
    person.press("Request parts")


def test_a_changed_threshold_is_played_through_and_kept_as_a_scenario(cast: Cast, demo_site: Site) -> None:
    maria = cast("manager")
    page = maria.page
    before = rows(demo_site)
    open_studio(page, KEY)
    open_file(page, "approval_policy")
    saved(page, lambda: [type_in_cell(page, rule, 1, "> 3000") for rule in (4, 5)])
    maria.follow("Dry run")

    # As a technician, by the real form; what is wrong is said at its field.
    expect(page.get_by_label("Who begins")).to_have_value("technician")
    maria.press("Request parts")
    expect(page.get_by_role("alert")).to_contain_text("need your attention")
    ask_for_a_compressor(maria)
    expect(tasks(page)).to_contain_text("Approve parts")
    decided = page.get_by_role("region", name="Approval policy")
    expect(decided).to_contain_text("MANAGER_THEN_ADMIN")
    expect(page.locator(".diagram [data-element-id=approve_parts].millwright-here")).to_be_visible()

    # The manager approves, and now the administrator gets it.
    play(maria, "Approve parts", "Maintenance manager")
    maria.press("Reject")
    expect(page.get_by_label("Why do you reject the request?")).to_have_attribute("aria-invalid", "true")
    maria.press("Approve")
    administrator = tasks(page).get_by_role("listitem").filter(has_text="for Administrator")
    expect(administrator.get_by_role("button", name="As Administrator")).to_be_visible()
    maria.press("To the next timer")
    expect(page.get_by_role("main")).to_contain_text("hours pass")
    maria.press("Undo the last step")
    expect(page.get_by_role("main")).not_to_contain_text("hours pass")

    page.get_by_label("What happens in it").fill(NAME)
    maria.press("Keep it")
    expect(page.get_by_role("status").filter(has_text=NAME)).to_contain_text("it passes")
    assert rows(demo_site) == before

    # It is among the scenarios of the draft, and passes; the one that says the old rule does not.
    maria.follow("Open it in the Studio")
    page.locator(READY).wait_for()
    expect(page.get_by_role("textbox").first).to_have_value(re.compile(re.escape(NAME)))
    run_scenarios(maria)
    drawer = page.get_by_role("region", name="Checks")
    expect(drawer).to_contain_text("1 of 20 scenarios failed", timeout=LONG)
    expect(drawer).to_contain_text("Exactly 5,000 is still the maintenance manager's decision")


def test_it_is_played_on_a_phone_without_scripts(cast: Cast, photo: Path) -> None:
    maria = cast("manager", phone=True, scripts=False)
    page = maria.page
    page.goto("/studio/maintenance_request/dry-run")
    page.get_by_label("Who begins").select_option("admin")
    maria.press("Show")
    expect(page.get_by_label("Who begins")).to_have_value("admin")
    page.get_by_label("What is wrong?").fill("Oil on the floor.")
    page.get_by_label("Photos").set_input_files(photo)
    maria.press("Start")
    play(maria, "Accept request", "Technician 2")
    maria.press("Accept")
    expect(tasks(page)).to_contain_text("Technician 2 has it")
    page.get_by_label("Time passes").fill("2")
    page.get_by_label("Unit of time").select_option("days")
    maria.press("Let it pass")
    expect(page.get_by_role("main")).to_contain_text("2 days pass")
    play(maria, "Carry out work", "Technician 2")
    maria.press("Complete")
    expect(page.get_by_role("alert")).to_contain_text("need your attention")
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth") if maria.phone else 0
    assert overflow <= 0
