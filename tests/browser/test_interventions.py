"""A manager finds an instance that is stuck, sees why, and frees it: on a desktop and on a phone."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from app.database import unit_of_work
from app.domain.machines import Machine
from app.domain.people import User
from app.engine import deployments, instances
from app.engine.core import ProcessEngine
from app.engine.models import Incident, ProcessInstance
from app.processes.directory import actor_of
from app.processes.shipped import WORKFLOWS, read_folder
from tests.browser.conftest import Cast
from tests.support.person import Person
from tests.support.site import Site

KEY = "maintenance_request"
FILES = read_folder(WORKFLOWS / KEY)
SIZES = pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])


def report(site: Site, engine: ProcessEngine, description: str) -> int:
    """A new fault, reported by the supervisor; answers the instance's id."""
    with site.session() as session, unit_of_work(session):
        machine = session.scalars(sa.select(Machine).filter_by(qr_code="M-0005")).one()
        user = session.scalars(sa.select(User).filter_by(email="supervisor@millwright.example")).one()
        answers = {"machineId": machine.id, "priority": "HIGH", "description": description}
        return instances.start(engine, session, KEY, actor_of(user), answers).id


def deploy_broken(site: Site, engine: ProcessEngine) -> None:
    """A version whose first step asks a variable whom to tell, which nobody sets."""
    drawing = FILES[f"{KEY}.bpmn"].decode()
    step = re.search(r'<bpmn:serviceTask id="tell_technicians".*?</bpmn:serviceTask>', drawing, re.DOTALL)
    assert step is not None
    broken = step.group(0).replace("=&quot;MAINTENANCE_TECH&quot;", "=whom")
    assert broken != step.group(0)
    files = {**FILES, f"{KEY}.bpmn": drawing.replace(step.group(0), broken).encode()}
    with site.session() as session, unit_of_work(session):
        owner = session.scalars(sa.select(User).filter_by(email="manager@millwright.example")).one()
        deployments.deploy(engine, session, files, by=actor_of(owner), note="Tell somebody")


def give_up(site: Site, instance_id: int) -> None:
    """The automatic retries are over: from now on only people try again."""
    with site.session() as session, unit_of_work(session):
        session.scalars(sa.select(Incident).filter_by(instance_id=instance_id)).one().attempts = 9


def state_of(site: Site, instance_id: int) -> str:
    with site.session() as session:
        return session.get_one(ProcessInstance, instance_id).state


def open_page(person: Person, instance_id: int) -> Page:
    person.page.goto(f"/monitor/instances/{instance_id}")
    expect(person.page.get_by_role("heading", level=1)).to_contain_text("MR-")
    return person.page


def follow_operation(person: Person, title: str) -> None:
    """From the list of all that can be done; what helps most is offered above as well."""
    operations = person.page.get_by_role("region", name="What you can do")
    person.press(operations.get_by_role("link", name=title, exact=True))
    expect(person.page.get_by_role("heading", level=1)).to_have_text(title)


def say_why(person: Person, why: str) -> None:
    person.page.get_by_label("Why?").fill(why)
    person.press("See what will happen")
    expect(person.page.get_by_text("Nothing has been done yet.")).to_be_visible()


