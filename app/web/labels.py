"""What codes are called on pages, with the icon and the tone that their badges have."""

from __future__ import annotations

from typing import NamedTuple

from flask import Flask

from app.domain.machines import Criticality, MachineStatus
from app.domain.people import Role
from app.domain.preventive.models import JobStatus
from app.domain.replenishments import ReplenishmentStatus
from app.domain.requests import Priority, RequestStatus
from app.domain.spare_parts_requests import PartsRequestStatus
from app.domain.stock import MovementKind
from app.domain.stock_counts import CountStatus


class Label(NamedTuple):
    """A word, the icon beside it, and a tone: info, good, warn, bad, wait, solid or none."""

    text: str
    icon: str
    tone: str = ""


REQUEST: dict[str, Label] = {
    RequestStatus.PENDING: Label("Waiting", "clock", "info"),
    RequestStatus.IN_PROGRESS: Label("In progress", "wrench", "warn"),
    RequestStatus.WAITING_PARTS: Label("Waiting for parts", "box", "wait"),
    RequestStatus.COMPLETED: Label("Completed", "check", "good"),
    RequestStatus.CANCELLED: Label("Cancelled", "ban"),
}
PARTS_REQUEST: dict[str, Label] = {
    PartsRequestStatus.PENDING: Label("Waiting for approval", "clock", "info"),
    PartsRequestStatus.APPROVED: Label("Approved", "thumb", "good"),
    PartsRequestStatus.REJECTED: Label("Rejected", "x", "bad"),
    PartsRequestStatus.PARTIALLY_ISSUED: Label("Partly issued", "box", "wait"),
    PartsRequestStatus.ISSUED: Label("Issued", "check", "good"),
    PartsRequestStatus.CANCELLED: Label("Cancelled", "ban"),
}
MACHINE: dict[str, Label] = {
    MachineStatus.OPERATIONAL: Label("Running", "check", "good"),
    MachineStatus.DOWN: Label("Down", "alert", "bad"),
    MachineStatus.MAINTENANCE: Label("In maintenance", "wrench", "warn"),
    MachineStatus.DECOMMISSIONED: Label("Decommissioned", "ban"),
}
PRIORITY: dict[str, Label] = {
    Priority.LOW: Label("Low", "chevron-down"),
    Priority.MEDIUM: Label("Medium", "equal", "info"),
    Priority.HIGH: Label("High", "chevron-up", "warn"),
    Priority.CRITICAL: Label("Critical", "chevrons-up", "solid"),
}
CRITICALITY: dict[str, Label] = {
    Criticality.HIGH: Label("A – high", "chevrons-up", "bad"),
    Criticality.MEDIUM: Label("B – medium", "equal", "warn"),
    Criticality.LOW: Label("C – low", "chevron-down"),
}
JOB: dict[str, Label] = {
    "PLANNED": Label("Planned", "calendar"),
    JobStatus.OPEN: Label("Open", "clock", "info"),
    JobStatus.DONE: Label("Done", "check", "good"),
    JobStatus.FAILED: Label("Found a fault", "alert", "bad"),
    JobStatus.SKIPPED: Label("Skipped", "ban", "warn"),
    JobStatus.CANCELLED: Label("Called off", "ban"),
}
REPLENISHMENT: dict[str, Label] = {
    ReplenishmentStatus.PENDING: Label("To be ordered", "clock", "info"),
    ReplenishmentStatus.WAITING_APPROVAL: Label("Waiting for approval", "clock", "warn"),
    ReplenishmentStatus.ORDERED: Label("Ordered", "cart", "wait"),
    ReplenishmentStatus.PARTIALLY_RECEIVED: Label("Partly received", "box", "wait"),
    ReplenishmentStatus.RECEIVED: Label("Received", "check", "good"),
    ReplenishmentStatus.NOT_NEEDED: Label("Not needed", "ban"),
    ReplenishmentStatus.CANCELLED: Label("Called off", "ban"),
}
INSTANCE: dict[str, Label] = {
    "running": Label("Running", "play", "info"),
    "suspended": Label("Suspended", "pause", "warn"),
    "incident": Label("Needs attention", "alert", "bad"),
    "completed": Label("Ended", "check", "good"),
    "cancelled": Label("Cancelled", "ban"),
}
# What diagrams of process owners often set; they may set any other code.
RECORD: dict[str, Label] = {
    "OPEN": Label("Open", "clock", "info"),
    "REQUESTED": Label("Requested", "clock", "info"),
    "PENDING": Label("Waiting", "clock", "info"),
    "IN_APPROVAL": Label("Waiting for approval", "clock", "info"),
    "IN_PROGRESS": Label("In progress", "wrench", "warn"),
    "APPROVED": Label("Approved", "thumb", "good"),
    "REJECTED": Label("Rejected", "x", "bad"),
    "COMPLETED": Label("Completed", "check", "good"),
    "DONE": Label("Done", "check", "good"),
    "CANCELLED": Label("Cancelled", "ban"),
}
STOCK_COUNT: dict[str, Label] = {
    CountStatus.OPEN: Label("Being counted", "clock", "info"),
    CountStatus.POSTED: Label("Posted", "check", "good"),
    CountStatus.CANCELLED: Label("Given up", "ban"),
}
MOVEMENT: dict[str, Label] = {
    MovementKind.IN: Label("In", "plus", "good"),
    MovementKind.OUT: Label("Out", "out", "info"),
    MovementKind.ADJUSTMENT: Label("Adjustment", "sliders", "warn"),
    MovementKind.TRANSFER: Label("Transfer", "forward"),
}
KINDS = {
    "request": REQUEST,
    "parts_request": PARTS_REQUEST,
    "record": RECORD,
    "preventive_job": JOB,
    "replenishment": REPLENISHMENT,
    "machine": MACHINE,
    "priority": PRIORITY,
    "criticality": CRITICALITY,
    "instance": INSTANCE,
    "stock_count": STOCK_COUNT,
    "movement": MOVEMENT,
}

ROLES: dict[str, str] = {
    Role.ADMIN: "Administrator",
    Role.SUPERVISOR: "Supervisor",
    Role.MAINTENANCE_TECH: "Technician",
    Role.MAINTENANCE_MANAGER: "Maintenance manager",
    Role.INVENTORY_MANAGER: "Inventory manager",
}


def label(kind: str, code: str) -> Label:
    """What a code of a kind is called; a code that nobody has named yet stands for itself."""
    return KINDS[kind].get(code) or Label(code.replace("_", " ").capitalize(), "dot")


def role_name(role: str | None) -> str:
    """What a role is called."""
    return ROLES.get(role, role) if role else "No role yet"


def choices(kind: str) -> list[tuple[str, str]]:
    """Code and name of everything of a kind, for filters."""
    return [(str(code), found.text) for code, found in KINDS[kind].items()]


def init_labels(app: Flask) -> None:
    """Give templates ``label(kind, code)``, ``choices(kind)`` and the filter ``role_name``."""
    app.add_template_global(label)
    app.add_template_global(choices)
    app.add_template_filter(role_name)
