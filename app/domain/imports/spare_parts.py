"""Spare parts from a CSV file: new ones are added with their opening stock, known ones brought up to date.

An empty cell changes nothing. Quantities of known parts are never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain import cost_layers, part_catalogue
from app.domain.costing import MOST_VALUE
from app.domain.entities import EntityType
from app.domain.imports import part_rows, part_writing
from app.domain.imports.kind import Kind
from app.domain.imports.part_rows import ATTRIBUTES, PartRow, Place
from app.domain.imports.plan import Change, ImportAction, Plan, Report
from app.domain.imports.sheets import Sheet
from app.domain.parts import SparePart

_CHUNK = 500  # ids in one statement


class SpareParts(Kind):
    """The catalogue of spare parts, with opening stock."""

    name = "spare-parts"
    title = "Spare parts"
    one = "part"
    about = (
        "The catalogue of spare parts. New part numbers come with their opening stock; known ones get the "
        "new texts, price, minimum and locations, and keep their quantity."
    )
    entity_type = EntityType.SPARE_PART
    columns = part_rows.COLUMNS
    key_column = "partNumber"

    def plan(self, session: Session, sheet: Sheet, plan: Plan, *, lock: bool) -> None:
        places = part_rows.places(session)
        rows = part_rows.read(sheet, places, plan.problems)
        known = _known(session, rows, lock=lock)
        usual_place = part_catalogue.only_location(session)
        for row in rows:
            part = known.get(part_rows.key(row.part_number))
            if part is None:
                _plan_new(plan, row, usual_place, sheet.headers)
            else:
                _plan_known(plan, row, part, places, sheet.headers)

    def write(self, session: Session, plan: Plan, by: int | None) -> None:
        part_writing.create(session, plan.created, by)
        part_writing.update(session, plan.updated, by)

    @property
    def log_action(self) -> str:
        return "IMPORT_PARTS"

    @property
    def key_words(self) -> str:
        return "number"

    def key_of_change(self, after: Mapping[str, object]) -> str:
        return str(after["part_number"])


SPARE_PARTS = SpareParts()


def preview(session: Session, data: bytes) -> Report:
    """What importing a file of parts would do, with all that is wrong with it. Nothing is changed.

    :raises BusinessError: IMPORT_TOO_LARGE
    """
    return SPARE_PARTS.preview(session, data).report


def run(session: Session, data: bytes, by: int | None) -> Report:
    """Import a file of parts: all of its rows, or none.

    :raises ImportRefused: something is wrong with it; nothing has changed
    :raises BusinessError: IMPORT_TOO_LARGE
    """
    return SPARE_PARTS.run(session, data, by)


def _plan_new(plan: Plan, row: PartRow, usual_place: int | None, headers: Mapping[str, str]) -> None:
    """Add the part of a row, unless something is missing."""
    place: Place | None = row.values.get("defaultLocation")
    place_id = usual_place if place is None else place.id
    before = plan.problems.total
    if "partName" not in row.values:
        message = f"{row.part_number} is new, so give it a name."
        plan.problems.add(row.line, headers.get("partName", "partName"), message)
    if place is not None and not place.active:
        message = f"The stock location {place.name} is no longer in use; choose another."
        plan.problems.add(row.line, headers["defaultLocation"], message, place.name)
    elif row.quantity and place_id is None:
        message = str(part_catalogue.location_missing())
        plan.problems.add(row.line, headers.get("defaultLocation", "defaultLocation"), message)
    if (row.quantity or 0) * row.values.get("unitPrice", 0) > MOST_VALUE:
        message = str(cost_layers.too_valuable(row.part_number))
        plan.problems.add(row.line, headers["quantity"], message, str(row.quantity))
    if plan.problems.total > before:
        return
    values = {ATTRIBUTES[column]: value for column, value in row.values.items() if column in ATTRIBUTES}
    after = {"part_number": row.part_number, **values, "default_location_id": place_id}
    plan.created.append(Change(row.line, None, {}, after, row.quantity or 0))
    told = {**_told(row), "quantity": row.quantity or 0}
    plan.show(row.line, ImportAction.CREATE, row.part_number, str(row.values["partName"]), {}, told)


def _plan_known(
    plan: Plan, row: PartRow, part: Any, places: Iterable[Place], headers: Mapping[str, str]
) -> None:
    """Change a part to what its row says."""
    before_problems = plan.problems.total
    if not part.active:
        message = f"{part.part_number} is deactivated; activate it first, or leave the line out."
        plan.problems.add(row.line, headers["partNumber"], message, row.part_number)
    if row.quantity is not None and row.quantity != part.quantity:
        message = str(part_catalogue.quantity_by_movement(part.quantity))
        plan.problems.add(row.line, headers["quantity"], message, str(row.quantity))
    before, after, told_before, told_after = {}, {}, {}, {}
    for column, attribute in ATTRIBUTES.items():
        if column in row.values and row.values[column] != (old := getattr(part, attribute)):
            before[attribute] = told_before[column] = old
            after[attribute] = told_after[column] = row.values[column]
    place: Place | None = row.values.get("defaultLocation")
    if place is not None and place.id != part.default_location_id:
        if not place.active:
            message = f"The stock location {place.name} is no longer in use; choose another."
            plan.problems.add(row.line, headers["defaultLocation"], message, place.name)
        before["default_location_id"], after["default_location_id"] = part.default_location_id, place.id
        told_before["defaultLocation"] = {p.id: p.name for p in places}.get(part.default_location_id)
        told_after["defaultLocation"] = place.name
    if plan.problems.total > before_problems:
        return
    if after:
        plan.updated.append(Change(row.line, part.id, before, after))
    else:
        plan.unchanged += 1
    action = ImportAction.UPDATE if after else ImportAction.KEEP
    name = str(after.get("part_name", part.part_name))
    plan.show(row.line, action, row.part_number, name, told_before, told_after)


def _told(row: PartRow) -> dict[str, Any]:
    """The values of a row as people read them."""
    return {column: value.name if isinstance(value, Place) else value for column, value in row.values.items()}


def _known(session: Session, rows: Iterable[PartRow], *, lock: bool) -> dict[str, Any]:
    """The parts that the rows are about and that there are, by the key of their number."""
    wanted = {part_rows.key(row.part_number): row.part_number for row in rows}
    if not wanted:
        return {}
    ids: dict[str, int] = {}
    for part_id, number in session.execute(sa.select(SparePart.id, SparePart.part_number)):
        key = part_rows.key(number)
        # SQLite may hold two numbers that differ in accents only: the one that is meant exactly comes first.
        if key in wanted and (key not in ids or number == wanted[key]):
            ids[key] = part_id
    keys = {part_id: key for key, part_id in ids.items()}
    known: dict[str, Any] = {}
    ordered = sorted(keys)
    for start in range(0, len(ordered), _CHUNK):
        for part in session.execute(_columns(ordered[start : start + _CHUNK], lock=lock)):
            known[keys[part.id]] = part
    return known


def _columns(ids: list[int], *, lock: bool) -> sa.Select[Any]:
    """What is compared with the rows of the file; parts are locked by ascending id, as everywhere."""
    compared = [getattr(SparePart, attribute) for attribute in ATTRIBUTES.values()]
    query = sa.select(
        SparePart.id,
        SparePart.part_number,
        SparePart.quantity,
        SparePart.active,
        SparePart.default_location_id,
        *compared,
    )
    query = query.where(SparePart.id.in_(ids)).order_by(SparePart.id)
    return query.with_for_update() if lock else query
