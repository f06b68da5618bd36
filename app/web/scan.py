"""From the label on a machine to the machine."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.domain.queries import machines, requests
from app.errors import NotFound
from app.extensions import db

pages = Blueprint("scan", __name__)


@pages.get("/scan")
@login_required
def show() -> ResponseReturnValue:
    """Scan with the camera, or type what the label says."""
    code = request.args.get("code", "").strip()
    if not code:
        return render_template("scan/show.html", code="", problem="")
    # A label holds the address of its machine's page; its last part is the code.
    machine = machines.by_qr_code(db.session(), code.rstrip("/").rpartition("/")[2])
    if machine is None:
        problem = "No machine has this code. Check the letters and digits below the square."
        return render_template("scan/show.html", code=code, problem=problem), 404
    return redirect(url_for("scan.landing", qr_code=machine.qr_code))


@pages.get("/m/<qr_code>")
@login_required
def landing(qr_code: str) -> str:
    """Where the label of a machine leads: how it is, what is known, and how to report a problem."""
    machine = machines.by_qr_code(db.session(), qr_code)
    if machine is None:
        raise NotFound("No machine has this label. It may have been replaced.")
    return render_template(
        "scan/landing.html", machine=machine, open_requests=requests.open_requests(db.session(), machine.id)
    )
