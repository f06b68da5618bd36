"""How far each role may read a report, as schedules keep it."""

from __future__ import annotations

from app.access.permissions import RIGHTS, Scope
from app.access.reports import NEEDS
from app.domain.people import Role
from app.domain.reports.catalogue import ReportName


def reach_of(report: str) -> dict[str, str]:
    """By role: "all" or "department"; roles that may not read the report are left out."""
    row = RIGHTS[NEEDS[ReportName(report)]]
    return {str(role): str(row[role]) for role in Role if row.get(role) in (Scope.ALL, Scope.DEPARTMENT)}
