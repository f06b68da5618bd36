"""Drafts: the files of a process as somebody is changing them, kept until they are deployed or thrown away.

Each person has a draft of their own of each process, so that nobody overwrites another's work. The
same person in two windows may: a revision that counts the saves keeps the older window from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from lxml import etree
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import clock
from app.engine import deployments
from app.engine.actors import Actor
from app.engine.core import KEY, KEY_LENGTH, ProcessEngine
from app.engine.models import Deployment, ProcessDraft
from app.engine.scenario_files import FILE as SCENARIOS
from app.engine.xml import XmlError
from app.engine.xml import parse as parse_xml
from app.errors import BusinessError, Conflict, NotFound

MAXIMUM_FILES = 50
MAXIMUM_FILE_BYTES = 2 * 1024 * 1024
MAXIMUM_BYTES = 5 * 1024 * 1024
# Of one person, in all processes together.
MAXIMUM_DRAFTS = 50
MAXIMUM_BYTES_OF_ALL = 50 * 1024 * 1024

# A process's key is the id of its process in the diagram, and part of addresses.
KEY_RULE = (
    f"A process's key has 3 to {KEY_LENGTH} lower-case letters, digits and “_”, and begins with a letter."
)
FILE_NAME_PATTERN = r"^(\w[\w .()-]{0,119}\.(bpmn|dmn|form)|scenarios\.yaml)$"
_FILE_NAME = re.compile(FILE_NAME_PATTERN.replace("$", r"\Z"))
_ENCODING = re.compile(r"""^(\s*<\?xml\s[^>]*?encoding\s*=\s*["'])([\w.:-]+)(["'])""")


@dataclass(frozen=True, slots=True)
class Draft:
    """The files of a process as somebody is changing them.

    ``revision`` counts the saves; it is 0, and ``saved_at`` None, where nothing has been saved yet
    and the files are those of ``base``, the version that the draft began with (None for a process
    that does not exist yet). ``newer`` is the newest version where somebody has deployed one since.
    """

    key: str
    files: dict[str, str]
    revision: int
    base: Deployment | None
    newer: Deployment | None
    saved_at: datetime | None

    @property
    def is_saved(self) -> bool:
        return self.revision > 0


def open_draft(session: Session, key: str, by: Actor) -> Draft:
    """Somebody's draft of a process: the stored one, or the newest version as one that is not saved yet.

    A process that does not exist gives an empty one. Raises :class:`NotFound` for a key that none can have.
    """
    newest = deployments.latest(session, key)
    if newest is None and not KEY.fullmatch(key):
        raise NotFound(f"There is no such process, and none can have this key. {KEY_RULE}")
    row = _row(session, key, by)
    if row is None:
        files = {} if newest is None else _texts(deployments.files_of(session, newest.id))
        return Draft(key, files, 0, newest, None, None)
    return _draft(session, row, newest)


def files_of_version(session: Session, key: str, version: int) -> dict[str, str]:
    """The files of a version as a draft holds them. Raises :class:`NotFound` where there is none."""
    return _texts(deployments.files_of(session, deployments.get_version(session, key, version).id))


def saved(session: Session, key: str, by: Actor, *, lock: bool = False) -> Draft:
    """Somebody's stored draft of a process, locked until the transaction ends if wanted.

    Raises :class:`NotFound` where they have none.
    """
    row = _row(session, key, by, lock=lock)
    if row is None:
        raise NotFound(f"You have no draft of {key}.")
    return _draft(session, row, deployments.latest(session, key))


def drafts_of(session: Session, by: Actor) -> list[Draft]:
    """Somebody's stored drafts, by key, without their files."""
    newest = {deployment.key: deployment for deployment in deployments.latest_of_all(session)}
    columns = (ProcessDraft.key, ProcessDraft.revision, ProcessDraft.base_id, ProcessDraft.updated_at)
    rows = session.execute(
        select(*columns, Deployment)
        .outerjoin(Deployment, Deployment.id == ProcessDraft.base_id)
        .where(ProcessDraft.user_id == by.user_id)
        .order_by(ProcessDraft.key)
    )
    return [
        Draft(
            row.key, {}, row.revision, row.Deployment, _newer(row.Deployment, newest.get(row.key)),
            row.updated_at,
        )
        for row in rows
    ]  # fmt: skip


def save(
    session: Session,
    key: str,
    files: Mapping[str, str],
    *,
    by: Actor,
    revision: int,
    base_version: int | None = None,
) -> Draft:
    """Store somebody's draft of a process. ``revision`` is the one they had read, 0 for none.

    ``base_version`` says which version the files began with: the one of the stored draft where it
    is left out, or the newest. Naming a newer one says that its changes have been looked at.

    :raises Conflict: the draft has been saved in another window since it was read, or deployed or
        thrown away there; the message says when
    :raises NotFound: there is no such version
    :raises BusinessError: BAD_KEY, KEY_TAKEN, TOO_MANY_DRAFTS (field ``key``); BAD_FILE_NAME, DUPLICATE_FILE,
        TOO_MANY_FILES, TOO_LARGE, BAD_TEXT (field ``files``)
    """
    _check_key(session, key)
    size = check_files(files)
    row = _row(session, key, by, lock=True)
    if (0 if row is None else row.revision) != revision:
        raise _stale(row)
    newest = deployments.latest(session, key)
    base_id = newest.id if row is None and newest is not None else (row.base_id if row else None)
    if base_version is not None:
        base_id = deployments.get_version(session, key, base_version).id
    _check_room(session, key, by, size, is_new=row is None)
    if row is None:
        if newest is None:
            _require_free(session, key, by)
        row = ProcessDraft(key=key, user_id=by.user_id, created_at=clock.now())
    row.files, row.base_id = dict(files), base_id
    row.revision, row.updated_at = revision + 1, clock.now()
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # another window was first
        raise _stale(_row(session, key, by)) from None
    return _draft(session, row, newest)


def discard(session: Session, key: str, by: Actor) -> None:
    """Throw somebody's draft of a process away. Raises :class:`NotFound` where they have none."""
    wanted = (ProcessDraft.key == key, ProcessDraft.user_id == by.user_id)
    if not session.execute(delete(ProcessDraft).where(*wanted)).rowcount:  # type: ignore[attr-defined]
        raise NotFound(f"You have no draft of {key}.")


def as_bytes(files: Mapping[str, str]) -> dict[str, bytes]:
    """The files of a draft as a deployment holds them: in UTF-8, which XML files then say too."""
    return {name: _as_utf8(name, text).encode() for name, text in files.items()}


# -- what is refused ----------------------------------------------------------------------------


def check_new_key(engine: ProcessEngine, session: Session, key: str) -> None:
    """Refuse to begin a process whose key Millwright would refuse once it is to be deployed.

    :raises BusinessError: BAD_KEY (field ``key``)
    """
    problem = engine.key_problem(key)
    if problem is not None and deployments.latest(session, key) is None:
        raise BusinessError("BAD_KEY", problem, field="key")


def check_files(files: Mapping[str, str]) -> int:
    """Refuse files that no draft may hold; answers their size in bytes. What is in them,
    :mod:`app.engine.check` looks at.

    :raises BusinessError: BAD_FILE_NAME, DUPLICATE_FILE, TOO_MANY_FILES, TOO_LARGE, BAD_TEXT
    """
    if len(files) > MAXIMUM_FILES:
        raise BusinessError("TOO_MANY_FILES", f"A draft has at most {MAXIMUM_FILES} files.", field="files")
    total = 0
    seen: dict[str, str] = {}
    for name, text in files.items():
        if not _FILE_NAME.match(name):
            raise BusinessError(
                "BAD_FILE_NAME",
                "A file's name is made of letters, digits, spaces, “-”, “_” and “.”, and ends in .bpmn, .dmn "
                f"or .form; scenarios are in {SCENARIOS}.",
                field="files",
            )
        if other := seen.get(name.casefold()):
            message = f"{name} and {other} are the same name to many systems: rename one of them."
            raise BusinessError("DUPLICATE_FILE", message, field="files")
        seen[name.casefold()] = name
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise BusinessError("BAD_TEXT", f"{name} holds what is no text.", field="files") from None
        total += size
        if size > MAXIMUM_FILE_BYTES:
            raise BusinessError("TOO_LARGE", f"{name} is larger than 2 MB.", field="files")
    if total > MAXIMUM_BYTES:
        raise BusinessError("TOO_LARGE", "The files are larger than 5 MB together.", field="files")
    return total


def _check_key(session: Session, key: str) -> None:
    """A new process has a key like those that ship; one that is deployed has whatever key it has."""
    if not KEY.fullmatch(key) and deployments.latest(session, key) is None:
        raise BusinessError("BAD_KEY", KEY_RULE, field="key")


def _check_room(session: Session, key: str, by: Actor, size: int, *, is_new: bool) -> None:
    """Drafts are work under way, not a store of files."""
    stored = sa.cast(ProcessDraft.files, sa.LargeBinary)
    others = select(sa.func.count(), sa.func.coalesce(sa.func.sum(sa.func.length(stored)), 0)).where(
        ProcessDraft.user_id == by.user_id, ProcessDraft.key != key
    )
    number, total = session.execute(others).one()
    if is_new and number >= MAXIMUM_DRAFTS:
        message = (
            f"You have {number} drafts: deploy one of them, or throw one away, before you begin another."
        )
        raise BusinessError("TOO_MANY_DRAFTS", message, field="key")
    if total + size > MAXIMUM_BYTES_OF_ALL:
        message = (
            f"Your drafts are larger than {MAXIMUM_BYTES_OF_ALL // 1024**2} MB together: deploy some, "
            "or throw some away."
        )
        raise BusinessError("TOO_LARGE", message, field="files")


def _require_free(session: Session, key: str, by: Actor) -> None:
    taken = select(ProcessDraft.id).where(ProcessDraft.key == key, ProcessDraft.user_id != by.user_id)
    if session.scalar(taken.limit(1)) is not None:
        message = f"Somebody else is drafting a process with the key {key}: choose another one."
        raise BusinessError("KEY_TAKEN", message, field="key")


def _stale(row: ProcessDraft | None) -> Conflict:
    if row is None:
        return Conflict("Your draft has been deployed or thrown away in another window. Open it again.")
    return Conflict(
        f"You have saved this draft in another window, at {row.updated_at:%Y-%m-%d %H:%M:%S} UTC "
        f"(revision {row.revision}). Open it again, or close the other window."
    )


# -- rows and texts -----------------------------------------------------------------------------


def _row(session: Session, key: str, by: Actor, *, lock: bool = False) -> ProcessDraft | None:
    query = select(ProcessDraft).where(ProcessDraft.key == key, ProcessDraft.user_id == by.user_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalar(query)


def _draft(session: Session, row: ProcessDraft, newest: Deployment | None) -> Draft:
    base = newest if newest is not None and newest.id == row.base_id else None
    if base is None and row.base_id is not None:
        base = session.get(Deployment, row.base_id)
    return Draft(
        row.key, dict(row.files), row.revision, base, _newer(base, newest), row.updated_at
    )  # fmt: skip


def _newer(base: Deployment | None, newest: Deployment | None) -> Deployment | None:
    if newest is None or (base is not None and newest.version <= base.version):
        return None
    return newest


def _texts(files: Mapping[str, bytes]) -> dict[str, str]:
    """The files of a deployment that people edit, as texts."""
    return {name: _text(name, content) for name, content in files.items() if _FILE_NAME.match(name)}


def _text(name: str, content: bytes) -> str:
    """A file's text. XML may be in any encoding: it is said again in UTF-8."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = ""
    declared = _ENCODING.match(text)
    if text and (declared is None or declared[2].lower() in ("utf-8", "utf8", "us-ascii")):
        return text
    try:
        return etree.tostring(parse_xml(content), encoding="UTF-8", xml_declaration=True).decode()
    except XmlError:
        return content.decode(errors="replace")


def _as_utf8(name: str, text: str) -> str:
    """A text that is about to be written in UTF-8, saying so where it says anything."""
    if name.endswith((".bpmn", ".dmn")):
        declared = _ENCODING.match(text)
        if declared is not None and declared[2].lower() not in ("utf-8", "utf8"):
            return f"{declared[1]}UTF-8{text[declared.start(3) :]}"
    return text
