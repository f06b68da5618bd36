"""Tables whose rows are only ever added: the stock ledger and the activity log."""

from __future__ import annotations

from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import ORMExecuteState, Session

Model = TypeVar("Model", bound=type[Any])

_protected: set[type[Any]] = set()


class AppendOnlyError(RuntimeError):
    """The program tried to change or delete a row of an append-only table: a defect, never a user's fault."""


def append_only(model: Model) -> Model:
    """Make SQLAlchemy refuse to update or delete rows of ``model``, singly or in bulk.

    What was recorded wrongly is corrected by another row.
    """
    _protected.add(model)
    sa.event.listen(model, "before_update", _refuse_row)
    sa.event.listen(model, "before_delete", _refuse_row)
    return model


def _refuse_row(mapper: Any, connection: Any, target: Any) -> None:
    # The mapper also reports rows that nothing was changed on.
    session = sa.orm.object_session(target)
    if session is not None and target not in session.deleted and not session.is_modified(target):
        return
    raise AppendOnlyError(f"rows of {type(target).__name__} are never changed or deleted")


@sa.event.listens_for(Session, "do_orm_execute")
def _refuse_bulk(state: ORMExecuteState) -> None:
    if not (state.is_update or state.is_delete) or state.bind_mapper is None:
        return
    if state.bind_mapper.class_ in _protected:
        raise AppendOnlyError(f"rows of {state.bind_mapper.class_.__name__} are never changed or deleted")
