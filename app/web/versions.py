"""Versions of a process: the list, one version with its files, comparing two, and going back to one."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from app.access import permissions
from app.current import site
from app.database import unit_of_work
from app.domain.people import Role
from app.domain.queries.paging import Page
from app.engine import deployments, drafts, queries
from app.engine.definitions import FILE_ERRORS
from app.engine.models import Deployment, ProcessInstance
from app.errors import BusinessError, Conflict, NotFound
from app.extensions import db
from app.processes import rollback, shipped
from app.processes.rollback import Verdict
from app.processes.shipped import Offer
from app.web import comparison, difference_words, listing
from app.web.engine import engine
from app.web.people import current_actor, permission_required

pages = Blueprint("versions", __name__)

READ, DEPLOY = "processes:read", "processes:deploy"
DRAFT, SHIPPED = "draft", "shipped"
LARGEST_VERSION = 2**31 - 1
MEDIA = {"bpmn": "application/xml", "dmn": "application/xml", "form": "application/json"}


@dataclass(frozen=True)
class Side:
    """One of the two things that are compared. ``code`` stands for it in addresses."""

    code: str
    label: str
    files: Mapping[str, bytes]
    deployment: Deployment | None
    drawing: str


@pages.get("/studio/<key>/versions", endpoint="listing")
@permission_required(READ)
def listing_page(key: str) -> str:
    """The versions of a process, newest first."""
    newest = latest(key)
    found = queries.list_versions(db.session(), key, page=listing.page_number(), page_size=listing.PAGE_SIZE)
    return render_template(
        "versions/list.html",
        process=newest,
        found=Page(found.items, found.total, found.page, found.page_size),
        draft=_saved_draft(key),
        offer=_shipped(key),
        url_with=listing.url_with,
        **_rights(),
    )


@pages.get("/studio/<key>/versions/<int:version>")
@permission_required(READ)
def show(key: str, version: int) -> str:
    """One version: its diagram and files, who deployed it and why, and what runs on it."""
    deployment = get_version(key, version)
    session = db.session()
    files = deployments.files_of(session, deployment.id)
    return render_template(
        "versions/show.html",
        process=latest(key),
        version=deployment,
        running=queries.version_row(session, deployment).open_instances,
        files=[(name, len(content)) for name, content in files.items()],
        **_rights(),
    )


@pages.get("/studio/<key>/versions/<int:version>/diagram.xml")
@permission_required(READ)
def diagram(key: str, version: int) -> ResponseReturnValue:
    """The diagram of a version. It never changes."""
    deployment = get_version(key, version)
    content = drawing(deployments.files_of(db.session(), deployment.id))
    response = Response(content, mimetype="application/xml")
    response.set_etag(f"deployment-{deployment.id}")
    return response.make_conditional(request)


@pages.get("/studio/<key>/draft.xml", endpoint="draft_diagram")
@permission_required(DEPLOY)
def draft_diagram(key: str) -> ResponseReturnValue:
    """The diagram of the signed-in person's draft."""
    draft = drafts.open_draft(db.session(), key, current_actor())
    return Response(drawing(drafts.as_bytes(draft.files)), mimetype="application/xml")


@pages.get("/studio/<key>/versions/<int:version>/files.zip", endpoint="archive")
@permission_required(READ)
def archive(key: str, version: int) -> ResponseReturnValue:
    """All files of a version, as they were deployed."""
    deployment = get_version(key, version)
    moment = deployment.deployed_at.astimezone(site().zone).timetuple()[:6]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in deployments.files_of(db.session(), deployment.id).items():
            packed.writestr(zipfile.ZipInfo(name.replace("\\", "_"), moment), content, zipfile.ZIP_DEFLATED)
    return _download(data.getvalue(), "application/zip", f"{key}-v{version}.zip")


