"""The files that belong to the rows: into a backup, and out of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa

from app.ops.backup.archive import FileEntry
from app.ops.backup.errors import BadBackup
from app.ops.backup.repository import Repository
from app.storage import FileMissing, FileStore, StorageUnavailable

_ATTACHMENTS = sa.table(
    "attachments",
    sa.column("storage_key", sa.String),
    sa.column("digest", sa.String),
    sa.column("size", sa.Integer),
)
PATIENCE = 3  # failures of the storage in a row, after which nothing more is asked of it


@dataclass
class Copied:
    """What came of copying files: how many, their bytes, and which could not be, with the reason."""

    count: int = 0
    size: int = 0
    new: int = 0
    missing: dict[str, str] = field(default_factory=dict)


def listed(connection: sa.Connection) -> list[FileEntry]:
    """The files that the rows of a database name, in the order of their contents."""
    if not sa.inspect(connection).has_table("attachments"):
        return []
    entries = [FileEntry(*row) for row in connection.execute(sa.select(*_ATTACHMENTS.columns))]
    return sorted(entries, key=lambda entry: (entry.digest, entry.key))


def into_pool(
    entries: Iterable[FileEntry], files: FileStore, backups: Repository, *, all_read: bool
) -> Copied:
    """Copy what the pool does not have yet. ``all_read``: read what it has too, replace what is damaged."""
    pool = dict(backups.pool())

    def copy(entry: FileEntry) -> bool:
        if backups.pool_name(entry.digest) in pool and not (all_read and _is_damaged(entry, backups)):
            return False
        backups.put_file(entry.digest, _content(entry, files.open))
        pool[backups.pool_name(entry.digest)] = entry.size
        return True

    return _each(entries, copy)


def into_archive(entries: Iterable[FileEntry], files: FileStore, add: Callable[[str, bytes], None]) -> Copied:
    """Copy each content once into the archive itself."""
    added: set[str] = set()

    def copy(entry: FileEntry) -> bool:
        if entry.digest in added:
            return False
        add(f"files/{entry.digest}", _content(entry, files.open))
        added.add(entry.digest)
        return True

    return _each(entries, copy)


def back(
    entries: Iterable[FileEntry],
    read: Callable[[str], bytes],
    files: FileStore,
    known_missing: Iterable[str],
) -> Copied:
    """Put files back where they were, unless they are there still. ``read`` answers a content by digest."""
    there = {file.key: file.size for file in files.list()}
    gone = set(known_missing)

    def copy(entry: FileEntry) -> bool:
        if there.get(entry.key) == entry.size:
            return False
        data = read(entry.digest)
        if hashlib.sha256(data).hexdigest() != entry.digest:
            raise BadBackup("it is damaged")
        files.write(entry.key, data)
        return True

    return _each((entry for entry in entries if entry.key not in gone), copy)


def readable(
    entries: Iterable[FileEntry], read: Callable[[str], bytes], known_missing: Iterable[str]
) -> Copied:
    """See which files could be put back."""
    gone = set(known_missing)

    def look(entry: FileEntry) -> bool:
        if hashlib.sha256(read(entry.digest)).hexdigest() != entry.digest:
            raise BadBackup("it is damaged")
        return False

    return _each((entry for entry in entries if entry.key not in gone), look)


def _each(entries: Iterable[FileEntry], copy: Callable[[FileEntry], bool]) -> Copied:
    done, failures = Copied(), 0
    for entry in entries:
        if failures >= PATIENCE:
            done.missing[entry.key] = "the storage does not answer"
            continue
        try:
            done.new += copy(entry)
            done.count, done.size = done.count + 1, done.size + entry.size
            failures = 0
        except FileMissing:
            done.missing[entry.key] = "the storage has lost it"
        except BadBackup as error:
            done.missing[entry.key] = str(error)
        except StorageUnavailable as error:
            done.missing[entry.key] = str(error)
            failures += 1
    return done


def _content(entry: FileEntry, opened: Callable[[str], object]) -> bytes:
    """The content of a file as it was uploaded; raises :class:`BadBackup` for another."""
    with opened(entry.key) as file:  # type: ignore[attr-defined]
        data: bytes = file.read()
    if hashlib.sha256(data).hexdigest() != entry.digest:
        raise BadBackup("its content has changed since it was uploaded")
    return data


def _is_damaged(entry: FileEntry, backups: Repository) -> bool:
    try:
        return hashlib.sha256(backups.file(entry.digest)).hexdigest() != entry.digest
    except (FileMissing, BadBackup):
        return True
