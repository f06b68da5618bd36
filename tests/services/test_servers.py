"""The servers that tests stand on do start, keep tests apart, and end."""

from __future__ import annotations

import os
from pathlib import Path

import pymysql
import pytest
import redis
import sqlalchemy as sa

from tests.support import servers


def test_each_test_has_an_empty_database(mariadb_url: str) -> None:
    engine = sa.create_engine(mariadb_url)
    assert sa.inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE left_over (id INT)"))
    engine.dispose()


def test_a_database_is_dropped_after_its_test(mariadb: servers.MariaDb) -> None:
    with mariadb.database() as url:
        name = sa.make_url(url).database
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW DATABASES")
        assert (name,) not in cursor.fetchall()


def test_the_database_commits_durably(mariadb: servers.MariaDb) -> None:
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@innodb_flush_log_at_trx_commit")
        assert cursor.fetchone() == (1,)


def test_redis_begins_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "over")


def test_servers_end_even_when_a_test_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), servers.redis_server(tmp_path) as server:
        pid, port = server.pid, server.port
        raise ZeroDivisionError
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(redis.ConnectionError), redis.Redis(port=port) as client:
        client.ping()


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers.shutil, "which", lambda *_, **__: None)
    with pytest.raises(
        servers.MissingProgram, match=r"mariadbd is not installed \(Debian: .*mariadb-server\)"
    ):
        servers.find("mariadbd", package="mariadb-server")


def test_a_stopped_server_refuses(mariadb: servers.MariaDb, tmp_path: Path) -> None:
    with servers.redis_server(tmp_path) as server:
        server.kill()
        with pytest.raises(redis.ConnectionError), redis.Redis(port=server.port) as client:
            client.ping()
    with pytest.raises(pymysql.MySQLError):
        pymysql.connect(host="127.0.0.1", port=server.port)
