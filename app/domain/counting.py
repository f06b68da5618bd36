"""Counting stock: a count is started for a location, filled in line by line, reviewed and posted.

**Movements go on while it is counted.** A line remembers how many should have lain there *at the moment of
counting*; its difference is against that, and posting adds the difference to what lies there then. Say 10
should lie there, 9 are counted, and 2 are issued before the count is posted: the difference is -1, and
9 - 2 = 7 remain. Whoever counts on paper and types it in later says when it was counted: the movements since
then are taken back to find what should have lain there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import SystemRandom
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from app import clock
from app.domain import activity, numbering, records, stock, values
from app.domain.entities import EntityType
from app.domain.locks import lock
from app.domain.parts import PartStock, SparePart, StockLocation, lock_parts
from app.domain.stock import InventoryTransaction, MovementKind, ReferenceType
from app.domain.stock_counts import CountStatus, StockCount, StockCountLine
from app.errors import BusinessError

PREFIX = "SC"
MOST_LINES = 5_000  # of one count
MOST_DAYS = 3_650

_chance = SystemRandom()


@dataclass(frozen=True)
class Selection:
    """Which parts of a location are counted: all of which stock lies there, and of these ...

    ``group`` those of one group; ``not_counted_days`` those that nobody has counted for so many days;
    ``sample`` so many by chance; ``with_empty`` also parts in use whose usual place it is, of which nothing
    should lie there.
    """

    group: str | None = None
    not_counted_days: int | None = None
    sample: int | None = None
    with_empty: bool = False

    def words(self) -> str:
        """What is counted, for people."""
        said = [
            "a sample" if self.sample is not None else "all parts",
            f"of group {self.group}" if self.group is not None else "",
            "" if self.not_counted_days is None else f"not counted for {self.not_counted_days} days",
            "with those that should be empty" if self.with_empty else "",
        ]
        return " ".join(filter(None, said))


def start(
    session: Session,
    by: int | None,
    *,
    location_id: int,
    selection: Selection | None = None,
    blind: bool = True,
    notes: str = "",
) -> StockCount:
    """Begin to count what lies at a location.

    :raises BusinessError: UNKNOWN_LOCATION, BAD_DAYS, BAD_SAMPLE, NOTHING_TO_COUNT, TOO_MANY_LINES,
        ALREADY_COUNTED (a part is in another open count of this location), NOTES_TOO_LONG
    """
    selection = selection or Selection()
    _check(selection)
    notes = values.line(notes, code="NOTES", what="note", field="notes", most=values.PROSE, required=False)
    values.active_row(
        session,
        StockLocation,
        location_id,
        code="UNKNOWN_LOCATION",
        what="stock location",
        field="locationId",
    )
    part_ids = _chosen(session, location_id, selection)
    if not part_ids:
        message = "No part there fits this choice: there is nothing to count."
        raise BusinessError("NOTHING_TO_COUNT", message, field="locationId")
    if len(part_ids) > MOST_LINES:
        message = f"{len(part_ids)} parts are too many for one count (at most {MOST_LINES}); count by group."
        raise BusinessError("TOO_MANY_LINES", message, field="group")
    _refuse_counted(session, location_id, part_ids)
    count = StockCount(
        business_key=numbering.next_key(session, PREFIX, clock.now().year),
        location_id=location_id,
        status=CountStatus.OPEN,
        blind=blind,
        selection=selection.words()[:255],
        notes=notes,
        started_by=by,
    )
    session.add(count)
    session.flush()
    _add_lines(session, count, part_ids)
    activity.record(
        session, "START_COUNT", EntityType.STOCK_COUNT, count.id, by,
        after={"locationId": location_id, "lines": len(part_ids), "selection": count.selection},
    )  # fmt: skip
    return count


def add_line(session: Session, count: StockCount, by: int | None, part_id: int) -> StockCountLine:
    """Count a part too that lies there and is not on the sheet.

    :raises BusinessError: WRONG_STATUS, UNKNOWN_PART, ALREADY_COUNTED
    """
    _open(session, count)
    values.active_row(session, SparePart, part_id, code="UNKNOWN_PART", what="spare part", field="partId")
    _refuse_counted(session, count.location_id, [part_id], field="partId")
    _add_lines(session, count, [part_id])
    activity.record(session, "ADD_TO_COUNT", EntityType.STOCK_COUNT, count.id, by, after={"partId": part_id})
    return session.scalars(_lines(count).where(StockCountLine.spare_part_id == part_id)).one()


def enter(
    session: Session,
    count: StockCount,
    by: int | None,
    line_id: int,
    counted: int,
    *,
    counted_at: datetime | None = None,
    notes: str | None = None,
) -> StockCountLine:
    """Save how many were found of one part; typed again, it replaces what was typed before.

    ``counted_at`` is when it was counted, not before the count was started: now, unless given.

    :raises BusinessError: WRONG_STATUS, UNKNOWN_LINE, BAD_QUANTITY, BAD_TIME, NOTES_TOO_LONG
    """
    message = "Write how many were found: a whole number, 0 or more."
    counted = values.whole_number(counted, least=0, code="BAD_QUANTITY", message=message, field="counted")
    _open(session, count)
    line = _line(session, count, line_id)
    now = clock.now()
    moment = now if counted_at is None else counted_at
    if not count.created_at <= moment <= now + timedelta(minutes=1):
        message = "It was counted after the count was started, and not in the future; correct the time."
        raise BusinessError("BAD_TIME", message, field="countedAt")
    if notes is not None:
        line.notes = values.line(
            notes, code="NOTES", what="note", field="notes", most=500, required=False
        )  # fmt: skip
    part = lock_parts(session, [line.spare_part_id])[line.spare_part_id]
    before = {"partId": part.id, "counted": line.counted}
    line.counted = counted
    line.expected = _lay_there(session, part, count.location_id, None if counted_at is None else moment)
    line.counted_by, line.counted_at, line.recount = by, moment, False
    _touch(count)
    session.flush()
    activity.record(
        session, "COUNT_STOCK", EntityType.STOCK_COUNT, count.id, by,
        before=before, after={"partId": part.id, "counted": counted, "expected": line.expected},
    )  # fmt: skip
    return line


def clear(session: Session, count: StockCount, by: int | None, line_id: int) -> StockCountLine:
    """Take back what was typed for a part: it is not counted yet.

    :raises BusinessError: WRONG_STATUS, UNKNOWN_LINE
    """
    _open(session, count)
    line = _line(session, count, line_id)
    if line.counted is not None:
        _forget(session, count, line, by, "CLEAR_COUNT")
    return line


def request_recount(
    session: Session, count: StockCount, by: int | None, line_ids: Sequence[int]
) -> list[StockCountLine]:
    """Have parts counted again whose difference is doubted; what was found stays on the line as ``earlier``.

    :raises BusinessError: WRONG_STATUS, UNKNOWN_LINE, NOTHING_CHOSEN, NOT_COUNTED
    """
    _open(session, count)
    if not line_ids:
        raise BusinessError("NOTHING_CHOSEN", "Choose what is to be counted again.", field="lineIds")
    lines = [_line(session, count, line_id) for line_id in dict.fromkeys(line_ids)]
    for line in lines:
        if line.counted is None:
            message = f"{line.part.label} has not been counted yet."
            raise BusinessError("NOT_COUNTED", message, field="lineIds")
    for line in lines:
        line.earlier, line.recount = line.counted, True
        _forget(session, count, line, by, "RECOUNT")
    return lines


def post(
    session: Session, count: StockCount, by: int | None, *, skip_uncounted: bool = False
) -> list[InventoryTransaction]:
    """Close a count: every difference becomes an adjustment, all of them or none.

    What nobody has counted refuses it, unless ``skip_uncounted`` leaves it as it is.

    :raises BusinessError: WRONG_STATUS, NOT_COUNTED, NOT_ENOUGH_STOCK (so much was taken since that the
        count cannot be right: count that part again); nothing has changed then
    """
    _open(session, count)
    lines = list(session.scalars(_lines(count).options(joinedload(StockCountLine.part))))
    left_out = sum(line.counted is None for line in lines)
    if left_out == len(lines):
        raise BusinessError("NOT_COUNTED", "Nothing has been counted yet; count, or cancel it.")
    if left_out and not skip_uncounted:
        message = f"{left_out} parts have not been counted. Count them, or leave them as they are."
        raise BusinessError("NOT_COUNTED", message, field="skipUncounted")
    lock_parts(session, (line.spare_part_id for line in lines))
    movements = []
    for line in sorted(lines, key=lambda line: line.spare_part_id):
        line.is_open = None
        if line.difference:
            movements.append(_adjust(session, count, line, by))
    _close(session, count, CountStatus.POSTED, by, "POST_COUNT", {"adjustments": len(movements)})
    return movements


def cancel(session: Session, count: StockCount, by: int | None, reason: str) -> None:
    """Give up a count; stock stays as it is.

    :raises BusinessError: WRONG_STATUS, REASON_MISSING, REASON_TOO_LONG
    """
    reason = values.line(reason, code="REASON", what="reason", field="reason", most=500)
    _open(session, count)
    for line in session.scalars(_lines(count)):
        line.is_open = None
    count.closing_reason = reason
    _close(session, count, CountStatus.CANCELLED, by, "CANCEL_COUNT", {"reason": reason})


def _check(selection: Selection) -> None:
    if selection.not_counted_days is not None and not 1 <= selection.not_counted_days <= MOST_DAYS:
        message = f"Write a number of days from 1 to {MOST_DAYS}."
        raise BusinessError("BAD_DAYS", message, field="notCountedDays")
    if selection.sample is not None and not 1 <= selection.sample <= MOST_LINES:
        message = f"Write how many parts the sample has, from 1 to {MOST_LINES}."
        raise BusinessError("BAD_SAMPLE", message, field="sample")


def _chosen(session: Session, location_id: int, selection: Selection) -> list[int]:
    """The ids of the parts that are to be counted, ascending."""
    lying = sa.select(PartStock.spare_part_id).where(
        PartStock.location_id == location_id, PartStock.quantity > 0
    )
    wanted: sa.ColumnElement[bool] = SparePart.id.in_(lying)
    if selection.with_empty:
        wanted = sa.or_(wanted, sa.and_(SparePart.active, SparePart.default_location_id == location_id))
    query = sa.select(SparePart.id).where(wanted)
    if selection.group is not None:
        query = query.where(SparePart.group_number == selection.group)
    if selection.not_counted_days is not None:
        lately = (
            sa.select(StockCountLine.spare_part_id)
            .join(StockCount, StockCount.id == StockCountLine.count_id)
            .where(
                StockCountLine.location_id == location_id,
                StockCountLine.counted_at > clock.now() - timedelta(days=selection.not_counted_days),
                StockCount.status == CountStatus.POSTED,
            )
        )
        query = query.where(SparePart.id.not_in(lately))
    found = list(session.scalars(query.order_by(SparePart.id)))
    if selection.sample is not None and selection.sample < len(found):
        found = sorted(_chance.sample(found, selection.sample))
    return found


def _refuse_counted(
    session: Session, location_id: int, part_ids: Sequence[int], field: str = "locationId"
) -> None:
    """Refuse parts that are in an open count of the location."""
    counted = (
        sa.select(StockCount.business_key, sa.func.count())
        .join(StockCountLine, StockCountLine.count_id == StockCount.id)
        .where(StockCountLine.location_id == location_id, StockCountLine.is_open.is_(True))
        .where(StockCountLine.spare_part_id.in_(part_ids))
        .group_by(StockCount.business_key)
        .order_by(StockCount.business_key)
    )
    found = session.execute(counted).all()
    if found:
        said = ", ".join(f"{number} in {key}" for key, number in found)
        raise _counted_already(f"Some of these parts are being counted: {said}.", field)


def _counted_already(what: str, field: str) -> BusinessError:
    message = f"{what} Finish or cancel that count first, or choose other parts."
    return BusinessError("ALREADY_COUNTED", message, field=field)


def _add_lines(session: Session, count: StockCount, part_ids: Sequence[int]) -> None:
    """Add lines, in the order in which parts are locked: each line shares the lock of its part."""
    rows = [
        {"count_id": count.id, "spare_part_id": part_id, "location_id": count.location_id}
        for part_id in part_ids
    ]
    try:
        session.execute(sa.insert(StockCountLine), rows)
    except IntegrityError as error:
        if records.is_duplicate(error):
            raise _counted_already("Somebody has just begun to count the same parts.", "locationId") from None
        raise records.gone() from error
    _touch(count)


def _open(session: Session, count: StockCount) -> None:
    """Lock a count that is still open."""
    lock(session, count)
    if not count.is_open:
        message = f"{count.business_key} is {count.status}; nothing in it can be changed any more."
        raise BusinessError("WRONG_STATUS", message)


def _lines(count: StockCount) -> sa.Select[Any]:
    return (
        sa.select(StockCountLine)
        .where(StockCountLine.count_id == count.id)
        .order_by(StockCountLine.id)
        .execution_options(populate_existing=True)
    )


def _line(session: Session, count: StockCount, line_id: int) -> StockCountLine:
    found: StockCountLine | None = session.scalars(_lines(count).where(StockCountLine.id == line_id)).first()
    if found is None:
        raise BusinessError("UNKNOWN_LINE", f"{count.business_key} has no such line.", field="lineId")
    return found


def _lay_there(session: Session, part: SparePart, location_id: int, at: datetime | None) -> int:
    """How many of a locked part should lie at a location: now, or at an earlier moment."""
    now = sum(place.quantity for place in part.stock if place.location_id == location_id)
    if at is None:
        return now
    moves = InventoryTransaction
    leaving = sa.and_(
        moves.location_id == location_id,
        moves.transaction_type.in_([MovementKind.OUT, MovementKind.TRANSFER]),
    )
    since = sa.select(
        sa.func.coalesce(
            sa.func.sum(sa.case((leaving, -moves.quantity), else_=moves.quantity)),
            0,
        )
    ).where(
        moves.spare_part_id == part.id,
        moves.transaction_date > at,
        sa.or_(moves.location_id == location_id, moves.to_location_id == location_id),
    )
    return now - int(session.scalar(since) or 0)


def _forget(session: Session, count: StockCount, line: StockCountLine, by: int | None, action: str) -> None:
    before = {"partId": line.spare_part_id, "counted": line.counted, "expected": line.expected}
    line.counted = line.expected = line.counted_by = line.counted_at = None
    _touch(count)
    session.flush()
    activity.record(
        session, action, EntityType.STOCK_COUNT, count.id, by,
        before=before, after={"partId": line.spare_part_id, "counted": None},
    )  # fmt: skip


def _adjust(
    session: Session, count: StockCount, line: StockCountLine, by: int | None
) -> InventoryTransaction:
    try:
        movement = stock.record_movement(
            session, line.spare_part_id, MovementKind.ADJUSTMENT, line.difference or 0,
            location_id=count.location_id, by=by,
            reference_type=ReferenceType.ADJUSTMENT, reference_id=count.id, notes=count.business_key,
        )  # fmt: skip
    except BusinessError as refused:
        if refused.code != "NOT_ENOUGH_STOCK":
            raise
        message = (
            f"{line.part.label}: {line.counted} were counted where {line.expected} should have been, but so "
            "much has been taken since that less than nothing would be left. Count it again."
        )
        raise BusinessError("NOT_ENOUGH_STOCK", message, field="lines") from refused
    line.transaction_id = movement.id
    return movement


def _close(
    session: Session,
    count: StockCount,
    status: CountStatus,
    by: int | None,
    action: str,
    detail: dict[str, Any],
) -> None:
    before = {"status": count.status}
    count.status, count.closed_by, count.closed_at = status, by, clock.now()
    session.flush()
    activity.record(
        session, action, EntityType.STOCK_COUNT, count.id, by,
        before=before, after={"status": status, **detail},
    )  # fmt: skip


def _touch(count: StockCount) -> None:
    """Those who hold an older version of the count shall notice."""
    count.updated_at = clock.now()
