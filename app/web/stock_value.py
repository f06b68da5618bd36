"""What the stock is worth: by group or location, now or as of the end of a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app import clock
from app.domain import settings
from app.domain.analytics.calendar import midnight
from app.domain.analytics.scope import Scope
from app.domain.costing import EXPLAINED, NAMES, CostingMethod
from app.domain.reports import catalogue, valuation
from app.domain.reports.catalogue import ReportName
from app.domain.reports.valuation import Valued
from app.extensions import db
from app.jobs import export_writing
from app.web import list_files, listing, stock
from app.web.people import permission_required, site

pages = Blueprint("stock_value", __name__)


@pages.get("/stock/valuation", endpoint="show")
@permission_required(stock.COSTS)
def show() -> str:
    """What the stock is worth by group or by location, now or as of the end of a day."""
    session = db.session()
    scope, wrong = _as_of()
    method, by_location = settings.costing_method(session), _by_location()
    found: Sequence[Valued] = (valuation.by_location if by_location else valuation.by_group)(session, scope)
    totals = {code: sum((one.value(code) for one in found), Decimal("0.00")) for code in CostingMethod}
    other = CostingMethod.FIFO if method == CostingMethod.MOVING_AVERAGE else CostingMethod.MOVING_AVERAGE
    return render_template(
        "stock_value/show.html",
        found=found,
        by_location=by_location,
        method=method,
        other=other,
        names=NAMES,
        explained=EXPLAINED[CostingMethod(method)],
        rounding=(valuation.ROUNDING, valuation.LOCATIONS) if by_location else (valuation.ROUNDING,),
        totals=totals,
        pieces=sum(one.quantity for one in found),
        parts=None if by_location else sum(one.parts for one in found),
        moment=min(scope.until, clock.now()),
        as_of=request.args.get("as_of", ""),
        wrong=wrong,
        may_change=stock.may("settings:write"),
        url_with=listing.url_with,
    )


@pages.route("/stock/valuation/export.<form>", endpoint="export", methods=list_files.METHODS)
@permission_required(stock.COSTS)
def export(form: str) -> ResponseReturnValue:
    """The valuation, part by part or location by location, as a file."""
    scope, _ = _as_of()
    session, name = db.session(), ReportName.VALUATION_BY_LOCATION if _by_location() else ReportName.VALUATION
    rows = export_writing.expected_rows(session, name)
    return list_files.answer_report(form, catalogue.build(session, name, scope), rows, back=".show")


def _by_location() -> bool:
    return request.args.get("by") == "location"


def _as_of() -> tuple[Scope, bool]:
    """Until now or the end of the day that the address names, and whether that is no day."""
    now = clock.now()
    since, text, wrong = now - timedelta(days=1), request.args.get("as_of", ""), False
    until = now + timedelta(seconds=1)  # what moved at this very moment counts
    if text:
        try:
            day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007
            if not 1900 <= day.year <= 9000:
                raise ValueError
            until = midnight(day + timedelta(days=1), site().zone)
            since = until - timedelta(days=1)
        except ValueError:
            wrong = True
    group = request.args.get("group") or None
    return Scope(since, until, part_group=group), wrong
