"""Links with which people set a new password."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.database import unit_of_work
from app.domain import password_resets, passwords, people, sessions, sign_in
from app.domain.password_resets import PasswordReset
from app.domain.queries import people as lists
from app.errors import BusinessError
from tests.factories import PASSWORD, make_user

NEW_HASH = passwords.hash_password("a new good password")

pytestmark = pytest.mark.databases


@pytest.fixture
def user(session):
    with unit_of_work(session):
        return make_user(session, email="ada@factory.example")


@pytest.fixture
def admin(session):
    with unit_of_work(session):
        return make_user(session, "ADMIN")


def make(session, user, admin):
    with unit_of_work(session):
        return password_resets.make(session, user, admin.id)


def ask(session, email, **options):
    with unit_of_work(session):
        return password_resets.ask(session, email, **options)


def use(session, token):
    with unit_of_work(session):
        return password_resets.use(session, token, NEW_HASH)


def test_a_link_sets_the_password_once(session, user, admin):
    link = make(session, user, admin)
    assert password_resets.holder(session, link.token) is user
    assert use(session, link.token) is user
    assert user.password_hash == NEW_HASH
    assert password_resets.holder(session, link.token) is None
    with pytest.raises(BusinessError) as refused:
        use(session, link.token)
    assert (refused.value.code, refused.value.field) == ("BAD_LINK", "token")


def test_the_token_is_not_kept(session, user, admin):
    link = make(session, user, admin)
    row = session.scalars(sa.select(PasswordReset)).one()
    assert link.token not in {row.token_digest}
    assert len(link.token) == 43
    logged = lists.activity_of(session, "USER", user.id)
    assert [entry.action for entry in logged] == ["MAKE_RESET_LINK"]
    assert link.token not in str(logged[0].after)


@pytest.mark.parametrize("own", [True, False])
def test_a_link_is_good_for_an_hour_or_three_days(session, user, admin, time, own):
    link = ask(session, user.email)[1] if own else make(session, user, admin)
    lifetime = timedelta(hours=1) if own else timedelta(days=3)
    assert link.expires_at == time() + lifetime
    time.advance(seconds=lifetime.total_seconds() - 1)
    assert password_resets.holder(session, link.token) is user
    time.advance(seconds=1)
    assert password_resets.holder(session, link.token) is None
    with pytest.raises(BusinessError):
        use(session, link.token)


def test_a_new_link_takes_the_place_of_older_ones(session, user, admin):
    old, new = make(session, user, admin), make(session, user, admin)
    with pytest.raises(BusinessError):
        use(session, old.token)
    assert use(session, new.token) is user


def test_using_a_link_ends_sessions_and_a_lockout(session, user, admin):
    with unit_of_work(session):
        row = sessions.begin(session, user.id, "page", lifetime=timedelta(hours=1))
    for _ in range(5):
        checked = sign_in.check(session, user.email, "wrong")
        with unit_of_work(session):
            assert sign_in.settle(session, checked).user is None
    use(session, make(session, user, admin).token)
    assert row.end_reason == "password"
    checked = sign_in.check(session, user.email, PASSWORD)
    with unit_of_work(session):
        assert sign_in.settle(session, checked).locked_until is None


def test_asking_gives_nothing_to_strangers_and_those_who_are_off(session, user):
    assert ask(session, "nobody@factory.example") is None
    with unit_of_work(session):
        people.update_user(session, user, None, active=False)
    assert ask(session, user.email) is None
    with pytest.raises(BusinessError) as refused:
        password_resets.make(session, user, None)
    assert refused.value.code == "USER_INACTIVE"


def test_a_link_of_somebody_deactivated_meanwhile_is_no_good(session, user, admin):
    link = make(session, user, admin)
    with unit_of_work(session):
        people.update_user(session, user, admin.id, active=False)
    with pytest.raises(BusinessError):
        use(session, link.token)


def test_asking_again_at_once_sends_nothing(session, user, admin, time):
    make(session, user, admin)
    asked, link = ask(session, user.email)
    assert asked is user
    assert ask(session, user.email) is None
    assert password_resets.holder(session, link.token) is user
    assert ask(session, user.email, again=True) is not None
    time.advance(minutes=2)
    assert ask(session, user.email) is not None
