"""Everything that matters works without a script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from app.domain.requests import MaintenanceRequest, RequestStatus
from app.domain.spare_parts_requests import SparePartsRequest
from tests.browser.conftest import Cast
from tests.support.site import Site


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_a_fault_is_reported_and_repaired_without_scripts(cast: Cast, demo_site: Site, phone: bool) -> None:
    jonas = cast("supervisor2", phone=phone, scripts=False)
    jonas.page.goto("/m/M-0009")
    jonas.follow("Report a problem")
    jonas.page.get_by_label("What is wrong?").fill("The chain has jumped off.")
    jonas.press("Report problem")
    expect(jonas.page.get_by_role("status")).to_contain_text("It is on its way as MR-")
    key = jonas.page.get_by_role("main").locator(".key").first.inner_text()

    tomasz = cast("technician", phone=phone, scripts=False)
    page = tomasz.page
    tomasz.open_task("Accept request", key)
    tomasz.press("Accept")
    tomasz.follow("Carry out work")

    page.get_by_label("Cause").fill("Chain stretched")
    for number, part in ((1, "DR-CH08"), (2, "BR-6205")):
        if number > 1:
            tomasz.press(
                page.get_by_role("group", name="Parts", exact=True).get_by_role("button", name="Add another")
            )
        row = tomasz.row(f"Parts: {number}")
        tomasz.choose("Part", part, within=row)
        row.get_by_label("Quantity").fill(str(number))
    tomasz.press(
        page.get_by_role("group", name="Parts", exact=True).get_by_role("button", name="Add another")
    )
    tomasz.press(tomasz.row("Parts: 3").get_by_role("button", name="Remove"))
    expect(tomasz.row("Parts: 3")).to_have_count(0)
    expect(tomasz.row("Parts: 1").get_by_label("Quantity")).to_have_value("1")
    expect(page.get_by_label("Cause")).to_have_value("Chain stretched")
    tomasz.press("Request parts")
    expect(page.get_by_role("status")).to_contain_text("Done.")

    tomasz.follow("Carry out work")
    step = tomasz.row("Work steps: 1")
    step.get_by_label("What was done").fill("Chain replaced and tightened")
    tomasz.press("Complete")
    expect(page.get_by_role("alert")).to_contain_text("Enter minutes.")
    expect(step.get_by_label("What was done")).to_have_value("Chain replaced and tightened")
    step.get_by_label("Minutes").fill("40")
    page.get_by_label("Remedy").fill("New chain")
    tomasz.choose("Type of maintenance", "Preventive")
    tomasz.press("Complete")
    expect(page.get_by_role("status")).to_contain_text("Done: Carry out work")

    with demo_site.session() as session:
        request = session.query(MaintenanceRequest).filter_by(business_key=key).one()
        assert request.status == RequestStatus.COMPLETED
        order = session.query(SparePartsRequest).filter_by(maintenance_request_id=request.id).one()
        assert [line.quantity_requested for line in order.lines] == [1, 2]
        assert request.work is not None and [step.minutes for step in request.work.steps] == [40]
