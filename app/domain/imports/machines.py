"""Machines from a file: new ones are added, known ones brought up to date; their status is never touched."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain import machine_register
from app.domain.entities import EntityType
from app.domain.imports.catalogue import Catalogue, Context, Field, ReadRow, find_department, named, read_day
from app.domain.imports.columns import CellKind, Column, Needed
from app.domain.imports.part_rows import key as folded
from app.domain.imports.plan import Plan
from app.domain.machines import Criticality, Machine, MachineStatus
from app.domain.people import Department
from app.domain.preventive.due import site_date

_LETTERS = {criticality.letter.casefold(): criticality for criticality in Criticality}


def _checked(attribute: str) -> Any:
    return lambda cell, context: machine_register.CHECKS[attribute](cell)


def _criticality(cell: str, context: Context) -> str:
    text = cell.strip()
    return _LETTERS.get(text.casefold()) or machine_register.CHECKS["criticality"](text.upper())


class Machines(Catalogue):
    """The register of machines."""

    name = "machines"
    title = "Machines"
    one = "machine"
    about = (
        "The register of machines. A QR code that is known changes that machine; without one the machine is "
        "new and gets a code. What state a machine is in stays as it is."
    )
    entity_type = EntityType.MACHINE
    columns = (
        Column(
            "name",
            "What people call the machine.",
            "Hydraulic press 3",
            ("machine", "machine name"),
            Needed.FOR_NEW,
        ),
        Column(
            "qrCode",
            "What its label shows. Left empty, the machine is new and gets a code.",
            "PRESS-3",
            ("code", "machine code", "machine number", "inventory number", "asset number", "tag"),
        ),
        Column(
            "department",
            "The name of the department it stands in.",
            "Stamping",
            ("area", "hall"),
            Needed.FOR_NEW,
        ),
        Column("model", "Maker and type.", "Schuler MSP 400", ("type", "maker", "manufacturer")),
        Column("serialNumber", "The maker's number.", "4711-03", ("serial", "serial no")),
        Column("location", "Where it stands, in words.", "Hall 2, row C", ("place",)),
        Column(
            "installationDate",
            "The day it was installed.",
            "2019-05-20",
            ("installed", "installed on", "installation"),
            kind=CellKind.DATE,
        ),
        Column(
            "criticality",
            "What it costs when it stands still: HIGH, MEDIUM or LOW, or A, B or C. MEDIUM if left empty.",
            "HIGH",
            ("class", "abc"),
        ),
    )
    key_column = "qrCode"
    other_key_columns = ("name",)
    key_attributes = ("qr_code",)
    fields = (
        Field("qrCode", "qr_code", _checked("qr_code")),
        Field("name", "name", _checked("name")),
        Field(
            "department",
            "department_id",
            find_department,
        ),
        Field("model", "model", _checked("model")),
        Field("serialNumber", "serial_number", _checked("serial_number")),
        Field("location", "location", _checked("location")),
        Field(
            "installationDate",
            "installation_date",
            lambda cell, context: machine_register.CHECKS["installation_date"](read_day(cell, context)),
            lambda value: None if value is None else value.isoformat(),
        ),
        Field("criticality", "criticality", _criticality, str),
    )
    model = Machine
    create_action = "CREATE_MACHINE"
    update_action = "UPDATE_MACHINE"
    defaults: ClassVar[Mapping[str, Any]] = {
        "model": "",
        "serial_number": "",
        "location": "",
        "installation_date": None,
        "criticality": Criticality.MEDIUM,
        "status": MachineStatus.OPERATIONAL,
    }

    def context(self, session: Session) -> Context:
        rows = session.execute(sa.select(Machine.department_id, Machine.name, Machine.qr_code))
        return Context(
            site_date(session),
            {"departments": named(session, Department, Department.name)},
            {(row.department_id, folded(row.name)): row.qr_code for row in rows},
        )

    def key_of(self, values: Mapping[str, Any]) -> Hashable | None:
        code = values.get("qr_code")
        return None if code is None else folded(code)

    def label_of(self, values: Mapping[str, Any]) -> tuple[str, str]:
        return values.get("qr_code", ""), values.get("name", "")

    def check_new(self, session: Session, row: ReadRow, context: Context) -> Iterable[tuple[str, str]]:
        held = context.taken.get((row.values["department_id"], folded(row.values["name"])))
        if "qr_code" not in row.values and held is not None:
            message = (
                f"{row.told['department']} has a {row.values['name']} already, with the QR code {held}; "
                "write that code to change it, or give the new machine a code or name of its own."
            )
            yield "name", message

    def tell_held(self, session: Session, one: Field, value: Any) -> Any:
        if one.attribute == "department_id":
            department = session.get(Department, value)
            return department.name if department is not None else None
        return one.tell(value)

    def write(self, session: Session, plan: Plan, by: int | None) -> None:
        taken = set(session.scalars(sa.select(Machine.qr_code)))
        for change in plan.created:
            if "qr_code" not in change.after:
                code = machine_register.random_qr_code()
                while code in taken:
                    code = machine_register.random_qr_code()
                taken.add(code)
                change.after["qr_code"] = code  # type: ignore[index]
        super().write(session, plan, by)

    @property
    def key_words(self) -> str:
        return "QR code"
