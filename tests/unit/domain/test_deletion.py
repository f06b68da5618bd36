"""Who refers to a row, and the refusal to delete what has history."""

from __future__ import annotations

import pytest

from app.domain import deletion, notifications
from app.domain.deletion import References, references, refuse_if_used
from app.errors import Conflict
from tests.factories import make_department, make_failure_code, make_machine, make_request, make_user

pytestmark = pytest.mark.databases


def test_what_nothing_refers_to_may_go(session):
    code, other = make_failure_code(session), make_failure_code(session)
    make_request(session, failure_code_id=other.id)
    assert references(session, code) == []
    refuse_if_used(session, code, what="The failure code", instead="Deactivate it instead.")


def test_what_has_history_stays_and_the_refusal_says_why(session):
    hall = make_department(session)
    make_machine(session, department=hall), make_machine(session, department=hall)
    make_user(session, department=hall)
    with pytest.raises(Conflict) as refused:
        refuse_if_used(session, hall, what="The department Hall 4", instead="Deactivate it instead.")
    assert str(refused.value) == (
        "The department Hall 4 has history and cannot be deleted: machines (2) and users (1). "
        "Deactivate it instead."
    )


def test_a_row_that_refers_twice_is_counted_once(session):
    both = make_user(session)
    make_request(session, reporter=both, technician=both)
    requests = [found for found in references(session, both) if found.table == "maintenance_requests"]
    assert requests == [References("maintenance_requests", 1)]


def test_tables_and_columns_can_be_left_out_or_added(session):
    user = make_user(session)
    notifications.notify(session, title="Down", user_ids=[user.id])
    assert [found.table for found in references(session, user)] == ["notifications"]
    assert references(session, user, ignore=["notifications"]) == []
    assert references(session, user, ignore=["notifications.user_id"]) == []
    # A column without a foreign key; any number will do for the test.
    same = make_department(session, id=user.id)
    assert references(session, user, ignore=["notifications"], also=["departments.id"]) == [
        References("departments", 1)
    ]
    assert same.id == user.id


def test_many_references_are_not_counted_to_the_end(session, monkeypatch):
    monkeypatch.setattr(deletion, "COUNTED", 2)
    hall = make_department(session)
    for _ in range(4):
        make_machine(session, department=hall)
    (found,) = references(session, hall)
    assert str(found) == "machines (more than 2)"
