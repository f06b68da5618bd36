"""Machines: the register, and the code on each label."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from flask import request
from pydantic import Field
from sqlalchemy.orm import joinedload

from app import machine_labels
from app.api.core import calls
from app.api.core.endpoints import Download, Resource
from app.api.core.finding import find
from app.api.core.schemas import Day, Id, In, Instant, Named, Out, PageOf, Paging, Text, left_out
from app.domain import machine_register
from app.domain.machines import Criticality, Machine, MachineStatus
from app.domain.queries import machines
from app.domain.queries.paging import Page
from app.errors import NotFound

resource = Resource("Machines", "The register of machines, and the codes on their labels.")

QrCode = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+-]*$",
        description="What the label says; letters, digits and . _ : + -",
    ),
]
Line = Annotated[str, Field(max_length=255)]


class MachineOut(Out):
    """A machine."""

    id: int
    qr_code: str
    name: str
    model: str
    serial_number: str
    department: Named
    location: str
    installation_date: date | None
    criticality: Criticality
    status: MachineStatus
    created_at: Instant
    updated_at: Instant


class MachineIn(In):
    """A new machine. Without a QR code it gets one."""

    name: Text
    department_id: Id
    qr_code: QrCode = left_out()
    model: Line = ""
    serial_number: Line = ""
    location: Line = ""
    installation_date: Day | None = None
    criticality: Criticality = Criticality.MEDIUM
    status: MachineStatus = MachineStatus.OPERATIONAL


class MachineChanges(In):
    """What changes; what is left out stays."""

    name: Text = left_out()
    department_id: Id = left_out()
    qr_code: QrCode = left_out()
    model: Line = left_out()
    serial_number: Line = left_out()
    location: Line = left_out()
    installation_date: Day | None = left_out()
    criticality: Criticality = left_out()
    status: MachineStatus = left_out()


class MachineFilters(Paging):
    """Which machines, in which order."""

    department_id: Id = left_out()
    status: list[MachineStatus] = Field(default_factory=list)
    criticality: Criticality = left_out()
    sort: Literal[
        "name", "-name", "qrCode", "-qrCode", "status", "-status", "criticality", "-criticality",
        "department", "-department", "installationDate", "-installationDate",
        "createdAt", "-createdAt", "updatedAt", "-updatedAt",
    ] = "name"  # fmt: skip

    def for_list(self) -> dict[str, Any]:
        values = super().for_list()
        values["statuses"] = values.pop("status")
        return values


class QrFormat(In):
    """How the code is drawn; without a format, as the Accept header asks, else as a PNG."""

    format: Literal["png", "svg"] = left_out()


@resource.get("/machines", needs="machines:read", answers=PageOf[MachineOut])
def list_machines(query: MachineFilters) -> Page[Machine]:
    """List machines."""
    return machines.list_machines(calls.session(), **query.for_list())


@resource.get("/machines/{machine_id}", needs="machines:read", answers=MachineOut, etag=True)
def get_machine(machine_id: Id) -> Machine:
    """Get a machine."""
    return find(Machine, machine_id, joinedload(Machine.department))


@resource.post("/machines", needs="machines:write", answers=MachineOut, status=201, etag=True)
def create_machine(body: MachineIn) -> Machine:
    """Register a machine."""
    made = machine_register.create_machine(calls.session(), calls.user_id(), **_register(body))
    calls.location(f"/machines/{made.id}")
    return made


@resource.put("/machines/{machine_id}", needs="machines:write", answers=MachineOut, etag=True)
def update_machine(machine_id: Id, body: MachineChanges) -> Machine:
    """Change a machine.

    Its status can be set by hand where no repair says how the machine is. One with open maintenance
    requests cannot be decommissioned.
    """
    found = find(Machine, machine_id, lock=True)
    calls.require_unchanged(MachineOut, found)
    return machine_register.update_machine(calls.session(), found, calls.user_id(), **body.given())


@resource.delete("/machines/{machine_id}", needs="machines:write", etag=True)
def delete_machine(machine_id: Id) -> None:
    """Delete a machine that has no history; others are decommissioned instead."""
    found = find(Machine, machine_id, lock=True)
    calls.require_unchanged(MachineOut, found)
    machine_register.delete_machine(calls.session(), found, calls.user_id())


@resource.get(
    "/machines/{machine_id}/qr-code",
    needs="machines:read",
    answers=Download,
    media=("image/png", "image/svg+xml"),
)
def get_machine_qr_code(machine_id: Id, query: QrFormat) -> Download:
    """Get the code for a machine's label, which holds the address of the machine's page.

    As a PNG or an SVG, as `format` or else the Accept header says.
    """
    found = find(Machine, machine_id)
    calls.on_response(lambda response: response.vary.add("Accept"))
    wanted = request.accept_mimetypes.best_match(["image/png", "image/svg+xml"], "image/png")
    default = "svg" if wanted == "image/svg+xml" else "png"
    if query.given().get("format", default) == "svg":
        return Download(machine_labels.svg(found), "image/svg+xml", f"{found.qr_code}.svg", inline=True)
    return Download(machine_labels.png(found), "image/png", f"{found.qr_code}.png", inline=True)


@resource.get("/qr-machines/{qr_code}", needs="machines:read", answers=MachineOut, etag=True)
def get_machine_by_qr_code(qr_code: Annotated[str, Field(min_length=1, max_length=255)]) -> Machine:
    """Get the machine whose label has this code."""
    found = machines.by_qr_code(calls.session(), qr_code)
    if found is None:
        raise NotFound("No machine has this label. It may have been replaced.")
    return found


def _register(body: MachineIn) -> dict[str, Any]:
    """The values of a new machine, without those that were left out."""
    values = {name: getattr(body, name) for name in MachineIn.model_fields}
    return {name: value for name, value in values.items() if name != "qr_code" or value is not None}
