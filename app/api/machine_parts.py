"""Parts lists: which spare parts a machine uses, and how many of each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import Id, In, Out, PageOf, left_out
from app.api.references import PartRef
from app.domain import machine_parts
from app.domain.machines import Machine, MachineSparePart
from app.domain.queries import machines
from app.domain.queries.paging import MAX_PAGE_SIZE, Page

resource = Resource("Parts lists", "Which spare parts a machine uses, and how many of each.")

Fitted = Annotated[int, Field(ge=1, le=1_000_000_000, description="How many of it are fitted.")]
Notes = Annotated[str, Field(max_length=500)]


class FittedPart(PartRef):
    """A spare part on a machine's parts list, with what is in stock of it."""

    active: bool
    in_stock: int = Field(validation_alias="quantity")
    min_quantity: int
    is_low: bool


class FittedOut(Out):
    """A line of a machine's parts list."""

    part: FittedPart
    quantity: int
    notes: str


class FittedIn(In):
    """A part that the machine uses."""

    spare_part_id: Id
    quantity: Fitted = 1
    notes: Notes = ""


class FittedChanges(In):
    """What changes; what is left out stays."""

    quantity: Fitted = left_out()
    notes: Notes = left_out()


class FittedFilters(In):
    """The order of a parts list."""

    sort: Literal["partName", "-partName", "partNumber", "-partNumber", "quantity", "-quantity"] = "partName"
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 25


@resource.get("/machines/{machine_id}/spare-parts", needs="machines:read", answers=PageOf[FittedOut])
def list_machine_spare_parts(machine_id: Id, query: FittedFilters) -> Page[MachineSparePart]:
    """List the spare parts that a machine uses."""
    find(Machine, machine_id)
    return machines.list_fitted(
        calls.session(), machine_id=machine_id, sort=query.sort, page=query.page, page_size=query.page_size
    )


@resource.get(
    "/machines/{machine_id}/spare-parts/{spare_part_id}",
    needs="machines:read",
    answers=FittedOut,
    etag=True,
)
def get_machine_spare_part(machine_id: Id, spare_part_id: Id) -> MachineSparePart:
    """Get a line of a machine's parts list."""
    return machine_parts.get_part(calls.session(), find(Machine, machine_id), spare_part_id)


@resource.post(
    "/machines/{machine_id}/spare-parts", needs="machines:write", answers=FittedOut, status=201, etag=True
)
def assign_machine_spare_part(machine_id: Id, body: FittedIn) -> MachineSparePart:
    """Put a spare part on a machine's parts list."""
    fitted = machine_parts.assign_part(
        calls.session(),
        find(Machine, machine_id, lock=True),
        calls.user_id(),
        spare_part_id=body.spare_part_id,
        quantity=body.quantity,
        notes=body.notes,
    )
    calls.location(f"/machines/{machine_id}/spare-parts/{body.spare_part_id}")
    return fitted


@resource.put(
    "/machines/{machine_id}/spare-parts/{spare_part_id}",
    needs="machines:write",
    answers=FittedOut,
    etag=True,
)
def update_machine_spare_part(machine_id: Id, spare_part_id: Id, body: FittedChanges) -> MachineSparePart:
    """Change how many of a part a machine has, or the note about it."""
    session, machine = calls.session(), find(Machine, machine_id, lock=True)
    calls.require_unchanged(FittedOut, machine_parts.get_part(session, machine, spare_part_id))
    return machine_parts.change_part(session, machine, spare_part_id, calls.user_id(), **body.given())


@resource.delete("/machines/{machine_id}/spare-parts/{spare_part_id}", needs="machines:write", etag=True)
def remove_machine_spare_part(machine_id: Id, spare_part_id: Id) -> None:
    """Take a part off a machine's parts list."""
    session, machine = calls.session(), find(Machine, machine_id, lock=True)
    calls.require_unchanged(FittedOut, machine_parts.get_part(session, machine, spare_part_id))
    machine_parts.remove_part(session, machine, spare_part_id, calls.user_id())
