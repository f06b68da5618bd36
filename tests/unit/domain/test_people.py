"""Users, passwords, roles and absences; notifications; the activity log; settings; numbers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain import activity, notifications, numbering, passwords, people, settings
from app.domain.activity import ActivityLog
from app.domain.append_only import AppendOnlyError
from app.domain.queries import people as lists
from app.errors import BusinessError
from tests.factories import make_department, make_part, make_user

NEW = {"email": "Ada@Factory.example ", "name": "Ada", "password": "correct horse"}


def test_a_user_is_found_by_address_however_it_is_written(session):
    user = people.create_user(session, None, **NEW)
    assert people.by_email(session, " ADA@factory.example") is user
    assert passwords.matches(user.password_hash, "correct horse")


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"password": "short"}, "PASSWORD_TOO_SHORT", "password"),
        ({"password": "ä" * 37}, "PASSWORD_TOO_LONG", "password"),
        ({"email": "nonsense"}, "BAD_EMAIL", "email"),
        ({"email": "ada@factory.example\nBcc: eve@elsewhere.example"}, "BAD_EMAIL", "email"),
        ({"email": "ada,eve@factory.example"}, "BAD_EMAIL", "email"),
        ({"email": "a" * 250 + "@b.example"}, "BAD_EMAIL", "email"),
        ({"email": "TAKEN@factory.example"}, "EMAIL_TAKEN", "email"),
        ({"name": ""}, "NAME_MISSING", "name"),
        ({"name": "x" * 256}, "NAME_TOO_LONG", "name"),
        ({"language": "Klingon"}, "BAD_LANGUAGE", "language"),
        ({"role": "KING"}, "BAD_ROLE", "role"),
        ({"department_id": 4711}, "UNKNOWN_DEPARTMENT", "departmentId"),
    ],
)
def test_a_user_that_makes_no_sense_is_refused(session, values, code, field):
    make_user(session, email="taken@factory.example")
    with pytest.raises(BusinessError) as refused:
        people.create_user(session, None, **{**NEW, **values})
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.parametrize("change", [{"active": False}, {"role": "SUPERVISOR"}, {"role": None}])
def test_the_last_administrator_stays(session, change):
    admin = make_user(session, "ADMIN")
    make_user(session, "ADMIN", active=False)
    with pytest.raises(BusinessError) as refused:
        people.update_user(session, admin, admin.id, **change)
    assert (refused.value.code, admin.role, admin.active) == ("LAST_ADMIN", "ADMIN", True)
    make_user(session, "ADMIN")
    people.update_user(session, admin, admin.id, **change)


def test_changes_are_logged_before_and_after_without_secrets(session):
    admin, user = make_user(session, "ADMIN"), make_user(session, name="Old")
    with activity.from_source("10.0.0.7"):
        people.update_user(session, user, admin.id, name="New", language=user.language)
    people.set_password(session, user, passwords.hash_password("another horse"), admin.id)
    renamed, secret = lists.activity_of(session, "USER", user.id)
    assert (renamed.before, renamed.after) == ({"name": "Old"}, {"name": "New"})
    assert (renamed.source, renamed.user) == ("10.0.0.7", admin)
    assert secret.after == {"password_hash": "***"}


def test_money_and_new_rows_are_logged_as_json(session):
    part = make_part(session, unit_price=Decimal("1.10"))
    part.unit_price = Decimal("1.20")
    entry = activity.record_changes(session, "UPDATE_PART", "SPARE_PART", part, None)
    assert (entry.before, entry.after) == ({"unit_price": "1.10"}, {"unit_price": "1.20"})
    assert activity.record_changes(session, "UPDATE_PART", "SPARE_PART", part, None) is None


@pytest.mark.parametrize("statement", [sa.delete(ActivityLog), sa.update(ActivityLog).values(action="X")])
def test_the_activity_log_only_grows(session, statement):
    entry = activity.record(session, "TEST", "USER", 1, None)
    with pytest.raises(AppendOnlyError):
        session.execute(statement)
    entry.action = "SOMETHING_ELSE"
    with pytest.raises(AppendOnlyError):
        session.flush()


def test_eligible_people_are_active_and_of_the_department(session):
    hall = make_department(session)
    here = make_user(session, "SUPERVISOR", department=hall, name="B")
    there = make_user(session, "SUPERVISOR", name="A")
    make_user(session, "SUPERVISOR", department=hall, active=False)
    make_user(session, "ADMIN", department=hall)
    assert people.eligible(session, "SUPERVISOR") == [there, here]
    assert people.eligible(session, "SUPERVISOR", hall.id) == [here]


@pytest.mark.parametrize(
    ("day", "absent"),
    [
        (date(2026, 7, 31), False),
        (date(2026, 8, 1), True),
        (date(2026, 8, 14), True),
        (date(2026, 8, 15), False),
    ],
)
def test_a_substitute_stands_in_on_the_days_of_the_absence(session, day, absent):
    away, substitute = make_user(session), make_user(session)
    people.set_substitute(session, away, substitute.id, date(2026, 8, 1), date(2026, 8, 14), away.id)
    assert people.stands_in_for(session, substitute.id, day) == ([away] if absent else [])
    assert people.is_absent(session, away.id, day) is absent
    assert people.stands_in_for(session, away.id, day) == []


def test_absent_people_are_counted_on_while_somebody_who_is_there_stands_in(session):
    stood_in_for, substitute, abandoned, leaver, gone = (make_user(session) for _ in range(5))
    day = date(2026, 8, 1)
    people.set_substitute(session, stood_in_for, substitute.id, day, day, None)
    people.set_substitute(session, abandoned, leaver.id, day, day, None)
    people.update_user(session, leaver, None, active=False)
    people.update_user(session, gone, None, active=False)
    assert people.counted_on(session, day) == [stood_in_for, substitute]
    people.set_substitute(session, substitute, abandoned.id, day, day, None)
    assert people.counted_on(session, day) == []  # the one who stands in is away as well
    assert people.counted_on(session, date(2026, 8, 2)) == [stood_in_for, substitute, abandoned]


def test_absences_that_make_no_sense_are_refused(session):
    away, substitute, gone = make_user(session), make_user(session), make_user(session, active=False)
    people.set_substitute(session, away, substitute.id, date(2026, 8, 1), date(2026, 8, 14), None)
    for substitute_id, start, end, code in (
        (substitute.id, date(2026, 9, 2), date(2026, 9, 1), "BAD_PERIOD"),
        (away.id, date(2026, 9, 1), date(2026, 9, 2), "OWN_SUBSTITUTE"),
        (gone.id, date(2026, 9, 1), date(2026, 9, 2), "UNKNOWN_SUBSTITUTE"),
        (substitute.id, date(2026, 8, 14), date(2026, 9, 2), "OVERLAPPING_ABSENCE"),
    ):
        with pytest.raises(BusinessError) as refused:
            people.set_substitute(session, away, substitute_id, start, end, None)
        assert refused.value.code == code


def test_everybody_is_notified_once_and_reads_for_themselves(session):
    hall = make_department(session)
    first, second = (make_user(session, "SUPERVISOR", department=hall) for _ in range(2))
    gone = make_user(session, active=False)
    rows = notifications.notify(
        session, title="Down", user_ids=[first.id, None, gone.id], role="SUPERVISOR", department_id=hall.id
    )
    assert [row.user_id for row in rows] == [first.id, second.id]
    notifications.notify(session, title="Up", user_ids=[first.id])
    assert [row.title for row in lists.unread_notifications(session, first.id)] == ["Up", "Down"]
    assert notifications.mark_read(session, first.id, [rows[0].id, rows[1].id]) == 1
    assert notifications.unread_count(session, first.id) == 1
    assert notifications.mark_read(session, first.id) == 1
    assert notifications.unread_count(session, second.id) == 1


def test_user_lists_filter_and_search(session):
    ada = make_user(session, "ADMIN", name="Ada")
    bob = make_user(session, name="Bob", active=False)
    assert lists.list_users(session).items == [ada, bob]
    assert lists.list_users(session, role="ADMIN").items == lists.list_users(session, q="aDA").items == [ada]
    assert lists.list_users(session, active=False).items == [bob]


def test_site_settings_have_defaults_and_are_checked(session):
    assert settings.site(session).time_zone == "UTC"
    assert settings.site(session).registration is False
    site = settings.change_site(session, None, name="Mill 4", time_zone="Europe/Berlin", currency="CHF")
    assert (site.name, site.zone.key, site.currency) == ("Mill 4", "Europe/Berlin", "CHF")
    for change, field in (
        ({"time_zone": "Berlin"}, "timeZone"),
        ({"currency": "Euro"}, "currency"),
        ({"name": ""}, "name"),
        ({"registration": "yes"}, "registration"),
    ):
        with pytest.raises(BusinessError) as refused:
            settings.change_site(session, None, **change)
        assert refused.value.field == field


def test_numbers_count_per_prefix_and_year_and_are_given_again_after_a_rollback(database):
    with Session(database) as session:
        with unit_of_work(session):
            drawn = [numbering.next_key(session, *of) for of in (("MR", 2026), ("MR", 2026), ("PR", 2026))]
        assert drawn == ["MR-2026-000001", "MR-2026-000002", "PR-2026-000001"]
        with pytest.raises(RuntimeError), unit_of_work(session):
            numbering.next_key(session, "MR", 2026)
            raise RuntimeError
        with unit_of_work(session):
            assert numbering.next_key(session, "MR", 2026) == "MR-2026-000003"
            assert numbering.next_key(session, "MR", 2027) == "MR-2027-000001"
