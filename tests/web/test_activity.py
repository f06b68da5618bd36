"""The activity log as a page: filters, words, pages of any depth, files."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from app import clock
from app.database import unit_of_work
from app.domain import activity, departments
from app.domain.activity import ActivityLog
from app.domain.entities import EntityType
from app.domain.people import Department
from app.web.activity_words import action_words
from tests.web.conftest import Factory, SignIn


@pytest.fixture
def admin(factory: Factory, sign_in: SignIn) -> Any:
    return sign_in(factory.admin)


def rename(factory: Factory, name: str, by: int | None = None) -> None:
    with unit_of_work(factory.session) as session:
        row = session.get_one(Department, factory.department.id)
        departments.update_department(session, row, by, name=name)


def test_a_change_is_told_with_what_was_and_what_is(factory: Factory, admin: Any) -> None:
    rename(factory, "Forming", factory.manager.id)
    page = admin.get("/activity?kind=DEPARTMENT").text
    assert "Maria Duarte" in page
    assert "changed department" in page
    assert f'href="/departments/{factory.department.id}"' in page
    assert re.search(r"<del>.*?Stamping</del>\s*<ins>.*?Forming</ins>", page, re.DOTALL)


def test_ids_codes_and_times_are_told_in_words(factory: Factory, admin: Any) -> None:
    with unit_of_work(factory.session) as session:
        activity.record(
            session, "UPDATE_MACHINE", EntityType.MACHINE, factory.press.id, None,
            before={"status": "OPERATIONAL", "department_id": None, "installation_date": "2020-01-31"},
            after={"status": "DOWN", "department_id": factory.department.id, "installation_date": None},
        )  # fmt: skip
        activity.record(
            session, "DELETE_MACHINE", EntityType.MACHINE, 4711, None, before={"name": "Old lathe"}
        )
    page = admin.get("/activity?kind=MACHINE").text
    for words in ("Running</del>", "Down</ins>", "Stamping</ins>", "31 Jan 2020</del>", "The system"):
        assert words in page
    assert "deleted machine: Old lathe" in " ".join(page.split())
    assert 'href="/machines/4711"' not in page


def test_filters_by_who_what_which_and_words(factory: Factory, admin: Any) -> None:
    rename(factory, "Forming", factory.manager.id)
    rename(factory, "Pressing", factory.supervisor.id)
    by_maria = admin.get(f"/activity?user={factory.manager.id}").text
    assert "Forming</ins>" in by_maria
    assert "Pressing</ins>" not in by_maria
    assert "Nothing matches" in admin.get("/activity?action=SIGN_OUT").text
    assert "Pressing</ins>" in admin.get("/activity?action=UPDATE_DEPARTMENT&q=keller").text
    assert "Forming</ins>" not in admin.get("/activity?action=UPDATE_DEPARTMENT&q=keller").text
    one = admin.get(f"/activity?kind=DEPARTMENT&id={factory.department.id}").text
    assert "Pressing</ins>" in one
    assert "Nothing matches" in admin.get("/activity?kind=DEPARTMENT&id=4711").text
    for nonsense in ("user=x", "id=9" + "9" * 40, "from=never", "until=9999-12-31", "before=-1", "kind=SHIP"):
        assert admin.get(f"/activity?{nonsense}").status_code == 200


def test_days_are_those_of_the_factory(factory: Factory, admin: Any) -> None:
    rename(factory, "Forming")
    day = clock.now().date().isoformat()
    assert "Forming</ins>" in admin.get(f"/activity?kind=DEPARTMENT&from={day}&until={day}").text
    assert "Forming</ins>" not in admin.get(f"/activity?kind=DEPARTMENT&until={int(day[:4]) - 1}-01-01").text


def test_every_page_is_reached_and_goes_back_without_counting(
    factory: Factory, admin: Any, statements: Any
) -> None:
    with unit_of_work(factory.session) as session:
        entries = [activity.Entry("CREATE_PART", number, after={"n": number}) for number in range(1, 121)]
        activity.record_all(session, EntityType.SPARE_PART, entries, None)

    def numbers(page: str) -> list[int]:
        return [int(found) for found in re.findall(r"Spare part no\. (\d+)", page)]

    def link(page: str, rel: str) -> str:
        found = re.search(rf'rel="{rel}"\s+href="([^"]+)"', page)
        assert found is not None
        return found[1].replace("&amp;", "&")

    with statements() as seen:
        first = admin.get("/activity?kind=SPARE_PART").text
    assert not [statement for statement in seen if "count(" in statement.lower() and "activity" in statement]
    assert numbers(first) == list(range(120, 70, -1))
    assert 'rel="prev"' not in first
    second = admin.get(link(first, "next")).text
    third = admin.get(link(second, "next")).text
    assert numbers(second) + numbers(third) == list(range(70, 0, -1))
    assert 'rel="next"' not in third
    assert numbers(admin.get(link(third, "prev")).text) == numbers(second)
    assert numbers(admin.get(link(second, "prev")).text) == numbers(first)


def test_the_log_is_taken_away_and_that_is_logged(factory: Factory, admin: Any) -> None:
    rename(factory, "Forming", factory.manager.id)
    text = admin.get("/activity/export.csv?kind=DEPARTMENT").text
    assert "UPDATE_DEPARTMENT" in text
    assert "SIGN_IN" not in text
    assert admin.get("/activity/export.exe").status_code == 404
    factory.session.rollback()
    entry = factory.session.scalars(
        sa.select(ActivityLog).where(ActivityLog.action == "EXPORT_ACTIVITY_LOG")
    ).one()
    assert (entry.user_id, entry.after) == (factory.admin.id, {"kind": "DEPARTMENT"})


def test_actions_have_words() -> None:
    assert action_words("SIGN_IN_FAILED") == "a sign-in failed"
    assert action_words("CREATE_FAILURE_CODE") == "added failure code"
    assert action_words("FLY_AWAY") == "fly away"
