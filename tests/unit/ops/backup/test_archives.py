"""What is refused before anything is touched, and what databases of all kinds have in common."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.database import Money, UtcDateTime
from app.ops.backup import BadBackup
from app.ops.backup.archive import FORMAT, ArchiveWriter, header_values, inspect
from app.ops.backup.rows import Decoder, Encoder, Table, Tally, kind_of, tables_of, tally
from app.ops.backup.schema import load
from app.ops.backup.sealing import SealingKey, new_key, parse_key

KEY = parse_key(new_key())
TABLE = Table("things", (("id", "integer"), ("name", "text")))


def written(path: Path, key: SealingKey | None = None, *, rows: int = 3, **header: Any) -> bytes:
    lines = [Encoder(TABLE).line((number, f"thing {number}")) for number in range(rows)]
    found = Tally()
    for line in lines:
        found.add(line)
    values = {"migration": None, "version": "1", "filesInside": False, "database": "sqlite", **header}
    with ArchiveWriter(path, key) as writer:
        writer.add_json("header.json", {**header_values([TABLE], **values), **header})
        writer.add_lines("tables/things", lines)
        writer.finish({"tables": {"things": found.as_dict()}, "filesMissing": {}, "files": 0})
    return path.read_bytes()


def looked_at(data: bytes, key: SealingKey | None = None) -> Any:
    return inspect(io.BytesIO(data), key)


@pytest.mark.parametrize("key", [None, KEY])
def test_a_whole_archive_is_read(tmp_path: Path, key: SealingKey | None) -> None:
    found = looked_at(written(tmp_path / "a", key), key)
    assert found.header.tables == {"things": TABLE}
    assert found.manifest["tables"]["things"]["rows"] == 3


def test_an_archive_that_is_not_sealed_can_be_opened_with_any_tar(tmp_path: Path) -> None:
    written(tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        assert tar.getnames() == ["header.json", "tables/things/00001.jsonl", "manifest.json"]


@pytest.mark.parametrize("key", [None, KEY])
def test_an_archive_that_was_cut_short_anywhere_is_refused(tmp_path: Path, key: SealingKey | None) -> None:
    whole = written(tmp_path / "a", key)
    for kept in [*range(0, len(whole), 37), len(whole) - 1]:
        with pytest.raises(BadBackup):
            looked_at(whole[:kept], key)


@pytest.mark.parametrize("key", [None, KEY])
def test_an_archive_in_which_anything_was_changed_is_refused(tmp_path: Path, key: SealingKey | None) -> None:
    whole = written(tmp_path / "a", key)
    beginning = 10 if key is None else 0  # gzip's own header tells when and where, which is nothing of ours
    for at in range(beginning, len(whole), 23):
        changed = bytearray(whole)
        changed[at] ^= 0x10
        with pytest.raises(BadBackup):
            looked_at(bytes(changed), key)


def repacked(data: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The archive with other members, packed as if nothing had happened."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = {entry.name: (tar.extractfile(entry) or io.BytesIO()).read() for entry in tar}
    change(members)
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def drop_manifest(members: dict[str, bytes]) -> None:
    del members["manifest.json"]


def drop_rows(members: dict[str, bytes]) -> None:
    del members["tables/things/00001.jsonl"]


def change_row(members: dict[str, bytes]) -> None:
    members["tables/things/00001.jsonl"] = b'[0,"another"]\n' * 3


def miscount(members: dict[str, bytes]) -> None:
    manifest = json.loads(members["manifest.json"])
    manifest["tables"]["things"]["rows"] = 4
    members["manifest.json"] = json.dumps(manifest).encode()


@pytest.mark.parametrize("change", [drop_manifest, drop_rows, change_row, miscount])
def test_an_archive_whose_parts_do_not_fit_is_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes]], None]
) -> None:
    whole = written(tmp_path / "a")
    looked_at(repacked(whole, lambda members: None))
    with pytest.raises(BadBackup, match=r"not whole|damaged"):
        looked_at(repacked(whole, change))


def test_a_later_format_is_refused_and_says_which_version_to_use(tmp_path: Path) -> None:
    with pytest.raises(BadBackup, match=r"later version of Millwright \(9\.1\)"):
        looked_at(written(tmp_path / "a", format=FORMAT + 1, version="9.1"))


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\3\4 a zip", gzip.compress(b"not a tar"), b"\0" * 2000],
    ids=["nothing", "zip", "no tar", "zeros"],
)
def test_what_is_no_backup_is_refused(data: bytes) -> None:
    with pytest.raises(BadBackup):
        looked_at(data)


def test_rows_are_written_in_pieces_and_none_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.ops.backup.archive.PIECE", 100)
    looked_at(written(tmp_path / "a", rows=50))
    with tarfile.open(tmp_path / "a") as tar:
        assert len(tar.getnames()) > 5


EVERYTHING = sa.Table(
    "everything",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", UtcDateTime),
    sa.Column("cost", Money),
    sa.Column("is_on", sa.Boolean),
    sa.Column("day", sa.Date),
    sa.Column("data", sa.LargeBinary),
    sa.Column("ratio", sa.Float),
    sa.Column("name", sa.String(200)),
)
ROWS = [
    {
        "id": 1, "at": datetime(2026, 2, 28, 23, 59, 59, 999999, tzinfo=UTC), "cost": Decimal("-12345678.90"),
        "is_on": True, "day": date(2024, 2, 29), "data": bytes(range(256)), "ratio": 0.1,
        "name": "a\nb\rc\u2028d\t\"'\\ \U0001f527 \x1f",
    },
    {
        "id": 2, "at": datetime(1970, 1, 1, tzinfo=UTC), "cost": Decimal(0), "is_on": False,
        "day": date(1, 1, 1), "data": b"", "ratio": -0.0, "name": "",
    },
    {"id": 3, **dict.fromkeys(["at", "cost", "is_on", "day", "data", "ratio", "name"])},
]  # fmt: skip


@pytest.mark.databases
def test_values_of_every_kind_come_back_as_they_were(database_url: str) -> None:
    database = sa.create_engine(database_url)
    with database.begin() as connection:
        EVERYTHING.create(connection)
        connection.execute(sa.insert(EVERYTHING), ROWS)
        columns = tuple((column.name, kind_of(column.type)) for column in EVERYTHING.columns)
        table = Table("everything", columns)
        query = sa.select(*table.clause.columns)
        lines = [Encoder(table).line(row) for row in connection.execute(query)]
        assert [Decoder(table).row(line) for line in lines] == ROWS
        before = tally(connection, table)
        connection.execute(sa.delete(EVERYTHING))
        load(connection, table, reversed(lines))
        assert tally(connection, table) == before and before.rows == 3
        assert [dict(row) for row in connection.execute(sa.select(EVERYTHING)).mappings()] == ROWS
        connection.execute(sa.update(EVERYTHING).where(EVERYTHING.c.id == 3).values(cost=Decimal("0.01")))
        assert tally(connection, table).total != before.total
        EVERYTHING.drop(connection)
    database.dispose()


@pytest.mark.databases
def test_columns_that_no_model_knows_are_guessed_and_said_to_be(database_url: str) -> None:
    database = sa.create_engine(database_url)
    with database.begin() as connection:
        EVERYTHING.create(connection)
        connection.execute(sa.insert(EVERYTHING), ROWS)
        (table,) = (table for table in tables_of(connection) if table.name == "everything")
        assert table.guessed == tuple(column.name for column in EVERYTHING.columns)
        before = tally(connection, table)
        lines = [Encoder(table).line(row) for row in connection.execute(sa.select(*table.clause.columns))]
        connection.execute(sa.delete(EVERYTHING))
        load(connection, table, lines)
        assert tally(connection, table) == before
        assert [dict(row) for row in connection.execute(sa.select(EVERYTHING)).mappings()] == ROWS
        EVERYTHING.drop(connection)
    database.dispose()
