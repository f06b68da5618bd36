"""The same account, link or token, used twice at the same moment, on either database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain import password_resets, passwords, people, sessions, sign_in
from app.domain.people import User
from app.domain.sessions import EndReason, UserSession
from app.domain.sign_in import SignInFailures
from app.errors import BusinessError
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.databases

Act = Callable[[Session], Any]


def at_once(database: sa.Engine, acts: Sequence[Act]) -> list[Any]:
    """What came of each, or the error that it raised; each in a transaction of its own, begun together."""
    start = Barrier(len(acts))

    def run(act: Act) -> Any:
        with Session(database, expire_on_commit=False) as session:
            start.wait()
            try:
                with unit_of_work(session):
                    return act(session)
            except BusinessError as error:
                return error.code

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.fixture
def user(session: Session) -> User:
    with unit_of_work(session):
        return make_user(session)


def begin(session: Session, user: User) -> UserSession:
    with unit_of_work(session):
        return sessions.begin(session, user.id, "api", lifetime=sessions.REFRESH_LIFETIME)


def live(session: Session, user: User) -> list[UserSession]:
    session.rollback()
    return sessions.of_user(session, user.id)


def test_a_refresh_token_is_rotated_once_and_then_ends_its_session(
    database: sa.Engine, session: Session, user: User
) -> None:
    row = begin(session, user)
    row_id, token_id = row.id, str(row.token_id)
    answers = at_once(database, [lambda other: sessions.rotate(other, row_id, token_id)] * 2)
    assert sorted(answer.reused for answer in answers) == [False, True]
    assert live(session, user) == []


def test_guesses_made_at_once_lock_like_those_made_one_after_the_other(
    database: sa.Engine, session: Session, user: User
) -> None:
    checked = sign_in.check(session, user.email, "wrong")
    right = sign_in.check(session, user.email, PASSWORD)
    outcomes = at_once(database, [lambda other: sign_in.settle(other, checked)] * 8)
    assert sum(outcome.locked_until is None for outcome in outcomes) == 4
    session.rollback()
    assert session.scalar(sa.select(SignInFailures.count)) == 5
    with unit_of_work(session):
        assert sign_in.settle(session, right).user is None


def test_a_link_is_used_once(database: sa.Engine, session: Session, user: User) -> None:
    with unit_of_work(session):
        token = password_resets.make(session, user, None).token
    new = passwords.hash_password("a new good password")
    answers = at_once(database, [lambda other: password_resets.use(other, token, new).id] * 2)
    assert sorted(answers, key=str) == [user.id, "BAD_LINK"]


def test_links_made_at_once_leave_one(database: sa.Engine, session: Session, user: User) -> None:
    user_id = user.id
    links = at_once(
        database, [lambda other: password_resets.make(other, other.get_one(User, user_id), None)] * 3
    )
    session.rollback()
    assert sum(password_resets.holder(session, link.token) is not None for link in links) == 1


def test_nobody_slips_in_with_a_password_that_is_just_being_replaced(
    database: sa.Engine, session: Session, user: User
) -> None:
    checked = sign_in.check(session, user.email, PASSWORD)
    user_id = user.id

    def enter(other: Session) -> Any:
        found = sign_in.settle(other, checked).user
        if found is not None:
            sessions.begin(other, found.id, "page", lifetime=timedelta(hours=1))

    def replace(other: Session) -> Any:
        people.set_password(other, other.get_one(User, user_id), "another hash", None)

    for _ in range(3):
        at_once(database, [enter, replace])
        assert live(session, user) == []


def test_sessions_that_are_ended_from_several_places_end(
    database: sa.Engine, session: Session, user: User
) -> None:
    user_id = user.id
    for _ in range(3):
        ids = [begin(session, user).id for _ in range(3)]

        def end_one(other: Session, row_id: int = ids[1]) -> Any:
            return sessions.end(other, other.get_one(UserSession, row_id), EndReason.ENDED, user_id)

        def end_all(other: Session) -> Any:
            return sessions.end_all(other, user_id, EndReason.ENDED, user_id)

        at_once(database, [end_one, end_all, end_one, end_all])
        assert live(session, user) == []
