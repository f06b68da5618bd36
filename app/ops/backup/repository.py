"""Where backups are kept: an archive, a list of its files and a summary for each, and a pool of files.

    millwright-20261125T020000Z.backup      the archive (app.ops.backup.archive)
    millwright-20261125T020000Z.files.gz    the names in the pool that it needs
    millwright-20261125T020000Z.json        the summary, written last: without it a backup is not whole
    files/3f/3f0c...                        uploaded files, each content once, whichever backups need it
    status.json                             how the last attempt went

Uploaded files never change, so that those of all backups share one pool: each is copied once.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from app import clock
from app.ops.backup import retention
from app.ops.backup.archive import FileEntry
from app.ops.backup.errors import BackupError, BadBackup
from app.ops.backup.sealing import SealingKey, parse_key, seal, unseal
from app.storage import FileMissing, FileStore, open_store

STATUS = "status.json"
POOL = "files/"
ARCHIVE, FILES, SUMMARY = ".backup", ".files.gz", ".json"
NAME = re.compile(r"millwright-(\d{8}T\d{6}Z)")
GRACE = timedelta(days=1)  # how long something unfinished may be at work still
DOUBTFUL = timedelta(days=7)  # how long a backup is kept that was not verified
MOST_DOUBTFUL = 3


@dataclass(frozen=True)
class Summary:
    """What is told of a backup without opening it. Sizes in bytes."""

    name: str
    made_at: str
    version: str
    migration: str | None
    database: str
    sealed: bool
    rows: int
    files: int
    files_missing: int
    size: int
    digest: str  # of the archive, SHA-256
    seconds: float
    verified: bool
    problems: tuple[str, ...] = ()

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.made_at)


def name_for(at: datetime) -> str:
    """What a backup made at a time is called."""
    return f"millwright-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


class Repository:
    """The backups of a site."""

    def __init__(self, store: FileStore, key: SealingKey | None) -> None:
        self.store, self.key = store, key

    # -- backups ------------------------------------------------------------------------------------

    def add(self, summary: Summary, archive: Path, files: Iterable[FileEntry]) -> None:
        """Keep a backup that has been made; without its summary it is not counted as one yet."""
        names = "\n".join(sorted({self.pool_name(file.digest) for file in files}))
        self.store.write(f"{summary.name}{FILES}", gzip.compress(names.encode(), mtime=0))
        self.store.write_file(f"{summary.name}{ARCHIVE}", archive)

    def put_summary(self, summary: Summary) -> None:
        """Write the summary: the backup is whole."""
        self.store.write(f"{summary.name}{SUMMARY}", json.dumps(asdict(summary), indent=1).encode())

    def all(self) -> list[Summary]:
        """All whole backups, the oldest first."""
        keys = [file.key for file in self.store.list("millwright-")]
        found = [self.summary(key.removesuffix(SUMMARY)) for key in keys if _is(key, SUMMARY)]
        return sorted(found, key=lambda summary: summary.time)

    def summary(self, name: str) -> Summary:
        """The summary of a backup, by its name or ``latest``: the newest that was verified, if any was.

        :raises BackupError: there is none
        """
        if name == "latest":
            known = self.all()
            if not known:
                raise BackupError(f"There is no backup in {self.store.address}.")
            return max(known, key=lambda summary: (summary.verified, summary.time))
        try:
            with self.store.open(f"{name}{SUMMARY}") as file:
                values = json.load(file)
            return Summary(**{**values, "problems": tuple(values["problems"])})
        except FileMissing:
            message = f"There is no backup {name} in {self.store.address}; “millwright backups” lists them."
            raise BackupError(message) from None
        except (ValueError, TypeError, KeyError) as error:
            raise BadBackup(f"The summary of {name} cannot be read ({error}).") from error

    def fetch(self, name: str, into: Path) -> Path:
        """The archive of a backup as a file of this machine.

        :raises BackupError: there is none
        """
        path = into / f"{name}{ARCHIVE}"
        try:
            with self.store.open(f"{name}{ARCHIVE}") as source, path.open("wb") as target:
                while data := source.read(1024 * 1024):
                    target.write(data)
        except FileMissing:
            raise BackupError(f"There is no backup {name} in {self.store.address}.") from None
        return path

    # -- the pool -----------------------------------------------------------------------------------

    def pool_name(self, digest: str) -> str:
        """What a file is called in the pool: with another key it is another file."""
        return digest if self.key is None else self.key.name_of(digest)

    def pool(self) -> Mapping[str, int]:
        """The names of all files of the pool, with their sizes."""
        return {file.key.rpartition("/")[2]: file.size for file in self.store.list(POOL)}

    def put_file(self, digest: str, data: bytes) -> None:
        """Keep a file in the pool."""
        self.store.write(_pool_key(self.pool_name(digest)), seal(data, self.key))

    def file(self, digest: str) -> bytes:
        """A file of the pool.

        :raises FileMissing: the pool has lost it
        :raises BadBackup: it is damaged
        """
        with self.store.open(_pool_key(self.pool_name(digest))) as file:
            return unseal(file.read(), self.key)

    # -- making room --------------------------------------------------------------------------------

    def prune(self, zone: tzinfo) -> list[str]:
        """Remove what need not be kept any longer; answers the names of the backups that went.

        Backups that were not verified are no reason to let others go. What was never finished goes
        after a day, and so does what only removed backups needed of the pool.
        """
        now, known = clock.now(), self.all()
        good = [summary for summary in known if summary.verified]
        kept = retention.to_keep((summary.time for summary in good), now, zone)
        doubtful = [summary for summary in known if not summary.verified and summary.time <= now - DOUBTFUL]
        gone = [summary for summary in good if summary.time not in kept]
        if good:
            gone += [summary for summary in doubtful if summary.time < good[-1].time]
        for summary in gone:
            self._remove(summary.name)
        self._remove_unfinished(now)
        self._remove_unneeded(now)
        return [summary.name for summary in gone]

    def prune_doubtful(self) -> None:
        """Of the backups that could not be verified, keep the newest few: an attempt may follow another."""
        doubtful = [summary for summary in self.all() if not summary.verified]
        for summary in doubtful[:-MOST_DOUBTFUL]:
            self._remove(summary.name)

    def _remove(self, name: str) -> None:
        for ending in (SUMMARY, ARCHIVE, FILES):  # in this order: half a backup is never taken for one
            self.store.delete(f"{name}{ending}")

    def _remove_unfinished(self, now: datetime) -> None:
        found = list(self.store.list("millwright-"))
        whole = {file.key.removesuffix(SUMMARY) for file in found if _is(file.key, SUMMARY)}
        for file in found:
            match = NAME.match(file.key)
            if match and match[0] not in whole and file.changed_at < now - GRACE:
                self.store.delete(file.key)

    def _remove_unneeded(self, now: datetime) -> None:
        needed: set[str] = set()
        for file in list(self.store.list("millwright-")):
            if not _is(file.key, FILES):
                continue
            with self.store.open(file.key) as listed:
                needed.update(gzip.decompress(listed.read()).decode().split())
        for file in list(self.store.list(POOL)):
            if file.key.rpartition("/")[2] not in needed and file.changed_at < now - GRACE:
                self.store.delete(file.key)

    # -- how the last attempt went ------------------------------------------------------------------

    def read_status(self) -> dict[str, Any]:
        """What was written last; empty where nothing was."""
        try:
            with self.store.open(STATUS) as file:
                values: dict[str, Any] = json.load(file)
                return values
        except (FileMissing, ValueError):
            return {}

    def write_status(self, **values: Any) -> None:
        """Write how an attempt went, and keep what is not given."""
        self.store.write(STATUS, json.dumps({**self.read_status(), **values}, indent=1).encode())


def of_site(settings: Mapping[str, Any]) -> Repository:
    """The backups of the site that has these settings.

    :raises BackupError: its key is none
    """
    store = open_store(settings["MILLWRIGHT_BACKUPS"], settings["MILLWRIGHT_S3"])
    return Repository(store, parse_key(settings["MILLWRIGHT_BACKUP_KEY"]))


def _pool_key(name: str) -> str:
    return f"{POOL}{name[:2]}/{name}"


def _is(key: str, ending: str) -> bool:
    match = NAME.match(key)
    return match is not None and key == f"{match[0]}{ending}"
