"""Which reports there are."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from sqlalchemy.orm import Session

from app.domain.analytics.scope import Scope
from app.domain.reports import (
    consumption,
    downtime,
    failure_analysis,
    inventory,
    maintenance_efficiency,
    valuation,
)
from app.domain.reports.model import Report


class ReportName(StrEnum):
    """What a report is asked for by."""

    DOWNTIME = "downtime"
    INVENTORY = "inventory"
    CONSUMPTION = "consumption"
    VALUATION = "valuation"
    VALUATION_BY_LOCATION = "valuation-by-location"
    MAINTENANCE_EFFICIENCY = "maintenance-efficiency"
    FAILURE_ANALYSIS = "failure-analysis"


_BUILDERS: dict[ReportName, Callable[[Session, Scope], Report]] = {
    ReportName.DOWNTIME: downtime.build,
    ReportName.INVENTORY: inventory.build,
    ReportName.CONSUMPTION: consumption.build,
    ReportName.VALUATION: valuation.build,
    ReportName.VALUATION_BY_LOCATION: valuation.build_by_location,
    ReportName.MAINTENANCE_EFFICIENCY: maintenance_efficiency.build,
    ReportName.FAILURE_ANALYSIS: failure_analysis.build,
}


def build(session: Session, name: str, scope: Scope) -> Report:
    """The report of this name on a scope. Its rows may come from the database as they are read.

    :raises BusinessError: FILTER_NOT_POSSIBLE, for what the report cannot be narrowed to
    """
    return _BUILDERS[ReportName(name)](session, scope)
