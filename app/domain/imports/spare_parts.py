"""Spare parts from a CSV file: new ones are added with their opening stock, known ones brought up to date.

An empty cell changes nothing. Quantities of known parts are never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import cost_layers, part_catalogue, records
from app.domain.costing import MOST_VALUE
from app.domain.imports import part_rows, part_writing, sheets
from app.domain.imports.part_rows import ATTRIBUTES, PartRow, Place
from app.domain.imports.part_writing import Change
from app.domain.imports.problems import ImportRefused, Problem, Problems
from app.domain.parts import SparePart

SHOWN = 20  # rows of a preview
_CHUNK = 500  # ids in one statement


class ImportAction(StrEnum):
    """What a line of the file does."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    KEEP = "KEEP"


@dataclass(frozen=True)
class PlannedRow:
    """What one line does: the values before (none for a new part) and after, by column of the API."""

    line: int
    action: ImportAction
    part_number: str
    part_name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True)
class Report:
    """What a file does, or would do: how many parts it adds, changes and leaves as they are.

    With problems nothing is imported; the counts are then those of the lines without one.
    """

    rows: int
    created: int
    updated: int
    unchanged: int
    first_rows: list[PlannedRow]
    problems: list[Problem]
    problems_total: int

    @property
    def is_valid(self) -> bool:
        """Whether the file can be imported."""
        return not self.problems_total


@dataclass
class _Plan:
    """All that a file does, in its order."""

    rows: int = 0
    created: list[Change] = field(default_factory=list)
    updated: list[Change] = field(default_factory=list)
    unchanged: int = 0
    first_rows: list[PlannedRow] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)

    def report(self) -> Report:
        return Report(
            rows=self.rows,
            created=len(self.created),
            updated=len(self.updated),
            unchanged=self.unchanged,
            first_rows=self.first_rows,
            problems=self.problems.sorted(),
            problems_total=self.problems.total,
        )


def preview(session: Session, data: bytes) -> Report:
    """What importing a file would do, with all that is wrong with it. Nothing is changed.

    :raises BusinessError: IMPORT_TOO_LARGE
    """
    return _plan(session, data, lock=False).report()


def run(session: Session, data: bytes, by: int | None) -> Report:
    """Import a file: all of its rows, or none.

    :raises ImportRefused: something is wrong with it; nothing has changed
    :raises BusinessError: IMPORT_TOO_LARGE
    """
    session.flush()
    plan = _plan(session, data, lock=True)
    if plan.problems.total:
        raise ImportRefused(plan.problems.sorted(), plan.problems.total)
    try:
        part_writing.create(session, plan.created, by)
    except IntegrityError as error:
        if not records.is_duplicate(error):
            raise records.gone() from error
        raise _told_apart_by_nobody(plan.created, str(error.orig)) from None
    part_writing.update(session, plan.updated, by)
    report = plan.report()
    part_writing.log_import(session, by, report.created, report.updated, report.unchanged)
    session.expire_all()  # what the session knew of the parts is no longer true
    return report


def _plan(session: Session, data: bytes, *, lock: bool) -> _Plan:
    plan = _Plan()
    sheet = sheets.read(data, part_rows.COLUMNS, plan.problems)
    plan.rows = len(sheet.rows)
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
    return plan


def _plan_new(plan: _Plan, row: PartRow, usual_place: int | None, headers: Mapping[str, str]) -> None:
    """Add the part of a row, unless something is missing."""
    place: Place | None = row.values.get("defaultLocation")
    place_id = usual_place if place is None else place.id
    before = plan.problems.total
    if "partName" not in row.values:
        message = f"{row.part_number} is new, so give it a name."
        plan.problems.add(row.line, headers.get("partName", "partName"), message)
    if place is not None and not place.active:
        message = f"The stock location {place.name} is no longer in use; choose another."
        plan.problems.add(row.line, headers["defaultLocation"], message)
    elif row.quantity and place_id is None:
        message = str(part_catalogue.location_missing())
        plan.problems.add(row.line, headers.get("defaultLocation", "defaultLocation"), message)
    if (row.quantity or 0) * row.values.get("unitPrice", 0) > MOST_VALUE:
        message = str(cost_layers.too_valuable(row.part_number))
        plan.problems.add(row.line, headers["quantity"], message)
    if plan.problems.total > before:
        return
    values = {ATTRIBUTES[column]: value for column, value in row.values.items() if column in ATTRIBUTES}
    after = {"part_number": row.part_number, **values, "default_location_id": place_id}
    plan.created.append(Change(row.line, None, {}, after, row.quantity or 0))
    _show(
        plan,
        row,
        ImportAction.CREATE,
        str(row.values["partName"]),
        {},
        {**_told(row), "quantity": row.quantity or 0},
    )


def _plan_known(
    plan: _Plan, row: PartRow, part: Any, places: Iterable[Place], headers: Mapping[str, str]
) -> None:
    """Change a part to what its row says."""
    before_problems = plan.problems.total
    if not part.active:
        message = f"{part.part_number} is deactivated; activate it first, or leave the line out."
        plan.problems.add(row.line, headers["partNumber"], message)
    if row.quantity is not None and row.quantity != part.quantity:
        message = str(part_catalogue.quantity_by_movement(part.quantity))
        plan.problems.add(row.line, headers["quantity"], message)
    before, after, told_before, told_after = {}, {}, {}, {}
    for column, attribute in ATTRIBUTES.items():
        if column in row.values and row.values[column] != (old := getattr(part, attribute)):
            before[attribute] = told_before[column] = old
            after[attribute] = told_after[column] = row.values[column]
    place: Place | None = row.values.get("defaultLocation")
    if place is not None and place.id != part.default_location_id:
        if not place.active:
            message = f"The stock location {place.name} is no longer in use; choose another."
            plan.problems.add(row.line, headers["defaultLocation"], message)
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
    _show(plan, row, action, str(after.get("part_name", part.part_name)), told_before, told_after)


def _show(
    plan: _Plan,
    row: PartRow,
    action: ImportAction,
    name: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """Keep the first rows for the preview."""
    if len(plan.first_rows) < SHOWN:
        plan.first_rows.append(PlannedRow(row.line, action, row.part_number, name, before, after))


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


def _told_apart_by_nobody(created: Iterable[Change], reason: str) -> ImportRefused:
    """The refusal of a part number that the database takes for another one, or that was added just now."""
    by_length = sorted(created, key=lambda change: -len(change.after["part_number"]))
    match = next((change for change in by_length if f"'{change.after['part_number']}'" in reason), None)
    line, number = (
        (1, "One of the part numbers") if match is None else (match.line, match.after["part_number"])
    )
    message = f"{number} is the number of another part, or too like it; look again, and change it."
    return ImportRefused([Problem(line, "partNumber", message)], 1)
