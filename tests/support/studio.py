"""The Studio as a process owner works in it: files, elements, properties, forms, tables and buttons."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import Locator, Page, Response, expect
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.domain.people import User
from app.engine import deployments, instances, jobs, user_tasks
from app.engine.actors import Actor
from app.engine.core import ProcessEngine
from app.engine.models import ProcessDraft, TaskState, UserTask
from app.processes.directory import actor_of
from app.processes.templates import new_process as new_files
from tests.support.person import Person
from tests.support.site import Site

Act = Callable[[], object]
Step = tuple[str, str | None, Mapping[str, Any]]  # who completes the task, by which outcome and answers

LONG = 60_000  # milliseconds, for scenarios on a busy machine
READY = ".studio[aria-busy=false]"
SHOWN = ".studio-sheet:not([hidden])"


# -- the desk --------------------------------------------------------------------------------------


def open_studio(page: Page, key: str) -> None:
    page.goto(f"/studio/{key}")
    page.locator(READY).wait_for()


def new_process(maria: Person, name: str, template: str) -> None:
    """Make a draft of a new process from a template, as the page for it offers."""
    page = maria.page
    page.goto("/studio")
    maria.follow("New process")
    page.get_by_label("Name").fill(name)
    page.get_by_role("radio", name=template).check()
    maria.press("Make the draft")
    page.locator(READY).wait_for()
    problems(page)


def is_save(answer: Response) -> bool:
    return answer.request.method == "PUT" and answer.url.endswith("/draft")


def saved(page: Page, change: Act, *, at_once: bool = True) -> None:
    """Make a change, and wait until it is saved and looked at: by the key for it, or as it saves itself."""
    state = page.locator("[data-state]")
    with (
        page.expect_response(is_save),
        page.expect_response(lambda answer: answer.url.endswith("/draft/check")),
    ):
        change()
        if at_once:
            expect(state).to_have_text("Saving…")
            page.keyboard.press("Control+s")
    expect(state).to_have_text(re.compile(r"Saved \d\d:\d\d"))
    expect(page.locator("[data-checking]")).to_have_count(0)


def open_file(page: Page, name: str) -> Locator:
    page.get_by_role("tab", name=name, exact=True).click()
    sheet = page.locator(SHOWN)
    expect(sheet).not_to_have_attribute("aria-busy", "true")
    return sheet


def with_file(page: Page, action: str, name: str = "") -> None:
    """Choose something from the menu of files, and say the name that it asks for."""
    page.get_by_text("Files", exact=True).click()
    page.get_by_role("button", name=action).click()
    if name:
        page.get_by_role("dialog").get_by_label("Name", exact=True).fill(name)
    page.get_by_role("dialog").get_by_role("button").first.click()


def draft_of(site: Site, key: str, login: str = "manager") -> dict[str, str]:
    """Somebody's draft as the server has it."""
    with site.session() as session:
        mine = sa.select(User.id).filter_by(email=f"{login}@millwright.example").scalar_subquery()
        return dict(session.scalars(sa.select(ProcessDraft).filter_by(key=key, user_id=mine)).one().files)


def problems(page: Page, text: str | re.Pattern[str] = "No problems") -> None:
    """What the button in the head says of the checks."""
    expect(page.locator("[data-problems-summary]")).to_have_text(text)


def run_scenarios(person: Person) -> Locator:
    """Run the scenarios of the draft; answers where their results come."""
    page = person.page
    if not page.locator("[data-run-scenarios]").is_visible():
        person.press(page.get_by_role("button", name="Scenarios", exact=True))
    person.press(page.get_by_role("button", name="Run the scenarios"))
    return page.get_by_role("region", name="Checks")


def deploy(person: Person, note: str) -> None:
    """Ask for a deployment; what comes of it, the caller looks."""
    page = person.page
    page.locator("[data-deploy]").click()
    page.get_by_label("What has changed, and why?").fill(note)
    page.get_by_role("dialog", name="Deploy").get_by_role("button", name=re.compile("Deploy version")).click()


def deployed(person: Person, note: str, version: str) -> None:
    """Deploy the draft; ``version`` as the list then says it: ``Version 2 of Parts approval``."""
    deploy(person, note)
    told = person.page.get_by_role("status").filter(has_text=f"{version} is deployed")
    expect(told).to_be_visible(timeout=LONG)


# -- diagrams --------------------------------------------------------------------------------------


def element(page: Page, name: str) -> Locator:
    """What of an element takes clicks, by its id."""
    return page.locator(f'{SHOWN} g[data-element-id="{name}"] > .djs-hit').first


def properties(page: Page) -> Locator:
    return page.get_by_role("region", name="Properties")


def append(page: Page, title: str, name: str = "") -> None:
    """Append an element to the one that is chosen, with the pad beside it, and name it."""
    page.locator(f'.djs-context-pad .entry[title="{title}"]').click()
    call_it(page, name)


def call_it(page: Page, name: str) -> None:
    """Name an element that has just been drawn: its name is being asked for."""
    expect(page.locator(".djs-direct-editing-content")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.locator(".djs-direct-editing-content")).to_have_count(0)


def become(page: Page, kind: str) -> None:
    """Change the kind of the element that is chosen, by the wrench beside it: ``User task``."""
    page.locator('.djs-context-pad.open [data-action="replace"]').click()
    page.locator(".djs-popup .djs-popup-search input").fill(kind)
    page.locator(".djs-popup .entry").filter(has_text=re.compile(f"^{re.escape(kind)}$", re.I)).first.click()


