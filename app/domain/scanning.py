"""What attachments ask of a virus scanner, whichever the site has."""

from __future__ import annotations

from typing import Protocol


class ScannerUnavailable(Exception):
    """The scanner did not say whether the file is clean; the message says why, for the log."""


class Scanner(Protocol):
    """Looks for viruses."""

    def scan(self, data: bytes) -> str | None:
        """The name of a virus in ``data``, or None when it is clean.

        :raises ScannerUnavailable: it could not be scanned
        """
        ...


class NoScanner:
    """For a site that has none: finds nothing."""

    def scan(self, data: bytes) -> str | None:
        return None
