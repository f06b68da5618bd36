"""Answers that are kept under the key a caller chose, so that a repeated request has one effect.

The idea is the IETF draft “The Idempotency-Key HTTP Header Field”: the row is written in the transaction
of the action itself, so that both stand or fall together. What is kept is encrypted by the caller's key.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.database import Base, UtcDateTime

KEPT_FOR = timedelta(hours=24)
SWEPT_AT_ONCE = 50  # rows that have had their time, removed with each new one

AnswerBody = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


class KeptAnswer(Base):
    """The first answer to a request. ``caller`` and ``key_digest`` find it; until ``status`` is set, the
    transaction that holds the row is still at work."""

    __tablename__ = "kept_answers"
    __table_args__ = (
        sa.UniqueConstraint("caller", "key_digest"),
        sa.Index("ix_kept_answers_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    caller: Mapped[str] = mapped_column(sa.String(40))
    key_digest: Mapped[str] = mapped_column(sa.String(64))
    fingerprint: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[int | None]
    body: Mapped[bytes | None] = mapped_column(AnswerBody)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


def claim(session: Session, caller: str, key_digest: str, fingerprint: str) -> tuple[KeptAnswer, bool]:
    """The row of a key, and whether it is new and now ours to fill.

    A second request at the same moment waits here until the first one's transaction has ended. A row
    that has had its time counts as none.
    """
    kept = _find(session, caller, key_digest)
    if kept is not None and _has_had_its_time(kept):
        session.delete(kept)
        session.flush()
        kept = None
    if kept is not None:
        return kept, False
    _sweep(session)
    kept = KeptAnswer(caller=caller, key_digest=key_digest, fingerprint=fingerprint)
    try:
        with session.begin_nested():
            session.add(kept)
    except IntegrityError:
        found = _find(session, caller, key_digest)
        if found is None:
            raise
        return found, False
    return kept, True


def find(session: Session, caller: str, key_digest: str) -> KeptAnswer | None:
    """The row of a key that has not had its time, without claiming anything."""
    kept = _find(session, caller, key_digest)
    return None if kept is None or _has_had_its_time(kept) else kept


def _has_had_its_time(kept: KeptAnswer) -> bool:
    return kept.created_at + KEPT_FOR <= clock.now()


def _find(session: Session, caller: str, key_digest: str) -> KeptAnswer | None:
    return session.scalar(
        sa.select(KeptAnswer).where(KeptAnswer.caller == caller, KeptAnswer.key_digest == key_digest)
    )


def _sweep(session: Session) -> None:
    """Remove some of the rows that have had their time."""
    old = session.scalars(
        sa.select(KeptAnswer.id)
        .where(KeptAnswer.created_at < clock.now() - KEPT_FOR)
        .order_by(KeptAnswer.created_at)
        .limit(SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    if old:
        session.execute(sa.delete(KeptAnswer).where(KeptAnswer.id.in_(old)))
