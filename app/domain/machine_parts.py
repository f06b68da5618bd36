"""The parts list of a machine: which spare parts it uses, and how many of each."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import activity, records, values
from app.domain.entities import EntityType
from app.domain.locks import lock
from app.domain.machines import Machine, MachineSparePart
from app.domain.parts import SparePart
from app.errors import BusinessError, NotFound

NOTES = 500  # characters


def assign_part(
    session: Session,
    machine: Machine,
    by: int | None,
    *,
    spare_part_id: int | None,
    quantity: int = 1,
    notes: str = "",
) -> MachineSparePart:
    """Put a part on the machine's list; ``quantity`` is how many of it are fitted.

    :raises BusinessError: UNKNOWN_PART, PART_ASSIGNED, BAD_QUANTITY, NOTES_TOO_LONG
    """
    lock(session, machine)
    part = values.active_row(
        session, SparePart, spare_part_id, code="UNKNOWN_PART", what="spare part", field="sparePartId"
    )
    if _find(session, machine, part.id) is not None:
        message = f"{part.label} is on the list of {machine.name} already; change its quantity instead."
        raise BusinessError("PART_ASSIGNED", message, field="sparePartId")
    fitted = MachineSparePart(
        machine_id=machine.id, spare_part_id=part.id, quantity=_quantity(quantity), notes=_notes(notes)
    )
    session.add(fitted)
    try:
        session.flush()
    except IntegrityError as error:  # the part was removed just now
        raise records.gone() from error
    _log(session, "ASSIGN_PART", machine, by, after=_told(fitted))
    session.expire(machine, ["spare_parts"])
    return fitted


def change_part(
    session: Session, machine: Machine, spare_part_id: int, by: int | None, **changes: Any
) -> MachineSparePart:
    """Change ``quantity`` or ``notes`` of a part on the machine's list.

    :raises NotFound: the part is not on the list
    :raises BusinessError: BAD_QUANTITY, NOTES_TOO_LONG
    """
    lock(session, machine)
    fitted = get_part(session, machine, spare_part_id)
    before = _told(fitted)
    records.assign(fitted, {"quantity": _quantity, "notes": _notes}, changes)
    session.flush()
    if (after := _told(fitted)) != before:
        _log(session, "CHANGE_ASSIGNED_PART", machine, by, before=before, after=after)
    return fitted


def remove_part(session: Session, machine: Machine, spare_part_id: int, by: int | None) -> None:
    """Take a part off the machine's list.

    :raises NotFound: the part is not on the list
    """
    lock(session, machine)
    fitted = get_part(session, machine, spare_part_id)
    before = _told(fitted)
    session.delete(fitted)
    session.flush()
    _log(session, "REMOVE_PART", machine, by, before=before)
    session.expire(machine, ["spare_parts"])


def get_part(session: Session, machine: Machine, spare_part_id: int) -> MachineSparePart:
    """The line of the machine's list with this part.

    :raises NotFound: there is none
    """
    fitted = _find(session, machine, spare_part_id)
    if fitted is None:
        raise NotFound(f"This part is not on the list of {machine.name}.")
    return fitted


def _find(session: Session, machine: Machine, spare_part_id: int) -> MachineSparePart | None:
    query = sa.select(MachineSparePart).where(
        MachineSparePart.machine_id == machine.id, MachineSparePart.spare_part_id == spare_part_id
    )
    return session.scalars(query).first()


def _quantity(value: Any) -> int:
    message = "The quantity is a whole number of at least 1."
    return values.whole_number(value, least=1, code="BAD_QUANTITY", message=message, field="quantity")


def _notes(value: str | None) -> str:
    return values.line(value, code="NOTES", what="note", field="notes", most=NOTES, required=False)


def _told(fitted: MachineSparePart) -> dict[str, Any]:
    return {"sparePartId": fitted.spare_part_id, "quantity": fitted.quantity, "notes": fitted.notes}


def _log(
    session: Session, action: str, machine: Machine, by: int | None, before: Any = None, after: Any = None
) -> None:
    activity.record(session, action, EntityType.MACHINE, machine.id, by, before=before, after=after)
