"""Backups of a whole site on both databases: consistent, complete, portable, and careful when restored."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import use
from app.database import metadata, unit_of_work
from app.domain.activity import ActivityLog
from app.domain.attachments import Attachment
from app.domain.sessions import UserSession
from app.engine.core import ProcessEngine
from app.ops import backup as backups
from app.ops import consistency
from app.ops.backup import NotReplaced, making, schema
from app.ops.runtime import Site
from app.storage import open_store, store_of
from tests import factories
from tests.support import servers
from tests.support.backups import KEY, contents, differences, fill, site, site_at

# What a restore writes: who was signed in is signed out, which is in the log.
WRITTEN = {"activity_logs", "user_sessions"}


@pytest.fixture
def factory(
    database_url: str, tmp_path: Path, engine: ProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    monkeypatch.delenv("TMPDIR", raising=False)
    with site(database_url, tmp_path / "site", engine, MILLWRIGHT_BACKUP_KEY=KEY) as made:
        metadata.create_all(made.database)
        fill(made)
        yield made


@pytest.mark.databases
def test_a_lost_site_is_restored_as_it_was(factory: Site) -> None:
    before = contents(factory.database)
    made = backups.backup(factory)
    assert made.verified and made.problems == () and made.files == 4
    assert made.rows == sum(table["rows"] for table in before.values())
    lose(factory)
    restored = backups.restore(factory, "latest", replace=True, backup_first=False)
    assert (restored.rows, restored.files, restored.files_missing) == (made.rows, 4, {})
    assert differences(before, contents(factory.database)) == WRITTEN
    with factory.session() as session:
        assert consistency.problems(factory.engine, session) == []
        for file in session.scalars(sa.select(Attachment)):
            with store_of(factory.settings).open(file.storage_key) as stored:
                assert stored.read().decode() == file.file_name.removesuffix(".txt")
        assert {row.end_reason for row in session.scalars(sa.select(UserSession))} == {"restored"}
        (entry,) = session.scalars(sa.select(ActivityLog).where(ActivityLog.action == "RESTORE_BACKUP"))
        assert entry.after["madeAt"] == made.made_at


def lose(factory: Site) -> None:
    """Somebody deletes what must not be deleted, and the files with it."""
    with factory.session() as session, unit_of_work(session):
        factories.make_machine(session, name="Made after the backup")
    with factory.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM activity_logs")
    store = store_of(factory.settings)
    for file in list(store.list()):
        store.delete(file.key)


@pytest.mark.parametrize("sealed", [True, False])
def test_a_site_moves_to_a_server_and_back_in_one_file(
    tmp_path: Path, mariadb_url: str, engine: ProcessEngine, empty_sqlite: Path, *, sealed: bool
) -> None:
    key = {"MILLWRIGHT_BACKUP_KEY": KEY if sealed else ""}
    start = tmp_path / "start.db"
    start.write_bytes(empty_sqlite.read_bytes())
    with site(f"sqlite:///{start}", tmp_path / "first", engine, **key) as first:
        fill(first)
        before = contents(first.database)
        out = tmp_path / "out.backup"
        assert backups.backup(first, to=out).verified
    assert (b"Press 4" in out.read_bytes()) is False
    with site(mariadb_url, tmp_path / "second", engine, **key) as second:
        assert backups.restore(second, str(out)).rows == sum(table["rows"] for table in before.values())
        assert differences(before, contents(second.database)) == WRITTEN
        assert len(list(store_of(second.settings).list())) == 4
        before = contents(second.database)
        home = tmp_path / "home.backup"
        assert backups.backup(second, to=home).verified
    with site(f"sqlite:///{tmp_path / 'end' / 'end.db'}", tmp_path / "third", engine, **key) as third:
        backups.restore(third, str(home))
        assert differences(before, contents(third.database)) == {"activity_logs"}
        with third.session() as session:
            assert consistency.problems(engine, session) == []
        with third.session() as session, unit_of_work(session):
            assert factories.make_machine(session, name="Press 5").id  # numbers go on


@pytest.mark.databases
def test_a_backup_is_of_one_moment_while_others_write(factory: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(factory.database)
    real, written = making.lines, []

    def lines(connection: sa.Connection, table: Any) -> Iterator[bytes]:
        with factory.session() as session, unit_of_work(session):
            written.append(factories.make_machine(session, name=f"New {table.name}").id)
        return real(connection, table)

    monkeypatch.setattr(making, "lines", lines)
    made = backups.backup(factory)
    monkeypatch.undo()
    assert len(written) == len(before)
    backups.restore(factory, made.name, replace=True, backup_first=False)
    assert differences(before, contents(factory.database)) == WRITTEN


@pytest.mark.databases
def test_what_is_there_is_replaced_only_when_told_to_and_while_nobody_uses_it(factory: Site) -> None:
    made = backups.backup(factory)
    before = contents(factory.database)
    with pytest.raises(NotReplaced, match="--replace"):
        backups.restore(factory, made.name)
    other = sa.create_engine(factory.database.url)
    with other.connect() as connection:
        connection.exec_driver_sql("SELECT 1 FROM users").all()
        connection.rollback()
        with pytest.raises(NotReplaced, match="Stop the site first"):
            backups.restore(factory, made.name, replace=True)
    other.dispose()
    assert contents(factory.database) == before


@pytest.mark.sqlite
def test_what_a_file_held_before_is_kept_beside_it(factory: Site, tmp_path: Path) -> None:
    made = backups.backup(factory)
    with factory.session() as session, unit_of_work(session):
        factories.make_machine(session, name="Made after the backup")
    before = contents(factory.database)
    kept = backups.restore(factory, made.name, replace=True).kept
    assert kept is not None
    with site(f"sqlite:///{kept}", tmp_path / "old", factory.engine) as old:
        assert contents(old.database) == before


@pytest.mark.sqlite
def test_a_damaged_database_is_replaced_and_kept(factory: Site) -> None:
    before, made = contents(factory.database), backups.backup(factory)
    factory.database.dispose()
    path = Path(factory.database.url.database or "")
    path.write_bytes(b"scrambled" * 1000)
    with pytest.raises(NotReplaced):
        backups.restore(factory, made.name)
    kept = backups.restore(factory, made.name, replace=True).kept
    assert kept is not None and kept.read_bytes() == b"scrambled" * 1000
    assert differences(before, contents(factory.database)) == WRITTEN


@pytest.mark.services
def test_what_a_server_holds_is_backed_up_before_it_is_replaced(
    tmp_path: Path, mariadb_url: str, engine: ProcessEngine
) -> None:
    with site(mariadb_url, tmp_path, engine) as server:
        metadata.create_all(server.database)
        fill(server)
        made = backups.backup(server)
        with server.session() as session, unit_of_work(session):
            factories.make_machine(session, name="Made after the backup")
        before = contents(server.database)
        said: list[str] = []
        backups.restore(server, made.name, replace=True, say=said.append)
        (safety,) = [summary for summary in backups.of_site(server.settings).all() if summary != made]
        assert f"It is kept as {safety.name}." in said
        backups.restore(server, safety.name, replace=True, backup_first=False)
        assert differences(before, contents(server.database)) == WRITTEN


@pytest.mark.sqlite
def test_backups_and_uploads_in_a_bucket(
    database: sa.Engine, tmp_path: Path, engine: ProcessEngine, s3: servers.S3
) -> None:
    made = site_at(
        database.url.render_as_string(hide_password=False), tmp_path / "site", engine,
        MILLWRIGHT_STORAGE=f"s3://{s3.BUCKET}/uploads", MILLWRIGHT_BACKUPS=f"s3://{s3.BUCKET}/backups",
        MILLWRIGHT_S3=s3.settings, MILLWRIGHT_BACKUP_KEY=KEY,
    )  # fmt: skip
    fill(made)
    before = contents(database)
    database.dispose()
    assert backups.backup(made).verified
    assert backups.status(made.settings).last_good_at is not None
    lose(made)
    assert backups.restore(made, "latest", replace=True).files_missing == {}
    assert differences(before, contents(made.database)) == WRITTEN
    assert len(list(store_of(made.settings).list())) == 4
    bucket = open_store(f"s3://{s3.BUCKET}", s3.settings)
    for file in bucket.list("backups/"):
        with bucket.open(file.key) as stored:
            assert b"note 0" not in stored.read()


# -- killed half-way ---------------------------------------------------------------------------------


def killed_in(monkeypatch: pytest.MonkeyPatch, where: str, action: Callable[[], object]) -> None:
    """Do something in a process that is killed when it calls ``where``."""
    monkeypatch.setattr(where, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL), raising=False)
    child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    monkeypatch.undo()
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "where",
    [
        "app.ops.backup.making.uploaded.into_pool",
        "app.ops.backup.making.ArchiveWriter.finish",
        "app.ops.backup.making.verifying.verify",
        "app.ops.backup.repository.Repository.put_summary",
    ],
)
def test_a_backup_that_is_killed_leaves_nothing_that_is_taken_for_one(
    factory: Site, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    first, before = backups.backup(factory), contents(factory.database)
    factory.database.dispose()
    killed_in(monkeypatch, where, lambda: backups.backup(factory))
    assert contents(factory.database) == before
    assert [summary.name for summary in backups.of_site(factory.settings).all()] == [first.name]
    with use(lambda: datetime.now(UTC) + timedelta(days=2)):
        later = backups.backup(factory)
    kept = {key.split(".")[0] for key in keys_of(factory) if key.startswith("millwright-")}
    assert kept == {first.name, later.name}
    assert not (Path(factory.settings["MILLWRIGHT_DATA"]) / "backup-work").exists()


def keys_of(factory: Site) -> list[str]:
    return [file.key for file in backups.of_site(factory.settings).store.list()]


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "where", ["app.ops.backup.verifying.compare", "app.ops.backup.restoring._finish", "pathlib.Path.replace"]
)
def test_a_restore_of_a_file_that_is_killed_leaves_the_old_site_whole(
    factory: Site, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    made = backups.backup(factory)
    with factory.session() as session, unit_of_work(session):
        factories.make_machine(session, name="Made after the backup")
    before = contents(factory.database)
    factory.database.dispose()
    killed_in(monkeypatch, where, lambda: backups.restore(factory, made.name, replace=True))
    assert contents(factory.database) == before
    backups.restore(factory, made.name, replace=True)
    assert differences(before, contents(factory.database)) >= {"machines"}


@pytest.mark.services
def test_a_restore_on_a_server_that_is_killed_says_what_to_do(
    tmp_path: Path, mariadb_url: str, engine: ProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(mariadb_url, tmp_path, engine) as server:
        metadata.create_all(server.database)
        fill(server)
        before, made = contents(server.database), backups.backup(server)
        for where in ("build", "remember_revision", "unmark"):
            server.database.dispose()

            def restore(where: str = where) -> None:
                real = schema.mark

                def mark(*arguments: Any) -> None:
                    real(*arguments)
                    setattr(schema, where, lambda *_: os.kill(os.getpid(), signal.SIGKILL))

                schema.mark = mark
                backups.restore(server, made.name, replace=True, backup_first=False)

            killed_in(monkeypatch, "app.ops.backup.schema.nothing_else", restore)
            said = backups.unfinished(server.database)
            assert said is not None and f"millwright restore {made.name} --replace" in said
            with pytest.raises(backups.BackupError, match="was not finished"):
                backups.backup(server)
        backups.restore(server, made.name)
        assert backups.unfinished(server.database) is None
        assert differences(before, contents(server.database)) == WRITTEN