@SIZES
def test_a_variable_is_put_right_and_the_failed_step_retried(
    cast: Cast, demo_site: Site, engine: ProcessEngine, phone: bool
) -> None:
    deploy_broken(demo_site, engine)
    instance_id = report(demo_site, engine, "The belt slips.")
    give_up(demo_site, instance_id)
    assert state_of(demo_site, instance_id) == "incident"
    maria = cast("manager", phone=phone)
    page = open_page(maria, instance_id)
    trouble = page.get_by_role("region", name="Step failed")
    expect(trouble).to_contain_text(
        "The step “Tell the technicians” failed: notify.role needs a value for role"
    )
    expect(trouble.get_by_role("link", name="Resolve by hand")).to_be_visible()
    places = page.get_by_role("region", name="Where it stands")
    expect(places.get_by_text("Failed", exact=True)).to_be_visible()
    expect(places.locator(".djs-container")).to_be_visible()
    expect(places.locator("[data-element-id=tell_technicians].millwright-incident")).to_be_attached()
    expect(places.locator(".diagram-wait").first).to_be_attached()

    follow_operation(maria, "Retry")
    say_why(maria, "Perhaps it works now")
    expect(page.get_by_text(re.compile("fails again: notify.role needs a value for role"))).to_be_visible()
    maria.follow("Leave it as it is")

    follow_operation(maria, "Edit a variable")
    page.get_by_label("Which variable").fill("whom")
    page.get_by_label("What kind of value").select_option("Number")
    page.get_by_label("Value", exact=True).fill("MAINTENANCE_TECH")
    page.get_by_label("Why?").fill("Nobody had said whom to tell")
    maria.press("See what will happen")
    expect(page.get_by_role("alert")).to_contain_text("Write a number")
    expect(page.get_by_label("Value", exact=True)).to_have_value("MAINTENANCE_TECH")
    page.get_by_label("What kind of value").select_option("Text")
    maria.press("See what will happen")
    expect(page.get_by_role("row", name="whom")).to_contain_text("MAINTENANCE_TECH")
    maria.press("Edit a variable")
    expect(page.get_by_role("status")).to_contain_text("The variable whom is added.")

    follow_operation(maria, "Retry")
    say_why(maria, "Whom to tell is known now")
    expect(page.get_by_text("The task “Accept request” is opened (for: Technician).")).to_be_visible()
    maria.press("Retry")
    expect(page.get_by_role("status")).to_contain_text("Retry: done.")
    assert state_of(demo_site, instance_id) == "running"
    story = page.get_by_role("region", name="What happened")
    expect(story).to_contain_text("Whom to tell is known now")
    expect(story).to_contain_text("Nobody had said whom to tell")
    with demo_site.session() as session:
        incident = session.scalars(sa.select(Incident).filter_by(instance_id=instance_id)).one()
        assert incident.resolved_at is not None


@SIZES
def test_a_token_is_moved_by_a_click_on_the_diagram(
    cast: Cast, demo_site: Site, engine: ProcessEngine, phone: bool
) -> None:
    instance_id = report(demo_site, engine, "It squeals.")
    maria = cast("manager", phone=phone)
    page = open_page(maria, instance_id)
    follow_operation(maria, "Move the token")
    expect(page.get_by_label("From")).to_have_value("accept_request")
    drawing = page.get_by_role("region", name="Where it stands")
    step = drawing.locator("[data-element-id=take_on_request]")
    step.scroll_into_view_if_needed()
    maria.press(step)
    expect(page.get_by_label("To", exact=True)).to_have_value("take_on_request")
    expect(drawing.locator("[data-element-id=take_on_request].millwright-picked")).to_be_attached()
    say_why(maria, "Agreed on the phone")
    effect = page.get_by_role("form", name="What will happen")
    expect(effect).to_contain_text("The token leaves “Accept request” and enters “Take on the request”.")
    expect(effect).to_contain_text("“Carry out work” is opened")
    expect(effect).to_contain_text("In progress")
    maria.press("Move the token")
    expect(page.get_by_role("status")).to_contain_text("Move the token: done.")
    expect(page.get_by_role("region", name="Where it stands")).to_contain_text("Carry out work")


@SIZES
def test_a_task_is_given_to_somebody_else_without_scripts(
    cast: Cast, demo_site: Site, engine: ProcessEngine, phone: bool
) -> None:
    instance_id = report(demo_site, engine, "It smokes.")
    maria = cast("manager", phone=phone, scripts=False)
    page = open_page(maria, instance_id)
    follow_operation(maria, "Reassign")
    maria.press("See what will happen")
    expect(page.get_by_role("alert")).to_contain_text("Choose who gets it.")
    option = page.get_by_label("To whom").get_by_role("option").filter(has_text=", technician").first
    page.get_by_label("To whom").select_option(option.get_attribute("value"))
    say_why(maria, "Knows this machine")
    maria.press("Change something")
    expect(page.get_by_label("Why?")).to_have_value("Knows this machine")
    say_why(maria, "Knows this machine well")
    maria.press("Reassign")
    expect(page.get_by_text("Reassign: done.")).to_be_visible()
    expect(page.get_by_text("Knows this machine well")).to_be_visible()
