"""The page of an instance and the operations on it: who may, what is shown before, what is refused."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain.notifications import Notification
from app.domain.people import Role, User
from app.engine import interventions, user_tasks
from app.engine.interventions import OPERATIONS
from app.engine.models import HistoryEntry, Incident, ProcessInstance
from app.engine.projection import WITH_STATE
from app.engine.services import ServiceTask
from tests import factories
from tests.support import consistency
from tests.web.conftest import Factory, SignIn

# What each operation is given here, besides the reason.
GIVEN: dict[str, dict[str, str]] = {
    "move": {"from_element": "accept_request", "to_element": "carry_out_work"},
    "skip": {"from_element": "accept_request"},
    "edit-variable": {"name": "priority", "kind": "text", "value": "LOW"},
    "escalate": {"role": "MAINTENANCE_MANAGER"},
}


@pytest.fixture
def manager(factory: Factory, sign_in: SignIn) -> FlaskClient:
    return sign_in(factory.manager)


@pytest.fixture(autouse=True)
def all_agrees(factory: Factory) -> Iterator[None]:
    """Whatever a page has done, instances, tasks, waits, incidents and records agree at the end."""
    yield
    factory.session.rollback()
    assert consistency.problems(factory.engine, factory.session) == []


@pytest.fixture
def broken(factory: Factory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets the service tasks of a name fail for as long as the test wants: ``broken("notify.role")``."""
    services = factory.engine.services.tasks

    def fail(name: str) -> Callable[[], None]:
        working = services[name]

        def refuse(ctx: Any, **arguments: Any) -> dict[str, Any]:
            raise RuntimeError("The radio is silent.")

        monkeypatch.setitem(
            services, name,
            ServiceTask(name, working.title, "", refuse, working.inputs, working.outputs, working.errors),
        )  # fmt: skip
        return lambda: monkeypatch.setitem(services, name, working)

    return fail


def text(answer: TestResponse) -> str:
    """What somebody reads on a page."""
    plain = re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True))
    return re.sub(r"\s+", " ", html.unescape(plain))


def address(instance: ProcessInstance, operation: str = "") -> str:
    return f"/monitor/instances/{instance.id}" + (f"/{operation}" if operation else "")


def revision_of(answer: TestResponse) -> str:
    found = re.search(r'name="revision" value="(\d+)"', answer.get_data(as_text=True))
    assert found, text(answer)
    return found.group(1)


def preview(browser: FlaskClient, instance: ProcessInstance, operation: str, **given: str) -> TestResponse:
    given = {"reason": "It waits too long", **given}
    return browser.post(address(instance, operation), data={**given, "step": "preview"})


def confirm(browser: FlaskClient, instance: ProcessInstance, operation: str, **given: str) -> TestResponse:
    """Look at what would happen, and confirm it with all that the page has kept."""
    looked = preview(browser, instance, operation, **given)
    assert looked.status_code == 200, text(looked)
    kept = dict(
        re.findall(r'<input type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"', looked.get_data(as_text=True))
    )
    kept = {name: html.unescape(value) for name, value in kept.items()}
    done = browser.post(address(instance, operation), data={**kept, "step": "confirm"})
    assert done.status_code == 302, text(done)
    return done


def now(factory: Factory, instance: ProcessInstance) -> ProcessInstance:
    factory.session.rollback()
    query = sa.select(ProcessInstance).where(ProcessInstance.id == instance.id).options(*WITH_STATE)
    return factory.session.scalars(query.execution_options(populate_existing=True)).one()


def history(factory: Factory, instance: ProcessInstance, kind: str) -> list[HistoryEntry]:
    factory.session.rollback()
    query = sa.select(HistoryEntry).where(HistoryEntry.instance_id == instance.id, HistoryEntry.kind == kind)
    return list(factory.session.scalars(query.order_by(HistoryEntry.id)))


def accept(factory: Factory, instance: ProcessInstance, by: User | None = None) -> None:
    task = factory.open_task(instance, "accept_request")
    with unit_of_work(factory.session) as session:
        actor = factory.actor(by or factory.technician)
        user_tasks.submit(factory.engine, session, task.id, actor, outcome="accept", json={})


# -- the page --------------------------------------------------------------------------------------


