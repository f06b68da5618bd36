"""Who somebody is, and the lockout of those who guess."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.database import unit_of_work
from app.domain import passwords, people, sign_in
from app.domain.activity import ActivityLog
from app.domain.sign_in import Outcome, SignInFailures
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.databases

UNKNOWN = "nobody@factory.example"


@pytest.fixture
def user(session):
    with unit_of_work(session):
        return make_user(session, email="ada@factory.example")


def attempt(session, email, password="wrong"):  # noqa: S107
    checked = sign_in.check(session, email, password)
    with unit_of_work(session):
        return sign_in.settle(session, checked)


def actions(session):
    return list(session.scalars(sa.select(ActivityLog.action).order_by(ActivityLog.id)))


def rows(session):
    return session.scalar(sa.select(sa.func.count()).select_from(SignInFailures))


def test_address_and_password_say_who_it_is(session, user):
    assert attempt(session, " ADA@factory.example", PASSWORD) == Outcome(user)
    assert attempt(session, user.email) == Outcome()
    assert attempt(session, UNKNOWN, PASSWORD) == Outcome()
    assert actions(session) == ["SIGN_IN", "SIGN_IN_FAILED"]


def test_somebody_deactivated_fails_like_anybody(session, user):
    with unit_of_work(session):
        people.update_user(session, user, None, active=False)
    assert attempt(session, user.email, PASSWORD) == Outcome()


@pytest.mark.parametrize("email", ["ada@factory.example", UNKNOWN])
def test_five_failures_lock_an_address_whether_or_not_it_exists(session, user, time, email):
    answers = [attempt(session, email) for _ in range(6)]
    until = time() + timedelta(minutes=1)
    assert answers == [Outcome()] * 4 + [Outcome(locked_until=until)] * 2
    assert attempt(session, email.upper(), PASSWORD) == Outcome(locked_until=until)
    known = ["SIGN_IN_FAILED"] * 5 + ["LOCKED"] if email != UNKNOWN else []
    assert actions(session) == known


def test_each_further_failure_doubles_the_lock_up_to_an_hour(session, user, time):
    for _ in range(4):
        attempt(session, user.email)
    minutes = []
    for _ in range(9):
        until = attempt(session, user.email).locked_until
        minutes.append((until - time()).total_seconds() / 60)
        time.time = until
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert attempt(session, user.email, PASSWORD).user is user


def test_failures_spread_over_time_do_not_lock(session, user, time):
    for _ in range(4):
        attempt(session, user.email)
    time.advance(minutes=15)
    assert [attempt(session, user.email) for _ in range(4)] == [Outcome()] * 4


def test_failures_are_forgotten_a_quarter_of_an_hour_after_the_lock(session, user, time):
    for _ in range(5):
        attempt(session, user.email)
    time.advance(minutes=15, seconds=59)
    assert attempt(session, user.email).locked_until == time() + timedelta(minutes=2)
    time.advance(minutes=17)
    assert attempt(session, user.email) == Outcome()


def test_success_clears_earlier_failures(session, user):
    for _ in range(4):
        attempt(session, user.email)
    assert attempt(session, user.email, PASSWORD).user is user
    assert rows(session) == 0
    assert attempt(session, user.email) == Outcome()


def test_a_right_password_among_many_guessed_at_once_does_not_get_through(session, user):
    guesses = [sign_in.check(session, user.email, guess) for guess in (*"12345", PASSWORD)]
    outcomes = []
    for checked in guesses:
        with unit_of_work(session):
            outcomes.append(sign_in.settle(session, checked))
    assert outcomes[-1].user is None
    assert outcomes[-1].locked_until is not None


def test_a_password_that_was_changed_meanwhile_is_the_old_one(session, user):
    checked = sign_in.check(session, user.email, PASSWORD)
    with unit_of_work(session):
        people.set_password(session, user, passwords.hash_password("another horse"), None)
    with unit_of_work(session):
        assert sign_in.settle(session, checked) == Outcome()


def test_passwords_are_not_compared_while_others_wait_to_write(session, user):
    with unit_of_work(session), pytest.raises(RuntimeError):
        sign_in.check(session, user.email, PASSWORD)


def test_failures_that_no_longer_count_are_swept_away(session, time):
    attempt(session, "one@factory.example")
    attempt(session, "two@factory.example")
    time.advance(minutes=15)
    attempt(session, "three@factory.example")
    assert rows(session) == 1


def test_addresses_are_not_kept(session):
    attempt(session, UNKNOWN)
    (digest,) = session.scalars(sa.select(SignInFailures.address_digest))
    assert "nobody" not in digest
    assert len(digest) == 64
