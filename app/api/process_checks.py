"""Looking at files that somebody wants to deploy: checks and scenarios, before any transaction."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from app.api.core import calls
from app.api.core.problems import ApiError
from app.api.process_schemas import CheckIn, CheckOut, DeployIn, ProblemOut, ScenarioOut
from app.engine import deployments
from app.engine.check import Problem, check_files, messages_of
from app.engine.definitions import FILE_ERRORS, compile_files
from app.errors import BusinessError
from app.processes.scenarios import ScenarioError, ScenarioResult, read_scenarios, run_scenarios

SCENARIOS = "scenarios.yaml"
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}")


@dataclass(frozen=True)
class Examined:
    """What was found: ``key`` is that of the diagram, where it can be read."""

    files: dict[str, bytes]
    key: str | None
    problems: list[Problem]
    scenarios: list[ScenarioResult] = field(default_factory=list)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.is_error]

    @property
    def failed(self) -> list[ScenarioResult]:
        return [result for result in self.scenarios if not result.passed]

    @property
    def out(self) -> CheckOut:
        return CheckOut(
            deployable=not self.errors and not self.failed,
            errors=len(self.errors),
            warnings=len(self.problems) - len(self.errors),
            problems=[ProblemOut(**problem.as_dict()) for problem in self.problems],
            scenarios=[
                ScenarioOut(name=r.name, passed=r.passed, failures=r.failures, seconds=round(r.seconds, 3))
                for r in self.scenarios
            ],
        )


def examine_check(body: CheckIn) -> Examined:
    """What the checks say, and the scenarios if they are asked for."""
    return _examined(body.files, scenarios=body.run_scenarios)


def examine_deploy(body: DeployIn) -> Examined:
    """What the checks say, and the scenarios where there are any."""
    return _examined(body.files, scenarios=True)


def _examined(texts: dict[str, str], *, scenarios: bool) -> Examined:
    files = _as_bytes(texts)
    engine, session = calls.engine(), calls.session()
    try:
        key = compile_files(files).key
    except FILE_ERRORS:
        key = None
    known = {
        name
        for deployment in deployments.latest_of_all(session)
        if deployment.key != key
        for name in messages_of(deployments.files_of(session, deployment.id)).names
    }
    found = Examined(files, key, check_files(engine, files, known_messages=known))
    if found.errors or not scenarios or SCENARIOS not in files:
        return found
    session.rollback()  # nobody shall wait for this while scenarios run
    try:
        results = run_scenarios(engine, files, read_scenarios(files[SCENARIOS]))
    except ScenarioError as error:
        results = [ScenarioResult(SCENARIOS, failures=[str(error)])]
    return Examined(files, key, found.problems, results)


def _as_bytes(texts: dict[str, str]) -> dict[str, bytes]:
    for name in texts:
        if not FILE_NAME.fullmatch(name):
            message = "File names are letters, digits, dots, dashes and underscores, 100 at most."
            raise BusinessError("BAD_FILE_NAME", message, field=f"files.{name[:100]}")
    return {name: text.encode() for name, text in texts.items()}


def refuse(examined: Examined, key: str, *, override: bool) -> list[str]:
    """Refuse files that cannot be deployed; answers the scenarios whose failure was overridden.

    :raises BusinessError: WRONG_PROCESS (field ``files``)
    :raises ApiError: 422, PROCESS_PROBLEMS with all of them by file, or SCENARIOS_FAILED by scenario
    """
    if examined.key is not None and examined.key != key:
        message = f"The diagram is that of the process {examined.key}, not of {key}."
        raise BusinessError("WRONG_PROCESS", message, field="files")
    if examined.errors:
        errors: dict[str, list[str]] = {}
        for problem in examined.errors:
            line = f"line {problem.line}: " if problem.line else ""
            told = f"{line}{problem.message} {problem.hint}".strip()
            errors.setdefault(f"files.{problem.file}" if problem.file else "files", []).append(told)
        detail = f"These files cannot be deployed: {len(examined.errors)} errors."
        raise ApiError(422, "PROCESS_PROBLEMS", detail, errors)
    if examined.failed and not override:
        failures = {f"scenarios.{result.name}": result.failures for result in examined.failed}
        detail = f"{len(examined.failed)} of {len(examined.scenarios)} scenarios fail."
        raise ApiError(422, "SCENARIOS_FAILED", detail, failures)
    return [result.name for result in examined.failed]
