"""Files in a folder of this machine, or of a network drive that all machines share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from app.storage.base import FileMissing, StorageUnavailable, StoredFile

_UNFINISHED = ".part"  # how names of files end that are being written, or were when the power went


class FolderStore:
    """Keeps each file at its key below ``folder``, which is made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def address(self) -> str:
        return str(self.folder)

    def write(self, key: str, data: bytes) -> None:
        with self._new(key) as file:
            file.write(data)

    def write_file(self, key: str, path: Path) -> None:
        with self._new(key) as file, path.open("rb") as source:
            shutil.copyfileobj(source, file, 1024 * 1024)

    def open(self, key: str) -> BinaryIO:
        try:
            return self._path(key).open("rb")
        except FileNotFoundError:
            raise FileMissing(f"The store has no file {key}.") from None
        except OSError as error:
            raise StorageUnavailable(f"The file {key} cannot be read: {_reason(error)}.") from error

    def delete(self, key: str) -> None:
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise StorageUnavailable(f"The file {key} cannot be removed: {_reason(error)}.") from error

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        start = self._path(prefix.rpartition("/")[0]) if "/" in prefix else self.folder
        for path in self._walk(start):
            key = path.relative_to(self.folder).as_posix()
            if not key.startswith(prefix):
                continue
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # removed meanwhile
            yield StoredFile(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def _walk(self, start: Path) -> Iterator[Path]:
        try:
            entries = sorted(start.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageUnavailable(f"{start} cannot be read: {_reason(error)}.") from error
        for path in entries:
            if path.is_dir():
                yield from self._walk(path)
            else:
                yield path

    def check(self) -> None:
        place = self.folder
        while not place.exists():
            place = place.parent  # it will be made below
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            raise StorageUnavailable(f"{self.folder} cannot be written to.")

    def _path(self, key: str) -> Path:
        if ".." in key.split("/") or key.startswith("/"):
            raise ValueError(f"{key!r} is no key of a file")
        return self.folder / key

    @contextmanager
    def _new(self, key: str) -> Iterator[BinaryIO]:
        """A new file, which gets its name when it lies on the disk."""
        path = self._path(key)
        unfinished = path.with_name(f".{path.name}.{uuid4().hex[:8]}{_UNFINISHED}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            raise StorageUnavailable(f"The file {key} cannot be kept: {_reason(error)}.") from error
        finally:
            with suppress(OSError):
                unfinished.unlink()


def _sync_folder(folder: Path) -> None:
    """A new name survives a power cut only when its folder has been written too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
