"""The Studio: the processes, and the page with the editors in which their owners change them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.access import permissions
from app.database import unit_of_work
from app.domain.people import Role
from app.engine import deployments, drafts, queries
from app.engine.actors import Actor
from app.engine.drafts import Draft
from app.engine.models import Deployment
from app.errors import BusinessError, Conflict, NotFound
from app.extensions import db, talisman
from app.processes import shipped
from app.processes.templates import TEMPLATES, key_of, new_process
from app.security import STUDIO_POLICY
from app.web.engine import engine
from app.web.people import current_actor, permission_required

pages = Blueprint("studio", __name__)

API = "/api/v1"
DEPLOY = "processes:deploy"


@dataclass(frozen=True, slots=True)
class Row:
    """A process in the list: its newest version, None where there is only a draft, and one's own draft."""

    key: str
    newest: Deployment | None
    running: int
    draft: Draft | None

    @property
    def name(self) -> str:
        return self.newest.name if self.newest else self.key

    @property
    def is_outdated(self) -> bool:
        """Whether somebody has deployed a version since the draft began."""
        return self.draft is not None and self.draft.newer is not None

    @property
    def saved_at(self) -> datetime | None:
        return self.draft.saved_at if self.draft else None


@pages.get("/studio", endpoint="listing")
@permission_required(DEPLOY)
def listing_page() -> str:
    """The processes: what is deployed, and what one is changing."""
    rows = _rows(db.session(), current_actor())
    offers = shipped.offers(db.session()).values()
    return render_template("studio/list.html", rows=rows, deployed=_deployed(rows), offers=list(offers))


@pages.get("/studio/new")
@permission_required(DEPLOY)
def new() -> str:
    """Ask what a new process is called and what it begins with."""
    return _ask({})


@pages.post("/studio/new")
@permission_required(DEPLOY)
def create() -> ResponseReturnValue:
    """Make a draft of a new process from a template."""
    name = request.form.get("name", "")
    key = request.form.get("key", "").strip() or key_of(name)
    try:
        files = new_process(engine(), request.form.get("template", ""), key, name)
        with unit_of_work(db.session()) as session:
            if deployments.latest(session, key) is not None:
                raise BusinessError(
                    "KEY_TAKEN", f"There is a process with the key {key} already.", field="key"
                )
            texts = {file: content.decode() for file, content in files.items()}
            drafts.save(session, key, texts, by=current_actor(), revision=0)
    except NotFound as error:
        return _ask({"template": str(error)}), 422
    except Conflict:
        return _ask({"key": f"You have a draft of {key} already. Open it from the list."}), 422
    except BusinessError as error:
        return _ask({error.field or "key": error.message}), 422
    flash(
        "Here is your process, complete and ready to be changed. Nobody else sees it before you deploy it.",
        "success",
    )
    return redirect(url_for("studio.show", key=key))


@pages.get("/studio/<key>/versions/<int:version>/edit")
@permission_required(DEPLOY)
def edit_form(key: str, version: int) -> ResponseReturnValue:
    """Ask before a version takes the place of one's draft of the process."""
    session = db.session()
    deployment = deployments.get_version(session, key, version)
    draft = drafts.open_draft(session, key, current_actor())
    return render_template(
        "studio/edit.html", version=deployment, process=deployments.latest(session, key), draft=draft
    )


@pages.post("/studio/<key>/versions/<int:version>/edit")
@permission_required(DEPLOY)
def edit(key: str, version: int) -> ResponseReturnValue:
    """Make a draft of the files of a version; the one that is there gives way only where the form says so."""
    actor = current_actor()
    revision = request.form.get("revision", 0, type=int)
    try:
        with unit_of_work(db.session()) as session:
            files = drafts.files_of_version(session, key, version)
            # It is meant to go back: what newer versions have changed is known.
            newest = deployments.latest(session, key)
            base = newest.version if newest else version
            drafts.save(session, key, files, by=actor, revision=revision, base_version=base)
    except Conflict:
        return redirect(url_for("studio.edit_form", key=key, version=version))
    return redirect(url_for("studio.show", key=key))


@pages.get("/studio/<key>")
@permission_required(DEPLOY)
@talisman(content_security_policy=STUDIO_POLICY)
def show(key: str) -> str:
    """The editors of one's own draft of a process."""
    session, actor = db.session(), current_actor()
    newest = deployments.latest(session, key)
    if newest is None and not any(draft.key == key for draft in drafts.drafts_of(session, actor)):
        raise NotFound(f"There is neither a process named {key} nor a draft of it.")
    return render_template(
        "studio/show.html",
        key=key,
        name=newest.name if newest else key,
        newest=newest,
        offer=shipped.offer_of(session, key),
        api_root=API,
        is_administrator=actor.role == Role.ADMIN,
        may_read_versions=newest is not None and permissions.may(actor, "processes:read"),
    )


def _rows(session: Session, actor: Actor) -> list[Row]:
    """All processes by name, and after them the drafts of those that do not exist yet."""
    own = {draft.key: draft for draft in drafts.drafts_of(session, actor)}
    deployed = [
        Row(row.deployment.key, row.deployment, row.open_instances, own.pop(row.deployment.key, None))
        for row in queries.list_processes(session)
    ]
    return deployed + [Row(key, None, 0, draft) for key, draft in own.items()]


def _deployed(rows: list[Row]) -> Deployment | None:
    """The version that the address says has just been deployed, if that is so."""
    key, _, version = request.args.get("deployed", "").partition(":")
    newest = next((row.newest for row in rows if row.key == key), None)
    return newest if newest is not None and str(newest.version) == version else None


def _ask(problems: dict[str, str]) -> str:
    given = {field: request.form.get(field, "") for field in ("name", "key", "template")}
    return render_template("studio/new.html", templates=TEMPLATES, given=given, problems=problems)
