"""The Monitor's pages: what they tell managers, to whom they are shown, and how they hear of changes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.database import unit_of_work
from app.domain import people
from app.domain.people import User
from app.engine import monitor, user_tasks
from app.engine.models import ProcessInstance, UserTask
from app.engine.monitor import views
from app.web.live import RETRY_BUSY, RETRY_HELD, room
from tests import factories
from tests.web.conftest import Factory, SignIn

PAGES = ("/monitor", "/monitor/instances", "/monitor/instances?show=stuck", "/monitor/state", "/monitor/live")


def survey(factory: Factory, **later: float) -> None:
    """Let time pass until the scheduler looks the next time, and let it look."""
    with clock.use(clock.ManualClock(clock.now() + timedelta(**later))):
        monitor.keep_up(factory.engine, factory.jobs.sessions)


def make_late(factory: Factory, *instances: ProcessInstance, **distance: float) -> None:
    """The tasks of instances should have been done long ago."""
    ids = [instance.id for instance in instances]
    with unit_of_work(factory.session) as session:
        late = clock.now() - timedelta(**(distance or {"hours": 3}))
        session.execute(sa.update(UserTask).where(UserTask.instance_id.in_(ids)).values(due_at=late))
    survey(factory)


def text(page: FlaskClient, address: str) -> str:
    """What a page says, without its tags."""
    answer = page.get(address)
    assert answer.status_code == 200, answer.text
    main = answer.text.partition("<main")[2].partition("</main")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


# -- who sees it -----------------------------------------------------------------------------------


def test_the_monitor_is_for_managers_and_process_owners(factory: Factory, sign_in: SignIn) -> None:
    with unit_of_work(factory.session) as session:
        owner = factories.make_user(session, factory.technician.role, process_owner=True)
    for user in (factory.admin, factory.manager, owner):
        page = sign_in(user)
        assert [page.get(address).status_code for address in PAGES] == [200] * len(PAGES)
        assert 'href="/monitor"' in page.get("/").text
    for user in (factory.supervisor, factory.technician, factory.storekeeper):
        page = sign_in(user)
        assert [page.get(address).status_code for address in PAGES] == [403] * len(PAGES)
        assert page.post("/monitor/views", data={"name": "Mine", "query": ""}).status_code == 403
        assert 'href="/monitor"' not in page.get("/").text


def test_strangers_are_asked_to_sign_in(application: Flask, factory: Factory) -> None:
    for address in PAGES:
        answer = application.test_client().get(address)
        assert answer.status_code == 302 and "/sign-in" in answer.location


# -- the overview ----------------------------------------------------------------------------------


def test_what_needs_a_manager_stands_on_top(factory: Factory, sign_in: SignIn) -> None:
    page = sign_in(factory.manager)
    late = factory.report()
    make_late(factory, late)
    said = text(page, "/monitor")
    assert "“Accept request” is overdue by 3 hours; it waits for the role Technician" in said
    assert f"{late.business_key} · Hydraulic press" in said
    assert said.index("overdue by 3 hours") < said.index("Processes")
    assert "Overdue · 1" in said


def test_many_late_tasks_of_a_step_are_one_line_with_a_way_to_them(factory: Factory, sign_in: SignIn) -> None:
    page = sign_in(factory.manager)
    late = [factory.report() for _ in range(4)]
    factory.report("Something else.")
    make_late(factory, *late)
    answer = page.get("/monitor").text
    assert "“Accept request” is overdue in 4 instances, the longest by 3 hours." in unescape(answer)
    (address,) = set(re.findall(r'href="(/monitor/instances\?[^"]*element=accept_request[^"]*)"', answer))
    said = text(page, unescape(address))
    assert "4 instances" in said
    assert all(instance.business_key in said for instance in late)
    assert "Something else" not in said


def test_a_calm_factory_says_so(factory: Factory, sign_in: SignIn) -> None:
    survey(factory)
    said = text(sign_in(factory.manager), "/monitor")
    assert "Nothing is stuck" in said and "The scheduler" not in said


def test_it_is_told_that_nobody_surveys(factory: Factory, sign_in: SignIn) -> None:
    page = sign_in(factory.admin)
    assert "The scheduler has never looked" in text(page, "/monitor")
    survey(factory, minutes=-2, seconds=-5)
    for address in ("/monitor", "/monitor/instances"):
        said = text(page, address)
        assert "The scheduler has not looked since" in said and "timers do not go off" in said
    assert "The scheduler" not in text(page, "/monitor/instances?show=ended")
    survey(factory)
    assert "The scheduler" not in text(page, "/monitor")


def test_figures_and_trend_have_words(factory: Factory, sign_in: SignIn) -> None:
    instance = factory.report(priority="LOW")
    task = factory.open_task(instance, "accept_request")
    with unit_of_work(factory.session) as session:
        user_tasks.submit(
            factory.engine, session, task.id, factory.actor(factory.technician), outcome="accept", json={}
        )
        session.execute(
            sa.update(ProcessInstance).values(
                state="completed", started_at=clock.now() - timedelta(hours=2), ended_at=clock.now()
            )
        )
    survey(factory)
    answer = sign_in(factory.manager).get("/monitor").text
    chart = re.search(r'aria-label="(Median by week[^"]*)"', answer)
    assert chart is not None
    weeks = unescape(chart[1]).removeprefix("Median by week: ").split("; ")
    assert len(weeks) == 8
    assert weeks[0].endswith("none ended") and weeks[-1].endswith("2\xa0h (1 ended).")
    said = text(sign_in(factory.manager), "/monitor")
    assert "1 ended" in said and "100" in said


def test_the_overview_takes_the_same_statements_however_much_is_stuck(
    factory: Factory, sign_in: SignIn, statements: Callable[[], Any]
) -> None:
    page = sign_in(factory.manager)

    def asked(address: str) -> int:
        page.get(address)
        with statements() as seen:
            assert page.get(address).status_code == 200
        return len(seen)

    first = [factory.report(), factory.report()]
    make_late(factory, *first)
    few = [asked(address) for address in PAGES[:3]]
    more = [factory.report() for _ in range(8)]
    with clock.use(clock.ManualClock(clock.now() + timedelta(minutes=1))):
        make_late(factory, *first, *more, days=2)
    assert [asked(address) for address in PAGES[:3]] == few
    assert max(few) <= 22


# -- the list --------------------------------------------------------------------------------------


@pytest.fixture
def two(factory: Factory) -> tuple[ProcessInstance, ProcessInstance]:
    """A late request, and one that is not."""
    late, other = factory.report(), factory.report(priority="LOW")
    make_late(factory, late)
    return late, other


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("", "01"),
        ("show=stuck", "0"),
        ("reason=overdue", "0"),
        ("reason=incident", ""),
        ("show=ended", ""),
        ("show=every", "01"),
        ("state=running", "01"),
        ("state=suspended", ""),
        ("process=maintenance_request&version=1", "01"),
        ("process=maintenance_request&version=2", ""),
        ("process=parts_approval", ""),
        ("process=maintenance_request&element=accept_request", "01"),
        ("process=maintenance_request&element=carry_out_work", ""),
        ("age=under-1d", "01"),
        ("age=over-1d", ""),
        ("machine={machine}", "01"),
        ("machine=9999", ""),
        ("department={department}", "01"),
        ("person={reporter}", "01"),
        ("person={stranger}", ""),
        ("q={key}", "1"),
        ("sort=oldest", "01"),
        # What means nothing is not heeded.
        ("show=nonsense&state=completed&reason=lazy&version=x&machine=-1&age=old&sort=worst&person=²", "01"),
        ("machine=99999999999999999999&before=nonsense", "01"),
    ],
)
def test_the_list_is_filtered(
    factory: Factory,
    sign_in: SignIn,
    two: tuple[ProcessInstance, ProcessInstance],
    filters: str,
    expected: str,
) -> None:
    values = {
        "machine": factory.press.id,
        "department": factory.department.id,
        "reporter": factory.supervisor.id,
        "stranger": factory.storekeeper.id,
        "key": two[1].business_key[-5:],
    }
    said = text(sign_in(factory.manager), f"/monitor/instances?{filters.format(**values)}")
    listed = "".join(str(n) for n, instance in enumerate(two) if f" {instance.business_key} " in said)
    assert listed == expected
    assert f"{len(expected)} instance" in said


def test_the_list_is_gone_through_part_by_part(factory: Factory, sign_in: SignIn) -> None:
    for _ in range(30):
        factory.report()
    page = sign_in(factory.manager)

    def keys(address: str) -> list[str]:
        return re.findall(r'class="key">([^<]+)<', page.get(address).text)

    def way(address: str, rel: str) -> str | None:
        found = re.search(rf'rel="{rel}"\s+href="([^"]+)"', page.get(address).text)
        return unescape(found[1]) if found else None

    start = "/monitor/instances?process=maintenance_request"
    first = keys(start)
    assert len(first) == 25 and first == sorted(first, reverse=True)
    assert way(start, "prev") is None
    older = way(start, "next")
    assert older is not None and "process=maintenance_request" in older
    assert len(keys(older)) == 5 and set(keys(older)).isdisjoint(first)
    assert way(older, "next") is None
    newer = way(older, "prev")
    assert newer is not None and keys(newer) == first


def test_views_are_kept_renamed_and_deleted(factory: Factory, sign_in: SignIn) -> None:
    page = sign_in(factory.manager)
    survey(factory)
    filters = "show=stuck&reason=overdue"
    answer = page.post("/monitor/views", data={"name": "Late ones", "query": f"{filters}&nonsense=1"})
    with factory.jobs.sessions() as session:
        (view,) = views.of_user(session, factory.manager.id)
    assert view.query == filters
    assert answer.location == f"/monitor/instances?{filters}&view={view.id}"
    assert "<h1>Late ones</h1>" in page.get(answer.location).text

    taken = page.post("/monitor/views", data={"name": "late ONES", "query": "show=ended"})
    assert taken.status_code == 422
    assert "You have a view called “late ONES” already." in unescape(taken.text)

    page.post(f"/monitor/views/{view.id}", data={"name": "Overdue"})
    assert "Overdue" in text(page, "/monitor/instances")
    assert page.post(f"/monitor/views/{view.id}", data={"name": " "}).status_code == 422

    other = sign_in(factory.admin)
    assert "Late ones" not in text(other, "/monitor/instances")
    assert other.post(f"/monitor/views/{view.id}", data={"name": "Mine now"}).status_code == 404
    assert other.post(f"/monitor/views/{view.id}/delete").status_code == 404

    page.post(f"/monitor/views/{view.id}/delete")
    with factory.jobs.sessions() as session:
        assert views.of_user(session, factory.manager.id) == []


def test_what_cannot_be_chosen_for_a_batch_is_not_offered(
    application: Flask, factory: Factory, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Selecting is offered where there is something to do with it, to those who may do it."""
    if "batches.choose" not in application.view_functions:
        application.add_url_rule(
            "/monitor/batches/new", endpoint="batches.choose", view_func=lambda: "", methods=["POST"]
        )
    factory.report()
    page = sign_in(factory.manager).get("/monitor/instances?reason=&show=every").text
    assert 'action="/monitor/batches/new"' in page
    assert re.search(r'form="batch"\s+name="ids"', page)
    assert '<input type="hidden" name="filter" value="show=every" />' in page
    with unit_of_work(factory.session) as session:
        owner = factories.make_user(session, factory.technician.role, process_owner=True)
    assert 'name="ids"' not in sign_in(owner).get("/monitor/instances").text
    monkeypatch.delitem(application.view_functions, "batches.choose")
    assert 'name="ids"' not in sign_in(factory.manager).get("/monitor/instances").text