def test_the_page_tells_where_it_stands_what_happened_and_what_it_holds(
    factory: Factory, manager: FlaskClient
) -> None:
    instance = factory.report(description="Oil leaks <b>badly</b>.")
    page = manager.get(address(instance))
    assert page.status_code == 200
    said = text(page)
    assert instance.business_key in said and "Hydraulic press" in said
    assert "Accept request" in said and "for: Technician" in said
    assert "Ann Keller" in said
    # The values that were given, and the variables, as text.
    assert "Oil leaks <b>badly</b>." in said and "<b>badly</b>" not in page.get_data(as_text=True)
    assert "listens for the message “cancel requested”" in said
    assert f'href="/requests/{instance.subject_id}"' in page.get_data(as_text=True)
    every = text(manager.get(address(instance), query_string={"show": "all"}))
    assert "was decided by" in every and "was decided by" not in said


def test_a_long_history_comes_in_parts(factory: Factory, manager: FlaskClient) -> None:
    instance = factory.report()
    with unit_of_work(factory.session) as session:
        for number in range(45):
            interventions.perform(
                factory.engine, session, "edit-variable", instance.id, factory.actor(factory.manager),
                f"Correction {number}.", variables={"counted": number},
            )  # fmt: skip
    page = manager.get(address(instance))
    assert "Correction 44." in text(page) and "Correction 4." not in text(page)
    older = re.search(r'href="([^"]*before=\d+[^"]*)"', page.get_data(as_text=True))
    assert older
    rest = text(manager.get(html.unescape(older.group(1))))
    assert "Correction 4." in rest and "Correction 44." not in rest
    assert "Newest" in rest


def test_parts_requests_and_the_request_they_are_for_belong_together(
    factory: Factory, manager: FlaskClient
) -> None:
    instance = factory.report()
    accept(factory, instance)
    with unit_of_work(factory.session) as session:
        part = factories.make_part(session, 10)
        part_id = part.id
    task = factory.open_task(instance, "carry_out_work")
    with unit_of_work(factory.session) as session:
        lines = [{"partId": part_id, "quantity": 2, "reason": "worn"}]
        user_tasks.submit(
            factory.engine, session, task.id, factory.actor(factory.technician), outcome="request_parts",
            json={"partLines": lines},
        )  # fmt: skip
    settle(factory)
    factory.session.rollback()
    child = factory.session.scalars(sa.select(ProcessInstance).filter_by(key="parts_approval")).one()
    parent_page, child_page = manager.get(address(instance)), manager.get(address(child))
    assert address(child) in parent_page.get_data(as_text=True)
    assert "got a message from this one" in text(parent_page)
    assert address(instance) in child_page.get_data(as_text=True)
    assert "wrote to this one" in text(child_page)
    assert f"Message “parts requested” to {child.business_key}" in text(parent_page)


def settle(factory: Factory) -> None:
    from app.engine import jobs

    factory.session.rollback()
    jobs.drain(factory.engine, factory.jobs.sessions)


def test_those_it_concerns_see_what_they_may_and_no_more(
    factory: Factory, sign_in: SignIn, session: Session
) -> None:
    instance = factory.report()
    for user in (factory.supervisor, factory.technician):
        page = sign_in(user).get(address(instance))
        assert page.status_code == 200
        said = text(page)
        assert "Accept request" in said
        for hidden in ("Variables", "Jobs and retries", "What you can do", "You can look", "Oil leaks."):
            assert hidden not in said, hidden
    with unit_of_work(session):
        elsewhere = factories.make_department(session)
        stranger = factories.make_user(session, Role.SUPERVISOR, department_id=elsewhere.id)
        owner = factories.make_user(session, Role.MAINTENANCE_TECH, process_owner=True)
    assert sign_in(stranger).get(address(instance)).status_code == 404
    followed = text(sign_in(owner).get(address(instance)))
    assert "Variables" in followed and "Oil leaks." in followed
    assert "What is stuck is freed by: Administrator, Maintenance manager." in followed
    assert "What you can do" not in followed


def test_what_failed_and_why_is_not_told_to_everybody(factory: Factory, sign_in: SignIn, broken: Any) -> None:
    broken("notify.role")
    instance = factory.report()
    assert "The radio is silent." in text(sign_in(factory.manager).get(address(instance)))
    page = text(sign_in(factory.supervisor).get(address(instance)))
    assert "Needs attention" in page


def test_the_page_takes_a_bounded_number_of_statements(
    factory: Factory, manager: FlaskClient, statements: Callable[[], Any]
) -> None:
    instance = factory.report()
    manager.get(address(instance))
    with statements() as few:
        manager.get(address(instance))
    with unit_of_work(factory.session) as session:
        for number in range(30):
            interventions.perform(
                factory.engine, session, "edit-variable", instance.id, factory.actor(factory.manager),
                "More of it", variables={f"more{number}": number},
            )  # fmt: skip
    with statements() as many:
        manager.get(address(instance))
    assert len(many) == len(few) <= 32


