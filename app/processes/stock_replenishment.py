"""The life of a stock replenishment: a part that runs low is ordered, waited for, and received.

The order of things is drawn in ``workflows/stock_replenishment/``: its tables say how many to order and
who approves. Here is what its service tasks do, which facts it may use, and what opens it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app import clock
from app.database import unit_of_work
from app.domain import numbering, replenishments, settings
from app.domain.announcements import PartIsLow, listen
from app.domain.locks import lock
from app.domain.parts import SparePart
from app.domain.replenishments import ReplenishmentStatus, StockReplenishment
from app.domain.stock import InventoryTransaction, MovementKind
from app.engine import deployments, messages
from app.engine.bindings import Fact, ProcessBinding, StartContext, StatusContext, Subject, SubjectSummary
from app.engine.jobs import SessionFactory
from app.engine.services import Input, Output, ServiceContext, service_task
from app.errors import BusinessError
from app.processes import facts

KEY = "stock_replenishment"
SUBJECT = "stock_replenishment"
PREFIX = "SR"
LOW = "part low"  # the message that starts it
ARRIVED = "delivery arrived"  # messages that people send from its page
DATE_CHANGED = "delivery date changed"
CALLED_OFF = "replenishment called off"
MESSAGES = frozenset({LOW, ARRIVED, DATE_CHANGED, CALLED_OFF})
CONSUMPTION_DAYS = 90

# -- opening -----------------------------------------------------------------------------------


def open_for(session: Session, part_id: int) -> StockReplenishment | None:
    """Open a replenishment for a part that is low, in the current transaction; None where one is open,
    where it is not low, or where no such process is deployed. The process starts right after."""
    if deployments.latest(session, KEY) is None:
        return None
    made = replenishments.create(session, part_id)
    if made is not None:
        messages.send(session, LOW, to=None, payload={"replenishmentId": made.id})
    return made


def open_needed(sessions: SessionFactory, *, goes_on: Callable[[], bool] = lambda: True) -> int:
    """Open what no movement has announced: for parts that came low by an import or a raised minimum.

    Each in a transaction of its own; answers how many.
    """
    with sessions() as session:
        needed = replenishments.needed(session) if deployments.latest(session, KEY) is not None else []
        session.rollback()
    opened = 0
    for part_id in needed:
        if not goes_on():
            break
        with sessions() as session, unit_of_work(session):
            opened += open_for(session, part_id) is not None
    return opened


def _part_is_low(session: Session, event: PartIsLow) -> None:
    open_for(session, event.part_id)


listen(PartIsLow, _part_is_low)

# -- the subject -------------------------------------------------------------------------------


def create_subject(ctx: StartContext) -> Subject:
    """Find the replenishment that the starting message names, and give it its number."""
    number = ctx.values.get("replenishmentId") or 0
    found = ctx.session.get(StockReplenishment, number)
    if found is None:
        raise BusinessError("UNKNOWN_REPLENISHMENT", "The message names no replenishment.")
    found = lock(ctx.session, found)
    if found.business_key is not None:
        raise BusinessError("ALREADY_STARTED", f"{found.business_key} has a process already.")
    found.business_key = numbering.next_key(ctx.session, PREFIX, ctx.now.year)
    ctx.session.flush()
    return Subject(found.id, found.business_key)


def set_status(ctx: StatusContext, status: str) -> None:
    """Follow the diagram's status."""
    found = _load(ctx.session, ctx.subject_id)
    replenishments.set_status(ctx.session, found, status, ctx.actor.user_id)


def describe(session: Session, subject_id: int) -> SubjectSummary:
    """The replenishment in one line, as inboxes show it."""
    found = _load(session, subject_id)
    part = found.part
    detail = f"{part.quantity} left, minimum {part.min_quantity}"
    if found.quantity_ordered is not None:
        detail = f"{found.quantity_received} of {found.quantity_ordered} received · {found.supplier}"
    return SubjectSummary(title=part.label, detail=detail)


# -- facts -------------------------------------------------------------------------------------

REPLENISHMENT_FIELDS = {
    "id": "number",
    "businessKey": "string",
    "status": "string",
    "suggested": "number",
    "ordered": "number",
    "received": "number",
    "open": "number",
    "unitPrice": "number",
    "total": "number",
    "totalText": "string",
    "supplier": "string",
    "expectedOn": "date",
    "expectedText": "string",
    "expectedAt": "date and time",
    "lateAt": "date and time",
    "ordererId": "number",
    "ordererName": "string",
}
PART_FIELDS = {
    "id": "number",
    "partNumber": "string",
    "partName": "string",
    "group": "string",
    "quantity": "number",
    "free": "number",
    "minimum": "number",
    "unitPrice": "number",
    "unitPriceText": "string",
    "dailyConsumption": "number",
    "locationId": "number",
    "location": "string",
    "lastSupplier": "string",
}


