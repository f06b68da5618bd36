"""The page of a task: its form, what becomes of it, and two people on one task."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from PIL import Image

from app import clock
from app.database import unit_of_work
from app.domain import attachments, people
from app.domain.machines import Machine, MachineStatus
from app.domain.requests import MaintenanceRequest, RequestStatus
from app.engine.models import TaskComment, UserTask
from tests import factories
from tests.web.conftest import Factory, SignIn

pytestmark = pytest.mark.databases


def photo() -> BytesIO:
    out = BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PNG")
    out.seek(0)
    return out


@pytest.fixture
def accepting(factory: Factory) -> UserTask:
    """The task to accept a new request."""
    return factory.open_task(factory.report("Oil leaks."), "accept_request")


@pytest.fixture
def working(factory: Factory, accepting: UserTask, sign_in: SignIn) -> UserTask:
    """The task to carry out the work, which the technician has accepted."""
    sign_in(factory.technician).post(f"/tasks/{accepting.id}", data={"_outcome": "accept"})
    factory.session.rollback()
    return factory.session.query(UserTask).filter_by(element_id="carry_out_work", state="open").one()


def work_done(**changes: str) -> dict[str, str]:
    """A filled-in work form."""
    return {
        "steps": "0",
        "steps.0.description": "Changed the seal.",
        "steps.0.minutes": "45",
        "cause": "Worn seal",
        "remedy": "New seal",
        "partLines": "0",
        "_outcome": "save",
        **changes,
    }


def refreshed(factory: Factory, task: UserTask) -> UserTask:
    factory.session.rollback()
    return factory.session.get_one(UserTask, task.id, populate_existing=True)


def test_a_problem_is_reported_with_a_photo(factory: Factory, sign_in: SignIn) -> None:
    browser = sign_in(factory.supervisor)
    page = browser.get(f"/report?machine={factory.press.id}").text
    assert re.search(rf'<option value="{factory.press.id}"[^>]*selected', page)

    answers = {
        "machineId": str(factory.press.id),
        "priority": "CRITICAL",
        "description": "Oil leaks.",
        "photos": (photo(), "leak.png"),
    }
    answer = browser.post("/report", data=answers, follow_redirects=True)
    assert answer.status_code == 200
    assert "It is on its way as MR-" in answer.text
    factory.session.rollback()
    request = factory.session.query(MaintenanceRequest).one()
    assert (request.status, request.reporter_id) == (RequestStatus.PENDING, factory.supervisor.id)
    [stored] = attachments.of(factory.session, "MAINTENANCE_REQUEST", request.id)
    assert stored.file_name == "leak.png"
    assert f"/attachments/{stored.id}" in answer.text


def test_what_is_wrong_with_a_report_is_shown_with_what_was_typed(factory: Factory, sign_in: SignIn) -> None:
    browser = sign_in(factory.supervisor)
    answer = browser.post("/report", data={"machineId": "", "priority": "LOW", "description": "Oil leaks."})
    assert answer.status_code == 422
    assert "error-summary" in answer.text
    assert "Oil leaks." in answer.text
    broken = {
        "machineId": str(factory.press.id),
        "priority": "LOW",
        "description": "Oil leaks.",
        "photos": (BytesIO(b"MZ\x90\x00 no picture"), "leak.png"),
    }
    refused = browser.post("/report", data=broken)
    assert refused.status_code == 422
    assert "can be attached" in refused.text
    assert factory.session.query(MaintenanceRequest).count() == 0


def test_the_page_shows_what_the_task_is_about(
    factory: Factory, accepting: UserTask, sign_in: SignIn
) -> None:
    text = sign_in(factory.technician).get(f"/tasks/{accepting.id}").text
    for expected in ("Accept request", "Hydraulic press", "Oil leaks.", "Ann Keller", "Problem reported"):
        assert expected in text
    assert 'name="_outcome"' in text and "Hand over to somebody else" in text


def test_completing_a_task_offers_the_next_one(
    factory: Factory, accepting: UserTask, sign_in: SignIn
) -> None:
    browser = sign_in(factory.technician)
    answer = browser.post(f"/tasks/{accepting.id}", data={"_outcome": "accept"})
    assert answer.location == f"/tasks/{accepting.id}"
    page = browser.get(answer.location).text
    assert "What comes next for you" in page and "Carry out work" in page
    factory.session.rollback()
    factory.session.rollback()
    assert (
        factory.session.get_one(Machine, factory.press.id, populate_existing=True).status
        == MachineStatus.DOWN
    )


def test_the_second_of_two_is_told_who_was_first_and_keeps_what_they_typed(
    factory: Factory, working: UserTask, sign_in: SignIn
) -> None:
    first, second = sign_in(factory.technician), sign_in(factory.technician)
    done = first.post(f"/tasks/{working.id}", data=work_done(_outcome="complete", **_type(factory)))
    assert done.status_code == 302

    answers = {"steps.0.description": "Polished the <rod>.", **_type(factory, "Corrective")}
    late = second.post(f"/tasks/{working.id}", data=work_done(**answers))
    assert late.status_code == 409
    assert "Already done by Tomasz Wolski." in late.text
    assert "Polished the &lt;rod&gt;." in late.text
    assert "What you typed was not sent." in late.text
    typed = late.text.split("What you typed")[2]
    assert re.search(r"What was done \(1\)</dt>\s*<dd[^>]*>Polished the", typed)
    assert re.search(r"Type of maintenance</dt>\s*<dd[^>]*>Corrective", typed)
    assert "Work steps" not in typed.split("</form>")[0]

    said = re.search(r'name="body"\s+value="([^"]*)"', late.text)
    assert said and "Polished the" in said.group(1)
    second.post(f"/tasks/{working.id}/comments", data={"body": "Polished the rod."})
    factory.session.rollback()
    assert factory.session.query(TaskComment).one().body == "Polished the rod."


def _type(factory: Factory, name: str = "Emergency") -> dict[str, str]:
    """The answer to the field for the type of maintenance: a new one."""
    with unit_of_work(factory.session) as session:
        return {"maintenanceTypeId": str(factories.make_maintenance_type(session, name=name).id)}


def test_rows_are_added_and_removed_without_sending_the_form(
    factory: Factory, working: UserTask, sign_in: SignIn
) -> None:
    browser = sign_in(factory.technician)
    added = browser.post(f"/tasks/{working.id}", data=work_done(_add="steps"))
    assert added.status_code == 200
    assert 'name="steps.1.description"' in added.text
    assert "Changed the seal." in added.text
    assert refreshed(factory, working).is_open


def test_an_incomplete_form_comes_back_as_it_was_typed(
    factory: Factory, working: UserTask, sign_in: SignIn
) -> None:
    browser = sign_in(factory.technician)
    answers = work_done(_outcome="complete", cause="", remedy="A new <seal>")
    answer = browser.post(f"/tasks/{working.id}", data=answers)
    assert answer.status_code == 422
    assert "error-summary" in answer.text
    assert "A new &lt;seal&gt;" in answer.text
    assert refreshed(factory, working).is_open


def test_a_refusal_by_the_factorys_rules_changes_nothing(
    factory: Factory, working: UserTask, sign_in: SignIn
) -> None:
    browser = sign_in(factory.technician)
    unknown = browser.post(f"/tasks/{working.id}", data=work_done(_outcome="fly"))
    assert unknown.status_code == 422
    assert "Choose one of:" in unknown.text
    assert "Changed the seal." in unknown.text
    assert refreshed(factory, working).is_open


def test_a_task_that_somebody_else_took_cannot_be_completed(
    factory: Factory, accepting: UserTask, sign_in: SignIn
) -> None:
    sign_in(factory.technician).post(f"/tasks/{accepting.id}/claim")
    other = sign_in(factory.other_technician)
    page = other.get(f"/tasks/{accepting.id}").text
    assert "Tomasz Wolski is doing this." in page and 'name="_outcome"' not in page
    assert other.post(f"/tasks/{accepting.id}", data={"_outcome": "accept"}).status_code == 403
    assert refreshed(factory, accepting).is_open


def test_a_task_is_handed_over_with_a_word(factory: Factory, accepting: UserTask, sign_in: SignIn) -> None:
    browser = sign_in(factory.technician)
    browser.post(f"/tasks/{accepting.id}/claim")
    wrong = browser.post(
        f"/tasks/{accepting.id}/delegate", data={"person": str(factory.storekeeper.id)}, follow_redirects=True
    )
    assert "Choose somebody who may do this task." in wrong.text

    answers = {"person": str(factory.other_technician.id), "note": "I am at the dentist."}
    handed = browser.post(f"/tasks/{accepting.id}/delegate", data=answers, follow_redirects=True)
    assert "now belongs to Lena Fuchs." in handed.text
    page = sign_in(factory.other_technician).get(f"/tasks/{accepting.id}").text
    assert "I am at the dentist." in page
    assert "handed “Accept request” over to Lena Fuchs" in page


def test_a_substitute_does_the_task_and_history_says_for_whom(
    factory: Factory, accepting: UserTask, sign_in: SignIn
) -> None:
    sign_in(factory.technician).post(f"/tasks/{accepting.id}/claim")
    today = clock.now().date()
    with unit_of_work(factory.session) as session:
        people.set_substitute(session, factory.technician, factory.other_technician.id, today, today, None)
    browser: FlaskClient = sign_in(factory.other_technician)
    assert (
        "You are doing this for <strong>Tomasz Wolski</strong>" in browser.get(f"/tasks/{accepting.id}").text
    )
    browser.post(f"/tasks/{accepting.id}", data={"_outcome": "accept"})
    assert "Lena Fuchs for Tomasz Wolski" in browser.get(f"/tasks/{accepting.id}").text


def test_nothing_is_not_a_comment(factory: Factory, accepting: UserTask, sign_in: SignIn) -> None:
    answer = sign_in(factory.technician).post(
        f"/tasks/{accepting.id}/comments", data={"body": "  "}, follow_redirects=True
    )
    assert "Write something first." in answer.text
    assert factory.session.query(TaskComment).count() == 0


def test_a_task_that_does_not_exist_has_a_page_too(factory: Factory, sign_in: SignIn) -> None:
    answer = sign_in(factory.technician).get("/tasks/999999")
    assert answer.status_code == 404 and "There is no such task." in answer.text
