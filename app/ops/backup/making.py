"""Making a backup: read at one moment, written, verified by restoring it, and only then counted as one."""

from __future__ import annotations

import hashlib
import importlib.metadata
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app import clock
from app.domain import settings as site_settings
from app.ops.backup import repository, schema, uploaded, verifying
from app.ops.backup.archive import FILES, HEADER, ArchiveWriter, FileEntry, header_values
from app.ops.backup.errors import BackupError, NotVerified
from app.ops.backup.repository import Repository, Summary
from app.ops.backup.rows import MARKER_TABLE, Table, Tally, lines, tables_of
from app.ops.backup.sealing import SealingKey
from app.ops.backup.snapshot import snapshot
from app.ops.backup.uploaded import Copied
from app.ops.backup.verifying import Say, Verified
from app.ops.backup.workplace import workplace
from app.storage import StorageUnavailable, store_of

if TYPE_CHECKING:
    from app.ops.runtime import Site

# Settings of the deployment that somebody who builds it anew wants to know. None of them is secret.
TOLD = (
    "MILLWRIGHT_BASE_URL",
    "MILLWRIGHT_TIME_ZONE",
    "MILLWRIGHT_STORAGE",
    "MILLWRIGHT_UPLOADS",
    "MILLWRIGHT_SESSION_HOURS",
    "MILLWRIGHT_PROXIES",
    "MILLWRIGHT_RATE_ANONYMOUS",
    "MILLWRIGHT_RATE_SIGNED_IN",
    "MILLWRIGHT_MAIL_FROM",
    "MILLWRIGHT_WEBHOOK_HOSTS",
    "MILLWRIGHT_CORS_ORIGINS",
)


def backup(
    site: Site,
    *,
    to: Path | None = None,
    verify: bool = True,
    thorough: bool = False,
    say: Say = lambda text: None,
) -> Summary:
    """Back a site up, verify the backup, and remove those that need not be kept any longer.

    ``to``: into this one file, uploads included, instead of to the site's backups. ``thorough``: read
    also the files that were copied by earlier backups. Others go on working meanwhile.

    :raises Busy: another backup or restore of this site is running
    :raises NotVerified: what was made is not what was there; it is kept, and not counted
    :raises BackupError: nothing was made; the message says why
    :raises StorageUnavailable: the backups' storage does not answer
    """
    backups = repository.of_site(site.settings)
    with workplace(site.settings) as work:
        if to is not None:
            return _to_file(site, to, backups.key, work, verify=verify, say=say)
        try:
            backups.store.check()
            summary = _to_repository(site, backups, work, verify=verify, thorough=thorough, say=say)
        except BaseException as error:
            _tell_failure(backups, error)
            raise
        if not summary.verified and verify:
            message = f"{summary.name} was made and could not be verified: {'; '.join(summary.problems)}"
            _tell_failure(backups, NotVerified(message))
            backups.prune_doubtful()
            raise NotVerified(message)
        _tell_success(backups, summary)
        if summary.verified:
            for name in backups.prune(_zone(site)):
                say(f"{name} need not be kept any longer and was removed.")
        return summary


def _to_repository(
    site: Site, backups: Repository, work: Path, *, verify: bool, thorough: bool, say: Say
) -> Summary:
    began, at = time.monotonic(), clock.now()
    name = repository.name_for(at)
    archive = work / f"{name}{repository.ARCHIVE}"
    say(f"Backing up {site.address} to {backups.store.address} ...")

    def keep_files(entries: list[FileEntry], writer: ArchiveWriter) -> Copied:
        return uploaded.into_pool(entries, store_of(site.settings), backups, all_read=thorough)

    made = _write(site, archive, backups.key, at, keep_files, files_inside=False)
    summary = _summary(name, at, archive, made, sealed=backups.key is not None)
    backups.add(summary, archive, made.files)
    archive.unlink()
    if verify:
        kept = backups.fetch(name, work)  # what is verified is what was kept, not what was sent
        summary = _verified(site, summary, kept, backups.key, work, say)
    summary = replace(summary, seconds=round(time.monotonic() - began, 1))
    backups.put_summary(summary)
    return summary


