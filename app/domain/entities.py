"""The codes by which activity entries and attachments name the thing they are about."""

from __future__ import annotations

from enum import StrEnum


class EntityType(StrEnum):
    """A kind of thing that has a history."""

    USER = "USER"
    DEPARTMENT = "DEPARTMENT"
    MACHINE = "MACHINE"
    FAILURE_CODE = "FAILURE_CODE"
    MAINTENANCE_TYPE = "MAINTENANCE_TYPE"
    MAINTENANCE_REQUEST = "MAINTENANCE_REQUEST"
    MAINTENANCE_WORK = "MAINTENANCE_WORK"
    SPARE_PART = "SPARE_PART"
    STOCK_LOCATION = "STOCK_LOCATION"
    SPARE_PARTS_REQUEST = "SPARE_PARTS_REQUEST"
    PREVENTIVE_TASK = "PREVENTIVE_TASK"
    PREVENTIVE_LOG = "PREVENTIVE_LOG"
    PROCESS_RECORD = "PROCESS_RECORD"
    ATTACHMENT = "ATTACHMENT"
    SETTING = "SETTING"
    PROCESS = "PROCESS"  # one version of it
    ALERT = "ALERT"
    ACTIVITY_LOG = "ACTIVITY_LOG"
