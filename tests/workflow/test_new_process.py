"""A process that no programmer has prepared: drawn from a template, deployed, and worked by staff."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import ManualClock
from app.domain.activity import ActivityLog
from app.domain.attachments import Attachment
from app.domain.entities import EntityType
from app.domain.notifications import Notification
from app.domain.process_records import ProcessRecord
from app.engine import deployments, history, instances, operations, user_tasks
from app.engine.actors import SYSTEM
from app.engine.check import check_files
from app.engine.core import ProcessEngine
from app.engine.definitions import DefinitionError, compile_files
from app.engine.models import HistoryKind, InstanceState, ProcessInstance
from app.engine.scenario_files import read_scenarios
from app.errors import BusinessError, Forbidden, NotFound
from app.processes.scenarios import run_scenarios
from app.processes.templates import TEMPLATES, new_process
from tests.support import calibration
from tests.support.calibration import CALIBRATED, KEY, REQUESTED
from tests.support.factory_floor import Floor


def deploy(floor: Floor, files: dict[str, bytes]) -> None:
    with floor.acting() as session:
        deployments.deploy(floor.engine, session, files, by=SYSTEM)


def start(floor: Floor, by: str = "supervisor", key: str = KEY, **changes: Any) -> ProcessInstance:
    with floor.acting() as session:
        form = user_tasks.start_form(
            floor.engine, session, key, floor.actors[by], json={**REQUESTED, **changes}
        )
        assert form.validate(), form.errors
        instance = instances.start(floor.engine, session, key, floor.actors[by], form.values())
    floor.settle()
    return instance


def record_of(floor: Floor, instance: ProcessInstance) -> ProcessRecord:
    with floor.sessions() as session:
        return session.get_one(ProcessRecord, instance.subject_id)


@pytest.fixture
def lab(floor: Floor, engine: ProcessEngine) -> Floor:
    """The factory, with tool calibration drawn and deployed."""
    deploy(floor, calibration.files(engine))
    return floor


# -- templates ---------------------------------------------------------------------------------


@pytest.mark.parametrize("template", [template.name for template in TEMPLATES])
def test_a_template_is_complete(engine: ProcessEngine, template: str) -> None:
    """What comes out passes every check and its own scenarios, which come to every element and flow."""
    files = new_process(engine, template, "site_visit", 'Visits & "tours" <guests>')
    assert check_files(engine, files) == []
    compiled = compile_files(files)
    assert (compiled.key, compiled.name) == ("site_visit", 'Visits & "tours" <guests>')
    results = run_scenarios(engine, files, read_scenarios(files["scenarios.yaml"]))
    assert [result.failures for result in results] == [[] for _ in results]
    assert set(compiled.diagram.elements) == set().union(*(result.elements for result in results))
    assert set(compiled.diagram.flows) == set().union(*(result.flows for result in results))


@pytest.mark.parametrize(
    ("key", "name", "field"),
    [
        ("maintenance_request", "Requests", "key"),
        ("records", "Records", "key"),
        ("Tool", "Tools", "key"),
        ("a" * 61, "Tools", "key"),
        ("to", "Tools", "key"),
        ("tool-calibration", "Tools", "key"),
        ("tools", "  ", "name"),
        ("tools", "x" * 101, "name"),
        ("tools", "To\x00ols", "name"),
    ],
)
def test_a_new_process_has_a_key_and_a_name_of_its_own(
    engine: ProcessEngine, key: str, name: str, field: str
) -> None:
    with pytest.raises(BusinessError) as refused:
        new_process(engine, TEMPLATES[0].name, key, name)
    assert refused.value.field == field


def test_an_unknown_template_is_not_found(engine: ProcessEngine) -> None:
    with pytest.raises(NotFound):
        new_process(engine, "../maintenance_request", "tools", "Tools")


# -- deploying ---------------------------------------------------------------------------------


def test_the_edited_files_have_no_problems(engine: ProcessEngine) -> None:
    assert check_files(engine, calibration.files(engine)) == []


@pytest.mark.parametrize("key", ["records", "Tool_calibration", "tool-calibration", "x"])
def test_a_key_that_is_taken_or_odd_is_refused(floor: Floor, engine: ProcessEngine, key: str) -> None:
    files = {
        name: content.replace(KEY.encode(), key.encode())
        for name, content in calibration.files(engine).items()
    }
    assert "bad-key" in {problem.code for problem in check_files(engine, files)}
    with pytest.raises(DefinitionError, match=key):
        deploy(floor, files)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("=record.urgency", "=record.urgenzy", "unknown-field"),
        ("=record.urgency", "=record.serialNumber", None),
        ("=record.urgency", "=record.result", None),  # a later form's
        ("=record.urgency", "=machine.criticality", None),
        ("=record.urgency", "=machine.colour", "unknown-field"),
        ("=record.urgency", "=request.priority", "unknown-variable"),
        ('status="DONE"', 'status="done"', "bad-status"),
        ('status="DONE"', 'status="AT_THE_LABORATORY_NOW"', "bad-status"),
        ('status="DONE"', 'status="CALIBRATED"', None),
    ],
)
def test_expressions_know_the_fields_of_the_process_s_own_forms(
    engine: ProcessEngine, old: str, new: str, code: str | None
) -> None:
    files = calibration.files(engine)
    files[f"{KEY}.bpmn"] = files[f"{KEY}.bpmn"].replace(old.encode(), new.encode())
    assert {problem.code for problem in check_files(engine, files)} == ({code} if code else set())


def test_without_a_field_for_the_machine_there_is_no_fact_machine(engine: ProcessEngine) -> None:
    files = calibration.files(engine)
    files["request.form"] = files["request.form"].replace(b'"machineId"', b'"press"')
    files[f"{KEY}.bpmn"] = files[f"{KEY}.bpmn"].replace(b"=record.urgency", b"=machine.criticality")
    assert {problem.code for problem in check_files(engine, files)} == {"unknown-variable"}


def test_a_missing_form_is_the_only_problem_that_it_makes(engine: ProcessEngine) -> None:
    files = calibration.files(engine)
    del files["carry_out.form"]
    found = {problem.code for problem in check_files(engine, files)}
    assert found == {"unknown-form"}


# -- working -----------------------------------------------------------------------------------


def test_staff_work_a_request_to_its_end(lab: Floor, clock: ManualClock) -> None:
    instance = start(lab, machineId=lab.machine_id)

    record = record_of(lab, instance)
    assert (record.business_key, record.process_key) == ("TC-2026-000001", KEY)
    assert (record.title, record.status) == ("Torque wrench 20–100 Nm", "IN_APPROVAL")
    assert record.fields["serialNumber"] == "TW-0042"
    assert record.machine_id == lab.machine_id
    assert record.department_id == lab.actors["supervisor"].department_id
    (task,) = lab.open_tasks(instance.business_key)
    assert (task.name, task.candidate_role, task.priority) == (
        "Approve calibration",
        "MAINTENANCE_MANAGER",
        "HIGH",
    )
    assert (task.title, task.detail) == ("Torque wrench 20–100 Nm", "TW-0042")
    assert task.due_at == clock() + timedelta(hours=4)

    lab.do("Approve calibration", "manager", "approve")
    assert record_of(lab, instance).status == "APPROVED"

    lab.do("Calibrate tool", "technician", **CALIBRATED)
    record = record_of(lab, instance)
    assert (record.status, record.closed_at) == ("DONE", clock())
    assert record.fields["points"][1] == {"nominal": 100, "found": 99.1}
    assert record.fields["nextDue"] == "2027-03-02"
    assert record.fields["serialNumber"] == "TW-0042"
    with lab.sessions() as session:
        ended = session.get_one(ProcessInstance, instance.id)
        told = session.scalars(sa.select(Notification)).all()
    assert ended.state == InstanceState.COMPLETED
    assert [(n.user_id, n.title, n.link) for n in told] == [
        (lab.actors["supervisor"].user_id, "Done: TC-2026-000001", f"/records/{record.id}")
    ]


def test_the_timer_reminds_again_and_again_until_somebody_decides(lab: Floor, clock: ManualClock) -> None:
    instance = start(lab)

    def reminders() -> int:
        with lab.sessions() as session:
            query = sa.select(sa.func.count(Notification.id)).where(Notification.title.startswith("Please"))
            return session.scalar(query) or 0

    def pass_time(**length: float) -> None:
        clock.advance(**length)
        instances.fire_due(lab.engine, lab.sessions)
        lab.settle()

    pass_time(minutes=119)
    assert reminders() == 0
    pass_time(minutes=2)
    assert reminders() == 1
    pass_time(hours=2)
    assert reminders() == 2

    lab.do("Approve calibration", "manager", "reject", reason="It is scrap.")
    pass_time(hours=6)
    assert reminders() == 2
    record = record_of(lab, instance)
    assert (record.status, record.fields["reason"], record.is_open) == ("REJECTED", "It is scrap.", False)


def test_the_table_says_who_approves(lab: Floor) -> None:
    start(lab, kind="SCALE")
    assert lab.names() == ["Calibrate tool"]


def test_only_the_roles_of_the_start_may_start(lab: Floor, engine: ProcessEngine) -> None:
    files = calibration.files(engine)
    name = f"{KEY}.bpmn"
    every = b"SUPERVISOR,MAINTENANCE_TECH,MAINTENANCE_MANAGER,INVENTORY_MANAGER,ADMIN"
    assert every in files[name]
    deploy(lab, {**files, name: files[name].replace(every, b"SUPERVISOR")})
    with pytest.raises(Forbidden, match="Supervisor"):
        start(lab, "technician")
    assert start(lab, "supervisor").business_key == "TC-2026-000001"


def test_every_change_of_a_record_is_in_the_activity_log(lab: Floor) -> None:
    instance = start(lab)
    lab.do("Approve calibration", "manager", "approve")
    lab.do("Calibrate tool", "technician", **CALIBRATED)
    with lab.sessions() as session:
        query = sa.select(ActivityLog).where(
            ActivityLog.entity_type == EntityType.PROCESS_RECORD, ActivityLog.entity_id == instance.subject_id
        )
        log = session.scalars(query.order_by(ActivityLog.id)).all()
    assert [entry.action for entry in log] == [
        "CREATE_RECORD",
        "CHANGE_RECORD_STATUS",
        "CHANGE_RECORD_STATUS",
        "CHANGE_RECORD_STATUS",
        "CHANGE_RECORD",
        "CHANGE_RECORD_STATUS",
        "CLOSE_RECORD",
    ]
    changed = log[4]
    assert changed.user_id == lab.actors["technician"].user_id
    assert changed.before["result"] is None and changed.after["result"] == "Adjusted and sealed."


def test_stopping_the_instance_cancels_the_record(lab: Floor, clock: ManualClock) -> None:
    instance = start(lab)
    with lab.acting() as session:
        operations.cancel(lab.engine, session, instance.id, lab.actors["manager"], "Asked for twice.")
    record = record_of(lab, instance)
    assert (record.status, record.closed_at) == ("CANCELLED", clock())


def test_a_diagram_without_statuses_leaves_open_and_then_done(floor: Floor, engine: ProcessEngine) -> None:
    files = calibration.files(engine)
    name = f"{KEY}.bpmn"
    for status in ("REQUESTED", "IN_APPROVAL", "APPROVED", "REJECTED", "DONE"):
        files[name] = files[name].replace(f' millwright:status="{status}"'.encode(), b"")
    deploy(floor, files)
    instance = start(floor, kind="SCALE")
    assert record_of(floor, instance).status == "OPEN"
    floor.do("Calibrate tool", "technician", **CALIBRATED)
    assert record_of(floor, instance).status == "DONE"


def test_a_file_of_somebody_else_is_not_attached(lab: Floor) -> None:
    with lab.acting() as session:
        theirs = Attachment(
            file_name="x.jpg", content_type="image/jpeg", size=1, digest="0", storage_key="x",
            uploaded_by=lab.actors["technician"].user_id,
        )  # fmt: skip
        session.add(theirs)
        session.flush()
    with pytest.raises(Forbidden, match="uploaded"), lab.acting() as session:
        values = {**REQUESTED, "photos": [theirs.id]}
        instances.start(lab.engine, session, KEY, lab.actors["supervisor"], values)
    with pytest.raises(BusinessError) as refused, lab.acting() as session:
        values = {**REQUESTED, "photos": [theirs.id + 1000]}
        instances.start(lab.engine, session, KEY, lab.actors["supervisor"], values)
    assert (refused.value.code, refused.value.field) == ("UNKNOWN_ATTACHMENT", "photos")
    with lab.sessions() as session:
        assert session.scalar(sa.select(sa.func.count(ProcessRecord.id))) == 0


def test_processes_with_the_same_initials_have_keys_of_their_own(lab: Floor, engine: ProcessEngine) -> None:
    deploy(lab, calibration.files(engine, "training_course", "Training course"))
    deploy(lab, calibration.files(engine, "main_request", "Main request"))
    keys = [start(lab, key=key).business_key for key in (KEY, "training_course", KEY, "main_request")]
    assert keys == ["TC-2026-000001", "TCO-2026-000001", "TC-2026-000002", "MRE-2026-000001"]


def test_a_running_request_keeps_its_version(lab: Floor, engine: ProcessEngine) -> None:
    """A later version may ask for other fields; what was answered stays."""
    instance = start(lab)
    files = calibration.files(engine)
    files["request.form"] = files["request.form"].replace(b'"serialNumber"', b'"toolNumber"')
    deploy(lab, files)
    lab.do("Approve calibration", "manager", "approve")
    lab.do("Calibrate tool", "technician", **CALIBRATED)
    assert record_of(lab, instance).fields["serialNumber"] == "TW-0042"


def test_history_tells_who_decided(lab: Floor, session: Session) -> None:
    instance = start(lab)
    lab.do("Approve calibration", "manager", "approve")
    left = [entry for entry in history.entries(session, instance.id) if entry.kind == HistoryKind.LEFT]
    assert [(entry.element_name, entry.actor_name) for entry in left] == [("Approve calibration", "manager")]
