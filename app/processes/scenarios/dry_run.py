"""The dry run: a scenario written by doing.

All there is of a dry run are the steps done so far. Each look and each action goes through them from the
beginning, in a small factory in memory, by the files as they are now: nothing of the site is touched, and
nothing is kept.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.notifications import Notification
from app.domain.parts import SparePart
from app.domain.people import Role
from app.domain.spare_parts_requests import SparePartsRequestLine
from app.engine import deployments, instances, user_tasks
from app.engine.core import ProcessEngine
from app.engine.definitions import FILE_ERRORS, compile_files
from app.engine.diagram import Element
from app.engine.forms import TaskForm, put
from app.engine.models import ProcessInstance, UserTask
from app.engine.scenario_files import FILE, MAXIMUM_STEPS, Scenario, ScenarioError, read_scenarios
from app.errors import BusinessError, Conflict, Forbidden, MillwrightError, NotFound
from app.processes.scenarios import opening
from app.processes.scenarios.allowance import Allowance
from app.processes.scenarios.expecting import perform, status_of, statuses_of
from app.processes.scenarios.running import failure
from app.processes.scenarios.saying import part_lines, said_values
from app.processes.scenarios.standing import Standing, standing
from app.processes.scenarios.stepping import (
    DOING,
    MAINTENANCE,
    PARTS,
    REQUEST_PARTS,
    WORK,
    FormRefused,
    Run,
    private_engine,
    title,
)
from app.processes.scenarios.turns import turn
from app.processes.scenarios.world import PEOPLE, World, new_world

log = logging.getLogger(__name__)

# Seconds of work and in all: somebody is waiting for a page.
WORK_SECONDS, ALL_SECONDS = 10.0, 30.0
UNNAMED = "Dry run"

# What there is where nobody has said what is given: parts on both sides of what an approval may ask for.
MACHINE = {"name": "Press 1", "criticality": "MEDIUM"}
DEFAULT_PARTS = [
    {"number": "FLT-1", "name": "Oil filter", "price": 25, "stock": 20, "group": "Filters"},
    {"number": "SEAL-1", "name": "Shaft seal", "price": 120, "stock": 4, "group": "Pump parts"},
    {"number": "BRG-1", "name": "Bearing", "price": 450, "stock": 6, "group": "Bearings"},
    {"number": "MOT-1", "name": "Motor", "price": 900, "stock": 5, "group": "Motors"},
    {"number": "CMP-1", "name": "Compressor block", "price": 4800, "stock": 2, "group": "Compressors"},
]


class NotRunnable(MillwrightError):
    """The files of a draft cannot be run at all; the message says why."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The step that does not work: its number (0 is the start), what it is, and what is wrong with it.

    ``errors`` is what is wrong by the paths of the form's fields, where it is the form that refuses.
    """

    step: int
    title: str
    message: str
    code: str = "REFUSED"
    errors: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """What a dry run may begin with: that of a scenario, by its name, or the usual (no name)."""

    name: str
    given: dict[str, Any]


def choices_of(key: str, files: Mapping[str, bytes]) -> list[Given]:
    """What can be given: the usual, and what the scenarios of the process have."""
    usual: dict[str, Any] = {"machine": dict(MACHINE)}
    if key in (MAINTENANCE, PARTS) or _asks_for_parts(files):
        usual["parts"] = [dict(part) for part in DEFAULT_PARTS]
    if key == PARTS:
        usual["request"] = {"priority": "MEDIUM"}
    usual |= opening.usually_given(key)
    found = [Given("", usual)]
    try:
        scenarios = read_scenarios(files[FILE]) if files.get(FILE, b"").strip() else []
    except ScenarioError:
        scenarios = []  # the checks say so
    for scenario in scenarios:
        if all(scenario.given != each.given for each in found):
            found.append(Given(scenario.name, scenario.given))
    return found


def _asks_for_parts(files: Mapping[str, bytes]) -> bool:
    try:
        return any("spareParts" in form.option_keys for form in compile_files(files).forms.values())
    except MillwrightError:
        return False


@contextmanager
def rehearse(
    engine: ProcessEngine,
    key: str,
    files: Mapping[str, bytes],
    given: dict[str, Any],
    story: Scenario | None = None,
    allowance: Allowance | None = None,
) -> Iterator[DryRun]:
    """Inside the block there is a small factory in which the process stands where a story has come to; it
    has not begun where there is no story yet.

    A step that does not work is the dry run's ``refusal``; those after it have not been done.

    :raises NotRunnable: the files cannot be run
    :raises ScenarioError: what is given cannot be understood
    :raises Conflict: too many people try something at this moment
    """
    allowance = allowance or Allowance(WORK_SECONDS, ALL_SECONDS)
    with turn(), _world(given) as world:
        run = Run(private_engine(engine, allowance), world, allowance)
        _deploy(run, key, files)
        dry = DryRun(run, key, given)
        if story is not None:
            dry.replay(story)
        yield dry


@contextmanager
def _world(given: dict[str, Any]) -> Iterator[World]:
    with ExitStack() as stack:
        try:
            world = stack.enter_context(new_world(given))
        except ScenarioError:
            raise
        except Exception as error:
            raise ScenarioError(f"What is given cannot be understood. {failure(error)}") from error
        yield world


def _deploy(run: Run, key: str, files: Mapping[str, bytes]) -> None:
    try:
        under_test = run.deploy(files)
    except (*FILE_ERRORS, NotFound) as error:
        raise NotRunnable(f"These files cannot be run: {error}") from error
    except Exception as error:
        log.info("the files of %s could not be deployed for a dry run", key, exc_info=error)
        raise NotRunnable("These files cannot be run: correct what the checks say first.") from error
    if under_test.key != key:
        raise NotRunnable(f"The process in the diagram has the id {under_test.key}, but this is {key}.")


class DryRun:
    """A process in its small factory, for as long as :func:`rehearse` lasts.

    ``start`` is how it began, None before that; ``steps`` are those that have been done; ``refusal`` is
    the one that did not work when the story was gone through.
    """

    def __init__(self, run: Run, key: str, given: dict[str, Any]) -> None:
        self.run = run
        self.key = key
        self.given = given
        self.start: dict[str, Any] | None = None
        self.steps: list[dict[str, Any]] = []
        self.refusal: Refusal | None = None
        self._prepared_by: str | None = None
        self._standing: Standing | None = None

    def replay(self, story: Scenario) -> None:
        """Go through a story from its start, up to the step that does not work."""
        if story.start["process"] != self.key:
            message = f"The story starts {story.start['process']}, but this is a dry run of {self.key}."
            self.refusal = Refusal(0, "start", message, "BAD_STEP")
            return
        try:
            self.run.start(story.start)
        except Exception as error:
            self.refusal = _refusal(0, "start", error)
            return
        self.start = story.start
        for number, step in enumerate(story.steps, 1):
            try:
                self.run.allowance.require()
                unmet = self._perform(step)
            except Exception as error:
                self.refusal = _refusal(number, title(step), error)
                return
            if unmet:
                self.refusal = Refusal(number, title(step), " ".join(unmet), "NOT_AS_EXPECTED")
                return
            self.steps.append(step)

    def go_on(self, step: dict[str, Any]) -> None:
        """Do one more step. Where it does not work nothing has changed.

        Raises :class:`ScenarioError`, or whatever somebody at work would be told.
        """
        if len(self.steps) >= MAXIMUM_STEPS:
            raise ScenarioError(f"A story has at most {MAXIMUM_STEPS} steps.")
        self._perform(step)
        self.steps.append(step)

    def _perform(self, step: dict[str, Any]) -> list[str]:
        before = self.run.world.time.time
        self._standing = None
        try:
            return perform(self.run, step)
        except Exception:
            if "wait" not in step:
                self.run.world.time.time = before
            raise

    def standing(self) -> Standing:
        """Where it stands, once it has begun."""
        if self._standing is None:
            self._standing = standing(self.run)
        return self._standing

    # -- beginning -----------------------------------------------------------------------------

    def starters(self) -> list[str]:
        """Who may begin it. Parts are asked for by technicians, from their work."""
        if self.key == PARTS:
            return [name for name, role in PEOPLE.items() if role == Role.MAINTENANCE_TECH]
        if opening.opens_itself(self.key):
            return list(PEOPLE)[:1]  # nobody does, but the form is shown to somebody
        with self.run.world.sessions() as session:
            deployment = deployments.latest(session, self.key)
            return [
                name
                for name, actor in self.run.world.actors.items()
                if deployment is not None and instances.may_start(deployment, actor)
            ]

    def start_form(self, by: str, **submission: Any) -> TaskForm:
        """The form that somebody begins with: the process's own, or that of the work on a fault, from
        which parts are asked for. Raises :class:`NotFound` where there is none."""
        actor = self.run.world.actor(by)
        if self.key == PARTS:
            self._prepare(by)
            with self.run.world.sessions() as session:
                task = self.run.open_task(session, WORK)
                return user_tasks.form_for(self.run.engine, session, task, actor, **submission)
        if opening.opens_itself(self.key):
            return opening.notice(self.run.engine, self.key, **submission)
        with self.run.world.sessions() as session:
            if not submission:
                submission = {"data": {"machineId": self.run.world.machine_id}}
            return user_tasks.start_form(self.run.engine, session, self.key, actor, **submission)

    def _prepare(self, by: str) -> None:
        if self._prepared_by != by:
            self.run.prepare_parts(by)
            self._prepared_by = by

    def beginning(self, by: str, **submission: Any) -> dict[str, Any]:
        """How a scenario says that somebody begins it by the form that they have filled in. It has not
        begun by that.

        Raises :class:`InvalidSubmission`, and whatever somebody at work would be told.
        """
        if self.key == PARTS:
            self._prepare(by)
            with self.run.world.sessions() as session:
                number = self.run.open_task(session, WORK).id
            lines = self._tried(number, by, REQUEST_PARTS, submission)[1].get("partLines")
            return {"process": PARTS, "by": by, "lines": part_lines(self.run.world, lines) or []}
        if opening.opens_itself(self.key):
            return {"process": self.key}
        actor = self.run.world.actor(by)
        blank = self.start_form(by).values()
        with self._taken_back() as session:
            form = user_tasks.start_form(self.run.engine, session, self.key, actor, **submission)
            if not form.validate():
                raise user_tasks.InvalidSubmission(form)
            values = form.values()
            for path in form.uploads:
                put(values, path, [])
            instances.start(self.run.engine, session, self.key, actor, values)
        told = said_values(self.run.world, form, values, blank, starts=True)
        return {"process": self.key, "by": by, "values": told}

    # -- user tasks ----------------------------------------------------------------------------

    def task_form(self, number: int, by: str, **submission: Any) -> tuple[UserTask, Element, TaskForm]:
        """An open task with its form, as somebody sees it. Raises :class:`NotFound`, and
        :class:`Forbidden` for somebody who may not do it."""
        actor = self.run.world.actor(by)
        with self.run.world.sessions() as session:
            task = user_tasks.get(session, number)
            if not task.is_open:
                raise user_tasks.AlreadyDone(task)
            if not user_tasks.may_act(task, actor):
                raise user_tasks.NotYours(f"“{task.name}” is not for the {by}.")
            element = user_tasks.element_of(self.run.engine, session, task)
            return task, element, user_tasks.form_for(self.run.engine, session, task, actor, **submission)

    def schema(self, number: int) -> dict[str, Any] | None:
        """The form of a task as its author drew it; None where it has none."""
        with self.run.world.sessions() as session:
            task = user_tasks.get(session, number)
            if task.form_id is None:
                return None
            deployment_id = session.get_one(ProcessInstance, task.instance_id).deployment_id
            return deployments.form_schema(session, deployment_id, task.form_id)

    def doing(self, number: int, by: str, outcome: str | None, **submission: Any) -> dict[str, Any]:
        """How a scenario says that somebody does a task with the form that they have filled in. It is
        not done by that.

        Raises :class:`InvalidSubmission`, and whatever somebody at work would be told.
        """
        world = self.run.world
        _, element, blank = self.task_form(number, by)
        form, values = self._tried(number, by, outcome, submission)
        with world.sessions() as session:
            tasks = self.run.open_tasks(session)
            same = [task.id for task in tasks if task.name == user_tasks.get(session, number).name]
        step: dict[str, Any] = {"do": element.label, "by": by}
        if (which := same.index(number) + 1) > 1:
            step["which"] = which
        if element.outcomes:
            step["outcome"] = outcome if outcome is not None else element.outcomes[0].value
        if told := said_values(world, form, values, blank.values()):
            step["values"] = told
        return step

    def _tried(
        self, number: int, by: str, outcome: str | None, submission: Mapping[str, Any]
    ) -> tuple[TaskForm, dict[str, Any]]:
        """Do a task and take it back; answers its form and the values that were accepted."""
        actor, clock = self.run.world.actor(by), self.run.world.time
        before = clock.time
        clock.time += DOING
        try:
            with self._taken_back() as session:
                task = user_tasks.get(session, number)
                form = user_tasks.form_for(self.run.engine, session, task, actor, **submission)
                done = user_tasks.submit(
                    self.run.engine,
                    session,
                    number,
                    actor,
                    outcome=outcome,
                    store_uploads=_forget,
                    **submission,
                )
                return form, dict(done.task.submission)
        finally:
            clock.time = before

    @contextmanager
    def _taken_back(self) -> Iterator[Session]:
        """Inside the block everything is as if it were done; afterwards nothing has been."""
        with self.run.world.sessions() as session:
            try:
                with unit_of_work(session):
                    yield session
                    raise _TakenBack
            except _TakenBack:
                pass

    # -- keeping -------------------------------------------------------------------------------

    def story(self) -> Scenario:
        """What was done, as a scenario that expects nothing."""
        start = self.start or {"process": self.key}
        return Scenario(UNNAMED, self.given, start, list(self.steps), {})

    def ending(self) -> Scenario:
        """What was done, as a scenario to keep: it is given what it needs, and expects what is so now."""
        story = self.story()
        return replace(story, given=self._needed(story.start), expect=expected(self.run))

    def _needed(self, start: Mapping[str, Any]) -> dict[str, Any]:
        """What is given, without the parts that nobody has asked for."""
        if self.key not in (MAINTENANCE, PARTS) or not self.given.get("parts"):
            return self.given
        told = json.dumps([start, self.steps])
        parts = [part for part in self.given["parts"] if json.dumps(str(part.get("number"))) in told]
        others = {name: value for name, value in self.given.items() if name != "parts"}
        return {**others, "parts": parts} if parts else others


class _TakenBack(Exception):
    """Ends a unit of work without keeping anything of it."""


def _forget(path: str, files: list[Any]) -> list[int]:
    """Files that are sent to a dry run are looked at by nobody and kept nowhere."""
    return []


def expected(run: Run) -> dict[str, Any]:
    """What a scenario expects that is to end as a run stands now."""
    with run.world.sessions() as session:
        instance = run.instance(session)
        found: dict[str, Any] = {"state": str(instance.state)}
        if status := status_of(run.engine, session, instance):
            found["status"] = status
        own = [task for task in run.open_tasks(session) if task.business_key == run.business_key]
        found["open"] = sorted(task.name for task in own)
        if may := {task.name: run.world.who_may(task) for task in reversed(own)}:
            found["may"] = may
        if told := {run.world.name_of(user_id) for user_id in session.scalars(select(Notification.user_id))}:
            found["notified"] = sorted(told)
        if instance.key == MAINTENANCE and (parts := statuses_of(run.engine, session, PARTS)):
            found["related"] = {PARTS: ", ".join(parts)}
        if instance.key in (MAINTENANCE, PARTS) and (stock := _stock_asked_for(session)):
            found["stock"] = stock
    return found


def _stock_asked_for(session: Session) -> dict[str, int]:
    """The stock of the parts that some request is about, by number."""
    asked = select(SparePartsRequestLine.spare_part_id)
    query = select(SparePart.part_number, SparePart.id).where(SparePart.id.in_(asked))
    return {
        number: session.get_one(SparePart, part_id).quantity
        for number, part_id in session.execute(query.order_by(SparePart.part_number))
    }


def _refusal(number: int, name: str, error: Exception) -> Refusal:
    match error:
        case FormRefused():
            return Refusal(number, name, str(error), "INVALID", error.errors)
        case BusinessError():
            errors = {error.field: [error.message]} if error.field else {}
            return Refusal(number, name, error.message, error.code, errors)
        case Forbidden():
            return Refusal(number, name, str(error), "FORBIDDEN")
        case Conflict():
            return Refusal(number, name, str(error), "CONFLICT")
    return Refusal(number, name, failure(error), "BAD_STEP")
