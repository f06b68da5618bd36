"""The inbox: taking tasks and giving them away, finding them, and seeing new ones arrive."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Cast

ARRIVES = 60_000  # milliseconds on the page's clock within which a new task shows itself


def test_a_task_is_taken_given_back_and_handed_over(cast: Cast) -> None:
    tomasz, lena = cast("technician", phone=True), cast("technician2")
    page, said = tomasz.page, tomasz.page.get_by_role("status")

    page.goto("/?scope=group&q=Scrap")
    tomasz.press(page.get_by_role("button", name="Take it"))
    expect(said).to_contain_text("is yours now")
    page.goto("/?scope=mine&q=Scrap")
    tomasz.press(page.get_by_role("button", name="Give back"))
    expect(said).to_contain_text("is free for your group again")

    tomasz.open_task("Accept request", "Scrap")
    page.get_by_text("Hand over to somebody else").click()
    page.get_by_label("To whom").select_option(label="Lena Fuchs")
    page.get_by_label("What they should know").fill("I am called to the press.")
    tomasz.press("Hand over")
    expect(said).to_contain_text("now belongs to Lena Fuchs")
    page.goto("/?scope=group&q=Scrap")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()

    lena.open_task("Accept request", "Scrap")
    expect(lena.page.get_by_role("region", name="Comments")).to_contain_text("I am called to the press.")
    expect(lena.page.locator(".timeline")).to_contain_text("handed “Accept request” over to Lena Fuchs")
    lena.press("Accept")
    expect(lena.page.get_by_role("status")).to_contain_text("Done.")


def test_tasks_are_searched_and_filtered(cast: Cast) -> None:
    tomasz = cast("technician")
    page = tomasz.page
    titles = page.get_by_role("main").get_by_role("listitem").get_by_role("heading")
    page.goto("/?scope=group")
    expect(titles).to_have_count(3)

    page.get_by_role("combobox", name="Priority").select_option(label="Low")
    expect(page).to_have_url(re.compile("priority=LOW"))
    expect(titles).to_have_text(["Accept request: Scrap conveyor"])
    tomasz.press(page.get_by_role("link", name="Clear filters"))
    expect(titles).to_have_count(3)

    page.get_by_role("combobox", name="Due").select_option(label="Overdue only")
    expect(titles).to_have_text(["Accept request: Eccentric press 80 t"])
    tomasz.press(page.get_by_role("link", name="Clear filters"))

    page.get_by_label("Search tasks").fill("gripper")
    page.get_by_label("Search tasks").press("Enter")
    expect(titles).to_have_text(["Accept request: Welding robot 2"])
    page.get_by_label("Search tasks").fill("nothing is called that")
    page.get_by_label("Search tasks").press("Enter")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()

    ann = cast("supervisor")
    expect(ann.page.get_by_role("heading", name="All done")).to_be_visible()
    ann.press(ann.page.get_by_role("navigation", name="Whose tasks").get_by_role("link", name="My group"))
    expect(ann.page.get_by_role("heading", name="Nothing waiting")).to_be_visible()


def test_a_new_task_appears_without_reloading(cast: Cast) -> None:
    tomasz, ann = cast("technician"), cast("supervisor")
    page = tomasz.page
    page.clock.install()
    page.goto("/?scope=group")
    page.evaluate("window.sameDocument = true")
    task = page.get_by_role("link", name="Accept request: Coil feeder")
    expect(task).to_have_count(0)

    ann.page.goto("/m/M-0003")
    ann.follow("Report a problem")
    ann.page.get_by_label("What is wrong?").fill("The coil slips.")
    ann.press("Report problem")
    expect(ann.page.get_by_role("status")).to_contain_text("It is on its way")

    with page.expect_response(re.compile("/inbox/state")):
        page.clock.fast_forward(ARRIVES)
    expect(task).to_be_visible()
    tabs = page.get_by_role("navigation", name="Whose tasks")
    expect(tabs.get_by_role("link", name="My group")).to_have_text(re.compile(r"My group\s*4"))
    assert page.evaluate("window.sameDocument") is True
