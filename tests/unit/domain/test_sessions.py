"""Who is signed in where; refresh tokens that are good once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.database import unit_of_work
from app.domain import people, sessions
from app.domain.queries import people as lists
from app.domain.sessions import EndReason, SessionKind, UserSession
from tests.factories import make_user

pytestmark = pytest.mark.databases

HOURS = timedelta(hours=12)


@pytest.fixture
def user(session):
    return added_user(session)


def added_user(session):
    with unit_of_work(session):
        return make_user(session)


def begin(session, user, kind=SessionKind.API, **values):
    with unit_of_work(session):
        return sessions.begin(
            session, user.id, kind, **{"lifetime": sessions.REFRESH_LIFETIME, "ip": "10.0.0.7", **values}
        )


def actions(session, user):
    return [entry.action for entry in lists.activity_of(session, "USER", user.id)]


def test_the_sessions_of_a_user_are_listed_newest_first(session, user, time):
    first = begin(session, user, SessionKind.PAGE, user_agent="x" * 1000)
    time.advance(minutes=1)
    second = begin(session, user)
    begin(session, added_user(session))
    assert sessions.of_user(session, user.id) == [second, first]
    assert (first.ip, len(first.user_agent), first.kind) == ("10.0.0.7", 255, "page")


def test_a_session_is_over_when_its_time_is(session, user, time):
    row = begin(session, user, lifetime=HOURS)
    time.advance(hours=12)
    assert sessions.of_user(session, user.id) == []
    assert not row.is_live()


def test_a_refresh_token_is_replaced_by_the_next_and_the_session_lives_on(session, user, time):
    row = begin(session, user)
    first = row.token_id
    time.advance(days=6)
    with unit_of_work(session):
        rotated = sessions.rotate(session, row.id, first)
    assert rotated.session is row
    assert not rotated.reused
    assert row.token_id != first
    assert row.expires_at == time() + timedelta(days=7)
    time.advance(days=6)
    with unit_of_work(session):
        assert sessions.rotate(session, row.id, row.token_id).session is row


def test_a_token_that_comes_again_ends_the_session_for_thief_and_owner(session, user):
    row = begin(session, user)
    first = row.token_id
    with unit_of_work(session):
        second = sessions.rotate(session, row.id, first).session.token_id
    with unit_of_work(session):
        again = sessions.rotate(session, row.id, first)
    assert (again.session, again.reused) == (None, True)
    assert row.end_reason == EndReason.REUSED
    with unit_of_work(session):
        assert sessions.rotate(session, row.id, second) == sessions.Rotation(None)
    assert actions(session, user) == ["TOKEN_REUSED"]


def test_nothing_is_rotated_that_has_expired_or_never_was(session, user, time):
    row, page = begin(session, user), begin(session, user, SessionKind.PAGE)
    with unit_of_work(session):
        assert sessions.rotate(session, page.id, page.token_id) == sessions.Rotation(None)
        assert sessions.rotate(session, 4711, "x") == sessions.Rotation(None)
    time.advance(days=7)
    with unit_of_work(session):
        assert sessions.rotate(session, row.id, row.token_id) == sessions.Rotation(None)


def test_that_a_session_is_in_use_is_noted_once_a_minute(session, user, time):
    row = begin(session, user, SessionKind.PAGE, lifetime=HOURS)
    began = time()
    time.advance(seconds=59)
    with unit_of_work(session):
        assert not sessions.seen(session, row.id, HOURS)
    assert (row.last_seen_at, sessions.is_stale(row.last_seen_at)) == (began, False)
    time.advance(seconds=1)
    assert sessions.is_stale(row.last_seen_at)
    with unit_of_work(session):
        assert sessions.seen(session, row.id, HOURS)
        assert not sessions.seen(session, row.id, HOURS)
    assert (row.last_seen_at, row.expires_at) == (time(), time() + HOURS)


def test_a_session_that_has_ended_is_not_revived_by_being_seen(session, user, time):
    row = begin(session, user)
    with unit_of_work(session):
        assert sessions.end(session, row, EndReason.SIGNED_OUT, user.id)
        assert not sessions.end(session, row, EndReason.SIGNED_OUT, user.id)
    time.advance(minutes=5)
    with unit_of_work(session):
        assert not sessions.seen(session, row.id, HOURS)
    assert sessions.of_user(session, user.id) == []
    assert actions(session, user) == ["SIGN_OUT"]


def test_all_sessions_but_one_end_together(session, user):
    here, *_others = (begin(session, user) for _ in range(3))
    other = begin(session, added_user(session))
    with unit_of_work(session):
        assert sessions.end_all(session, user.id, EndReason.ENDED, user.id, keep=here.id) == 2
        assert sessions.end_all(session, user.id, EndReason.ENDED, user.id, keep=here.id) == 0
    assert sessions.of_user(session, user.id) == [here]
    assert other.is_live()
    (entry,) = lists.activity_of(session, "USER", user.id)
    assert (entry.action, entry.after) == ("END_SESSIONS", {"sessions": 2, "reason": "ended"})


def test_a_new_password_and_being_deactivated_end_sessions(session, user):
    here, there = begin(session, user), begin(session, user)
    with unit_of_work(session):
        people.set_password(session, user, "hashed", user.id, keep=here.id)
    assert (here.is_live(), there.end_reason) == (True, "password")
    with unit_of_work(session):
        people.update_user(session, user, None, active=False)
    assert here.end_reason == "deactivated"


def test_what_expired_long_ago_is_swept_away_some_at_a_time(session, user, time, monkeypatch):
    monkeypatch.setattr(sessions, "_CLEANED_AT_ONCE", 2)
    for _ in range(3):
        begin(session, user, lifetime=HOURS)
    time.advance(days=30, hours=11)
    begin(session, user)
    assert session.scalar(sa.select(sa.func.count()).select_from(UserSession)) == 4
    time.advance(hours=2)
    begin(session, user)
    assert session.scalar(sa.select(sa.func.count()).select_from(UserSession)) == 3
