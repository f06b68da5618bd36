"""A machine comes into the factory: entered, labelled, with its manual, and scanned on a phone."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.browser.conftest import Cast
from tests.support.site import Site

NAME = "Wtryskarka łódzka nr 5"
MANUAL = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


def test_a_machine_is_entered_labelled_and_found_by_its_label(
    cast: Cast, demo_site: Site, tmp_path: Path
) -> None:
    grace = cast("admin")
    page = grace.page
    page.goto("/machines")
    grace.follow("Add a machine")
    grace.press("Add")
    expect(page.get_by_role("alert")).to_contain_text("Say where the machine stands.")
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Department").select_option("Assembly")
    page.get_by_label("Place").fill("Hall 3, bay 12")
    page.get_by_label("Criticality").select_option("A – high")
    page.get_by_label("Installed on").fill("2026-11-02")
    grace.press("Add")
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    expect(page.get_by_text("Its label can be printed now.")).to_be_visible()

    add_documents(page, tmp_path)
    add_part(page)
    code = print_label(page)

    tomasz = cast("technician", phone=True)
    phone = tomasz.page
    phone.goto("/scan")
    photo = tmp_path / "label.png"
    answer = page.request.get(f"{page.url.partition('#')[0]}/qr.png")
    Image.open(BytesIO(answer.body())).convert("RGB").rotate(5, expand=True, fillcolor="white").save(photo)
    phone.get_by_label("Take a photo").set_input_files(photo)
    expect(phone.get_by_role("heading", level=1)).to_have_text(NAME)
    expect(phone).to_have_url(re.compile(rf"/m/{re.escape(code)}$"))
    tomasz.follow("Machine, history and parts")
    expect(phone.get_by_role("link", name="manual.pdf", exact=True)).to_be_visible()
    expect(phone.get_by_label("Add files")).to_have_count(0)


def add_documents(page: Page, folder: Path) -> None:
    """A manual and a picture; the picture is taken away again."""
    manual, picture = folder / "manual.pdf", folder / "side.png"
    manual.write_bytes(MANUAL)
    Image.new("RGB", (300, 200), "teal").save(picture)
    documents = page.get_by_role("region", name="Documents and pictures")
    documents.get_by_label("Add files").set_input_files([manual, picture])
    documents.get_by_role("button", name="Add", exact=True).click()
    expect(documents.get_by_role("link", name="manual.pdf", exact=True)).to_be_visible()
    documents.get_by_role("link", name="Remove side.png").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete the file side.png?")
    page.get_by_role("main").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    expect(documents.get_by_role("link", name="side.png", exact=True)).to_have_count(0)


def add_part(page: Page) -> None:
    """A part that fits, by its number."""
    parts = page.get_by_role("region", name="Parts that fit")
    parts.get_by_role("link", name="Add a part that fits").click()
    page.get_by_label("Part number").fill("hy-0080")
    page.get_by_label("Fitted").fill("2")
    page.get_by_role("main").get_by_role("button", name="Add", exact=True).click()
    expect(parts.get_by_role("link", name="Cylinder seal kit 80 mm", exact=True)).to_be_visible()


def print_label(page: Page) -> str:
    """A sheet with the label of the machine; answers the code on it."""
    page.get_by_role("link", name="Print on a label sheet").click()
    page.get_by_label("Sheet or roll").select_option("l7165")
    page.get_by_label("First free label").fill("3")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Make the PDF").click()
    sheet = PdfReader(waiting.value.path()).pages
    assert len(sheet) == 1
    said = sheet[0].extract_text()
    for words in (*NAME.split(), "Assembly", "Hall 3, bay 12"):
        assert words in said
    found = re.search(r"/m/(M-\w{8})", said)
    assert found is not None
    # The button can be pressed again: a download is no new page.
    expect(page.get_by_role("button", name="Make the PDF")).to_be_enabled()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    return found[1]
