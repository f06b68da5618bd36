"""Who may read which report, and so take it away."""

from __future__ import annotations

from collections.abc import Mapping

from app.access import permissions
from app.domain.reports.catalogue import ReportName
from app.engine.actors import Actor

NEEDS: Mapping[ReportName, str] = {
    ReportName.DOWNTIME: "reports:maintenance",
    ReportName.MAINTENANCE_EFFICIENCY: "reports:maintenance",
    ReportName.FAILURE_ANALYSIS: "reports:maintenance",
    ReportName.INVENTORY: "reports:inventory",
    ReportName.CONSUMPTION: "reports:inventory",
    ReportName.VALUATION: "reports:inventory",
    ReportName.VALUATION_BY_LOCATION: "reports:inventory",
}


def readable(actor: Actor) -> list[ReportName]:
    """The reports that somebody may read."""
    return [name for name in ReportName if permissions.may(actor, NEEDS[name])]
