"""A scenario under way: it starts and goes on step by step, in the small factory that it happens in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.engine import deployments, instances, jobs, messages, timers, user_tasks
from app.engine.actors import SYSTEM, Actor
from app.engine.core import ProcessEngine
from app.engine.forms import FormSchema, TaskForm
from app.engine.models import Deployment, ProcessInstance, TaskState, UserTask
from app.engine.scenario_files import ScenarioError
from app.processes import shipped
from app.processes.scenarios import opening
from app.processes.scenarios.allowance import Allowance, LimitedFeel
from app.processes.scenarios.world import World

MAINTENANCE, PARTS = "maintenance_request", "parts_approval"
ACCEPT, WORK, REQUEST_PARTS = "Accept request", "Carry out work", "request_parts"
LONGEST_WAIT = timedelta(days=3660)
DOING = timedelta(minutes=1)  # a task takes this long by itself


class FormRefused(ScenarioError):
    """A form refuses what a scenario fills in; ``errors`` says what is wrong, by the paths of its fields."""

    def __init__(self, message: str, errors: Mapping[str, list[str]]) -> None:
        super().__init__(f"{message} {_flat(errors)}")
        self.errors = dict(errors)


def private_engine(engine: ProcessEngine, allowance: Allowance) -> ProcessEngine:
    """An engine with definitions of its own, whose expressions are evaluated while the allowance lasts."""
    feel = LimitedFeel(engine.feel, allowance)
    return ProcessEngine(services=engine.services, bindings=engine.bindings, feel=feel)


class Run:
    """One scenario under way. ``business_key`` is that of its own instance, once it has started.

    Whatever does not work raises :class:`ScenarioError`, or the error that somebody at work would be told.
    """

    def __init__(self, engine: ProcessEngine, world: World, allowance: Allowance) -> None:
        self.engine = engine
        self.world = world
        self.allowance = allowance
        self.business_key = ""

    def deploy(self, files: Mapping[str, bytes]) -> Deployment:
        """Deploy the files under test, and beside them the other processes that ship.

        Raises one of ``app.engine.definitions.FILE_ERRORS`` for files that cannot be run.
        """
        with self.world.sessions() as session, unit_of_work(session):
            under_test = deployments.deploy(self.engine, session, files, by=SYSTEM)
            for folder in shipped.folders():
                if deployments.latest(session, folder.name) is None:
                    shipped.deploy_folder(self.engine, session, folder)
        return under_test

    # -- starting ------------------------------------------------------------------------------

    def start(self, start: Mapping[str, Any]) -> None:
        """Start the story's own instance."""
        by = start.get("by", "supervisor")
        if start["process"] == PARTS:
            self._ask_for_parts(by, start.get("lines") or [])
            return
        if opening.opens_itself(start["process"]) or start.get("message"):
            self._open_by_itself(start)
            return
        values = dict(start.get("values") or {})
        if self._asks_for_machine(start["process"]):
            values = {"machineId": self.world.machine_id, **values}
        self.business_key = self._report(start["process"], by, values)

    def _asks_for_machine(self, key: str) -> bool:
        """Whether the start form has a field for the machine of the story."""
        with self.world.sessions() as session:
            form = self.start_schema(session, key)
        return form is not None and any(field.path == "machineId" for field in form.fields)

    def start_schema(self, session: Session, key: str) -> FormSchema | None:
        """The form that starts a process; None where it has none. Raises :class:`NotFound`."""
        definition = deployments.newest_definition(self.engine, session, key)
        start = next((s for s in definition.diagram.starts if s.event is None and s.form), None)
        return definition.form(start.form) if start and start.form else None

    def _report(self, key: str, by: Any, values: Mapping[str, Any]) -> str:
        actor = self.world.actor(by)
        with self.world.sessions() as session:
            schema = self.start_schema(session, key)
        told, _ = self._values(values, schema, actor)
        with self.world.sessions() as session, unit_of_work(session):
            form = user_tasks.start_form(self.engine, session, key, actor, json=told)
            if not form.validate():
                raise FormRefused("The start form refuses this:", form.errors)
            instance = instances.start(self.engine, session, key, actor, form.values())
        self.settle()
        return instance.business_key

    def prepare_parts(self, by: Any) -> None:
        """Report a fault and accept it: the work on it is what parts are asked for from."""
        request = self.world.given.get("request") or {}
        values = {
            "machineId": self.world.machine_id,
            "priority": request.get("priority", "MEDIUM"),
            "description": request.get("description", "Something is broken."),
        }
        self._report(MAINTENANCE, "supervisor", values)
        self.do({"do": ACCEPT, "by": by})

    def _ask_for_parts(self, by: Any, lines: list[Any]) -> None:
        """Parts are asked for as they always are: from the work on a reported fault."""
        self.prepare_parts(by)
        self.do({"do": WORK, "by": by, "outcome": REQUEST_PARTS, "values": {"partLines": lines}})
        with self.world.sessions() as session:
            query = select(ProcessInstance.business_key).where(ProcessInstance.key == PARTS)
            self.business_key = session.scalar(query) or ""
        if not self.business_key:
            raise ScenarioError("The parts request was not started.")

    def _open_by_itself(self, start: Mapping[str, Any]) -> None:
        """Nobody starts it by a form: something happens in the factory, or a message arrives."""
        if start.get("message"):
            opening.begin_by_message(self.world, start)
        else:
            opening.open_by_itself(self.engine, self.world, start)
        self.settle()
        with self.world.sessions() as session:
            self.business_key = opening.newest_key(session, start["process"])

    # -- stepping ------------------------------------------------------------------------------

    def step(self, step: Mapping[str, Any]) -> None:
        """Do what a step says; those that only look are for :mod:`.expecting`."""
        if "do" in step:
            self.do(step)
        elif "wait" in step:
            self.wait(step["wait"])
        elif "message" in step:
            self.send(_mapping("message", step["message"]))
        else:
            given = _mapping("stock", step["stock"])
            self.world.add_stock(given.get("part"), given.get("add"))

    def do(self, step: Mapping[str, Any]) -> None:
        """Somebody does a task, which takes a minute."""
        actor = self.world.actor(step.get("by"))
        self.world.time.time += DOING
        with self.world.sessions() as session:
            task = self.open_task(session, step["do"], step.get("which", 1))
            schema = self.schema_of(session, task)
        told, attached = self._values(step.get("values") or {}, schema, actor)
        with self.world.sessions() as session, unit_of_work(session):
            told |= self._rows(session, task, actor, told)
            try:
                user_tasks.submit(
                    self.engine,
                    session,
                    task.id,
                    actor,
                    outcome=step.get("outcome"),
                    take_files=_take if attached else None,
                    json=told,
                )
            except user_tasks.InvalidSubmission as error:
                raise FormRefused("The form refuses this:", error.form.errors) from None
        self.settle()

    def wait(self, length: Any) -> None:
        """Let time pass, and the timers go off one after the other on the way."""
        passing = timers.duration(str(length), self.world.time())
        if passing > LONGEST_WAIT:
            raise ScenarioError(f"{length} is too long: wait ten years at most.")
        end = self.world.time() + passing
        while True:
            self.allowance.require()
            due = self.next_timer()
            if due is None or due > end:
                break
            self.world.time.time = max(due, self.world.time())
            instances.fire_due(self.engine, self.world.sessions)
            self.settle()
        self.world.time.time = end

    def next_timer(self) -> datetime | None:
        """When the next timer of any process of the story goes off."""
        query = select(ProcessInstance.next_due_at).where(ProcessInstance.next_due_at.is_not(None))
        with self.world.sessions() as session:
            return session.scalar(query.order_by(ProcessInstance.next_due_at).limit(1))

    def send(self, given: Mapping[str, Any]) -> None:
        """A message arrives, from somebody or from outside."""
        with self.world.sessions() as session, unit_of_work(session):
            messages.deliver(
                self.engine,
                session,
                str(given.get("name")),
                self._receiver(session, given.get("to")),
                _mapping("payload", given.get("payload") or {}),
                self.world.actor(given["by"]) if "by" in given else SYSTEM,
            )
        self.settle()

    def _receiver(self, session: Session, to: Any) -> str:
        """A business key; a process's key means its newest instance, nothing the story's own."""
        if not to:
            return self.business_key
        newest = session.scalar(
            select(ProcessInstance.business_key)
            .where(ProcessInstance.key == str(to))
            .order_by(ProcessInstance.id.desc())
            .limit(1)
        )
        return str(newest or to)

    def settle(self) -> None:
        """Do what the processes have had done outside themselves: messages between them."""
        jobs.drain(self.engine, self.world.sessions)

    # -- finding -------------------------------------------------------------------------------

    def instance(self, session: Session) -> ProcessInstance:
        """The story's own instance."""
        query = select(ProcessInstance).where(ProcessInstance.business_key == self.business_key)
        return session.scalars(query).one()

    def open_tasks(self, session: Session) -> list[UserTask]:
        """All open tasks: those of the story's own instance first, the oldest first."""
        query = select(UserTask).where(UserTask.state == TaskState.OPEN).order_by(UserTask.id)
        return sorted(session.scalars(query), key=lambda task: task.business_key != self.business_key)

    def open_task(self, session: Session, name: Any, which: Any = 1) -> UserTask:
        """The open task with that name; ``which`` of them, where there are several."""
        rows = self.open_tasks(session)
        found = [row for row in rows if row.name == name]
        if not found:
            names = ", ".join(sorted(row.name for row in rows)) or "none"
            raise ScenarioError(f"“{name}” is not open. Open are: {names}.")
        if isinstance(which, bool) or not isinstance(which, int) or not 1 <= which <= len(found):
            raise ScenarioError(f"“{name}” is open {len(found)} times: “which” is none of them.")
        return found[which - 1]

    def schema_of(self, session: Session, task: UserTask) -> FormSchema | None:
        """The form of a task; None where it has none."""
        if task.form_id is None:
            return None
        deployment_id = session.get_one(ProcessInstance, task.instance_id).deployment_id
        return self.engine.definition(session, deployment_id).form(task.form_id)

    # -- values by names -----------------------------------------------------------------------

    def _values(self, values: Any, schema: FormSchema | None, actor: Actor) -> tuple[dict[str, Any], bool]:
        """Form values with names of the story (parts, people, files) turned into ids, and whether
        files are among them."""
        files = {field.path for field in schema.fields if field.type == "filepicker"} if schema else set()
        told: dict[str, Any] = {}
        attached = False
        for key, value in _mapping("values", values).items():
            if key == "partLines":
                told[key] = [self._part_line(line) for line in value]
            elif key == "maintenanceType":
                types = {"CORRECTIVE": 1, "PREVENTIVE": 2}
                told["maintenanceTypeId"] = types.get(str(value).upper(), value)
            elif key == "failureCode":
                told["failureCodeId"] = 1
            elif key in files and isinstance(value, list) and all(isinstance(name, str) for name in value):
                told[key] = [self.world.attach(name, actor) for name in value]
                attached = True
            elif key.endswith("Id") and isinstance(value, str) and value in self.world.actors:
                told[key] = self.world.actor(value).user_id
            else:
                told[key] = value
        return told, attached

    def _part_line(self, line: Any) -> dict[str, Any]:
        given = _mapping("partLines", line)
        others = {name: value for name, value in given.items() if name != "part"}
        return {"partId": self.world.part(given.get("part")), **others}

    def _rows(
        self, session: Session, task: UserTask, actor: Actor, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Rows that a scenario names by part number, in the order of the form's own rows."""
        named = {
            key: rows
            for key, rows in values.items()
            if isinstance(rows, list) and any(isinstance(row, dict) and "part" in row for row in rows)
        }
        if not named:
            return {}
        form: TaskForm = user_tasks.form_for(self.engine, session, task, actor)
        shown = form.values()
        turned: dict[str, Any] = {}
        for key, rows in named.items():
            by_number = {str(row.get("part")): row for row in rows}
            turned[key] = [
                {
                    name: value
                    for name, value in by_number.get(str(row.get("partNumber")), {}).items()
                    if name != "part"
                }
                for row in shown.get(key) or []
            ]
        return turned


def title(step: Mapping[str, Any]) -> str:
    """What a step is called in messages."""
    if "refuse" in step:
        wanted = step["refuse"]
        return f"refuse {wanted.get('do') or 'message'}" if isinstance(wanted, Mapping) else "refuse"
    return str(step.get("do") or next(iter(step)))


def _take(path: str, ids: list[int]) -> None:
    """Files of a story are whoever's who names them."""


def _mapping(key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ScenarioError(f"“{key}” is not a list of keys and values.")
    return value


def _flat(errors: Mapping[str, list[str]]) -> str:
    return "; ".join(
        f"{path}: {' '.join(texts)}" if path else " ".join(texts) for path, texts in errors.items()
    )
