"""Who may call which endpoint: the customer's authorization matrix, endpoint by endpoint.

A administrator, S supervisor, T technician, M maintenance manager, I inventory manager; O whoever has the
process owner's flag and otherwise only a technician's rights; U somebody signed in without a role; * anybody.
"""

from __future__ import annotations

RIGHTS: dict[tuple[str, str], str] = {
    # departments
    ("GET", "/departments"): "ASTMIO",
    ("GET", "/departments/{departmentId}"): "ASTMIO",
    ("POST", "/departments"): "A",
    ("PUT", "/departments/{departmentId}"): "A",
    ("DELETE", "/departments/{departmentId}"): "A",
    # maintenance requests
    ("GET", "/maintenance-requests"): "ASTMI",
    ("GET", "/maintenance-requests/assigned"): "ASTMI",
    ("GET", "/maintenance-requests/department/{departmentId}"): "ATMI",
    ("GET", "/maintenance-requests/{requestId}"): "ASTMI",
    ("POST", "/maintenance-requests"): "AS",
    ("PUT", "/maintenance-requests/{requestId}"): "ASM",
    ("PATCH", "/maintenance-requests/{requestId}/status"): "ASTMI",
    ("DELETE", "/maintenance-requests/{requestId}"): "ASM",
    ("GET", "/maintenance-requests/{requestId}/history"): "ASTMI",
    # maintenance work
    ("GET", "/maintenance-work"): "ATMI",
    ("GET", "/maintenance-work/{workId}"): "ATMI",
    ("POST", "/maintenance-work"): "T",
    ("PUT", "/maintenance-work/{workId}"): "T",
    ("POST", "/maintenance-work/{workId}/complete"): "T",
    ("DELETE", "/maintenance-work/{workId}"): "T",
    # spare parts requests: who decides and who issues, the diagram says (see test_lifecycle.py)
    ("GET", "/spare-parts-requests"): "ASTMI",
    ("GET", "/spare-parts-requests/pending-approval"): "ASTMI",
    ("GET", "/spare-parts-requests/approved"): "ASTMI",
    ("GET", "/spare-parts-requests/{partsRequestId}"): "ASTMI",
    ("POST", "/spare-parts-requests"): "T",
    ("PUT", "/spare-parts-requests/{partsRequestId}"): "T",
    ("PATCH", "/spare-parts-requests/{partsRequestId}/approve"): "ASTMI",
    ("PATCH", "/spare-parts-requests/{partsRequestId}/reject"): "ASTMI",
    ("PATCH", "/spare-parts-requests/{partsRequestId}/issue"): "ASTMI",
    ("PATCH", "/spare-parts-requests/{partsRequestId}/close-rest"): "ASTMI",
    ("PATCH", "/spare-parts-requests/{partsRequestId}/cancel"): "ASTMI",
    # inventory transactions
    ("GET", "/inventory-transactions"): "AMI",
    ("GET", "/inventory-transactions/{transactionId}"): "AMI",
    ("GET", "/inventory-transactions/spare-part/{partId}"): "AMI",
    ("POST", "/inventory-transactions/in"): "I",
    ("POST", "/inventory-transactions/out"): "I",
    ("POST", "/inventory-transactions/adjustment"): "I",
    ("POST", "/inventory-transactions/transfer"): "I",
    # preventive maintenance
    ("GET", "/preventive-maintenance/tasks"): "ASTMI",
    ("GET", "/preventive-maintenance/tasks/upcoming"): "ASTMI",
    ("GET", "/preventive-maintenance/tasks/{taskId}"): "ASTMI",
    ("POST", "/preventive-maintenance/tasks"): "AM",
    ("PUT", "/preventive-maintenance/tasks/{taskId}"): "AM",
    ("DELETE", "/preventive-maintenance/tasks/{taskId}"): "AM",
    ("POST", "/preventive-maintenance/logs"): "ATM",
    ("GET", "/preventive-maintenance/logs/{taskId}"): "ASTMI",
    ("GET", "/machines/{machineId}/meter-readings"): "ASTMI",
    ("POST", "/machines/{machineId}/meter-readings"): "ATM",
    # attachments: which ones, what they belong to says (see test_attachments.py)
    ("POST", "/attachments/upload"): "ASTMI",
    ("GET", "/attachments/{attachmentId}"): "ASTMIO",
    ("GET", "/attachments/{attachmentId}/download"): "ASTMIO",
    ("GET", "/attachments/entity/{entityType}/{entityId}"): "ASTMIO",
    ("DELETE", "/attachments/{attachmentId}"): "ASTMI",
    # notifications
    ("GET", "/notifications"): "U",
    ("POST", "/notifications/read"): "U",
    # activity log
    ("GET", "/activity-logs"): "A",
    ("GET", "/activity-logs/{logId}"): "A",
    ("GET", "/activity-logs/user/{userId}"): "A",
    ("GET", "/activity-logs/entity/{entityType}/{entityId}"): "A",
    ("POST", "/activity-logs/export"): "A",
    # analytics
    ("GET", "/analytics/downtime"): "ASM",
    ("GET", "/analytics/consumption"): "AMI",
    ("GET", "/analytics/costs"): "AMI",
    ("GET", "/analytics/failures"): "ASM",
    ("GET", "/analytics/maintenance-types"): "ASM",
    ("GET", "/analytics/mtbf"): "ASM",
    ("GET", "/analytics/dashboard"): "ASTMIO",
    # reports
    ("GET", "/reports/downtime"): "ASM",
    ("GET", "/reports/maintenance-efficiency"): "ASM",
    ("GET", "/reports/failure-analysis"): "ASM",
    ("GET", "/reports/inventory"): "AMI",
    ("GET", "/reports/consumption"): "AMI",
    ("GET", "/reports/valuation"): "AMI",
    ("POST", "/reports/export"): "ASMI",
}
