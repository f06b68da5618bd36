"""All tables of the domain in one place: importing this module makes the metadata complete."""

from __future__ import annotations

from app.domain.activity import ActivityLog
from app.domain.attachments import Attachment
from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.cost_layers import CostLayer, CostLayerUse
from app.domain.downtime import MachineDowntime
from app.domain.exports import Export, ExportPiece
from app.domain.imports.kept import ImportFile
from app.domain.kept_answers import KeptAnswer
from app.domain.machines import Machine, MachineSparePart
from app.domain.notification_choices import NotificationChoice
from app.domain.notifications import Notification
from app.domain.numbering import KeyPrefix, NumberRange
from app.domain.parts import PartStock, SparePart, StockLocation
from app.domain.parts_requests import SparePartsRequest, SparePartsRequestLine
from app.domain.password_resets import PasswordReset
from app.domain.people import Department, Substitution, User
from app.domain.preventive.models import (
    MeterReading,
    PreventiveJob,
    PreventiveLog,
    PreventiveTask,
    PreventiveTaskPart,
)
from app.domain.process_records import ProcessRecord
from app.domain.replenishments import StockReplenishment
from app.domain.report_schedules import ReportSchedule
from app.domain.requests import MaintenanceRequest
from app.domain.reservations import StockReservation
from app.domain.sessions import UserSession
from app.domain.settings import Setting
from app.domain.sign_in import SignInFailures
from app.domain.stock import InventoryTransaction
from app.domain.stock_counts import StockCount, StockCountLine
from app.domain.usage import PartsUsage
from app.domain.work import MaintenanceWork, WorkStep

__all__ = [
    "ActivityLog",
    "Attachment",
    "CostLayer",
    "CostLayerUse",
    "Department",
    "Export",
    "ExportPiece",
    "FailureCode",
    "ImportFile",
    "InventoryTransaction",
    "KeptAnswer",
    "KeyPrefix",
    "Machine",
    "MachineDowntime",
    "MachineSparePart",
    "MaintenanceRequest",
    "MaintenanceType",
    "MaintenanceWork",
    "MeterReading",
    "Notification",
    "NotificationChoice",
    "NumberRange",
    "PartStock",
    "PartsUsage",
    "PasswordReset",
    "PreventiveJob",
    "PreventiveLog",
    "PreventiveTask",
    "PreventiveTaskPart",
    "ProcessRecord",
    "ReportSchedule",
    "Setting",
    "SignInFailures",
    "SparePart",
    "SparePartsRequest",
    "SparePartsRequestLine",
    "StockCount",
    "StockCountLine",
    "StockLocation",
    "StockReplenishment",
    "StockReservation",
    "Substitution",
    "User",
    "UserSession",
    "WorkStep",
]
