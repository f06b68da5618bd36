"""What somebody typed wrongly is shown where they typed it, and everything they typed is still there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Cast
from tests.support.person import Person

TOO_LARGE = 10 * 1024 * 1024 + 1


@pytest.fixture
def unsuitable(tmp_path: Path) -> dict[str, Path]:
    """Files that nobody can attach: a photo that is too large, and a program that calls itself one."""
    large, program = tmp_path / "panorama.jpg", tmp_path / "pump.jpg"
    large.write_bytes(b"\xff\xd8\xff\xe0".ljust(TOO_LARGE, b"\0"))
    program.write_bytes(b"MZ\x90\x00" + bytes(2000))
    return {"large": large, "program": program}


def expect_problem(page: Page, field: Locator, message: str) -> None:
    """The field is marked as wrong, says why, and the summary at the top leads to it."""
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(re.escape(message)))
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    summary.get_by_role("link").first.click()
    expect(field).to_be_focused()


def fill_report(jonas: Person, *, description: str = "It hums and does not start.") -> None:
    page = jonas.page
    page.goto("/m/M-0008")
    jonas.follow("Report a problem")
    page.get_by_label("Critical – stops production").check()
    page.get_by_label("The machine has stopped").check()
    jonas.choose("Failure code", "Drive fault")
    page.get_by_label("What is wrong?").fill(description)


def expect_report(page: Page, *, description: str = "It hums and does not start.") -> None:
    """Everything that :func:`fill_report` typed is still there."""
    expect(page.get_by_role("combobox", name="Machine").locator(":checked")).to_contain_text(
        "Welding robot 2"
    )
    expect(page.get_by_label("Critical – stops production")).to_be_checked()
    expect(page.get_by_label("The machine has stopped")).to_be_checked()
    expect(page.get_by_label("Failure code").locator(":checked")).to_contain_text("Drive fault")
    expect(page.get_by_label("What is wrong?")).to_have_value(description)


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_mistakes_in_a_report(cast: Cast, unsuitable: dict[str, Path], phone: bool) -> None:
    jonas = cast("supervisor2", phone=phone)
    page = jonas.page

    fill_report(jonas, description="")
    jonas.press("Report problem")
    expect_problem(page, page.get_by_label("What is wrong?"), "Answer “What is wrong?”.")
    expect_report(page, description="")

    page.get_by_label("What is wrong?").fill("It hums and does not start.")
    page.get_by_label("Photos").set_input_files(unsuitable["large"])
    jonas.press("Report problem")
    expect_problem(page, page.get_by_label("Photos"), "panorama.jpg is larger than 10 MB.")
    expect_report(page)

    page.get_by_label("Photos").set_input_files(unsuitable["program"])
    jonas.press("Report problem")
    expect_problem(page, page.get_by_label("Photos"), "pump.jpg")
    expect_report(page)

    page.get_by_label("Photos").set_input_files([])
    jonas.press("Report problem")
    expect(page.get_by_role("status")).to_contain_text("It is on its way")


def test_minutes_that_are_no_number(cast: Cast) -> None:
    tomasz = cast("technician")
    page = tomasz.page
    tomasz.open_task("Carry out work", "Transfer")
    step = tomasz.row("Work steps: 1")
    step.get_by_label("What was done").fill("Both drives taken out")
    step.get_by_label("Minutes").fill("half an hour")
    page.get_by_label("Cause").fill("Burnt output stage")
    tomasz.press("Complete")

    step = tomasz.row("Work steps: 1")
    expect_problem(page, step.get_by_label("Minutes"), "Minutes must be a whole number")
    expect(step.get_by_label("Minutes")).to_have_value("half an hour")
    expect(step.get_by_label("What was done")).to_have_value("Both drives taken out")
    expect(page.get_by_label("Cause")).to_have_value("Burnt output stage")
    expect(page.get_by_label("Remedy")).to_have_attribute("aria-invalid", "true")


def test_more_than_was_approved(cast: Cast) -> None:
    ivo = cast("inventory", phone=True)
    ivo.open_task("Issue parts", "Deburring")
    quantity = ivo.row("Parts: 1").get_by_label("Issue now")
    quantity.fill("3")
    ivo.press("Issue")
    expect_problem(ivo.page, quantity, "Issue now must be at most 2.")
    expect(quantity).to_have_value("3")
    quantity.fill("2")
    ivo.press("Issue")
    expect(ivo.page.get_by_role("status")).to_contain_text("Done: Issue parts")