@pages.get("/studio/<key>/versions/<int:version>/files/<name>", endpoint="file")
@permission_required(READ)
def file(key: str, version: int, name: str) -> ResponseReturnValue:
    """A file of a version. It is saved, never shown."""
    files = deployments.files_of(db.session(), get_version(key, version).id)
    if name not in files:
        raise NotFound(f"Version {version} has no file of that name.")
    return _download(files[name], MEDIA.get(name.rpartition(".")[2], "application/octet-stream"), name)


# -- comparing -------------------------------------------------------------------------------------


@pages.get("/studio/<key>/compare")
@permission_required(READ)
def compare(key: str) -> ResponseReturnValue:
    """What differs between two versions, or between one and the draft of whoever asks."""
    newest = latest(key)
    to = _side(key, request.args.get("to") or str(newest.version))
    base = to.deployment.version - 1 if to.deployment else newest.version
    before = _side(key, request.args.get("from") or str(max(base, 1)))
    found, problem = None, ""
    try:
        found = comparison.compare(before.files, to.files)
    except FILE_ERRORS as error:
        problem = str(error)
    page = render_template(
        "versions/compare.html",
        process=newest,
        before=before,
        to=to,
        found=found,
        problem=problem,
        texts=comparison.texts_only(before.files, to.files) if found is None else found.texts,
        choices=_choices(key, before, to),
        **_rights(),
    )
    return page, 422 if problem else 200


def _side(key: str, code: str) -> Side:
    """What a code of an address stands for. Raises :class:`NotFound`."""
    if code == DRAFT:
        permissions.require(current_actor(), DEPLOY)
        # Where nothing is saved yet, the draft is what it would begin with: the newest version.
        draft = drafts.open_draft(db.session(), key, current_actor())
        drawing = url_for("versions.draft_diagram", key=key)
        return Side(DRAFT, "Your draft", drafts.as_bytes(draft.files), None, drawing)
    if code == SHIPPED and (offer := _shipped(key)) is not None:
        drawn = url_for("shipped.diagram", key=key)
        return Side(SHIPPED, "What ships with Millwright", offer.files, None, drawn)
    if not code.isascii() or not code.isdecimal() or len(code) > 10:
        raise NotFound("There is no such version.")
    deployment = get_version(key, int(code))
    drawing = url_for("versions.diagram", key=key, version=deployment.version)
    files = deployments.files_of(db.session(), deployment.id)
    return Side(code, f"Version {deployment.version}", files, deployment, drawing)


def _choices(key: str, *shown: Side) -> list[tuple[str, str]]:
    """What can be compared: the newest versions, those shown, and a draft."""
    found = queries.list_versions(db.session(), key, page_size=queries.MAXIMUM_PAGE)
    numbers = {row.deployment.version for row in found.items}
    numbers |= {side.deployment.version for side in shown if side.deployment}
    versions = [(str(number), f"Version {number}") for number in sorted(numbers, reverse=True)]
    if _shipped(key):
        versions.insert(0, (SHIPPED, "What ships with Millwright"))
    drafted = any(side.code == DRAFT for side in shown) or _saved_draft(key)
    return [(DRAFT, "Your draft"), *versions] if drafted else versions


def _shipped(key: str) -> Offer | None:
    """What ships newer of a process, for those who may take it."""
    if not permissions.may(current_actor(), DEPLOY):
        return None
    return shipped.offer_of(db.session(), key)


# -- going back ------------------------------------------------------------------------------------


@pages.get("/studio/<key>/versions/<int:version>/rollback")
@permission_required(DEPLOY)
def rollback_form(key: str, version: int) -> ResponseReturnValue:
    """What going back to a version would change, and whether its files are still fit."""
    verdict = rollback.examine(engine(), db.session(), key, version)
    return _rollback_page(key, version, verdict)


