"""The kinds of things that have a history: what they are called, where their names are, and their pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from flask import current_app, url_for
from sqlalchemy.orm import Session

from app.domain.attachments import Attachment
from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.entities import EntityType
from app.domain.machines import Machine
from app.domain.parts import SparePart, StockLocation
from app.domain.people import Department, User
from app.domain.preventive.models import PreventiveJob, PreventiveTask
from app.domain.process_records import ProcessRecord
from app.domain.replenishments import StockReplenishment
from app.domain.requests import MaintenanceRequest
from app.domain.spare_parts_requests import SparePartsRequest
from app.domain.stock_counts import StockCount
from app.domain.work import MaintenanceWork

_WORK_KEY = (
    sa.select(MaintenanceRequest.business_key)
    .where(MaintenanceRequest.id == MaintenanceWork.maintenance_request_id)
    .scalar_subquery()
)


class Thing(NamedTuple):
    """A kind of thing. ``page`` is the endpoint of one, ``argument`` the name of the id there."""

    words: str
    model: Any = None
    name: Any = None  # a column
    page: str = ""
    argument: str = ""


THINGS: dict[str, Thing] = {
    EntityType.USER: Thing("User", User, User.name, "users.show", "user_id"),
    EntityType.DEPARTMENT: Thing(
        "Department", Department, Department.name, "departments.show", "department_id"
    ),
    EntityType.MACHINE: Thing("Machine", Machine, Machine.name, "machines.show", "machine_id"),
    EntityType.FAILURE_CODE: Thing(
        "Failure code", FailureCode, FailureCode.code, "failure_codes.edit", "entry_id"
    ),
    EntityType.MAINTENANCE_TYPE: Thing(
        "Maintenance type", MaintenanceType, MaintenanceType.code, "maintenance_types.edit", "entry_id"
    ),
    EntityType.MAINTENANCE_REQUEST: Thing(
        "Request", MaintenanceRequest, MaintenanceRequest.business_key, "requests.show", "request_id"
    ),
    EntityType.MAINTENANCE_WORK: Thing("Work order", MaintenanceWork, _WORK_KEY),
    EntityType.SPARE_PART: Thing("Spare part", SparePart, SparePart.part_name, "parts.show", "part_id"),
    EntityType.STOCK_LOCATION: Thing(
        "Stock location", StockLocation, StockLocation.name, "stock_locations.show", "location_id"
    ),
    EntityType.STOCK_COUNT: Thing(
        "Stock count", StockCount, StockCount.business_key, "stock_counts.show", "count_id"
    ),
    EntityType.STOCK_REPLENISHMENT: Thing(
        "Replenishment",
        StockReplenishment,
        StockReplenishment.business_key,
        "replenishments.show",
        "replenishment_id",
    ),
    EntityType.SPARE_PARTS_REQUEST: Thing(
        "Parts request",
        SparePartsRequest,
        SparePartsRequest.business_key,
        "parts_requests.show",
        "parts_request_id",
    ),
    EntityType.PREVENTIVE_TASK: Thing(
        "Preventive task", PreventiveTask, PreventiveTask.title, "preventive.show", "task_id"
    ),
    EntityType.PREVENTIVE_JOB: Thing(
        "Preventive job", PreventiveJob, PreventiveJob.business_key, "preventive.job", "job_id"
    ),
    EntityType.PROCESS_RECORD: Thing(
        "Record", ProcessRecord, ProcessRecord.business_key, "records.show", "record_id"
    ),
    EntityType.ATTACHMENT: Thing(
        "File", Attachment, Attachment.file_name, "attachments.show", "attachment_id"
    ),
    EntityType.SETTING: Thing("Settings", page="settings.show"),
    EntityType.ACTIVITY_LOG: Thing("Activity log", page="activity.listing"),
}


def words_of(kind: str) -> str:
    """What a kind of thing is called."""
    return THINGS[kind].words if kind in THINGS else kind.replace("_", " ").capitalize()


def address_of(kind: str, thing_id: int | None) -> str:
    """The page of a thing; nothing where the kind has no pages."""
    thing = THINGS.get(kind, Thing(""))
    if thing.page not in current_app.view_functions:
        return ""
    values: dict[str, Any] = {thing.argument: thing_id} if thing.argument else {}
    return url_for(thing.page, **values)


def names_of(session: Session, wanted: Mapping[str, Iterable[int]]) -> dict[tuple[str, int], str]:
    """The names of things that there are, by kind and id. One statement a kind."""
    found: dict[tuple[str, int], str] = {}
    for kind, ids in wanted.items():
        thing = THINGS.get(kind, Thing(""))
        if thing.model is not None:
            query = sa.select(thing.model.id, thing.name).where(thing.model.id.in_(list(ids)))
            found |= {(kind, row[0]): str(row[1] or f"no. {row[0]}") for row in session.execute(query)}
    return found
