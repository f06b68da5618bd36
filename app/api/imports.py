"""Imports: whole lists of machines, users, failure codes and preventive plans from a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field
from werkzeug.datastructures import FileStorage

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.problems import ApiError
from app.api.core.schemas import In, Out
from app.domain.imports import sheets
from app.domain.imports.kinds import KINDS
from app.domain.imports.plan import ImportAction, Report
from app.domain.imports.problems import ImportRefused
from app.errors import BusinessError

resource = Resource(
    "Imports",
    "Lists from CSV (comma, semicolon or tab; UTF-8 or Windows-1252) or Excel (.xlsx), at most 50,000 rows "
    "and 10 MB: all rows or none. The first line names the columns; an empty cell changes nothing. What is "
    "known is brought up to date, what is not is added. Spare parts have an endpoint of their own.",
)


class ImportChoice(In):
    """Whether to import, or only to say what would happen."""

    dry_run: Annotated[bool, Field(description="Import nothing; answer what would happen.")] = False


class ImportedLine(Out):
    """What a line of the file does. Values are told by the names of their columns."""

    line: int
    action: ImportAction
    key: str = Field(description="By what it is known; empty for a machine that gets its code by the import.")
    name: str
    before: dict[str, str | int | bool | None]
    after: dict[str, str | int | bool | None]


class ImportProblemOut(Out):
    """What is wrong in one place of the file, and what to do."""

    line: int = Field(description="Counts from 1, the line with the headers.")
    column: str = Field(description="The header, as the file has it; empty where the whole line is meant.")
    value: str = Field(description="What stands there.")
    message: str


class ImportResult(Out):
    """What an import did, or would do. With errors nothing is imported."""

    dry_run: bool
    valid: bool
    rows: int
    created: int
    updated: int
    unchanged: int
    notes: list[str] = Field(description="How the file was read.")
    first_rows: list[ImportedLine] = Field(description="The first 20.")
    errors: list[ImportProblemOut] = Field(description="The first 500.")
    errors_total: int


@resource.post("/imports/machines", needs="machines:write", answers=ImportResult, file_field="file")
def import_machines(query: ImportChoice, files: list[FileStorage]) -> ImportResult:
    """Import machines: `name`, `qrCode`, `department`, `model`, `serialNumber`, `location`,
    `installationDate`, `criticality`.

    A machine is known by its QR code; without one it is new and gets a code. Its status stays as it is. With
    `dryRun=true` nothing is imported and all errors are answered with 200; otherwise with 422, each under
    `lines.<line>.<column>`.
    """
    return _import("machines", query, files)


@resource.post("/imports/users", needs="users:write", answers=ImportResult, file_field="file")
def import_users(query: ImportChoice, files: list[FileStorage]) -> ImportResult:
    """Import users: `email`, `name`, `role`, `department`, `processOwner`, `language`.

    A user is known by the e-mail address. New users have no password that anybody knows: they set one by a
    link. `dryRun` and errors are as with machines.
    """
    return _import("users", query, files)


@resource.post("/imports/failure-codes", needs="failure-codes:write", answers=ImportResult, file_field="file")
def import_failure_codes(query: ImportChoice, files: list[FileStorage]) -> ImportResult:
    """Import failure codes: `code`, `name`, `description`.

    `dryRun` and errors are as with machines.
    """
    return _import("failure-codes", query, files)


@resource.post(
    "/imports/preventive-plans",
    needs="preventive-maintenance:write",
    answers=ImportResult,
    file_field="file",
)
def import_preventive_plans(query: ImportChoice, files: list[FileStorage]) -> ImportResult:
    """Import preventive plans: `machine`, `title`, `description`, `repeat`, `everyHours`, `startsOn`,
    `leadDays`, `estimatedMinutes`, `role`, `technician`, `checklist`, `parts`.

    A plan is known by its machine and title. `repeat` is like `every 3 months` or an RRULE; items of a
    checklist and parts are separated by `|`. `dryRun` and errors are as with machines.
    """
    return _import("preventive-plans", query, files)


def _import(name: str, query: ImportChoice, files: list[FileStorage]) -> ImportResult:
    if len(files) != 1:
        raise BusinessError("ONE_FILE", "Send one file at a time.", field="file")
    data = files[0].read(sheets.MAX_BYTES + 1)
    kind, session = KINDS[name], calls.session()
    if query.dry_run:
        found = kind.preview(session, data)
        return _result(found.report, found.sheet.notes, dry_run=True)
    try:
        return _result(kind.run(session, data, calls.user_id()), (), dry_run=False)
    except ImportRefused as refused:
        raise refusal(refused) from None


def refusal(refused: ImportRefused) -> ApiError:
    """The answer to a file with problems: each under its line and column."""
    errors: dict[str, list[str]] = {}
    for problem in refused.problems:
        place = f"lines.{problem.line}" + (f".{problem.column}" if problem.column else "")
        errors.setdefault(place, []).append(problem.message)
    return ApiError(422, refused.code, refused.message, errors)


def _result(report: Report, notes: Any, *, dry_run: bool) -> ImportResult:
    return ImportResult(
        dry_run=dry_run,
        valid=report.is_valid,
        rows=report.rows,
        created=report.created,
        updated=report.updated,
        unchanged=report.unchanged,
        notes=list(notes),
        first_rows=[
            ImportedLine(
                line=row.line,
                action=row.action,
                key=row.key,
                name=row.name,
                before=told(row.before),
                after=told(row.after),
            )
            for row in report.first_rows
        ],
        errors=[ImportProblemOut.model_validate(problem) for problem in report.problems],
        errors_total=report.problems_total,
    )


def told(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON has them."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return value.isoformat() if isinstance(value, date) else value
