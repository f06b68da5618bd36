"""Spare parts: the catalogue with its stock, what is low, and the import of whole lists."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption
from werkzeug.datastructures import FileStorage

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import (
    Amount,
    Id,
    In,
    Instant,
    LongText,
    Named,
    Out,
    PageOf,
    Paging,
    Quantity,
    Text,
    left_out,
)
from app.api.imports import refusal
from app.api.references import MachineInDepartment
from app.domain import part_catalogue
from app.domain.imports import sheets, spare_parts
from app.domain.imports.plan import ImportAction, PlannedRow, Report
from app.domain.imports.problems import ImportRefused
from app.domain.machines import MachineSparePart
from app.domain.parts import PartStock, SparePart
from app.domain.queries import inventory, machines
from app.domain.queries.paging import MAX_PAGE_SIZE, Page
from app.errors import BusinessError

resource = Resource(
    "Spare parts", "The catalogue of spare parts. What is in stock of a part, only movements change."
)

GroupNumber = Annotated[str, Field(max_length=100)]
Line = Annotated[str, Field(max_length=255)]
Opening = Annotated[
    int,
    Field(ge=0, le=1_000_000_000, description="What is in stock from the start, at the usual location."),
]
Unchanged = Annotated[
    int,
    Field(ge=0, le=1_000_000_000, description="Accepted only when it is what is in stock; see movements."),
]


class StockOut(Out):
    """What lies at one location."""

    location: Named
    quantity: int
    reserved: int = Field(description="Promised to parts requests.")


class SparePartOut(Out):
    """A spare part with its stock."""

    id: int
    part_number: str
    part_name: str
    description: str
    group_number: str
    group_name: str
    quantity: int = Field(description="At all locations together.")
    free: int = Field(description="Of that, what is not promised to parts requests.")
    min_quantity: int
    is_low: bool
    unit_price: Amount
    location: str = Field(description="Where to look, in words.")
    default_location: Named | None = Field(description="The usual stock location.")
    stock: list[StockOut]
    active: bool
    created_at: Instant
    updated_at: Instant


class SparePartIn(In):
    """A new spare part. Opening stock needs a usual location, unless there is only one."""

    part_number: Text
    part_name: Text
    description: LongText = ""
    group_number: GroupNumber = ""
    group_name: Line = ""
    quantity: Opening = 0
    min_quantity: Quantity = 0
    unit_price: Amount = Decimal("0.00")
    location: Line = ""
    default_location_id: Id | None = None
    active: bool = True


class SparePartChanges(In):
    """What changes; what is left out stays. Quantities are changed by movements."""

    part_number: Text = left_out()
    part_name: Text = left_out()
    description: LongText = left_out()
    group_number: GroupNumber = left_out()
    group_name: Line = left_out()
    quantity: Unchanged = left_out()
    min_quantity: Quantity = left_out()
    unit_price: Amount = left_out()
    location: Line = left_out()
    default_location_id: Id | None = left_out()
    active: bool = left_out()


PartSort = Literal[
    "partName", "-partName", "partNumber", "-partNumber", "groupNumber", "-groupNumber",
    "quantity", "-quantity", "minQuantity", "-minQuantity", "shortage", "-shortage",
    "unitPrice", "-unitPrice", "location", "-location", "createdAt", "-createdAt", "updatedAt", "-updatedAt",
]  # fmt: skip


class LowStockFilters(Paging):
    """Which of the parts that are low, in which order; those that miss most first."""

    group: Annotated[str, Field(max_length=100, description="A group number.")] = left_out()
    sort: PartSort = "-shortage"


class SparePartFilters(LowStockFilters):
    """Which spare parts, in which order."""

    low_stock: Annotated[bool, Field(description="Only those of which less is left than the minimum.")] = (
        False
    )
    active: bool = left_out()
    machine_id: Annotated[Id, Field(description="On this machine's parts list.")] = left_out()
    location_id: Annotated[Id, Field(description="Of which stock lies at this location.")] = left_out()
    sort: PartSort = "partName"

    def for_list(self) -> dict[str, Any]:
        values = super().for_list()
        values["low_only"] = values.pop("low_stock")
        return {**values, "inactive": True}


class UsingFilters(In):
    """The order of the machines that use a part."""

    sort: Literal["machine", "-machine", "quantity", "-quantity"] = "machine"
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 25


class UsingMachine(Out):
    """A machine that uses a part, and how many of it are fitted."""

    machine: MachineInDepartment
    quantity: int
    notes: str


class ImportOptions(In):
    """Whether to import, or only to say what would happen."""

    preview: Annotated[bool, Field(description="Import nothing; answer what would happen.")] = False


class ImportProblem(Out):
    """What is wrong in one place of the file, and what to do."""

    line: int = Field(description="Counts from 1, the line with the headers.")
    column: str = Field(description="The header, as the file has it; empty where the whole line is meant.")
    message: str


class ImportedRow(Out):
    """What a line of the file does. Values are told by the names that the API has for them."""

    line: int
    action: ImportAction
    part_number: str
    part_name: str
    before: dict[str, str | int | None]
    after: dict[str, str | int | None]


class ImportOut(Out):
    """What an import did, or would do. With errors nothing is imported."""

    preview: bool
    valid: bool
    rows: int
    created: int
    updated: int
    unchanged: int
    first_rows: list[ImportedRow] = Field(description="The first 20.")
    errors: list[ImportProblem] = Field(description="The first 500.")
    errors_total: int


@resource.get("/spare-parts", needs="spare-parts:read", answers=PageOf[SparePartOut])
def list_spare_parts(query: SparePartFilters) -> Page[SparePart]:
    """List spare parts."""
    return inventory.list_parts(calls.session(), **query.for_list())


@resource.get("/spare-parts/low-stock", needs="spare-parts:read", answers=PageOf[SparePartOut])
def list_low_stock(query: LowStockFilters) -> Page[SparePart]:
    """List the parts in use of which less is left than their minimum."""
    return inventory.list_parts(calls.session(), low_only=True, **query.for_list())


@resource.get("/spare-parts/{spare_part_id}", needs="spare-parts:read", answers=SparePartOut, etag=True)
def get_spare_part(spare_part_id: Id) -> SparePart:
    """Get a spare part."""
    return find(SparePart, spare_part_id, *_shown())


@resource.post("/spare-parts", needs="spare-parts:write", answers=SparePartOut, status=201, etag=True)
def create_spare_part(body: SparePartIn) -> SparePart:
    """Create a spare part, with its opening stock as a movement IN."""
    values = {name: getattr(body, name) for name in SparePartIn.model_fields}
    made = part_catalogue.create_part(calls.session(), calls.user_id(), **values)
    calls.location(f"/spare-parts/{made.id}")
    return made


@resource.put("/spare-parts/{spare_part_id}", needs="spare-parts:write", answers=SparePartOut, etag=True)
def update_spare_part(spare_part_id: Id, body: SparePartChanges) -> SparePart:
    """Change a spare part. Its quantity is changed by movements only."""
    found = find(SparePart, spare_part_id, *_shown(), lock=True)
    calls.require_unchanged(SparePartOut, found)
    return part_catalogue.update_part(calls.session(), found, calls.user_id(), **body.given())


@resource.delete("/spare-parts/{spare_part_id}", needs="spare-parts:write", etag=True)
def delete_spare_part(spare_part_id: Id) -> None:
    """Delete a spare part that has neither stock nor history; others are deactivated instead."""
    found = find(SparePart, spare_part_id, *_shown(), lock=True)
    calls.require_unchanged(SparePartOut, found)
    part_catalogue.delete_part(calls.session(), found, calls.user_id())


@resource.get("/spare-parts/{spare_part_id}/machines", needs="spare-parts:read", answers=PageOf[UsingMachine])
def list_machines_using_part(spare_part_id: Id, query: UsingFilters) -> Page[MachineSparePart]:
    """List the machines that use a spare part."""
    find(SparePart, spare_part_id)
    return machines.list_fitted(
        calls.session(), part_id=spare_part_id, sort=query.sort, page=query.page, page_size=query.page_size
    )


@resource.post("/spare-parts/bulk-import", needs="spare-parts:write", answers=ImportOut, file_field="file")
def import_spare_parts(query: ImportOptions, files: list[FileStorage]) -> ImportOut:
    """Import spare parts from a CSV or Excel file: all of its rows, or none.

    New part numbers are added, with their quantity as opening stock; known ones get the name, texts,
    price, minimum and locations that the file has for them, and keep their quantity. An empty cell changes
    nothing. The first line names the columns: `partNumber`, `partName`, `description`, `groupNumber`,
    `groupName`, `quantity`, `minQuantity`, `unitPrice`, `location`, `defaultLocation` (the name of a stock
    location), or what they are called in English. CSV in UTF-8 or Windows-1252, separated by commas,
    semicolons or tabs, or Excel (.xlsx); at most 50,000 rows and 10 MB. With `preview=true` nothing is
    imported, and all errors are answered with 200; otherwise errors are answered with 422, each under
    `lines.<line>.<column>`.
    """
    if len(files) != 1:
        raise BusinessError("ONE_FILE", "Send one file at a time.", field="file")
    data = files[0].read(sheets.MAX_BYTES + 1)
    session = calls.session()
    if query.preview:
        return _report(spare_parts.preview(session, data), preview=True)
    try:
        return _report(spare_parts.run(session, data, calls.user_id()), preview=False)
    except ImportRefused as refused:
        raise refusal(refused) from None


def _shown() -> tuple[ORMOption, ...]:
    """What an answer says about a part, beside its own columns."""
    return (
        selectinload(SparePart.stock).joinedload(PartStock.location),
        joinedload(SparePart.default_location),
    )


def _report(report: Report, *, preview: bool) -> ImportOut:
    return ImportOut(
        preview=preview,
        valid=report.is_valid,
        rows=report.rows,
        created=report.created,
        updated=report.updated,
        unchanged=report.unchanged,
        first_rows=[_row(row) for row in report.first_rows],
        errors=[
            ImportProblem(line=problem.line, column=problem.column, message=problem.message)
            for problem in report.problems
        ],
        errors_total=report.problems_total,
    )


def _row(row: PlannedRow) -> ImportedRow:
    return ImportedRow(
        line=row.line,
        action=row.action,
        part_number=row.key,
        part_name=row.name,
        before=_told(row.before),
        after=_told(row.after),
    )


def _told(values: Mapping[str, Any]) -> dict[str, str | int | None]:
    return {name: f"{value:.2f}" if isinstance(value, Decimal) else value for name, value in values.items()}
