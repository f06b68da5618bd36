"""Other records as an answer names them."""

from __future__ import annotations

from app.api.core.schemas import Named, Out


class MachineRef(Out):
    """A machine, as far as a list needs it."""

    id: int
    name: str
    qr_code: str


class MachineInDepartment(MachineRef):
    """A machine with the department it stands in."""

    department: Named


class CodeRef(Out):
    """An entry of a catalogue."""

    id: int
    code: str
    name: str


class PartRef(Out):
    """A spare part, as far as a line needs it."""

    id: int
    part_number: str
    part_name: str


class TaskRef(Out):
    """An open user task about a record."""

    id: int
    name: str
    element_id: str
    candidate_role: str | None
    assignee_id: int | None
    assignee_name: str
