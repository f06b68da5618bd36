"""The table of who may do what, by role: pages and API ask here and nowhere else.

It mirrors the customer's authorization matrix. What a role may do with *one* record is in
:mod:`app.access.records`; what somebody may do next in a running process, its diagram decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from app.domain.people import Role
from app.engine.actors import Actor
from app.errors import Forbidden
from app.processes.directory import ROLE_NAMES


class Scope(StrEnum):
    """How far a right reaches."""

    ALL = "all"
    DEPARTMENT = "department"  # records of the person's department
    ASSIGNED = "assigned"  # records the person is in charge of
    OWN = "own"  # records the person made, and those their tasks are about


OWNER: Final = "PROCESS_OWNER"  # a flag beside the role
ANYBODY: Final = "ANYBODY"  # whoever is signed in, also without a role

COLUMNS = (*Role, OWNER, ANYBODY)

# Columns: administrator, supervisor, technician, maintenance manager, inventory manager,
# process owner (a flag beside the role), anybody who is signed in.
TABLE = """
account:use                    -     -           -         -     -     -     own
users:read                     all   -           -         all   -     -     -
users:write                    all   -           -         -     -     -     -
substitutions:write            all   -           -         -     -     -     own
settings:read                  all   all         all       all   all   all   -
settings:write                 all   -           -         -     -     -     -
departments:read               all   all         all       all   all   all   -
departments:write              all   -           -         -     -     -     -
machines:read                  all   all         all       all   all   all   -
machines:write                 all   -           -         -     -     -     -
meter-readings:read            all   all         all       all   all   -     -
meter-readings:write           all   -           all       all   -     -     -
maintenance-requests:read      all   department  assigned  all   all   -     -
maintenance-requests:create    all   department  -         -     -     -     -
maintenance-requests:update    all   own         -         all   -     -     -
maintenance-work:read          all   -           assigned  all   all   -     -
maintenance-work:write         -     -           assigned  -     -     -     -
spare-parts-requests:read      all   department  own       all   all   -     -
spare-parts-requests:create    -     -           own       -     -     -     -
spare-parts:read               all   all         all       all   all   -     -
spare-parts:write              all   -           -         -     all   -     -
stock-locations:read           all   all         all       all   all   -     -
stock-locations:write          all   -           -         -     all   -     -
stock-replenishments:read      all   -           -         all   all   -     -
inventory-transactions:read    all   -           -         all   all   -     -
inventory-transactions:create  -     -           -         -     all   -     -
stock-counts:read              all   -           -         all   all   -     -
stock-counts:write             all   -           -         -     all   -     -
failure-codes:read             all   all         all       all   all   all   -
failure-codes:write            all   -           -         -     -     -     -
maintenance-types:read         all   all         all       all   all   all   -
maintenance-types:write        all   -           -         -     -     -     -
preventive-maintenance:read    all   all         all       all   all   -     -
preventive-maintenance:write   all   -           -         all   -     -     -
preventive-maintenance:log     all   -           all       all   -     -     -
activity-logs:read             all   -           -         -     -     -     -
analytics:maintenance          all   department  -         all   -     -     -
analytics:costs                all   -           -         all   all   -     -
analytics:dashboard            all   department  assigned  all   all   -     -
reports:maintenance            all   department  -         all   -     -     -
reports:inventory              all   -           -         all   all   -     -
reports:export                 all   department  -         all   all   -     -
attachments:read               all   own         own       all   all   own   -
attachments:upload             all   all         all       all   all   -     -
records:read                   all   department  -         all   -     all   own
tasks:use                      -     -           -         -     -     -     own
messages:send                  -     -           -         -     -     -     own
processes:start                -     -           -         -     -     -     own
processes:read                 all   -           -         all   -     all   -
processes:deploy               all   -           -         -     -     all   -
instances:list                 all   -           -         all   -     all   -
instances:read                 all   -           -         all   -     all   own
instances:inspect              all   -           -         all   -     all   -
instances:operate              all   -           -         all   -     -     -
incidents:read                 all   -           -         all   -     all   -
alerts:read                    all   -           -         all   -     all   -
alerts:write                   all   -           -         all   -     -     -
decisions:evaluate             all   -           -         all   -     all   -
"""


def _read(table: str) -> dict[str, dict[str, Scope]]:
    """The table by permission and column, without the empty cells."""
    rights: dict[str, dict[str, Scope]] = {}
    for line in table.strip().splitlines():
        permission, *cells = line.split()
        rights[permission] = {
            column: Scope(cell) for column, cell in zip(COLUMNS, cells, strict=True) if cell != "-"
        }
    return rights


RIGHTS: Final = _read(TABLE)


def scope(actor: Actor, permission: str) -> Scope | None:
    """How far a right reaches for somebody, the farthest of what role and flags give; None without it."""
    row = RIGHTS[permission]
    columns: Iterable[str | None] = (actor.role, OWNER if actor.process_owner else None, ANYBODY)
    found = {row[column] for column in columns if column in row}
    return next((reach for reach in Scope if reach in found), None)


def may(actor: Actor, permission: str) -> bool:
    """Whether somebody has a right at all, however far it reaches."""
    return scope(actor, permission) is not None


def require(actor: Actor, permission: str) -> Scope:
    """How far a right reaches for somebody who has it.

    :raises Forbidden: they have not; the message says who has
    """
    reach = scope(actor, permission)
    if reach is None:
        raise Forbidden(f"This is for: {', '.join(holders(permission))}.")
    return reach


def holders(permission: str) -> list[str]:
    """Who has a right, in words."""
    row = RIGHTS[permission]
    names = [ROLE_NAMES[role] for role in Role if role in row]
    if OWNER in row:
        names.append("Process owner")
    return ["everybody who is signed in"] if ANYBODY in row else names
