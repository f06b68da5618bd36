"""The commands of whoever is on call: what they say, and what they end with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from app.cli import cli
from app.database import configure, metadata, unit_of_work
from app.domain.machines import Machine
from app.domain.people import Role
from app.ops import backup as backups
from app.ops.backup import schema
from app.storage import FolderStore, open_store
from tests import factories
from tests.support import servers
from tests.support.backups import KEY, add_file

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``millwright`` on the site in ``tmp_path``."""
    monkeypatch.setenv("MILLWRIGHT_DATA", str(tmp_path))
    monkeypatch.setenv("MILLWRIGHT_BACKUPS", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("MILLWRIGHT_BACKUP_KEY", KEY)
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr("app.ops.logs.configure", lambda: None)
    return lambda *arguments: CliRunner().invoke(cli, arguments, catch_exceptions=False)


@pytest.fixture
def database(tmp_path: Path, empty_sqlite: Path) -> Iterator[sa.Engine]:
    """The database of a factory with one machine and one file."""
    path = tmp_path / "millwright.db"
    path.write_bytes(empty_sqlite.read_bytes())
    database = sa.create_engine(f"sqlite:///{path}")
    configure(database)
    with Session(database) as session, unit_of_work(session):
        add_file(session, FolderStore(tmp_path / "uploads"), "note", factories.make_user(session, Role.ADMIN))
        factories.make_machine(session, name="Press 4")
    database.dispose()
    yield database
    database.dispose()


def machines(database: sa.Engine) -> list[str]:
    with Session(database) as session:
        found = list(session.scalars(sa.select(Machine.name).order_by(Machine.id)))
    database.dispose()
    return found


def test_a_backup_is_made_listed_checked_and_restored(run: Run, database: sa.Engine) -> None:
    made = run("backup")
    assert made.exit_code == 0, made.output
    assert "1 files" in made.output and ", verified, sealed." in made.output
    listed = run("backups")
    assert listed.output.count("millwright-2") == 1 and "sealed" in listed.output
    (known,) = json.loads(run("backups", "--json").output)["backups"]
    assert known["verified"] is True
    checked = run("restore", known["name"], "--check")
    assert (checked.exit_code, checked.output.splitlines()[-1]) == (0, "It can be restored.")
    with Session(database) as session, unit_of_work(session):
        factories.make_machine(session, name="Made after the backup")
    database.dispose()
    refused = run("restore", known["name"])
    assert refused.exit_code == 4 and "--replace" in refused.output
    assert machines(database) == ["Press 4", "Made after the backup"]
    restored = run("restore", "latest", "--replace", "--yes")
    assert restored.exit_code == 0, restored.output
    assert "Restored and verified" in restored.output and "is kept in" in restored.output
    assert machines(database) == ["Press 4"]


@pytest.mark.usefixtures("database")
def test_replacing_is_confirmed_first(run: Run, tmp_path: Path) -> None:
    run("backup")
    before = (tmp_path / "millwright.db").read_bytes()
    assert run("restore", "latest", "--replace").exit_code == 1  # nobody answers
    assert (tmp_path / "millwright.db").read_bytes() == before


@pytest.mark.usefixtures("database")
def test_one_file_goes_anywhere(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.backup"
    assert run("backup", "--to", str(out)).exit_code == 0
    again = run("backup", "--to", str(out))
    assert again.exit_code == 1 and "exists already" in again.output
    monkeypatch.setenv("MILLWRIGHT_DATA", str(tmp_path / "another"))
    restored = run("restore", str(out))
    assert restored.exit_code == 0, restored.output
    assert len([path for path in (tmp_path / "another" / "uploads").rglob("*") if path.is_file()]) == 1


@pytest.mark.usefixtures("database")
def test_a_backup_that_is_not_encrypted_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MILLWRIGHT_BACKUP_KEY")
    assert "MILLWRIGHT_BACKUP_KEY is not set" in run("backup").output


def test_what_cannot_be_used_ends_with_3_and_touches_nothing(
    run: Run, database: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("backup")
    (archive,) = (tmp_path / "elsewhere").glob("*.backup")
    whole = archive.read_bytes()
    for damaged in (whole[:-1], whole[: len(whole) // 2], b"", whole[:100] + b"x" + whole[101:]):
        archive.write_bytes(damaged)
        for arguments in (("--check",), ("--replace", "--yes")):
            refused = run("restore", "latest", *arguments)
            assert refused.exit_code == 3, refused.output
    archive.write_bytes(whole)
    monkeypatch.setenv("MILLWRIGHT_BACKUP_KEY", backups.new_key())
    refused = run("restore", "latest", "--replace", "--yes")
    assert refused.exit_code == 3 and "another key" in refused.output
    monkeypatch.setenv("MILLWRIGHT_BACKUP_KEY", "no key")
    assert run("backup").exit_code == 1
    assert machines(database) == ["Press 4"]
    assert not list(tmp_path.glob("*.before-*")) and not list(tmp_path.glob("*.restoring*"))


def test_a_backup_of_a_later_version_is_refused(
    run: Run, database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("app.ops.backup.schema.revision_of", lambda database: "9999_of_the_future")
        assert run("backup", "--no-verify").exit_code == 0
    refused = run("restore", "latest", "--replace", "--yes")
    assert refused.exit_code == 3 and "later than this version" in refused.output
    assert machines(database) == ["Press 4"]


def test_a_name_that_there_is_not(run: Run) -> None:
    for which in ("latest", "millwright-20200101T000000Z", "./nowhere.backup"):
        refused = run("restore", which)
        assert refused.exit_code == 1 and "There is no" in refused.output
    assert "There is no backup in" in run("backups").output


@pytest.mark.usefixtures("database")
def test_how_old_the_last_good_backup_may_be(run: Run) -> None:
    assert run("backups", "--max-age", "7").exit_code == 5
    run("backup")
    assert run("backups", "--max-age", "7").exit_code == 0


def test_a_site_without_tables_is_not_backed_up(run: Run) -> None:
    refused = run("backup")
    assert refused.exit_code == 1 and "millwright setup" in refused.output


@pytest.mark.usefixtures("database")
def test_a_full_disk_is_said_to_be_one(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.ops.backup.archive.ArchiveWriter.add", full)
    refused = run("backup")
    assert refused.exit_code == 1 and "No space left on device" in refused.output
    assert not list((tmp_path / "elsewhere").glob("millwright-*"))
    assert not (tmp_path / "backup-work").exists()


def test_nobody_works_with_a_database_in_which_a_restore_was_cut_short(run: Run, database: sa.Engine) -> None:
    schema.mark(database, "millwright-20260101T020000Z")
    database.dispose()
    for command in (["setup"], ["worker", "--burst"], ["backup"]):
        refused = run(*command)
        assert refused.exit_code != 0, command
        assert "millwright restore millwright-20260101T020000Z --replace" in refused.output, command


def test_files_are_compared_with_what_the_database_knows(
    run: Run, database: sa.Engine, tmp_path: Path
) -> None:
    assert run("files").exit_code == 0
    for path in (tmp_path / "uploads").rglob("*"):
        if path.is_file():
            path.unlink()
    missing = run("files")
    assert missing.exit_code == 5 and "Missing: note.txt (attachment 1" in missing.output


@pytest.mark.usefixtures("database")
def test_a_site_begins_to_keep_its_files_elsewhere(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3: servers.S3
) -> None:
    monkeypatch.setenv("MILLWRIGHT_STORAGE", f"s3://{s3.BUCKET}")
    monkeypatch.setenv("MILLWRIGHT_S3_ENDPOINT", s3.url)
    monkeypatch.setenv("MILLWRIGHT_S3_ACCESS_KEY", "tests")
    monkeypatch.setenv("MILLWRIGHT_S3_SECRET_KEY", "tests only")
    assert run("files").exit_code == 5
    moved = run("files", "--from", str(tmp_path / "uploads"))
    assert moved.exit_code == 0 and "1 files were copied" in moved.output
    assert [file.size for file in open_store(f"s3://{s3.BUCKET}", s3.settings).list()] == [len("note")]


def test_a_new_key_is_one(run: Run) -> None:
    first, second = run("backup-key").output.strip(), run("backup-key").output.strip()
    assert first != second and len(first) == 44


def test_an_older_backup_is_brought_up_to_date(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site of an earlier migration, as the version of that time had it, goes on with this version."""
    old = tmp_path / "old"
    monkeypatch.setenv("MILLWRIGHT_DATA", str(old))
    assert run("db", "upgrade", "0001").exit_code == 0
    database = sa.create_engine(f"sqlite:///{old / 'millwright.db'}")
    with database.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO departments (id, name, active, created_at, updated_at) "
            "VALUES (1, 'Pressing', 1, '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000')"
        )
    database.dispose()
    made = run("backup")
    assert made.exit_code == 0, made.output
    monkeypatch.setenv("MILLWRIGHT_DATA", str(tmp_path / "new"))
    restored = run("restore", "latest")
    assert restored.exit_code == 0, restored.output
    new = sa.create_engine(f"sqlite:///{tmp_path / 'new' / 'millwright.db'}")
    assert schema.revision_of(new) == schema.newest_revision()
    with new.connect() as connection:
        assert connection.exec_driver_sql("SELECT name FROM departments").all() == [("Pressing",)]
        assert set(metadata.tables) >= {"departments"}
    new.dispose()
