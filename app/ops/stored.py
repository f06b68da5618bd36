"""The uploaded files and what the database knows of them, compared."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa

from app import clock
from app.domain.attachments import Attachment
from app.ops.runtime import Site
from app.storage import FileMissing, FileStore, store_of

GRACE = timedelta(days=1)  # a file is written before the transaction that it belongs to is committed


@dataclass
class Survey:
    """How many files are as they should be, which are missing, and which belong to nothing."""

    address: str
    known: int = 0
    missing: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)


def copy_missing(site: Site, source: FileStore) -> int:
    """Copy the uploads that the site's store lacks from another; answers how many were copied.

    For a site that begins to keep its files elsewhere. Only what is what was uploaded is copied.

    :raises StorageUnavailable: one of the stores does not answer
    """
    store = store_of(site.settings)
    there, copied = {file.key for file in store.list()}, 0
    with site.session() as session:
        rows = session.execute(sa.select(Attachment.storage_key, Attachment.digest)).all()
    for key, digest in rows:
        if key in there:
            continue
        with suppress(FileMissing), source.open(key) as file:
            data = file.read()
            if hashlib.sha256(data).hexdigest() == digest:
                store.write(key, data)
                copied += 1
    return copied


def survey(site: Site, *, remove_orphans: bool = False) -> Survey:
    """Compare the store with the attachments, and remove what belongs to none of them if asked to.

    :raises StorageUnavailable: the store does not answer
    """
    store, now = store_of(site.settings), clock.now()
    there = {file.key: file for file in store.list()}  # before the rows: what comes later is no orphan
    result = Survey(store.address)
    with site.session() as session:
        query = sa.select(Attachment.id, Attachment.storage_key, Attachment.file_name)
        for number, key, name in session.execute(query.order_by(Attachment.id)):
            if there.pop(key, None) is None:
                result.missing.append(f"{name} (attachment {number}, {key})")
            else:
                result.known += 1
    for key, file in there.items():
        if file.changed_at < now - GRACE:
            result.orphans.append(key)
            if remove_orphans:
                store.delete(key)
    return result
