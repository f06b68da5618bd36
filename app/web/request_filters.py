"""Filters of the list of requests that links from figures set, and what they are called above the list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import request

from app.current import site
from app.domain.analytics.calendar import midnight
from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.machines import Machine
from app.domain.people import Department
from app.domain.requests import RequestStatus
from app.extensions import db
from app.web import formatting

COUNTED = "counted"  # what figures count: all but cancelled ones
COUNTED_STATUSES = tuple(status for status in RequestStatus if status is not RequestStatus.CANCELLED)
NO_CODE = "none"
NAMES = ("failure", "type", "from", "until", "department", "machine")
# What the arguments number, and what the list function calls it.
RECORDS: dict[str, tuple[Any, str]] = {
    "machine": (Machine, "machine_id"),
    "department": (Department, "department_id"),
    "failure": (FailureCode, "failure_code_id"),
    "type": (MaintenanceType, "maintenance_type_id"),
}
EARLIEST, LATEST = date(1900, 1, 1), date(9000, 1, 1)


@dataclass(frozen=True)
class Narrowing:
    """Arguments of the list function, and each of them in words."""

    filters: dict[str, Any]
    words: list[str]


def narrowing() -> Narrowing:
    """What the address narrows the list to; what means nothing is left out."""
    filters: dict[str, Any] = {}
    words: list[str] = []
    for name in ("machine", "department"):
        _narrow(name, filters, words)
    if request.args.get("failure") == NO_CODE:
        filters["uncoded"] = True
        words.append("without a failure code")
    else:
        _narrow("failure", filters, words)
    _narrow("type", filters, words)
    since, until = (_day(name) for name in ("from", "until"))
    zone = site().zone
    if since is not None:
        filters["since"] = midnight(since, zone)
        words.append(f"reported from {formatting.day(since)}")
    if until is not None:
        filters["until"] = midnight(until + timedelta(days=1), zone)
        words.append(f"{'' if since else 'reported '}until {formatting.day(until)}")
    return Narrowing(filters, words)


def _narrow(name: str, filters: dict[str, Any], words: list[str]) -> None:
    """To one record that the argument ``name`` numbers, which may be gone."""
    row_id = _number(name)
    if row_id is None:
        return
    kind, column = RECORDS[name]
    found = db.session().get(kind, row_id)
    filters[column] = row_id
    words.append(f"{name.title()}: {found.name if found is not None else row_id}")


def _number(name: str) -> int | None:
    found = request.args.get(name, type=int)
    return found if found is not None and 0 <= found < 2**31 else None


def _day(name: str) -> date | None:
    found = request.args.get(name, type=date.fromisoformat)
    return found if found is not None and EARLIEST <= found <= LATEST else None
