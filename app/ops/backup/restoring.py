"""Restoring a backup: everything about it is checked before anything that is there is touched.

The backup is read from end to end and restored into a scratch database, which is brought up to date and
looked over. Its files are put back, which only adds. Then the database is replaced. An SQLite file is
replaced in one step by the scratch database, and the old file is kept beside it. On MySQL and MariaDB,
where no such step exists, a backup of what is there is made first, and a mark in the database says until
the end that it is not whole.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.domain import activity, sessions
from app.domain.entities import EntityType
from app.ops.backup import making, repository, schema, uploaded, verifying
from app.ops.backup.archive import ArchiveReader, Inspected
from app.ops.backup.errors import BackupError, BadBackup, NotFinished, NotReplaced
from app.ops.backup.repository import Repository
from app.ops.backup.sealing import SealingKey
from app.ops.backup.verifying import Say, Verified
from app.ops.backup.workplace import workplace
from app.storage import StorageUnavailable, store_of

if TYPE_CHECKING:
    from app.ops.runtime import Site

SOURCE = "restore"
STOP_FIRST = "Stop the site first: web servers, workers and schedulers."


@dataclass(frozen=True)
class Restored:
    """What was restored. ``kept``: where the database is that was there before, if it was a file."""

    name: str
    made_at: str
    rows: int
    files: int
    files_missing: dict[str, str]
    problems: list[str]
    kept: Path | None
    settings: dict[str, Any]


def check(site: Site, which: str, say: Say = lambda text: None) -> Verified:
    """See whether a backup can be restored, and touch nothing. ``which``: as for :func:`restore`.

    :raises BackupError: as :func:`restore`
    """
    with workplace(site.settings) as work:
        backups = repository.of_site(site.settings)
        archive = _archive(which, backups, work)
        found = verifying.verify(archive, backups.key, site.engine, work / "scratch.db", say)
        _check_portable(found.inspected, site.database.dialect.name)
        missing = found.inspected.manifest["filesMissing"]
        with _reader(backups, found.inspected, archive) as read:
            lost = {**missing, **uploaded.readable(found.inspected.files, read, missing).missing}
        return replace_fields(
            found, problems=[*found.problems, *(f"file {key}: {reason}" for key, reason in lost.items())]
        )


def restore(
    site: Site,
    which: str,
    *,
    replace: bool = False,
    incomplete: bool = False,
    backup_first: bool = True,
    say: Say = lambda text: None,
) -> Restored:
    """Restore a backup: a name, ``latest``, or the path of a file.

    ``replace``: also where people's data is. ``incomplete``: also when some uploaded files are missing
    from the backup or damaged. ``backup_first``: make a backup before a MySQL database is emptied.

    :raises BadBackup: it cannot be used; nothing was touched
    :raises NotReplaced: there is data, or the site is running; nothing was touched
    :raises NotVerified: what was restored is not what was backed up
    :raises Busy: another backup or restore is running
    :raises StorageUnavailable: a storage does not answer
    """
    backups = repository.of_site(site.settings)
    target = _Target(site)
    target.check(replace=replace)
    if which == "latest":
        which = backups.summary(which).name  # now, before what is there becomes a backup too
    if backup_first and not target.is_file and target.has_data:
        say("Backing up what is there first ...")
        try:
            safety = making.backup(site, verify=False, say=say)
        except (BackupError, StorageUnavailable, sa.exc.DatabaseError) as error:
            raise NotReplaced(
                f"What is there could not be backed up first: {error}\n"
                "With --without-backup it is replaced all the same. Nothing was touched."
            ) from error
        say(f"It is kept as {safety.name}.")
    with workplace(site.settings) as work:
        archive = _archive(which, backups, work)
        scratch = target.scratch or work / "scratch.db"
        _remove_database(scratch)
        try:
            verified = verifying.verify(archive, backups.key, site.engine, scratch, say)
            inspected = verified.inspected
            _check_portable(inspected, site.database.dialect.name)
            missing = _put_files_back(site, backups, inspected, archive, incomplete=incomplete, say=say)
            say("Nothing has been touched so far. Replacing the database ...")
            kept = None
            if target.is_file:
                _finish_file(scratch, inspected)
                kept = target.swap(scratch)
            else:
                verified = _replace_on_server(site, archive, backups.key, inspected)
        finally:
            _remove_database(scratch)
    values = inspected.header.values
    return Restored(
        name=_name(which, values),
        made_at=values["madeAt"],
        rows=sum(table["rows"] for table in inspected.manifest["tables"].values()),
        files=len(inspected.files),
        files_missing=missing,
        problems=verified.problems,
        kept=kept,
        settings=values["settings"],
    )


def _archive(which: str, backups: Repository, work: Path) -> Path:
    path = Path(which)
    if path.is_file():
        return path.absolute()
    if os.sep in which or which.endswith((repository.ARCHIVE, ".tar.gz")):
        raise BackupError(f"There is no file {which}.")
    name = backups.summary(which).name if which == "latest" else which
    archive = backups.fetch(name, work)
    try:
        expected = backups.summary(name).digest
    except BackupError:
        return archive  # without its summary a backup can be restored all the same
    with archive.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != expected:
            raise BadBackup(f"{name} is damaged: it is not what was kept.")
    return archive


def _name(which: str, values: dict[str, Any]) -> str:
    return (
        Path(which).name
        if Path(which).is_file()
        else repository.name_for(datetime.fromisoformat(values["madeAt"]))
    )


def _check_portable(inspected: Inspected, dialect: str) -> None:
    guessed = [name for name, table in inspected.header.tables.items() if table.guessed]
    if guessed and (inspected.header.values["database"] == "sqlite") != (dialect == "sqlite"):
        raise BadBackup(
            f"The backup is of an older version and another kind of database, and {', '.join(guessed)} "
            "has columns that are not known any more. Restore it on that kind of database first."
        )


# -- files -------------------------------------------------------------------------------------------


def _put_files_back(
    site: Site, backups: Repository, inspected: Inspected, archive: Path, *, incomplete: bool, say: Say
) -> dict[str, str]:
    store, never_had = store_of(site.settings), inspected.manifest["filesMissing"]
    with _reader(backups, inspected, archive) as read:
        copied = uploaded.back(inspected.files, read, store, never_had)
    say(f"{copied.new} files were put back to {store.address}; {copied.count - copied.new} were there.")
    if copied.missing and not incomplete:
        first = next(iter(copied.missing.items()))
        raise BadBackup(
            f"{len(copied.missing)} of {len(inspected.files)} uploaded files cannot be restored, such as "
            f"{first[0]}: {first[1]}. With --incomplete the rest is restored. The database was not touched."
        )
    return {**never_had, **copied.missing}


@contextmanager
def _reader(backups: Repository, inspected: Inspected, archive: Path) -> Iterator[Callable[[str], bytes]]:
    """What answers the content of a file by its digest: the pool, or the archive where they lie in it."""
    if not inspected.header.has_files:
        yield backups.file
        return
    # In the order of the archive, which is that of its list: one pass is enough.
    with archive.open("rb") as source, ArchiveReader(source, backups.key) as reader:
        members = ((name, data) for name, data in reader.members() if name.startswith("files/"))
        read_last: dict[str, bytes] = {}

        def read(digest: str) -> bytes:
            if digest in read_last:
                return read_last[digest]
            for name, data in members:
                read_last.clear()
                read_last[name.removeprefix("files/")] = data
                if digest in read_last:
                    return data
            raise BadBackup("the backup does not hold it")

        yield read


# -- the database ------------------------------------------------------------------------------------


def _finish(url: str, inspected: Inspected) -> None:
    """Sign everybody out, whose sessions may have been ended since, and write down what was done."""
    database = schema.open_database(url)
    try:
        with Session(database) as session, activity.from_source(SOURCE), unit_of_work(session):
            sessions.end_everywhere(session, sessions.EndReason.RESTORED, None)
            what = {
                "madeAt": inspected.header.values["madeAt"],
                "version": inspected.header.values["version"],
            }
            activity.record(session, "RESTORE_BACKUP", EntityType.SETTING, None, None, after=what)
    finally:
        database.dispose()


def _finish_file(path: Path, inspected: Inspected) -> None:
    _finish(f"sqlite:///{path}", inspected)
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")  # everything is in the one file
    finally:
        connection.close()


def _replace_on_server(site: Site, archive: Path, key: SealingKey | None, inspected: Inspected) -> Verified:
    database, name = site.database, _marker_name(archive)
    schema.mark(database, name)
    try:
        schema.drop_everything(database)
        verified = verifying.restore_into(database, archive, key, inspected, site.engine)
        _finish(database.url.render_as_string(hide_password=False), inspected)
        schema.unmark(database)
    except Exception as error:
        raise NotFinished(
            f"The restore was not finished: {error}\nThe database is not whole now. When what stopped it is "
            f"mended, run “millwright restore {name} --replace” again."
        ) from error
    return verified


def _marker_name(archive: Path) -> str:
    match = repository.NAME.fullmatch(archive.name.removesuffix(repository.ARCHIVE))
    return match[0] if match else str(archive)


class _Target:
    """The database that is to be replaced."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._database = site.database
        path = self._database.url.database
        self.is_file = self._database.dialect.name == "sqlite"
        if self.is_file and (not path or path == ":memory:"):
            raise BackupError("A database in memory cannot be restored.")
        self.path = Path(path or "")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.scratch = self.path.with_name(f"{self.path.name}.restoring") if self.is_file else None
        self.has_data = self._has_data()

    def _has_data(self) -> bool:
        if self.is_file and not self.path.exists():
            return False
        try:
            return schema.unfinished(self._database) is None and schema.is_somebodys(self._database)
        except sa.exc.DatabaseError:
            if not self.is_file:
                raise
            return True  # damaged, and perhaps all that is left
        finally:
            self._database.dispose()

    def check(self, *, replace: bool) -> None:
        """See whether it may be replaced.

        :raises NotReplaced: it may not
        """
        if self.has_data and not replace:
            raise NotReplaced(
                f"{self._site.address} holds a site; --replace puts the backup in its place. "
                "Nothing was touched."
            )
        if self.is_file:
            with self._alone():
                return
        others = _others(self._database)
        if others:
            raise NotReplaced(f"{others} other connections to {self._site.address} are open. {STOP_FIRST}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else has the file open, and the log is written into it.

        :raises NotReplaced: somebody has
        """
        if not self.path.exists():
            yield
            return
        connection = sqlite3.connect(self.path, timeout=2, isolation_level=None)
        try:
            try:
                connection.execute("PRAGMA journal_mode=DELETE")
                connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if "locked" in str(error):
                    raise NotReplaced(f"{self.path} is in use. {STOP_FIRST} Nothing was touched.") from None
            except sqlite3.DatabaseError:
                pass  # damaged: it is kept as it is
            yield
        finally:
            connection.close()

    def _free_name(self, name: str) -> Path:
        """A file of this name beside the database, numbered where there is one already."""
        names = chain([name], (f"{name}-{number}" for number in count(2)))
        return next(path for each in names if not (path := self.path.with_name(each)).exists())

    def swap(self, new: Path) -> Path | None:
        """Put a new file in its place, in one step; answers where the old one is kept."""
        kept = None
        with self._alone():
            if self.path.exists():
                kept = self._free_name(f"{self.path.name}.before-{clock.now():%Y%m%dT%H%M%SZ}")
                os.link(self.path, kept)
                for ending in ("-wal", "-shm"):  # only of a damaged one; they do not belong to the new
                    log = self.path.with_name(self.path.name + ending)
                    if log.exists():
                        log.replace(kept.with_name(kept.name + ending))
            with new.open("rb+") as file:
                os.fsync(file.fileno())
            new.replace(self.path)
        return kept


def _others(database: sa.Engine) -> int:
    """How many other connections use a database on a server, as far as one may see."""
    database.dispose()
    with database.connect() as connection:
        own = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
        listed = connection.exec_driver_sql("SHOW PROCESSLIST").mappings().all()
    return sum(row["db"] == database.url.database and row["Id"] != own for row in listed)


def _remove_database(path: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
