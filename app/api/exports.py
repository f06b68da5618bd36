"""Exports: reports and lists that are written in the background and kept for some days."""

from __future__ import annotations

from typing import Annotated, Literal

from flask import Response
from pydantic import Field

from app.access import permissions
from app.access.reports import NEEDS
from app.api.core import calls
from app.api.core.endpoints import Download, Resource
from app.api.core.schemas import Id, In, Instant, Out, left_out
from app.api.periods import PartGroup, Period, scope_of
from app.domain import exports
from app.domain.analytics import scope_values
from app.domain.exports import Export, ExportState
from app.domain.reports.catalogue import ReportName
from app.errors import BusinessError
from app.exports.formats import FileFormat
from app.jobs import export_writing
from app.stored_files import response_of_export

resource = Resource("Exports", "Reports that are written in the background, for the caller alone.")


class ExportOf(In):
    """What the report is narrowed to."""

    department_id: Id = left_out()
    machine_id: Id = left_out()
    part_group: PartGroup = left_out()


class ExportIn(Period):
    """Which report, and as what kind of file."""

    report: ReportName
    format: FileFormat
    filters: ExportOf = left_out()


class ExportOut(Out):
    """An export: where it stands, and how long its file is kept."""

    id: int
    report: ReportName | Literal["list"] = Field(
        description="The name of the report; `list` for a list that was asked for on its page."
    )
    title: str
    format: FileFormat
    state: ExportState
    progress: Annotated[float, Field(ge=0, le=1, description="The part that is written, 0 to 1.")]
    rows_written: int
    file_name: str
    size: int = Field(description="Bytes.")
    error: str
    created_at: Instant
    finished_at: Instant | None
    expires_at: Instant


class ExportList(Out):
    """The caller's exports, newest first; at most 200."""

    items: list[ExportOut]


@resource.get("/exports", needs="account:use", answers=ExportList)
def list_exports() -> dict[str, list[Export]]:
    """List the caller's exports."""
    return {"items": exports.of_user(calls.session(), calls.user_id())}


@resource.post("/exports", needs="reports:export", answers=ExportOut, status=201)
def create_export(body: ExportIn) -> Export:
    """Have a report written as a file. A notification tells when it is ready."""
    session = calls.session()
    scope = scope_of(
        body, permissions.require(calls.actor(), NEEDS[body.report]), body.given().get("filters")
    )
    made = exports.ask(
        session,
        calls.user_id(),
        report=body.report,
        title=body.report.value.replace("-", " ").capitalize(),
        form=body.format,
        scope=scope_values.stored(scope),
        rows_expected=export_writing.expected_rows(session, body.report),
    )
    export_writing.queue(session, made)
    calls.location(f"/exports/{made.id}")
    return made


@resource.get("/exports/{export_id}", needs="account:use", answers=ExportOut)
def get_export(export_id: Id) -> Export:
    """Get an export, and how far it is."""
    return exports.find(calls.session(), export_id, calls.user_id())


@resource.get(
    "/exports/{export_id}/file",
    needs="account:use",
    answers=Download,
    media=[form.media_type for form in FileFormat],
    etag=True,
)
def get_export_file(export_id: Id) -> Response:
    """Get the file of an export that is written, or the range of it that is asked for."""
    session = calls.session()
    row = exports.find(session, export_id, calls.user_id())
    if row.state != ExportState.DONE:
        raise BusinessError("NOT_WRITTEN", "This export is not written yet; ask again later.")
    return response_of_export(row)


@resource.delete("/exports/{export_id}", needs="account:use")
def delete_export(export_id: Id) -> None:
    """Remove an export before its time."""
    session = calls.session()
    exports.remove(session, exports.find(session, export_id, calls.user_id()))