# -- seen the same minute --------------------------------------------------------------------------


def sweep_within_a_minute(factory: Factory) -> None:
    """What the scheduler does in the next minute."""
    for seconds in (0, 31):
        with clock.use(clock.ManualClock(clock.now() + timedelta(seconds=seconds))):
            factory.jobs.sweep()


def leave(factory: Factory, user: User) -> None:
    with unit_of_work(factory.session) as session:
        found = session.get_one(User, user.id)
        people.update_user(session, found, factory.admin.id, active=False)


def test_a_role_without_members_is_seen_the_same_minute(factory: Factory, sign_in: SignIn) -> None:
    page = sign_in(factory.admin)
    instance = factory.report()
    sweep_within_a_minute(factory)
    assert "Nothing is stuck" in text(page, "/monitor")
    for user in (factory.technician, factory.other_technician, factory.manager):
        leave(factory, user)
    sweep_within_a_minute(factory)
    said = text(page, "/monitor")
    assert "Nobody who is there today holds the role Technician" in said
    assert instance.business_key in text(page, "/monitor/instances?reason=nobody_eligible")


def test_somebody_who_leaves_and_a_missing_substitute_are_seen_the_same_minute(
    factory: Factory, sign_in: SignIn
) -> None:
    page = sign_in(factory.admin)
    instance = factory.report()
    task = factory.open_task(instance, "accept_request")
    with unit_of_work(factory.session) as session:
        user_tasks.submit(
            factory.engine, session, task.id, factory.actor(factory.technician), outcome="accept", json={}
        )
    matter = "“Carry out work” is with Tomasz Wolski, who has left or is away, and nobody stands in."
    today = clock.now().date()
    with unit_of_work(factory.session) as session:
        away = session.get_one(User, factory.technician.id)
        day = timedelta(days=1)
        people.set_substitute(
            session, away, factory.other_technician.id, today - day, today + day, factory.admin.id
        )
    sweep_within_a_minute(factory)
    assert matter not in text(page, "/monitor"), "Lena stands in"
    leave(factory, factory.other_technician)
    sweep_within_a_minute(factory)
    assert matter in text(page, "/monitor"), "the substitute is gone"
    leave(factory, factory.technician)
    sweep_within_a_minute(factory)
    assert matter in text(page, "/monitor"), "he is gone himself"


