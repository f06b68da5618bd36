"""Where a scenario stands: what is open for whom, where tokens are, what was decided, who was told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.notifications import Notification
from app.domain.parts import SparePart
from app.engine import history, instances, messages, queries
from app.engine.decisions import DecisionTable
from app.engine.definitions import Definition
from app.engine.models import (
    OPEN_STATES,
    HistoryEntry,
    HistoryKind,
    Incident,
    InstanceState,
    ProcessInstance,
    UserTask,
)
from app.engine.projection import WITH_STATE
from app.engine.waiting import waiting_timers
from app.processes.scenarios.expecting import status_of
from app.processes.scenarios.stepping import Run
from app.processes.scenarios.world import BEGINNING


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A user task that is open. ``people`` are the parts of those who may do it, ``which`` is its number
    among the open tasks of the same name."""

    id: int
    which: int
    name: str
    element: str
    process: str
    business_key: str
    title: str
    roles: tuple[str, ...]
    people: tuple[str, ...]
    assignee: str | None
    priority: str
    due_at: datetime | None
    is_own: bool


@dataclass(frozen=True, slots=True)
class WaitingTimer:
    """A timer that will go off unless something else happens first."""

    process: str
    element: str
    name: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class AwaitedMessage:
    """A message that is waited for. ``people`` are those who may send it; ``fields`` is what the diagram
    takes from its payload."""

    name: str
    process: str
    business_key: str
    element: str
    element_name: str
    people: tuple[str, ...]
    fields: tuple[str, ...]
    is_own: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision that was made: the table, its inputs and outputs, and the numbers of the rules that hit."""

    at: datetime
    process: str
    element: str
    element_name: str
    table: str
    inputs: dict[str, Any]
    outputs: Any
    rules: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A notification to somebody."""

    at: datetime
    who: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that has failed, and waits for somebody to mend it."""

    element: str
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class RunStanding:
    """One run of a process. ``here`` is where its tokens are, ``elements`` and ``flows`` how they came."""

    process: str
    name: str
    business_key: str
    state: str
    status: str
    here: tuple[str, ...]
    here_names: tuple[str, ...]
    elements: tuple[str, ...]
    flows: tuple[str, ...]
    variables: dict[str, Any]
    failures: tuple[Failure, ...]

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


@dataclass(frozen=True, slots=True)
class Standing:
    """All that can be seen of a story at one moment. ``runs`` begins with the story's own."""

    now: datetime
    began: datetime
    runs: tuple[RunStanding, ...]
    tasks: tuple[OpenTask, ...]
    timers: tuple[WaitingTimer, ...]
    messages: tuple[AwaitedMessage, ...]
    decisions: tuple[Decision, ...]
    told: tuple[Told, ...]
    stock: dict[str, int]
    entries: tuple[HistoryEntry, ...]
    outcomes: dict[tuple[str, str], str]

    @property
    def own(self) -> RunStanding:
        return self.runs[0]

    @property
    def has_ended(self) -> bool:
        return not self.own.is_open


def standing(run: Run) -> Standing:
    """Where a run that has started stands now."""
    with run.world.sessions() as session:
        found = _own_first(run, session)
        definitions = {each.id: run.engine.definition(session, each.deployment_id) for each in found}
        entries = history.entries(session, [each.id for each in found], limit=1000)
        return Standing(
            now=run.world.time(),
            began=BEGINNING,
            runs=tuple(_run(run, session, each, definitions[each.id]) for each in found),
            tasks=tuple(_tasks(run, session)),
            timers=tuple(sorted(_timers(run, session, found), key=lambda timer: timer.due_at)),
            messages=tuple(_messages(run, session, found, definitions)),
            decisions=tuple(_decisions(entries, definitions)),
            told=tuple(_told(run, session)),
            stock={number: _quantity(session, part) for number, part in run.world.parts.items()},
            entries=tuple(entries),
            outcomes={
                (element.id, outcome.value): outcome.label
                for definition in definitions.values()
                for element in definition.diagram.elements.values()
                for outcome in element.outcomes
            },
        )


def _own_first(run: Run, session: Session) -> list[ProcessInstance]:
    query = select(ProcessInstance).options(*WITH_STATE).order_by(ProcessInstance.id)
    return sorted(session.scalars(query), key=lambda each: each.business_key != run.business_key)


