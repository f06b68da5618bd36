"""Files that a form names by the ids of uploads: whose they are, and what they belong to from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import select

from app.api.core import calls
from app.domain import attachments
from app.domain.attachments import Attachment
from app.errors import BusinessError


def checker(
    subject_type: str | None = None, subject_id: int | None = None
) -> Callable[[str, list[int]], None]:
    """A check for the files of a form field, as :func:`app.engine.user_tasks.submit` takes it.

    A file may be named by whoever uploaded it and has not attached it to anything yet; one that belongs
    to the subject already may be named again.

    :raises BusinessError: UNKNOWN_ATTACHMENT (field ``photos.0``), also for a file of somebody else
    """
    home = (subject_type.upper(), subject_id) if subject_type is not None else None

    def check(path: str, ids: list[int]) -> None:
        query = select(Attachment).where(Attachment.id.in_(ids))
        found = {file.id: file for file in calls.session().scalars(query)}
        for index, file_id in enumerate(ids):
            file = found.get(file_id)
            owner = None if file is None else (file.entity_type, file.entity_id)
            own = file is not None and owner == (None, None) and file.uploaded_by == calls.user_id()
            if not own and (home is None or owner != home):
                message = f"There is no file {file_id} of yours that is free. Upload it first."
                raise BusinessError("UNKNOWN_ATTACHMENT", message, field=f"{path}.{index}")

    return check


def link(subject_type: str, subject_id: int, ids: Iterable[int]) -> None:
    """Tie those of the files that nothing in the process has tied yet to the subject of the instance."""
    session, wanted = calls.session(), list(ids)
    if not wanted:
        return
    loose = select(Attachment.id).where(Attachment.id.in_(wanted), Attachment.entity_id.is_(None))
    attachments.link(session, session.scalars(loose), subject_type.upper(), subject_id, calls.user_id())