# -- hearing of changes ----------------------------------------------------------------------------


def test_the_state_is_told_once_while_nothing_changes(factory: Factory, sign_in: SignIn) -> None:
    page = sign_in(factory.manager)
    survey(factory)
    answer = page.get("/monitor/state")
    assert answer.json is not None and set(answer.json) == {"counts", "revision", "at"}
    shown = re.search(r'data-revision="([^"]+)"', page.get("/monitor").text)
    assert shown is not None and shown[1] == answer.json["revision"]
    again = page.get("/monitor/state", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def events(answer: Any) -> tuple[int | None, dict[str, Any]]:
    """The retry time and the state of the first event of an answer."""
    first = next(iter(answer.response))
    lines = dict(line.split(": ", 1) for line in first.decode().strip().splitlines())
    return int(lines["retry"]) if "retry" in lines else None, json.loads(lines["data"])


def test_no_more_streams_are_held_than_are_allowed(
    application: Flask, factory: Factory, sign_in: SignIn
) -> None:
    application.extensions["millwright.live"].allow(1)
    page, other = sign_in(factory.manager), sign_in(factory.admin)
    held = page.get("/monitor/live", buffered=False)
    assert held.mimetype == "text/event-stream" and held.headers["Cache-Control"] == "no-store"
    retry, state = events(held)
    assert retry == RETRY_HELD and state["revision"]

    turned_away = other.get("/monitor/live")
    assert turned_away.text.startswith(f"retry: {RETRY_BUSY}\ndata: ")
    assert turned_away.text.count("data:") == 1
    assert events(other.get("/monitor/live")) == (RETRY_BUSY, state)

    held.close()
    free = other.get("/monitor/live", buffered=False)
    assert events(free)[0] == RETRY_HELD
    free.close()


def test_a_stream_that_was_never_read_is_given_back(
    application: Flask, factory: Factory, sign_in: SignIn
) -> None:
    application.extensions["millwright.live"].allow(1)
    page = sign_in(factory.manager)
    for _ in range(3):
        answer = page.get("/monitor/live", buffered=False)
        answer.close()
    assert events(page.get("/monitor/live", buffered=False))[0] == RETRY_HELD


def test_a_server_that_ends_lets_its_streams_go(
    application: Flask, factory: Factory, sign_in: SignIn
) -> None:
    streams = application.extensions["millwright.live"]
    streams.allow(1)
    streams.is_ending = lambda: True
    answer = sign_in(factory.manager).get("/monitor/live")
    assert answer.text.count("data:") == 1 and f"retry: {RETRY_HELD}" in answer.text


@pytest.mark.parametrize(
    ("threads", "asked", "expected"),
    [(8, None, 2), (4, None, 1), (3, None, 0), (1, None, 0), (8, 3, 3), (8, 100, 4), (8, 0, 0), (1, 5, 0)],
)
def test_streams_leave_threads_for_everybody_else(threads: int, asked: int | None, expected: int) -> None:
    assert room(threads, asked) == expected