def _run(run: Run, session: Session, instance: ProcessInstance, definition: Definition) -> RunStanding:
    passed = history.path(session, instance.id)
    here = instances.tokens(run.engine, session, instance.id)
    elements = definition.diagram.elements
    open_incidents = select(Incident).where(
        Incident.instance_id == instance.id, Incident.resolved_at.is_(None)
    )
    return RunStanding(
        process=instance.key,
        name=definition.name,
        business_key=instance.business_key,
        state=str(instance.state),
        status=status_of(run.engine, session, instance),
        here=tuple(here),
        here_names=tuple(elements[element].label for element in here),
        elements=tuple(passed["elements"]),
        flows=tuple(passed["flows"]),
        variables=dict((instance.engine_state or {}).get("variables", {})),
        failures=tuple(
            Failure(incident.element_id, incident.element_name, incident.message)
            for incident in session.scalars(open_incidents.order_by(Incident.id))
        ),
    )


def _tasks(run: Run, session: Session) -> Iterable[OpenTask]:
    counted: dict[str, int] = {}
    for task in run.open_tasks(session):
        counted[task.name] = counted.get(task.name, 0) + 1
        yield _task(run, task, counted[task.name])


def _task(run: Run, task: UserTask, which: int) -> OpenTask:
    return OpenTask(
        id=task.id,
        which=which,
        name=task.name,
        element=task.element_id,
        process=task.process_key,
        business_key=task.business_key,
        title=task.title,
        roles=task.candidate_roles,
        people=tuple(run.world.who_may(task)),
        assignee=run.world.name_of(task.assignee_id) if task.assignee_id else None,
        priority=task.priority,
        due_at=task.due_at,
        is_own=task.business_key == run.business_key,
    )


def _timers(run: Run, session: Session, found: list[ProcessInstance]) -> Iterable[WaitingTimer]:
    for instance in found:
        for element, due_at in waiting_timers(run.engine, session, instance):
            yield WaitingTimer(instance.key, element.id, element.label, due_at)


def _messages(
    run: Run, session: Session, found: list[ProcessInstance], definitions: dict[int, Definition]
) -> Iterable[AwaitedMessage]:
    for instance in found:
        if instance.state not in (InstanceState.RUNNING, InstanceState.INCIDENT):
            continue
        for awaited in queries.awaited_messages(run.engine, session, instance.id):
            element = definitions[instance.id].element(awaited.element_id)
            by_hand = bool(element.attributes.get("allowed"))
            people = [
                name
                for name, actor in run.world.actors.items()
                if by_hand and messages.may_send(run.engine, session, instance, awaited.name, actor)
            ]
            read = {
                path[1]
                for output in element.outputs
                for path in run.engine.feel.paths(output.expression.removeprefix("="))
                if len(path) > 1 and path[0] == "payload"
            }
            yield AwaitedMessage(
                name=awaited.name,
                process=instance.key,
                business_key=instance.business_key,
                element=awaited.element_id,
                element_name=awaited.element_name,
                people=tuple(people),
                fields=tuple(sorted(read)),
                is_own=instance.business_key == run.business_key,
            )


def _decisions(entries: list[HistoryEntry], definitions: dict[int, Definition]) -> Iterable[Decision]:
    for entry in entries:
        if entry.kind != HistoryKind.DECIDED:
            continue
        detail = entry.detail or {}
        name = str(detail.get("decision", ""))
        table, rules = _of_table(definitions[entry.instance_id], name, detail.get("rules") or [])
        yield Decision(
            at=entry.at,
            process=entry.process_key,
            element=entry.element_id or "",
            element_name=entry.element_name,
            table=table,
            inputs=dict(detail.get("inputs") or {}),
            outputs=detail.get("outputs"),
            rules=rules,
        )


def _of_table(definition: Definition, name: str, hit: list[str]) -> tuple[str, tuple[int, ...]]:
    """What a decision is called, and the numbers of the rules that hit, as its editor counts them."""
    model, decision_id = definition.decisions[name]
    decision = model.find(decision_id)
    if not isinstance(decision, DecisionTable):
        return decision.name or name, ()
    ids = [rule.id for rule in decision.rules]
    return decision.name or name, tuple(ids.index(rule) + 1 for rule in hit if rule in ids)


def _told(run: Run, session: Session) -> Iterable[Told]:
    for row in session.scalars(select(Notification).order_by(Notification.id)):
        yield Told(row.created_at, run.world.name_of(row.user_id), row.title, row.body)


def _quantity(session: Session, part_id: int) -> int:
    return session.get_one(SparePart, part_id).quantity
