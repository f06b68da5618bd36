"""The calendar of preventive work: a month at a time, or one day of it."""

from __future__ import annotations

import calendar
from collections import defaultdict
from datetime import date, timedelta

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session

from app.domain.preventive import due
from app.domain.queries import preventive_calendar
from app.domain.queries.preventive_calendar import Planned
from app.extensions import db
from app.web import listing
from app.web.people import permission_required
from app.web.preventive import READ, choices

pages = Blueprint("preventive_calendar", __name__)

SHOWN = 4  # entries of a day in the month; the others are on the day's own page
FIRST, LAST = date(1990, 1, 1), date(2199, 12, 1)


@pages.get("/calendar")
@permission_required(READ)
def show() -> str:
    """A month, with what is planned, open and done on each of its days; or one day with all of it."""
    session = db.session()
    today = due.site_date(session)
    day = _day(request.args.get("day", ""))
    month = _month(request.args.get("month", ""), day or today)
    first = day or month
    last = day or date(month.year, month.month, calendar.monthrange(month.year, month.month)[1])
    begin = first if day else first - timedelta(days=first.weekday())
    end = last if day else last + timedelta(days=6 - last.weekday())
    by_day = _by_day(session, begin, end)
    return render_template(
        "preventive/calendar.html",
        month=month,
        day=day,
        days=[begin + timedelta(days=number) for number in range((end - begin).days + 1)],
        by_day=by_day,
        empty_month=not any(first <= each <= last for each in by_day),
        today=today,
        shown=10_000 if day else SHOWN,
        before=_shifted(month, -1),
        after=_shifted(month, 1),
        months=calendar.month_name,
        weekdays=list(calendar.day_name),
        filters={name: request.args.get(name, "") for name in ("department", "technician", "machine")},
        **choices(session),
        url_with=listing.url_with,
    )


def _by_day(session: Session, first: date, last: date) -> dict[date, list[Planned]]:
    found: defaultdict[date, list[Planned]] = defaultdict(list)
    for each in preventive_calendar.between(
        session,
        first,
        last,
        machine_id=request.args.get("machine", type=int),
        department_id=request.args.get("department", type=int),
        technician_id=request.args.get("technician", type=int),
    ):
        found[each.day].append(each)
    return dict(found)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if FIRST <= found < LAST else None


def _month(text: str, otherwise: date) -> date:
    """The first day of the month asked for (``2026-03``)."""
    found = _day(f"{text}-01") or otherwise
    return min(max(found.replace(day=1), FIRST), LAST)


def _shifted(month: date, by: int) -> str:
    number = month.year * 12 + month.month - 1 + by
    return f"{number // 12:04d}-{number % 12 + 1:02d}"
