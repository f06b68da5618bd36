"""Files that come with a form: kept first, then tied to what the form was about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy.orm import Session

from app.domain import attachments
from app.domain.attachments import Attachment
from app.errors import BusinessError


def folder() -> Path:
    """Where uploaded files are kept."""
    return Path(current_app.config["MILLWRIGHT_UPLOADS"])


class Uploads:
    """Keeps the files of one submission and remembers them until their subject is known."""

    def __init__(self, session: Session, by: int) -> None:
        self._session = session
        self._by = by
        self._kept: list[Attachment] = []

    def keep(self, key: str, files: list[Any]) -> list[int]:
        """Store the files of a form field; answers their ids, which become the field's value.

        :raises BusinessError: a file cannot be kept; ``field`` is the form field
        """
        stored = []
        for file in files:
            if not file or not file.filename:
                continue
            try:
                stored.append(attachments.store(self._session, folder(), file, file.filename, self._by))
            except BusinessError as error:
                raise BusinessError(error.code, error.message, field=key) from None
        self._kept += stored
        return [attachment.id for attachment in stored]

    def link(self, subject_type: str, subject_id: int) -> None:
        """Tie the files that nothing in the process has tied yet to the subject of the instance."""
        loose = [attachment.id for attachment in self._kept if attachment.entity_id is None]
        attachments.link(self._session, loose, subject_type.upper(), subject_id, self._by)
