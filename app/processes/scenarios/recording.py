"""Makes a scenario of a real run: what was given, who did what and when, and how it ended.

People become parts of the story, ids become names. What a scenario cannot say is listed, and the
story is run against the files of its own version before it is handed out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.engine import deployments, instances
from app.engine.core import ProcessEngine
from app.engine.models import (
    HistoryEntry,
    HistoryKind,
    InstanceState,
    ProcessInstance,
    TaskState,
    UserTask,
)
from app.engine.scenario_files import MAXIMUM_STEPS, Scenario, read_scenarios
from app.processes.scenarios.allowance import Allowance
from app.processes.scenarios.cast import Cast
from app.processes.scenarios.given import PARTS, Facts, Stock, facts_of, machine_given, stock_of
from app.processes.scenarios.opening import opens_itself
from app.processes.scenarios.running import run_scenarios
from app.processes.scenarios.telling import Telling, duration, written

MAXIMUM_ENTRIES = 5_000
# A task that is done in a scenario takes this long by itself.
DOING = timedelta(minutes=1)
PASSING = timedelta(seconds=1)
CHECKING = (15.0, 60.0)  # seconds of work and in all

UNSAID = {
    HistoryKind.INCIDENT: "“{name}” failed: {message}",
    HistoryKind.VARIABLES: "Variables were corrected by hand.",
    HistoryKind.MOVED: "A token was moved by hand.",
    HistoryKind.MIGRATED: "The run went on in another version of its process.",
    HistoryKind.SUSPENDED: "The run was suspended for a while.",
    HistoryKind.CANCELLED: "The run was cancelled by an overseer; the story ends before that.",
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A scenario file with one story. ``warnings`` say what it leaves out, and why it fails where it does."""

    yaml: str
    warnings: list[str]
    passed: bool


def record(engine: ProcessEngine, session: Session, instance_id: int) -> Recorded:
    """Make a scenario of a run, as far as it has come. Nothing is written.

    Raises :class:`NotFound` where there is no such instance.
    """
    instance = instances.get(session, instance_id)
    recording = _Recording(engine, session, instance)
    scenario = recording.scenario()
    warnings = list(dict.fromkeys(recording.warnings))
    deployment = recording.definition
    origin = f"Recorded from {instance.business_key}, version {deployment.version} of {deployment.name}."
    text = written(scenario, [origin, *warnings])
    (result,) = run_scenarios(engine, recording.files, read_scenarios(text.encode()), Allowance(*CHECKING))
    if not result.passed:
        failed = [f"As it stands the scenario fails: {failure}" for failure in result.failures]
        warnings += failed
        text = written(scenario, [origin, *warnings])
    return Recorded(text, warnings, result.passed)


