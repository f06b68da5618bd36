"""A process owner compares two versions, moves what runs, and goes back; staff work by what is newest."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.database import unit_of_work
from app.domain.machines import Machine
from app.domain.people import User
from app.engine import deployments
from app.engine.core import ProcessEngine
from app.engine.models import Deployment, ProcessInstance
from app.processes.directory import actor_of
from app.processes.shipped import WORKFLOWS, read_folder
from tests.browser.conftest import Cast
from tests.support.person import Person
from tests.support.site import Site
from tests.support.studio import LONG, worked

KEY = "maintenance_request"
FILES = read_folder(WORKFLOWS / KEY)


def changed_files() -> dict[str, bytes]:
    """Another id and name for the first task, a task that is only moved, a decision table and forms that say
    something else."""
    drawing = renamed(FILES[f"{KEY}.bpmn"].decode(), "accept_request", "take_on")
    drawing = drawing.replace('name="Accept request"', 'name="Take it on"')
    place = r'(bpmnElement="confirm_repair".*?<dc:Bounds x="\d+" y=")(\d+)'
    drawing = re.sub(
        place, lambda found: f"{found[1]}{int(found[2]) + 20}", drawing, count=1, flags=re.DOTALL
    )
    table = FILES["response_times.dmn"].decode()
    rules = re.findall(r"<rule .*?</rule>", table, re.DOTALL)
    answer = re.findall(r"<outputEntry.*?<text>(.*?)</text>", rules[1], re.DOTALL)[0]
    faster = rules[1].replace(f"<text>{answer}</text>", '<text>"PT7M"</text>')
    table = table.replace(rules[1], faster + rules[1].replace('id="', 'id="new_'))
    form = next(name for name in FILES if name.endswith(".form") and b"What is wrong?" in FILES[name])
    return {
        **FILES,
        f"{KEY}.bpmn": drawing.encode(),
        "response_times.dmn": table.encode(),
        form: FILES[form].replace(b"What is wrong?", b"What have you seen?"),
        "accept_request.form": FILES["accept_request.form"].replace(b"When you accept", b"By taking it on"),
    }


def renamed(drawing: str, before: str, after: str) -> str:
    """A diagram in which an element has another id."""
    names = "id|sourceRef|targetRef|attachedToRef|bpmnElement"
    drawing = re.sub(rf'\b({names})="{before}"', rf'\1="{after}"', drawing)
    drawing = drawing.replace(f"<bpmn:flowNodeRef>{before}<", f"<bpmn:flowNodeRef>{after}<")
    return drawing.replace(f"&quot;{before}&quot;", f"&quot;{after}&quot;")


def fault(site: Site, description: str) -> dict[str, object]:
    """What somebody answers who reports this of a machine."""
    with site.session() as session:
        machine = session.scalars(sa.select(Machine).filter_by(qr_code="M-0005")).one()
        return {"machineId": machine.id, "priority": "HIGH", "description": description}


def report(site: Site, engine: ProcessEngine, description: str) -> str:
    """A new fault, reported by the supervisor; answers its business key."""
    return worked(site, engine, KEY, fault(site, description))


def deploy(site: Site, engine: ProcessEngine, files: dict[str, bytes], note: str) -> None:
    with site.session() as session, unit_of_work(session):
        owner = session.scalars(sa.select(User).filter_by(email="manager@millwright.example")).one()
        deployments.deploy(engine, session, files, by=actor_of(owner), note=note)


def version_of(site: Site, key: str) -> int | None:
    with site.session() as session:
        query = sa.select(Deployment.version).join(
            ProcessInstance, ProcessInstance.deployment_id == Deployment.id
        )
        return session.scalar(query.where(ProcessInstance.business_key == key))


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_versions_are_compared_what_runs_is_moved_and_taken_back(
    cast: Cast, demo_site: Site, engine: ProcessEngine, phone: bool
) -> None:
    keys = [report(demo_site, engine, "The belt slips."), report(demo_site, engine, "It squeals.")]
    at_work = worked(demo_site, engine, KEY, fault(demo_site, "It drips."), ("technician", "accept", {}))
    files = changed_files()
    files[f"{KEY}.bpmn"] = renamed(files[f"{KEY}.bpmn"].decode(), "carry_out_work", "repair").encode()
    deploy(demo_site, engine, files, "Take it on, faster")

    maria = cast("manager", phone=phone)
    maria.page.goto(f"/studio/{KEY}/versions")
    compare(maria)
    migrate(maria, keys, at_work)
    assert [version_of(demo_site, key) for key in (*keys, at_work)] == [2, 2, 1]

    tomasz = cast("technician", phone=phone)
    for key in keys:
        tomasz.open_task("Take it on", key)
        page = tomasz.page.get_by_role("main")
        expect(page).to_contain_text("By taking it on, you are in charge")
        expect(page).to_contain_text("All by the new diagram")
        tomasz.press("Accept")
        expect(tomasz.page.get_by_role("status")).to_contain_text("Done.")

    maria.page.goto(f"/studio/{KEY}/versions")
    roll_back(maria)
    newest = report(demo_site, engine, "A bearing is hot.")
    tomasz.open_task("Accept request", newest)


def compare(maria: Person) -> None:
    """Look at what the newest version changes: on the drawings, and in the lists beside them."""
    page = maria.page
    maria.follow("Compare with 1")
    expect(page.get_by_role("heading", level=1)).to_have_text("What differs")
    drawings = page.locator(".diff-drawings .diagram")
    expect(page.locator("[data-drawn]")).to_be_attached()
    expect(drawings.nth(0).locator(".diff-removed[data-element-id=accept_request]")).to_be_visible()
    expect(drawings.nth(1).locator(".diff-added[data-element-id=take_on]")).to_be_visible()
    expect(drawings.nth(1).locator(".diff-sign--added").first).to_have_text("+")
    expect(drawings.nth(1).locator(".diff-moved[data-element-id=confirm_repair]")).to_be_visible()

    before = shown_part(page)
    maria.press("Take it on")
    expect(drawings.nth(1).locator(".diff-here[data-element-id=take_on]")).to_be_visible()
    after = shown_part(page)
    assert after[0] == after[1] != before[0]

    table = page.get_by_role("table")
    expect(table.get_by_role("row").filter(has_text="changed")).to_contain_text("PT7M")
    expect(table.get_by_role("row").filter(has_text="added")).to_have_count(1)
    expect(page.get_by_text("now: What have you seen?")).to_be_visible()


def shown_part(page: Page) -> list[str]:
    """The part of the plan that each of the drawings shows."""
    return [
        viewport.get_attribute("transform") or ""
        for viewport in page.locator(".diff-drawings .viewport").all()
    ]


def migrate(maria: Person, keys: list[str], at_work: str) -> None:
    """Say what takes the place of the renamed task, choose the two, and move them; a third one cannot."""
    page = maria.page
    maria.follow("Move what runs")
    row = page.get_by_role("listitem").filter(has_text=keys[0])
    expect(row).to_contain_text("Cannot move")
    expect(row).to_contain_text("which version 2 does not have")
    maria.choose("“Accept request”", "Take it on")
    page.get_by_role("checkbox", name=keys[0]).wait_for()
    stuck = page.get_by_role("listitem").filter(has_text=at_work)
    expect(stuck).to_contain_text("“Carry out work”, which version 2 does not have")
    expect(stuck.get_by_role("checkbox")).to_have_count(0)
    for box in page.get_by_role("checkbox").all():
        box.set_checked(False)
    for key in keys:
        page.get_by_role("checkbox", name=key).check()
    page.get_by_label("Why?").fill("All by the new diagram")
    maria.press("Move to version 2")
    expect(page.get_by_role("heading", name="Done: 2 of 2 moved")).to_be_visible()
    for key in keys:
        expect(page.get_by_role("listitem").filter(has_text=key)).to_contain_text("Moved")


def roll_back(maria: Person) -> None:
    page = maria.page
    maria.follow("Roll back to version 1")
    expect(page.get_by_role("heading", level=1)).to_have_text("Back to version 1?")
    page.get_by_label("Note").fill("The old words were better")
    maria.press("Go back to version 1", patience=LONG)  # its scenarios are run
    expect(page.get_by_role("status")).to_contain_text("Version 3 is deployed", timeout=LONG)
    expect(page.get_by_role("row").filter(has_text="Newest")).to_contain_text("The old words were better")


def test_without_scripts_the_lists_and_tables_are_there(
    cast: Cast, demo_site: Site, engine: ProcessEngine
) -> None:
    deploy(demo_site, engine, changed_files(), "Take it on, faster")
    maria = cast("manager", scripts=False)
    maria.page.goto(f"/studio/{KEY}/compare?from=1&to=2")
    expect(maria.page.get_by_text("Take it on", exact=True)).to_be_visible()
    expect(maria.page.get_by_role("table")).to_contain_text("PT7M")
    expect(maria.page.locator(".diff-drawings")).to_be_hidden()
    maria.page.goto(f"/studio/{KEY}/migrate?from=1")
    maria.choose("“Accept request”", "Take it on")
    maria.press("Look again")
    expect(maria.page.get_by_role("checkbox").first).to_be_checked()


def test_many_are_moved_while_the_page_follows(cast: Cast, demo_site: Site, engine: ProcessEngine) -> None:
    keys = [report(demo_site, engine, f"Fault {number}.") for number in range(51)]
    deploy(demo_site, engine, changed_files(), "Take it on, faster")
    maria = cast("manager")
    maria.page.goto(f"/studio/{KEY}/migrate?from=1&to=2&map.accept_request=take_on")
    maria.page.get_by_role("radio", name="All ").check()
    maria.page.get_by_label("Why?").fill("All by the new diagram")
    maria.press("Move to version 2")
    expect(maria.page).to_have_title(re.compile("Moving to version 2"))
    expect(maria.page.get_by_role("heading", name=re.compile(r"Done: (\d+) of \1 moved"))).to_be_visible(
        timeout=60_000
    )
    assert {version_of(demo_site, key) for key in keys} == {2}
