"""Views are somebody's own, have names of their own, and are not without number."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.engine.monitor import views
from app.errors import BusinessError, NotFound

ANN, BOB = 1, 2


def save(session: Session, name: str, user: int = ANN, query: str = "show=stuck") -> int:
    with unit_of_work(session):
        return views.save(session, user, name, query).id


@pytest.mark.databases
def test_views_are_kept_by_name_and_person(session: Session) -> None:
    save(session, "  Press   shop ")
    save(session, "all late", query="reason=overdue")
    save(session, "Press shop", user=BOB)
    found = views.of_user(session, ANN)
    assert [(view.name, view.query) for view in found] == [
        ("all late", "reason=overdue"),
        ("Press shop", "show=stuck"),
    ]


def test_a_view_of_somebody_else_is_not_there(session: Session) -> None:
    theirs = save(session, "Press shop", user=BOB)
    with pytest.raises(NotFound):
        views.get(session, ANN, theirs)
    assert views.get(session, BOB, theirs).name == "Press shop"


def test_a_view_is_renamed_and_deleted(session: Session) -> None:
    view_id = save(session, "Press shop")
    with unit_of_work(session):
        views.rename(session, views.get(session, ANN, view_id), "press SHOP")
    assert [view.name for view in views.of_user(session, ANN)] == ["press SHOP"]
    with unit_of_work(session):
        views.delete(session, views.get(session, ANN, view_id))
    assert views.of_user(session, ANN) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [("   ", "NAME_MISSING"), ("n" * 61, "NAME_TOO_LONG"), ("PRESS shop", "NAME_TAKEN")],
)
def test_a_name_is_needed_short_and_free(session: Session, name: str, code: str) -> None:
    save(session, "Press shop")
    other = save(session, "Other")
    with pytest.raises(BusinessError) as refused:
        save(session, name)
    assert (refused.value.code, refused.value.field) == (code, "name")
    with pytest.raises(BusinessError, match=r"name|called"), unit_of_work(session):
        views.rename(session, views.get(session, ANN, other), name)
    assert [view.name for view in views.of_user(session, ANN)] == ["Other", "Press shop"]


def test_there_are_limits(session: Session) -> None:
    with pytest.raises(BusinessError) as refused:
        save(session, "Long", query="q" * 1001)
    assert refused.value.code == "VIEW_TOO_LONG"
    for number in range(views.MOST):
        save(session, f"View {number}")
    with pytest.raises(BusinessError) as refused:
        save(session, "One more")
    assert refused.value.code == "TOO_MANY_VIEWS"
    save(session, "One more", user=BOB)
