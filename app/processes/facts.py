"""Facts that several processes know, as FEEL sees them: what each holds, and how it is looked up."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session, joinedload

from app.domain.machines import Machine
from app.domain.people import User
from app.domain.requests import MaintenanceRequest

REQUEST_FIELDS = {
    "id": "number",
    "businessKey": "string",
    "status": "string",
    "priority": "string",
    "priorityName": "string",
    "description": "string",
    "reportedAt": "date and time",
    "reporterId": "number",
    "reporterName": "string",
    "failureCode": "string",
    "machineId": "number",
}
MACHINE_FIELDS = {
    "id": "number",
    "name": "string",
    "qrCode": "string",
    "criticality": "string",
    "status": "string",
    "departmentId": "number",
    "departmentName": "string",
    "location": "string",
}
PERSON_FIELDS = {"id": "number", "name": "string", "role": "string", "departmentId": "number"}


def load_request(session: Session, request_id: int) -> MaintenanceRequest:
    """The request with what its facts need: one statement, and none where the session has it already."""
    return session.get_one(
        MaintenanceRequest,
        request_id,
        options=[
            joinedload(MaintenanceRequest.machine).joinedload(Machine.department),
            joinedload(MaintenanceRequest.reporter),
            joinedload(MaintenanceRequest.assigned_technician),
            joinedload(MaintenanceRequest.failure_code),
            joinedload(MaintenanceRequest.work),
        ],
    )


def request_facts(request: MaintenanceRequest) -> dict[str, Any]:
    return {
        "id": request.id,
        "businessKey": request.business_key,
        "status": request.status,
        "priority": request.priority,
        "priorityName": request.priority.capitalize(),
        "description": request.problem_description,
        "reportedAt": request.reported_at,
        "reporterId": request.reporter_id,
        "reporterName": request.reporter.name if request.reporter else None,
        "failureCode": request.failure_code.code if request.failure_code else None,
        "machineId": request.machine_id,
    }


def machine_facts(machine: Machine) -> dict[str, Any]:
    return {
        "id": machine.id,
        "name": machine.name,
        "qrCode": machine.qr_code,
        "criticality": machine.criticality,
        "status": machine.status,
        "departmentId": machine.department_id,
        "departmentName": machine.department.name,
        "location": machine.location,
    }


def person_facts(user: User | None) -> dict[str, Any] | None:
    if user is None:
        return None
    return {"id": user.id, "name": user.name, "role": user.role, "departmentId": user.department_id}