class _Recording:
    """The making of one scenario."""

    def __init__(self, engine: ProcessEngine, session: Session, instance: ProcessInstance) -> None:
        self.session = session
        self.instance = instance
        self.definition = engine.definition(session, instance.deployment_id)
        self.files = deployments.files_of(session, instance.deployment_id)
        self.warnings: list[str] = []
        self.facts: Facts = facts_of(session, instance)
        self.runs = {run.id: run for run in (instance, *self.facts.related)}
        self.entries = self._entries()
        self.tasks = {task.id: task for task in self._tasks()}
        self.cast = Cast(session, self._people())
        self._give_parts()
        end = self.entries[-1].at if self.entries else instance.started_at
        self.stock: Stock = stock_of(session, self.facts, instance.started_at, end)
        self.telling = Telling(session, self.files, self.stock.numbers, self.cast.without_names)
        self._forms = {run.id: deployments.files_of(session, run.deployment_id) for run in self.facts.related}
        self._steps: list[dict[str, Any]] = []
        self._now = instance.started_at
        self._waited = timedelta(0)
        self._handed_over: dict[int, int] = {}
        self._sent = {
            entry.detail["message"] for entry in self.entries if entry.kind == HistoryKind.MESSAGE_SENT
        }

    def scenario(self) -> Scenario:
        """The story, and what it cannot say among the warnings."""
        start = self._start()
        moments: list[tuple[datetime, HistoryEntry | tuple[str, int]]] = [
            # What arrived at the same moment was there before.
            *((at, (number, quantity)) for at, number, quantity in self.stock.arrivals),
            *((entry.at, entry) for entry in self.entries),
        ]
        for at, moment in sorted(moments, key=lambda each: each[0]):
            if isinstance(moment, tuple):
                self._wait(at - self._now)
                self._steps.append({"stock": {"part": moment[0], "add": moment[1]}})
                self._now = at
            else:
                self._tell(moment)
        if len(self._steps) > MAXIMUM_STEPS:
            self._warn(f"The run is longer than {MAXIMUM_STEPS} steps: the story stops there.")
            del self._steps[MAXIMUM_STEPS:]
        self.warnings += self.stock.warnings + self.cast.warnings + self.telling.warnings
        return Scenario(
            name=f"Recorded from {self.instance.business_key}",
            description="",
            given=self._given(),
            start=start,
            steps=self._steps,
            expect=self._expectation(),
        )

    def _warn(self, text: str) -> None:
        self.warnings.append(text)

    # -- what is read --------------------------------------------------------------------------------

    def _entries(self) -> list[HistoryEntry]:
        query = select(HistoryEntry).where(HistoryEntry.instance_id.in_(list(self.runs)))
        found = list(self.session.scalars(query.order_by(HistoryEntry.id).limit(MAXIMUM_ENTRIES + 1)))
        if len(found) > MAXIMUM_ENTRIES:
            self._warn(f"Only the first {MAXIMUM_ENTRIES} entries of its history are told.")
        return found[:MAXIMUM_ENTRIES]

    def _tasks(self) -> list[UserTask]:
        query = select(UserTask).where(UserTask.instance_id.in_(list(self.runs))).order_by(UserTask.id)
        return list(self.session.scalars(query))

    def _people(self) -> set[int]:
        found = {entry.actor_id for entry in self.entries}
        for task in self.tasks.values():
            found |= {task.completed_for, task.assignee_id}
        found |= {each.requester_id for each in self.facts.parts_requests}
        return {person for person in found if person is not None}

    def _give_parts(self) -> None:
        """In the order in which people appear, before anything is told of them."""
        appearing = [
            each.requester_id for each in self.facts.parts_requests[:1] if self.instance.key == PARTS
        ]
        acting = (HistoryKind.STARTED, HistoryKind.LEFT, HistoryKind.MESSAGE_RECEIVED)
        appearing += [entry.actor_id for entry in self.entries if entry.kind in acting]
        for person in appearing:
            self.cast.part(person)

    # -- beginning and end ---------------------------------------------------------------------------

    def _given(self) -> dict[str, Any]:
        given: dict[str, Any] = {}
        if self.facts.machine is not None:
            given["machine"] = machine_given(self.facts.machine)
        if self.stock.given:
            given["parts"] = self.stock.given
        if self.instance.key == PARTS and self.facts.request is not None:
            request = self.facts.request
            given["request"] = {
                "priority": str(request.priority),
                "description": self.cast.without_names(request.problem_description),
            }
        return given | self.facts.more

    def _start(self) -> dict[str, Any]:
        if self.instance.key == PARTS:
            return self._start_parts()
        if opens_itself(self.instance.key):
            return {"process": self.instance.key}
        began = next((entry for entry in self.entries if entry.kind == HistoryKind.STARTED), None)
        values = began.detail.get("values", {}) if began and began.detail else {}
        if began is not None and began.actor_id is None:
            self._warn("It was started by a message; in the story the supervisor starts it.")
        start = next((s for s in self.definition.diagram.starts if s.event is None), None)
        return {
            "process": self.instance.key,
            "by": self.cast.part(began.actor_id if began else None, "supervisor"),
            "values": self.telling.values("Start", values, start.form if start else None),
        }

    def _start_parts(self) -> dict[str, Any]:
        (wanted,) = self.facts.parts_requests
        by = self.cast.part(wanted.requester_id, "technician")
        if by not in ("technician", "technician2"):
            self._warn(f"The parts were asked for by the {by}; in the story a technician does.")
            by = "technician"
        lines = [
            {
                "part": line.part.part_number,
                "quantity": line.quantity_requested,
                **({"reason": self.cast.without_names(line.reason)} if line.reason else {}),
            }
            for line in wanted.lines
        ]
        return {"process": PARTS, "by": by, "lines": lines}

    def _expectation(self) -> dict[str, Any]:
        ended = self.instance.state == InstanceState.COMPLETED
        if self.instance.state == InstanceState.CANCELLED:
            return {}
        found: dict[str, Any] = {"state": "completed" if ended else "running"}
        if status := self.facts.status(self.instance) if self.facts.machine or self.facts.record else "":
            found["status"] = status
        found["open"] = sorted(
            task.name
            for task in self.tasks.values()
            if task.instance_id == self.instance.id and task.state == TaskState.OPEN
        )
        if self.stock.end:
            found["stock"] = self.stock.end
        if self.facts.related:
            statuses = sorted(str(each.status) for each in self.facts.parts_requests)
            found["related"] = {PARTS: ", ".join(statuses)}
        return found

    # -- in between ----------------------------------------------------------------------------------

    def _tell(self, entry: HistoryEntry) -> None:
        kind, detail = HistoryKind(entry.kind), entry.detail or {}
        if kind == HistoryKind.LEFT and "task" in detail:
            self._do(entry, detail)
        elif kind == HistoryKind.MESSAGE_RECEIVED:
            self._message(entry, detail)
        elif kind == HistoryKind.TIMER:
            self._wait(entry.at - self._now, through=True)
            self._now = max(self._now, entry.at)
        elif kind in (HistoryKind.DELEGATED, HistoryKind.RELEASED):
            self._hand_over(entry, detail)
        elif kind in UNSAID:
            message = str(detail.get("message", ""))[:200]
            self._warn(UNSAID[kind].format(name=entry.element_name, message=message))

    def _do(self, entry: HistoryEntry, detail: Mapping[str, Any]) -> None:
        self._wait(entry.at - self._now - DOING)
        self._now = entry.at
        task = self.tasks.get(detail["task"])
        form = task.form_id if task else None
        step: dict[str, Any] = {"do": entry.element_name, "by": self._doer(entry, detail["task"])}
        if detail.get("outcome"):
            step["outcome"] = detail["outcome"]
        if values := self._telling(entry).values(entry.element_name, detail.get("values") or {}, form):
            step["values"] = values
        self._steps.append(step)

    def _telling(self, entry: HistoryEntry) -> Telling:
        """Forms are those of the version that the entry's run belongs to."""
        if entry.instance_id == self.instance.id:
            return self.telling
        files = self._forms.get(entry.instance_id, {})
        told = Telling(self.session, files, self.stock.numbers, self.cast.without_names)
        told.warnings = self.telling.warnings
        return told

    def _doer(self, entry: HistoryEntry, task_id: int) -> str:
        """Who does a task in the story: whoever had it before it was handed over, the absent person for
        whom somebody stood in."""
        task = self.tasks.get(task_id)
        if task is not None and task.completed_for is not None:
            return self.cast.part(task.completed_for)
        if (before := self._handed_over.get(task_id)) is not None and before != entry.actor_id:
            self._warn(
                f"“{entry.element_name}” had been handed over; in the story whoever had it first does it."
            )
            return self.cast.part(before)
        return self.cast.part(entry.actor_id)

    def _hand_over(self, entry: HistoryEntry, detail: Mapping[str, Any]) -> None:
        task_id, before = detail.get("task"), detail.get("from")
        if isinstance(task_id, int) and isinstance(before, int):
            self._handed_over.setdefault(task_id, before)

    def _message(self, entry: HistoryEntry, detail: Mapping[str, Any]) -> None:
        name = str(detail.get("message", ""))
        if entry.actor_id is None and name in self._sent:
            return  # one run of the story tells another, by itself
        self._wait(entry.at - self._now)
        self._now = entry.at
        message: dict[str, Any] = {"name": name}
        if entry.instance_id != self.instance.id:
            message["to"] = self.runs[entry.instance_id].key
        if entry.actor_id is not None:
            message["by"] = self.cast.part(entry.actor_id)
        if payload := self.telling.values(f"The message “{name}”", detail.get("payload") or {}):
            message["payload"] = payload
        self._steps.append({"message": message})

    def _wait(self, length: timedelta, *, through: bool = False) -> None:
        """Let time pass: whole seconds, and ``through`` the moment at which a timer went off."""
        if length < PASSING and not (through and length > timedelta(0)):
            return
        seconds = length.total_seconds()
        whole = timedelta(seconds=math.ceil(seconds) if through else math.floor(seconds))
        if self._steps and "wait" in self._steps[-1]:
            whole += self._waited
            self._steps.pop()
        self._waited = whole
        self._steps.append({"wait": duration(whole)})
