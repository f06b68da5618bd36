"""The declarative base, the column types that both databases share, and the unit of work.

Knows SQLAlchemy only: domain and engine build on it without knowing Flask.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from app import clock, silence

log = logging.getLogger(__name__)

CONNECT_LIMIT = 5  # seconds until a server that does not answer counts as away
IDLE_LIMIT = 60  # seconds until the server ends a connection, and its transaction, that asks for nothing
COMPARED_EVERY = 30.0  # seconds between two looks at the server's clock

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

# What failed inside of :func:`failures_unwrapped`.
_failures: ContextVar[list[BaseException] | None] = ContextVar("failures", default=None)

metadata = sa.MetaData(naming_convention=NAMING)


class Base(DeclarativeBase):
    """Every table of the product, domain and engine alike, so that one transaction spans both."""

    metadata = metadata


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware in Python, UTC without an offset in the database, microseconds kept."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time was about to be stored; use app.clock.now()")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Money(TypeDecorator[Decimal]):
    """An amount with two decimals. SQLite has no decimals: there it is stored in cents."""

    impl = sa.Numeric(12, 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.BigInteger())
        return dialect.type_descriptor(sa.Numeric(12, 2))

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        if not isinstance(value, (Decimal, int)):
            raise TypeError("money is Decimal, never float")
        cents = Decimal(value).quantize(Decimal("0.01"))
        return int(cents * 100) if dialect.name == "sqlite" else cents

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Decimal | None:
        if value is None:
            return None
        return Decimal(value).scaleb(-2) if dialect.name == "sqlite" else Decimal(value)


class Hours(Money):
    """Hours on a meter: a decimal with two places, stored as money is."""

    cache_ok = True


class Worth(Money):
    """An amount that many pieces are worth together: as :class:`Money`, with room for more digits."""

    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.BigInteger())
        return dialect.type_descriptor(sa.Numeric(16, 2))


class CompactJson(TypeDecorator[Any]):
    """JSON without spaces, in a text column that holds up to 16 MB on MySQL too."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.MEDIUMTEXT())
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        if value is None:
            return None
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)


PATIENCE = 15  # seconds that a writer waits for another, on SQLite
_turns: WeakKeyDictionary[sa.Engine, threading.Lock] = WeakKeyDictionary()


