"""Files that come with a form: kept first, then tied to what the form was about."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app import current
from app.domain import attachments
from app.domain.attachments import Attachment, CheckedFile
from app.errors import BusinessError
from app.storage import StorageUnavailable


class Uploads:
    """Keeps the files of one submission and remembers them until their subject is known.

    ``files`` are all that came with it. They are looked at here, before any transaction: scanning for
    viruses and rewriting photos takes seconds in which nobody else shall have to wait for a lock.
    """

    def __init__(self, session: Session, by: int, files: MultiDict[str, Any]) -> None:
        self._session = session
        self._by = by
        self._checked = {
            id(file): self._check(file) for _, file in files.items(multi=True) if file and file.filename
        }
        self._kept: list[Attachment] = []

    def _check(self, file: Any) -> CheckedFile | BusinessError:
        try:
            return attachments.check(self._session, current.scanner(), file, file.filename, self._by)
        except BusinessError as error:
            return error

    def keep(self, key: str, files: list[Any]) -> list[int]:
        """Store the files of a form field; answers their ids, which become the field's value.

        :raises BusinessError: a file cannot be kept; ``field`` is the form field
        """
        stored = []
        for file in files:
            if not file or not file.filename:
                continue
            checked = self._checked.get(id(file)) or self._check(file)
            if isinstance(checked, BusinessError):
                raise BusinessError(checked.code, checked.message, field=key)
            try:
                stored.append(attachments.keep(self._session, current.file_store(), checked, self._by))
            except StorageUnavailable as error:  # beside the field: what was typed stays in the form
                raise BusinessError("ATTACHMENT_NOT_KEPT", str(error), field=key) from error
        self._kept += stored
        return [attachment.id for attachment in stored]

    def link(self, subject_type: str, subject_id: int) -> None:
        """Tie the files that nothing in the process has tied yet to the subject of the instance."""
        loose = [attachment.id for attachment in self._kept if attachment.entity_id is None]
        attachments.link(self._session, loose, subject_type.upper(), subject_id, self._by)
