"""What people do with their own account, and how accounts come and go."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.database import unit_of_work
from app.domain import (
    accounts,
    notifications,
    password_resets,
    passwords,
    people,
    sessions,
    settings,
    sign_in,
)
from app.domain.people import User
from app.domain.queries import people as lists
from app.engine.models import TaskState
from app.errors import BusinessError, Conflict, Forbidden
from tests.factories import PASSWORD, make_request, make_user

NEW = {"email": "Bob@Factory.example", "name": "Bob", "password_hash": "hashed"}
AN_HOUR = timedelta(hours=1)


def test_people_add_themselves_only_where_that_is_allowed(session):
    with pytest.raises(Forbidden, match="Registration is off"):
        accounts.register(session, **NEW)
    admin = make_user(session, "ADMIN")
    settings.change_site(session, admin.id, registration=True)
    user = accounts.register(session, **NEW)
    assert (user.email, user.role, user.process_owner, user.active) == (
        "bob@factory.example",
        None,
        False,
        True,
    )
    assert [entry.action for entry in lists.activity_of(session, "USER", user.id)] == ["REGISTER"]
    (told,) = lists.unread_notifications(session, admin.id)
    assert told.title == "Bob has registered"


def test_a_new_password_of_ones_own_ends_the_other_sessions(session):
    with unit_of_work(session):
        user = make_user(session)
        here, there = (sessions.begin(session, user.id, "page", lifetime=AN_HOUR) for _ in range(2))
    checked = sign_in.check(session, user.email, PASSWORD)
    with unit_of_work(session):
        assert accounts.change_own_password(session, checked, "new hash", keep=here.id).user is user
    assert user.password_hash == "new hash"
    assert (here.is_live(), there.is_live()) == (True, False)
    assert "SIGN_IN" not in [entry.action for entry in lists.activity_of(session, "USER", user.id)]


def test_a_wrong_current_password_counts_as_a_failure_to_sign_in(session):
    with unit_of_work(session):
        user = make_user(session, password_hash=passwords.hash_password("correct horse"))
    codes = []
    for _ in range(5):
        checked = sign_in.check(session, user.email, "wrong")
        with unit_of_work(session):
            outcome = accounts.change_own_password(session, checked, "new hash")
        refusal = accounts.wrong_current_password(outcome)
        codes.append(refusal.code)
        assert refusal.field == "currentPassword"
    assert codes == ["WRONG_PASSWORD"] * 4 + ["LOCKED"]
    assert passwords.matches(user.password_hash, "correct horse")
    assert sign_in.check(session, user.email, "correct horse").password_hash is None


@pytest.mark.databases
def test_a_user_added_by_mistake_is_removed_with_what_is_theirs_alone(session):
    admin, user = make_user(session, "ADMIN"), make_user(session, name="Mistake")
    notifications.notify(session, title="Down", user_ids=[user.id])
    password_resets.make(session, user, admin.id)
    sessions.begin(session, user.id, "page", lifetime=AN_HOUR)
    user_id = user.id
    accounts.delete_user(session, user, admin.id)
    assert session.get(User, user_id) is None
    entry = lists.activity_of(session, "USER", user_id)[-1]
    assert (entry.action, entry.before["name"]) == ("DELETE_USER", "Mistake")
    assert "password_hash" not in entry.before


@pytest.mark.databases
def test_a_user_with_history_is_deactivated_instead(session):
    user = make_user(session, "SUPERVISOR", name="Ann")
    make_request(session, reporter=user)
    with pytest.raises(Conflict) as refused:
        accounts.delete_user(session, user, None)
    assert "The user Ann has history" in str(refused.value)
    assert "maintenance requests (1)" in str(refused.value)
    assert "Deactivate the user instead" in str(refused.value)


def test_somebody_who_holds_a_task_stays(session):
    from app.engine.models import Deployment, ProcessInstance, UserTask

    user = make_user(session)
    deployment = Deployment(key="p", version=1, name="P", digest="0")
    session.add(deployment)
    session.flush()
    named = {"business_key": "P-1", "subject_type": "thing", "subject_id": 1}
    instance = ProcessInstance(key="p", deployment_id=deployment.id, **named)
    session.add(instance)
    session.flush()
    now = instance.started_at
    task = UserTask(
        instance_id=instance.id, engine_task="0", element_id="e", name="Do it", assignee_id=user.id,
        urgency=now, created_at=now, process_key="p", title="It", state=TaskState.OPEN, **named,
    )  # fmt: skip
    session.add(task)
    with pytest.raises(Conflict, match=r"tasks \(1\)"):
        accounts.delete_user(session, user, None)


def test_the_last_administrator_is_not_removed(session):
    admin = make_user(session, "ADMIN")
    with pytest.raises(BusinessError) as refused:
        accounts.delete_user(session, admin, admin.id)
    assert refused.value.code == "LAST_ADMIN"
    second = make_user(session, "ADMIN")
    accounts.delete_user(session, second, admin.id)
    assert people.by_email(session, second.email) is None
