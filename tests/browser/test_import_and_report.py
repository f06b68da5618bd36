"""A list is imported whole or not at all; a report is narrowed, read and taken away."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Cast

LIST = "qrCode,name,department\nIMP-1,Imported robot,{first}\nIMP-2,Imported belt,{last}\n"


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_a_bad_row_in_the_last_line_imports_nothing_and_mended_all_is_imported(
    cast: Cast, tmp_path: Path, phone: bool
) -> None:
    admin = cast("admin", phone=phone)
    page = admin.page
    file = tmp_path / "machines.csv"
    page.goto("/import")
    page.get_by_role("link", name="Machines The register").click()

    file.write_text(LIST.format(first="Assembly", last="Attic"))
    page.get_by_label("Excel (.xlsx) or CSV").set_input_files(file)
    admin.press("Upload and preview")
    problems = page.get_by_role("region", name="Problems")
    expect(problems).to_contain_text("There is no department 'Attic'; use one of")
    expect(problems).to_contain_text("Line 3")
    expect(page.get_by_role("button", name="Import")).to_have_count(0)
    page.goto("/machines?q=Imported")
    expect(page.get_by_role("heading", level=2, name="Nothing matches")).to_be_visible()

    page.goto("/import/machines")
    file.write_text(LIST.format(first="Assembly", last="Assembly"))
    page.get_by_label("Excel (.xlsx) or CSV").set_input_files(file)
    admin.press("Upload and preview")
    admin.press("Import 2 rows")
    expect(page.get_by_role("status")).to_contain_text("Machines are imported: 2 added, 0 changed")
    page.goto("/machines?q=Imported")
    expect(page.get_by_role("link", name="Imported robot")).to_be_visible()
    expect(page.get_by_role("link", name="Imported belt")).to_be_visible()


def test_a_report_is_narrowed_read_and_taken_away(cast: Cast) -> None:
    manager = cast("manager")
    page = manager.page
    page.goto("/reports")
    page.get_by_role("link", name="Downtime How long").click()
    page.get_by_label("Period").select_option("365")
    page.wait_for_url("**period=365**")
    expect(page.get_by_role("img", name="Downtime: 12 columns")).to_be_visible()
    rows = page.get_by_role("row")
    machine = page.locator("tbody tr td").first.inner_text().strip()
    expect(rows.last).to_contain_text("Total of")
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="Excel").click()
    book = openpyxl.load_workbook(io.BytesIO(Path(started.value.path()).read_bytes()))
    assert book.active is not None
    assert book.active["A2"].value == machine
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_figures_lead_to_what_they_are_made_of_and_to_how_they_are_calculated(cast: Cast) -> None:
    page = cast("manager", phone=True).page
    page.goto("/analytics/reliability?period=365")
    page.get_by_role("link", name="How MTBF is calculated").click()
    expect(page.get_by_role("region", name="MTBF")).to_contain_text("EN 13306")
    page.goto("/analytics/downtime?period=365")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    link = page.get_by_role("region", name="By machine").get_by_role("link").first
    name = link.inner_text().strip()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
