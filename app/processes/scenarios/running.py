"""Runs scenarios and tells how each went."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from app.engine import history
from app.engine.core import ProcessEngine
from app.engine.models import ProcessInstance
from app.engine.scenario_files import FILE, Scenario, ScenarioError, read_scenarios
from app.errors import BusinessError, MillwrightError
from app.processes import shipped
from app.processes.scenarios.allowance import Allowance
from app.processes.scenarios.expecting import Expectations, perform
from app.processes.scenarios.stepping import Run, private_engine, title
from app.processes.scenarios.world import new_world

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
    try:
        with new_world(scenario.given) as world:
            run = Run(private_engine(engine, allowance), world, allowance)
            under_test = run.deploy(files)
            result.failures += tell(run, scenario)
            _note_coverage(run, under_test.key, result)
    except Exception as error:
        result.failures.append(failure(error, scenario.name))
    result.seconds = time.perf_counter() - began
    return result


def tell(run: Run, scenario: Scenario) -> list[str]:
    """Start a scenario with what is deployed, and go through its steps, up to the first that fails;
    answers what was not as it should be."""
    run.start(scenario.start)
    for number, step in enumerate(scenario.steps, 1):
        try:
            run.allowance.require()
            unmet = perform(run, step)
        except Exception as error:
            unmet = [failure(error, scenario.name)]
        if unmet:
            return [f"Step {number} ({title(step)}): {each}" for each in unmet]
    return Expectations(run).unmet(scenario.expect)


def failure(error: Exception, name: str = "") -> str:
    """Why a scenario, or a step of it, does not work. They are written by people: whatever they hold
    must not end in a fault of the program."""
    if isinstance(error, BusinessError):
        at = f" at {error.field}" if error.field else ""
        return f"{error.message} ({error.code}{at})"
    if isinstance(error, MillwrightError):
        return str(error)
    log.info("scenario %r could not be run", name, exc_info=error)
    first = next(iter(str(error).splitlines()), type(error).__name__)
    return f"It cannot be understood: {first[:200]}."


def _note_coverage(run: Run, key: str, result: ScenarioResult) -> None:
    with run.world.sessions() as session:
        for instance_id in session.scalars(select(ProcessInstance.id).where(ProcessInstance.key == key)):
            elements, flows = history.reached(session, instance_id)
            result.elements |= elements
            result.flows |= flows