def configure(engine: sa.Engine) -> None:
    """Give an engine the settings its database needs to keep the product's promises.

    SQLite: write-ahead log, foreign keys, a busy timeout, full synchronisation (an acknowledged
    action survives a power cut), and transactions that we begin ourselves, so that a writer takes
    the write lock at its start instead of failing half-way. MySQL and MariaDB: connections that notice
    when the network is gone, and a look at the server's clock (see :mod:`app.clock`) now and then;
    what else they need is in :func:`engine_options`.
    """
    sa.event.listen(engine, "handle_error", _note_failure)
    if engine.dialect.name != "sqlite":
        _configure_server(engine)
        return
    _turns[engine] = threading.Lock()

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={PATIENCE * 1000}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        writing = connection.get_execution_options().get("millwright_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


BACKGROUND_WAIT = 3  # seconds


def wait_shortly(engine: sa.Engine) -> None:
    """Have all later connections give up a lock that somebody else holds after :data:`BACKGROUND_WAIT`.

    For processes without people: what is held is tried again in a while, and what is not held does not
    wait behind it for as long as MySQL and MariaDB would (50 seconds).
    """
    if engine.dialect.name == "sqlite":
        return

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {BACKGROUND_WAIT}")


@contextmanager
def failures_unwrapped() -> Iterator[None]:
    """Raise what the database raised in the block, where its caller has put that into an error of its own.

    Pydantic does so when it reads an attribute that is loaded only then.
    """
    noted: list[BaseException] = []
    token = _failures.set(noted)
    try:
        yield
    except Exception as error:
        if noted and error not in noted:
            raise noted[-1] from error
        raise
    finally:
        _failures.reset(token)


def _note_failure(context: sa.ExceptionContext) -> None:
    noted = _failures.get()
    if noted is not None and context.sqlalchemy_exception is not None:
        noted.append(context.sqlalchemy_exception)


def _configure_server(engine: sa.Engine) -> None:
    compared_at = float("-inf")

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        wire = getattr(connection, "_sock", None)  # PyMySQL has no other way to it
        if isinstance(wire, socket.socket):
            silence.notice(wire)

    @sa.event.listens_for(engine, "checkout")
    def on_checkout(connection: Any, record: Any, proxy: Any) -> None:
        nonlocal compared_at
        if clock.stopwatch() - compared_at > COMPARED_EVERY:
            clock.compare(lambda: _time_of(connection))
            compared_at = clock.stopwatch()


def _time_of(connection: Any) -> datetime:
    """The time of the server. After a ``DisconnectionError`` the pool takes another connection."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT UTC_TIMESTAMP(6)")
            found: datetime = cursor.fetchone()[0]
    except Exception as error:
        raise sa.exc.DisconnectionError(str(error)) from error
    return found.replace(tzinfo=UTC)


def engine_options(url: str) -> dict[str, Any]:
    """Options for ``create_engine`` that belong to the kind of database in ``url``."""
    # What people typed is in no message about a statement, and so in no log.
    if url.startswith("sqlite"):
        return {"hide_parameters": True}
    return {
        "hide_parameters": True,
        "isolation_level": "READ COMMITTED",
        "pool_pre_ping": True,
        "pool_recycle": 1800,
        # A thread may want a second connection for a moment while it holds one: threads are the bound.
        "max_overflow": -1,
        "connect_args": {
            "connect_timeout": CONNECT_LIMIT,
            # A node that is gone without a word leaves its locks: the server frees them then.
            "init_command": f"SET SESSION wait_timeout = {IDLE_LIMIT}",
        },
    }


@contextmanager
def unit_of_work(session: Session) -> Iterator[Session]:
    """One action, one transaction: everything inside is committed together or not at all.

    A read transaction that is still open is ended first: what an action decides on, it reads
    under its own locks. Used inside another unit of work it joins that one.
    """
    if session.info.get("unit_of_work"):
        yield session
        return
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("changes were made outside a unit of work")
    session.rollback()
    session.info["unit_of_work"] = True
    try:
        with _turn_to_write(session.get_bind().engine):
            try:
                session.connection(execution_options={"millwright_write": True})
                yield session
                session.commit()
                session.info["commits"] = commits(session) + 1
            except BaseException:
                session.rollback()
                raise
    finally:
        session.info.pop("unit_of_work", None)
        for action in session.info.pop("afterwards", ()):
            _do_by_itself(session, action)


@contextmanager
def _turn_to_write(engine: sa.Engine) -> Iterator[None]:
    """On SQLite, let the threads of a process write by turns.

    There is one write lock for all of them, and SQLite knows no queue for it: whoever finds it taken looks
    again after up to a tenth of a second, while it lies free or others take it. So some would wait in vain.
    """
    turn = _turns.get(engine)
    if turn is None or not turn.acquire(timeout=PATIENCE):
        yield  # SQLite says what there is to say
        return
    try:
        yield
    finally:
        turn.release()


def commits(session: Session) -> int:
    """How many units of work of a session have been committed."""
    number: int = session.info.get("commits", 0)
    return number


def afterwards(session: Session, action: Callable[[Session], object]) -> None:
    """Do something in a transaction of its own once the unit of work has ended, whichever way it ends.

    For what must be written down although what was tried is refused. Outside a unit of work it is
    done at once. If it fails, that is logged and changes nothing about how the work ended.
    """
    if session.info.get("unit_of_work"):
        session.info.setdefault("afterwards", []).append(action)
    else:
        _do_by_itself(session, action)


def _do_by_itself(session: Session, action: Callable[[Session], object]) -> None:
    try:
        with unit_of_work(session):
            action(session)
    except Exception:
        log.exception("what was to be done after a unit of work failed")
