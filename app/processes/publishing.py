"""Making files the newest version of a process: what they must hold first, and what is written down.

Looking takes seconds and writes nothing, so that it is done before the transaction that deploys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.domain import activity
from app.domain.entities import EntityType
from app.domain.people import Role
from app.engine import deployments, diagram
from app.engine.actors import Actor
from app.engine.check import Problem, check_files, messages_of
from app.engine.check.problems import Place, error
from app.engine.core import ProcessEngine
from app.engine.models import Deployment
from app.engine.xml import XmlError
from app.engine.xml import parse as parse_xml
from app.errors import Forbidden, MillwrightError
from app.processes import shipped
from app.processes.scenarios import ScenarioResult, Trial, try_out


@dataclass(frozen=True, slots=True)
class Assessment:
    """What speaks against files: problems found by the checks, and, without errors, how their scenarios
    went (None where they have not been run)."""

    key: str
    files: dict[str, bytes]
    problems: list[Problem]
    trial: Trial | None = None

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.is_error]

    @property
    def failed(self) -> list[ScenarioResult]:
        return self.trial.failed if self.trial is not None else []


class NotDeployable(MillwrightError):
    """Files are refused: ``assessment`` has all that speaks against them."""

    def __init__(self, message: str, assessment: Assessment) -> None:
        super().__init__(message)
        self.assessment = assessment


def problems_of(
    engine: ProcessEngine, session: Session, key: str, files: Mapping[str, bytes]
) -> list[Problem]:
    """What is wrong with files that are to be the process ``key``, beside the others that are deployed."""
    known = {
        name
        for deployment in deployments.latest_of_all(session)
        if deployment.key != key
        for name in messages_of(deployments.files_of(session, deployment.id)).names
    }
    return [*_wrong_process(key, files), *check_files(engine, files, known_messages=known)]


def _wrong_process(key: str, files: Mapping[str, bytes]) -> list[Problem]:
    """The diagram's process bears the key: by it messages, pages and records know the process."""
    for name in sorted(files):
        if name.endswith(".bpmn"):
            try:
                drawn = diagram.read(parse_xml(files[name]))
            except XmlError:
                continue  # the checks say so
            if drawn is not None and drawn.key and drawn.key != key:
                message = f"The process in the diagram has the id {drawn.key}, but this is {key}."
                hint = f"Set the id of the process to {key}, or draft it under the key {drawn.key}."
                return [error(Place(name, drawn.key, drawn.name), "wrong-process", message, hint)]
    return []


def assess(engine: ProcessEngine, session: Session, key: str, files: Mapping[str, bytes]) -> Assessment:
    """Check files and, where they have no errors, run their scenarios. Ends the session's transaction:
    nobody shall wait for a lock while scenarios run.

    Raises :class:`Conflict` where too many people try something at this moment.
    """
    found = Assessment(key, dict(files), problems_of(engine, session, key, files))
    session.rollback()
    if found.errors:
        return found
    return Assessment(key, found.files, found.problems, try_out(engine, files))


def publish(
    engine: ProcessEngine,
    session: Session,
    assessment: Assessment,
    *,
    by: Actor,
    note: str = "",
    override_scenarios: bool = False,
) -> Deployment:
    """Make assessed files the newest version of their process, and write that down in the activity log.

    The same files again change nothing. An administrator may deploy although scenarios fail; the
    log names those.

    :raises NotDeployable: the checks have found errors, or a scenario fails
    :raises Forbidden: somebody else wants to deploy although scenarios fail
    """
    if assessment.errors:
        many = f"{len(assessment.errors)} errors" if len(assessment.errors) > 1 else "an error"
        raise NotDeployable(f"These files cannot be deployed: the checks have found {many}.", assessment)
    failed = [result.name for result in assessment.failed]
    if override_scenarios and by.role != Role.ADMIN:
        raise Forbidden("Only an administrator deploys files whose scenarios fail.")
    if failed and not override_scenarios:
        total = len(assessment.trial.results) if assessment.trial is not None else len(failed)
        message = f"These files are not deployed: {len(failed)} of {total} scenarios fail."
        raise NotDeployable(message, assessment)
    made, _ = make_newest(engine, session, assessment.files, by=by, note=note, failed=failed)
    return made


def make_newest(
    engine: ProcessEngine,
    session: Session,
    files: Mapping[str, bytes],
    *,
    by: Actor,
    note: str = "",
    failed: Sequence[str] = (),
    files_of: int | None = None,
) -> tuple[Deployment, bool]:
    """Deploy files that have been looked at, and write that down in the activity log.

    The log names the scenarios that ``failed`` and the earlier version that these are the ``files_of``.
    Answers the newest version and whether it is a new one: the same files again change nothing.
    """
    made, before = deployments.replace_newest(engine, session, files, by=by, note=note.strip())
    if before is made:
        return made, False
    shipped.mark(made)
    told: dict[str, Any] = {"key": made.key, "version": made.version, "note": made.note}
    if files_of is not None:
        told["filesOf"] = files_of
    if failed:
        told["failedScenarios"] = list(failed)
    activity.record(
        session,
        "DEPLOY_PROCESS",
        EntityType.PROCESS,
        made.id,
        by.user_id,
        before=None if before is None else {"version": before.version},
        after=told,
    )
    return made, True
