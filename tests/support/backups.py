"""A small factory with something in every corner, its backups, and places to restore them to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import config
from app.database import configure, engine_options, unit_of_work
from app.domain import attachments, sessions
from app.domain.attachments import Attachment
from app.domain.people import Role, User
from app.domain.scanning import NoScanner
from app.engine.core import ProcessEngine
from app.ops.backup import new_key
from app.ops.backup.rows import tables_of, tally
from app.ops.runtime import Site
from app.storage import FileStore, store_of
from tests import factories
from tests.support.factory_floor import Floor

KEY = new_key()


def site_at(url: str, folder: Path, engine: ProcessEngine, **settings: Any) -> Site:
    """A site with its database at ``url`` and its files in ``folder``."""
    database = sa.create_engine(url, **engine_options(url))
    configure(database)
    values = config.from_environment({"MILLWRIGHT_DATA": str(folder), "MILLWRIGHT_DATABASE_URL": url})
    return Site({**values, **settings}, engine, database)


@contextmanager
def site(url: str, folder: Path, engine: ProcessEngine, **settings: Any) -> Iterator[Site]:
    """The same for as long as the block lasts."""
    made = site_at(url, folder, engine, **settings)
    yield made
    made.database.dispose()


def fill(site: Site) -> None:
    """People who act, parts that move, photos, somebody signed in, and texts that are hard to copy."""
    floor = Floor(site.engine, site.database)
    part = floor.part(5, part_number="SEAL", unit_price=300)
    floor.parts_wanted(part, 2)
    floor.do("Approve parts", "manager", "approve")
    with site.session() as session, unit_of_work(session):
        user = factories.make_user(
            session, Role.ADMIN, name="Zoë “Ω” \u2028 O'Neil\r\n\\\x00\U0001f527".replace("\x00", "")
        )
        sessions.begin(session, user.id, "page", lifetime=sessions.REFRESH_LIFETIME)
        for number in range(3):
            add_file(session, store_of(site.settings), f"note {number}", user)
        add_file(session, store_of(site.settings), "note 0", user)  # the same content once more


def add_file(session: Session, store: FileStore, text: str, by: User) -> Attachment:
    return attachments.store(session, store, NoScanner(), BytesIO(text.encode()), f"{text}.txt", by.id)


def contents(database: sa.Engine) -> dict[str, Any]:
    """What a database holds, comparable across kinds of databases."""
    with database.connect() as connection:
        return {table.name: tally(connection, table).as_dict() for table in tables_of(connection)}


def differences(first: dict[str, Any], second: dict[str, Any]) -> set[str]:
    """The tables in which two databases differ."""
    return {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}
