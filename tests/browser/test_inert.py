"""A process whose every text is an attack, deployed and worked: in nobody's browser does any of it run.

The pages are opened without the content security policy, which would stop most of it: what is written
into a page has to be harmless by itself, and stands there as the text that it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import sqlalchemy as sa
from lxml import etree
from playwright.sync_api import Browser, Page, Request, expect

from app.database import unit_of_work
from app.domain.people import User
from app.engine import deployments, instances, user_tasks
from app.engine.check import check_files
from app.engine.core import ProcessEngine
from app.engine.models import ProcessInstance, TaskState, UserTask
from app.processes.directory import actor_of
from app.processes.templates import new_process
from tests.support.browser import window
from tests.support.person import Person
from tests.support.site import Site

KEY = "hostile"
AFAR = "evil.example"
# Out of an attribute, out of a script, into a page, and by way of Markdown.
OUT = "'\"></title></textarea></script>"
RUNS = '<svg onload="window.ran=1"></svg><script>window.ran=1</script>[x](javascript:window.ran=1)'
FETCHES = f'<img src="https://{AFAR}/x.png" onerror="window.ran=1"> ![x](https://{AFAR}/y.png)'
# What a form may show as a text, what it may call something, and what may stand anywhere else.
IN_TEXT = f"{OUT}{RUNS}"
IN_LABEL = f"{OUT}{FETCHES}{RUNS}"
ATTACK = f"{IN_LABEL} {{{{7*7}}}}"
SEEN = "window.ran=1"
HUMAN_KEYS = {"label", "description", "text", "alt", "title"}
TEXTS = {"description", "documentation"}
ASKED = {"title": ATTACK[:120], "details": ATTACK, "urgency": "LOW", "cost": 2500}


def attacking(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files with an attack in every text that people see."""
    return {name: _attacking(name, data) for name, data in files.items()}


def _attacking(name: str, data: bytes) -> bytes:
    if name.endswith(".form"):
        schema = json.loads(data)
        return json.dumps(
            _in_form(schema) | {"components": [*_in_form(schema)["components"], *SHOWN]}
        ).encode()
    if name.endswith(".yaml"):
        return f"- name: {json.dumps(ATTACK)}\n  start: {{process: {KEY}, by: supervisor}}\n".encode()
    root = etree.fromstring(data)
    for node in root.iter(etree.Element):
        tag = etree.QName(node).localname
        # The name of an output and of a variable is for expressions; all others are for people.
        if "name" in node.attrib and tag not in ("output", "variable", "input", "error", "message"):
            node.set("name", f"{node.get('name')} {ATTACK}")
        if "label" in node.attrib:
            node.set("label", f"{node.get('label')} {ATTACK}")
        if tag in TEXTS:
            node.text = ATTACK
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _in_form(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: f"{each} {IN_TEXT if key == 'text' else IN_LABEL}"
            if key in HUMAN_KEYS and isinstance(each, str)
            else _in_form(each)
            for key, each in value.items()
        }
    return [_in_form(each) for each in value] if isinstance(value, list) else value


# What a form can show besides its fields; pictures from elsewhere are refused, so that they cannot be in it.
SHOWN: list[dict[str, Any]] = [
    {"type": "text", "id": "note", "text": f"# {IN_TEXT}"},
    {
        "type": "html",
        "id": "page",
        "content": '<b style="position:fixed" class="btn">x</b><details open>y</details>',
    },
    {"type": "group", "id": "more", "label": IN_LABEL, "components": []},
]


@pytest.fixture
def hostile(demo_site: Site, factory_engine: ProcessEngine) -> int:
    """The process in two versions, one instance worked and one waiting; answers the open task's id."""
    first = attacking(new_process(factory_engine, "request_with_approval", KEY, "Hostile"))
    assert [str(each) for each in check_files(factory_engine, first) if each.is_error] == []
    second = {
        name: data.replace(b"PT4H", b"PT5H").replace(b"Estimated", b"Guessed") for name, data in first.items()
    }
    with demo_site.session() as session, unit_of_work(session):
        people = {user.email.partition("@")[0]: actor_of(user) for user in session.scalars(sa.select(User))}
        for files in (first, second):
            deployments.deploy(factory_engine, session, files, by=people["admin"], note=ATTACK)
    task = 0
    for _ in range(2):
        with demo_site.session() as session, unit_of_work(session):
            instance = instances.start(factory_engine, session, KEY, people["supervisor"], dict(ASKED))
            waiting = sa.select(UserTask.id).filter_by(instance_id=instance.id, state=TaskState.OPEN)
            before, task = task, session.scalars(waiting).one()
    with demo_site.session() as session, unit_of_work(session):
        user_tasks.submit(
            factory_engine,
            session,
            before,
            people["manager"],
            outcome="reject",
            json={"reason": ATTACK[:400]},
        )
    return task


