"""What connections to a server promise: a network or a machine that is gone in silence is noticed."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from app import clock, silence
from app.database import IDLE_LIMIT, configure, engine_options
from app.jobs.redis_queue import RedisQueue
from tests.support.servers import MariaDb


@pytest.fixture
def connected(mariadb_url: str) -> Iterator[sa.Engine]:
    database = sa.create_engine(mariadb_url, **engine_options(mariadb_url))
    configure(database)
    yield database
    database.dispose()


def test_a_silent_network_is_noticed(connected: sa.Engine) -> None:
    with connected.connect() as connection:
        wire = connection.connection.driver_connection._sock  # type: ignore[union-attr]
        assert _asks(wire)


def test_a_silent_network_to_redis_is_noticed_by_who_waits_there(redis_url: str) -> None:
    worker = RedisQueue(redis_url).worker()
    wire = worker.connection.connection_pool.get_connection()
    wire.connect()
    assert _asks(wire._sock)
    wire.disconnect()


def _asks(wire: socket.socket) -> bool:
    """Whether a connection asks by itself if the other side is still there."""
    found = {option: wire.getsockopt(socket.IPPROTO_TCP, option) for option in silence.OPTIONS}
    return found == silence.OPTIONS and wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


def test_locks_of_somebody_who_is_gone_are_freed(connected: sa.Engine) -> None:
    with connected.connect() as connection:
        assert connection.scalar(sa.text("SELECT @@wait_timeout")) == IDLE_LIMIT


def test_connections_outlive_a_server_that_was_restarted(connected: sa.Engine, mariadb: MariaDb) -> None:
    """Those that were cut while they lay in the pool are made anew, and nobody notices."""
    for _ in range(2):
        with connected.connect() as connection:
            mine = connection.scalar(sa.text("SELECT CONNECTION_ID()"))
        with mariadb.connect() as other, other.cursor() as cursor:
            cursor.execute(f"KILL {mine}")
    with connected.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1


def test_the_clock_is_compared_with_the_server_s(
    connected: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[float] = []
    monkeypatch.setattr(
        clock, "compare", lambda read: compared.append((read() - clock.now()).total_seconds())
    )
    for _ in range(3):
        with connected.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    assert len(compared) == 1, "once in a while is enough"
    assert abs(compared[0]) < 1
