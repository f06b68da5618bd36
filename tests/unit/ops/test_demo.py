"""The demonstration factory: loaded once, alive, and with books that balance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from app.database import configure, metadata
from app.domain import passwords, people
from app.domain.notifications import Notification
from app.domain.parts import SparePart
from app.domain.people import Role, User
from app.domain.requests import MaintenanceRequest, RequestStatus
from app.domain.spare_parts_requests import PartsRequestStatus, SparePartsRequest
from app.domain.stock import InventoryTransaction
from app.engine.models import Incident, Job, JobState, TaskState, UserTask
from app.ops import demo
from app.processes import build_engine


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sessionmaker[Session]]:
    """Sessions on a database with the demonstration in it."""
    database = sa.create_engine(f"sqlite:///{tmp_path_factory.mktemp('demo') / 'demo.db'}")
    configure(database)
    metadata.create_all(database)
    factory = sessionmaker(database, expire_on_commit=False)
    assert demo.load(build_engine(), factory, whole=False) is True
    yield factory
    database.dispose()


def test_everybody_on_the_sign_in_page_can_sign_in(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        for login in demo.LOGINS:
            user = people.by_email(session, login.email)
            assert user is not None and user.role == login.role
            assert passwords.matches(user.password_hash, login.password)
    assert {login.role for login in demo.LOGINS} == set(Role)


def test_nothing_went_wrong_and_nothing_is_left_over(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        assert session.scalars(sa.select(Incident.message)).all() == []
        assert session.scalars(sa.select(Job.kind).where(Job.state != JobState.DONE)).all() == []


def test_every_inbox_has_something_in_it(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        open_tasks = session.scalars(sa.select(UserTask).where(UserTask.state == TaskState.OPEN)).all()
    roles = {role for task in open_tasks for role in task.candidate_roles}
    assert roles == set(Role)


def test_requests_of_every_status_can_be_looked_at(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        assert set(session.scalars(sa.select(MaintenanceRequest.status))) == set(RequestStatus)
        parts = set(session.scalars(sa.select(SparePartsRequest.status)))
    assert parts == set(PartsRequestStatus) - {PartsRequestStatus.CANCELLED}


def test_everybody_has_read_what_is_old(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        newest = session.scalar(sa.select(sa.func.max(Notification.created_at)))
        unread = session.scalars(
            sa.select(Notification.created_at).where(Notification.read_at.is_(None))
        ).all()
        read = session.scalar(sa.select(sa.func.count()).where(Notification.read_at.is_not(None)))
    assert newest is not None
    assert unread and min(unread) > newest - timedelta(days=2)
    assert read


def test_every_quantity_is_the_sum_of_its_movements(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        moved = dict(
            session.execute(
                sa.select(
                    InventoryTransaction.spare_part_id, sa.func.sum(InventoryTransaction.change)
                ).group_by(InventoryTransaction.spare_part_id)
            ).all()
        )
        quantities = dict(session.execute(sa.select(SparePart.id, SparePart.quantity)).all())
    assert quantities == moved
    assert len(quantities) == 25


def test_loading_again_changes_nothing(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        before = session.scalar(sa.select(sa.func.count()).select_from(MaintenanceRequest))
    assert demo.load(build_engine(), sessions, whole=False) is False
    with sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(MaintenanceRequest)) == before


def test_a_reset_that_was_cut_short_is_begun_anew(tmp_path: Path) -> None:
    database = sa.create_engine(f"sqlite:///{tmp_path / 'demo.db'}")
    configure(database)
    metadata.create_all(database)
    sessions = sessionmaker(database, expire_on_commit=False)
    with sessions() as session:
        session.add(User(email="left@over.example", password_hash="-", name="Left over"))
        session.commit()
    assert not demo.is_missing(sessions)

    def pull_the_plug(share: float) -> None:
        if share > 0.1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo.reset(build_engine(), sessions, whole=False, reached=pull_the_plug)
    assert demo.is_missing(sessions)
    shares: list[float] = []
    assert demo.load(build_engine(), sessions, whole=False, reached=shares.append) is True
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert not demo.is_missing(sessions)
    with sessions() as session:
        assert people.by_email(session, "left@over.example") is None
        assert session.scalar(sa.select(sa.func.count()).select_from(User)) == len(demo.LOGINS)
    database.dispose()
