"""What can go wrong with backups, each with the exit code that a supervisor can tell it by."""

from __future__ import annotations

from app.errors import MillwrightError


class BackupError(MillwrightError):
    """Something kept a backup or a restore from being done; the message says what to do."""

    exit_code = 1


class BadBackup(BackupError):
    """The backup cannot be used: damaged, not whole, of another key, or too new. Nothing was touched."""

    exit_code = 3


class NotReplaced(BackupError):
    """What is there is in use, or was not to be replaced. Nothing was touched."""

    exit_code = 4


class NotVerified(BackupError):
    """What was made does not hold what it should."""

    exit_code = 5


class NotFinished(BackupError):
    """What was there is gone, and what was to come is not all there; the message says how to go on."""

    exit_code = 7


class Busy(BackupError):
    """Another backup or restore of this site is running."""

    exit_code = 6
