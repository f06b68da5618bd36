"""Rules that a process owner changes in the Studio, each to its end: staff working by the new rule."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from app.engine.core import ProcessEngine
from tests.browser.conftest import Cast
from tests.support.person import Person
from tests.support.site import Site
from tests.support.studio import (
    LONG,
    READY,
    SHOWN,
    Step,
    deployed,
    draft_of,
    element,
    new_process,
    open_file,
    open_studio,
    problems,
    properties,
    run_scenarios,
    saved,
    standing,
    start,
    type_in_column,
    worked,
)

KEY, NAME = "tool_loan", "Tool loan"


# -- the diagram -----------------------------------------------------------------------------------


def test_a_task_goes_to_other_people_sooner_and_with_another_answer(cast: Cast, demo_site: Site) -> None:
    maria = cast("manager")
    page = maria.page
    new_process(maria, NAME, "One task")
    deployed(maria, "Somebody asks, and a technician brings it", f"Version 1 of {NAME}")
    maria.follow(f"Change {NAME}")
    page.locator(READY).wait_for()
    problems(page)
    page.get_by_role("button", name="Keys").click()
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys.get_by_role("row", name="Undo, do again")).to_be_visible()
    keys.get_by_role("button", name="Close").click()

    element(page, "do_it").click()
    panel = properties(page)
    expect(panel).to_contain_text("Now: 2 days.")
    saved(page, lambda: panel.get_by_label("Role", exact=True).select_option(label="Inventory manager"))
    saved(page, lambda: panel.get_by_label("Priority").select_option(label="High"))
    saved(page, lambda: panel.get_by_label("Due", exact=True).fill("4 hours"))
    problems(page, re.compile("1 error"))
    the_error_leads_to_its_element(page)
    saved(page, lambda: panel.get_by_label("Due", exact=True).fill("PT4H"))
    problems(page)
    expect(panel).to_contain_text("Now: 4 hours.")
    add_an_outcome(page)
    undo_and_do_again(maria, demo_site)
    simulate(page)

    results = run_scenarios(maria)
    expect(results).to_contain_text("1 of 1 scenario failed", timeout=LONG)
    text = open_file(page, "Scenarios").get_by_role("textbox")
    told = text.input_value().replace("[technician, technician2]", "[inventory]")
    told = told.replace("by: technician\n      values", "by: inventory\n      outcome: lend\n      values")
    saved(page, lambda: text.fill(told))
    run_scenarios(maria)
    expect(results).to_contain_text("1 scenario passed", timeout=LONG)
    deployed(maria, "The store lends tools, within four hours", f"Version 2 of {NAME}")

    jonas = cast("supervisor2", phone=True)
    record = start(jonas, NAME, {"What do you need?": "A torque wrench"})
    ivo = cast("inventory")
    ivo.page.goto(f"/?scope=group&q={record}")
    row = ivo.page.get_by_role("listitem").filter(has_text="A torque wrench")
    expect(row).to_contain_text("High")
    expect(row).to_contain_text("in 4 hours")
    ivo.open_task("Do it", record)
    ivo.page.get_by_label("What was done?").fill("Lent until Friday.")
    ivo.press("Lend")
    expect(ivo.page.get_by_role("status")).to_contain_text("Done: Do it")


def the_error_leads_to_its_element(page: Page) -> None:
    open_file(page, "request")
    page.locator("[data-problems-summary]").click()
    drawer = page.get_by_role("region", name="Checks")
    drawer.get_by_role("listitem").first.get_by_role("button").click()
    expect(properties(page)).to_contain_text("Do it")
    drawer.get_by_role("button", name="Close").click()


def add_an_outcome(page: Page) -> None:
    panel = properties(page)
    group = panel.locator('[data-group-id="group-millwright-outcomes"]')
    saved(page, lambda: group.get_by_title("Create new list item").click())
    saved(page, lambda: group.get_by_label("Text of the button").fill("Lend"))
    saved(page, lambda: group.get_by_label("Value", exact=True).fill("lend"))


def undo_and_do_again(maria: Person, site: Site) -> None:
    """By the keyboard, with the map of the diagram open."""
    page = maria.page
    page.get_by_role("toolbar", name="Diagram").get_by_role("button", name="Map").click()
    expect(page.locator(".djs-minimap .viewport-dom")).to_be_visible()
    element(page, "do_it").click()
    saved(page, lambda: page.keyboard.press("Control+z"))
    assert 'value="lend"' not in draft_of(site, KEY)[f"{KEY}.bpmn"]
    saved(page, lambda: page.keyboard.press("Control+y"))
    assert 'value="lend"' in draft_of(site, KEY)[f"{KEY}.bpmn"]


def simulate(page: Page) -> None:
    """Let a token run through the draft, to its end."""
    tools = page.get_by_role("toolbar", name="Diagram")
    tools.get_by_role("button", name="Simulate").click()
    page.locator(".bts-context-pad:visible").first.click()
    expect(page.locator(".bts-notifications")).to_contain_text("finished")
    tools.get_by_role("button", name="Simulate").click()


# -- rules and their stories -----------------------------------------------------------------------

ORDER, ORDERS = "tool_order", "Tool order"
ASKED = {"title": "A hoist", "details": "One is not enough.", "urgency": "MEDIUM", "cost": 150}


def test_a_run_becomes_a_story_and_a_table_is_put_right(
    cast: Cast, demo_site: Site, engine: ProcessEngine
) -> None:
    standing(demo_site, engine, "request_with_approval", ORDER, ORDERS, without="scenarios.yaml")
    bought: list[Step] = [("manager", "approve", {}), ("technician", None, {"result": "Bought."})]
    run = worked(demo_site, engine, ORDER, ASKED, *bought)

    maria = cast("manager")
    page = maria.page
    open_studio(page, ORDER)
    results = run_scenarios(maria)
    expect(results).to_contain_text("This process has no scenarios yet", timeout=LONG)
    recorded(maria, run)
    run_scenarios(maria)
    expect(results).to_contain_text("1 scenario passed", timeout=LONG)
    expect(results).to_contain_text(re.compile(r"They do not come to \d+ steps"))
    what_no_story_comes_to(page)

    overlap_and_gap(page)
    run_scenarios(maria)
    expect(results).to_contain_text("1 of 1 scenario failed", timeout=LONG)
    text = open_file(page, "Scenarios").get_by_role("textbox")
    saved(page, lambda: text.fill(text.input_value().replace("cost: 150", "cost: 450")))
    run_scenarios(maria)
    expect(results).to_contain_text("1 scenario passed", timeout=LONG)
    deployed(maria, "Up to 400 nobody has to be asked", f"Version 2 of {ORDERS}")

    jonas = cast("supervisor2")
    wanted = {"What do you need?": "A jack", "Details": "For hall 2.", "Estimated cost": "300"}
    key = start(jonas, ORDERS, wanted)
    tomasz = cast("technician", phone=True)
    tomasz.open_task("Carry out request", key)

    back_to_the_first(maria)
    key = start(jonas, ORDERS, wanted)
    maria.open_task("Approve request", key)


def recorded(maria: Person, run: str) -> None:
    """Make a scenario of a real run; where there is none by that key, the Studio says so."""
    page = maria.page
    for key, told in (("TO-2026-999999", "There is no run"), (run, "")):
        page.get_by_role("button", name="Make one of a real run").click()
        page.get_by_role("dialog").get_by_label("Business key of the run").fill(key)
        if told:
            page.get_by_role("dialog").get_by_role("button", name="Make it").click()
            expect(page.get_by_role("dialog")).to_contain_text(told)
            page.get_by_role("dialog").get_by_role("button", name="Close").click()
        else:
            saved(page, lambda: page.get_by_role("dialog").get_by_role("button", name="Make it").click())
    expect(page.get_by_role("textbox", name="Text of the file")).to_have_value(re.compile("outcome: approve"))


def what_no_story_comes_to(page: Page) -> None:
    open_file(page, ORDER)
    drawn = page.locator(SHOWN)
    expect(drawn.locator('g.studio-missed[data-element-id="tell_rejected"]')).to_be_visible()
    expect(
        drawn.locator('g.djs-connection.studio-missed[data-element-id="approved_to_tell_rejected"]')
    ).to_be_attached()
    expect(drawn.locator('g.studio-covered[data-element-id="carry_out"]')).to_be_visible()


def overlap_and_gap(page: Page) -> None:
    """Up to 400 nobody is to be asked: on the way there, two rules overlap, and then none applies."""
    open_file(page, "approval_rules")
    summary = page.locator("[data-problems-summary]")
    saved(page, lambda: type_in_column(page, 1, dict.fromkeys((1, 2), "<= 400")))
    summary.click()
    found = page.get_by_role("region", name="Checks").get_by_role("listitem")
    expect(found.filter(has_text="both apply, for example with Estimated cost: 250")).to_have_count(2)
    saved(page, lambda: type_in_column(page, 1, dict.fromkeys((3, 4), "> 500")))
    expect(
        found.filter(has_text="No rule of “Approval rules” applies with Estimated cost: 450")
    ).to_have_count(1)
    saved(page, lambda: type_in_column(page, 1, dict.fromkeys((3, 4), "> 400")))
    expect(page.get_by_role("region", name="Checks")).to_contain_text("No problems were found.")


def back_to_the_first(maria: Person) -> None:
    """What version 2 changed, rule by rule, and then the first one again."""
    page = maria.page
    page.goto(f"/studio/{ORDER}/versions")
    maria.follow("Compare with 1")
    table = page.get_by_role("table").first
    expect(table.get_by_role("row").filter(has_text="changed")).to_have_count(4)
    expect(table).to_contain_text("<= 400")
    page.goto(f"/studio/{ORDER}/versions")
    maria.follow("Roll back to version 1")
    page.get_by_label("Note").fill("The manager wants to be asked")
    maria.press("Go back to version 1", patience=LONG)  # its scenarios are run
    expect(page.get_by_role("status")).to_contain_text("Version 3 is deployed", timeout=LONG)
