"""The inbox and claiming."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import people
from app.domain.people import Substitution
from tests.web.conftest import Factory, SignIn


def test_a_new_request_waits_for_the_group_until_somebody_takes_it(factory: Factory, sign_in: SignIn) -> None:
    instance = factory.report("Oil leaks.")
    task = factory.open_task(instance, "accept_request")
    browser = sign_in(factory.technician)

    group = browser.get("/?scope=group").text
    assert "Accept request: Hydraulic press" in group
    assert "Oil leaks." in group
    assert instance.business_key in group

    taken = browser.post(f"/tasks/{task.id}/claim")
    assert taken.location == f"/tasks/{task.id}"
    assert "Accept request: Hydraulic press" in browser.get("/?scope=mine").text
    assert (
        "Accept request: Hydraulic press" not in sign_in(factory.other_technician).get("/?scope=group").text
    )

    browser.post(f"/tasks/{task.id}/release")
    assert "Accept request: Hydraulic press" in sign_in(factory.other_technician).get("/?scope=group").text


def test_the_second_to_take_a_task_is_told_who_was_first(factory: Factory, sign_in: SignIn) -> None:
    task = factory.open_task(factory.report(), "accept_request")
    sign_in(factory.technician).post(f"/tasks/{task.id}/claim")
    late = sign_in(factory.other_technician).post(f"/tasks/{task.id}/claim", follow_redirects=True)
    assert "Tomasz Wolski has taken “Accept request”." in late.text


def test_others_can_neither_see_nor_take_a_groups_tasks(factory: Factory, sign_in: SignIn) -> None:
    task = factory.open_task(factory.report(), "accept_request")
    storekeeper = sign_in(factory.storekeeper)
    assert "Accept request" not in storekeeper.get("/?scope=group").text
    assert storekeeper.get(f"/tasks/{task.id}").status_code == 403
    assert storekeeper.post(f"/tasks/{task.id}/claim").status_code == 403


def test_only_those_who_oversee_the_work_have_the_tab_with_everything(
    factory: Factory, sign_in: SignIn
) -> None:
    factory.report()
    assert "Accept request" in sign_in(factory.manager).get("/?scope=all").text
    assert "Accept request" not in sign_in(factory.storekeeper).get("/?scope=all").text


def test_filters_and_search_narrow_the_list(factory: Factory, sign_in: SignIn) -> None:
    factory.report("Oil leaks.", priority="CRITICAL")
    factory.report("Belt squeaks.", priority="LOW")
    browser = sign_in(factory.technician)

    critical = browser.get("/?scope=group&priority=CRITICAL").text
    assert "Oil leaks." in critical and "Belt squeaks." not in critical
    found = browser.get("/?scope=group&q=squeak").text
    assert "Belt squeaks." in found and "Oil leaks." not in found
    assert "1 task matches" in found
    assert "Nothing matches" in browser.get("/?scope=group&q=nonsense").text
    assert browser.get("/?scope=group&page=9999&sort=x&priority=y").status_code == 200


def test_overdue_tasks_say_so(factory: Factory, sign_in: SignIn, clock: ManualClock) -> None:
    factory.report(priority="CRITICAL")
    browser = sign_in(factory.technician)
    assert "Overdue" not in browser.get("/?scope=group").text.split('id="inbox-list"')[1]
    clock.advance(days=2)
    listed = sign_in(factory.technician).get("/?scope=group&overdue=1").text.split('id="inbox-list"')[1]
    assert "Overdue by" in listed


def test_a_substitute_has_the_absent_persons_tasks(
    factory: Factory, sign_in: SignIn, clock: ManualClock
) -> None:
    task = factory.open_task(factory.report(), "accept_request")
    sign_in(factory.technician).post(f"/tasks/{task.id}/claim")
    substitute = sign_in(factory.storekeeper)
    assert "Accept request" not in substitute.get("/?scope=mine").text

    today = clock().date()
    with unit_of_work(factory.session) as session:
        people.set_substitute(
            session, factory.technician, factory.storekeeper.id, today, today + timedelta(days=3), None
        )
    assert "Accept request" in substitute.get("/?scope=mine").text
    clock.advance(days=4)
    assert "Accept request" not in sign_in(factory.storekeeper).get("/?scope=mine").text
    assert factory.session.query(Substitution).count() == 1


def test_polling_answers_nothing_new_until_the_list_changes(factory: Factory, sign_in: SignIn) -> None:
    factory.report()
    browser = sign_in(factory.technician)
    first = browser.get("/inbox/state?scope=group")
    assert first.json["counts"] == {"tasks": 0, "mine": 0, "group": 1, "overdue": 0, "unread": 1}

    again = browser.get("/inbox/state?scope=group", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")

    task = factory.open_task(factory.report(), "accept_request")
    sign_in(factory.other_technician).post(f"/tasks/{task.id}/claim")
    changed = browser.get("/inbox/state?scope=group", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    page = browser.get("/?scope=group").text
    assert f'data-revision="{changed.json["revision"]}"' in page


def test_a_long_inbox_costs_no_more_statements_than_a_short_one(
    factory: Factory, sign_in: SignIn, statements: Callable[[], Any]
) -> None:
    factory.report()
    browser = sign_in(factory.technician)
    browser.get("/?scope=group")
    with statements() as few:
        browser.get("/?scope=group")
    for number in range(6):
        factory.report(f"Problem {number}")
    with statements() as many:
        browser.get("/?scope=group")
    assert len(many) == len(few) <= 9
