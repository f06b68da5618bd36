"""Lists of files."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.domain.attachments import Attachment
from app.domain.queries.paging import Page, matches, page_of
from app.domain.queries.sorting import Sorts, order_by

ATTACHMENT_SORTS: Sorts = {
    "createdAt": (Attachment.created_at,),
    "fileName": (Attachment.file_name,),
    "size": (Attachment.size,),
}


def list_attachments(
    session: Session,
    entity_type: str,
    entity_id: int,
    *,
    q: str = "",
    sort: str = "createdAt",
    page: int = 1,
    page_size: int = 25,
) -> Page[Attachment]:
    """The files that belong to a record, with who uploaded them; ``sort`` is in :data:`ATTACHMENT_SORTS`."""
    query = (
        sa.select(Attachment)
        .where(Attachment.entity_type == entity_type, Attachment.entity_id == entity_id)
        .options(joinedload(Attachment.uploader))
    )
    if q.strip():
        query = query.where(matches(q, Attachment.file_name))
    return page_of(session, order_by(query, ATTACHMENT_SORTS, sort, Attachment.id), page, page_size)
