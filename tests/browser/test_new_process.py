"""A process that did not exist this morning: drawn and configured in the browser, and worked by staff."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from app.engine.core import ProcessEngine
from tests.browser.conftest import Cast
from tests.support.person import Person
from tests.support.site import Site
from tests.support.studio import (
    LONG,
    add_field,
    append,
    become,
    below,
    call_it,
    change_field,
    deployed,
    drag,
    element,
    later,
    name_it,
    new_process,
    open_file,
    problems,
    properties,
    run_scenarios,
    saved,
    start,
    type_in_column,
    with_file,
)

NAME = "Tool calibration request"

STORIES = """\
- name: A tool that is off by little goes to the technician at once
  start:
    process: tool_calibration_request
    by: technician
    values: {title: Torque wrench, details: Due, urgency: MEDIUM, deviation: 1, serialNumber: W-17}
  steps:
    - expect: {open: [Calibrate tool], may: {Calibrate tool: [technician, technician2]}}
    - do: Calibrate tool
      by: technician2
      values: {certificate: C-1}
  expect: {state: completed, status: DONE}

- name: Nobody decides, so the administrator may too
  start:
    process: tool_calibration_request
    by: technician
    values: {title: Torque wrench, details: Dropped, urgency: MEDIUM, deviation: 7, serialNumber: W-17}
  steps:
    - expect: {open: [Approve request], may: {Approve request: [manager]}}
    - wait: PT8H1M
    - expect: {may: {Approve request: [manager, admin]}}
    - do: Approve request
      by: admin
      outcome: approve
  expect: {open: [Calibrate tool]}
"""


def test_tool_calibration_is_made_of_a_template_and_worked(
    cast: Cast, demo_site: Site, engine: ProcessEngine
) -> None:
    maria = cast("manager")
    page = maria.page
    new_process(maria, NAME, "Request with approval")
    what_is_asked(page)
    what_is_filled_in(page)
    who_decides(page)
    the_diagram(page)
    expect(page.locator("[data-problems-summary]")).to_have_text("No problems")

    text = open_file(page, "Scenarios").get_by_role("textbox")
    saved(page, lambda: text.fill(STORIES))
    results = run_scenarios(maria)
    expect(results).to_contain_text("2 scenarios passed", timeout=LONG)
    deployed(maria, "Tools are calibrated by a process", f"Version 1 of {NAME}")

    tomasz = cast("technician", phone=True)
    asked = {"What do you need?": "Torque wrench 17", "Details": "It fell.", "Deviation in percent": "7"}
    key = start(tomasz, NAME, {**asked, "Serial number": "W-17"})
    expect(maria.page).to_have_url(re.compile("/studio"))
    maria.open_task("Approve request", key)
    expect(maria.page.get_by_role("main")).to_contain_text("off by 7 %")
    grace = cast("admin")
    grace.page.goto(f"/?scope=group&q={key}")
    expect(grace.page.get_by_role("link", name="Approve request: ")).to_have_count(0)
    later(demo_site, engine, hours=8, minutes=1)
    grace.open_task("Approve request", key)
    grace.press("Approve")
    expect(grace.page.get_by_role("status")).to_contain_text("Done: Approve request")
    calibrate(tomasz, key)

    light = start(tomasz, NAME, {**asked, "Deviation in percent": "1", "Serial number": "W-18"})
    calibrate(tomasz, light)

    maria.page.goto("/records?show=every")
    row = maria.page.get_by_role("main").get_by_role("listitem").filter(has_text=key)
    expect(row).to_contain_text("Torque wrench 17")
    row.get_by_role("link").first.click()
    story = maria.page.get_by_role("main")
    for told in ("W-17", "C-2026-17", "escalated to the administrator", "Grace Odum", "Tomasz"):
        expect(story).to_contain_text(told)


def what_is_asked(page: Page) -> None:
    """The form that starts it asks for a deviation, not for a cost, and for the tool's number."""
    sheet = open_file(page, "request")
    sheet.locator('.fjs-element[data-id="request_cost"]').click(position={"x": 5, "y": 5})
    saved(page, lambda: change_field(page, "Deviation in percent", "deviation"))
    problems(page, re.compile("error"))
    saved(page, lambda: add_field(page, "textfield", "Serial number", "serialNumber"))


