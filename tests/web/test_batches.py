"""Operations on many instances, as a manager orders them without scripts."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.engine import jobs
from app.engine.models import Job, ProcessInstance, UserTask
from app.engine.monitor.models import OperationBatch
from app.web import batches
from tests.web.conftest import Factory, SignIn

ADDRESS = "/monitor/batches/new"
NAME = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def page(factory: Factory, sign_in: SignIn) -> FlaskClient:
    return sign_in(factory.manager)


def said(answer: TestResponse) -> str:
    """What a page says, without its tags."""
    main = answer.text.partition("<main")[2].partition("</main")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def hidden(answer: TestResponse) -> dict[str, str]:
    """The hidden fields of the form of a page, as the next step sends them."""
    form = answer.text.partition('action="/monitor/batches/new"')[2].partition("</form")[0]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in found if name != "csrf_token"}


def selected(page: FlaskClient, *instances: ProcessInstance, **given: Any) -> TestResponse:
    ids = [str(instance.id) for instance in instances]
    return page.post(ADDRESS, data={"which": "selected", "ids": ids, "filter": "", **given})


def settle(factory: Factory) -> None:
    factory.session.rollback()
    jobs.drain(factory.engine, factory.jobs.sessions)
    factory.session.expire_all()


def assignees(factory: Factory, *instances: ProcessInstance) -> list[str]:
    ids = [instance.id for instance in instances]
    query = sa.select(UserTask.assignee_name).where(UserTask.instance_id.in_(ids), UserTask.state == "open")
    factory.session.rollback()
    return list(factory.session.scalars(query))


def test_select_choose_look_confirm_and_follow(factory: Factory, page: FlaskClient) -> None:
    three = [factory.report(f"Fault {number}.") for number in range(3)]
    listed = page.get("/monitor/instances").text
    assert f'action="{ADDRESS}"' in listed and listed.count('name="ids"') == 3
    first = selected(page, *three)
    assert "Do what to 3 instances?" in said(first) and "Move the token" not in said(first)
    second = page.post(ADDRESS, data={**hidden(first), "operation": "reassign", "step": "form"})
    assert "Reassign: 3 instances" in said(second) and "Lena Fuchs, technician" in said(second)
    given = {**hidden(second), "person": str(factory.other_technician.id), "reason": "Tomasz is ill"}
    third = page.post(ADDRESS, data={**given, "step": "preview"})
    assert third.status_code == 200
    assert said(third).count("goes from its group to Lena Fuchs") == 3
    assert (
        "Nothing has been done yet" in said(third) and "refused" not in said(third).partition("How many")[0]
    )
    assert assignees(factory, *three) == [""] * 3
    ordered = page.post(ADDRESS, data={**hidden(third), "step": "confirm"})
    assert ordered.status_code == 302
    followed = page.get(ordered.location)
    assert "0 of 3 through" in said(followed) and "3 waiting" in said(followed)
    assert "data-progress" in followed.text and 'http-equiv="refresh"' in followed.text
    settle(factory)
    followed = page.get(ordered.location)
    assert "All 3 done" in said(followed) and "data-progress" not in followed.text
    assert "“Tomasz is ill”" in said(followed) and "to Lena Fuchs" in said(followed)
    for instance in three:
        assert f'href="/monitor/instances/{instance.id}"' in followed.text
        assert "Tomasz is ill" in page.get(f"/monitor/instances/{instance.id}").text
    assert assignees(factory, *three) == ["Lena Fuchs"] * 3
    mine = page.get("/monitor/batches")
    assert "Reassign: 3 instances" in said(mine) and ordered.location in mine.text


def test_confirming_twice_orders_once(factory: Factory, page: FlaskClient) -> None:
    one = factory.report()
    given = {"chosen": str(one.id), "operation": "suspend", "reason": "Fire drill", "name_of_batch": NAME}
    answers = [page.post(ADDRESS, data={**given, "step": "confirm"}) for _ in range(2)]
    assert {answer.location for answer in answers} == {f"/monitor/batches/{NAME}"}
    assert factory.session.scalar(sa.select(sa.func.count(OperationBatch.id))) == 1
    assert factory.session.scalar(sa.select(sa.func.count(Job.id)).where(Job.batch == NAME)) == 1


def test_all_that_match_are_those_that_matched_when_they_were_looked_at(
    factory: Factory, page: FlaskClient
) -> None:
    matching, other = factory.report(), factory.report()
    first = page.post(ADDRESS, data={"which": "all", "filter": f"q={matching.business_key}&sort=oldest"})
    assert "Do what to 1 instance?" in said(first)
    assert hidden(first)["chosen"] == str(matching.id)
    assert f"/monitor/instances?q={matching.business_key}&amp;sort=oldest" in first.text
    everything = page.post(ADDRESS, data={"which": "all", "filter": ""})
    factory.report()
    given = {**hidden(everything), "operation": "suspend", "reason": "Fire drill", "step": "preview"}
    assert "Suspend: 2 instances?" in said(page.post(ADDRESS, data=given))
    assert hidden(everything)["chosen"] == f"{matching.id},{other.id}"


def test_the_look_says_what_would_be_refused_and_why(factory: Factory, page: FlaskClient) -> None:
    taken, free = factory.report(), factory.report()
    for instance in (taken,):
        task = factory.open_task(instance, "accept_request")
        answer = page.post(
            f"/monitor/instances/{instance.id}/reassign",
            data={
                "step": "preview", "task": str(task.id), "reason": "x",
                "person": str(factory.other_technician.id),
            },
        )  # fmt: skip
        revision = re.findall(r'name="revision" value="(\d+)"', answer.text)[0]
        done = page.post(
            f"/monitor/instances/{instance.id}/reassign",
            data={
                "step": "confirm", "task": str(task.id), "reason": "x", "revision": revision,
                "person": str(factory.other_technician.id),
            },
        )  # fmt: skip
        assert done.status_code == 302
    given = {"chosen": f"{taken.id},{free.id}", "operation": "reassign", "reason": "Ill", "step": "preview"}
    answer = page.post(ADDRESS, data={**given, "person": str(factory.other_technician.id)})
    assert "1 of the 2 would be refused." in said(answer)
    assert "Lena Fuchs has “Accept request” already" in said(answer)
    assert "goes from its group to Lena Fuchs" in said(answer)
    ordered = page.post(ADDRESS, data={**hidden(answer), "step": "confirm"})
    settle(factory)
    told = said(page.get(ordered.location))
    assert "1 of 2 done" in told and "1 refused" in told
    assert told.index(taken.business_key) < told.index(free.business_key)
    assert "1 refused" in said(page.get("/monitor/batches"))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"operation": "reassign", "reason": "Ill"}, "Choose who gets it."),
        ({"operation": "escalate", "reason": "Ill"}, "Choose a role."),
        ({"operation": "suspend", "reason": " "}, "Say why"),
        ({"operation": "edit-variable", "reason": "x", "kind": "number", "value": "1"}, "Name the variable."),
        (
            {"operation": "edit-variable", "reason": "x", "kind": "number", "value": "q", "name": "cost"},
            "Write a number",
        ),
    ],
)
def test_what_is_missing_is_said_at_its_field(
    factory: Factory, page: FlaskClient, given: dict[str, str], problem: str
) -> None:
    one = factory.report()
    answer = page.post(ADDRESS, data={"chosen": str(one.id), "step": "preview", **given})
    assert answer.status_code == 422
    assert said(answer).count(problem) == 2 and 'aria-invalid="true"' in answer.text
    if reason := given["reason"].strip():
        assert f">{reason}</textarea>" in answer.text


def test_what_was_typed_is_kept_when_something_is_changed(factory: Factory, page: FlaskClient) -> None:
    one = factory.report()
    given = {"chosen": str(one.id), "operation": "edit-variable", "reason": "Dearer", "name": "cost"}
    looked = page.post(ADDRESS, data={**given, "kind": "number", "value": "12", "step": "preview"})
    assert "Edit a variable cost = 12" in said(looked)
    again = page.post(ADDRESS, data={**hidden(looked), "step": "change"}).text
    assert 'value="cost"' in again and ">12</textarea>" in again and ">Dearer</textarea>" in again
    other = page.post(ADDRESS, data={**hidden(looked), "step": "operation"})
    assert "Do what to 1 instance?" in said(other)


def test_no_operation_is_chosen(factory: Factory, page: FlaskClient) -> None:
    one = factory.report()
    answer = page.post(ADDRESS, data={"chosen": str(one.id), "step": "form"})
    assert answer.status_code == 422 and "Choose what to do." in said(answer)
    for name in ("move", "resolve", "explode"):
        answer = page.post(ADDRESS, data={"chosen": str(one.id), "step": "preview", "operation": name})
        assert "Do what to 1 instance?" in said(answer)


def test_nothing_selected_too_much_or_all_ended(
    factory: Factory, page: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Tick the instances" in said(selected(page))
    ended, going = factory.report(), factory.report()
    given = {"chosen": str(ended.id), "operation": "cancel", "reason": "x", "name_of_batch": NAME}
    assert page.post(ADDRESS, data={**given, "step": "confirm"}).status_code == 302
    settle(factory)
    assert "has ended" in said(selected(page, ended))
    both = selected(page, ended, going)
    assert "Do what to 1 instance?" in said(both) and "1 of those you selected has ended" in said(both)
    further = page.post(ADDRESS, data={**hidden(both), "operation": "suspend", "step": "form"})
    assert "1 of those you selected has ended" in said(further)
    factory.report()
    monkeypatch.setattr(batches, "MAXIMUM_INSTANCES", 1)
    many = page.post(ADDRESS, data={"which": "all", "filter": ""})
    assert many.status_code == 422 and "More than 1 instances match" in said(many)


@pytest.mark.parametrize("chosen", ["", "x", "0", "-1", "99999999999999", "1" * 5000, "²", "4711"])
def test_ids_that_are_none(factory: Factory, page: FlaskClient, chosen: str) -> None:
    given = {"chosen": chosen, "operation": "suspend", "reason": "x", "name_of_batch": NAME}
    answer = page.post(ADDRESS, data={**given, "step": "confirm"})
    assert answer.status_code == 422
    assert factory.session.scalars(sa.select(OperationBatch)).first() is None


def test_it_is_for_those_who_may_operate(factory: Factory, sign_in: SignIn) -> None:
    one = factory.report()
    given = {"chosen": str(one.id), "operation": "suspend", "reason": "x", "name_of_batch": NAME}
    for user in (factory.supervisor, factory.technician, factory.storekeeper):
        browser = sign_in(user)
        assert browser.post(ADDRESS, data={**given, "step": "confirm"}).status_code == 403
        assert browser.get("/monitor/batches").status_code == 403
        assert browser.get(f"/monitor/batches/{NAME}").status_code == 403
    assert factory.session.scalars(sa.select(OperationBatch)).first() is None
    manager = sign_in(factory.admin)
    assert manager.get("/monitor/batches").status_code == 200
    assert manager.get(f"/monitor/batches/{NAME}").status_code == 404
    assert manager.get(ADDRESS).status_code == 302
