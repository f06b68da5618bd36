"""A newer version of a process that ships with the program: looked at, taken as a draft, or deployed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permissions
from app.database import unit_of_work
from app.engine import deployments, drafts
from app.engine.definitions import FILE_ERRORS
from app.errors import Conflict, Forbidden, NotFound
from app.extensions import db
from app.processes import publishing, shipped
from app.processes.publishing import NotDeployable
from app.processes.shipped import Offer
from app.web import comparison, versions
from app.web.engine import engine
from app.web.people import current_actor, permission_required

pages = Blueprint("shipped", __name__)

DEPLOY = "processes:deploy"


@pages.get("/studio/<key>/shipped")
@permission_required(DEPLOY)
def show(key: str) -> ResponseReturnValue:
    """What ships and would change, and the ways to take it."""
    return _page(key, _offer(key))


@pages.get("/studio/<key>/shipped.xml")
@permission_required(DEPLOY)
def diagram(key: str) -> Response:
    """The diagram that ships."""
    return Response(versions.drawing(_offer(key).files), mimetype="application/xml")


@pages.post("/studio/<key>/shipped/draft")
@permission_required(DEPLOY)
def take(key: str) -> ResponseReturnValue:
    """Make what ships one's draft; one that is there gives way only where the form says so."""
    offer, actor = _offer(key), current_actor()
    texts = {name: content.decode() for name, content in offer.files.items()}
    try:
        with unit_of_work(db.session()) as session:
            revision = request.form.get("revision", 0, type=int)
            base = offer.newest.version
            drafts.save(session, key, texts, by=actor, revision=revision, base_version=base)
    except Conflict as refused:
        return _page(key, offer, refusal=str(refused)), 409
    flash("What ships with Millwright is your draft now. Nothing runs by it before you deploy it.", "success")
    if offer.is_own and _may_read():
        compared: dict[str, Any] = {"from": offer.newest.version, "to": versions.DRAFT}
        return redirect(url_for("versions.compare", key=key, **compared))
    return redirect(url_for("studio.show", key=key))


@pages.post("/studio/<key>/shipped/deploy")
@permission_required(DEPLOY)
def deploy(key: str) -> ResponseReturnValue:
    """Deploy what ships, where the site's version has no changes of its own."""
    offer, actor = _offer(key), current_actor()
    if offer.is_own:
        refusal = f"Version {offer.newest.version} has changes of your own."
        return _page(key, offer, refusal=refusal), 409
    assessment = publishing.assess(engine(), db.session(), key, offer.files)
    try:
        with unit_of_work(db.session()) as session:
            newest = deployments.latest(session, key)
            if newest is None or newest.version != offer.newest.version:
                raise Conflict("Somebody has deployed another version meanwhile. Look again what differs.")
            made = publishing.publish(engine(), session, assessment, by=actor, note=shipped.NOTE)
            number = made.version
    except (NotDeployable, Conflict, Forbidden, *FILE_ERRORS) as refused:
        return _page(key, offer, refusal=str(refused)), 409
    return redirect(url_for("studio.listing", deployed=f"{key}:{number}"))


@pages.post("/studio/<key>/shipped/decline")
@permission_required(DEPLOY)
def decline(key: str) -> ResponseReturnValue:
    """Keep the site's version, and hear of what ships when there is something newer again."""
    with unit_of_work(db.session()) as session:
        offer = shipped.offer_of(session, key)
        if offer is not None:
            shipped.decline(session, offer, current_actor())
    flash("Your version stays. You hear of it when something newer ships.", "success")
    return redirect(url_for("versions.listing" if _may_read() else "studio.listing", key=key))


def _may_read() -> bool:
    return permissions.may(current_actor(), versions.READ)


def _offer(key: str) -> Offer:
    """What ships of a process. Raises :class:`NotFound`."""
    found = shipped.offer_of(db.session(), key)
    if found is None:
        raise NotFound("Nothing newer of this process ships with the program.")
    return found


def _page(key: str, offer: Offer, *, refusal: str = "") -> str:
    session = db.session()
    newest = versions.latest(key)
    try:
        found = comparison.compare(deployments.files_of(session, newest.id), offer.files)
    except FILE_ERRORS:
        found = None
    return render_template(
        "versions/shipped.html",
        process=newest,
        offer=offer,
        found=found,
        draft=drafts.open_draft(session, key, current_actor()),
        may_compare=_may_read(),
        refusal=refusal,
    )