# -- rights ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_is_for_those_who_oversee_the_work(
    factory: Factory, sign_in: SignIn, session: Session, operation: str
) -> None:
    instance = factory.report()
    with unit_of_work(session):
        owner = factories.make_user(session, Role.MAINTENANCE_TECH, process_owner=True)
    given = {"reason": "x", **GIVEN.get(operation, {}), "revision": str(instance.revision)}
    before = now(factory, instance).revision
    users = (factory.supervisor, factory.technician, factory.storekeeper, owner)
    for browser in map(sign_in, users):
        assert browser.get(address(instance, operation)).status_code == 403
        for step in ("preview", "confirm", "choose"):
            answer = browser.post(address(instance, operation), data={**given, "step": step})
            assert answer.status_code == 403
    assert now(factory, instance).revision == before
    for user in (factory.manager, factory.admin):
        assert sign_in(user).get(address(instance, operation)).status_code in (200, 302)


def test_nobody_is_let_in_unsigned_and_what_is_not_there_is_not_found(
    factory: Factory, application: Any, manager: FlaskClient
) -> None:
    instance = factory.report()
    assert application.test_client().get(address(instance)).status_code == 302
    assert manager.get(address(instance, "explode")).status_code == 404
    assert manager.post(address(instance, "explode"), data={"step": "confirm"}).status_code == 404
    assert manager.get("/monitor/instances/9999/cancel").status_code == 404
    assert manager.get("/monitor/instances/9999").status_code == 404


# -- choose, preview, confirm ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation", ["nudge", "reassign", "escalate", "move", "skip", "edit-variable", "suspend", "cancel"]
)
def test_a_preview_changes_nothing_and_a_confirmation_does_it(
    factory: Factory, manager: FlaskClient, operation: str
) -> None:
    instance = factory.report()
    given = dict(GIVEN.get(operation, {}))
    if operation == "reassign":
        given["person"] = str(factory.other_technician.id)
    assert manager.get(address(instance, operation)).status_code == 200
    before, entries = now(factory, instance).revision, len(history(factory, instance, "entered"))
    notes = factory.session.scalar(sa.select(sa.func.count(Notification.id)))
    looked = preview(manager, instance, operation, **given)
    assert looked.status_code == 200, text(looked)
    assert "Nothing has been done yet." in text(looked) and "It waits too long" in text(looked)
    assert now(factory, instance).revision == before == int(revision_of(looked))
    assert len(history(factory, instance, "entered")) == entries
    assert factory.session.scalar(sa.select(sa.func.count(Notification.id))) == notes
    done = confirm(manager, instance, operation, **given)
    assert done.status_code == 302, text(done)
    assert done.location == address(instance)
    assert now(factory, instance).revision > before
    page = text(manager.get(done.location))
    assert "done." in page and "It waits too long" in page


def test_what_changed_meanwhile_is_shown_anew_and_not_done(factory: Factory, manager: FlaskClient) -> None:
    instance = factory.report()
    looked = preview(manager, instance, "cancel")
    accept(factory, instance)
    answer = manager.post(
        address(instance, "cancel"),
        data={"reason": "Twice", "step": "confirm", "revision": revision_of(looked)},
    )
    assert answer.status_code == 409
    assert "has changed since you looked, so nothing was done" in text(answer)
    assert "Carry out work" in text(answer) and "Accept request" not in text(answer)
    assert now(factory, instance).state == "running"
    again = manager.post(
        address(instance, "cancel"),
        data={"reason": "Twice", "step": "confirm", "revision": revision_of(answer)},
    )
    assert again.status_code == 302
    # The record keeps its status, and so is left without a process: that is for its own page to mend.
    assert now(factory, instance).state == "cancelled"


@pytest.mark.parametrize("revision", ["", "x", "-1", "9" * 30])
def test_what_was_not_looked_at_is_not_done(factory: Factory, manager: FlaskClient, revision: str) -> None:
    instance = factory.report()
    answer = manager.post(
        address(instance, "suspend"), data={"reason": "x", "step": "confirm", "revision": revision}
    )
    assert answer.status_code == 409
    assert now(factory, instance).state == "running"


def test_what_ended_meanwhile_is_said(factory: Factory, manager: FlaskClient) -> None:
    instance = factory.report()
    looked = preview(manager, instance, "suspend")
    confirm(manager, instance, "cancel")
    answer = manager.post(
        address(instance, "suspend"),
        data={"reason": "Typed at length", "step": "confirm", "revision": revision_of(looked)},
    )
    assert answer.status_code == 409
    assert f"{instance.business_key} has ended." in text(answer)
    assert "Typed at length" in answer.get_data(as_text=True)
    assert manager.get(address(instance, "suspend")).status_code == 302


