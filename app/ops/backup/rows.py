"""Rows of any table in a form that every database understands, and their checksums.

A row is a JSON list in the order of its table's columns: times in ISO 8601, amounts as decimal text,
binary content in Base64. So a backup of one database can be restored into another.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.database import CompactJson, Money, UtcDateTime, metadata

BATCH = 2000  # rows that are fetched, or written, at once
LARGE_BATCH = 8  # where a row may hold a file
VERSION_TABLE = "alembic_version"
MARKER_TABLE = "millwright_restoring"
_MODULUS = 1 << 128
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))  # made once: there are millions of rows


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of a kind are read from and written to a database, and how they look in a backup."""

    type: sa.types.TypeEngine[Any]
    encode: Callable[[Any], Any] | None = None
    decode: Callable[[Any], Any] | None = None


KINDS: dict[str, Kind] = {
    "integer": Kind(sa.BigInteger()),
    "number": Kind(sa.Float()),
    "text": Kind(sa.Text()),
    "boolean": Kind(sa.Boolean()),
    "time": Kind(UtcDateTime(), datetime.isoformat, datetime.fromisoformat),
    "date": Kind(sa.Date(), date.isoformat, date.fromisoformat),
    "amount": Kind(Money(), str, Decimal),
    "bytes": Kind(
        sa.LargeBinary(), lambda value: base64.b64encode(value).decode("ascii"), base64.b64decode
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A table as a backup knows it: its columns with their kinds, in order."""

    name: str
    columns: tuple[tuple[str, str], ...]
    guessed: tuple[str, ...] = ()  # columns that this version of the program does not know

    @property
    def clause(self) -> sa.TableClause:
        """The table for statements, with the types that its kinds have."""
        columns = [sa.column(name, KINDS[kind].type) for name, kind in self.columns]
        return sa.table(self.name, *columns)


@dataclass(slots=True)
class Tally:
    """How many rows, and a checksum of them that does not depend on their order.

    It is the sum of the rows' digests: databases sort text differently.
    """

    rows: int = 0
    total: int = 0

    def add(self, line: bytes) -> None:
        self.rows += 1
        digest = hashlib.blake2b(line, digest_size=16).digest()
        self.total = (self.total + int.from_bytes(digest, "big")) % _MODULUS

    def as_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "checksum": f"{self.total:032x}"}


@dataclass
class Encoder:
    """Turns rows of a table into lines of a backup."""

    table: Table
    _encoders: list[tuple[int, Callable[[Any], Any]]] = field(init=False)

    def __post_init__(self) -> None:
        kinds = [KINDS[kind] for _, kind in self.table.columns]
        self._encoders = [(at, kind.encode) for at, kind in enumerate(kinds) if kind.encode is not None]

    def line(self, row: Iterable[Any]) -> bytes:
        values = list(row)
        for at, encode in self._encoders:
            if values[at] is not None:
                values[at] = encode(values[at])
        return _JSON.encode(values).encode("utf-8", "surrogatepass")


@dataclass
class Decoder:
    """Turns lines of a backup into rows for an INSERT."""

    table: Table
    _names: list[str] = field(init=False)
    _decoders: list[tuple[int, Callable[[Any], Any]]] = field(init=False)

    def __post_init__(self) -> None:
        self._names = [name for name, _ in self.table.columns]
        kinds = [KINDS[kind] for _, kind in self.table.columns]
        self._decoders = [(at, kind.decode) for at, kind in enumerate(kinds) if kind.decode is not None]

    def row(self, line: bytes) -> dict[str, Any]:
        values = json.loads(line.decode("utf-8", "surrogatepass"))
        for at, decode in self._decoders:
            if values[at] is not None:
                values[at] = decode(values[at])
        return dict(zip(self._names, values, strict=True))


def tables_of(database: sa.Engine | sa.Connection) -> list[Table]:
    """The tables that a database has, by name, but those that only say how far it is."""
    inspector = sa.inspect(database)
    found = inspector.get_multi_columns()
    by_name = {name: columns for (_, name), columns in found.items()}
    return [
        _table(name, by_name[name]) for name in sorted(by_name) if name not in (VERSION_TABLE, MARKER_TABLE)
    ]


def _table(name: str, reflected: list[Any]) -> Table:
    known = metadata.tables.get(name)
    columns, guessed = [], []
    for column in reflected:
        model = None if known is None else known.columns.get(column["name"])
        if model is None:
            guessed.append(column["name"])
        columns.append((column["name"], kind_of(column["type"] if model is None else model.type)))
    return Table(name, tuple(columns), tuple(guessed))


def kind_of(column_type: Any) -> str:
    """The kind of a column's values, by the type that a model declares or that a database tells."""
    if isinstance(column_type, Money):
        return "amount"
    if isinstance(column_type, (UtcDateTime, sa.DateTime)):
        return "time"
    if isinstance(column_type, CompactJson):
        return "text"  # as it stands there: neither parsed nor written anew
    if isinstance(column_type, sa.Boolean) or getattr(column_type, "display_width", None) == 1:
        return "boolean"
    if isinstance(column_type, sa.Date):
        return "date"
    if isinstance(column_type, sa.Integer):
        return "integer"
    if isinstance(column_type, sa.Float):
        return "number"
    if isinstance(column_type, sa.Numeric):
        return "amount"
    if isinstance(column_type, sa.types._Binary):
        return "bytes"
    return "text"


def lines(connection: sa.Connection, table: Table) -> Iterator[bytes]:
    """All rows of a table as they go into a backup. Memory holds :data:`BATCH` of them, or far fewer."""
    encoder = Encoder(table)
    batch = LARGE_BATCH if any(kind == "bytes" for _, kind in table.columns) else BATCH
    query = sa.select(*table.clause.columns)
    result = connection.execution_options(yield_per=batch, stream_results=True).execute(query)
    for partition in result.partitions():
        for row in partition:
            yield encoder.line(row)


def tally(connection: sa.Connection, table: Table) -> Tally:
    """What a table holds, to compare it with what it should."""
    found = Tally()
    for line in lines(connection, table):
        found.add(line)
    return found
