"""Lists of the records of processes that process owners have drawn."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.domain.machines import Machine
from app.domain.process_records import ProcessRecord
from app.domain.queries.filters import between, equal
from app.domain.queries.paging import Page, matches, page_of
from app.domain.queries.sorting import Sorts, order_by

SORTS: Sorts = {
    "createdAt": (ProcessRecord.created_at,),
    "updatedAt": (ProcessRecord.updated_at,),
    "title": (ProcessRecord.title,),
    "status": (ProcessRecord.status, ProcessRecord.created_at),
    "businessKey": (ProcessRecord.business_key,),
}

# What a record is shown with.
_ROW = (
    joinedload(ProcessRecord.machine).joinedload(Machine.department),
    joinedload(ProcessRecord.department),
    joinedload(ProcessRecord.creator),
)


def list_records(
    session: Session,
    *,
    within: sa.ColumnElement[bool] | None = None,
    process: str | None = None,
    statuses: Collection[str] = (),
    is_open: bool | None = None,
    machine_id: int | None = None,
    department_id: int | None = None,
    created_by: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    q: str = "",
    sort: str = "-createdAt",
    page: int = 1,
    page_size: int = 25,
) -> Page[ProcessRecord]:
    """Records that fit all filters given, with machine, department and creator.

    ``within`` is the condition of what somebody may see at all. Created from ``since`` on and before
    ``until``. ``q`` is looked for in business key, title and answers; ``sort`` is a name of :data:`SORTS`.
    """
    query = sa.select(ProcessRecord).options(*_ROW)
    if within is not None:
        query = query.where(within)
    if statuses:
        query = query.where(ProcessRecord.status.in_(list(statuses)))
    if is_open is not None:
        query = query.where(ProcessRecord.closed_at.is_(None) == is_open)
    query = equal(
        query,
        (ProcessRecord.process_key, process),
        (ProcessRecord.machine_id, machine_id),
        (ProcessRecord.department_id, department_id),
        (ProcessRecord.created_by, created_by),
    )
    query = between(query, ProcessRecord.created_at, since, until)
    if q.strip():
        answers = sa.type_coerce(ProcessRecord.fields, sa.Text)
        query = query.where(matches(q, ProcessRecord.business_key, ProcessRecord.title, answers))
    return page_of(session, order_by(query, SORTS, sort, ProcessRecord.id), page, page_size)


def get_record(session: Session, record_id: int, *, fresh: bool = False) -> ProcessRecord | None:
    """A record with machine, department and creator; ``fresh`` reads it anew."""
    query = sa.select(ProcessRecord).where(ProcessRecord.id == record_id).options(*_ROW)
    return session.scalars(query.execution_options(populate_existing=fresh)).first()


def statuses_of(session: Session, process: str | None = None) -> list[str]:
    """The statuses that records (of a process) have, in the order of the alphabet."""
    query = equal(sa.select(ProcessRecord.status).distinct(), (ProcessRecord.process_key, process))
    return sorted(session.scalars(query))
