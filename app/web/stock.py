"""What the pages of the stock share: places and groups to choose from, and who sees money."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from flask import request

from app.access import permissions
from app.domain.analytics.calendar import midnight
from app.domain.parts import SparePart, StockLocation
from app.errors import NotFound
from app.extensions import db
from app.web.people import current_actor, site

MOVEMENTS = "inventory-transactions:read"
MOVE = "inventory-transactions:create"
COSTS = "analytics:costs"


def may(permission: str) -> bool:
    """Whether the signed-in person has a right."""
    return permissions.may(current_actor(), permission)


def locations(keep: int | None = None) -> list[tuple[int, str]]:
    """The stock locations in use by id and name, and ``keep`` although it is not."""
    in_use = sa.or_(StockLocation.active, StockLocation.id == (keep or 0))
    query = sa.select(StockLocation.id, StockLocation.name).where(in_use).order_by(StockLocation.name)
    return [(key, name) for key, name in db.session().execute(query)]


def every_location() -> list[tuple[int, str]]:
    """All stock locations by id and name, for filters."""
    query = sa.select(StockLocation.id, StockLocation.name).order_by(StockLocation.name)
    return [(key, name) for key, name in db.session().execute(query)]


def groups() -> list[tuple[str, str]]:
    """The groups of the parts in use, by number and name."""
    query = (
        sa.select(SparePart.group_number, sa.func.max(SparePart.group_name))
        .where(SparePart.active, SparePart.group_number != "")
        .group_by(SparePart.group_number)
        .order_by(SparePart.group_number)
    )
    return [(number, name or number) for number, name in db.session().execute(query)]


def asked(name: str) -> int | None:
    """The id that the address names; None where it names none that there can be."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def get_part(part_id: int) -> SparePart:
    """A spare part.

    :raises NotFound: there is none
    """
    found = db.session().get(SparePart, part_id)
    if found is None:
        raise NotFound("There is no such spare part.")
    return found


def get_location(location_id: int) -> StockLocation:
    """A stock location.

    :raises NotFound: there is none
    """
    found = db.session().get(StockLocation, location_id)
    if found is None:
        raise NotFound("There is no such stock location.")
    return found


def begin_of(name: str) -> datetime | None:
    """When the day begins, by the site's clock, that the address names; None without one."""
    return _day(name)


def end_of(name: str) -> datetime | None:
    """When the day has ended, by the site's clock, that the address names; None without one."""
    return _day(name, 1)


def _day(name: str, later: int = 0) -> datetime | None:
    try:
        day = datetime.strptime(request.args.get(name, ""), "%Y-%m-%d").date()  # noqa: DTZ007
        return midnight(day + timedelta(days=later), site().zone) if 1900 <= day.year <= 9000 else None
    except ValueError:
        return None
