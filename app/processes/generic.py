"""Processes that no programmer has prepared: a process owner draws one, and its records come of themselves.

The record is made from the start form; every later answer is kept with it. Its statuses are whatever
the diagram sets, and its facts are the fields of the process's own forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy.orm import Session, joinedload

from app.domain import numbering, process_records
from app.domain.machines import Machine
from app.domain.process_records import ProcessRecord
from app.engine.bindings import (
    Fact,
    ProcessBinding,
    StartContext,
    StatusContext,
    Subject,
    SubjectContext,
    SubjectSummary,
)
from app.engine.models import InstanceState
from app.engine.outline import ProcessOutline
from app.errors import BusinessError
from app.processes import facts

SUBJECT = "process_record"

# Prefixes of the business keys of processes that are prepared.
PREFIXES = frozenset({"MR", "PR", "PM", "SR"})
# Keys are parts of addresses: nobody shall take a process for a page, or for a part of the API.
_RESERVED = """
    activity_logs admin alert_rules alerts analytics api attachments auth batches check checks dashboard
    decisions departments deploy deployments docs drafts exports failure_codes forms health healthz
    impact imports inbox incidents instances inventory inventory_transactions jobs label machine_history
    machines maintenance_requests maintenance_types maintenance_work menu message messages meta metrics
    millwright monitor new notifications openapi overview parts parts_requests people preventive
    preventive_logs preventive_maintenance preventive_tasks process_record process_records processes
    profile qr_machines readyz record records register replenishments report report_schedules reports
    requests roles scan scenario scenarios service_tasks services sessions settings sign_in sign_out
    spare_parts spare_parts_requests start static statistics stock_counts stock_locations
    stock_replenishments studio substitutions system tasks template templates token uploads user users
    validate versions work
"""
RESERVED_KEYS = frozenset(_RESERVED.split())

RECORD_FIELDS = {
    "id": "number",
    "businessKey": "string",
    "title": "string",
    "status": "string",
    "createdAt": "date and time",
    "createdByName": "string",
}


def binding(outline: ProcessOutline) -> ProcessBinding:
    """What ties a process to records of its own, by what its files say."""

    def create_subject(ctx: StartContext) -> Subject:
        with _file_errors(outline):
            prefix = numbering.prefix_of(ctx.session, outline.key, reserved=PREFIXES)
            record = process_records.create(
                ctx.session,
                process_key=outline.key,
                business_key=numbering.next_key(ctx.session, prefix, ctx.now.year),
                name=outline.name or outline.key,
                fields=ctx.values,
                by=ctx.actor.user_id,
                files=_files(outline, ctx.values),
            )
        return Subject(record.id, record.business_key)

    def keep_answers(ctx: SubjectContext, values: Mapping[str, Any]) -> None:
        record, by = load_record(ctx.session, ctx.subject_id), ctx.actor.user_id
        # Those that were attached before may have been taken away since.
        before = _files(outline, record.fields)
        files = [number for number in _files(outline, values) if number not in before]
        with _file_errors(outline):
            process_records.keep_answers(ctx.session, record, by, values, files)

    def describe(session: Session, subject_id: int) -> SubjectSummary:
        return _describe(load_record(session, subject_id), outline)

    return ProcessBinding(
        key=outline.key,
        subject_type=SUBJECT,
        statuses=outline.statuses,
        facts=_facts(outline),
        create_subject=create_subject,
        set_status=_set_status,
        describe=describe,
        free_statuses=True,
        keep_answers=keep_answers,
        ended=_ended,
    )


def load_record(session: Session, record_id: int) -> ProcessRecord:
    """The record with what its facts need: one statement, and none where the session has it already."""
    return session.get_one(
        ProcessRecord,
        record_id,
        options=[
            joinedload(ProcessRecord.machine).joinedload(Machine.department),
            joinedload(ProcessRecord.creator),
        ],
    )


def _set_status(ctx: StatusContext, status: str) -> None:
    process_records.set_status(
        ctx.session, load_record(ctx.session, ctx.subject_id), status, ctx.actor.user_id
    )


def _ended(ctx: SubjectContext, how: str) -> None:
    process_records.close(
        ctx.session,
        load_record(ctx.session, ctx.subject_id),
        ctx.actor.user_id,
        cancelled=how == InstanceState.CANCELLED,
    )


def _describe(record: ProcessRecord, outline: ProcessOutline) -> SubjectSummary:
    """One line for inboxes: what people wrote, without what the title says already."""
    texts = [record.fields.get(name) for name in outline.texts]
    said = [" ".join(text.split()) for text in texts if isinstance(text, str) and text.strip()]
    detail = " · ".join(text for text in said if text != record.title)
    return SubjectSummary(
        title=record.title,
        detail=detail[:300],
        machine_id=record.machine_id,
        department_id=record.department_id,
    )


# -- facts -------------------------------------------------------------------------------------


def _facts(outline: ProcessOutline) -> dict[str, Fact]:
    fields = None if outline.fields is None else {**outline.fields, **RECORD_FIELDS}
    found = {
        "record": Fact("What the process is about, with all that its forms asked for", fields, _record_facts),
        "requester": Fact(
            "Who started it",
            facts.PERSON_FIELDS,
            lambda session, record_id: facts.person_facts(load_record(session, record_id).creator),
        ),
    }
    if outline.fields is not None and "machineId" in outline.fields:
        found["machine"] = Fact("The machine it is about", facts.MACHINE_FIELDS, _machine_facts)
    return found


def _record_facts(session: Session, record_id: int) -> dict[str, Any]:
    record = load_record(session, record_id)
    return {
        **record.fields,
        "id": record.id,
        "businessKey": record.business_key,
        "title": record.title,
        "status": record.status,
        "createdAt": record.created_at,
        "createdByName": record.creator.name if record.creator else None,
    }


def _machine_facts(session: Session, record_id: int) -> dict[str, Any] | None:
    machine = load_record(session, record_id).machine
    return None if machine is None else facts.machine_facts(machine)


# -- files -------------------------------------------------------------------------------------


def _files(outline: ProcessOutline, values: Mapping[str, Any]) -> list[int]:
    """The ids of the files among the answers."""
    found = [number for path in outline.files for number in _numbers(values, path.split("."))]
    return list(dict.fromkeys(found))


@contextmanager
def _file_errors(outline: ProcessOutline) -> Iterator[None]:
    """Inside the block, a file that is refused is so at the form's field, where there is one."""
    try:
        yield
    except BusinessError as error:
        if error.code != "UNKNOWN_ATTACHMENT" or len(outline.files) != 1:
            raise
        raise BusinessError(error.code, error.message, field=outline.files[0]) from None


def _numbers(value: Any, path: list[str]) -> Iterator[int]:
    """The whole numbers at the end of a path; lists on the way are gone through."""
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item, path)
    elif path and isinstance(value, Mapping):
        yield from _numbers(value.get(path[0]), path[1:])
    elif not path and isinstance(value, int) and not isinstance(value, bool):
        yield value
