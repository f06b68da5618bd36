"""The pages of preventive plans, their calendar, their jobs, and meters."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.domain.preventive.models import MeterReading, PreventiveJob, PreventiveTask
from app.domain.queries import preventive_calendar
from app.engine.models import UserTask
from app.processes import preventive_opening
from tests import factories
from tests.web.conftest import Factory, SignIn

FORM = {
    "title": "Monthly inspection", "unit": "MONTHLY", "every": "2", "month_day": "-1",
    "starts_on": "2026-03-01",
    "lead_days": "7", "missed": "EACH", "role": "MAINTENANCE_TECH", "item_id": ["", ""],
    "item_text": ["Guard closed", "Pressure"], "item_kind": ["pass_fail", "value"], "item_unit": ["", "bar"],
    "item_minimum": ["", "2,5"], "item_maximum": ["", "6"],
}  # fmt: skip


@pytest.fixture
def manager(factory: Factory, sign_in: SignIn) -> Any:
    return sign_in(factory.manager)


def only(factory: Factory, model: type[Any]) -> Any:
    factory.session.rollback()
    return factory.session.scalars(sa.select(model)).one()


def test_a_plan_is_made_shown_changed_and_taken_out_of_use(
    factory: Factory, manager: Any, clock: ManualClock
) -> None:
    answer = manager.post("/preventive/new", data={**FORM, "machine_id": factory.press.id})
    assert answer.status_code == 302, answer.text
    task = only(factory, PreventiveTask)
    assert task.rrule == "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=-1"
    assert task.checklist[1] == {
        "id": 2, "text": "Pressure", "kind": "value", "unit": "bar", "minimum": 2.5, "maximum": 6,
    }  # fmt: skip
    page = manager.get(f"/preventive/{task.id}").text
    assert "every 2 months on the last day" in page and "2.5 to 6 bar" in page
    form = manager.get(f"/preventive/{task.id}/edit").text
    assert 'value="Monthly inspection"' in form and re.search(r'<option value="-1"\s+selected>', form)
    assert "Monthly inspection" in manager.get("/preventive?q=inspec&sort=machine").text
    assert "No plan fits" in manager.get("/preventive?kind=meter").text
    assert manager.get("/preventive/export.csv").text.count("Monthly inspection") == 1

    changed = {
        **FORM,
        "machine_id": factory.press.id,
        "unit": "WEEKLY",
        "weekdays": ["FR", "MO"],
        "active": "1",
    }
    assert manager.post(f"/preventive/{task.id}/edit", data=changed).status_code == 302
    assert only(factory, PreventiveTask).rrule == "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR"
    assert manager.post(f"/preventive/{task.id}/deactivate").status_code == 302
    assert not only(factory, PreventiveTask).active
    assert "Not in use" in manager.get("/preventive?show=every").text
    assert manager.post(f"/preventive/{task.id}/delete").status_code == 302
    assert manager.get(f"/preventive/{task.id}").status_code == 404


def test_rows_are_added_moved_and_removed_without_saving(factory: Factory, manager: Any) -> None:
    sent = {**FORM, "machine_id": factory.press.id}
    moved = manager.post("/preventive/new", data={**sent, "_do": "up-item:1"})
    assert moved.status_code == 200
    assert moved.text.index('value="Pressure"') < moved.text.index('value="Guard closed"')
    removed = manager.post("/preventive/new", data={**sent, "_do": "remove-item:0"}).text
    assert 'value="Guard closed"' not in removed and 'value="Pressure"' in removed
    added = manager.post("/preventive/new", data={**sent, "_do": "add-part"}).text
    assert 'name="part_partId"' in added
    factory.session.rollback()
    assert factory.session.scalars(sa.select(PreventiveTask)).all() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"title": " "}, "Give a title."),
        ({"every": "0"}, "It is repeated every 1 or more."),
        ({"unit": "RRULE", "rrule": "FREQ=HOURLY"}, "FREQ is one of"),
        ({"unit": "METER", "every": "0"}, "The hours between two times"),
        ({"item_text": ["", "Pressure"]}, "Checklist, item 1: Say what to look at."),
        ({"item_minimum": ["", "much"]}, "Checklist, item 2: A limit is a number"),
        ({"item_minimum": ["", "7"]}, "Checklist, item 2: The upper limit is below the lower one."),
        ({"starts_on": "soon"}, "Write a date"),
        ({"machine_id": "987654"}, "Choose one of the list."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    factory: Factory, manager: Any, change: dict[str, Any], said: str
) -> None:
    sent = {**FORM, "machine_id": str(factory.press.id), "description": "Take your time.", **change}
    answer = manager.post("/preventive/new", data=sent)
    assert answer.status_code == 422
    assert said in answer.text
    assert "Take your time." in answer.text


def test_a_job_is_shown_and_called_off_with_a_reason(
    application: Any, factory: Factory, manager: Any, clock: ManualClock
) -> None:
    task = factories.make_preventive_task(factory.session, machine=factory.press, title="Grease")
    factory.session.commit()
    engine = application.extensions["millwright"]
    sessions = sa.orm.sessionmaker(factory.session.get_bind(), expire_on_commit=False)
    assert preventive_opening.open_due(engine, sessions) == 1
    job = only(factory, PreventiveJob)
    page = manager.get(f"/preventive/jobs/{job.id}").text
    assert "Call the job off" in page and "Carry out checklist" in page
    assert f"/preventive/jobs/{job.id}" in manager.get(f"/preventive/{task.id}").text
    assert "Grease" in manager.get(f"/machines/{factory.press.id}").text
    assert manager.post(f"/preventive/jobs/{job.id}/call-off").status_code == 422
    ended = manager.post(
        f"/preventive/jobs/{job.id}/call-off", data={"reason": "Holidays"}, follow_redirects=True
    )
    assert "is called off" in ended.text and "Holidays" in ended.text
    assert only(factory, PreventiveJob).status == "SKIPPED"


def test_the_calendar_shows_what_is_planned_open_and_done(
    factory: Factory, manager: Any, clock: ManualClock
) -> None:
    factories.make_preventive_task(
        factory.session, machine=factory.press, title="Check oil", rrule="FREQ=DAILY;INTERVAL=3"
    )
    factory.session.commit()
    page = manager.get("/calendar?month=2026-03").text
    assert page.count("Check oil") == 12  # 2 March to 4 April, which the last week shows
    assert "month=2026-02" in page and "month=2026-04" in page
    assert "Nothing is due" in manager.get("/calendar?month=2026-02").text
    assert manager.get("/calendar?day=2026-03-05").text.count("Check oil") == 1
    assert "Nothing is due" in manager.get(f"/calendar?month=2026-03&machine={factory.press.id + 1}").text
    assert manager.get("/calendar?month=nonsense&day=2026-02-31").status_code == 200


def test_the_calendar_asks_the_database_as_often_for_many_plans_as_for_few(
    factory: Factory, manager: Any, statements: Callable[[], Any], clock: ManualClock
) -> None:
    def count() -> int:
        with statements() as seen:
            assert manager.get("/calendar?month=2026-03").status_code == 200
        return len(seen)

    factories.make_preventive_task(factory.session, machine=factory.press)
    factory.session.commit()
    count()  # the first page of a browser looks up more
    few = count()
    for _ in range(12):
        factories.make_preventive_task(factory.session, machine=factory.press)
    factory.session.commit()
    assert count() == few
    page = manager.get("/calendar?month=2026-03").text
    assert "9 more" in page
    found = preventive_calendar.between(factory.session, date(2026, 3, 1), date(2026, 3, 31))
    assert len(found) == 13 * 5  # five Mondays


def test_a_meter_is_read_on_its_machines_page(factory: Factory, sign_in: SignIn) -> None:
    browser, address = sign_in(factory.technician), f"/machines/{factory.press.id}/meter"
    assert "No readings yet" in browser.get(address).text
    assert browser.post(address, data={"value": "1250,5", "kind": "READING"}).status_code == 302
    assert only(factory, MeterReading).value == 1250.5
    fell = browser.post(address, data={"value": "10", "kind": "READING"})
    assert fell.status_code == 422 and "cannot show less now" in fell.text and 'value="10"' in fell.text
    assert "1,250.50" in browser.get(address).text
    assert sign_in(factory.supervisor).post(address, data={"value": "2000"}).status_code == 403


def test_the_page_of_a_task_leads_to_its_job_and_shows_the_machine(
    application: Any, factory: Factory, sign_in: SignIn, clock: ManualClock
) -> None:
    factories.make_preventive_task(
        factory.session, machine=factory.press, checklist=[{"text": "Guard closed"}]
    )
    factory.session.commit()
    preventive_opening.open_due(factory.engine, factory.jobs.sessions)
    factory.session.rollback()
    job = only(factory, PreventiveJob)
    task = factory.session.scalars(sa.select(UserTask).filter_by(business_key=job.business_key)).one()
    browser = sign_in(factory.technician)
    page = browser.get(f"/tasks/{task.id}").text
    assert f'href="/preventive/jobs/{job.id}"' in page and "Hydraulic press" in page
    sent = {"items.0.result": "fail", "minutesSpent": "5", "reportProblem": "true", "_outcome": "complete"}
    refused = browser.post(f"/tasks/{task.id}", data={**sent, "items.0.result": ""})
    assert refused.status_code == 422
    done = browser.post(f"/tasks/{task.id}", data=sent)
    assert done.status_code == 302, done.text
    factory.jobs.sweep(whoever_leads=True)
    shown = browser.get(f"/preventive/jobs/{job.id}").text
    assert "Found a fault" in shown and "MR-2026-000001" in shown
