"""Deployments: immutable versions of a process's files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.engine.actors import Actor
from app.engine.definitions import UNCOMMITTED, Definition, compile_files, digest
from app.engine.models import Deployment, DeploymentFile
from app.engine.specs import DefinitionError
from app.errors import Conflict, NotFound

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

# How often a version number that somebody else has just taken is chosen anew.
ATTEMPTS = 5


def deploy(
    engine: ProcessEngine, session: Session, files: Mapping[str, bytes], *, by: Actor, note: str = ""
) -> Deployment:
    """Make a new version of a process from its files; the same files again change nothing.

    Raises one of ``app.engine.definitions.FILE_ERRORS`` for files that cannot be run, :class:`NotFound`
    for a process that is tied to no records, and :class:`Conflict` where many deploy it at the same moment.
    Running instances keep their version.
    """
    return replace_newest(engine, session, files, by=by, note=note)[0]


def replace_newest(
    engine: ProcessEngine, session: Session, files: Mapping[str, bytes], *, by: Actor, note: str = ""
) -> tuple[Deployment, Deployment | None]:
    """Like :func:`deploy`; answers the newest version, and the one that was it before.

    They are the same one where the files were the newest already, also where somebody else has deployed
    them at the same moment.
    """
    compiled = compile_files(files)
    engine.binding(compiled.key, compiled.outline)
    if problem := engine.key_problem(compiled.key):
        raise DefinitionError(problem)
    for _ in range(ATTEMPTS):
        newest = latest(session, compiled.key)
        if newest is not None and newest.digest == digest(files):
            return newest, newest
        deployment = _deployment(compiled, files, newest, by, note)
        try:
            with session.begin_nested():
                session.add(deployment)
        except IntegrityError:
            continue  # somebody else has just deployed that version
        session.info.setdefault(UNCOMMITTED, set()).add(deployment.id)
        return deployment, newest
    raise Conflict(f"{compiled.name} is being deployed by others at the same moment. Try again.")


def _deployment(
    compiled: Definition, files: Mapping[str, bytes], newest: Deployment | None, by: Actor, note: str
) -> Deployment:
    start = next((s for s in compiled.diagram.starts if s.event is None), None)
    return Deployment(
        key=compiled.key,
        version=1 if newest is None else newest.version + 1,
        name=compiled.name[:255],
        digest=digest(files),
        note=note[:500],
        start_roles=",".join(start.candidate_roles) if start else "",
        start_messages=",".join(compiled.diagram.start_messages),
        deployed_by=by.user_id,
        deployed_by_name=by.name,
        files=[DeploymentFile(name=name, content=content) for name, content in sorted(files.items())],
    )


def latest(session: Session, key: str) -> Deployment | None:
    """The newest version of a process."""
    return session.scalar(
        select(Deployment).where(Deployment.key == key).order_by(Deployment.version.desc()).limit(1)
    )


def get_version(session: Session, key: str, version: int) -> Deployment:
    """A version of a process by its number. Raises :class:`NotFound`."""
    found = session.scalar(select(Deployment).where(Deployment.key == key, Deployment.version == version))
    if found is None:
        raise NotFound(f"There is no version {version} of a process named {key}.")
    return found


def files_of(session: Session, deployment_id: int) -> dict[str, bytes]:
    """The files of a deployment by name, as they were uploaded."""
    query = select(DeploymentFile.name, DeploymentFile.content).where(
        DeploymentFile.deployment_id == deployment_id
    )
    return {row.name: row.content for row in session.execute(query.order_by(DeploymentFile.name))}


def form_schema(session: Session, deployment_id: int, form_id: str) -> dict[str, Any] | None:
    """A form's file as JSON, as it was uploaded; None where the version has no such form."""
    wanted = f"{form_id}.form"
    query = select(DeploymentFile.name, DeploymentFile.content).where(
        DeploymentFile.deployment_id == deployment_id, DeploymentFile.name.endswith(wanted, autoescape=True)
    )
    found = (row.content for row in session.execute(query) if PurePosixPath(row.name).name == wanted)
    content = next(found, None)
    schema: dict[str, Any] | None = None if content is None else json.loads(content)
    return schema


def latest_of_all(session: Session) -> list[Deployment]:
    """The newest version of every process, by key."""
    newest = (
        select(Deployment.key, func.max(Deployment.version).label("version"))
        .group_by(Deployment.key)
        .subquery()
    )
    query = select(Deployment).join(
        newest, (Deployment.key == newest.c.key) & (Deployment.version == newest.c.version)
    )
    return list(session.scalars(query.order_by(Deployment.key)))


def newest_definition(engine: ProcessEngine, session: Session, key: str) -> Definition:
    """The newest version of a process, compiled. Raises :class:`NotFound` where there is none."""
    deployment = latest(session, key)
    if deployment is None:
        raise NotFound(f"No process named {key} is deployed.")
    return engine.definition(session, deployment.id)
