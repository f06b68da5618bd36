"""Alerts, as a manager sets them without scripts."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.database import unit_of_work
from app.domain.activity import ActivityLog
from app.domain.notifications import Notification
from app.engine.models import Job
from app.engine.monitor.models import AlertRule
from tests import factories
from tests.web.conftest import Factory, SignIn
from tests.web.test_monitor import survey

NEW = "/monitor/alerts/new"
HOOK = "https://hooks.example.com/alerts"
GIVEN = {"measure": "open", "name": "Too many", "threshold": "1", "roles": ["MAINTENANCE_MANAGER"]}


@pytest.fixture
def page(factory: Factory, sign_in: SignIn) -> FlaskClient:
    return sign_in(factory.manager)


def said(answer: TestResponse) -> str:
    """What a page says, without its tags."""
    main = answer.text.partition("<main")[2].partition("</main")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def made(page: FlaskClient, **given: Any) -> str:
    """The address of a new alert."""
    answer = page.post(NEW, data={**GIVEN, **given})
    assert answer.status_code == 302, said(answer)
    return answer.location


def rule(factory: Factory) -> AlertRule:
    factory.session.rollback()
    return factory.session.scalars(sa.select(AlertRule)).one()


def test_set_raised_told_and_over(factory: Factory, page: FlaskClient) -> None:
    assert "No alerts yet" in said(page.get("/monitor/alerts"))
    assert 'href="/monitor/alerts"' in page.get("/monitor").text
    assert "Instances pile up" in said(page.get(NEW))
    form = page.get(f"{NEW}?measure=open")
    assert "More than" in said(form) and 'name="days"' not in form.text and 'name="element"' not in form.text
    assert re.search(r'value="MAINTENANCE_MANAGER"\s+checked', form.text)
    address = made(page)
    assert "More than 1 instance open" in said(page.get(address))
    assert "Quiet" in said(page.get("/monitor/alerts"))
    factory.report(), factory.report()
    survey(factory)
    listed = said(page.get("/monitor/alerts"))
    assert "Raised" in listed and "2 instances are open: more than 1." in listed and "Now: 2" in listed
    assert "2 instances are open" in said(page.get(address))
    told = "2 instances are open: more than 1."
    factory.session.rollback()
    notes = list(factory.session.scalars(sa.select(Notification).where(Notification.body == told)))
    assert [(note.user_id, note.title) for note in notes] == [(factory.manager.id, "Alert: Too many")]
    assert page.get(notes[0].link).status_code == 200
    page.post(f"{address}/edit", data={**GIVEN, "threshold": "7"})
    listed = said(page.get("/monitor/alerts"))
    assert "Quiet" in listed and "Over" in listed


def test_a_step_over_a_time(factory: Factory, page: FlaskClient) -> None:
    form = page.get(f"{NEW}?measure=p90")
    assert 'value="maintenance_request/accept_request"' in form.text and 'name="days"' in form.text
    given = {"measure": "p90", "threshold": "1,5", "unit": "hours", "days": "7"}
    address = made(page, **given, element="maintenance_request/accept_request")
    found = rule(factory)
    assert (found.process_key, found.element_id, found.threshold, found.days) == (
        "maintenance_request", "accept_request", 5400, 7,
    )  # fmt: skip
    assert "“Accept request” of Maintenance request over 90 minutes one time in ten within 7 days" in said(
        page.get(address)
    )
    again = page.get(f"{address}/edit").text
    assert 'value="90"' in again and "<option selected>minutes</option>" in again
    assert re.search(r'value="maintenance_request/accept_request"\s+selected', again)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": " "}, "Give the alert a name"),
        ({"threshold": "many"}, "Write a number"),
        ({"threshold": "1.5"}, "Write a whole number"),
        ({"roles": []}, "nobody is yet"),
        ({"emails": "nobody"}, "“nobody” is no e-mail address."),
        ({"webhookUrl": "http://example.com/"}, "must begin with https://"),
        ({"webhookUrl": "https://10.0.0.1/"}, "own network"),
        ({"webhookUrl": HOOK, "webhookSecret": "x"}, "A secret is 24 to 100"),
        ({"process": "nothing"}, "Choose one of the processes."),
        ({"measure": "p90", "days": "7"}, "Choose a process."),
        ({"measure": "p90", "days": "x", "process": "maintenance_request"}, "Write a number of days"),
        (
            {
                "measure": "waiting",
                "process": "parts_approval",
                "element": "maintenance_request/accept_request",
            },
            "one of another process",
        ),
        ({"people": ["99999"]}, "Choose among those who work here."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    factory: Factory, page: FlaskClient, given: dict[str, Any], problem: str
) -> None:
    answer = page.post(NEW, data={**GIVEN, **given})
    assert answer.status_code == 422
    assert said(answer).count(problem) == 2
    factory.session.rollback()
    assert factory.session.scalars(sa.select(AlertRule)).first() is None


def test_the_secret_is_shown_before_it_is_kept_and_never_again(factory: Factory, page: FlaskClient) -> None:
    form = page.get(f"{NEW}?measure=open").text
    (secret,) = re.findall(r'name="webhookSecret"\s+type="text"\s+value="([^"]+)"', form)
    address = made(page, webhookUrl=HOOK, webhookSecret=secret)
    assert rule(factory).webhook_secret == secret
    assert secret not in page.get(address).text and HOOK in page.get(address).text
    edit = page.get(f"{address}/edit")
    assert secret not in edit.text and "is not shown again" in said(edit)
    page.post(f"{address}/edit", data={**GIVEN, "webhookUrl": HOOK})
    assert rule(factory).webhook_secret == secret
    (other,) = re.findall(
        r'name="webhookSecret"\s+type="text"\s+value="([^"]+)"', page.get(f"{address}/edit?secret=new").text
    )
    page.post(f"{address}/edit", data={**GIVEN, "webhookUrl": HOOK, "webhookSecret": other})
    assert rule(factory).webhook_secret == other != secret
    logged = [str((entry.before, entry.after)) for entry in factory.session.scalars(sa.select(ActivityLog))]
    assert any("webhook_secret" in text for text in logged)
    assert not any(secret in text or other in text for text in logged)


def test_a_test_is_sent_and_what_became_of_it_is_seen(factory: Factory, page: FlaskClient) -> None:
    address = made(page, webhookUrl=HOOK, emails="plant@example.com, line@example.com")
    assert page.post(f"{address}/test").status_code == 302
    told = said(page.get(address))
    assert "E-mail to plant@example.com, a test" in told and "On its way" in told
    with unit_of_work(factory.session) as session:
        job = session.scalars(sa.select(Job).where(Job.kind == "alert_webhook")).one()
        job.attempts, job.last_error = 2, "Undelivered: hooks.example.com answered 500."
    told = said(page.get(address))
    assert "hooks.example.com answered 500." in told and "Undelivered" not in told and "Tried again" in told


def test_off_on_and_deleted(factory: Factory, page: FlaskClient) -> None:
    address = made(page)
    page.post(f"{address}/switch", data={"active": "0"})
    assert "It is off" in said(page.get(address)) and "Off" in said(page.get("/monitor/alerts"))
    # A change does not switch it on by the way.
    page.post(f"{address}/edit", data={**GIVEN, "name": "Still off"})
    assert not rule(factory).active
    page.post(f"{address}/switch", data={"active": "1"})
    assert rule(factory).active
    assert "Delete “Still off”?" in said(page.get(f"{address}/delete"))
    assert page.post(f"{address}/delete").location == "/monitor/alerts"
    assert page.get(address).status_code == 404
    factory.session.rollback()
    actions = [
        entry.action
        for entry in factory.session.scalars(sa.select(ActivityLog).order_by(ActivityLog.id))
        if entry.entity_type == "ALERT"
    ]
    assert actions == ["CREATE_ALERT", *["UPDATE_ALERT"] * 3, "DELETE_ALERT"]


def test_who_may_see_and_set_them(factory: Factory, sign_in: SignIn, page: FlaskClient) -> None:
    address = made(page, webhookUrl=HOOK)
    with unit_of_work(factory.session) as session:
        owner = factories.make_user(session, factory.technician.role, process_owner=True)
    reader = sign_in(owner)
    listed, shown = reader.get("/monitor/alerts"), reader.get(address)
    assert "Alerts are set by" in said(listed) and "New alert" not in said(listed)
    assert HOOK not in shown.text and "Send a test" not in said(shown)
    for browser in (reader, sign_in(factory.technician)):
        assert browser.get(NEW).status_code == 403 and browser.post(NEW, data=GIVEN).status_code == 403
        for name in ("edit", "switch", "test", "delete"):
            assert browser.post(f"{address}/{name}").status_code == 403
    for user in (factory.supervisor, factory.technician, factory.storekeeper):
        browser = sign_in(user)
        assert browser.get("/monitor/alerts").status_code == browser.get(address).status_code == 403
