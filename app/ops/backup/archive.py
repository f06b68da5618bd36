"""One backup as a file: a tar archive, compressed by gzip, sealed where the site has a key.

Its members, in this order: ``header.json``; the rows of each table in pieces of a few megabytes
(``tables/machines/00001.jsonl``); the files that belong to the rows (``files/<digest>``), if they go with
it; ``files.jsonl``, which lists them; and ``manifest.json``, which says how many there are of everything,
with checksums. Without its manifest an archive is not whole.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

from app.ops.backup.errors import BadBackup
from app.ops.backup.rows import KINDS, Table
from app.ops.backup.sealing import Opener, Sealer, SealingKey, is_sealed

FORMAT = 1
PIECE = 4 * 1024 * 1024  # bytes of rows in one member
LEVEL = 4  # of compression: more takes much longer and saves little
BUFFER = 1024 * 1024
HEADER, FILES, MANIFEST = "header.json", "files.jsonl", "manifest.json"


class ArchiveWriter:
    """Writes an archive to ``path``; leave the ``with`` block without an error to make it whole."""

    def __init__(self, path: Path, key: SealingKey | None) -> None:
        self._stack = ExitStack()
        target: Any = self._stack.enter_context(path.open("wb"))
        if key is not None:
            target = self._stack.enter_context(io.BufferedWriter(Sealer(target, key), BUFFER))
        packed = self._stack.enter_context(gzip.GzipFile("", "wb", LEVEL, target, mtime=0))
        self._tar = self._stack.enter_context(tarfile.open(fileobj=packed, mode="w|", bufsize=BUFFER))  # noqa: SIM115
        self._digests: dict[str, str] = {}

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, name: str, data: bytes) -> None:
        """Add a member."""
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(data), 0o600
        self._tar.addfile(entry, io.BytesIO(data))
        self._digests[name] = hashlib.sha256(data).hexdigest()

    def add_json(self, name: str, value: Any) -> None:
        self.add(name, json.dumps(value, ensure_ascii=False, indent=1).encode())

    def add_lines(self, folder: str, lines: Iterable[bytes]) -> None:
        """Add lines in as many members as they need."""
        number, piece = 0, bytearray()
        for line in lines:
            piece += line
            piece += b"\n"
            if len(piece) >= PIECE:
                number += 1
                self.add(f"{folder}/{number:05}.jsonl", bytes(piece))
                piece.clear()
        if piece:
            self.add(f"{folder}/{number + 1:05}.jsonl", bytes(piece))

    def finish(self, manifest: dict[str, Any]) -> None:
        """Add the manifest, with the digests of all members before it."""
        self.add_json(MANIFEST, {**manifest, "members": dict(self._digests)})


@dataclass(frozen=True)
class Header:
    """What an archive says about itself at its beginning."""

    values: dict[str, Any]
    tables: dict[str, Table]

    @property
    def migration(self) -> str | None:
        """The migration that its rows were written under; None for tables made without migrations."""
        return cast("str | None", self.values["migration"])

    @property
    def has_files(self) -> bool:
        """Whether the files lie in the archive itself."""
        return bool(self.values["filesInside"])


def header_values(tables: Iterable[Table], **values: Any) -> dict[str, Any]:
    """What goes into ``header.json``."""
    listed = {
        table.name: {"columns": [list(column) for column in table.columns], "guessed": list(table.guessed)}
        for table in tables
    }
    return {"format": FORMAT, **values, "tables": listed}


class ArchiveReader:
    """Reads an archive from a stream, member by member, in order. Use it with ``with``.

    :raises BadBackup: it cannot be read: damaged, cut short, another key, a format of a later version
    """

    def __init__(self, source: BinaryIO, key: SealingKey | None) -> None:
        start = io.BufferedReader(cast(Any, source), BUFFER) if not hasattr(source, "peek") else source
        head = cast(Any, start).peek(16)[:16]
        opened: Any = io.BufferedReader(Opener(start, key), BUFFER) if is_sealed(head) else start
        self._packed = gzip.GzipFile("", "rb", fileobj=opened)
        self.digests: dict[str, str] = {}
        self._members = self._read()
        name, data = self._next_or_none() or ("", b"")
        if name != HEADER:
            raise BadBackup("This is no backup of Millwright, or its beginning is damaged.")
        self.header = _header(_json(data))

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._packed.close()

    def _next_or_none(self) -> tuple[str, bytes] | None:
        return next(self._members, None)

    def members(self) -> Iterator[tuple[str, bytes]]:
        """The members after the header; each fits into memory."""
        yield from self._members

    def _read(self) -> Iterator[tuple[str, bytes]]:
        try:
            with tarfile.open(fileobj=self._packed, mode="r|", bufsize=BUFFER) as tar:
                for entry in tar:
                    stream = tar.extractfile(entry)
                    data = b"" if stream is None else stream.read()
                    self.digests[entry.name] = hashlib.sha256(data).hexdigest()
                    yield entry.name, data
            while self._packed.read(BUFFER):  # to its very end, where gzip and the seal are checked
                pass
        except BadBackup:
            raise
        except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
            raise BadBackup(f"The backup is damaged or cut short ({error}).") from error


def _header(values: Any) -> Header:
    try:
        if values["format"] > FORMAT:
            raise BadBackup(
                f"The backup was made by a later version of Millwright ({values['version']}): use that one."
            )
        tables = {
            name: Table(name, tuple((column, kind) for column, kind in of["columns"]), tuple(of["guessed"]))
            for name, of in values["tables"].items()
        }
        unknown = {kind for table in tables.values() for _, kind in table.columns} - set(KINDS)
    except (KeyError, TypeError, ValueError) as error:
        raise BadBackup(f"The backup's header cannot be read ({error}).") from error
    if unknown:
        raise BadBackup(
            f"The backup holds values of kinds that this version does not know: {sorted(unknown)}."
        )
    return Header(values, tables)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise BadBackup(f"The backup is damaged ({error}).") from error


@dataclass(frozen=True)
class FileEntry:
    """A file that belongs to the rows: where it was kept, and what it is."""

    key: str
    digest: str
    size: int

    def line(self) -> bytes:
        return json.dumps([self.key, self.digest, self.size]).encode()


@dataclass(frozen=True)
class Inspected:
    """What reading an archive from end to end has shown."""

    header: Header
    manifest: dict[str, Any]
    files: list[FileEntry]


def inspect(source: BinaryIO, key: SealingKey | None) -> Inspected:
    """Read an archive from its beginning to its end, and check everything it says about itself.

    :raises BadBackup: it is damaged, or not whole
    """
    files: list[FileEntry] = []
    manifest: dict[str, Any] | None = None
    with ArchiveReader(source, key) as archive:
        counted = dict.fromkeys(archive.header.tables, 0)
        for name, data in archive.members():
            if name.startswith("tables/"):
                counted[name.split("/")[1]] += data.count(b"\n")
            elif name.startswith(f"{FILES}/"):
                files += (FileEntry(*json.loads(line)) for line in data.splitlines())
            elif name == MANIFEST:
                manifest = _json(data)
        if manifest is None:
            raise BadBackup("The backup is not whole: its end is missing.")
        found = {name: digest for name, digest in archive.digests.items() if name != MANIFEST}
        if found != manifest["members"]:
            raise BadBackup("The backup is damaged: its parts are not those that its manifest names.")
        for table, count in counted.items():
            if manifest["tables"][table]["rows"] != count:
                raise BadBackup(f"The backup is damaged: {table} has {count} rows, and should have others.")
        return Inspected(archive.header, manifest, files)