def what_is_filled_in(page: Page) -> None:
    """A form for whoever calibrates, and what the manager reads."""
    with_file(page, "New form", "certificate")
    open_file(page, "certificate")
    saved(page, lambda: add_field(page, "textfield", "Number of the certificate", "certificate"))
    sheet = open_file(page, "approve_request")
    sheet.locator('.fjs-element[data-id="approve_request_text"]').click(position={"x": 5, "y": 5})
    sheet.get_by_text("General", exact=True).click()
    words = sheet.locator(".bio-properties-panel").get_by_role("textbox").first
    words.click()
    page.keyboard.press("Control+A")
    saved(page, lambda: page.keyboard.type("{{record.title}} is off by {{record.deviation}} %."))


def who_decides(page: Page) -> None:
    """The decision table reads the deviation: up to 2 % nobody is asked."""
    sheet = open_file(page, "approval_rules")
    sheet.get_by_text("Estimated cost").dblclick()
    label = page.get_by_role("textbox", name="Input label")
    label.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("Deviation in percent")
    page.get_by_role("textbox", name="Input expression").click()
    page.keyboard.press("Control+A")
    page.keyboard.type("record.deviation")
    page.keyboard.press("Escape")
    sheet.get_by_text("Who approves").click()
    limits = {1: "<= 2", 2: "<= 2", 3: "> 2", 4: "> 2"}
    saved(page, lambda: type_in_column(page, 1, limits))
    problems(page)


def the_diagram(page: Page) -> None:
    """The second task has another name and form; a timer lets the administrator decide after eight hours."""
    open_file(page, "tool_calibration_request")
    panel = properties(page)
    element(page, "request_made").click()
    starter = panel.get_by_label("Started by: Inventory manager")
    saved(page, starter.click)
    expect(starter).not_to_be_checked()
    element(page, "carry_out").click()
    saved(page, lambda: name_it(page, "Calibrate tool"))
    saved(page, lambda: panel.get_by_label("Form", exact=True).select_option("certificate"))

    palette = page.locator(".djs-palette").get_by_label("Create intermediate/boundary event")
    drag(page, palette, below(page, "approve_request"))
    call_it(page, "Eight hours")
    become(page, "Timer boundary event (non-interrupting)")
    panel.get_by_label("Kind").select_option(label="After a duration")
    saved(page, lambda: panel.get_by_label("Duration").fill("PT8H"))
    append(page, "Append task", "Nobody has decided")
    become(page, "Service task")
    panel.get_by_label("Service", exact=True).select_option("tasks.escalate")
    type_expression(page, "element *", '"approve_request"')
    saved(page, lambda: type_expression(page, "role *", '"ADMIN"'))
    saved(page, lambda: append(page, "Append end event"))
    problems(page, "1 error")

    element(page, "tell_done").click()  # it told of an answer that the other form asked for
    saved(page, lambda: type_expression(page, "body", 'record.title + ": " + certificate'))
    problems(page)


def type_expression(page: Page, label: str, text: str) -> None:
    properties(page).get_by_label(label, exact=True).click()
    page.keyboard.press("Control+A")
    page.keyboard.type(text)
    page.keyboard.press("Escape")


def calibrate(tomasz: Person, key: str) -> None:
    tomasz.open_task("Calibrate tool", key)
    tomasz.page.get_by_label("Number of the certificate").fill("C-2026-17")
    tomasz.press("Done")
    expect(tomasz.page.get_by_role("status")).to_contain_text("Done")