def test_a_missing_reason_is_asked_for_at_its_field_and_nothing_is_lost(
    factory: Factory, manager: FlaskClient
) -> None:
    instance = factory.report()
    answer = preview(
        manager, instance, "edit-variable", name="note", kind="json", value='{"a": [1]}', reason=" "
    )
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert re.search(r'id="reason-error">Say why', page)
    assert "{&#34;a&#34;: [1]}" in page and 'value="note"' in page
    back = manager.post(
        address(instance, "edit-variable"),
        data={"step": "choose", "name": "note", "kind": "json", "value": "[7]", "reason": "Because"},
    )
    assert back.status_code == 200
    assert "[7]" in back.get_data(as_text=True) and "Because" in back.get_data(as_text=True)


# -- each operation --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        ("number", "many", "Write a number"),
        ("yesno", "perhaps", "Write “yes” or “no”"),
        ("json", '{"a": }', "Line 1, column 7"),
        ("json", "7", "Write a list"),
        ("json", "[NaN]", "no JSON"),
        ("odd", "7", "what kind of value"),
        ("text", "x" * 70_000, "more than 64 kB"),
        ("number", "1e400", "Send text, numbers"),
    ],
)
def test_a_value_that_is_none_is_refused_at_its_field(
    factory: Factory, manager: FlaskClient, kind: str, value: str, problem: str
) -> None:
    instance = factory.report()
    answer = preview(manager, instance, "edit-variable", name="priority", kind=kind, value=value)
    assert answer.status_code == 422
    found = re.search(r'id="value-error">([^<]*)<', answer.get_data(as_text=True))
    assert found and problem in html.unescape(found.group(1)), text(answer)
    assert value[:1000] in html.unescape(answer.get_data(as_text=True))


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("text", "yes", "yes"),
        ("number", "-3.5", -3.5),
        ("number", "12", 12),
        ("yesno", "No", False),
        ("json", '{"a": [1, true]}', {"a": [1, True]}),
    ],
)
def test_a_variable_gets_a_value_of_its_kind(
    factory: Factory, manager: FlaskClient, kind: str, value: str, stored: Any
) -> None:
    instance = factory.report()
    looked = preview(manager, instance, "edit-variable", name="note", kind=kind, value=value)
    assert "The variable note is added." in text(looked)
    confirm(manager, instance, "edit-variable", name="note", kind=kind, value=value)
    variables = now(factory, instance).engine_state["variables"]
    assert (variables["note"], type(variables["note"])) == (stored, type(stored))
    form = manager.get(address(instance, "edit-variable"), query_string={"name": "note"})
    assert re.search(rf'value="{kind}"\s+selected', form.get_data(as_text=True))
    confirm(manager, instance, "edit-variable", name="note", kind="nothing", value="")
    assert "note" not in now(factory, instance).engine_state["variables"]


@pytest.mark.parametrize("name", ["two words", "request", "x" * 61])
def test_a_variable_has_a_name_of_its_own(factory: Factory, manager: FlaskClient, name: str) -> None:
    instance = factory.report()
    answer = preview(manager, instance, "edit-variable", name=name, kind="text", value="x")
    assert answer.status_code == 422
    assert 'id="name-error"' in answer.get_data(as_text=True)


def test_whom_a_task_can_be_given_to_and_who_is_absent(
    factory: Factory, manager: FlaskClient, session: Session
) -> None:
    from datetime import timedelta

    from app import clock
    from app.domain import people

    instance = factory.report()
    today = clock.now().date()
    with unit_of_work(session):
        people.set_substitute(
            session, session.get_one(User, factory.other_technician.id), factory.technician.id,
            today - timedelta(days=1), today + timedelta(days=1), None,
        )  # fmt: skip
    page = manager.get(address(instance, "reassign")).get_data(as_text=True)
    there, away, outside = (part.split("</optgroup>")[0] for part in re.split(r"<optgroup label=", page)[1:])
    assert "Tomasz Wolski" in there and "Lena Fuchs" not in there
    assert "Lena Fuchs" in away and "Tomasz Wolski stands in" in away
    assert "Ivo Petrov, inventory manager" in outside
    confirm(manager, instance, "reassign", person=str(factory.storekeeper.id))
    assert factory.open_task(instance, "accept_request").assignee_id == factory.storekeeper.id
    note = session.scalars(
        sa.select(Notification).where(Notification.user_id == factory.storekeeper.id)
    ).all()[-1]
    assert note.link == f"/tasks/{factory.open_task(instance, 'accept_request').id}"
    assert "It waits too long" in note.body