def name_it(page: Page, name: str) -> None:
    """Name the element that is chosen, by the keyboard."""
    page.keyboard.press("e")
    page.keyboard.press("Control+A")
    page.keyboard.type(name)
    page.keyboard.press("Enter")


def drag(page: Page, what: Locator, to: tuple[float, float]) -> None:
    """Drag something to a place on the screen, with a step between as a hand does."""
    box = what.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(to[0] - 15, to[1] - 15, steps=4)
    page.mouse.move(*to, steps=4)
    page.mouse.up()


def below(page: Page, name: str, *, across: float = 0.25) -> tuple[float, float]:
    """The place on the lower border of an element where something is attached to it."""
    box = element(page, name).bounding_box()
    assert box is not None
    return box["x"] + box["width"] * across, box["y"] + box["height"]


# -- tables and forms ------------------------------------------------------------------------------


def type_in_cell(page: Page, rule: int, column: int, text: str) -> None:
    """Write into a cell of the decision table; rules and columns count from 1."""
    cell = page.locator(f"{SHOWN} .tjs-container tbody tr").nth(rule - 1).locator("td")
    cell.nth(column).click()
    page.keyboard.press("Control+A")
    page.keyboard.type(text)
    page.keyboard.press("Escape")


def type_in_column(page: Page, column: int, texts: Mapping[int, str]) -> None:
    """Write into cells of a column, by the numbers of their rules."""
    for rule, text in texts.items():
        type_in_cell(page, rule, column, text)


def add_field(page: Page, kind: str, label: str, key: str) -> None:
    """Drag a field out of the form editor's palette to the end of the form, and say what it is."""
    sheet = page.locator(SHOWN)
    fields = sheet.locator(".fjs-form-editor .fjs-element[data-id]")
    before = fields.count()
    last = fields.last if before > 1 else sheet.locator(".fjs-form-editor .fjs-drop-container-vertical").first
    box = last.bounding_box()
    assert box is not None
    place = (box["x"] + box["width"] / 2, box["y"] + box["height"] - (4 if before > 1 else 20))
    drag(page, sheet.locator(f'.fjs-palette-field[data-field-type="{kind}"]'), place)
    expect(fields).to_have_count(before + 1)
    change_field(page, label, key)


def change_field(page: Page, label: str, key: str = "") -> None:
    """What the chosen field of a form is called, and the name of its answer."""
    sheet = page.locator(SHOWN)
    if not sheet.get_by_label("Field label").is_visible():
        sheet.get_by_text("General", exact=True).click()
    sheet.get_by_label("Field label").fill(label)
    if key:
        sheet.get_by_label("Key", exact=True).fill(key)


# -- time ------------------------------------------------------------------------------------------


def later(site: Site, engine: ProcessEngine, **delta: float) -> None:
    """Do what the site's scheduler would do after ``timedelta(**delta)``: timers go off, jobs are done.

    People's windows keep the real time.
    """

    @contextmanager
    def sessions() -> Iterator[Session]:
        with site.session() as session:
            yield session

    moment = datetime.now(UTC) + timedelta(**delta)
    with clock.use(lambda: moment):
        assert instances.fire_due(engine, sessions), "no timer was due"
        jobs.drain(engine, sessions)


def standing(
    site: Site, engine: ProcessEngine, template: str, key: str, name: str, *, without: str = ""
) -> None:
    """A process made from a template and deployed, as if it had been there for long."""
    made = new_files(engine, template, key, name)
    files = {file: content for file, content in made.items() if file != without}
    with site.session() as session, unit_of_work(session):
        owner = session.scalars(sa.select(User).filter_by(email="manager@millwright.example")).one()
        deployments.deploy(engine, session, files, by=actor_of(owner), note="As it began")


# -- staff -----------------------------------------------------------------------------------------


def start(person: Person, process: str, answers: Mapping[str, str]) -> str:
    """Start a process from the menu, its form filled in by the labels; answers the record's key."""
    page = person.page
    if person.phone:
        page.goto("/")
        page.get_by_role("link", name="More").tap()
    person.press(page.get_by_role("link", name=process, exact=True).first)
    for label, answer in answers.items():
        page.get_by_label(label).fill(answer)
    person.press("Start")
    told = page.get_by_text(re.compile(r"[A-Z]{2,}-\d{4}-\d+")).first
    expect(told).to_be_visible()
    found = re.search(r"[A-Z]{2,}-\d{4}-\d+", told.inner_text())
    assert found
    return found[0]


def worked(site: Site, engine: ProcessEngine, key: str, asked: Mapping[str, Any], *steps: Step) -> str:
    """A run of a process, asked for by the supervisor and worked to its end; answers its key."""

    def actor(session: Session, login: str) -> Actor:
        return actor_of(session.scalars(sa.select(User).filter_by(email=f"{login}@millwright.example")).one())

    with site.session() as session, unit_of_work(session):
        instance = instances.start(engine, session, key, actor(session, "supervisor"), dict(asked))
        found = instance.id, instance.business_key
    for login, outcome, answers in steps:
        with site.session() as session, unit_of_work(session):
            waiting = sa.select(UserTask.id).filter_by(instance_id=found[0], state=TaskState.OPEN)
            task = session.scalars(waiting).one()
            user_tasks.submit(
                engine, session, task, actor(session, login), outcome=outcome, json=dict(answers)
            )
    return found[1]
