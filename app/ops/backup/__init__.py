"""Backups of a site: made, verified, listed, kept as long as they should be, and restored."""

from __future__ import annotations

from app.ops.backup.errors import (
    BackupError,
    BadBackup,
    Busy,
    NotFinished,
    NotReplaced,
    NotVerified,
)
from app.ops.backup.making import backup
from app.ops.backup.repository import Repository, Summary, of_site
from app.ops.backup.restoring import Restored, check, restore
from app.ops.backup.schema import unfinished
from app.ops.backup.sealing import new_key
from app.ops.backup.status import Status, status

__all__ = [
    "BackupError",
    "BadBackup",
    "Busy",
    "NotFinished",
    "NotReplaced",
    "NotVerified",
    "Repository",
    "Restored",
    "Status",
    "Summary",
    "backup",
    "check",
    "new_key",
    "of_site",
    "restore",
    "status",
    "unfinished",
]
