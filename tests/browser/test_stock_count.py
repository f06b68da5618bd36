"""A shelf is counted on a phone, by two people at once; what differs is reviewed and posted at a desk."""

from __future__ import annotations

import re
from decimal import Decimal

from playwright.sync_api import Locator, expect

from app.domain.parts import SparePart
from tests.browser.conftest import Cast
from tests.support.person import Person
from tests.support.site import Site

SHELF = "Main store"


def lines(person: Person) -> Locator:
    return person.page.locator("[data-count-line]")


def number(line: Locator) -> Locator:
    return line.get_by_role("textbox", name="How many of")


def part_of(line: Locator) -> str:
    """The number of the part of a line."""
    return line.locator(".key").inner_text()


def stock_of(site: Site, part_number: str) -> tuple[int, Decimal]:
    """How many of a part lie on the shelf that is counted, and what all of them are worth."""
    with site.session() as session:
        found = session.query(SparePart).filter_by(part_number=part_number).one()
        here = next(stock.quantity for stock in found.stock if stock.location.name == SHELF)
        return here, found.average_value


def test_counted_on_phones_reviewed_and_posted_at_a_desk(cast: Cast, demo_site: Site) -> None:
    ivo, grace = cast("inventory", phone=True), cast("admin", phone=True)
    page = ivo.page
    page.goto("/stock/counts")
    ivo.follow("Start a count")
    ivo.choose("Stock location", SHELF)
    page.get_by_label("Only a sample of so many parts").fill("3")
    ivo.press("Start")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Count {SHELF}")
    expect(lines(ivo)).to_have_count(3)
    expect(lines(ivo).filter(has_text="xpected")).to_have_count(0)  # it is blind
    address = page.url.split("#")[0]

    first, second, third = (part_of(lines(ivo).nth(place)) for place in range(3))
    before = {part: stock_of(demo_site, part) for part in (first, second, third)}
    number(lines(ivo).nth(0)).fill(str(before[first][0]))
    number(lines(ivo).nth(0)).press("Enter")
    expect(lines(ivo).nth(0).get_by_role("status")).to_contain_text("As expected")
    expect(number(lines(ivo).nth(1))).to_be_focused()  # on to the next line
    number(lines(ivo).nth(1)).fill("some")
    number(lines(ivo).nth(1)).press("Tab")
    expect(lines(ivo).nth(1).get_by_role("status")).to_contain_text("a whole number, 0 or more")

    # Somebody else counts the third line meanwhile; neither loses what the other has typed.
    grace.page.goto(address)
    number(lines(grace).nth(2)).fill(str(before[third][0] + 2))
    number(lines(grace).nth(2)).press("Tab")
    expect(lines(grace).nth(2).get_by_role("status")).to_contain_text("+2, expected")
    expect(grace.page.get_by_text("2 of 3 counted")).to_be_visible()

    number(lines(ivo).nth(1)).fill(str(before[second][0] + 1))
    lines(ivo).nth(1).get_by_role("button", name="Save").click()
    expect(lines(ivo).nth(1).get_by_role("status")).to_contain_text("+1, expected")
    expect(page.get_by_text("3 of 3 counted")).to_be_visible()

    desk = cast("inventory")
    desk.page.goto(f"{address}/review")
    differing = desk.page.locator("table tbody tr")
    expect(differing).to_have_count(2)
    expect(differing.filter(has_text=third)).to_contain_text("Grace Odum")
    differing.filter(has_text=second).get_by_role("checkbox").check()
    desk.press("Have what is ticked counted again")
    expect(lines(desk)).to_have_count(1)
    expect(lines(desk)).to_contain_text("Count again")
    number(lines(desk)).fill(str(before[second][0]))
    number(lines(desk)).press("Tab")
    expect(lines(desk).get_by_role("status")).to_contain_text("As expected")

    desk.page.goto(f"{address}/review")
    expect(differing).to_have_count(1)
    desk.press("Post")
    expect(desk.page.get_by_role("status").first).to_contain_text(re.compile("is posted: 1 adjustment"))
    assert stock_of(demo_site, third)[0] == before[third][0] + 2
    assert stock_of(demo_site, second) == before[second]
    assert stock_of(demo_site, first) == before[first]


def test_what_is_not_saved_says_so_and_is_saved_once_there_is_a_connection(
    cast: Cast, demo_site: Site
) -> None:
    ivo = cast("inventory", phone=True)
    page = ivo.page
    page.goto("/stock/counts/new")
    ivo.choose("Stock location", SHELF)
    page.get_by_label("Only a sample of so many parts").fill("1")
    ivo.press("Start")
    line = lines(ivo).first
    page.route("**/stock/counts/*/lines/*", lambda route: route.abort())
    number(line).fill("4")
    number(line).press("Tab")
    expect(line.get_by_role("status")).to_contain_text("Not saved")
    expect(number(line)).to_have_value("4")
    page.unroute("**/stock/counts/*/lines/*")
    line.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 of 1 counted")).to_be_visible()
