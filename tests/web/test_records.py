"""Requests, machines, parts, notifications, profile and files: who sees them, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import attachments, notifications
from app.domain.people import Substitution
from app.domain.requests import MaintenanceRequest, RequestStatus
from app.domain.scanning import NoScanner
from app.storage import FolderStore
from tests import factories
from tests.web.conftest import Factory, SignIn


def photo() -> BytesIO:
    out = BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PNG")
    out.seek(0)
    return out


# -- requests ----------------------------------------------------------------------------------


def test_everybody_lists_the_requests_that_concern_them(factory: Factory, sign_in: SignIn) -> None:
    factory.report("Oil leaks.")
    with unit_of_work(factory.session) as session:
        elsewhere = factories.make_request(session, description="Paint drips.")
    listed = {
        name: sign_in(getattr(factory, name)).get("/requests").text
        for name in ("supervisor", "technician", "manager", "storekeeper", "admin")
    }
    assert "Oil leaks." in listed["supervisor"] and "Paint drips." not in listed["supervisor"]
    assert "Oil leaks." not in listed["technician"] and "No requests here" in listed["technician"]
    for name in ("manager", "storekeeper", "admin"):
        assert "Oil leaks." in listed[name] and "Paint drips." in listed[name]

    assert sign_in(factory.supervisor).get(f"/requests/{elsewhere.id}").status_code == 404


def test_a_request_tells_its_whole_story(factory: Factory, sign_in: SignIn) -> None:
    instance = factory.report("Oil leaks.")
    text = sign_in(factory.manager).get(f"/requests/{instance.subject_id}").text
    assert "Oil leaks." in text
    assert "Problem reported" in text
    assert "Accept request" in text  # where it stands, in words
    assert f'data-diagram="/instances/{instance.id}/diagram.xml"' in text
    assert f"/tasks/{factory.open_task(instance, 'accept_request').id}" in text


def test_the_diagram_and_its_tokens_are_for_those_who_may_see_the_request(
    factory: Factory, sign_in: SignIn
) -> None:
    instance = factory.report()
    manager = sign_in(factory.manager)
    drawing = manager.get(f"/instances/{instance.id}/diagram.xml")
    assert drawing.mimetype == "application/xml" and b"bpmn:process" in drawing.data
    again = manager.get(drawing.request.path, headers={"If-None-Match": drawing.headers["ETag"]})
    assert again.status_code == 304
    tokens = manager.get(f"/instances/{instance.id}/tokens.json").json
    assert "accept_request" in tokens["here"]
    assert "problem_reported" in tokens["elements"]

    with unit_of_work(factory.session) as session:
        stranger = factories.make_user(session, None)
    assert sign_in(stranger).get(f"/instances/{instance.id}/tokens.json").status_code == 404


def test_the_reporter_calls_a_request_off_while_nobody_has_accepted_it(
    factory: Factory, sign_in: SignIn
) -> None:
    instance = factory.report()
    browser, path = sign_in(factory.supervisor), f"/requests/{instance.subject_id}"
    assert "Say why the request is cancelled." in browser.post(f"{path}/cancel", data={"reason": " "}).text

    answer = browser.post(f"{path}/cancel", data={"reason": "It runs again."}, follow_redirects=True)
    assert f"{instance.business_key} is cancelled." in answer.text
    assert "It runs again." in answer.text
    factory.session.rollback()
    request = factory.session.get_one(MaintenanceRequest, instance.subject_id)
    assert request.status == RequestStatus.CANCELLED


def test_once_accepted_only_those_who_oversee_maintenance_call_it_off(
    factory: Factory, sign_in: SignIn
) -> None:
    from app.engine import user_tasks

    instance = factory.report()
    task = factory.open_task(instance, "accept_request")
    with unit_of_work(factory.session) as session:
        user_tasks.complete(factory.engine, session, task.id, factory.actor(factory.technician), {}, "accept")
    path = f"/requests/{instance.subject_id}"

    refused = sign_in(factory.supervisor)
    assert "Cancel this request" not in refused.get(path).text
    assert refused.post(f"{path}/cancel", data={"reason": "No."}).status_code == 403
    answer = sign_in(factory.manager).post(f"{path}/cancel", data={"reason": "No."}, follow_redirects=True)
    assert f"{instance.business_key} is cancelled." in answer.text


def test_a_long_list_costs_no_more_statements_than_a_short_one(
    factory: Factory, sign_in: SignIn, statements: Callable[[], Any]
) -> None:
    factory.report()
    browser = sign_in(factory.manager)
    browser.get("/requests")
    with statements() as few:
        browser.get("/requests")
    with unit_of_work(factory.session) as session:
        for _ in range(5):
            factories.make_request(session)
    with statements() as many:
        browser.get("/requests")
    assert len(many) == len(few)


# -- machines and parts ------------------------------------------------------------------------


def test_a_label_leads_to_its_machine(factory: Factory, sign_in: SignIn) -> None:
    browser = sign_in(factory.supervisor)
    landing = browser.get("/m/PRESS-1").text
    assert "Hydraulic press" in landing
    assert f"/report?machine={factory.press.id}" in landing
    assert "No open requests" in landing
    factory.report("Oil leaks.")
    assert "Oil leaks." in browser.get("/m/PRESS-1").text

    for code in ("PRESS-1", "http://localhost:8000/m/PRESS-1"):
        assert browser.get("/scan", query_string={"code": code}).location == "/m/PRESS-1"
    unknown = browser.get("/scan?code=OTHER")
    assert unknown.status_code == 404 and "No machine has this code" in unknown.text


def test_the_label_holds_the_address_of_the_machine(factory: Factory, sign_in: SignIn) -> None:
    browser = sign_in(factory.manager)
    drawing = browser.get(f"/machines/{factory.press.id}/qr.svg")
    assert drawing.mimetype == "image/svg+xml" and b"<path" in drawing.data
    picture = Image.open(BytesIO(browser.get(f"/machines/{factory.press.id}/qr.png").data))
    assert picture.width == picture.height
    assert "http://localhost:8000/m/PRESS-1" in browser.get(f"/machines/{factory.press.id}/label").text


def test_who_may_not_report_is_not_offered_it(factory: Factory, sign_in: SignIn) -> None:
    storekeeper = sign_in(factory.storekeeper)
    assert "Report a problem" not in storekeeper.get("/m/PRESS-1").text
    refused = storekeeper.get("/report")
    assert refused.status_code == 403
    assert "is started by: Supervisor, Administrator" in refused.text


def test_lists_of_machines_and_parts_can_be_searched(factory: Factory, sign_in: SignIn) -> None:
    with unit_of_work(factory.session) as session:
        factories.make_machine(session, name="Welding robot")
        factories.make_part(session, 1, part_name="Seal kit", min_quantity=5)
        factories.make_part(session, 9, part_name="Ball joint", min_quantity=5)
    browser = sign_in(factory.technician)
    machines = browser.get("/machines?q=robot").text
    assert "Welding robot" in machines and "Hydraulic press" not in machines
    low = browser.get("/parts?low=1").text
    assert "Seal kit" in low and "Ball joint" not in low and "below minimum" in low


def test_stock_movements_are_shown_to_those_who_may_see_them(factory: Factory, sign_in: SignIn) -> None:
    with unit_of_work(factory.session) as session:
        part = factories.make_part(session, 7)
    assert "Latest movements" in sign_in(factory.storekeeper).get(f"/parts/{part.id}").text
    assert "Latest movements" not in sign_in(factory.technician).get(f"/parts/{part.id}").text


def test_a_technician_sees_own_parts_requests_only(factory: Factory, sign_in: SignIn) -> None:
    with unit_of_work(factory.session) as session:
        part = factories.make_part(session, 5)
        own, other = (
            factories.make_parts_request(session, {part: 1}, requester=requester)
            for requester in (factory.technician, factory.other_technician)
        )
    browser = sign_in(factory.technician)
    listed = browser.get("/parts-requests").text
    assert own.business_key in listed and other.business_key not in listed
    assert browser.get(f"/parts-requests/{own.id}").status_code == 200
    assert browser.get(f"/parts-requests/{other.id}").status_code == 404
    assert sign_in(factory.storekeeper).get(f"/parts-requests/{other.id}").status_code == 200


# -- files -------------------------------------------------------------------------------------


def test_a_file_is_served_safely_to_those_who_see_what_it_belongs_to(
    factory: Factory, sign_in: SignIn, tmp_path: Path
) -> None:
    with unit_of_work(factory.session) as session:
        stored = attachments.store(
            session,
            FolderStore(tmp_path / "uploads"),
            NoScanner(),
            photo(),
            "leak.png",
            factory.supervisor.id,
        )
    stranger = sign_in(factory.other_technician)
    assert stranger.get(f"/attachments/{stored.id}").status_code == 404
    factory.report(photos=[stored.id])

    answer = sign_in(factory.manager).get(f"/attachments/{stored.id}")
    assert answer.status_code == 200
    assert answer.mimetype == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "private, no-cache"
    kept = sign_in(factory.manager).get(f"/attachments/{stored.id}?download=1")
    assert kept.headers["Content-Disposition"] == "attachment; filename=leak.png"


# -- notifications and profile -----------------------------------------------------------------


def test_notifications_are_counted_followed_and_read(factory: Factory, sign_in: SignIn) -> None:
    with unit_of_work(factory.session) as session:
        note, other = (
            notifications.notify(session, title="Look here", link="/machines", user_ids=[user.id])[0]
            for user in (factory.storekeeper, factory.manager)
        )
        notifications.notify(session, title="And here", user_ids=[factory.storekeeper.id])
    browser = sign_in(factory.storekeeper)
    assert browser.get("/inbox/state").json["counts"]["unread"] == 2
    assert "Look here" in browser.get("/notifications").text

    assert browser.post(f"/notifications/{note.id}/open").location == "/machines"
    assert browser.get("/inbox/state").json["counts"]["unread"] == 1
    assert browser.post(f"/notifications/{other.id}/open").status_code == 404
    browser.post("/notifications/read")
    assert browser.get("/inbox/state").json["counts"]["unread"] == 0


def test_a_notification_never_leads_to_another_site(factory: Factory, sign_in: SignIn) -> None:
    with unit_of_work(factory.session) as session:
        note = notifications.notify(session, title="x", link="//evil.example", user_ids=[factory.manager.id])[
            0
        ]
    assert sign_in(factory.manager).post(f"/notifications/{note.id}/open").location == "/notifications"


def test_an_absence_is_entered_shown_and_taken_back(
    factory: Factory, sign_in: SignIn, clock: ManualClock
) -> None:
    browser = sign_in(factory.technician)
    today = clock().date()
    answers = {
        "from": today.isoformat(),
        "until": (today + timedelta(days=5)).isoformat(),
        "substituteId": str(factory.other_technician.id),
    }
    shown = browser.post("/profile/absences", data=answers, follow_redirects=True).text
    assert "Lena Fuchs" in shown and "Your absence is entered." in shown
    assert "Today you stand in for Tomasz Wolski" in sign_in(factory.other_technician).get("/profile").text

    factory.session.rollback()
    absence = factory.session.query(Substitution).one()
    assert sign_in(factory.manager).post(f"/profile/absences/{absence.id}/remove").status_code == 404
    browser.post(f"/profile/absences/{absence.id}/remove")
    factory.session.rollback()
    assert factory.session.query(Substitution).count() == 0


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"from": ""}, "Enter the first day."),
        ({"until": "2026-02-30"}, "Enter the last day."),
        ({"substituteId": ""}, "Choose somebody."),
        ({"until": "2026-03-01"}, "The absence ends before it begins."),
    ],
)
def test_what_is_wrong_with_an_absence_is_said_at_its_field(
    factory: Factory, sign_in: SignIn, answers: dict[str, str], message: str
) -> None:
    good = {
        "from": date(2026, 3, 9).isoformat(),
        "until": date(2026, 3, 13).isoformat(),
        "substituteId": str(factory.other_technician.id),
    }
    answer = sign_in(factory.technician).post("/profile/absences", data={**good, **answers})
    assert answer.status_code == 422
    assert message in answer.text


def test_language_and_time_zone_decide_how_times_are_written(
    factory: Factory, sign_in: SignIn, clock: ManualClock
) -> None:
    from app.domain import settings

    with unit_of_work(factory.session) as session:
        settings.change_site(session, None, time_zone="Europe/Berlin")
        notifications.notify(session, title="Hello", user_ids=[factory.manager.id])
    browser = sign_in(factory.manager)
    assert 'title="2 Mar 2026, 09:00"' in browser.get("/notifications").text
    browser.post("/profile", data={"name": "Maria Duarte", "language": "en-US"})
    assert "Mar 2, 2026, 9:00" in browser.get("/notifications").text
