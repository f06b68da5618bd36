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
    machine_id = _number("machine")
    if machine_id is not None:
        filters["machine_id"] = machine_id
        words.append(_named("Machine", Machine, machine_id))
    department_id = _number("department")
    if department_id is not None:
        filters["department_id"] = department_id
        words.append(_named("Department", Department, department_id))
    if request.args.get("failure") == NO_CODE:
        filters["uncoded"] = True
        words.append("without a failure code")
    elif (code_id := _number("failure")) is not None:
        filters["failure_code_id"] = code_id
        words.append(_named("Failure", FailureCode, code_id))
    type_id = _number("type")
    if type_id is not None:
        filters["maintenance_type_id"] = type_id
        words.append(_named("Type", MaintenanceType, type_id))
    since, until = (_day(name) for name in ("from", "until"))
    zone = site().zone
    if since is not None:
        filters["since"] = midnight(since, zone)
        words.append(f"reported from {formatting.day(since)}")
    if until is not None:
        filters["until"] = midnight(until + timedelta(days=1), zone)
        words.append(f"{'' if since else 'reported '}until {formatting.day(until)}")
    return Narrowing(filters, words)


def _number(name: str) -> int | None:
    found = request.args.get(name, type=int)
    return found if found is not None and 0 <= found < 2**31 else None


def _day(name: str) -> date | None:
    found = request.args.get(name, type=date.fromisoformat)
    return found if found is not None and EARLIEST <= found <= LATEST else None


def _named(what: str, kind: Any, row_id: int) -> str:
    found = db.session().get(kind, row_id)
    return f"{what}: {found.name if found is not None else row_id}"
