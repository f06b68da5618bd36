"""What a scenario expects, compared with what has become of it, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.machines import Machine
from app.domain.notifications import Notification
from app.domain.parts import SparePart
from app.engine import deployments
from app.engine.core import ProcessEngine
from app.engine.models import Incident, ProcessInstance, TaskState, UserTask
from app.engine.scenario_files import ScenarioError
from app.engine.subjects import status_of as status_of
from app.errors import BusinessError, MillwrightError
from app.processes.scenarios.stepping import FormRefused, Run


def perform(run: Run, step: Mapping[str, Any]) -> list[str]:
    """Do a step of any kind; answers how what is expected in it was not met.

    Raises what :class:`Run` raises for a step that does not work.
    """
    if "expect" in step:
        return Expectations(run).unmet(step["expect"])
    if "refuse" in step:
        return _accepted(run, step["refuse"])
    run.step(step)
    return []


def _accepted(run: Run, step: Any) -> list[str]:
    """How something that is to be refused was not, or not for the reason that is expected."""
    if not isinstance(step, Mapping):
        raise ScenarioError("“refuse” is not a list of keys and values.")
    wanted = step.get("code")
    try:
        if "message" in step:
            run.step({"message": step["message"]})
        else:
            run.do(step)
    except FormRefused:
        return [] if wanted in (None, "INVALID") else [_other_reason("INVALID", wanted)]
    except BusinessError as error:
        return [] if wanted in (None, error.code) else [_other_reason(error.code, wanted)]
    except ScenarioError:
        raise
    except MillwrightError as error:
        same = wanted in (None, type(error).__name__)
        return [] if same else [f"It was refused, but because: {error}"]
    return ["It should have been refused, but was accepted."]


def _other_reason(code: str, wanted: Any) -> str:
    return f"It was refused, but with {code} instead of {said(wanted)}."


class Expectations:
    """What can be expected of a run at any moment: each key of ``expect`` has a check of its name."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.world = run.world
        self._failures: list[str] = []
        self._checks: dict[str, Callable[[Session, Any], None]] = {
            "state": self._state,
            "status": self._status,
            "open": self._open,
            "assignee": self._assignee,
            "may": self._may,
            "stock": self._stock,
            "notified": self._notified,
            "machine": self._machine,
            "related": self._related,
        }

    def unmet(self, wanted: Any) -> list[str]:
        """What is not as expected. Raises :class:`ScenarioError` for what cannot be expected."""
        if not isinstance(wanted, Mapping):
            raise ScenarioError("“expect” is not a list of keys and values.")
        self._failures = []
        with self.world.sessions() as session:
            for key, value in wanted.items():
                if key not in self._checks:
                    known = ", ".join(self._checks)
                    raise ScenarioError(f"Nothing is known of “expect: {key}”. Known are: {known}.")
                self._checks[key](session, value)
        return self._failures

    def _compare(self, what: str, wanted: Any, found: Any) -> None:
        if wanted != found:
            verb = "are" if what.endswith("s") and not what.endswith("us") else "is"
            self._failures.append(f"{what} should be {said(wanted)}, but {verb} {said(found)}.")

    def _state(self, session: Session, wanted: Any) -> None:
        found = self.run.instance(session)
        self._compare("The state", wanted, str(found.state))
        if found.state == "incident" and wanted != "incident":
            query = select(Incident).where(Incident.instance_id == found.id)
            for incident in session.scalars(query.order_by(Incident.id).limit(1)):
                self._failures.append(f"Incident at {incident.element_name}: {incident.message}")

    def _status(self, session: Session, wanted: Any) -> None:
        found = status_of(self.run.engine, session, self.run.instance(session))
        self._compare("The status", wanted, found)

    def _open(self, session: Session, wanted: Any) -> None:
        names = _names("open", wanted)
        query = select(UserTask.name).where(
            UserTask.state == TaskState.OPEN, UserTask.business_key == self.run.business_key
        )
        self._compare("Open tasks", sorted(names), sorted(session.scalars(query)))

    def _assignee(self, session: Session, wanted: Any) -> None:
        for name, person in _pairs("assignee", wanted):
            task = self.run.open_task(session, name)
            self._compare(f"Who has “{name}”", person, self.world.name_of(task.assignee_id))

    def _may(self, session: Session, wanted: Any) -> None:
        for name, people in _pairs("may", wanted):
            task = self.run.open_task(session, name)
            found = self.world.who_may(task)
            self._compare(f"Who may do “{name}”", sorted(_names("may", people)), sorted(found))

    def _stock(self, session: Session, wanted: Any) -> None:
        for number, quantity in _pairs("stock", wanted):
            part = session.get_one(SparePart, self.world.part(number))
            self._compare(f"The stock of {number}", quantity, part.quantity)

    def _notified(self, session: Session, wanted: Any) -> None:
        told = {self.world.name_of(user_id) for user_id in session.scalars(select(Notification.user_id))}
        missing = [name for name in _names("notified", wanted) if name not in told]
        if missing:
            were = "nobody was" if not told else f"only {said(sorted(told))} {_was(told)}"
            self._failures.append(f"{said(missing)} should have been told, but {were}.")

    def _machine(self, session: Session, wanted: Any) -> None:
        machine = session.get_one(Machine, self.world.machine_id)
        self._compare("The machine", wanted, str(machine.status))

    def _related(self, session: Session, wanted: Any) -> None:
        for key, status in _pairs("related", wanted):
            if deployments.latest(session, str(key)) is None:
                raise ScenarioError(f"Nothing is known of “related: {key}”: there is no such process.")
            found = statuses_of(self.run.engine, session, str(key))
            self._compare(
                f"The status of the {str(key).replace('_', ' ')}", status, ", ".join(found) or "none"
            )


def statuses_of(engine: ProcessEngine, session: Session, key: str) -> list[str]:
    """The statuses of the records of all runs of a process, sorted."""
    runs = session.scalars(select(ProcessInstance).where(ProcessInstance.key == key))
    return sorted(status_of(engine, session, run) for run in runs)


def said(value: Any) -> str:
    """A value in plain words: lists as people write them."""
    if value is None or value in ("", [], {}):
        return "none"
    match value:
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            *others, last = [said(item) for item in value]
            return f"{', '.join(others)} and {last}" if others else last
        case Mapping():
            return ", ".join(f"{name}: {said(item)}" for name, item in value.items())
    return str(value)


def _was(people: Iterable[str]) -> str:
    return "was" if len(list(people)) == 1 else "were"


def _names(key: str, value: Any) -> list[str]:
    """A list of names; a single name is a list of one."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ScenarioError(f"“{key}” is a list of names.")
    return value


def _pairs(key: str, value: Any) -> Iterable[tuple[Any, Any]]:
    if not isinstance(value, Mapping):
        raise ScenarioError(f"“{key}” is not a list of keys and values.")
    return value.items()
