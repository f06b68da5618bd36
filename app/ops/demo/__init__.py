"""A demonstration factory: people, machines, parts, and work under way, made by running the processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from app import clock
from app.clock import ManualClock
from app.database import metadata, unit_of_work
from app.domain.notifications import Notification
from app.domain.people import User
from app.domain.settings import Setting
from app.engine import monitor
from app.engine.core import ProcessEngine
from app.engine.jobs import SessionFactory
from app.engine.monitor import statistics
from app.ops.demo import factory, routine, story, year
from app.ops.demo.factory import LOGINS, Login
from app.ops.demo.stage import Stage
from app.processes import deploy_shipped

__all__ = ["LOGINS", "Login", "clear", "is_missing", "load", "reset"]

# A setting that is there while the past is lived through: what was cut short is not mistaken for the whole.
_UNDER_WAY = "demonstration_under_way"
UNREAD = timedelta(days=1)  # how far back people have not read yet what they were told


def is_missing(sessions: SessionFactory) -> bool:
    """Whether :func:`load` would do something: nobody is there yet, or an earlier load was cut short."""
    with sessions() as session:
        return not _is_inhabited(session) or _was_cut_short(session)


def load(
    engine: ProcessEngine,
    sessions: SessionFactory,
    *,
    whole: bool = True,
    reached: Callable[[float], None] = lambda share: None,
) -> bool:
    """Load the demonstration into an empty site, or anew where that was cut short; else it does nothing.

    Answers whether it did. The past is lived through, each action in a transaction of its own: the year of
    the ``whole`` factory takes a minute or two, the weeks of the small one, which only has what the story is
    about, some seconds. ``reached`` is told the share of the past, 0 to 1, that is over.
    """
    if not is_missing(sessions):
        return False
    with sessions() as session:
        cut_short = _was_cut_short(session)
    if cut_short:
        clear(sessions)
    now = clock.now()
    length = year.LENGTH if whole else routine.WEEKS
    began = now - length - timedelta(days=1)
    time = ManualClock(began)
    with _hurried(sessions), clock.use(time):
        with sessions() as session, unit_of_work(session):
            session.add(Setting(key=_UNDER_WAY, value=True))
            deploy_shipped(engine, session)
            factory.build(session, whole=whole)
        past = year.beginnings(now, story.FIRST) if whole else routine.beginnings(story.FIRST)
        for at in story.play(Stage(engine, sessions, time), now, past):
            reached((at - began) / (now - began))
        # Of all the weeks: a scheduler would gather them in several steps, while somebody looks already.
        while statistics.keep_up(engine, sessions):
            pass
        monitor.keep_up(engine, sessions)
        with sessions() as session, unit_of_work(session):
            _read_old_news(session, now)
            session.delete(session.get_one(Setting, _UNDER_WAY))
    return True


def _is_inhabited(session: Session) -> bool:
    return session.scalar(select(User.id).limit(1)) is not None


def _was_cut_short(session: Session) -> bool:
    return session.get(Setting, _UNDER_WAY) is not None


def _read_old_news(session: Session, now: datetime) -> None:
    """People have read what they were told before the last day."""
    told = now - UNREAD
    session.execute(
        update(Notification)
        .where(Notification.created_at < told, Notification.read_at.is_(None))
        .values(read_at=told)
    )


@contextmanager
def _hurried(sessions: SessionFactory) -> Iterator[None]:
    """Do not wait for the disk after each of a thousand transactions: what is lost can be made again."""
    with sessions() as session:
        database = session.get_bind().engine
    if database.dialect.name != "sqlite" or not database.url.database:
        yield
        return

    def hurry(connection: Any, record: Any, proxy: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(database, "checkout", hurry)
    try:
        yield
    finally:
        event.remove(database, "checkout", hurry)
        database.dispose()  # new connections wait again


def clear(sessions: SessionFactory) -> None:
    """Throw away everything in the database but its tables. Uploaded files stay where they are."""
    with sessions() as session, unit_of_work(session):
        # Past the ORM, which protects the stock ledger and the activity log.
        connection = session.connection()
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())


def reset(
    engine: ProcessEngine,
    sessions: SessionFactory,
    *,
    whole: bool = True,
    reached: Callable[[float], None] = lambda share: None,
) -> None:
    """Put the demonstration back to its beginning; ``reached`` as in :func:`load`."""
    clear(sessions)
    load(engine, sessions, whole=whole, reached=reached)
