"""What is asked of a store of files, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from app.errors import NotFound, Unavailable


class StorageUnavailable(Unavailable):
    """The store did not do what it was asked: the message says what it was; the reason is its cause."""


class FileMissing(NotFound):
    """The store has no such file."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What the store knows of a file; ``size`` in bytes."""

    key: str
    size: int
    changed_at: datetime


class FileStore(Protocol):
    """Keeps files by key. A file is there whole or not at all, and lasts once writing it has ended.

    Whatever it cannot do raises :class:`StorageUnavailable`.
    """

    @property
    def address(self) -> str:
        """Where it is, for people; without secrets."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Keep ``data`` under ``key``, in place of what may be there."""
        ...

    def write_file(self, key: str, path: Path) -> None:
        """Keep the content of the file at ``path``, which may be larger than memory."""
        ...

    def open(self, key: str) -> BinaryIO:
        """Open a file for reading; it can be read from any position.

        :raises FileMissing: there is none
        """
        ...

    def delete(self, key: str) -> None:
        """Remove a file; it is no error if there is none."""
        ...

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """All files whose key begins with ``prefix``, by key."""
        ...

    def check(self) -> None:
        """See whether the store answers and takes files, for health checks."""
        ...