def _to_file(site: Site, to: Path, key: SealingKey | None, work: Path, *, verify: bool, say: Say) -> Summary:
    if to.exists():
        raise BackupError(f"{to} exists already; name another file.")
    began, at = time.monotonic(), clock.now()
    unfinished = to.with_name(f".{to.name}.part")
    say(f"Backing up {site.address} to {to} ...")

    def keep_files(entries: list[FileEntry], writer: ArchiveWriter) -> Copied:
        return uploaded.into_archive(entries, store_of(site.settings), writer.add)

    try:
        made = _write(site, unfinished, key, at, keep_files, files_inside=True)
        summary = _summary(repository.name_for(at), at, unfinished, made, sealed=key is not None)
        if verify:
            summary = _verified(site, summary, unfinished, key, work, say)
            if not summary.verified:
                raise NotVerified(f"{to} was not made: {'; '.join(summary.problems)}")
        unfinished.replace(to)
    except OSError as error:
        raise BackupError(f"{to} cannot be written: {error.strerror or error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return replace(summary, seconds=round(time.monotonic() - began, 1))


class _Made:
    """What an archive was made of."""

    def __init__(self, tables: list[Table], migration: str | None, dialect: str) -> None:
        self.tables, self.migration, self.dialect = tables, migration, dialect
        self.tallies: dict[str, Tally] = {table.name: Tally() for table in tables}
        self.files: list[FileEntry] = []
        self.copied = Copied()


def _write(
    site: Site, path: Path, key: SealingKey | None, at: datetime, keep_files: Any, *, files_inside: bool
) -> _Made:
    with ArchiveWriter(path, key) as writer:
        with snapshot(site.database) as connection:
            made = _read(connection, site, writer, at, files_inside=files_inside)
        # The rows are read: the files come after, so that nothing they name was written later.
        made.copied = keep_files(made.files, writer)
        writer.add_lines(FILES, (file.line() for file in made.files))
        counted = {name: tally.as_dict() for name, tally in made.tallies.items()}
        told = {"tables": counted, "filesMissing": made.copied.missing, "files": len(made.files)}
        writer.finish(told)
    return made


def _read(
    connection: sa.Connection, site: Site, writer: ArchiveWriter, at: datetime, *, files_inside: bool
) -> _Made:
    if sa.inspect(connection).has_table(MARKER_TABLE):
        raise BackupError(schema.unfinished(site.database) or "")
    tables = tables_of(connection)
    if not tables:
        raise BackupError(f"{site.address} has no tables yet: “millwright setup” makes them.")
    made = _Made(tables, schema.revision_of(connection), connection.dialect.name)
    writer.add_json(
        HEADER,
        header_values(
            tables,
            madeAt=at.isoformat(),
            version=importlib.metadata.version("millwright"),
            migration=made.migration,
            database=made.dialect,
            filesInside=files_inside,
            settings={name: _plain(site.settings.get(name)) for name in TOLD},
        ),
    )
    for table in tables:
        tally = made.tallies[table.name]

        def counted(table: Table = table, tally: Tally = tally) -> Any:
            for line in lines(connection, table):
                tally.add(line)
                yield line

        writer.add_lines(f"tables/{table.name}", counted())
    made.files = uploaded.listed(connection)
    return made


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, int, list)) else str(value)


def _summary(name: str, at: datetime, archive: Path, made: _Made, *, sealed: bool) -> Summary:
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Summary(
        name=name,
        made_at=at.isoformat(),
        version=importlib.metadata.version("millwright"),
        migration=made.migration,
        database=made.dialect,
        sealed=sealed,
        rows=sum(tally.rows for tally in made.tallies.values()),
        files=len(made.files),
        files_missing=len(made.copied.missing),
        size=archive.stat().st_size,
        digest=digest,
        seconds=0,
        verified=False,
    )


def _verified(
    site: Site, summary: Summary, archive: Path, key: SealingKey | None, work: Path, say: Say
) -> Summary:
    try:
        found: Verified = verifying.verify(archive, key, site.engine, work / "scratch.db", say)
    except (BackupError, NotVerified) as error:
        return replace(summary, problems=(str(error),))
    missing = found.inspected.manifest["filesMissing"]
    problems = [*found.problems, *(f"file {key} is not in it: {reason}" for key, reason in missing.items())]
    return replace(summary, verified=True, problems=tuple(problems[: verifying.MOST_PROBLEMS]))


def _zone(site: Site) -> ZoneInfo:
    with site.session() as session:
        return site_settings.site(session).zone


def _tell_success(backups: Repository, summary: Summary) -> None:
    good: Mapping[str, Any] = {}
    if summary.verified:
        good = {
            "lastGoodAt": summary.made_at,
            "lastGoodName": summary.name,
            "lastGoodSize": summary.size,
            "lastGoodSeconds": summary.seconds,
            "problems": len(summary.problems),
        }
    backups.write_status(lastAttemptAt=summary.made_at, failed=not summary.verified, error="", **good)


def _tell_failure(backups: Repository, error: BaseException) -> None:
    """Write down that it failed; where that cannot be written either, the error itself says enough."""
    text = str(error) or type(error).__name__
    try:
        backups.write_status(lastAttemptAt=clock.now().isoformat(), failed=True, error=text[:500])
    except StorageUnavailable:
        return
