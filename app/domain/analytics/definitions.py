"""What each figure is: its formula, its unit, and the standard whose term it is."""

from __future__ import annotations

from dataclasses import dataclass

EN_13306 = "EN 13306:2017, maintenance terminology"
EN_15341 = "EN 15341:2019, maintenance key performance indicators"
ISO_14224 = "ISO 14224:2016, annex C"
OURS = "Millwright's own"


@dataclass(frozen=True)
class Definition:
    """A figure. ``code`` is where it is computed: a module and a name in it, separated by a colon."""

    key: str
    name: str
    formula: str
    unit: str
    source: str
    code: str
    note: str = ""


DEFINITIONS = (
    Definition(
        "downtime",
        "Downtime",
        "Sum of the times in which a downtime of a machine is recorded, cut to the period; times of one "
        "machine that overlap count once, and one that is still open counts until now",
        "minutes",
        EN_13306 + " (down time)",
        "app.domain.analytics.downtime:downtime",
    ),
    Definition(
        "stops",
        "Stops",
        "Number of unbroken times without production; downtimes of one machine that overlap or touch are one",
        "count",
        OURS,
        "app.domain.analytics.downtime:MachineStandstill.stops",
    ),
    Definition(
        "failures",
        "Reported failures",
        "Number of maintenance requests reported in the period and not cancelled",
        "count",
        OURS + "; the Pareto order after EN 15341",
        "app.domain.analytics.failures:failures",
        "Unlike for the MTBF each report counts, whether the machine stood still for it or not.",
    ),
    Definition(
        "required-time",
        "Required time",
        "The part of the period in which a machine was in use: installed, and not decommissioned",
        "minutes",
        EN_13306 + " (required time)",
        "app.domain.analytics.reliability:Reliability.required",
        "Machines are taken to be required around the clock: there is no shift calendar.",
    ),
    Definition(
        "mtbf",
        "MTBF",
        "(required time - down time) / number of failures",
        "minutes",
        f"{EN_13306} (mean operating time between failures); estimated after {ISO_14224}",
        "app.domain.analytics.reliability:Reliability.mtbf_minutes",
        "A failure is the stop of a machine that was up, for a request that was not cancelled. Without a "
        "failure there is no MTBF.",
    ),
    Definition(
        "mttr",
        "MTTR",
        "Down time of requests that were not cancelled / number of failures",
        "minutes",
        f"{EN_13306} (mean time to restoration); estimated after {ISO_14224}",
        "app.domain.analytics.reliability:Reliability.mttr_minutes",
        "Without a failure there is no MTTR.",
    ),
    Definition(
        "availability",
        "Availability",
        "(required time - down time) / required time",
        "share, 0 to 100 %",
        f"{EN_13306} (availability); {EN_15341}",
        "app.domain.analytics.reliability:Reliability.availability",
    ),
    Definition(
        "preventive-compliance",
        "Preventive compliance",
        "Due dates on or before which the task was carried out / all due dates of the period",
        "share, 0 to 100 %",
        EN_15341 + " (preventive work done on schedule)",
        "app.domain.analytics.preventive:PreventiveCompliance.compliance",
        "Each due date counts by itself: a task that was due three times and not done is overdue three "
        "times, also when no job was opened for it. Late, skipped and overdue ones count as not kept. Due "
        "dates of plans and machines out of use that nobody has dealt with, and those called off, do not "
        "count.",
    ),
    Definition(
        "jobs",
        "Work orders",
        "Number of work orders closed in the period, each with its whole labour, downtime and parts",
        "count",
        OURS,
        "app.domain.analytics.maintenance_types:maintenance_types",
    ),
    Definition(
        "labour",
        "Labour",
        "Sum of the minutes that people recorded for work in the period",
        "minutes",
        OURS,
        "app.domain.analytics.costs:CostAnalysis.labour_minutes",
        "No wage is known, so labour is not an amount.",
    ),
    Definition(
        "parts-cost",
        "Cost of parts",
        "Sum of what the parts issued for maintenance work in the period cost the stock",
        "the site's currency",
        OURS + "; part of the maintenance cost of EN 15341",
        "app.domain.analytics.costs:CostAnalysis.parts",
        "Contractors and lost production are not included.",
    ),
    Definition(
        "consumption",
        "Consumption",
        "Sum of the quantities, and of the costs, of the movements OUT of the period",
        "pieces, the site's currency",
        OURS,
        "app.domain.analytics.consumption:consumption",
        "Narrowed to a department or machine it is what was issued for their maintenance work.",
    ),
    Definition(
        "open-requests",
        "Open requests",
        "Number of maintenance requests that are neither completed nor cancelled now",
        "count",
        OURS,
        "app.domain.analytics.dashboard:Dashboard.open_requests",
    ),
    Definition(
        "low-stock",
        "Parts below their minimum",
        "Number of parts in use of which less is in stock than their minimum",
        "count",
        OURS,
        "app.domain.analytics.dashboard:Dashboard.low_stock",
    ),
    Definition(
        "first-time-share",
        "Fixed at first attempt",
        "(completed requests - requests whose repair was done again) / completed requests",
        "share, 0 to 100 %",
        OURS,
        "app.domain.analytics.efficiency:RepairTimes.first_time_share",
    ),
    Definition(
        "response-time",
        "Mean response",
        "Mean of the times from report to acceptance, of requests completed in the period",
        "minutes",
        OURS,
        "app.domain.analytics.efficiency:RepairTimes.response_minutes",
    ),
    Definition(
        "resolution-time",
        "Mean resolution",
        "Mean of the times from report to completion, of requests completed in the period",
        "minutes",
        OURS,
        "app.domain.analytics.efficiency:RepairTimes.resolution_minutes",
    ),
    Definition(
        "stock-value",
        "Stock value",
        "Sum of what all movements until then added to and took from the value of the stock",
        "the site's currency",
        OURS + "; IAS 2 (weighted average cost, or first in, first out)",
        "app.domain.reports.valuation:build",
    ),
    Definition(
        "location-value",
        "Stock value of a location",
        "For each part: stock value x pieces at the location / all pieces, rounded down to the cent; cents "
        "left over go to the locations that lost most by it (largest remainder). The sum over the parts",
        "the site's currency",
        OURS,
        "app.domain.reports.valuation:by_location",
    ),
)
BY_KEY = {definition.key: definition for definition in DEFINITIONS}


def as_markdown() -> str:
    """The guide to the figures, docs/figures.md."""
    lines = [
        "# Figures",
        "",
        "What each figure of the analytics and reports is. Periods include their first and last day;",
        "days begin at midnight by the clock on the factory's wall (Administration, Settings).",
        "",
    ]
    for one in DEFINITIONS:
        lines += [f"## {one.name}", "", f"{one.formula}.", ""]
        lines += [f"- Unit: {one.unit}", f"- Source: {one.source}", f"- Computed by: `{one.code}`"]
        lines += [f"- Note: {one.note}"] if one.note else []
        lines.append("")
    return "\n".join(lines)
