"""Tries a process's files by the scenarios among them, for pages and the API: whatever the files hold,
the answer comes in bounded time, and nothing of the site is touched."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.engine.core import ProcessEngine
from app.engine.definitions import FILE_ERRORS, Definition, compile_files
from app.engine.diagram import Diagram
from app.engine.scenario_files import FILE, Scenario, ScenarioError, read_scenarios
from app.processes.scenarios.allowance import Allowance
from app.processes.scenarios.running import ScenarioResult, run_scenarios
from app.processes.scenarios.turns import turn

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The ids of the elements and sequence flows of a diagram that scenarios come to, and of the others."""

    elements: list[str]
    flows: list[str]
    missed_elements: list[str]
    missed_flows: list[str]


@dataclass(frozen=True, slots=True)
class Trial:
    """How the scenarios of a process went.

    ``problem`` says why none could be run, and ``line`` where in the scenario file; ``coverage`` is
    None then. A process without a scenario file has no results, and no problem.
    """

    results: list[ScenarioResult]
    coverage: Coverage | None
    problem: str
    line: int | None
    seconds: float

    @property
    def failed(self) -> list[ScenarioResult]:
        return [result for result in self.results if not result.passed]

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against the files: all scenarios could be run and have passed."""
        return not self.problem and not self.failed


def try_out(engine: ProcessEngine, files: Mapping[str, bytes], allowance: Allowance | None = None) -> Trial:
    """Run the scenarios among the files of a process, and see what of its diagram they come to.

    Raises :class:`app.errors.Conflict` only: too many people try something at this moment.
    """
    with turn():
        return _try_out(engine, files, allowance or Allowance())


def _try_out(engine: ProcessEngine, files: Mapping[str, bytes], allowance: Allowance) -> Trial:
    began = time.perf_counter()
    try:
        scenarios = _scenarios(files)
        definition = _compiled(files)
    except ScenarioError as error:
        return Trial([], None, str(error), error.line, time.perf_counter() - began)
    results = run_scenarios(engine, files, scenarios, allowance)
    covered = coverage(definition.diagram, results)
    return Trial(results, covered, "", None, time.perf_counter() - began)


def _scenarios(files: Mapping[str, bytes]) -> list[Scenario]:
    content = files.get(FILE)
    return [] if content is None or not content.strip() else read_scenarios(content)


def _compiled(files: Mapping[str, bytes]) -> Definition:
    try:
        return compile_files(files)
    except FILE_ERRORS as error:
        raise ScenarioError(f"These files cannot be run: {error}") from error
    except Exception as error:
        log.exception("the files could not be compiled")
        raise ScenarioError("These files cannot be run: correct what the checks say first.") from error


def coverage(diagram: Diagram, results: Iterable[ScenarioResult]) -> Coverage:
    """What of a diagram some scenario has come to, and what none has, in the diagram's order."""
    elements: set[str] = set()
    flows: set[str] = set()
    for result in results:
        elements |= result.elements
        flows |= result.flows
    return Coverage(
        elements=[name for name in diagram.elements if name in elements],
        flows=[name for name in diagram.flows if name in flows],
        missed_elements=[name for name in diagram.elements if name not in elements],
        missed_flows=[name for name in diagram.flows if name not in flows],
    )
