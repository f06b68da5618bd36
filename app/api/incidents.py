"""Incidents: steps that failed for a reason nobody planned."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import Id, In, PageOf, Paging, Text, left_out
from app.api.instance_schemas import (
    IncidentDetail,
    IncidentOut,
    InstanceOut,
    incident_out,
    incident_values,
    instance_out,
)
from app.api.instances import BY_API
from app.api.process_schemas import ElementId, Reason
from app.domain.people import Role
from app.domain.queries.paging import Page
from app.engine import instances, interventions, queries
from app.engine.models import Incident

resource = Resource("Incidents", "Steps that failed for a reason nobody planned, and trying them again.")

RESOLVED = {"open": False, "resolved": True, "all": None}


class IncidentFilters(Paging):
    """Which incidents, in which order."""

    status: Literal["open", "resolved", "all"] = "open"
    process: Text = left_out()
    instance_id: Id = left_out()
    element: ElementId = left_out()
    sort: Literal["createdAt", "-createdAt", "attempts", "-attempts", "elementId", "-elementId"] = (
        "-createdAt"
    )


@resource.get("/incidents", needs="incidents:read", answers=PageOf[IncidentOut])
def list_incidents(query: IncidentFilters) -> Page[IncidentOut]:
    """List incidents, the open ones unless others are asked for."""
    filters = query.for_list()
    resolved = RESOLVED[filters.pop("status")]
    found = queries.list_incidents(calls.session(), resolved=resolved, **filters)
    return Page([incident_out(row) for row in found.items], found.total, found.page, found.page_size)


@resource.get("/incidents/{incident_id}", needs="incidents:read", answers=IncidentDetail)
def get_incident(incident_id: Id) -> IncidentDetail:
    """Get an incident."""
    incident = find(Incident, incident_id)
    instance = instances.get(calls.session(), incident.instance_id)
    traceback = incident.traceback if calls.actor().role == Role.ADMIN else None
    return IncidentDetail(**incident_values(incident, instance), traceback=traceback)


class ResolveIn(In):
    """How a failed step was done outside."""

    reason: Reason
    variables: Annotated[dict[str, Any], Field(max_length=200)] = Field(
        default_factory=dict, description="What the step would have set: names and values."
    )


@resource.post("/incidents/{incident_id}/retry", needs="instances:operate", answers=InstanceOut)
def retry_incident(incident_id: Id) -> InstanceOut:
    """Run the failed step again. If it fails again, it stays an incident with the new error."""
    return _perform("retry", incident_id, BY_API)


@resource.post("/incidents/{incident_id}/resolve", needs="instances:operate", answers=InstanceOut)
def resolve_incident(incident_id: Id, body: ResolveIn) -> InstanceOut:
    """Let the failed step count as done outside: its status is set, and the token goes on its way.

    The step itself is not run. One that is skipped (`POST /instances/{instanceId}/move` without `to`) counts
    as not done, sets no status and has no results.
    """
    return _perform("resolve", incident_id, body.reason, variables=body.variables)


def _perform(operation: str, incident_id: int, reason: str, **values: Any) -> InstanceOut:
    session = calls.session()
    instance = instances.get(session, find(Incident, incident_id).instance_id)
    interventions.perform(
        calls.engine(), session, operation, instance.id, calls.actor(), reason, incident=incident_id, **values
    )
    return instance_out(queries.instance_row(session, instance))
