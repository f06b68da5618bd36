"""A plan is made in the browser, is due, and is done on a phone; the next due date follows."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from app.domain.preventive.models import PreventiveJob, PreventiveLog, PreventiveTask
from tests.browser.conftest import Cast
from tests.support.site import Site


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_plan_is_made_is_due_and_is_done_on_a_phone(
    cast: Cast, demo_site: Site, photo: Path, scripts: bool
) -> None:
    title = f"Grease the spindle {'with' if scripts else 'without'} scripts"
    maria = cast("manager", scripts=scripts)
    page = maria.page
    page.goto("/preventive")
    maria.follow("Make a plan")
    page.get_by_label("Machine").select_option(index=1)
    page.get_by_label("Title").fill(title)
    page.get_by_label("Repeated every so many").select_option("DAILY")
    page.get_by_label("Every", exact=False).first.fill("3")
    page.get_by_label("Days ahead").fill("0")
    page.get_by_label("What to look at, item 1").fill("Guard closed")
    maria.press("Add an item")
    page.get_by_label("What to look at, item 2").fill("Temperature")
    page.get_by_label("Answered by, item 2").select_option("value")
    page.get_by_label("Unit, item 2").fill("°C")
    page.get_by_label("At most, item 2").fill("80")
    maria.press("Move item 2 up")
    expect(page.get_by_label("What to look at, item 1")).to_have_value("Temperature")
    maria.press("Make the plan")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.get_by_text("every 3 days")).to_be_visible()
    # The scheduler puts its job in the inbox within seconds.
    tom = cast("technician", phone=True, scripts=scripts)
    tom.open_task("Carry out checklist", title.replace(" ", "+"))
    page = tom.page
    page.get_by_role("textbox", name="Value (°C)").fill("72.5")
    page.get_by_role("radio", name="Pass").check()
    page.get_by_label("Minutes").fill("15")
    page.get_by_label("Photos").set_input_files(photo)
    tom.press("Complete")
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Carry out checklist")
    with demo_site.session() as session:
        task = session.scalars(sa.select(PreventiveTask).filter_by(title=title)).one()
        job = session.scalars(sa.select(PreventiveJob).filter_by(task_id=task.id)).one()
        log = session.scalars(sa.select(PreventiveLog).filter_by(task_id=task.id)).one()
        assert (job.status, log.outcome, log.minutes_spent) == ("DONE", "DONE", 15)
        assert [answer.get("value") for answer in log.answers] == [72.5, None]
        following: date = job.due_on + timedelta(days=3)
        assert task.next_due_on == following
    page.goto(f"/preventive/{task.id}")
    expect(page.get_by_text("Next due dates")).to_be_visible()
    expect(page.locator(f"time[datetime='{following.isoformat()}']").first).to_be_visible()
    page.goto(f"/preventive/jobs/{job.id}")
    expect(page.get_by_text("72.5 °C")).to_be_visible()
    expect(page.get_by_role("img", name="Photo 1")).to_be_visible()
