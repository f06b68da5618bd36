"""The catalogue of spare parts: added, changed, deactivated, removed. Stock is changed by movements only."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain import attachments, records, stock, values
from app.domain.deletion import refuse_if_used
from app.domain.entities import EntityType
from app.domain.parts import SparePart, StockLocation, lock_parts
from app.domain.stock import MovementKind, ReferenceType
from app.errors import BusinessError, Conflict, NotFound

OPENING_STOCK = "Opening stock"

PART_NUMBER = records.Unique("part_number", "PART_NUMBER_TAKEN", "part number", "partNumber")


def checked_part_number(value: Any) -> str:
    """A part number: one line.

    :raises BusinessError: PART_NUMBER_MISSING, PART_NUMBER_TOO_LONG, PART_NUMBER_UNREADABLE
    """
    number = values.line(value, code="PART_NUMBER", what="part number", field="partNumber")
    if any(letter in "\t\r\n" for letter in number):
        message = "The part number contains a tab or a line break; type it anew."
        raise BusinessError("PART_NUMBER_UNREADABLE", message, field="partNumber")
    return number


def checked_quantity(value: Any, field: str = "quantity") -> int:
    """How many there are, or should be at least.

    :raises BusinessError: BAD_QUANTITY
    """
    message = "Give a whole number, 0 or more."
    return values.whole_number(value, least=0, code="BAD_QUANTITY", message=message, field=field)


CHECKS: records.Checks = {
    "part_number": checked_part_number,
    "part_name": lambda value: values.line(value, code="PART_NAME", what="part name", field="partName"),
    "description": lambda value: values.line(
        value, code="DESCRIPTION", what="description", field="description", most=values.PROSE, required=False
    ),
    "group_number": lambda value: values.line(
        value, code="GROUP_NUMBER", what="group number", field="groupNumber", most=100, required=False
    ),
    "group_name": lambda value: values.line(
        value, code="GROUP_NAME", what="group name", field="groupName", required=False
    ),
    "min_quantity": lambda value: checked_quantity(value, "minQuantity"),
    "unit_price": lambda value: values.money(value, code="BAD_PRICE", what="unit price", field="unitPrice"),
    "location": lambda value: values.line(
        value, code="LOCATION", what="location", field="location", required=False
    ),
    "default_location_id": lambda value: value,
    "active": records.flag,
}


def create_part(
    session: Session,
    by: int | None,
    *,
    part_number: str,
    part_name: str,
    description: str = "",
    group_number: str = "",
    group_name: str = "",
    quantity: int = 0,
    min_quantity: int = 0,
    unit_price: Decimal = Decimal(0),
    location: str = "",
    default_location_id: int | None = None,
    active: bool = True,
) -> SparePart:
    """Add a part. ``quantity`` is its opening stock: a movement IN at its usual location.

    Without a usual location it gets the only one there is.

    :raises BusinessError: PART_NUMBER_MISSING, PART_NUMBER_TAKEN, PART_NAME_MISSING, BAD_QUANTITY,
        BAD_PRICE, UNKNOWN_LOCATION, LOCATION_MISSING (opening stock, and no location to put it), or
        ..._TOO_LONG
    """
    opening = checked_quantity(quantity)
    part = SparePart(quantity=0)
    if default_location_id is None:
        default_location_id = only_location(session)
    given = {
        "part_number": part_number,
        "part_name": part_name,
        "description": description,
        "group_number": group_number,
        "group_name": group_name,
        "min_quantity": min_quantity,
        "unit_price": unit_price,
        "location": location,
        "default_location_id": default_location_id,
        "active": active,
    }
    _put(session, part, given)
    if opening and default_location_id is None:
        raise location_missing()
    records.save(session, "CREATE_PART", EntityType.SPARE_PART, part, by, PART_NUMBER)
    if opening:
        stock.record_movement(
            session, part.id, MovementKind.IN, opening, by=by,
            reference_type=ReferenceType.ADJUSTMENT, notes=OPENING_STOCK,
        )  # fmt: skip
    return part


def update_part(session: Session, part: SparePart, by: int | None, **changes: Any) -> SparePart:
    """Change what :func:`create_part` takes, but the quantity, which movements change.

    A ``quantity`` is accepted when it is what there is.

    :raises BusinessError: as :func:`create_part`; QUANTITY_BY_MOVEMENT
    :raises NotFound: the part is gone
    """
    if part.id not in lock_parts(session, [part.id]):
        raise NotFound("This spare part no longer exists.")
    if changes.pop("quantity", part.quantity) != part.quantity:
        raise quantity_by_movement(part.quantity)
    _put(session, part, changes)
    records.save(session, "UPDATE_PART", EntityType.SPARE_PART, part, by, PART_NUMBER)
    session.expire(part, ["default_location"])
    return part


def delete_part(session: Session, part: SparePart, by: int | None) -> None:
    """Remove a part that was entered by mistake.

    :raises Conflict: it has stock or history, is on a machine's parts list, or files are attached to it
    """
    instead = "Deactivate it instead."
    refuse_if_used(session, part, what=f"The spare part {part.label}", instead=instead)
    if attachments.of(session, EntityType.SPARE_PART, part.id):
        raise Conflict(f"Files are attached to the spare part {part.label}; remove them first. {instead}")
    records.remove(session, "DELETE_PART", EntityType.SPARE_PART, part, by)


def only_location(session: Session) -> int | None:
    """The id of the stock location in use, when there is just one."""
    found = session.scalars(sa.select(StockLocation.id).where(StockLocation.active).limit(2)).all()
    return found[0] if len(found) == 1 else None


def location_missing() -> BusinessError:
    """The refusal of opening stock that lies nowhere."""
    message = "Say at which stock location the opening stock lies."
    return BusinessError("LOCATION_MISSING", message, field="defaultLocationId")


def quantity_by_movement(quantity: int) -> BusinessError:
    """The refusal to change the quantity of a part there is."""
    message = f"There are {quantity} in stock, which only a movement changes; record an adjustment instead."
    return BusinessError("QUANTITY_BY_MOVEMENT", message, field="quantity")


def _put(session: Session, part: SparePart, given: dict[str, Any]) -> None:
    """Put checked values on a part; another usual location than before must be in use."""
    with session.no_autoflush:
        place = given.get("default_location_id")
        if place is not None and place != part.default_location_id:
            values.active_row(
                session, StockLocation, place,
                code="UNKNOWN_LOCATION", what="stock location", field="defaultLocationId",
            )  # fmt: skip
        records.assign(part, CHECKS, given)


def id_of(session: Session, part_number: str) -> int | None:
    """The id of the part with this number, in upper or lower case; None where there is none."""
    lower = session.get_bind().dialect.name == "sqlite"  # MySQL's collation knows no case
    number = SparePart.part_number
    same = sa.func.lower(number) == sa.func.lower(part_number) if lower else number == part_number
    return session.scalar(sa.select(SparePart.id).where(same))
