"""Reports and notifications by e-mail, through a real mail server on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import notification_choices, notifications, report_schedules, settings
from app.domain.notification_choices import KINDS, NotificationChoice, kind_of
from app.domain.notifications import Notification
from app.domain.people import Role
from app.domain.report_schedules import ReportSchedule
from app.engine.core import ProcessEngine
from app.errors import BusinessError
from app.jobs import JobSystem, scheduled_reports
from app.jobs.mail import Mailer, mailer_of
from tests.factories import make_department, make_machine, make_user
from tests.unit.jobs.test_mail import SENDER, MailServer, Post

BEGIN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
REACH = {"ADMIN": "all", "MAINTENANCE_MANAGER": "all", "SUPERVISOR": "department"}


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def mailer(post: Post) -> Iterator[Mailer]:
    server = MailServer(post, hostname="127.0.0.1", port=0)
    server.start()
    found = mailer_of(
        {"MILLWRIGHT_SMTP_URL": f"smtp://127.0.0.1:{server.port}", "MILLWRIGHT_MAIL_FROM": SENDER}
    )
    assert found is not None
    yield found
    server.stop()


@pytest.fixture
def system(
    engine: ProcessEngine, database: sa.Engine, mailer: Mailer, clock: ManualClock
) -> Iterator[JobSystem]:
    clock.time = BEGIN
    system = JobSystem(engine, database, interval=3600, mailer=mailer)
    yield system
    system.stop()


def schedule(session: Session, **values: Any) -> ReportSchedule:
    owner = make_user(session, Role.MAINTENANCE_MANAGER, name="Maria")
    given = {
        "report": "downtime", "rrule": "FREQ=WEEKLY;BYDAY=MO", "at": "06:00", "period": "WEEK",
        "format": "csv", "reach": REACH, "recipients": [owner.id],
    }  # fmt: skip
    return report_schedules.create_schedule(session, owner.id, **{**given, **values})


def deliver(system: JobSystem) -> None:
    system.sweep(whoever_leads=True)
    system.sweep(whoever_leads=True)


def test_a_report_is_sent_once_at_its_time_by_the_sites_clock(
    system: JobSystem, session: Session, post: Post, clock: ManualClock
) -> None:
    with unit_of_work(session):
        settings.change_site(session, None, time_zone="Europe/Berlin", name="Works")
        row = schedule(session)
        make_machine(session, name="Press")
    assert row.next_at == datetime(2026, 3, 9, 5, 0, tzinfo=UTC)
    deliver(system)
    assert post.messages == []
    clock.time = datetime(2026, 3, 9, 5, 0, 1, tzinfo=UTC)
    deliver(system)
    deliver(system)
    (message,) = post.messages
    assert message["Subject"] == "Works: Downtime, 2026-03-02 to 2026-03-08"
    (file,) = message.iter_attachments()
    assert str(file.get_filename()).startswith("downtime-")
    session.refresh(row)
    # Summer time has begun by then: the clock on the wall shows six all the same.
    clock.time = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
    assert report_schedules.next_due(row, clock.time, settings.site(session).zone) == datetime(
        2026, 3, 30, 4, 0, tzinfo=UTC
    )


def test_what_an_outage_has_missed_is_sent_once_and_two_schedulers_send_it_once(
    system: JobSystem, session: Session, post: Post, clock: ManualClock, engine: ProcessEngine, database: Any,
    mailer: Mailer,
) -> None:  # fmt: skip
    with unit_of_work(session):
        row = schedule(session)
    clock.time = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
    other = JobSystem(engine, database, interval=3600, mailer=mailer)
    scheduled_reports.keep_up(system.sessions)
    scheduled_reports.keep_up(other.sessions)
    deliver(system)
    other.sweep(whoever_leads=True)
    other.stop()
    (message,) = post.messages
    assert "2026-03-23 to 2026-03-29" in message["Subject"]
    session.refresh(row)
    assert (row.last_at, row.next_at) == (
        datetime(2026, 3, 30, 6, 0, tzinfo=UTC),
        datetime(2026, 4, 6, 6, 0, tzinfo=UTC),
    )


def test_each_gets_what_they_may_see_and_who_may_no_more_gets_none(
    system: JobSystem, session: Session, post: Post, clock: ManualClock
) -> None:
    with unit_of_work(session):
        department = make_department(session, name="Stamping")
        ann = make_user(session, Role.SUPERVISOR, department_id=department.id, email="ann@x.example")
        lost = make_user(session, Role.SUPERVISOR, email="lost@x.example")
        gone = make_user(session, Role.ADMIN, email="gone@x.example")
        make_machine(session, name="Press", department=department)
        row = schedule(
            session, report="maintenance-efficiency", recipients=[ann.id, lost.id, gone.id], period="DAYS_30"
        )
        make_machine(session, name="Robot")
        gone.active = False
    assert row.next_at is not None
    clock.time = row.next_at
    deliver(system)
    (message,) = post.messages
    assert message["To"] == "ann@x.example"
    (file,) = message.iter_attachments()
    content = file.get_content()
    text = content.decode() if isinstance(content, bytes) else content
    assert "Press" in text
    assert "Robot" not in text


def test_what_cannot_be_scheduled_is_refused(session: Session) -> None:
    tech = make_user(session)
    for values, code in (
        ({"recipients": []}, "BAD_RECIPIENTS"),
        ({"recipients": [tech.id]}, "BAD_RECIPIENTS"),
        ({"at": "6 o'clock"}, "BAD_TIME"),
        ({"rrule": "FREQ=NEVER"}, "BAD_RULE"),
        ({"report": "nothing"}, "BAD_REPORT"),
    ):
        with pytest.raises(BusinessError) as refused:
            schedule(session, **values)
        assert refused.value.code == code


def test_a_schedule_that_is_not_in_use_is_not_due(session: Session, clock: ManualClock) -> None:
    row = schedule(session)
    report_schedules.update_schedule(session, row, None, active=False)
    assert row.next_at is None
    report_schedules.update_schedule(session, row, None, active=True, at="07:15")
    assert row.next_at is not None
    assert (row.next_at.hour, row.next_at.minute) == (7, 15)


def test_people_choose_by_kind_whether_and_when_an_e_mail_tells_them(
    system: JobSystem, session: Session, post: Post, clock: ManualClock
) -> None:
    with unit_of_work(session):
        ada = make_user(session, email="ada@x.example")
        bob = make_user(session, email="bob@x.example")
        notification_choices.choose(session, ada.id, ada.id, {"TASK": "AT_ONCE", "STOCK": "DAILY"})
    with unit_of_work(session):
        for link in ("/tasks/1", "/parts/1", "/exports"):
            notifications.notify(session, title=f"About {link}", link=link, user_ids=[ada.id, bob.id])
    deliver(system)
    (message,) = post.messages
    assert (message["To"], "About /tasks/1" in message["Subject"]) == ("ada@x.example", True)
    assert "/profile#notifications" in str(message.get_content())
    with unit_of_work(session):
        notifications.notify(session, title="Another one", link="/parts/2", user_ids=[ada.id])
    clock.time = datetime(2026, 3, 3, 6, 0, 1, tzinfo=UTC)
    deliver(system)
    deliver(system)
    digest = post.messages[1]
    assert len(post.messages) == 2
    assert "2 notifications" in digest["Subject"]
    assert "About /parts/1" in str(digest.get_content())
    assert session.scalars(sa.select(Notification.id).where(Notification.mail_at.is_not(None))).all() == []


def test_what_was_read_before_the_digest_is_not_sent(
    system: JobSystem, session: Session, post: Post, clock: ManualClock
) -> None:
    with unit_of_work(session):
        ada = make_user(session)
        notification_choices.choose(session, ada.id, ada.id, {"TASK": "DAILY"})
        notifications.notify(session, title="Do this", link="/tasks/1", user_ids=[ada.id])
        notifications.mark_read(session, ada.id)
    clock.advance(days=1)
    deliver(system)
    assert post.messages == []


def test_kinds_are_told_by_their_links_and_choices_are_checked(session: Session) -> None:
    links = (
        "/tasks/7",
        "/requests/1",
        "/parts-requests/1",
        "/parts/3",
        "/preventive/2",
        "/monitor?x",
        "/x",
        "",
    )
    assert [kind_of(link) for link in links] == [
        "TASK", "REQUEST", "PARTS", "STOCK", "PREVENTIVE", "PROCESS", "OTHER", "OTHER",
    ]  # fmt: skip
    ada = make_user(session)
    assert set(notification_choices.choices(session, ada.id)) == {kind.code for kind in KINDS}
    for wanted, code in (({"X": "NEVER"}, "BAD_KIND"), ({"TASK": "SOON"}, "BAD_CHOICE")):
        with pytest.raises(BusinessError) as refused:
            notification_choices.choose(session, ada.id, ada.id, wanted)
        assert refused.value.code == code
    assert session.scalars(sa.select(NotificationChoice)).all() == []
