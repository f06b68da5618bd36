"""A manager gives the tasks of three requests to somebody else in one go, from the list of instances."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from app.database import unit_of_work
from app.domain.machines import Machine
from app.domain.people import User
from app.engine import instances
from app.engine.core import ProcessEngine
from app.engine.models import HistoryEntry, HistoryKind, ProcessInstance, TaskState, UserTask
from app.processes.directory import actor_of
from tests.browser.conftest import Cast
from tests.support.site import Site

KEY = "maintenance_request"


def report_three(site: Site, engine: ProcessEngine) -> dict[int, str]:
    """Three new faults; the ids and business keys of their instances."""
    with site.session() as session, unit_of_work(session):
        machine = session.scalars(sa.select(Machine).filter_by(qr_code="M-0005")).one()
        user = session.scalars(sa.select(User).filter_by(email="supervisor@millwright.example")).one()
        found: list[ProcessInstance] = []
        for number in range(3):
            answers = {"machineId": machine.id, "priority": "HIGH", "description": f"Fault {number}."}
            found.append(instances.start(engine, session, KEY, actor_of(user), answers))
        return {each.id: each.business_key for each in found}


@pytest.mark.parametrize(
    ("phone", "scripts"),
    [(False, True), (True, True), (False, False)],
    ids=["desktop", "phone", "no scripts"],
)
def test_three_are_selected_and_given_to_somebody_else(
    cast: Cast, demo_site: Site, engine: ProcessEngine, phone: bool, scripts: bool
) -> None:
    three = report_three(demo_site, engine)
    maria = cast("manager", phone=phone, scripts=scripts)
    page = maria.page
    page.goto("/monitor/instances?sort=newest")
    for key in three.values():
        page.get_by_label(f"Select {key}").check()
    maria.press("The selected")
    expect(page.get_by_role("heading", level=1)).to_have_text("Do what to 3 instances?")
    page.get_by_role("radio", name="Reassign").check()
    maria.press("Next")
    person = page.get_by_label("To whom").locator("option").filter(has_text="technician").first
    name = (person.text_content() or "").partition(",")[0].strip()
    page.get_by_label("To whom").select_option(person.get_attribute("value"))
    maria.press("See what will happen")
    expect(page.get_by_role("alert")).to_contain_text("Say why")
    page.get_by_label("Why?").fill("The others are at the training")
    maria.press("See what will happen")
    expect(page.get_by_text("Nothing has been done yet.")).to_be_visible()
    expect(page.get_by_text(f"goes from its group to {name}")).to_have_count(3)
    maria.press("Reassign: 3 instances")

    # The page follows what is done, by a script or by loading itself again.
    expect(page.get_by_role("main").get_by_role("heading", level=2)).to_contain_text("All 3 done")
    for key in three.values():
        expect(page.get_by_role("link", name=key)).to_be_visible()
    with demo_site.session() as session:
        tasks = session.scalars(
            sa.select(UserTask).where(UserTask.instance_id.in_(three), UserTask.state == TaskState.OPEN)
        ).all()
        assert [task.assignee_name for task in tasks] == [name] * 3
        told = session.scalars(
            sa.select(HistoryEntry).where(
                HistoryEntry.instance_id.in_(three), HistoryEntry.kind == HistoryKind.DELEGATED
            )
        ).all()
        assert [entry.detail["reason"] for entry in told] == ["The others are at the training"] * 3
    maria.press(page.get_by_role("link", name=next(iter(three.values()))))
    expect(page.get_by_role("region", name="What happened")).to_contain_text("The others are at the training")
    page.goto("/monitor/batches")
    expect(page.get_by_role("link", name="Reassign: 3 instances")).to_be_visible()
