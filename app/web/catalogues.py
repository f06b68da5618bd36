"""The factory's own vocabulary: failure codes and maintenance types, each with pages of the same kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.access import permissions
from app.domain import catalogues
from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.queries import catalogues as lists
from app.domain.queries.paging import EVERY, Page
from app.domain.queries.sorting import Sorts
from app.domain.reports.model import Kind
from app.errors import NotFound
from app.extensions import db
from app.web import list_files, listing
from app.web.deleting import ask_and_delete
from app.web.list_files import FileColumn
from app.web.people import current_actor, me, permission_required
from app.web.record_forms import Flag, Line, Prose, RecordForm, attempt

SORTS = {"code": "By code", "name": "By name", "-createdAt": "Newest first", "-updatedAt": "Changed last"}


@dataclass(frozen=True)
class Catalogue:
    """One of the vocabularies: what it is called, who keeps it, and the functions that do."""

    name: str  # of the blueprint
    path: str
    one: str
    many: str
    lead: str
    nothing: str
    example: str
    model: type[Any]
    sorts: Sorts
    list: Callable[..., Page[Any]]
    create: Callable[..., Any]
    update: Callable[..., Any]
    delete: Callable[..., None]

    @property
    def reads(self) -> str:
        return f"{self.path}:read"

    @property
    def writes(self) -> str:
        return f"{self.path}:write"

    def address(self, view: str, **values: Any) -> str:
        """The address of one of its pages."""
        return url_for(f"{self.name}.{view}", **values)


FAILURE_CODES = Catalogue(
    name="failure_codes",
    path="failure-codes",
    one="failure code",
    many="Failure codes",
    lead="How machines fail, in the words in which the factory counts it.",
    nothing="Whoever reports a problem may say which of them it is, and the figures count them.",
    example="HYD-LEAK",
    model=FailureCode,
    sorts=lists.FAILURE_CODE_SORTS,
    list=lists.list_failure_codes,
    create=catalogues.create_failure_code,
    update=catalogues.update_failure_code,
    delete=catalogues.delete_failure_code,
)
MAINTENANCE_TYPES = Catalogue(
    name="maintenance_types",
    path="maintenance-types",
    one="maintenance type",
    many="Maintenance types",
    lead="What kind of maintenance a job was: corrective, preventive, improvement.",
    nothing="Supervisors say which kind a job is, and the figures tell them apart.",
    example="CORR",
    model=MaintenanceType,
    sorts=lists.MAINTENANCE_TYPE_SORTS,
    list=lists.list_maintenance_types,
    create=catalogues.create_maintenance_type,
    update=catalogues.update_maintenance_type,
    delete=catalogues.delete_maintenance_type,
)
COLUMNS = (
    FileColumn("Code", lambda row: row.code),
    FileColumn("Name", lambda row: row.name),
    FileColumn("Description", lambda row: row.description),
    FileColumn("In use", lambda row: "yes" if row.active else "no"),
    FileColumn("Added", lambda row: row.created_at, Kind.DATETIME),
    FileColumn("Changed", lambda row: row.updated_at, Kind.DATETIME),
)


class EntryForm(RecordForm):
    """What is asked about an entry of a catalogue."""

    code = Line("Code", render_kw={"required": True, "maxlength": 50, "autocapitalize": "characters"})
    name = Line("Name", render_kw={"required": True, "maxlength": 255})
    description = Prose("Description", description="When it is meant, for those who choose it.")


class EntryEditForm(EntryForm):
    """What can be changed of one that is there."""

    active = Flag(
        "In use", description="One that is not in use stays where it was chosen, and is offered no more."
    )


def _pages_of(catalogue: Catalogue) -> Blueprint:
    """The pages of one catalogue."""
    pages = Blueprint(catalogue.name, __name__)
    path = f"/{catalogue.path}"
    may_read, may_write = permission_required(catalogue.reads), permission_required(catalogue.writes)

    @pages.get(path, endpoint="listing")
    @may_read
    def listing_page() -> str:
        return render_template(
            "catalogues/list.html",
            catalogue=catalogue,
            found=_found(catalogue, listing.page_number(), listing.PAGE_SIZE),
            sort=listing.sort(catalogue.sorts, "code"),
            sorts=SORTS,
            filters={name: request.args.get(name, "") for name in ("q", "active")},
            filtered=any(request.args.get(name) for name in ("q", "active")),
            may_write=permissions.may(current_actor(), catalogue.writes),
            url_with=listing.url_with,
        )

    @pages.route(f"{path}/export.<form>", methods=list_files.METHODS)
    @may_read
    def export(form: str) -> ResponseReturnValue:
        narrowed = listing.in_words(q="Search", active="In use")
        rows = _found(catalogue, 1, EVERY)
        return list_files.answer(form, catalogue.path, catalogue.many, COLUMNS, rows, narrowed=narrowed)

    @pages.route(f"{path}/new", methods=["GET", "POST"])
    @may_write
    def new() -> ResponseReturnValue:
        form = EntryForm()
        if request.method == "POST":
            made = attempt(form, lambda session: catalogue.create(session, me().id, **form.values()))
            if made is not None:
                flash(f"{made.code} is added.", "success")
                return redirect(catalogue.address("listing"))
        return _form(catalogue, form)

    @pages.route(f"{path}/<int:entry_id>/edit", methods=["GET", "POST"])
    @may_write
    def edit(entry_id: int) -> ResponseReturnValue:
        found = _get(catalogue, entry_id)
        form = EntryEditForm(found)

        def save(session: Session) -> Any:
            form.require_unchanged(session, found)
            return catalogue.update(session, found, me().id, **form.values())

        if request.method == "POST" and attempt(form, save) is not None:
            flash(f"{found.code} is saved.", "success")
            return redirect(catalogue.address("listing"))
        return _form(catalogue, form, _get(catalogue, entry_id))

    @pages.route(f"{path}/<int:entry_id>/delete", methods=["GET", "POST"])
    @may_write
    def delete(entry_id: int) -> ResponseReturnValue:
        found = _get(catalogue, entry_id)
        return ask_and_delete(
            lambda session: catalogue.delete(session, _get(catalogue, entry_id), me().id),
            what=f"the {catalogue.one} {found.code}",
            back=catalogue.address("edit", entry_id=entry_id),
            then=catalogue.address("listing"),
            crumbs=[(catalogue.many, catalogue.address("listing"))],
        )

    return pages


def _found(catalogue: Catalogue, page: int, page_size: int) -> Page[Any]:
    return catalogue.list(
        db.session(),
        active=listing.yes_or_no("active"),
        q=listing.words(),
        sort=listing.sort(catalogue.sorts, "code"),
        page=page,
        page_size=page_size,
    )


def _form(catalogue: Catalogue, form: EntryForm, found: Any = None) -> ResponseReturnValue:
    page = render_template("catalogues/form.html", catalogue=catalogue, form=form, entry=found)
    return page, 422 if form.problems else 200


def _get(catalogue: Catalogue, entry_id: int) -> Any:
    found = db.session().get(catalogue.model, entry_id)
    if found is None:
        raise NotFound(f"There is no such {catalogue.one}.")
    return found


failure_codes = _pages_of(FAILURE_CODES)
maintenance_types = _pages_of(MAINTENANCE_TYPES)
