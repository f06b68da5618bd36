"""Whether a backup can be restored, and holds what it should: found out by restoring it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.engine.core import ProcessEngine
from app.ops import consistency
from app.ops.backup import schema
from app.ops.backup.archive import ArchiveReader, Inspected, inspect
from app.ops.backup.errors import BadBackup, NotVerified
from app.ops.backup.rows import tally
from app.ops.backup.sealing import SealingKey

MOST_PROBLEMS = 20  # that are told one by one

Say = Callable[[str], object]


@dataclass(frozen=True)
class Verified:
    """A backup that was restored into a database and holds what it should.

    ``problems``: what does not agree with itself in the data, and did not when it was backed up.
    """

    inspected: Inspected
    problems: list[str]


def examine(archive: Path, key: SealingKey | None) -> Inspected:
    """Read a backup from end to end, and see whether this version of the program can restore it.

    :raises BadBackup: it is damaged, not whole, sealed with another key, or of a later version
    """
    with archive.open("rb") as source:
        found = inspect(source, key)
    schema.check_known(found.header.migration, found.header.values["version"])
    return found


def restore_into(
    database: sa.Engine, archive: Path, key: SealingKey | None, inspected: Inspected, engine: ProcessEngine
) -> Verified:
    """Restore into a database without tables, see that all is there, bring it up to date, and look it over.

    :raises BadBackup: its rows do not fit its tables
    :raises NotVerified: what was restored is not what was backed up
    """
    header = inspected.header
    schema.build(database, header.migration)
    revision = schema.forget_revision(database)
    fill(database, archive, key)
    compare(database, inspected)
    schema.remember_revision(database, revision)
    schema.upgrade(database)
    if database.dialect.name == "sqlite" and (broken := schema.broken_references(database)):
        raise NotVerified("The restored data does not hold together: " + "; ".join(broken))
    return Verified(inspected, problems(database, engine))


def fill(database: sa.Engine, archive: Path, key: SealingKey | None) -> None:
    """Put all rows of a backup into empty tables.

    :raises BadBackup: they do not fit
    """
    with (
        archive.open("rb") as source,
        ArchiveReader(source, key) as reader,
        database.connect() as connection,
        schema.without_references(connection),
    ):
        try:
            for name, data in reader.members():
                if name.startswith("tables/"):
                    table = reader.header.tables[name.split("/")[1]]
                    schema.load(connection, table, _lines(data))
                    connection.commit()
        except (sa.exc.OperationalError, sa.exc.ProgrammingError, sa.exc.IntegrityError) as error:
            if connection.invalidated or _is_full(error):
                raise
            raise BadBackup(f"The backup does not fit the tables of its time: {error.orig}.") from error


def _lines(data: bytes) -> Iterator[bytes]:
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        yield data[start:end]
        start = end + 1


def _is_full(error: sa.exc.DBAPIError) -> bool:
    text = str(error.orig).lower()
    return "full" in text or "no space" in text or "disk i/o" in text


def compare(database: sa.Engine, inspected: Inspected) -> None:
    """See that a database holds exactly the rows that a backup says it has.

    :raises NotVerified: it does not; the message names the tables
    """
    wrong = []
    with database.connect() as connection:
        for name, table in inspected.header.tables.items():
            found, expected = tally(connection, table).as_dict(), inspected.manifest["tables"][name]
            if found["rows"] != expected["rows"]:
                wrong.append(f"{name} has {found['rows']} rows instead of {expected['rows']}")
            elif found != expected:
                wrong.append(f"rows of {name} have changed")
    if wrong:
        raise NotVerified("What was restored is not what was backed up: " + "; ".join(wrong) + ".")


def problems(database: sa.Engine, engine: ProcessEngine) -> list[str]:
    """What does not agree with itself in the data: the first :data:`MOST_PROBLEMS`, and how many more."""
    # Of its own, because an engine remembers definitions by number, and another database has others.
    apart = ProcessEngine(services=engine.services, bindings=engine.bindings, feel=engine.feel)
    with Session(database) as session:
        found = consistency.problems(apart, session)
    if len(found) > MOST_PROBLEMS:
        rest = len(found) - MOST_PROBLEMS
        return [*islice(found, MOST_PROBLEMS), f"and {rest} more"]
    return found


def verify(
    archive: Path, key: SealingKey | None, engine: ProcessEngine, scratch: Path, say: Say = lambda text: None
) -> Verified:
    """Restore a backup into a new SQLite file at ``scratch``, which stays there.

    :raises BadBackup: it cannot be restored
    :raises NotVerified: what was restored is not what was backed up
    """
    inspected = examine(archive, key)
    say(f"{archive.name} is whole. Restoring it into a scratch database ...")
    database = schema.open_database(f"sqlite:///{scratch}", careless=True)
    try:
        return restore_into(database, archive, key, inspected, engine)
    finally:
        database.dispose()