def _load(session: Session, subject_id: int) -> StockReplenishment:
    return session.get_one(
        StockReplenishment,
        subject_id,
        options=[
            joinedload(StockReplenishment.part).selectinload(SparePart.stock),
            joinedload(StockReplenishment.orderer),
        ],
    )


def _amount(value: Decimal | None, currency: str) -> str:
    return "" if value is None else f"{value:,.2f} {currency}"


def _begin_of(session: Session, day: date) -> datetime:
    """The first moment of a day at the site, in UTC."""
    zone = settings.site(session).zone
    return datetime.combine(day, time(), zone).astimezone(clock.now().tzinfo)


def day_text(day: date | None) -> str:
    """A day in words: ``Monday 9 March 2026``."""
    return "" if day is None else f"{day:%A} {day.day} {day:%B %Y}"


def _replenishment_facts(session: Session, subject_id: int) -> dict[str, Any]:
    found, currency = _load(session, subject_id), settings.site(session).currency
    day = found.expected_on
    return {
        "id": found.id,
        "businessKey": found.business_key,
        "status": found.status,
        "suggested": found.quantity_suggested,
        "ordered": found.quantity_ordered,
        "received": found.quantity_received,
        "open": found.quantity_open,
        "unitPrice": found.unit_price,
        "total": found.total,
        "totalText": _amount(found.total, currency),
        "supplier": found.supplier,
        "expectedOn": day,
        "expectedText": day_text(day),
        "expectedAt": None if day is None else _begin_of(session, day),
        "lateAt": None if day is None else _begin_of(session, day + timedelta(days=1)),
        "ordererId": found.ordered_by,
        "ordererName": found.orderer.name if found.orderer else None,
    }


def daily_consumption(session: Session, part_id: int) -> Decimal:
    """How many of a part leave the store on an average day, over the last 90 days; two decimals."""
    since = clock.now() - timedelta(days=CONSUMPTION_DAYS)
    query = sa.select(sa.func.coalesce(sa.func.sum(InventoryTransaction.quantity), 0)).where(
        InventoryTransaction.spare_part_id == part_id,
        InventoryTransaction.transaction_type == MovementKind.OUT,
        InventoryTransaction.transaction_date >= since,
    )
    used = Decimal(session.scalar(query) or 0)
    return (used / CONSUMPTION_DAYS).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _last_supplier(session: Session, found: StockReplenishment) -> str:
    query = (
        sa.select(StockReplenishment.supplier)
        .where(
            StockReplenishment.spare_part_id == found.spare_part_id,
            StockReplenishment.id != found.id,
            StockReplenishment.supplier != "",
        )
        .order_by(StockReplenishment.id.desc())
        .limit(1)
    )
    return session.scalar(query) or ""


def _part_facts(session: Session, subject_id: int) -> dict[str, Any]:
    found = _load(session, subject_id)
    part, currency = found.part, settings.site(session).currency
    return {
        "id": part.id,
        "partNumber": part.part_number,
        "partName": part.part_name,
        "group": part.group_name,
        "quantity": part.quantity,
        "free": part.free,
        "minimum": part.min_quantity,
        "unitPrice": part.unit_price,
        "unitPriceText": _amount(part.unit_price, currency),
        "dailyConsumption": daily_consumption(session, part.id),
        "locationId": part.default_location_id,
        "location": part.location,
        "lastSupplier": _last_supplier(session, found),
    }


FACTS = {
    "replenishment": Fact("The replenishment", REPLENISHMENT_FIELDS, _replenishment_facts),
    "part": Fact("The part that runs low", PART_FIELDS, _part_facts),
    "orderer": Fact(
        "Who ordered it; null before that",
        facts.PERSON_FIELDS,
        lambda session, subject_id: facts.person_facts(_load(session, subject_id).orderer),
    ),
}

# -- service tasks -----------------------------------------------------------------------------


def _found(ctx: ServiceContext) -> StockReplenishment:
    return _load(ctx.session, ctx.subject_id)


