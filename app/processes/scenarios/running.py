"""Runs scenarios and tells how each went."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.database import unit_of_work
from app.domain.machines import Machine
from app.domain.notifications import Notification
from app.domain.parts import SparePart
from app.domain.parts_requests import SparePartsRequest
from app.domain.process_records import ProcessRecord
from app.domain.requests import MaintenanceRequest
from app.engine import deployments, history, instances, jobs, messages, timers, user_tasks
from app.engine.actors import SYSTEM
from app.engine.core import ProcessEngine
from app.engine.models import Incident, ProcessInstance, TaskState, UserTask
from app.engine.scenario_files import FILE, Scenario, ScenarioError, read_scenarios
from app.errors import BusinessError, Conflict, MillwrightError
from app.processes import generic, shipped
from app.processes.scenarios.allowance import Allowance, LimitedFeel
from app.processes.scenarios.world import World, new_world

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ScenarioResult:
    """How a scenario went: ``failures`` in words, and the elements and flows that it reached.

    ``ran`` is False where the time was up before its turn came.
    """

    name: str
    failures: list[str] = field(default_factory=list)
    elements: set[str] = field(default_factory=set)
    flows: set[str] = field(default_factory=set)
    seconds: float = 0.0
    ran: bool = True

    @property
    def passed(self) -> bool:
        return not self.failures


def run_folder(engine: ProcessEngine, folder: Path) -> list[ScenarioResult]:
    """Run the scenarios of a process folder against its files.

    Raises :class:`ScenarioError` for a folder without scenarios or with unreadable ones, and one of
    the errors of ``deploy`` for files that cannot be run.
    """
    path = folder / FILE
    if not path.is_file():
        raise ScenarioError(f"{folder} has no {FILE}.")
    return run_scenarios(engine, shipped.read_folder(folder), read_scenarios(path.read_bytes()))


def run_scenarios(
    engine: ProcessEngine,
    files: Mapping[str, bytes],
    scenarios: list[Scenario],
    allowance: Allowance | None = None,
) -> list[ScenarioResult]:
    """Run scenarios against a process's files, beside the other shipped processes.

    Whatever is wrong with a scenario or with the files is among the failures. Scenarios for which
    the ``allowance`` of time does not suffice fail, and say so.
    """
    return [_run(engine, files, scenario, allowance or Allowance.unlimited()) for scenario in scenarios]


def _run(
    engine: ProcessEngine, files: Mapping[str, bytes], scenario: Scenario, allowance: Allowance
) -> ScenarioResult:
    result = ScenarioResult(scenario.name)
    if allowance.is_used_up:
        result.ran = False
        result.failures.append(f"It was not run: {allowance}.")
        return result
    began = time.perf_counter()
    private = ProcessEngine(
        services=engine.services, bindings=engine.bindings, feel=LimitedFeel(engine.feel, allowance)
    )
    try:
        with new_world(scenario.given) as world:
            _Run(private, world, scenario, result, allowance).run(files)
    except BusinessError as error:
        result.failures.append(f"{error.message} ({error.code})")
    except MillwrightError as error:
        result.failures.append(str(error))
    except Exception as error:
        # Scenarios are written by people: whatever they hold must not end in a fault of the program.
        log.info("scenario %r could not be run", scenario.name, exc_info=error)
        result.failures.append(f"It cannot be understood: {str(error).splitlines()[0][:200]}.")
    result.seconds = time.perf_counter() - began
    return result


class _Run:
    """One scenario under way."""

    def __init__(
        self,
        engine: ProcessEngine,
        world: World,
        scenario: Scenario,
        result: ScenarioResult,
        allowance: Allowance,
    ) -> None:
        self.allowance = allowance
        self.engine = engine
        self.world = world
        self.scenario = scenario
        self.result = result
        self.business_key = ""

    def run(self, files: Mapping[str, bytes]) -> None:
        with self.world.sessions() as session, unit_of_work(session):
            under_test = deployments.deploy(self.engine, session, files, by=SYSTEM)
            for folder in shipped.folders():
                if deployments.latest(session, folder.name) is None:
                    shipped.deploy_folder(self.engine, session, folder)
        self._start(under_test.key)
        for number, step in enumerate(self.scenario.steps, 1):
            before = len(self.result.failures)
            try:
                self.allowance.require()
                self._step(step)
            except BusinessError as error:
                at = f" at {error.field}" if error.field else ""
                self.result.failures.append(f"{error.message} ({error.code}{at})")
            except MillwrightError as error:
                self.result.failures.append(str(error))
            if len(self.result.failures) > before:
                self.result.failures[before:] = [
                    f"Step {number} ({_title(step)}): {failure}" for failure in self.result.failures[before:]
                ]
                break
        else:
            self._expect(self.scenario.expect)
        self._note_coverage(under_test.key)

    # -- starting and stepping -----------------------------------------------------------------

    def _start(self, key: str) -> None:
        start = self.scenario.start
        actor = self.world.actor(start.get("by", "supervisor"))
        if start["process"] == "parts_approval":
            self._start_parts(actor.name, start)
            return
        values = self._values(start.get("values") or {})
        if self._asks_for_machine(start["process"]):
            values = {"machineId": self.world.machine_id, **values}
        self.business_key = self._report(start["process"], start.get("by", "supervisor"), values)

    def _asks_for_machine(self, key: str) -> bool:
        """Whether the start form has a field for the machine of the story."""
        with self.world.sessions() as session:
            definition = deployments.newest_definition(self.engine, session, key)
        start = next((s for s in definition.diagram.starts if s.event is None and s.form), None)
        form = definition.form(start.form) if start and start.form else None
        return form is not None and any(field.path == "machineId" for field in form.fields)

    def _report(self, key: str, by: str, values: dict[str, Any]) -> str:
        actor = self.world.actor(by)
        with self.world.sessions() as session, unit_of_work(session):
            form = user_tasks.start_form(self.engine, session, key, actor, json=values)
            if not form.validate():
                raise ScenarioError(f"The start form refuses this: {_flat(form.errors)}")
            instance = instances.start(self.engine, session, key, actor, form.values())
        self._settle()
        return instance.business_key

    def _start_parts(self, by: str, start: dict[str, Any]) -> None:
        """Parts are asked for as they always are: from the work on a reported fault."""
        request = self.scenario.given.get("request") or {}
        values = {
            "machineId": self.world.machine_id,
            "priority": request.get("priority", "MEDIUM"),
            "description": request.get("description", "Something is broken."),
        }
        self._report("maintenance_request", "supervisor", values)
        self._do({"do": "Accept request", "by": by})
        lines = start.get("lines") or []
        self._do(
            {"do": "Carry out work", "by": by, "outcome": "request_parts", "values": {"partLines": lines}}
        )
        with self.world.sessions() as session:
            self.business_key = (
                session.scalar(
                    select(ProcessInstance.business_key).where(ProcessInstance.key == "parts_approval")
                )
                or ""
            )
        if not self.business_key:
            raise ScenarioError("The parts request was not started.")

    def _step(self, step: dict[str, Any]) -> None:
        if "do" in step:
            self._do(step)
        elif "refuse" in step:
            self._refuse(step["refuse"])
        elif "wait" in step:
            self._wait(step["wait"])
        elif "expect" in step:
            self._expect(step["expect"])
        elif "message" in step:
            self._message(step["message"])
        else:
            given = step["stock"]
            self.world.add_stock(given.get("part"), given.get("add"))

    def _do(self, step: dict[str, Any]) -> None:
        actor = self.world.actor(step.get("by"))
        self.world.time.advance(minutes=1)
        with self.world.sessions() as session, unit_of_work(session):
            task = self._open_task(session, step["do"])
            values = self._values(step.get("values") or {})
            rows = _rows(self.engine, session, task, actor, values)
            try:
                user_tasks.submit(
                    self.engine, session, task.id, actor, outcome=step.get("outcome"), json={**values, **rows}
                )
            except user_tasks.InvalidSubmission as error:
                raise ScenarioError(f"The form refuses this: {_flat(error.form.errors)}") from None
        self._settle()

    def _refuse(self, step: dict[str, Any]) -> None:
        wanted = step.get("code")
        try:
            if "message" in step:
                self._message(step["message"])
            else:
                self._do(step)
        except BusinessError as error:
            if wanted and error.code != wanted:
                self.result.failures.append(f"It was refused, but with {error.code} instead of {wanted}.")
        except ScenarioError as error:
            if wanted not in (None, "INVALID") or "form refuses" not in str(error):
                raise
        except (Conflict, MillwrightError) as error:
            if wanted and type(error).__name__ != wanted:
                self.result.failures.append(f"It was refused, but because: {error}")
        else:
            self.result.failures.append("It should have been refused, but was accepted.")

    def _wait(self, length: Any) -> None:
        """Let time pass, and the timers go off one after the other on the way."""
        end = self.world.time() + timers.duration(str(length), self.world.time())
        while True:
            self.allowance.require()
            with self.world.sessions() as session:
                due = session.scalar(
                    select(ProcessInstance.next_due_at)
                    .where(ProcessInstance.next_due_at.is_not(None))
                    .order_by(ProcessInstance.next_due_at)
                    .limit(1)
                )
            if due is None or due > end:
                break
            self.world.time.time = max(due, self.world.time())
            instances.fire_due(self.engine, self.world.sessions)
            self._settle()
        self.world.time.time = end

    def _message(self, given: dict[str, Any]) -> None:
        with self.world.sessions() as session, unit_of_work(session):
            messages.deliver(
                self.engine,
                session,
                str(given.get("name")),
                self._receiver(session, given.get("to")),
                given.get("payload") or {},
                self.world.actor(given["by"]) if "by" in given else SYSTEM,
            )
        self._settle()

    def _receiver(self, session: Any, to: Any) -> str:
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

    def _settle(self) -> None:
        jobs.drain(self.engine, self.world.sessions)

    def _open_task(self, session: Any, name: str) -> UserTask:
        rows = list(
            session.scalars(select(UserTask).where(UserTask.state == TaskState.OPEN).order_by(UserTask.id))
        )
        own = [row for row in rows if row.name == name and row.business_key == self.business_key]
        found = own or [row for row in rows if row.name == name]
        if not found:
            raise ScenarioError(f"“{name}” is not open. Open are: {_list(row.name for row in rows)}.")
        return found[0]

    def _values(self, values: dict[str, Any]) -> dict[str, Any]:
        """Form values with names of the story (part numbers) turned into ids."""
        turned: dict[str, Any] = {}
        for key, value in values.items():
            if key == "partLines":
                turned[key] = [
                    {
                        "partId": self.world.part(line.get("part")),
                        **{k: v for k, v in line.items() if k != "part"},
                    }
                    for line in value
                ]
            elif key == "maintenanceType":
                turned["maintenanceTypeId"] = {"CORRECTIVE": 1, "PREVENTIVE": 2}.get(
                    str(value).upper(), value
                )
            elif key == "failureCode":
                turned["failureCodeId"] = 1
            else:
                turned[key] = value
        return turned

    # -- expectations --------------------------------------------------------------------------

    def _expect(self, wanted: dict[str, Any]) -> None:
        for key, value in wanted.items():
            check = getattr(self, f"_expect_{key}", None)
            if check is None:
                raise ScenarioError(f"Nothing is known of “expect: {key}”.")
            check(value)

    def _fail(self, what: str, wanted: Any, found: Any) -> None:
        self.result.failures.append(f"{what} should be {wanted}, but is {found}.")

    def _compare(self, what: str, wanted: Any, found: Any) -> None:
        if wanted != found:
            self._fail(what, wanted, found)

    def _instance(self, session: Any) -> ProcessInstance:
        found: ProcessInstance = session.scalars(
            select(ProcessInstance).where(ProcessInstance.business_key == self.business_key)
        ).one()
        return found

    def _expect_state(self, wanted: str) -> None:
        with self.world.sessions() as session:
            found = self._instance(session)
            self._compare("The state", wanted, str(found.state))
            if found.state == "incident" and wanted != "incident":
                incident = session.scalars(select(Incident).where(Incident.instance_id == found.id)).first()
                self.result.failures.append(
                    f"Incident at {incident.element_name}: {incident.message}" if incident else ""
                )

    def _expect_status(self, wanted: str) -> None:
        with self.world.sessions() as session:
            instance = self._instance(session)
            model: Any = MaintenanceRequest
            if instance.subject_type == "spare_parts_request":
                model = SparePartsRequest
            elif instance.subject_type == generic.SUBJECT:
                model = ProcessRecord
            self._compare("The status", wanted, str(session.get_one(model, instance.subject_id).status))

    def _expect_open(self, wanted: list[str]) -> None:
        with self.world.sessions() as session:
            rows = session.scalars(
                select(UserTask).where(
                    UserTask.state == TaskState.OPEN, UserTask.business_key == self.business_key
                )
            )
            self._compare("Open tasks", sorted(wanted), sorted(row.name for row in rows))

    def _expect_assignee(self, wanted: dict[str, str]) -> None:
        with self.world.sessions() as session:
            for name, person in wanted.items():
                task = self._open_task(session, name)
                self._compare(f"Who has “{name}”", person, self.world.name_of(task.assignee_id))

    def _expect_may(self, wanted: dict[str, list[str]]) -> None:
        with self.world.sessions() as session:
            for name, people in wanted.items():
                task = self._open_task(session, name)
                found = [who for who, actor in self.world.actors.items() if user_tasks.may_act(task, actor)]
                self._compare(f"Who may do “{name}”", sorted(people), sorted(found))

    def _expect_stock(self, wanted: dict[str, int]) -> None:
        with self.world.sessions() as session:
            for number, quantity in wanted.items():
                part = session.get_one(SparePart, self.world.part(number))
                self._compare(f"The stock of {number}", quantity, part.quantity)

    def _expect_notified(self, wanted: list[str]) -> None:
        with self.world.sessions() as session:
            told = {self.world.name_of(user_id) for user_id in session.scalars(select(Notification.user_id))}
        missing = [name for name in wanted if name not in told]
        if missing:
            self.result.failures.append(
                f"{_list(missing)} should have been told, but only {_list(told)} were."
            )

    def _expect_machine(self, wanted: str) -> None:
        with self.world.sessions() as session:
            self._compare("The machine", wanted, str(session.get_one(Machine, self.world.machine_id).status))

    def _expect_related(self, wanted: dict[str, str]) -> None:
        models: dict[str, Any] = {
            "maintenance_request": MaintenanceRequest,
            "parts_approval": SparePartsRequest,
        }
        with self.world.sessions() as session:
            for key, status in wanted.items():
                if key not in models:
                    raise ScenarioError(f"Nothing is known of “related: {key}”.")
                rows = [str(row.status) for row in session.scalars(select(models[key]))]
                self._compare(f"The status of the {key.replace('_', ' ')}", status, _list(rows))

    def _note_coverage(self, key: str) -> None:
        with self.world.sessions() as session:
            ids = list(session.scalars(select(ProcessInstance.id).where(ProcessInstance.key == key)))
            for instance_id in ids:
                elements, flows = history.reached(session, instance_id)
                self.result.elements |= elements
                self.result.flows |= flows


def _rows(
    engine: ProcessEngine, session: Any, task: UserTask, actor: Any, values: dict[str, Any]
) -> dict[str, Any]:
    """Rows that a scenario names by part number, in the order of the form's own rows."""
    named = {
        key: rows
        for key, rows in values.items()
        if isinstance(rows, list) and any(isinstance(row, dict) and "part" in row for row in rows)
    }
    if not named:
        return {}
    shown = user_tasks.form_for(engine, session, task, actor).values()
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


def _title(step: dict[str, Any]) -> str:
    if "refuse" in step:
        return f"refuse {step['refuse'].get('do')}"
    return str(step.get("do") or next(iter(step)))


def _flat(errors: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{path}: {' '.join(texts)}" for path, texts in errors.items())


def _list(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
