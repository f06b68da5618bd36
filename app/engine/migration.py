"""Running instances go on in another version of their process.

First :func:`plan`, which tells of each instance whether it can move and why not; then
:func:`migrate`, one instance and one transaction at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from SpiffWorkflow.util.task import TaskState
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.engine import instances, projection, waits
from app.engine.actors import Actor
from app.engine.definitions import Definition
from app.engine.deployments import get_version
from app.engine.execution import Execution
from app.engine.models import OPEN_STATES, Deployment, HistoryKind, InstanceState, ProcessInstance
from app.engine.operations import open_instance, reason_given
from app.engine.state import STANDING
from app.engine.timers import Timer
from app.engine.translation import Translation
from app.errors import BusinessError, Conflict, NotFound

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

# So many instances are looked at for one plan.
PLAN_LIMIT = 500


class CannotMigrate(Conflict):
    """An instance cannot move to another version; ``reasons`` says why, for people."""

    def __init__(self, business_key: str, reasons: list[str]) -> None:
        super().__init__(f"{business_key} cannot move: {' '.join(reasons)}")
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Forecast:
    """Whether one instance can move, where it stands now, and what speaks against it."""

    instance_id: int
    business_key: str
    state: str
    version: int
    stands_at: list[str]
    reasons: list[str] = field(default_factory=list)

    @property
    def can_move(self) -> bool:
        return not self.reasons


def plan(
    engine: ProcessEngine,
    session: Session,
    key: str,
    to_version: int,
    *,
    from_version: int | None = None,
    instance_ids: Collection[int] | None = None,
    mapping: Mapping[str, str] | None = None,
    limit: int = PLAN_LIMIT,
) -> list[Forecast]:
    """What would become of instances of a process if they moved to ``to_version``, oldest first.

    Either of the instances named (those of other processes are left out), or of all open ones that
    are not at that version yet, only those of ``from_version`` if given. ``mapping`` tells which new
    element takes the place of an old one. Raises :class:`NotFound` for an unknown process or version.

    :raises BusinessError: UNKNOWN_ELEMENT (field ``mapping.<old>``)
    """
    deployment = get_version(session, key, to_version)
    new = engine.definition(session, deployment.id)
    check_mapping(new, mapping or {})
    query = (
        select(ProcessInstance, Deployment.version)
        .join(Deployment, Deployment.id == ProcessInstance.deployment_id)
        .where(ProcessInstance.key == key)
        .options(*projection.WITH_STATE)
        .order_by(ProcessInstance.id)
        .limit(limit)
    )
    if instance_ids is not None:
        query = query.where(ProcessInstance.id.in_(instance_ids))
    else:
        query = query.where(
            ProcessInstance.state.in_(OPEN_STATES), ProcessInstance.deployment_id != deployment.id
        )
    if from_version is not None:
        query = query.where(Deployment.version == from_version)
    return [
        _forecast(engine, session, instance, version, new, mapping or {})
        for instance, version in session.execute(query)
    ]


def check_mapping(new: Definition, mapping: Mapping[str, str]) -> None:
    """Whether the new version has the elements that take the place of others.

    :raises BusinessError: UNKNOWN_ELEMENT (field ``mapping.<old>``)
    """
    for old, target in mapping.items():
        if target not in new.diagram.elements:
            message = f"Version {new.version} has no element {target[:100]}."
            raise BusinessError("UNKNOWN_ELEMENT", message, field=f"mapping.{old[:100]}")


def _forecast(
    engine: ProcessEngine,
    session: Session,
    instance: ProcessInstance,
    version: int,
    new: Definition,
    mapping: Mapping[str, str],
) -> Forecast:
    old = engine.definition(session, instance.deployment_id)
    if instance.state not in OPEN_STATES:
        stands_at, reasons = [], ["It has ended."]
    elif instance.deployment_id == new.deployment_id:
        stands_at, reasons = instances.standing(old, instance.engine_state), ["It has that version already."]
    else:
        translation = Translation(old, new, mapping)
        translation.translate(instance.engine_state)
        stands_at, reasons = instances.standing(old, instance.engine_state), translation.reasons
    return Forecast(instance.id, instance.business_key, instance.state, version, stands_at, reasons)


def migrate(
    engine: ProcessEngine,
    session: Session,
    instance_id: int,
    to_deployment_id: int,
    actor: Actor,
    reason: str,
    mapping: Mapping[str, str] | None = None,
) -> ProcessInstance:
    """Let an instance go on in another version of its process, from where it stands.

    Its open user tasks get the names, forms and roles of the new version and stay with whoever has
    them; timers that run keep their due times, those that are new begin now; a failed step can be
    retried as the new version has it. A suspended instance stays suspended.

    Raises :class:`NotFound`, and :class:`Conflict` where the instance has ended, has that version
    already or cannot move (:class:`CannotMigrate`).

    :raises BusinessError: REASON_MISSING, REASON_TOO_LONG; UNKNOWN_ELEMENT (field ``mapping.<old>``)
    """
    reason, mapping = reason_given(reason), dict(mapping or {})
    instance = open_instance(session, instance_id)
    old = engine.definition(session, instance.deployment_id)
    new = engine.definition(session, to_deployment_id)
    if new.key != instance.key:
        raise NotFound(f"{old.name} has no such version.")
    if to_deployment_id == instance.deployment_id:
        raise Conflict(f"{instance.business_key} has version {new.version} already.")
    check_mapping(new, mapping)
    translation = Translation(old, new, mapping)
    translated = translation.translate(instance.engine_state)
    if translation.reasons:
        raise CannotMigrate(instance.business_key, translation.reasons)
    instance.deployment_id, instance.engine_state = to_deployment_id, translated
    execution = Execution.resume(engine, session, instance, actor)
    execution.listen_anew()
    execution.journal.add(
        HistoryKind.MIGRATED,
        None,
        {
            "fromVersion": old.version,
            "toVersion": new.version,
            "mapping": mapping,
            "reason": reason,
        },
    )
    _predict(execution)
    _renew_tasks(execution, old)
    waits.rename(execution)
    if instance.state == InstanceState.SUSPENDED:
        _begin_timers(execution)
    else:
        for tree in execution.trees():
            tree.update_waiting_tasks()
        execution.advance()
    execution.save()
    return instance


def _predict(execution: Execution) -> None:
    """Let what stands somewhere know what may come after it in the new version."""
    for tree in execution.trees():
        for task in list(tree.tasks.values()):
            if task.state in STANDING:
                task.task_spec._predict(task, mask=TaskState.NOT_FINISHED_MASK)


def _renew_tasks(execution: Execution, old: Definition) -> None:
    tokens = {task.id.hex: task for task in execution.ready_user_tasks()}
    for row in execution.open_tasks:
        if row.engine_task in tokens:
            before = old.element(row.element_id)
            projection.renew(execution, row, before, execution.element_of(tokens[row.engine_task]))


def _begin_timers(execution: Execution) -> None:
    """Let new timers begin without anything going off: the instance is held."""
    for task in execution.workflow.event_manager.tasks.values():
        if isinstance(task.task_spec.event_definition, Timer):
            task.task_spec.event_definition.has_fired(task)
