"""Moving what runs to another version: who runs on what, who can move, and how far a migration is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.access import permissions
from app.database import unit_of_work
from app.domain.queries.paging import Page
from app.engine import deployments, migration, migration_batch, queries
from app.engine.definitions import Definition
from app.engine.diagram import Element
from app.engine.migration import Forecast
from app.engine.models import Deployment
from app.engine.queries import LISTENING
from app.errors import BusinessError
from app.extensions import db
from app.jobs import JobSystem
from app.processes import migrating
from app.web import listing
from app.web.difference_words import KINDS
from app.web.engine import engine
from app.web.people import current_actor, permission_required
from app.web.versions import DEPLOY, LARGEST_VERSION, READ, get_version, latest

pages = Blueprint("migrations", __name__)

MAP = "map."  # before the ids of old elements, among the fields of the form
PAGE_SIZE = 100
RESULTS_PAGE = 100
# So many are moved before the next page is shown; more are left to the jobs, and the page follows them.
AT_ONCE = 50
MAXIMUM_MAPPED = 200


@dataclass(frozen=True)
class Missing:
    """An element where something stands and that the new version lacks, with what could take its place."""

    element: Element
    options: list[tuple[str, str]]
    chosen: str


@dataclass(frozen=True)
class Wanted:
    """What is to move where: ``old`` is None for all other versions."""

    key: str
    old: Deployment | None
    new: Deployment
    mapping: dict[str, str]


@pages.get("/studio/<key>/migrate")
@permission_required(READ)
def show(key: str) -> str:
    """Who runs on what, which of them could move to a version, and which could not and why."""
    return _page(_wanted(key, request.args))


@pages.post("/studio/<key>/migrate")
@permission_required(DEPLOY)
def move(key: str) -> ResponseReturnValue:
    """Move the chosen instances, or all: a few at once, many as jobs."""
    wanted, actor = _wanted(key, request.form), current_actor()
    everything = request.form.get("choose") == "all"
    chosen = [int(text) for text in request.form.getlist("instance") if _is_id(text)]
    try:
        with unit_of_work(db.session()) as session:
            batch = migrating.begin(
                engine(),
                session,
                key,
                wanted.new.version,
                by=actor,
                reason=request.form.get("reason", ""),
                instance_ids=None if everything else chosen[:PAGE_SIZE],
                from_version=wanted.old.version if wanted.old else None,
                mapping=wanted.mapping,
            )
    except BusinessError as refused:
        field = refused.field or ""
        problems = {field if field in ("reason", "instanceIds") else "mapping": str(refused)}
        return _page(wanted, problems, chosen=chosen, everything=everything), 422
    if len(batch.job_ids) <= AT_ONCE:
        system: JobSystem = current_app.extensions["millwright.jobs"]
        for job_id in batch.job_ids:
            system.perform(job_id)
    return redirect(url_for("migrations.progress", key=key, name=batch.name))


@pages.get("/studio/<key>/migrations/<name>")
@permission_required(READ)
def progress(key: str, name: str) -> str:
    """How far a migration is, and what became of each instance."""
    session = db.session()
    batch = migration_batch.progress(session, key, name[:40])
    found = migration_batch.results(session, batch.name, page=listing.page_number(), page_size=RESULTS_PAGE)
    return render_template(
        "versions/progress.html",
        process=latest(key),
        batch=batch,
        found=Page(found.items, found.total, found.page, found.page_size),
        url_with=listing.url_with,
    )


# -- inner parts -----------------------------------------------------------------------------------


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text[:11]) <= LARGEST_VERSION


def _wanted(key: str, values: Mapping[str, str]) -> Wanted:
    """What an address or a form says. Raises :class:`NotFound`."""
    newest = latest(key)
    to, old = values.get("to", ""), values.get("from", "")
    mapping = {
        name.removeprefix(MAP)[:255]: value[:255]
        for name, value in list(values.items())
        if name.startswith(MAP) and value
    }
    return Wanted(
        key,
        get_version(key, int(old)) if _is_id(old) else None,
        get_version(key, int(to)) if _is_id(to) else newest,
        dict(list(mapping.items())[:MAXIMUM_MAPPED]),
    )


def _page(
    wanted: Wanted,
    problems: dict[str, str] | None = None,
    *,
    chosen: Iterable[int] | None = None,
    everything: bool = False,
) -> str:
    session, problems = db.session(), dict(problems or {})
    old, new = wanted.old, wanted.new
    found = migration_batch.candidates(
        session,
        wanted.key,
        new.version,
        from_version=old.version if old else None,
        page=listing.page_number(),
        page_size=PAGE_SIZE,
    )
    try:
        forecasts = _plan(session, wanted, found.items, wanted.mapping)
    except BusinessError as refused:
        problems["mapping"] = str(refused)
        forecasts = _plan(session, wanted, found.items, {})
    definition = engine().definition(session, new.id)
    versions = queries.list_versions(session, wanted.key, page_size=queries.MAXIMUM_PAGE).items
    olds = {forecast.version for forecast in forecasts}
    definitions = {
        number: engine().definition(session, deployments.get_version(session, wanted.key, number).id)
        for number in olds
    }
    return render_template(
        "versions/migrate.html",
        process=latest(wanted.key),
        wanted=wanted,
        versions=versions,
        running=[row for row in versions if row.open_instances],
        page=Page(found.items, found.total, found.page, found.page_size),
        forecasts=forecasts,
        movable=sum(forecast.can_move for forecast in forecasts),
        stands={f.instance_id: _stands(f, definitions[f.version]) for f in forecasts},
        missing=_missing(forecasts, definitions, definition, wanted.mapping),
        chosen=None if chosen is None else set(chosen),
        everything=everything,
        problems=problems,
        reason=request.form.get("reason", "")[:500],
        url_with=listing.url_with,
        map_prefix=MAP,
        may_deploy=permissions.may(current_actor(), DEPLOY),
    )


def _plan(session: Session, wanted: Wanted, ids: list[int], mapping: Mapping[str, str]) -> list[Forecast]:
    return migration.plan(
        engine(), session, wanted.key, wanted.new.version, instance_ids=ids, mapping=mapping
    )


def _stands(forecast: Forecast, definition: Definition) -> list[str]:
    """The steps at which something is to be done; where there are none, whatever it waits for."""
    found = [definition.element(element_id) for element_id in forecast.stands_at]
    steps = [element for element in found if element.type not in LISTENING]
    return [element.label for element in steps or found]


def _missing(
    forecasts: Iterable[Forecast],
    olds: Mapping[int, Definition],
    new: Definition,
    mapping: Mapping[str, str],
) -> list[Missing]:
    """The elements where something stands and that the new version does not have, or has as something
    else; those of the new version that could take their place first, if the old one has them not."""
    found: dict[str, Missing] = {}
    for forecast in forecasts:
        old = olds[forecast.version].diagram.elements
        for element_id in forecast.stands_at:
            element = old[element_id]
            same = new.diagram.elements.get(element_id)
            if element_id in found or (same is not None and same.type == element.type):
                continue
            fitting = [each for each in new.diagram.elements.values() if each.type == element.type]
            fitting.sort(key=lambda each: (each.id in old, each.label.casefold()))
            options = [(each.id, _option(each, is_new=each.id not in old)) for each in fitting]
            found[element_id] = Missing(element, options, mapping.get(element_id, ""))
    return list(found.values())


def _option(element: Element, *, is_new: bool) -> str:
    kind = KINDS.get(element.type, element.type)
    return f"{element.label} ({'new ' if is_new else ''}{kind}, {element.id})"
