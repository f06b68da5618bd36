"""Where the page of a record is."""

from __future__ import annotations

from flask import url_for


def to_subject(subject_type: str, subject_id: int) -> str:
    """The address of the page of an instance's subject, or nothing for a kind without pages."""
    if subject_type == "maintenance_request":
        return url_for("requests.show", request_id=subject_id)
    if subject_type == "spare_parts_request":
        return url_for("parts_requests.show", parts_request_id=subject_id)
    if subject_type == "process_record":
        return url_for("records.show", record_id=subject_id)
    if subject_type == "preventive_job":
        return url_for("preventive.job", job_id=subject_id)
    if subject_type == "stock_replenishment":
        return url_for("replenishments.show", replenishment_id=subject_id)
    return ""
