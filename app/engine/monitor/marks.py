"""How far the monitor's recurring works have come, so that one process at a time does each."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import clock
from app.engine.monitor.models import Mark


def is_fresh(mark: Mark, every: timedelta) -> bool:
    """Whether the work was done less than ``every`` ago. A clock that was set back does not stop it."""
    return mark.at is not None and timedelta(0) <= clock.now() - mark.at < every


def take(session: Session, name: str, seen: datetime | None) -> Mark | None:
    """The mark, locked until the transaction ends; None where somebody else has it or was quicker.

    ``seen`` is the time that the mark had when the work began.
    """
    query = sa.select(Mark).where(Mark.name == name).with_for_update(skip_locked=True)
    mark = session.scalars(query.execution_options(populate_existing=True)).first()
    if mark is None:
        try:
            with session.begin_nested():
                mark = Mark(name=name)
                session.add(mark)
                session.flush()
        except IntegrityError:
            return None
    return mark if mark.at == seen else None
