"""Incidents: steps that failed for a reason nobody planned."""

from __future__ import annotations

from typing import Literal

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import Id, PageOf, Paging, Text, left_out
from app.api.instance_schemas import (
    IncidentDetail,
    IncidentOut,
    InstanceOut,
    incident_out,
    incident_values,
    instance_out,
)
from app.api.process_schemas import ElementId
from app.domain.people import Role
from app.domain.queries.paging import Page
from app.engine import incidents, instances, queries
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


@resource.post("/incidents/{incident_id}/retry", needs="instances:operate", answers=InstanceOut)
def retry_incident(incident_id: Id) -> InstanceOut:
    """Run the failed step again. If it fails again, it stays an incident with the new error."""
    session = calls.session()
    instance = incidents.retry(calls.engine(), session, incident_id, calls.actor())
    return instance_out(queries.instance_row(session, instance))
