"""Looking at files that somebody wants to deploy, and saying what is wrong with them."""

from __future__ import annotations

from flask import request

from app.api.core import calls
from app.api.core.problems import ApiError
from app.api.process_schemas import CheckIn, CheckOut, DeployIn, ProblemOut, ScenarioOut
from app.engine import drafts
from app.processes import publishing
from app.processes.publishing import Assessment, NotDeployable


def examine_check(body: CheckIn) -> Assessment:
    """What the checks say, and the scenarios if they are asked for."""
    if body.run_scenarios:
        return _assessed(body.files)
    files = _as_bytes(body.files)
    return Assessment(_key(), files, publishing.problems_of(calls.engine(), calls.session(), _key(), files))


def examine_deploy(body: DeployIn) -> Assessment:
    """What the checks say, and the scenarios where there are any."""
    return _assessed(body.files)


def _assessed(texts: dict[str, str]) -> Assessment:
    return publishing.assess(calls.engine(), calls.session(), _key(), _as_bytes(texts))


def _key() -> str:
    """The process in the address."""
    return str((request.view_args or {})["key"])


def _as_bytes(texts: dict[str, str]) -> dict[str, bytes]:
    drafts.check_files(texts)
    return drafts.as_bytes(texts)


def check_out(assessment: Assessment) -> CheckOut:
    """What was found, as an answer."""
    results = assessment.trial.results if assessment.trial is not None else []
    return CheckOut(
        deployable=not assessment.errors and not assessment.failed,
        errors=len(assessment.errors),
        warnings=len(assessment.problems) - len(assessment.errors),
        problems=[ProblemOut(**problem.as_dict()) for problem in assessment.problems],
        scenarios=[
            ScenarioOut(name=r.name, passed=r.passed, failures=r.failures, seconds=round(r.seconds, 3))
            for r in results
        ],
    )


def refused(refusal: NotDeployable) -> ApiError:
    """All that speaks against files, by file or by scenario."""
    errors: dict[str, list[str]] = {}
    for problem in refusal.assessment.errors:
        line = f"line {problem.line}: " if problem.line else ""
        told = f"{line}{problem.message} {problem.hint}".strip()
        errors.setdefault(f"files.{problem.file}" if problem.file else "files", []).append(told)
    if errors:
        return ApiError(422, "PROCESS_PROBLEMS", str(refusal), errors)
    failures = {f"scenarios.{result.name}": result.failures for result in refusal.assessment.failed}
    return ApiError(422, "SCENARIOS_FAILED", str(refusal), failures)
