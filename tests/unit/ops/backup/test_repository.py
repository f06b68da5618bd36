"""What backups are kept, what goes, and how old the last good one is."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.database import metadata, unit_of_work
from app.domain import attachments
from app.domain.attachments import Attachment
from app.domain.people import Role
from app.engine.core import ProcessEngine
from app.ops import backup as backups
from app.ops import stored
from app.ops.backup import BadBackup, Busy, NotVerified, making, status
from app.ops.backup.status import _known
from app.ops.backup.workplace import workplace
from app.ops.runtime import Site
from app.storage import FolderStore, StorageUnavailable, store_of
from tests import factories
from tests.support.backups import KEY, add_file, contents, site_at

pytestmark = pytest.mark.sqlite  # both databases: tests/services/test_backup_and_restore.py


@pytest.fixture
def factory(
    database: sa.Engine, tmp_path: Path, engine: ProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> Site:
    """A factory with three files, of which two have the same content."""
    database.dispose()
    monkeypatch.delenv("TMPDIR", raising=False)
    made = site_at(str(database.url), tmp_path, engine)
    with made.session() as session, unit_of_work(session):
        user = factories.make_user(session, Role.ADMIN)
        for text in ("first", "second", "first"):
            add_file(session, store_of(made.settings), text, user)
    _known.clear()
    return made


def keys(factory: Site, prefix: str = "") -> list[str]:
    return [file.key for file in backups.of_site(factory.settings).store.list(prefix)]


def age_files(factory: Site, clock: ManualClock) -> None:
    """The files are as old as the clock says, not as the disk does."""
    for path in Path(factory.settings["MILLWRIGHT_BACKUPS"]).rglob("*"):
        os.utime(path, (clock().timestamp(), clock().timestamp()))


def test_files_of_all_backups_are_kept_once(factory: Site, clock: ManualClock) -> None:
    backups.backup(factory)
    assert len(keys(factory, "files/")) == 2
    clock.advance(hours=6)
    with factory.session() as session, unit_of_work(session):
        add_file(session, store_of(factory.settings), "third", factories.make_user(session))
    backups.backup(factory)
    assert len(keys(factory, "files/")) == 3


def test_what_only_removed_backups_needed_goes_with_them(factory: Site, clock: ManualClock) -> None:
    first = backups.backup(factory)
    with factory.session() as session, unit_of_work(session):
        second = session.scalars(sa.select(Attachment).where(Attachment.file_name == "second.txt")).one()
        attachments.remove(session, store_of(factory.settings), second, None)
    age_files(factory, clock)
    clock.advance(hours=6)
    later = backups.backup(factory)
    assert len(keys(factory, "files/")) == 2
    clock.advance(days=400)
    last = backups.backup(factory)
    assert [summary.name for summary in backups.of_site(factory.settings).all()] == [last.name]
    assert len(keys(factory, "files/")) == 1
    assert first.name != later.name
    assert backups.check(factory, "latest").problems == []


def test_a_file_that_the_store_has_lost_is_a_warning_and_no_reason_for_no_backup(factory: Site) -> None:
    store = store_of(factory.settings)
    lost = next(store.list())
    store.delete(lost.key)
    made = backups.backup(factory)
    assert made.verified and made.files_missing in (1, 0)
    survey = stored.survey(factory)
    assert len(survey.missing) == 1 and survey.known == 2


def test_while_uploads_are_away_the_database_is_backed_up_all_the_same(
    factory: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def away(self: FolderStore, key: str) -> None:
        asked.append(key)
        raise StorageUnavailable("The storage does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(
            making, "store_of", lambda settings: type("Away", (FolderStore,), {"open": away})(Path())
        )
        made = backups.backup(factory)
    assert made.verified and made.files_missing == 3 and len(made.problems) == 3
    assert len(asked) == 3


def test_a_damaged_file_of_the_pool_is_found_and_replaced_when_it_is_thorough(
    factory: Site, clock: ManualClock
) -> None:
    backups.backup(factory)
    pool = backups.of_site(factory.settings).store
    damaged = keys(factory, "files/")[0]
    pool.write(damaged, b"something else")
    found = backups.check(factory, "latest")
    assert len(found.problems) in (1, 2) and "it is damaged" in found.problems[0]
    clock.advance(hours=6)
    backups.backup(factory, thorough=True)
    assert backups.check(factory, "latest").problems == []


def test_an_archive_that_was_exchanged_is_refused_and_one_without_a_summary_is_not(
    factory: Site, clock: ManualClock
) -> None:
    first = backups.backup(factory)
    clock.advance(hours=6)
    second = backups.backup(factory)
    store = backups.of_site(factory.settings).store
    with store.open(f"{first.name}.backup") as file:
        store.write(f"{second.name}.backup", file.read())
    with pytest.raises(BadBackup, match="not what was kept"):
        backups.check(factory, second.name)
    store.delete(f"{first.name}.json")
    assert backups.check(factory, first.name).problems == []


def test_a_restore_refuses_lost_files_unless_told_to_go_on(factory: Site) -> None:
    before = contents(factory.database)
    backups.backup(factory)
    backups.of_site(factory.settings).store.delete(keys(factory, "files/")[0])
    for file in list(store_of(factory.settings).list()):
        store_of(factory.settings).delete(file.key)
    with pytest.raises(BadBackup, match="--incomplete"):
        backups.restore(factory, "latest", replace=True)
    assert contents(factory.database) == before
    done = backups.restore(factory, "latest", replace=True, incomplete=True)
    assert len(done.files_missing) in (1, 2)


def test_what_was_not_verified_is_told_kept_for_a_week_and_lets_no_other_go(
    factory: Site, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = backups.backup(factory)
    clock.advance(hours=6)
    with monkeypatch.context() as patched:
        patched.setattr("app.ops.backup.schema.load", lambda *_: None)
        with pytest.raises(NotVerified, match="could not be verified"):
            backups.backup(factory)
        for _ in range(4):
            clock.advance(minutes=15)
            with pytest.raises(NotVerified):
                backups.backup(factory)
    known = backups.of_site(factory.settings).all()
    assert [summary.verified for summary in known] == [True, False, False, False]
    assert backups.of_site(factory.settings).summary("latest") == good
    told = status(factory.settings)
    assert told.failed and "could not be verified" in told.error
    assert told.last_good_name == good.name and told.age == 7 * 3600
    clock.advance(days=8)
    backups.backup(factory)
    assert [summary.verified for summary in backups.of_site(factory.settings).all()] == [True, True]


def test_status_tells_of_success_and_of_none(factory: Site, clock: ManualClock) -> None:
    assert status(factory.settings).age is None
    made = backups.backup(factory)
    _known.clear()
    told = status(factory.settings)
    assert (told.last_good_name, told.last_good_size, told.failed) == (made.name, made.size, False)
    clock.advance(hours=5)
    assert told.age == 5 * 3600


def test_a_failure_is_told_too(factory: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.ops.backup.making.snapshot", lambda database: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        backups.backup(factory)
    told = status(factory.settings)
    assert told.failed and told.last_attempt_at is not None and told.last_good_at is None


def test_status_is_asked_for_once_a_minute(factory: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert status(factory.settings).last_good_at is None
    backups.backup(factory)
    assert status(factory.settings).last_good_at is None
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert status(factory.settings).last_good_at is not None


def test_of_two_at_once_the_second_is_refused(factory: Site) -> None:
    with workplace(factory.settings), pytest.raises(Busy):
        backups.backup(factory)


def test_what_a_killed_backup_left_goes_after_a_day(factory: Site, clock: ManualClock) -> None:
    store = backups.of_site(factory.settings).store
    store.write("millwright-20260301T020000Z.backup", b"half of it")
    store.write("another.txt", b"of somebody else")
    age_files(factory, clock)
    clock.advance(hours=1)
    backups.backup(factory)
    assert "millwright-20260301T020000Z.backup" in keys(factory)
    clock.advance(days=2)
    backups.backup(factory)
    assert "millwright-20260301T020000Z.backup" not in keys(factory)
    assert "another.txt" in keys(factory)


def test_a_key_that_was_changed_seals_all_files_anew(factory: Site, clock: ManualClock) -> None:
    backups.backup(factory)
    clock.advance(hours=6)
    sealed = Site({**factory.settings, "MILLWRIGHT_BACKUP_KEY": KEY}, factory.engine, factory.database)
    made = backups.backup(sealed)
    assert made.sealed and len(keys(factory, "files/")) == 4
    assert backups.check(sealed, made.name).problems == []
    with pytest.raises(BadBackup, match="set MILLWRIGHT_BACKUP_KEY"):
        backups.check(factory, made.name)


def test_files_that_belong_to_nothing_are_found_and_removed_after_a_day(
    factory: Site, clock: ManualClock
) -> None:
    store = store_of(factory.settings)
    store.write("ab/orphan", b"left behind")
    for path in Path(factory.settings["MILLWRIGHT_UPLOADS"]).rglob("*"):
        os.utime(path, (clock().timestamp(), clock().timestamp()))
    assert stored.survey(factory).orphans == []
    clock.advance(days=1, minutes=1)
    assert stored.survey(factory).orphans == ["ab/orphan"]
    assert stored.survey(factory, remove_orphans=True).orphans == ["ab/orphan"]
    assert len(list(store.list())) == 3


def test_the_manifest_tells_settings_and_no_secrets(factory: Site) -> None:
    made = backups.backup(factory)
    inspected = backups.check(factory, made.name).inspected
    told = repr(inspected.header.values) + repr(inspected.manifest)
    assert inspected.header.values["settings"]["MILLWRIGHT_SESSION_HOURS"] == 12
    assert factory.settings["SECRET_KEY"] not in told
    assert set(inspected.header.tables) == set(metadata.tables)
    assert timedelta(0) < timedelta(seconds=made.seconds) < timedelta(minutes=5)
