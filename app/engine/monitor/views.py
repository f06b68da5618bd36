"""Filters that somebody keeps under a name, to come back to."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.engine.monitor.models import SavedView
from app.errors import BusinessError, NotFound

NAME_LENGTH = 60
QUERY_LENGTH = 1000
MOST = 30  # views of one person


def of_user(session: Session, user_id: int) -> list[SavedView]:
    """Somebody's views, by name."""
    query = sa.select(SavedView).where(SavedView.user_id == user_id)
    return sorted(session.scalars(query), key=lambda view: (view.name.casefold(), view.id))


def get(session: Session, user_id: int, view_id: int) -> SavedView:
    """One of somebody's views. Raises :class:`NotFound`, for those of others too."""
    found = session.get(SavedView, view_id)
    if found is None or found.user_id != user_id:
        raise NotFound("There is no such view.")
    return found


def save(session: Session, user_id: int, name: str, query: str) -> SavedView:
    """Keep the query string of a list under a name.

    :raises BusinessError: NAME_MISSING, NAME_TOO_LONG, NAME_TAKEN (field ``name``), VIEW_TOO_LONG,
        TOO_MANY_VIEWS
    """
    if len(query) > QUERY_LENGTH:
        raise BusinessError("VIEW_TOO_LONG", "These filters are too long to be kept.")
    number = sa.select(sa.func.count(SavedView.id)).where(SavedView.user_id == user_id)
    if (session.scalar(number) or 0) >= MOST:
        raise BusinessError("TOO_MANY_VIEWS", f"You keep {MOST} views already; delete one first.")
    view = SavedView(user_id=user_id, name=_free_name(session, user_id, name), query=query)
    session.add(view)
    _flush(session, view.name)
    return view


def rename(session: Session, view: SavedView, name: str) -> None:
    """Call a view something else.

    :raises BusinessError: NAME_MISSING, NAME_TOO_LONG, NAME_TAKEN (field ``name``)
    """
    view.name = _free_name(session, view.user_id, name, but=view.id)
    _flush(session, view.name)


def delete(session: Session, view: SavedView) -> None:
    """Forget a view."""
    session.delete(view)


def _free_name(session: Session, user_id: int, name: str, but: int | None = None) -> str:
    name = " ".join(name.split())
    if not name:
        raise BusinessError("NAME_MISSING", "Give the view a name.", field="name")
    if len(name) > NAME_LENGTH:
        raise BusinessError("NAME_TOO_LONG", f"Keep the name under {NAME_LENGTH} characters.", field="name")
    for view in of_user(session, user_id):
        if view.id != but and view.name.casefold() == name.casefold():
            raise _taken(name)
    return name


def _flush(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise _taken(name) from None


def _taken(name: str) -> BusinessError:
    return BusinessError("NAME_TAKEN", f"You have a view called “{name}” already.", field="name")
