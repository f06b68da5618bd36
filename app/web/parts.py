"""Spare parts: what there is, where it lies, what moved."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, render_template, request
from flask_login import login_required
from sqlalchemy.orm import joinedload

from app.domain.machines import MachineSparePart
from app.domain.parts import SparePart
from app.domain.people import Role
from app.domain.queries import inventory
from app.errors import NotFound
from app.extensions import db
from app.web import listing
from app.web.people import me

pages = Blueprint("parts", __name__)

SEES_MOVEMENTS = (Role.ADMIN, Role.MAINTENANCE_MANAGER, Role.INVENTORY_MANAGER)


@pages.get("/parts", endpoint="listing")
@login_required
def listing_page() -> str:
    """All spare parts in use."""
    session = db.session()
    groups = session.execute(
        sa.select(SparePart.group_number, sa.func.max(SparePart.group_name))
        .where(SparePart.active, SparePart.group_number != "")
        .group_by(SparePart.group_number)
        .order_by(SparePart.group_number)
    )
    found = inventory.list_parts(
        session,
        group=request.args.get("group") or None,
        low_only=bool(request.args.get("low")),
        q=listing.words(),
        page=listing.page_number(),
        page_size=listing.PAGE_SIZE,
    )
    return render_template(
        "parts/list.html",
        found=found,
        groups=[(group, f"{name or group}") for group, name in groups],
        filters={name: request.args.get(name, "") for name in ("q", "group", "low")},
        filtered=any(request.args.get(name) for name in ("q", "group", "low")),
        url_with=listing.url_with,
    )


@pages.get("/parts/<int:part_id>")
@login_required
def show(part_id: int) -> str:
    """One spare part: its stock by location, the machines it fits, its latest movements."""
    session = db.session()
    part = session.get(SparePart, part_id)
    if part is None:
        raise NotFound("There is no such spare part.")
    fitted = session.scalars(
        sa.select(MachineSparePart)
        .where(MachineSparePart.spare_part_id == part.id)
        .options(joinedload(MachineSparePart.machine))
    )
    shows_movements = me().role in SEES_MOVEMENTS
    return render_template(
        "parts/show.html",
        part=part,
        fitted=sorted(fitted, key=lambda row: row.machine.name.casefold()),
        movements=inventory.list_movements(session, part_id=part.id, page_size=15)
        if shows_movements
        else None,
    )