@pytest.fixture
def unguarded(browser: Browser, demo_site: Site) -> Iterator[Callable[[str], Person]]:
    """Brings people to windows that no policy guards, and tells at the end what ran or was fetched there."""
    ran: list[str] = []
    with ExitStack() as windows:

        def bring(login: str) -> Person:
            page = windows.enter_context(window(browser, demo_site.url, policy=False))
            page.on("dialog", lambda dialog: (ran.append(f"dialog on {page.url}"), dialog.dismiss()))
            page.on("request", lambda request: ran.extend(foreign(request, demo_site, page)))
            page.route(f"**://{AFAR}/**", lambda route: route.abort())
            person = Person(page)
            person.sign_in(login)
            return person

        yield bring
    assert ran == []


def foreign(request: Request, site: Site, page: Page) -> list[str]:
    own = request.url.startswith((site.url, "data:", "blob:"))
    return [] if own else [f"{request.url} on {page.url}"]


def nothing_ran(page: Page) -> None:
    assert page.evaluate("window.ran") is None, page.url


PAGES = {
    "supervisor": ("/", "/?scope=group", "/records", f"/start/{KEY}", "/notifications", "/menu"),
    "manager": (
        "/",
        "/?scope=group",
        "/?scope=mine",
        "/records",
        f"/start/{KEY}",
        "/notifications",
        "/studio",
        f"/studio/{KEY}/versions",
        f"/studio/{KEY}/versions/1",
        f"/studio/{KEY}/compare?from=1&to=2",
        f"/studio/{KEY}/versions/1/rollback",
        f"/studio/{KEY}/dry-run",
        "/api/docs",
    ),
}
SAYS_NOTHING_OF_IT = {"/api/docs", "/notifications", "/menu"}


@pytest.mark.parametrize("login", PAGES)
def test_pages_show_an_attack_as_text(unguarded: Callable[[str], Person], hostile: int, login: str) -> None:
    person = unguarded(login)
    page = person.page
    addresses = [*PAGES[login], *([f"/tasks/{hostile}"] if login == "manager" else [])]
    seen = []
    for address in addresses:
        answer = page.goto(address)
        assert answer is not None and answer.status == 200, address
        page.wait_for_load_state("networkidle")
        nothing_ran(page)
        if SEEN in page.locator("body").inner_text():
            seen.append(address)
        for link in page.locator("a[href]").all():
            assert not re.match(r"\s*(javascript|data|vbscript):", link.get_attribute("href") or "", re.I)
    assert len(seen) >= len(addresses) / 2, seen
    page.goto("/records")
    for address in {link.get_attribute("href") for link in page.locator('a[href^="/records/"]').all()}:
        page.goto(str(address))
        page.wait_for_load_state("networkidle")
        expect(page.locator("body")).to_contain_text(SEEN)
        nothing_ran(page)


def test_the_studio_of_somebody_else_shows_an_attack_as_text(
    unguarded: Callable[[str], Person], hostile: int
) -> None:
    person = unguarded("manager")
    page = person.page
    page.goto(f"/studio/{KEY}")
    page.locator(".studio[aria-busy=false]").wait_for()
    tabs = page.get_by_role("tab")
    assert tabs.count() >= 5
    for number in range(tabs.count()):
        tabs.nth(number).click()
        expect(page.locator(".studio-sheet:not([hidden])")).not_to_have_attribute("aria-busy", "true")
        nothing_ran(page)
    tabs.first.click()
    page.locator('.studio-sheet:not([hidden]) g[data-element-id="approve_request"] > .djs-hit').first.click()
    expect(page.get_by_role("region", name="Properties")).to_contain_text(SEEN)
    page.locator("[data-problems-summary]").click()
    page.wait_for_load_state("networkidle")
    nothing_ran(page)


OF_THE_MONITOR = (
    f"/monitor/instances?process={KEY}",
    f"/monitor/processes/{KEY}",
    f"/monitor/processes/{KEY}/variants",
    "/monitor/alerts/new",
)


def test_the_monitor_shows_an_attack_as_text(
    unguarded: Callable[[str], Person], hostile: int, demo_site: Site
) -> None:
    with demo_site.session() as session:
        ids = session.scalars(sa.select(ProcessInstance.id).filter_by(key=KEY)).all()
    page = unguarded("manager").page
    seen = 0
    for address in (*OF_THE_MONITOR, *(f"/monitor/instances/{number}" for number in ids)):
        answer = page.goto(address)
        assert answer is not None and answer.status == 200, address
        if page.locator("[data-diagram]").count():
            page.locator(".djs-container").first.wait_for()
        nothing_ran(page)
        seen += SEEN in page.locator("body").inner_text()
    assert seen == len(OF_THE_MONITOR) + len(ids)