def test_nobody_chosen_is_said_at_the_field(factory: Factory, manager: FlaskClient) -> None:
    instance = factory.report()
    for person in ("", "0", "99999", "x", "9" * 40):
        answer = preview(manager, instance, "reassign", person=person)
        assert answer.status_code == 422
        assert 'id="person-error"' in answer.get_data(as_text=True)
    for role in ("", "NOBODY"):
        answer = preview(manager, instance, "escalate", role=role)
        assert answer.status_code == 422
        assert 'id="role-error"' in answer.get_data(as_text=True)


def test_a_second_nudge_within_the_hour_is_refused(
    factory: Factory, manager: FlaskClient, clock: ManualClock
) -> None:
    instance = factory.report()
    confirm(manager, instance, "nudge")
    answer = preview(manager, instance, "nudge")
    assert answer.status_code == 422
    assert "Once an hour is enough" in text(answer)
    clock.advance(minutes=61)
    assert preview(manager, instance, "nudge").status_code == 200


def test_a_failed_step_is_tried_again_and_the_preview_says_whether_it_works(
    factory: Factory, manager: FlaskClient, broken: Any
) -> None:
    mend = broken("notify.role")
    instance = factory.report()
    assert "fails again: The radio is silent." in text(preview(manager, instance, "retry"))
    failed = confirm(manager, instance, "retry")
    assert "has failed: The radio is silent." in text(manager.get(failed.location))
    mend()
    looked = text(preview(manager, instance, "retry"))
    assert "is over." in looked and "The task “Accept request” is opened (for: Technician)." in looked
    confirm(manager, instance, "retry", reason="The radio plays again")
    assert now(factory, instance).state == "running"
    assert history(factory, instance, "retried")[-1].detail["reason"] == "The radio plays again"


def test_a_step_done_outside_goes_on_with_its_results(
    factory: Factory, manager: FlaskClient, broken: Any
) -> None:
    broken("notify.role")
    instance = factory.report()
    (incident,) = factory.session.scalars(sa.select(Incident).where(Incident.resolved_at.is_(None)))
    form = manager.get(address(instance, "resolve"))
    assert "counts as not done" in text(form)
    given = {"incident": str(incident.id), "name-0": "told", "kind-0": "number", "value-0": "three"}
    wrong = preview(manager, instance, "resolve", **given)
    assert wrong.status_code == 422 and 'id="value-0-error"' in wrong.get_data(as_text=True)
    assert "three" in wrong.get_data(as_text=True)
    for odd in ({"kind-0": ""}, {"name-0": " "}, {"name-0": "two words"}):
        refused = preview(manager, instance, "resolve", **{**given, "value-0": "3", **odd})
        assert refused.status_code == 422
        assert re.search(r'id="(kind|name)-0-error"', refused.get_data(as_text=True)), odd
    looked = preview(manager, instance, "resolve", **{**given, "value-0": "3"})
    assert "counts as done" in text(looked) and "told" in text(looked)
    confirm(manager, instance, "resolve", **{**given, "value-0": "3"}, reason="Told them myself")
    after = now(factory, instance)
    assert (after.state, after.engine_state["variables"]["told"]) == ("running", 3)
    assert "said that “Tell the technicians” was done outside" in text(manager.get(address(instance)))


def test_moving_offers_what_can_be_entered_and_refuses_the_rest(
    factory: Factory, manager: FlaskClient
) -> None:
    instance = factory.report()
    page = manager.get(address(instance, "move")).get_data(as_text=True)
    assert 'value="carry_out_work"' in page and 'value="not_accepted_in_time"' not in page
    for to in ("", "nowhere"):
        answer = preview(manager, instance, "move", from_element="accept_request", to_element=to)
        assert answer.status_code in (409, 422)
        assert "It waits too long" in answer.get_data(as_text=True)
    looked = text(preview(manager, instance, "move", **GIVEN["move"]))
    assert "The task “Accept request” (for: Technician) is called off." in looked


def test_what_is_suspended_offers_to_resume(factory: Factory, manager: FlaskClient) -> None:
    instance = factory.report()
    confirm(manager, instance, "suspend")
    page = manager.get(address(instance)).get_data(as_text=True)
    assert address(instance, "resume") in page and address(instance, "move") not in page
    confirm(manager, instance, "resume")
    assert now(factory, instance).state == "running"


def test_tokens_tell_how_long_something_has_waited(
    factory: Factory, manager: FlaskClient, clock: ManualClock
) -> None:
    instance = factory.report()
    clock.advance(hours=3)
    waiting = manager.get(f"/instances/{instance.id}/tokens.json").json["waiting"]
    assert waiting["accept_request"] == "3 hours"