@pages.post("/studio/<key>/versions/<int:version>/rollback", endpoint="roll_back")
@permission_required(DEPLOY)
def roll_back(key: str, version: int) -> ResponseReturnValue:
    """Deploy the files of an earlier version as the newest one."""
    actor, note = current_actor(), request.form.get("note", "").strip()[:500]
    verdict = rollback.examine(engine(), db.session(), key, version, scenarios=True)
    override = request.form.get("override") == "1" and actor.role == Role.ADMIN
    try:
        with unit_of_work(db.session()) as session:
            made = rollback.roll_back(
                engine(), session, key, version, verdict, by=actor, note=note, override=override
            )
            number = made.version
    except (BusinessError, *FILE_ERRORS) as refused:
        return _rollback_page(key, version, verdict, refusal=str(refused), note=note), 422
    except Conflict as refused:
        flash(str(refused), "error")
        return redirect(url_for("versions.listing", key=key))
    flash(
        f"Version {number} is deployed, with the files of version {version}. "
        "What runs keeps its version until you move it.",
        "success",
    )
    return redirect(url_for("versions.listing", key=key))


def _rollback_page(
    key: str, version: int, verdict: Verdict, *, refusal: str = "", note: str | None = None
) -> str:
    newest, old = latest(key), get_version(key, version)
    now = deployments.files_of(db.session(), newest.id)
    try:
        found = comparison.compare(now, verdict.files)
    except FILE_ERRORS:
        found = None
    return render_template(
        "versions/rollback.html",
        process=newest,
        version=old,
        verdict=verdict,
        found=found,
        same=newest.digest == old.digest,
        refusal=refusal,
        note=f"Back to version {version}" if note is None else note,
        may_override=current_actor().role == Role.ADMIN,
    )


# -- shared with the pages of migrations -----------------------------------------------------------


def latest(key: str) -> Deployment:
    """The newest version of a process. Raises :class:`NotFound`."""
    found = deployments.latest(db.session(), key)
    if found is None:
        raise NotFound("No such process is deployed.")
    return found


def get_version(key: str, version: int) -> Deployment:
    """A version of a process. Raises :class:`NotFound`."""
    if not 1 <= version <= LARGEST_VERSION:
        raise NotFound("There is no such version.")
    return deployments.get_version(db.session(), key, version)


def _saved_draft(key: str) -> drafts.Draft | None:
    """The signed-in person's draft, where they have one and may deploy it."""
    if not permissions.may(current_actor(), DEPLOY):
        return None
    try:
        return drafts.saved(db.session(), key, current_actor())
    except NotFound:
        return None


def _rights() -> dict[str, Any]:
    return {"may_deploy": permissions.may(current_actor(), DEPLOY)}


def drawing(files: Mapping[str, bytes]) -> bytes:
    found = next((content for name, content in sorted(files.items()) if name.endswith(".bpmn")), None)
    if found is None:
        raise NotFound("There is no diagram among the files.")
    return found


def _download(data: bytes, media_type: str, name: str) -> Response:
    response = Response(data, mimetype=media_type)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def running_version(instance: ProcessInstance) -> Markup:
    """The version that an instance runs on, with a link for those who may look at versions."""
    deployment = db.session().get(Deployment, instance.deployment_id)
    if deployment is None:
        return Markup()
    words = f"{deployment.name}, version {deployment.version}"
    if not permissions.may(current_actor(), READ):
        return Markup.escape(words)
    address = url_for("versions.show", key=deployment.key, version=deployment.version)
    return Markup('<a href="{}">{}</a>').format(address, words)


def studio_address(key: str = "") -> str:
    """The address of the Studio, or of a process in it; empty for those who may not use it."""
    if not permissions.may(current_actor(), DEPLOY):
        return ""
    return url_for("studio.show", key=key) if key else url_for("studio.listing")


def init_versions(app: Flask) -> None:
    """Give templates what they say about versions."""
    app.add_template_global(running_version)
    app.add_template_global(studio_address)
    app.add_template_filter(difference_words.attribute_name)
    app.add_template_filter(difference_words.attribute_value)
    app.add_template_filter(difference_words.kind_name)
