"""From a label to what it is stuck on: a machine, or a spare part."""

from __future__ import annotations

import re
from urllib.parse import unquote

import sqlalchemy as sa
from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permissions
from app.domain.parts import SparePart
from app.domain.queries import machines, requests
from app.errors import NotFound
from app.extensions import db
from app.web.people import current_actor, permission_required

pages = Blueprint("scan", __name__)

LONGEST = 500  # characters of a code
_ADDRESS = re.compile(r"(?:https?://[^/]+)?/(m|p)/([^/?#]+)/?(?:[?#].*)?")


@pages.get("/scan")
@permission_required("machines:read")
def show() -> ResponseReturnValue:
    """Scan with the camera, take a photo of the label, or type what it says."""
    code = request.args.get("code", "").strip()[:LONGEST]
    if not code:
        return render_template("scan/show.html", code="", problem="")
    if address := _address_of(code):
        return redirect(address)
    problem = "No machine has this code, and no spare part this number. Check what stands below the square."
    if "://" in code:
        problem = "This code is not one of our labels."
    return render_template("scan/show.html", code=code, problem=problem), 404


@pages.get("/m/<qr_code>")
@permission_required("machines:read")
def landing(qr_code: str) -> str:
    """Where the label of a machine leads: how it is, what is known, and how to report a problem."""
    machine = machines.by_qr_code(db.session(), qr_code)
    if machine is None:
        raise NotFound("No machine has this label. It may have been replaced.")
    return render_template(
        "scan/landing.html", machine=machine, open_requests=requests.open_requests(db.session(), machine.id)
    )


@pages.get("/p/<int:part_id>")
@permission_required("spare-parts:read")
def part(part_id: int) -> ResponseReturnValue:
    """Where the label of a spare part leads: to its page."""
    return redirect(url_for("parts.show", part_id=part_id))


def _address_of(code: str) -> str:
    """Where a code leads: what a label says is the address of a page here, or a code or number was typed."""
    found = _ADDRESS.fullmatch(code)
    if found is not None and found[1] == "p":
        number = found[2]
        return url_for("scan.part", part_id=int(number)) if _is_id(number) else ""
    typed = unquote(found[2]) if found is not None else code
    machine = machines.by_qr_code(db.session(), typed)
    if machine is not None:
        return url_for("scan.landing", qr_code=machine.qr_code)
    if found is None and permissions.may(current_actor(), "spare-parts:read"):
        query = sa.select(SparePart.id).where(sa.func.lower(SparePart.part_number) == code.lower())
        part_id = db.session().scalars(query).first()
        if part_id is not None:
            return url_for("parts.show", part_id=part_id)
    return ""


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
