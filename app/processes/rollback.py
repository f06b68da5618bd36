"""Going back to an earlier version of a process: its files, deployed anew.

An earlier version may no longer be fit: a service that it calls may be gone, a rule of the checks may
be newer than it. So it is looked at like any other set of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.domain.people import Role
from app.engine import deployments
from app.engine.actors import Actor
from app.engine.check import Problem
from app.engine.core import ProcessEngine
from app.engine.models import Deployment
from app.errors import BusinessError, Conflict, Forbidden
from app.processes.publishing import make_newest, problems_of
from app.processes.scenarios import Trial, try_out


@dataclass(frozen=True, slots=True)
class Verdict:
    """What speaks for and against the files of a version today; ``trial`` is None before they are tried."""

    files: Mapping[str, bytes]
    problems: list[Problem]
    trial: Trial | None = None

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.is_error]


def examine(
    engine: ProcessEngine, session: Session, key: str, version: int, *, scenarios: bool = False
) -> Verdict:
    """Check the files of a version as they would be checked today, and run their scenarios if wanted.

    That may take seconds: call it before the transaction. Raises :class:`NotFound`, and
    :class:`Conflict` where too many people run scenarios at this moment.
    """
    files = deployments.files_of(session, deployments.get_version(session, key, version).id)
    verdict = Verdict(files, problems_of(engine, session, key, files))
    if verdict.errors or not scenarios:
        return verdict
    session.rollback()  # nobody shall wait for this while scenarios run
    return Verdict(files, verdict.problems, try_out(engine, files))


def roll_back(
    engine: ProcessEngine,
    session: Session,
    key: str,
    version: int,
    verdict: Verdict,
    *,
    by: Actor,
    note: str,
    override: bool = False,
) -> Deployment:
    """Deploy the files of an earlier version as the newest one. What runs keeps its version.

    ``verdict`` is that of :func:`examine`, with scenarios; an administrator may ``override`` scenarios
    that fail, which is logged. Raises :class:`Conflict` where the newest version has these files
    already, :class:`Forbidden`, and one of ``FILE_ERRORS`` of :mod:`app.engine.definitions`.

    :raises BusinessError: PROCESS_PROBLEMS, SCENARIOS_FAILED
    """
    if override and by.role != Role.ADMIN:
        raise Forbidden("Only an administrator deploys files whose scenarios fail.")
    if verdict.errors:
        message = f"Version {version} cannot be deployed any more: {len(verdict.errors)} errors."
        raise BusinessError("PROCESS_PROBLEMS", message)
    passed = verdict.trial is not None and verdict.trial.passed
    if not passed and not override:
        raise BusinessError("SCENARIOS_FAILED", f"Scenarios of version {version} fail today.")
    failed = [] if passed or verdict.trial is None else [result.name for result in verdict.trial.failed]
    made, is_new = make_newest(
        engine, session, verdict.files, by=by, note=note, failed=failed, files_of=version
    )
    if not is_new:
        raise Conflict(f"Version {made.version}, the newest one, has the files of version {version} already.")
    return made