def _day(value: Any) -> date | None:
    if value in (None, ""):
        return None
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def _money(value: Any, field: str) -> Decimal | None:
    """An amount from a form, which has numbers, to the cent."""
    if value in (None, ""):
        return None
    amount = Decimal(str(value))
    if amount != amount.quantize(Decimal("0.01")):
        raise BusinessError("BAD_PRICE", "The price has at most two decimals.", field=field)
    return amount


@service_task(
    "replenishments.plan",
    title="Write an order down",
    inputs={
        "quantity": Input("number", "How many to order", required=False),
        "supplier": Input("string", "Of whom", required=False),
        "unitPrice": Input("number", "The price of one", required=False),
        "expectedOn": Input("date", "When the delivery is expected", required=False),
    },
    outputs={"total": Output("number", "What the order costs")},
    errors={"WRONG_STATUS": "It is ordered already", "BAD_QUANTITY": "No whole number of at least 1"},
)
def plan(
    ctx: ServiceContext,
    quantity: Any = None,
    supplier: str | None = None,
    unitPrice: Any = None,  # noqa: N803
    expectedOn: Any = None,  # noqa: N803
) -> dict[str, Any]:
    """Write down what is to be ordered, of whom, at which price and until when. Nothing is ordered yet."""
    found = replenishments.plan_order(
        ctx.session,
        _found(ctx),
        ctx.actor.user_id,
        quantity=quantity,
        supplier=supplier or "",
        unit_price=_money(unitPrice, "unitPrice"),
        expected_on=_day(expectedOn),
    )
    return {"total": found.total}


@service_task(
    "replenishments.order",
    title="Place an order",
    inputs={"approved": Input("boolean", "Whether whoever acts has approved it", required=False)},
    errors={"WRONG_STATUS": "It is ordered already"},
)
def order(ctx: ServiceContext, approved: bool | None = None) -> dict[str, Any]:
    """The order counts as placed from now on."""
    replenishments.place_order(ctx.session, _found(ctx), ctx.actor.user_id, approved=approved is True)
    return {}


@service_task(
    "replenishments.expect",
    title="Change the delivery date",
    inputs={
        "expectedOn": Input("date", "When the delivery is expected now", required=False),
        "note": Input("string", "What the supplier says", required=False),
    },
    errors={"BAD_DATE": "No day is given"},
)
def expect(ctx: ServiceContext, expectedOn: Any = None, note: str | None = None) -> dict[str, Any]:  # noqa: N803
    """The delivery, or the rest of it, is expected on another day."""
    try:
        day = _day(expectedOn)
    except ValueError:
        raise BusinessError("BAD_DATE", "Give the day as YYYY-MM-DD.", field="expectedOn") from None
    replenishments.expect(ctx.session, _found(ctx), ctx.actor.user_id, day, note or "")
    return {}


@service_task(
    "replenishments.receive",
    title="Receive a delivery",
    inputs={
        "quantity": Input("number", "How many have arrived", required=False),
        "locationId": Input("number", "Where they are put; the part's usual place", required=False),
        "unitPrice": Input("number", "What one cost; the price of the order", required=False),
        "notes": Input("string", "Delivery note, batch", required=False),
    },
    outputs={"open": Output("number", "How many are still to come")},
    errors={"UNKNOWN_LOCATION": "There is no such stock location", "WRONG_STATUS": "It is not ordered"},
)
def receive(
    ctx: ServiceContext,
    quantity: Any = None,
    locationId: Any = None,  # noqa: N803
    unitPrice: Any = None,  # noqa: N803
    notes: str | None = None,
) -> dict[str, Any]:
    """Put what has arrived in stock, by a movement that names this replenishment."""
    found = _found(ctx)
    replenishments.receive(
        ctx.session,
        found,
        ctx.actor.user_id,
        quantity=quantity,
        location_id=None if locationId in (None, "") else int(locationId),
        unit_price=_money(unitPrice, "unitPrice"),
        notes=notes or "",
    )
    return {"open": found.quantity_open}


@service_task(
    "replenishments.reason",
    title="Say why a replenishment is closed",
    inputs={"reason": Input("string", "Why", required=False)},
    errors={"REASON_MISSING": "No reason is given"},
)
def reason(ctx: ServiceContext, reason: str | None = None) -> dict[str, Any]:
    """Keep the reason why nothing, or no more, is ordered. The status says how it is closed."""
    replenishments.give_reason(ctx.session, _found(ctx), reason or "")
    return {}


BINDING = ProcessBinding(
    key=KEY,
    subject_type=SUBJECT,
    statuses=tuple(ReplenishmentStatus),
    facts=FACTS,
    create_subject=create_subject,
    set_status=set_status,
    describe=describe,
)
